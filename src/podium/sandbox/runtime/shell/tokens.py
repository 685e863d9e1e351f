"""Tokens of the shell's grammar: operators, words, here-documents."""

import re
from dataclasses import dataclass

from podium.sandbox.runtime.shell.syntax import Literal, Redirect, Word
from podium.sandbox.runtime.shell.words import (
    IncompleteError,
    ParseNested,
    ShellSyntaxError,
    WordReader,
    literal_text,
    plain_text,
)

OPERATORS = (
    "<<<",
    "<<-",
    "&>>",
    "&&",
    "||",
    ";;",
    "<<",
    ">>",
    "<&",
    ">&",
    "<>",
    ">|",
    "&>",
    ";",
    "&",
    "|",
    "<",
    ">",
    "(",
    ")",
    "\n",
)
REDIRECTS = frozenset(("<", ">", ">>", "<<", "<<-", "<<<", "<&", ">&", "<>", ">|", "&>", "&>>"))
RESERVED = frozenset(
    ("if", "then", "elif", "else", "fi", "while", "until", "for", "do", "done", "case", "esac", "in", "{", "}", "!")
)
CLOSERS = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
END = ""


@dataclass(frozen=True, slots=True)
class Token:
    """An operator (its text), the end (""), or a word."""

    text: str
    word: Word | None
    number: int | None
    end: int


class TokenReader:
    """Read tokens and redirections from a text; `nested` parses what stands in $( )."""

    def __init__(self, text: str, at: int, nested: ParseNested) -> None:
        """Begin at this place."""
        self.text, self.at = text, at
        self._words = WordReader(text, nested)
        self._peeked: Token | None = None
        self._pending: list[tuple[Redirect, str, str, bool]] = []

    @property
    def waits_for_text(self) -> bool:
        """Tell whether a here-document's text is still to come."""
        return len(self._pending) > 0

    def peek(self) -> Token:
        """Return the next token and leave it."""
        if self._peeked is None:
            self._peeked = self._scan()
        return self._peeked

    def take(self) -> Token:
        """Return the next token and go past it."""
        token = self.peek()
        self._peeked = None
        self.at = token.end
        if token.word is None and token.text == "\n" and self._pending:
            self._read_here_documents()
        return token

    def _scan(self) -> Token:
        text, at = self.text, self.at
        while at < len(text):
            if text[at] in " \t":
                at += 1
            elif text.startswith("\\\n", at):
                at += 2
            elif text[at] == "#":
                while at < len(text) and text[at] != "\n":
                    at += 1
            else:
                break
        self.at = at
        if at >= len(text):
            return Token(END, None, None, at)
        number = re.compile(r"(\d+)(?=[<>])").match(text, at)
        start = number.end() if number is not None else at
        operator = next((one for one in OPERATORS if text.startswith(one, start)), None)
        if operator is not None:
            return Token(operator, None, int(number[1]) if number is not None else None, start + len(operator))
        word, end = self._words.read(at)
        return Token("word", word, None, end)

    def is_operator(self, text: str) -> bool:
        """Tell whether the next token is this operator."""
        token = self.peek()
        return token.word is None and token.text == text

    def is_word(self, text: str) -> bool:
        """Tell whether the next token is this unquoted word."""
        token = self.peek()
        return token.word is not None and plain_text(token.word) == text

    def expect(self, text: str) -> None:
        """Go past this operator or word. Raises ShellSyntaxError."""
        if not (self.is_operator(text) or self.is_word(text)):
            raise self.unexpected(self.peek(), text)
        self.take()

    def unexpected(self, token: Token, wanted: str | None = None) -> ShellSyntaxError:
        """Return the error for a token that does not belong here."""
        if token.word is None and token.text == END:
            return IncompleteError("end of file unexpected")
        shown = (
            {"\n": "newline"}.get(token.text, token.text)
            if token.word is None
            else self.text[self.at : token.end].strip()
        )
        more = "" if wanted is None else f' (expecting "{wanted}")'
        return ShellSyntaxError(f'"{shown}" unexpected{more}')

    def skip_newlines(self) -> None:
        """Go past line ends."""
        while self.is_operator("\n"):
            self.take()

    def redirects(self) -> tuple[Redirect, ...]:
        """Read the redirections that stand here."""
        found: list[Redirect] = []
        while (token := self.peek()).word is None and token.text in REDIRECTS:
            self.redirect(found)
        return tuple(found)

    def redirect(self, into: list[Redirect]) -> None:
        """Read one redirection into a list."""
        token = self.take()
        target = self.peek()
        if target.word is None:
            raise self.unexpected(target)
        self.take()
        number = token.number if token.number is not None else (0 if token.text.startswith("<") else 1)
        if token.text in ("<<", "<<-"):
            delimiter, quoted = literal_text(target.word)
            into.append(Redirect(number, "<<", ()))
            self._pending.append((into[-1], token.text, delimiter, quoted))
            return
        into.append(Redirect(number, token.text, target.word))

    def _read_here_documents(self) -> None:
        pending, self._pending = self._pending, []
        for redirect, operator, delimiter, quoted in pending:
            lines: list[str] = []
            while True:
                if self.at >= len(self.text):
                    raise IncompleteError("here-document")
                end = self.text.find("\n", self.at)
                line = self.text[self.at :] if end < 0 else self.text[self.at : end]
                self.at = len(self.text) if end < 0 else end + 1
                if operator == "<<-":
                    line = line.lstrip("\t")
                if line == delimiter:
                    break
                lines.append(line + "\n")
            body = "".join(lines)
            redirect.target = (Literal(body, quoted=True),) if quoted else self._words.read_here(body)

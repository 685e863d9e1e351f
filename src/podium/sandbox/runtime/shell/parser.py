"""Parse scripts, one complete command at a time."""

import re
from dataclasses import dataclass

from podium.sandbox.runtime.shell.syntax import (
    AndOr,
    Bare,
    Case,
    Command,
    Compound,
    For,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Statement,
    Subshell,
    Word,
)
from podium.sandbox.runtime.shell.words import IncompleteError, ShellSyntaxError, WordReader, literal_text, plain_text

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


class Parser:
    """Parse a text from a place on."""

    def __init__(self, text: str, at: int = 0) -> None:
        """Begin at this place."""
        self.text, self.at = text, at
        self._words = WordReader(text, parse_nested)
        self._peeked: Token | None = None
        self._pending: list[tuple[Redirect, str, str, bool]] = []

    def next_statement_list(self) -> Script | None:
        """Parse one line's worth of commands; None at the end. Raises ShellSyntaxError."""
        self._skip_newlines()
        if self._peek().text == END and self._peek().word is None:
            return None
        found: list[Statement] = []
        while True:
            found.append(self._statement())
            token = self._peek()
            if token.word is None and token.text in ("\n", END):
                if token.text == "\n":
                    self._take()
                elif self._pending:
                    raise IncompleteError("here-document")
                return Script(tuple(found))
            if token.word is None and token.text in (")", ";;"):
                raise self._unexpected(token)
            if token.word is not None and plain_text(token.word) in CLOSERS:
                raise self._unexpected(token)

    def script_until(self, *closers: str) -> Script:
        """Parse statements up to (not over) one of these words or operators."""
        found: list[Statement] = []
        while True:
            self._skip_newlines()
            token = self._peek()
            text = token.text if token.word is None else plain_text(token.word)
            if text in closers:
                return Script(tuple(found))
            if token.word is None and token.text == END:
                raise IncompleteError("end of file unexpected")
            if text in CLOSERS or (token.word is None and token.text in (")", ";;")):
                raise self._unexpected(token)
            found.append(self._statement())

    # tokens

    def _peek(self) -> Token:
        if self._peeked is None:
            self._peeked = self._scan()
        return self._peeked

    def _take(self) -> Token:
        token = self._peek()
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

    def _is(self, text: str) -> bool:
        token = self._peek()
        return token.word is None and token.text == text

    def _is_word(self, text: str) -> bool:
        token = self._peek()
        return token.word is not None and plain_text(token.word) == text

    def _expect(self, text: str) -> None:
        if not (self._is(text) or self._is_word(text)):
            raise self._unexpected(self._peek(), text)
        self._take()

    def _unexpected(self, token: Token, wanted: str | None = None) -> ShellSyntaxError:
        if token.word is None and token.text == END:
            return IncompleteError("end of file unexpected")
        shown = (
            {"\n": "newline"}.get(token.text, token.text)
            if token.word is None
            else self.text[self.at : token.end].strip()
        )
        more = "" if wanted is None else f' (expecting "{wanted}")'
        return ShellSyntaxError(f'"{shown}" unexpected{more}')

    def _skip_newlines(self) -> None:
        while self._is("\n"):
            self._take()

    # grammar

    def _statement(self) -> Statement:
        first = self._pipeline()
        rest: list[tuple[str, Pipeline]] = []
        while self._is("&&") or self._is("||"):
            operator = self._take().text
            self._skip_newlines()
            rest.append((operator, self._pipeline()))
        background = self._is("&")
        if background or self._is(";"):
            self._take()
        return Statement(AndOr(first, tuple(rest)), background)

    def _pipeline(self) -> Pipeline:
        negated = False
        while self._is_word("!"):
            self._take()
            negated = not negated
        commands = [self._command()]
        while self._is("|"):
            self._take()
            self._skip_newlines()
            commands.append(self._command())
        return Pipeline(tuple(commands), negated)

    def _command(self) -> Command:
        token = self._peek()
        if token.word is None:
            if token.text == "(":
                self._take()
                body = self.script_until(")")
                self._take()
                return Compound(Subshell(body), self._redirects())
            if token.text not in REDIRECTS:
                raise self._unexpected(token)
            return self._simple()
        match plain_text(token.word):
            case "if":
                return self._compound(self._if())
            case "while" | "until":
                return self._compound(self._loop())
            case "for":
                return self._compound(self._for())
            case "case":
                return self._compound(self._case())
            case "{":
                self._take()
                body = self.script_until("}")
                self._take()
                return self._compound(Group(body))
            case word if word in CLOSERS:
                raise self._unexpected(token)
            case "[[" | "select" | "function":
                raise ShellSyntaxError(f'"{plain_text(token.word)}" is not supported in the sandbox')
        return self._simple()

    def _compound(self, body: Bare) -> Compound:
        return Compound(body, self._redirects())

    def _if(self) -> If:
        branches: list[tuple[Script, Script]] = []
        while True:
            self._take()
            condition = self.script_until("then")
            self._take()
            branches.append((condition, self.script_until("elif", "else", "fi")))
            if not self._is_word("elif"):
                break
        otherwise = None
        if self._is_word("else"):
            self._take()
            otherwise = self.script_until("fi")
        self._expect("fi")
        return If(tuple(branches), otherwise)

    def _loop(self) -> Loop:
        until = self._is_word("until")
        self._take()
        condition = self.script_until("do")
        return Loop(condition, self._do_body(), until)

    def _do_body(self) -> Script:
        self._expect("do")
        body = self.script_until("done")
        self._expect("done")
        return body

    def _for(self) -> For:
        self._take()
        token = self._take()
        name = None if token.word is None else plain_text(token.word)
        if name is None:
            raise self._unexpected(token)
        self._skip_newlines()
        words: list[Word] | None = None
        if self._is_word("in"):
            self._take()
            words = []
            while (token := self._peek()).word is not None:
                words.append(token.word)
                self._take()
        if self._is(";"):
            self._take()
        self._skip_newlines()
        return For(name, None if words is None else tuple(words), self._do_body())

    def _case(self) -> Case:
        self._take()
        token = self._take()
        if token.word is None:
            raise self._unexpected(token)
        self._skip_newlines()
        self._expect("in")
        branches: list[tuple[tuple[Word, ...], Script]] = []
        self._skip_newlines()
        while not self._is_word("esac"):
            if self._is("("):
                self._take()
            patterns: list[Word] = []
            while True:
                found = self._take()
                if found.word is None:
                    raise self._unexpected(found)
                patterns.append(found.word)
                if not self._is("|"):
                    break
                self._take()
            self._expect(")")
            branches.append((tuple(patterns), self.script_until(";;", "esac")))
            if self._is(";;"):
                self._take()
            self._skip_newlines()
        self._take()
        return Case(token.word, tuple(branches))

    def _simple(self) -> Command:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        line = self.text.count("\n", 0, self.at) + 1
        while True:
            token = self._peek()
            if token.word is None:
                if token.text in REDIRECTS:
                    self._redirect(redirects)
                    continue
                if token.text == "(" and len(words) == 1 and not assignments and plain_text(words[0]) is not None:
                    return self._function(plain_text(words[0]) or "")
                if token.text == "(":
                    raise self._unexpected(token)
                return Simple(tuple(assignments), tuple(words), tuple(redirects), line)
            self._take()
            named = _assignment(token.word) if not words else None
            if named is not None:
                assignments.append(named)
            else:
                words.append(token.word)

    def _function(self, name: str) -> Function:
        self._take()
        self._expect(")")
        self._skip_newlines()
        return Function(name, self._command())

    def _redirects(self) -> tuple[Redirect, ...]:
        found: list[Redirect] = []
        while (token := self._peek()).word is None and token.text in REDIRECTS:
            self._redirect(found)
        return tuple(found)

    def _redirect(self, into: list[Redirect]) -> None:
        token = self._take()
        target = self._peek()
        if target.word is None:
            raise self._unexpected(target)
        self._take()
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


def _assignment(word: Word) -> tuple[str, Word] | None:
    if not word or not isinstance(word[0], Literal) or word[0].quoted:
        return None
    found = ASSIGNMENT.match(word[0].text)
    if found is None:
        return None
    rest = word[0].text[found.end() :]
    return found[1], (Literal(rest, quoted=False), *word[1:]) if rest != "" else word[1:]


def parse_nested(text: str, at: int) -> tuple[Script, int]:
    """Parse what stands in $( ) from a place on; returns it and the place after the closing parenthesis."""
    parser = Parser(text, at)
    script = parser.script_until(")")
    parser._expect(")")
    return script, parser.at


__all__ = ["RESERVED", "IncompleteError", "Parser", "ShellSyntaxError"]

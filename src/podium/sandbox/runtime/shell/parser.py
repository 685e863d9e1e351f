"""Parse scripts, one complete command at a time."""

import re

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
from podium.sandbox.runtime.shell.tokens import CLOSERS, END, REDIRECTS, RESERVED, TokenReader
from podium.sandbox.runtime.shell.words import IncompleteError, ShellSyntaxError, plain_text

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")


class Parser(TokenReader):
    """Parse a text from a place on."""

    def __init__(self, text: str, at: int = 0) -> None:
        """Begin at this place."""
        super().__init__(text, at, parse_nested)

    def next_statement_list(self) -> Script | None:
        """Parse one line's worth of commands; None at the end. Raises ShellSyntaxError."""
        self.skip_newlines()
        if self.peek().text == END and self.peek().word is None:
            return None
        found: list[Statement] = []
        while True:
            found.append(self._statement())
            token = self.peek()
            if token.word is None and token.text in ("\n", END):
                if token.text == "\n":
                    self.take()
                elif self.waits_for_text:
                    raise IncompleteError("here-document")
                return Script(tuple(found))
            if token.word is None and token.text in (")", ";;"):
                raise self.unexpected(token)
            if token.word is not None and plain_text(token.word) in CLOSERS:
                raise self.unexpected(token)

    def script_until(self, *closers: str) -> Script:
        """Parse statements up to (not over) one of these words or operators."""
        found: list[Statement] = []
        while True:
            self.skip_newlines()
            token = self.peek()
            text = token.text if token.word is None else plain_text(token.word)
            if text in closers:
                return Script(tuple(found))
            if token.word is None and token.text == END:
                raise IncompleteError("end of file unexpected")
            if text in CLOSERS or (token.word is None and token.text in (")", ";;")):
                raise self.unexpected(token)
            found.append(self._statement())

    # grammar

    def _statement(self) -> Statement:
        first = self._pipeline()
        rest: list[tuple[str, Pipeline]] = []
        while self.is_operator("&&") or self.is_operator("||"):
            operator = self.take().text
            self.skip_newlines()
            rest.append((operator, self._pipeline()))
        background = self.is_operator("&")
        if background or self.is_operator(";"):
            self.take()
        return Statement(AndOr(first, tuple(rest)), background)

    def _pipeline(self) -> Pipeline:
        negated = False
        while self.is_word("!"):
            self.take()
            negated = not negated
        commands = [self._command()]
        while self.is_operator("|"):
            self.take()
            self.skip_newlines()
            commands.append(self._command())
        return Pipeline(tuple(commands), negated)

    def _command(self) -> Command:  # noqa: C901 - one branch a keyword
        token = self.peek()
        if token.word is None:
            if token.text == "(":
                self.take()
                body = self.script_until(")")
                self.take()
                return Compound(Subshell(body), self.redirects())
            if token.text not in REDIRECTS:
                raise self.unexpected(token)
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
                self.take()
                body = self.script_until("}")
                self.take()
                return self._compound(Group(body))
            case word if word in CLOSERS:
                raise self.unexpected(token)
            case "[[" | "select" | "function":
                raise ShellSyntaxError(f'"{plain_text(token.word)}" is not supported in the sandbox')
        return self._simple()

    def _compound(self, body: Bare) -> Compound:
        return Compound(body, self.redirects())

    def _if(self) -> If:
        branches: list[tuple[Script, Script]] = []
        while True:
            self.take()
            condition = self.script_until("then")
            self.take()
            branches.append((condition, self.script_until("elif", "else", "fi")))
            if not self.is_word("elif"):
                break
        otherwise = None
        if self.is_word("else"):
            self.take()
            otherwise = self.script_until("fi")
        self.expect("fi")
        return If(tuple(branches), otherwise)

    def _loop(self) -> Loop:
        until = self.is_word("until")
        self.take()
        condition = self.script_until("do")
        return Loop(condition, self._do_body(), until)

    def _do_body(self) -> Script:
        self.expect("do")
        body = self.script_until("done")
        self.expect("done")
        return body

    def _for(self) -> For:
        self.take()
        token = self.take()
        name = None if token.word is None else plain_text(token.word)
        if name is None:
            raise self.unexpected(token)
        self.skip_newlines()
        words: list[Word] | None = None
        if self.is_word("in"):
            self.take()
            words = []
            while (token := self.peek()).word is not None:
                words.append(token.word)
                self.take()
        if self.is_operator(";"):
            self.take()
        self.skip_newlines()
        return For(name, None if words is None else tuple(words), self._do_body())

    def _case(self) -> Case:
        self.take()
        token = self.take()
        if token.word is None:
            raise self.unexpected(token)
        self.skip_newlines()
        self.expect("in")
        branches: list[tuple[tuple[Word, ...], Script]] = []
        self.skip_newlines()
        while not self.is_word("esac"):
            if self.is_operator("("):
                self.take()
            patterns: list[Word] = []
            while True:
                found = self.take()
                if found.word is None:
                    raise self.unexpected(found)
                patterns.append(found.word)
                if not self.is_operator("|"):
                    break
                self.take()
            self.expect(")")
            branches.append((tuple(patterns), self.script_until(";;", "esac")))
            if self.is_operator(";;"):
                self.take()
            self.skip_newlines()
        self.take()
        return Case(token.word, tuple(branches))

    def _simple(self) -> Command:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        line = self.text.count("\n", 0, self.at) + 1
        while True:
            token = self.peek()
            if token.word is None:
                if token.text in REDIRECTS:
                    self.redirect(redirects)
                    continue
                if token.text == "(" and len(words) == 1 and not assignments and plain_text(words[0]) is not None:
                    return self._function(plain_text(words[0]) or "")
                if token.text == "(":
                    raise self.unexpected(token)
                return Simple(tuple(assignments), tuple(words), tuple(redirects), line)
            self.take()
            named = _assignment(token.word) if not words else None
            if named is not None:
                assignments.append(named)
            else:
                words.append(token.word)

    def _function(self, name: str) -> Function:
        self.take()
        self.expect(")")
        self.skip_newlines()
        return Function(name, self._command())


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
    parser.expect(")")
    return script, parser.at


__all__ = ["RESERVED", "IncompleteError", "Parser", "ShellSyntaxError"]

"""Read words: quotes, escapes, expansions."""

import re
from collections.abc import Callable

from podium.sandbox.runtime.shell.syntax import Arithmetic, Literal, Parameter, Part, Script, Substitution, Word

META = frozenset(" \t\n;&|<>()")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SPECIAL = frozenset("@*#?-$!")
OPERATORS = (":-", ":=", ":?", ":+", "%%", "##", "-", "=", "?", "+", "%", "#")


class ShellSyntaxError(Exception):
    """The script cannot be parsed."""


class IncompleteError(ShellSyntaxError):
    """The script ends too early: more text may complete it."""


ParseNested = Callable[[str, int], tuple[Script, int]]


class WordReader:
    """Read one word at a time from a text; `nested` parses what stands in $( )."""

    def __init__(self, text: str, nested: ParseNested) -> None:
        """Read from this text."""
        self.text, self.nested, self.at = text, nested, 0

    def read(self, at: int) -> tuple[Word, int]:
        """Return the word at a place and where it ends. Raises ShellSyntaxError."""
        self.at = at
        parts = self._parts(lambda char: char in META, quoted=False)
        return tuple(parts), self.at

    def read_here(self, body: str) -> Word:
        """Return a here-document's text as a word: expansions, but no quotes."""
        reader = WordReader(body, self.nested)
        return tuple(reader._inside_quotes(lambda: reader.at >= len(body)))

    def _char(self) -> str:
        if self.at >= len(self.text):
            raise IncompleteError("unterminated quoted string")
        return self.text[self.at]

    def _parts(self, ends: Callable[[str], bool], *, quoted: bool) -> list[Part]:
        parts: list[Part] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                parts.append(Literal("".join(plain), quoted=quoted))
                plain.clear()

        while self.at < len(self.text) and not ends(self.text[self.at]):
            char = self.text[self.at]
            if char in "'\"\\$`":
                flush()
                parts.extend(self._special(char))
            else:
                plain.append(char)
                self.at += 1
        flush()
        return parts

    def _special(self, char: str) -> list[Part]:
        match char:
            case "'":
                end = self.text.find("'", self.at + 1)
                if end < 0:
                    raise IncompleteError("Unterminated quoted string")
                part = Literal(self.text[self.at + 1 : end], quoted=True)
                self.at = end + 1
                return [part]
            case '"':
                self.at += 1
                parts = self._inside_quotes(lambda: self._char() == '"')
                self.at += 1
                return parts or [Literal("", quoted=True)]
            case "\\":
                self.at += 1
                if self.at >= len(self.text):
                    return [Literal("\\", quoted=True)]
                found = self.text[self.at]
                self.at += 1
                return [] if found == "\n" else [Literal(found, quoted=True)]
            case _:
                return [self._expansion(quoted=False)]

    def _inside_quotes(self, done: Callable[[], bool]) -> list[Part]:
        parts: list[Part] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                parts.append(Literal("".join(plain), quoted=True))
                plain.clear()

        while not done():
            char = self._char()
            if char == "\\":
                after = self.text[self.at + 1 : self.at + 2]
                if after == "\n":
                    self.at += 2
                elif after != "" and after in '$`"\\':
                    plain.append(after)
                    self.at += 2
                else:
                    plain.append("\\")
                    self.at += 1
            elif char in "$`":
                flush()
                parts.append(self._expansion(quoted=True))
            else:
                plain.append(char)
                self.at += 1
        flush()
        return parts

    def _expansion(self, *, quoted: bool) -> Part:
        if self.text[self.at] == "`":
            return self._backquotes(quoted=quoted)
        text, start = self.text, self.at
        after = text[start + 1 : start + 2]
        if text.startswith("((", start + 1):
            found = self._arithmetic(quoted=quoted)
            if found is not None:
                return found
        if after == "(":
            script, self.at = self.nested(text, start + 2)
            return Substitution(script, quoted)
        if after == "{":
            return self._braces(quoted=quoted)
        if after != "" and (after in SPECIAL or after.isdigit()):
            self.at += 2
            return Parameter(after, "", None, quoted)
        name = NAME.match(text, start + 1)
        if name is None:
            self.at += 1
            return Literal("$", quoted)
        self.at = name.end()
        return Parameter(name[0], "", None, quoted)

    def _arithmetic(self, *, quoted: bool) -> Part | None:
        depth, at = 0, self.at + 3
        while at < len(self.text):
            char = self.text[at]
            if char == "(":
                depth += 1
            elif char == ")":
                if depth == 0:
                    break
                depth -= 1
            at += 1
        if not self.text.startswith("))", at):
            if at >= len(self.text):
                raise IncompleteError("Missing '))'")
            return None
        inner = WordReader(self.text[self.at + 3 : at], self.nested)
        expression = tuple(inner._inside_quotes(lambda: inner.at >= len(inner.text)))
        self.at = at + 2
        return Arithmetic(expression, quoted)

    def _backquotes(self, *, quoted: bool) -> Part:
        at, inner = self.at + 1, []
        while True:
            if at >= len(self.text):
                raise IncompleteError("EOF in backquote substitution")
            char = self.text[at]
            if char == "`":
                break
            if char == "\\" and self.text[at + 1 : at + 2] in ("`", "\\", "$"):
                at += 1
                char = self.text[at]
            inner.append(char)
            at += 1
        self.at = at + 1
        script, _ = self.nested("".join(inner) + "\n)", 0)
        return Substitution(script, quoted)

    def _braces(self, *, quoted: bool) -> Part:
        self.at += 2
        length = self._char() == "#" and self.text[self.at + 1 : self.at + 2] not in ("}", "")
        if length:
            self.at += 1
        found = NAME.match(self.text, self.at) or re.compile(r"\d+|[@*#?$!-]").match(self.text, self.at)
        if found is None:
            raise ShellSyntaxError("Bad substitution")
        self.at = found.end()
        if length:
            self._expect_brace()
            return Parameter(found[0], "length", None, quoted)
        operator = next((one for one in OPERATORS if self.text.startswith(one, self.at)), "")
        argument: Word | None = None
        if operator != "":
            self.at += len(operator)
            argument = self._argument(quoted=quoted)
        self._expect_brace()
        return Parameter(found[0], operator, argument, quoted)

    def _argument(self, *, quoted: bool) -> Word:
        parts: list[Part] = []
        while self._char() != "}":
            parts.extend(self._parts(lambda char: char == "}", quoted=quoted))
        return tuple(parts)

    def _expect_brace(self) -> None:
        if self._char() != "}":
            raise ShellSyntaxError("Bad substitution")
        self.at += 1


def plain_text(word: Word) -> str | None:
    """Return an unquoted literal word's text, None for any other."""
    if len(word) == 1 and isinstance(word[0], Literal) and not word[0].quoted:
        return word[0].text
    return None


def literal_text(word: Word) -> tuple[str, bool]:
    """Return a here-document's delimiter and whether any part of it was quoted."""
    texts = [part.text for part in word if isinstance(part, Literal)]
    return "".join(texts), any(isinstance(part, Literal) and part.quoted for part in word)

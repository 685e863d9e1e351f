"""Evaluate $(( )): whole numbers, variables, C's operators."""

import re
from collections.abc import Callable

TOKEN = re.compile(
    r"\s*(0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|<<=|>>=|\*\*|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%<>!~&|^?:=(),])"
)
LEVELS = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<=", ">=", "<", ">"),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)
Get = Callable[[str], str]
Set = Callable[[str, str], None]


class ArithmeticFailure(Exception):
    """An expression cannot be evaluated."""


def evaluate(expression: str, get: Get, put: Set) -> int:
    """Return an expression's value; `put` stores what it assigns. Raises ArithmeticFailure."""
    return _Evaluator(expression, get, put).run()


class _Evaluator:
    def __init__(self, text: str, get: Get, put: Set) -> None:
        self.tokens: list[str] = []
        self.at, self.get, self.put = 0, get, put
        at = 0
        while text[at:].strip() != "":
            found = TOKEN.match(text, at)
            if found is None:
                raise ArithmeticFailure(f'arithmetic expression: expecting primary: "{text.strip()}"')
            self.tokens.append(found[1])
            at = found.end()
        self.text = text.strip()

    def run(self) -> int:
        if not self.tokens:
            return 0
        value = self.assign()
        if self.at < len(self.tokens):
            raise self.failure()
        return value

    def failure(self) -> ArithmeticFailure:
        return ArithmeticFailure(f'arithmetic expression: expecting EOF: "{self.text}"')

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def value_of(self, name: str) -> int:
        text = self.get(name).strip() or "0"
        try:
            return int(text, 0) if not re.fullmatch(r"0\d+", text) else int(text, 8)
        except ValueError:
            raise ArithmeticFailure(f"Illegal number: {text}") from None

    def assign(self) -> int:
        name = self.peek()
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ""
        if re.match(r"[A-Za-z_]", name) and following.endswith("=") and following not in ("==", "!=", "<=", ">="):
            self.at += 2
            value = self.assign()
            if following != "=":
                value = self.apply(following[:-1], self.value_of(name), value)
            self.put(name, str(value))
            return value
        return self.choice()

    def choice(self) -> int:
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take()
        yes = self.assign()
        if self.take() != ":":
            raise self.failure()
        no = self.assign()
        return yes if condition != 0 else no

    def binary(self, level: int) -> int:
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in LEVELS[level]:
            operator = self.take()
            left = self.apply(operator, left, self.binary(level + 1))
        return left

    def apply(self, operator: str, left: int, right: int) -> int:
        if operator in ("/", "%"):
            if right == 0:
                raise ArithmeticFailure("division by zero")
            quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
            return quotient if operator == "/" else left - quotient * right
        return int(OPERATIONS[operator](left, right))

    def unary(self) -> int:  # noqa: C901 - one branch an operator
        match self.take():
            case "-":
                return -self.unary()
            case "+":
                return self.unary()
            case "!":
                return int(self.unary() == 0)
            case "~":
                return ~self.unary()
            case "(":
                value = self.assign()
                if self.take() != ")":
                    raise self.failure()
                return value
            case "++" | "--" as step:
                name = self.take()
                value = self.value_of(name) + (1 if step == "++" else -1)
                self.put(name, str(value))
                return value
            case word if re.match(r"[A-Za-z_]", word):
                value = self.value_of(word)
                if self.peek() in ("++", "--"):
                    self.put(word, str(value + (1 if self.take() == "++" else -1)))
                return value
            case number if number[:1].isdigit():
                return int(number, 8) if re.fullmatch(r"0\d+", number) else int(number, 0)
        raise self.failure()


OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "||": lambda a, b: int(a != 0 or b != 0),
    "&&": lambda a, b: int(a != 0 and b != 0),
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<<": lambda a, b: a << min(b, 63),
    ">>": lambda a, b: a >> min(b, 63),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}

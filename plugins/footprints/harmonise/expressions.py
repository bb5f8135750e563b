"""Conditions of XLSForms (`relevant`), read and worked out over columns of answers; nothing is ever executed.

The subset that survey tools use: `${question}`, text and numbers, `=  !=  <  <=  >  >=`, `and`, `or`, `not()`,
`selected()`, `count-selected()`, `true()`, `false()`, and parentheses. A condition with anything else in it is one that
we do not understand, and say so.

Comparisons follow XPath 1.0 (https://www.w3.org/TR/1999/REC-xpath-19991116/#booleans) as ODK uses it: `=` and `!=`
compare numbers where one side is a number, else text; `<` and its kin always compare numbers; what is no number is NaN,
which is equal to nothing and smaller than nothing. An unanswered question is the empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Answers = Mapping[str, list[str]]
"""Columns of answers as text, '' where there is none; choices of a select_multiple are codes with blanks between."""

TOKEN = re.compile(
    r"\s*(?:(?P<question>\$\{\s*(?P<name>[^\s{}]+)\s*\})|(?P<text>'[^']*'|\"[^\"]*\")|(?P<number>\d+(?:\.\d*)?|\.\d+)"
    r"|(?P<word>[A-Za-z_][\w.-]*)|(?P<sign><=|>=|!=|[=<>(),-]))"
)
QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})
MAX_LENGTH = 10_000
MAX_DEPTH = 50


class UnknownExpressionError(ValueError):
    """A condition that is not of the subset. The message names what is not known, and no answer."""


@dataclass(frozen=True)
class Question:
    """The answer to a question."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A text, a number or a truth value."""

    value: str | float | bool


@dataclass(frozen=True)
class Call:
    """An operator or function of its operands: and, or, not, selected, count-selected, = != < <= > >=."""

    name: str
    operands: tuple[Node, ...]


Node = Question | Literal | Call

COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
FUNCTIONS = {"not": 1, "selected": 2, "count-selected": 1, "true": 0, "false": 0}


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The condition as a tree. Raises UnknownExpressionError where it is not of the subset."""
    if len(text) > MAX_LENGTH:
        raise UnknownExpressionError("too long")
    parser = _Parser(_tokens(text.translate(QUOTES)))
    node = parser.either(0)
    if parser.position != len(parser.tokens):
        raise UnknownExpressionError(f"unexpected {parser.tokens[parser.position][1]!r}")
    return node


def questions(node: Node) -> frozenset[str]:
    """The questions that a condition asks about."""
    if isinstance(node, Question):
        return frozenset({node.name})
    if isinstance(node, Call):
        return frozenset().union(*(questions(operand) for operand in node.operands))
    return frozenset()


def holds(node: Node, answers: Answers, n: int) -> Mask:
    """For each of `n` rows, whether the condition holds. `answers` has every question that it asks about."""
    return _truth(_value(node, answers, n))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise UnknownExpressionError(f"unexpected {text[position:].lstrip()[:1]!r}")
        kind = found.lastgroup if found.lastgroup != "name" else "question"
        assert kind is not None
        tokens.append((kind, found["name"] if kind == "question" else found[kind]))
        position = found.end()
    return tokens


class _Parser:
    """Recursive descent: or < and < comparison < operand."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.position = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "")

    def take(self, sign: str | None = None) -> tuple[str, str]:
        token = self.peek()
        if token[0] == "end" or (sign is not None and token != ("sign", sign)):
            raise UnknownExpressionError(f"expected {sign or 'more'}, found {token[1] or 'the end'!r}")
        self.position += 1
        return token

    def either(self, depth: int) -> Node:
        return self._joined("or", lambda: self._joined("and", lambda: self.comparison(depth)))

    def _joined(self, word: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self.peek() == ("word", word):
            self.take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Call(word, tuple(parts))

    def comparison(self, depth: int) -> Node:
        left = self.operand(depth)
        if self.peek()[0] == "sign" and self.peek()[1] in COMPARISONS:
            sign = self.take()[1]
            return Call(sign, (left, self.operand(depth)))
        return left

    def operand(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise UnknownExpressionError("too deep")
        kind, text = self.take()
        if kind == "question":
            return Question(text)
        if kind == "text":
            return Literal(text[1:-1])
        if kind == "number":
            return Literal(float(text))
        if (kind, text) == ("sign", "-") and self.peek()[0] == "number":
            return Literal(-float(self.take()[1]))
        if (kind, text) == ("sign", "("):
            node = self.either(depth + 1)
            self.take(")")
            return node
        if kind == "word" and text in FUNCTIONS and self.peek() == ("sign", "("):
            return self.call(text, depth)
        raise UnknownExpressionError(f"unknown {text!r}")

    def call(self, name: str, depth: int) -> Node:
        self.take("(")
        operands: list[Node] = []
        if self.peek() != ("sign", ")"):
            operands.append(self.either(depth + 1))
            while self.peek() == ("sign", ","):
                self.take()
                operands.append(self.either(depth + 1))
        self.take(")")
        if len(operands) != FUNCTIONS[name]:
            raise UnknownExpressionError(f"{name}() of {len(operands)}")
        if name in ("true", "false"):
            return Literal(name == "true")
        texts = (isinstance(o, Question) or (isinstance(o, Literal) and isinstance(o.value, str)) for o in operands)
        if name in ("selected", "count-selected") and not all(texts):
            raise UnknownExpressionError(f"{name}() of what is no answer")
        return Call(name, tuple(operands))


def _value(node: Node, answers: Answers, n: int) -> npt.NDArray[Any]:
    """One value per row: texts (object), numbers (float64) or truth values (bool)."""
    if isinstance(node, Question):
        column = np.empty(n, dtype=object)
        column[:] = answers[node.name]
        return column
    if isinstance(node, Literal):
        kind: Any = object if isinstance(node.value, str) else None
        return np.full(n, node.value, dtype=kind)
    if node.name == "not":
        return ~holds(node.operands[0], answers, n)
    if node.name in ("and", "or"):
        masks = [holds(operand, answers, n) for operand in node.operands]
        join = np.logical_and if node.name == "and" else np.logical_or
        return np.asarray(join.reduce(masks))
    if node.name in ("selected", "count-selected"):
        chosen = [cell.split() for cell in _value(node.operands[0], answers, n)]
        if node.name == "count-selected":
            return np.array([len(codes) for codes in chosen], dtype=np.float64)
        wanted = _value(node.operands[1], answers, n)
        return np.array([code in codes for code, codes in zip(wanted, chosen, strict=True)], dtype=bool)
    left, right = (_value(operand, answers, n) for operand in node.operands)
    compare = COMPARISONS[node.name]
    if node.name in ("=", "!="):
        if np.bool_ in (left.dtype, right.dtype):
            truths = [_truth(side) for side in (left, right)]
            return np.asarray(compare(*truths), dtype=bool)
        if left.dtype == right.dtype == np.dtype(object):
            return np.array([(a == b) == (node.name == "=") for a, b in zip(left, right, strict=True)], dtype=bool)
    return np.asarray(compare(_numbers(left), _numbers(right)), dtype=bool)


def _truth(side: npt.NDArray[Any]) -> Mask:
    if side.dtype == np.bool_:
        return side
    if side.dtype == np.float64:
        return np.asarray(~np.isnan(side) & (side != 0))
    return np.array([cell != "" for cell in side], dtype=bool)


def _numbers(side: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if side.dtype == np.dtype(object):
        return np.array([_number(cell) for cell in side], dtype=np.float64)
    return side.astype(np.float64)


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"\s*-?(\d+(\.\d*)?|\.\d+)\s*", text, re.ASCII) else np.nan

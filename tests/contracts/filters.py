"""OData's ``$filter`` of versions 2 and 3, read as far as is needed to judge names and literals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<literal>(?:datetimeoffset|datetime|time|guid|binary|X)?'(?:[^']|'')*'"
    r"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[LlMmDdFf]?(?![\w'])|true\b|false\b|null\b)"
    r"|(?P<name>[A-Za-z_]\w*(?:/[A-Za-z_]\w*)*)|(?P<mark>[(),]))"
)
_COMPARISONS: Final = {"eq", "ne", "gt", "ge", "lt", "le"}
# Functions that give a truth value; all take text.
_TESTS: Final = {"substringof", "startswith", "endswith"}
_FUNCTIONS: Final = _TESTS | {"tolower", "toupper", "trim", "length", "concat", "substring", "indexof"}


class FilterError(ValueError):
    """A filter that cannot be read."""


class Filter:
    """A filter, taken apart.

    Args:
        text: The filter.
    """

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self.comparisons: list[tuple[str, str]] = []
        """Property and literal that are compared."""
        self.names: list[str] = []
        """Every property that is named."""
        self._either()
        if self._at < len(self._tokens):
            raise FilterError(f"nothing was expected at {self._tokens[self._at][1]!r}")

    def problems(
        self, known: Callable[[str], bool], misfit: Callable[[str, str], str | None]
    ) -> Iterator[str]:
        """What is wrong with it.

        Args:
            known: Whether there is a property.
            misfit: What is wrong with a literal for a property.
        """
        yield from (f"there is no property {name}" for name in self.names if not known(name))
        for name, literal in self.comparisons:
            if known(name) and (problem := misfit(name, literal)):
                yield problem

    def _either(self) -> None:
        self._term()
        while self._peek()[1] in {"and", "or"}:
            self._take()
            self._term()

    def _term(self) -> None:
        kind, text = self._peek()
        if text == "not":
            self._take()
            self._term()
        elif text == "(":
            self._take()
            self._either()
            self._expect(")")
        else:
            left = self._operand()
            if kind == "name" and text in _TESTS and self._peek()[1] not in _COMPARISONS:
                return
            if self._take()[1] not in _COMPARISONS:
                raise FilterError("a comparison was expected")
            right = self._operand()
            self._compared(left, right)

    def _operand(self) -> tuple[str, str]:
        kind, text = self._take()
        if kind == "literal":
            return kind, text
        if kind != "name":
            raise FilterError(f"a property or a literal was expected at {text!r}")
        if self._peek()[1] != "(":
            self.names.append(text)
            return kind, text
        if text not in _FUNCTIONS:
            raise FilterError(f"there is no function {text}")
        self._take()
        operands = [self._operand()]
        while self._peek()[1] == ",":
            self._take()
            operands.append(self._operand())
        self._expect(")")
        if text in _TESTS:
            self._compared(*operands[:2])
        return "function", text

    def _compared(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        pair = {one[0]: one[1], other[0]: other[1]}
        if pair.keys() == {"name", "literal"}:
            self.comparisons.append((pair["name"], pair["literal"]))

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, mark: str) -> None:
        if self._take()[1] != mark:
            raise FilterError(f"{mark} was expected")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise FilterError(f"it cannot be read from {text[at:]!r} on")
        at = match.end()
        assert match.lastgroup is not None
        yield match.lastgroup, match[match.lastgroup]


__all__ = ["Filter", "FilterError"]

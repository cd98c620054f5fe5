r"""The text of a pattern, read to a tree.

Characters stand for themselves, but ``\ ^ $ . | ? * + ( ) [ {``; ``.`` is any but a line break; ``[a-z]`` and
``[^a-z]`` are sets; ``\d \w \s \D \W \S`` are ASCII; ``( )`` and ``(?: )`` group, ``|`` separates, and
``* + ? {2} {2,} {2,4}`` repeat. ``^`` may begin and ``$`` may end the pattern or one of its outermost
alternatives. What needs to remember or look around (back-references, look-ahead, ``\b``, lazy and possessive
repetition, flags) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, NoReturn, TypeAlias

import attrs

from bulkeditor.errors import InvalidInputError

MAX_LENGTH: Final = 500
"""Characters in a pattern."""

MAX_STATES: Final = 256
"""Characters in a pattern once its repetitions are written out."""

MAX_GROUPS: Final = 20
"""Groups in one another."""

# Sets of characters are ranges of code points, sorted and apart.
Ranges: TypeAlias = tuple[tuple[int, int], ...]

_LAST: Final = 0x10FFFF
_CLASSES: Final[Mapping[str, Ranges]] = MappingProxyType(
    {
        "d": ((48, 57),),
        "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
        "s": ((9, 13), (32, 32)),
    }
)
_NAMED: Final[Mapping[str, str]] = MappingProxyType({"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"})
_COUNTS: Final = re.compile(r"\{(\d{1,3})(?:(,)(\d{1,3})?)?\}", re.ASCII)
_SIGNS: Final[Mapping[str, tuple[int, int | None]]] = MappingProxyType(
    {"*": (0, None), "+": (1, None), "?": (0, 1)}
)


@attrs.frozen
class Char:
    """One character of a set.

    Args:
        ranges: The set.
    """

    ranges: Ranges

    def takes(self, char: str) -> bool:
        """Whether a character is in the set."""
        point = ord(char)
        return any(low <= point <= high for low, high in self.ranges)


class Series(NamedTuple):
    """One after the other."""

    items: tuple[Node, ...]


class Choice(NamedTuple):
    """One of them."""

    items: tuple[Node, ...]


class Repeat(NamedTuple):
    """The same several times; without end where ``high`` is None."""

    item: Node
    low: int
    high: int | None


Node: TypeAlias = Char | Series | Choice | Repeat


class Branch(NamedTuple):
    """One of the outermost alternatives.

    Args:
        node: What it consists of.
        from_start: Whether it must begin where the text begins.
        to_end: Whether it must end where the text ends.
    """

    node: Node
    from_start: bool
    to_end: bool


def read_pattern(text: str) -> list[Branch]:
    """Read a pattern.

    Args:
        text: The pattern.

    Raises:
        InvalidInputError: It is too long, or not of the kind described above.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInputError(f"The pattern has {len(text):,} characters; at most {MAX_LENGTH} are taken.")
    reader = _Reader(text)
    branches = reader.branches()
    if sum(_size(branch.node) for branch in branches) > MAX_STATES:
        reader.too_large()
    return branches


def _size(node: Node) -> int:
    """How many characters it comes to with its repetitions written out."""
    match node:
        case Char():
            return 1
        case Series(items) | Choice(items):
            return sum(map(_size, items))
        case Repeat(item, low, high):
            return _size(item) * (max(low, 1) if high is None else high)


class _Reader:
    """Goes through the text once, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._groups = 0

    def branches(self) -> list[Branch]:
        found: list[Branch] = []
        while True:
            from_start = self._take("^")
            node = self._series()
            found.append(Branch(node, from_start, self._take("$")))
            if self._at == len(self._text):
                return found
            if not self._take("|"):
                self._refuse("closes nothing" if self._peek() == ")" else "cannot follow $")

    def too_large(self) -> NoReturn:
        raise InvalidInputError(
            f"The pattern comes to more than {MAX_STATES} characters once its repetitions are written out."
        )

    def _series(self) -> Node:
        items: list[Node] = []
        while self._peek() not in {"", "|", ")", "$"}:
            items.append(self._repeated(self._atom()))
        return items[0] if len(items) == 1 else Series(tuple(items))

    def _repeated(self, item: Node) -> Node:
        counts = self._counts()
        if counts is None:
            return item
        if self._peek() in {*_SIGNS, "{"}:
            self._refuse("cannot follow another repetition", hint="Put the inner one in parentheses.")
        if not _size(item):
            return item  # nothing, however often, is nothing
        node = Repeat(item, *counts)
        # Looked at at once: nested repetitions multiply.
        if _size(node) > MAX_STATES:
            self.too_large()
        return node

    def _counts(self) -> tuple[int, int | None] | None:
        sign = self._peek()
        if sign in _SIGNS:
            self._at += 1
            return _SIGNS[sign]
        if sign != "{":
            return None
        found = _COUNTS.match(self._text, self._at)
        if found is None:
            self._refuse("begins no repetition like {2}, {2,} or {2,4}", hint=r"Write \{ for the character.")
        low = int(found[1])
        high = low if found[2] is None else None if found[3] is None else int(found[3])
        if max(low, high or 0) > MAX_STATES or (high is not None and high < low):
            self._refuse(
                f"begins a repetition that is not between 0 and {MAX_STATES}, or that ends before it begins"
            )
        self._at = found.end()
        return low, high

    def _atom(self) -> Node:
        char = self._peek()
        if char == "(":
            return self._group()
        if char == "[":
            return Char(self._set())
        if char == "\\":
            return Char(self._escape())
        if char in _SIGNS or char == "{":
            self._refuse("repeats nothing", hint=f"Write \\{char} for the character.")
        if char == "^":
            self._refuse("may only begin the pattern or one of its outermost alternatives")
        self._at += 1
        return Char(_complement(((10, 10),)) if char == "." else _only(char))

    def _group(self) -> Node:
        start = self._at
        self._groups += 1
        if self._groups > MAX_GROUPS:
            self._refuse(f"opens more than {MAX_GROUPS} groups in one another")
        self._at += 1
        if self._take("?") and not self._take(":"):
            self._at = start
            self._refuse("opens a group of a kind that is not supported", hint="Use ( ) or (?: ).")
        items = [self._series()]
        while self._take("|"):
            items.append(self._series())
        if self._peek() == "$":
            self._refuse("may only end the pattern or one of its outermost alternatives")
        if not self._take(")"):
            self._at = start
            self._refuse("opens a group that is not closed")
        self._groups -= 1
        return items[0] if len(items) == 1 else Choice(tuple(items))

    def _escape(self) -> Ranges:
        char = self._text[self._at + 1 : self._at + 2]
        if char.lower() in _CLASSES:
            ranges = _CLASSES[char.lower()]
            ranges = ranges if char.islower() else _complement(ranges)
        elif char in _NAMED:
            ranges = _only(_NAMED[char])
        elif not char or (char.isascii() and char.isalnum()):
            self._refuse("is not supported" if char else "escapes nothing", length=2)
        else:
            ranges = _only(char)
        self._at += 2
        return ranges

    def _set(self) -> Ranges:
        start = self._at
        self._at += 1
        inverted = self._take("^")
        ranges: list[tuple[int, int]] = []
        while not self._take("]"):
            if not self._peek():
                self._at = start
                self._refuse("opens a set that is not closed")
            ranges += self._set_item()
        if not ranges:
            self._at = start
            self._refuse("opens an empty set", hint=r"Write \] for the character.")
        return _complement(_merged(ranges)) if inverted else _merged(ranges)

    def _set_item(self) -> Ranges:
        low = self._set_char()
        if self._peek() != "-" or self._text[self._at + 1 : self._at + 2] in {"]", ""}:
            return low
        self._at += 1
        high = self._set_char()
        ends = (*low, *high)
        if any(first != last for first, last in ends) or low[0] > high[0]:
            self._refuse("follows a range that has no order")
        return ((low[0][0], high[0][0]),)

    def _set_char(self) -> Ranges:
        char = self._peek()
        if char == "\\":
            return self._escape()
        self._at += 1
        return _only(char)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, char: str) -> bool:
        taken = self._peek() == char
        self._at += taken
        return taken

    def _refuse(self, problem: str, hint: str | None = None, length: int = 1) -> NoReturn:
        found = self._text[self._at : self._at + length]
        named = f'"{found}" at character {self._at + 1}' if found else "the end"
        raise InvalidInputError(f"{named} of the pattern {problem}.", hint=hint)


def _only(char: str) -> Ranges:
    return ((ord(char), ord(char)),)


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def _complement(ranges: Ranges) -> Ranges:
    edges = [-1, *(point for pair in ranges for point in pair), _LAST + 1]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return tuple((before + 1, after - 1) for before, after in gaps if before + 1 <= after - 1)


__all__ = ["Branch", "Char", "Choice", "Node", "Ranges", "Repeat", "Series", "read_pattern"]

r"""The server's own regular expressions, for ``matches``.

A pattern is a tree of tuples, and matching takes its derivatives: what is left of the pattern after one more
character, as a set of trees. There are never more of those than the pattern has characters, so the time is
linear in the text, whatever both of them are.

Patterns consist of characters, ``.``, sets, ``\d \w \s`` and their capitals (ASCII), groups, ``|``, and
``* + ? {2} {2,} {2,4}``; ``^`` and ``$`` stand at the ends of the outermost alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

import attrs

_COUNT: Final = re.compile(r"\{(\d{1,3})(,?)(\d{0,3})\}", re.ASCII)
_MAX_LENGTH: Final = 500
_MAX_SIZE: Final = 256
_MAX_DEPTH: Final = 20


class PatternError(ValueError):
    """The text is no pattern of this server."""


@attrs.frozen
class _End:
    """Nothing is left."""


@attrs.frozen
class _One:
    """One character."""

    accepts: re.Pattern[str]


@attrs.frozen(cache_hash=True)
class _Then:
    first: _Tree
    second: _Tree


@attrs.frozen(cache_hash=True)
class _Or:
    choices: tuple[_Tree, ...]


@attrs.frozen(cache_hash=True)
class _Times:
    inner: _Tree
    low: int
    high: int | None


_Tree: TypeAlias = _End | _One | _Then | _Or | _Times


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Callable[[str], bool]:
    """A function that says whether the pattern is found in a text.

    Raises:
        PatternError: It is no pattern of this server.
    """
    if len(text) > _MAX_LENGTH:
        raise PatternError(f"a pattern has at most {_MAX_LENGTH} characters")
    alternatives = _Reader(text).pattern()
    if sum(_size(alternative.tree) for alternative in alternatives) > _MAX_SIZE:
        raise PatternError("the pattern is too large")
    return lambda subject: any(_found(alternative, subject) for alternative in alternatives)


@attrs.frozen
class _Alternative:
    """One of the outermost alternatives, and whether it is tied to the ends of the text."""

    from_start: bool
    tree: _Tree
    to_end: bool


def _found(wanted: _Alternative, subject: str) -> bool:
    start = frozenset({wanted.tree})
    left = start
    for char in subject:
        if not wanted.to_end and any(map(_may_end, left)):
            return True
        left = _step(left, char) if wanted.from_start else _step(left, char) | start
    return any(map(_may_end, left))


@lru_cache(maxsize=4096)
def _step(left: frozenset[_Tree], char: str) -> frozenset[_Tree]:
    return frozenset(rest for tree in left for rest in _after(tree, char))


def _may_end(tree: _Tree) -> bool:
    match tree:
        case _End():
            return True
        case _One():
            return False
        case _Then(first, second):
            return _may_end(first) and _may_end(second)
        case _Or(choices):
            return any(map(_may_end, choices))
        case _Times(inner, low, _):
            return low == 0 or _may_end(inner)


def _after(tree: _Tree, char: str) -> set[_Tree]:
    """The derivatives of a tree: what may be left of it after a character."""
    match tree:
        case _End():
            return set()
        case _One(accepts):
            return {_End()} if accepts.match(char) else set()
        case _Then(first, second):
            rests = {_then(rest, second) for rest in _after(first, char)}
            return rests | _after(second, char) if _may_end(first) else rests
        case _Or(choices):
            return {rest for choice in choices for rest in _after(choice, char)}
        case _Times(inner, low, high):
            if high == 0:
                return set()
            again = _Times(inner, max(0, low - 1), None if high is None else high - 1)
            return {_then(rest, again) for rest in _after(inner, char)}


def _then(first: _Tree, second: _Tree) -> _Tree:
    return second if isinstance(first, _End) else _Then(first, second)


def _size(tree: _Tree) -> int:
    match tree:
        case _End():
            return 0
        case _One():
            return 1
        case _Then(first, second):
            return _size(first) + _size(second)
        case _Or(choices):
            return sum(map(_size, choices))
        case _Times(inner, low, high):
            return _size(inner) * (max(1, low) if high is None else high)


class _Reader:
    def __init__(self, text: str) -> None:
        self._rest = text
        self._depth = 0

    def pattern(self) -> list[_Alternative]:
        found: list[_Alternative] = []
        while True:
            found.append(_Alternative(self._skip("^"), self._row(), self._skip("$")))
            if not self._skip("|"):
                break
        if self._rest:
            raise PatternError(f"{self._rest[:20]!r} cannot stand where it does")
        return found

    def _row(self) -> _Tree:
        tree: _Tree = _End()
        while self._rest and self._rest[0] not in "|)$":
            item = self._counted(self._item())
            tree = _then(tree, item)
        return tree

    def _counted(self, item: _Tree) -> _Tree:
        if self._rest[:1] not in {"*", "+", "?", "{"}:
            return item
        found = _COUNT.match(self._rest)
        if found is not None:
            low = int(found[1])
            high = int(found[3]) if found[3] else None if found[2] else low
            self._rest = self._rest[found.end() :]
        elif self._rest[0] == "{":
            raise PatternError(r"{ begins no count; write \{ for the character")
        else:
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[self._rest[0]]
            self._rest = self._rest[1:]
        if self._rest[:1] in {"*", "+", "?", "{"} or max(low, high or 0) > _MAX_SIZE or (high or low) < low:
            raise PatternError("a repetition is repeated, too large, or ends before it begins")
        tree = _Times(item, low, high)
        if _size(tree) > _MAX_SIZE:
            raise PatternError("the pattern is too large")
        return tree if _size(item) else _End()

    def _item(self) -> _Tree:
        char, self._rest = self._rest[0], self._rest[1:]
        if char == "(":
            return self._group()
        if char == "[":
            return _One(re.compile(f"[{'^' if self._skip('^') else ''}{self._set()}]", re.ASCII))
        if char in "*+?{^":
            raise PatternError(f"{char} cannot stand where it does")
        one = "." if char == "." else self._escaped() if char == "\\" else re.escape(char)
        return _One(re.compile(one, re.ASCII))

    def _group(self) -> _Tree:
        self._depth += 1
        if self._depth > _MAX_DEPTH or (self._skip("?") and not self._skip(":")):
            raise PatternError("a group is of an unknown kind or too deep")
        choices = [self._row()]
        while self._skip("|"):
            choices.append(self._row())
        if not self._skip(")"):
            raise PatternError("a group is not closed")
        self._depth -= 1
        return _Or(tuple(choices))

    def _escaped(self) -> str:
        char, self._rest = self._rest[:1], self._rest[1:]
        if char and char in "dwsDWSntrfv":
            return "\\" + char
        if not char or (char.isascii() and char.isalnum()):
            raise PatternError(f"\\{char} is not supported")
        return re.escape(char)

    def _set(self) -> str:
        parts: list[str] = []
        while not self._skip("]"):
            low = self._set_char()
            if self._rest[:1] == "-" and self._rest[1:2] not in {"]", ""}:
                self._rest = self._rest[1:]
                high = self._set_char()
                if not _is_range(low, high):
                    raise PatternError("a range has no order")
                low = f"{low}-{high}"
            parts.append(low)
        if not parts:
            raise PatternError("a set is empty")
        return "".join(parts)

    def _set_char(self) -> str:
        if not self._rest:
            raise PatternError("a set is not closed")
        char, self._rest = self._rest[0], self._rest[1:]
        return self._escaped() if char == "\\" else re.escape(char)

    def _skip(self, char: str) -> bool:
        there = self._rest.startswith(char)
        self._rest = self._rest[there:]
        return there


def _is_range(low: str, high: str) -> bool:
    """Whether two pieces of a set's text are single characters in their order."""
    try:
        re.compile(f"[{low}-{high}]", re.ASCII)
    except re.error:
        return False
    return True


__all__ = ["PatternError", "compile_pattern"]

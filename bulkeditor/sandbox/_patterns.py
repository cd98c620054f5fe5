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
from typing import Any, Final, TypeAlias

Tree: TypeAlias = tuple[Any, ...]

_NOTHING_LEFT: Final[Tree] = ("end",)
_COUNT: Final = re.compile(r"\{(\d{1,3})(,?)(\d{0,3})\}", re.ASCII)
_MAX_LENGTH: Final = 500
_MAX_SIZE: Final = 256
_MAX_DEPTH: Final = 20


class PatternError(ValueError):
    """The text is no pattern of this server."""


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Callable[[str], bool]:
    """A function that says whether the pattern is found in a text.

    Raises:
        PatternError: It is no pattern of this server.
    """
    if len(text) > _MAX_LENGTH:
        raise PatternError(f"a pattern has at most {_MAX_LENGTH} characters")
    alternatives = _Reader(text).pattern()
    if sum(_size(tree) for tree, _, _ in alternatives) > _MAX_SIZE:
        raise PatternError("the pattern is too large")
    return lambda subject: any(_found(*alternative, subject) for alternative in alternatives)


def _found(tree: Tree, from_start: bool, to_end: bool, subject: str) -> bool:  # noqa: FBT001 -- as they are kept
    left = {tree}
    for char in subject:
        if not to_end and any(map(_may_end, left)):
            return True
        left = {rest for part in left for rest in _after(part, char)}
        if not from_start:
            left.add(tree)
    return any(map(_may_end, left))


def _may_end(tree: Tree) -> bool:
    match tree:
        case ("end",):
            return True
        case ("then", first, second):
            return _may_end(first) and _may_end(second)
        case ("or", *choices):
            return any(map(_may_end, choices))
        case ("times", inner, low, _):
            return low == 0 or _may_end(inner)
    return False


def _after(tree: Tree, char: str) -> set[Tree]:
    """The derivatives of a tree: what may be left of it after a character."""
    match tree:
        case ("char", accepts):
            return {_NOTHING_LEFT} if accepts.match(char) else set()
        case ("then", first, second):
            rests = {_then(rest, second) for rest in _after(first, char)}
            return rests | _after(second, char) if _may_end(first) else rests
        case ("or", *choices):
            return {rest for choice in choices for rest in _after(choice, char)}
        case ("times", inner, low, high) if high != 0:
            again = ("times", inner, max(0, low - 1), None if high is None else high - 1)
            return {_then(rest, again) for rest in _after(inner, char)}
    return set()


def _then(first: Tree, second: Tree) -> Tree:
    return second if first == _NOTHING_LEFT else ("then", first, second)


def _size(tree: Tree) -> int:
    match tree:
        case ("char", _):
            return 1
        case ("times", inner, low, high):
            return _size(inner) * (max(1, low) if high is None else high)
    return sum(_size(part) for part in tree[1:])


class _Reader:
    def __init__(self, text: str) -> None:
        self._rest = text
        self._depth = 0

    def pattern(self) -> list[tuple[Tree, bool, bool]]:
        found: list[tuple[Tree, bool, bool]] = []
        while True:
            from_start, tree = self._skip("^"), self._row()
            found.append((tree, from_start, self._skip("$")))
            if not self._skip("|"):
                break
        if self._rest:
            raise PatternError(f"{self._rest[:20]!r} cannot stand where it does")
        return found

    def _row(self) -> Tree:
        tree = _NOTHING_LEFT
        while self._rest and self._rest[0] not in "|)$":
            item = self._counted(self._item())
            tree = item if tree == _NOTHING_LEFT else ("then", tree, item)
        return tree

    def _counted(self, item: Tree) -> Tree:
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
        tree = ("times", item, low, high)
        if _size(tree) > _MAX_SIZE:
            raise PatternError("the pattern is too large")
        return tree if _size(item) else _NOTHING_LEFT

    def _item(self) -> Tree:
        char, self._rest = self._rest[0], self._rest[1:]
        if char == "(":
            return self._group()
        if char == "[":
            return ("char", re.compile(f"[{'^' if self._skip('^') else ''}{self._set()}]", re.ASCII))
        if char in "*+?{^":
            raise PatternError(f"{char} cannot stand where it does")
        one = "." if char == "." else self._escaped() if char == "\\" else re.escape(char)
        return ("char", re.compile(one, re.ASCII))

    def _group(self) -> Tree:
        self._depth += 1
        if self._depth > _MAX_DEPTH or (self._skip("?") and not self._skip(":")):
            raise PatternError("a group is of an unknown kind or too deep")
        choices = [self._row()]
        while self._skip("|"):
            choices.append(self._row())
        if not self._skip(")"):
            raise PatternError("a group is not closed")
        self._depth -= 1
        return ("or", *choices)

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

"""Patterns for ``matches``: regular expressions in the strict sense, found in time linear in the text.

A pattern becomes an automaton of one state for each character it names (Glushkov's construction), and a set
of states is one whole number. Each character of a text takes one step: the states that may follow the present
ones, cut down to those that this character enters. There is nothing to go back to, so no pattern and no text
can make it slow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

from bulkeditor.query._pattern_text import Branch, Char, Choice, Node, Repeat, Series, read_pattern

# A cache that an adversary could fill without end is emptied at this size.
_REMEMBERED: Final = 4096

Key = TypeVar("Key")


class _Table(dict[Key, int]):
    """Computes what it does not hold."""

    def __init__(self, compute: Callable[[Key], int]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: Key) -> int:
        if len(self) >= _REMEMBERED:
            self.clear()
        value = self[key] = self._compute(key)
        return value


class _Part(NamedTuple):
    """A piece of the automaton: where it is entered, where it is left, whether it may be passed over."""

    first: int
    last: int
    empty: bool


class _Automaton:
    """States are numbered; a set of them is a whole number with one bit for each."""

    def __init__(self) -> None:
        self.symbols: list[Char] = []
        self.follow: list[int] = []

    def add(self, node: Node) -> _Part:
        match node:
            case Char():
                state = 1 << len(self.symbols)
                self.symbols.append(node)
                self.follow.append(0)
                return _Part(state, state, empty=False)
            case Series(items):
                return self._in_series(map(self.add, items))
            case Choice(items):
                parts = [self.add(item) for item in items]
                first = _union(part.first for part in parts)
                return _Part(first, _union(part.last for part in parts), any(part.empty for part in parts))
            case Repeat():
                return self._in_series(self._copies(node))

    def _copies(self, node: Repeat) -> Iterator[_Part]:
        """``x{2,4}`` is ``x x x? x?``; without an upper end the last one may follow itself."""
        endless = node.high is None
        count = max(node.low, 1) if node.high is None else node.high
        for number in range(1, count + 1):
            part = self.add(node.item)
            if endless and number == count:
                self._link(part.last, part.first)
            yield part._replace(empty=part.empty or number > node.low)

    def _in_series(self, parts: Iterable[_Part]) -> _Part:
        whole = _Part(0, 0, empty=True)
        for part in parts:
            self._link(whole.last, part.first)
            whole = _Part(
                whole.first | (part.first if whole.empty else 0),
                part.last | (whole.last if part.empty else 0),
                whole.empty and part.empty,
            )
        return whole

    def _link(self, lasts: int, firsts: int) -> None:
        for state in _bits(lasts):
            self.follow[state] |= firsts


class Pattern:
    """A pattern that was read; equal to another of the same text.

    Args:
        text: The pattern.

    Raises:
        InvalidInputError: It is no pattern of the documented kind, or too long.
    """

    __slots__ = (
        "_accepted",
        "_accepted_at_end",
        "_begin",
        "_enters",
        "_next",
        "_on_empty",
        "_surely",
        "text",
    )

    def __init__(self, text: str) -> None:
        self.text = text
        branches = read_pattern(text)
        automaton = _Automaton()
        parts = [(branch, automaton.add(branch.node)) for branch in branches]
        self._begin = _union(part.first for _, part in parts)
        self._accepted = _union(part.last for branch, part in parts if not branch.to_end)
        self._accepted_at_end = _union(part.last for branch, part in parts if branch.to_end)
        self._on_empty = any(part.empty for _, part in parts)
        # What may be nothing at all is found in every text, unless it must be the whole of it.
        self._surely = any(part.empty and not _is_whole(branch) for branch, part in parts)
        again = _union(part.first for branch, part in parts if not branch.from_start)
        follow, symbols = automaton.follow, automaton.symbols
        self._next = _Table[int](lambda states: again | _union(follow[state] for state in _bits(states)))
        self._enters = _Table[str](
            lambda char: _union(1 << state for state, symbol in enumerate(symbols) if symbol.takes(char))
        )

    def found_in(self, text: str) -> bool:
        """Whether the pattern is found somewhere in a text.

        Args:
            text: The text.
        """
        if self._surely or not text:
            return self._surely or self._on_empty
        states, reach = 0, self._begin
        accepted, enters, following = self._accepted, self._enters, self._next
        for char in text:
            states = reach & enters[char]
            if states & accepted:
                return True
            reach = following[states]
        return bool(states & self._accepted_at_end)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.text == other.text

    def __hash__(self) -> int:
        return hash((Pattern, self.text))

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return Pattern, (self.text,)


def _is_whole(branch: Branch) -> bool:
    return branch.from_start and branch.to_end


def _union(sets: Iterable[int]) -> int:
    union = 0
    for each in sets:
        union |= each
    return union


def _bits(states: int) -> Iterator[int]:
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest


__all__ = ["Pattern"]

# ruff: noqa: SLF001 -- the nodes of one tree are one family
"""AND, OR and NOT of conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import attrs

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import JSON
from bulkeditor.query._code import Code
from bulkeditor.query._condition import AND, NOT, OR, Condition
from bulkeditor.query._explain import Explanation, explain_joined, explain_not
from bulkeditor.query._operands import MAX_DEPTH, RESERVED
from bulkeditor.query._read import Read
from bulkeditor.query._schema import Schema


def _depth_of_items(joined: _Joined) -> int:
    return _deeper(joined.items)


def _depth_of_item(negation: Not) -> int:
    return _deeper((negation.item,))


def _deeper(items: Iterable[Condition]) -> int:
    depth = 1 + max((item._depth() for item in items), default=0)  # pyright: ignore[reportPrivateUsage]
    if depth > MAX_DEPTH:
        raise InvalidInputError(f"The condition is nested more than {MAX_DEPTH} levels deep.")
    return depth


@attrs.frozen(repr=False, str=False)
class _Joined(Condition):
    items: tuple[Condition, ...]
    depth: int = attrs.field(init=False, eq=False, default=attrs.Factory(_depth_of_items, takes_self=True))

    def _depth(self) -> int:
        return self.depth

    def _names(self) -> Iterator[str]:
        for item in self.items:
            yield from item._names()

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        for item in self.items:
            yield from item._mismatches(schema)


@attrs.frozen(repr=False, str=False)
class And(_Joined):
    """All of them hold.

    Args:
        items: The conditions; none at all hold for every row.
    """

    _binding: ClassVar[int] = AND

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        parts = [item.to_filter() for item in self.items]
        merged = _merged(parts)
        return merged if merged is not None else {"and": list(parts)}

    def _pushed(self) -> Iterator[tuple[str, JSON]]:
        for item in self.items:
            yield from item._pushed()

    def _emit(self, code: Code, *, negated: bool) -> str:
        return _emit_joined(self.items, code, "or" if negated else "and", negated=negated)

    def _explained(self, read: Read) -> Explanation:
        return explain_joined(str(self), [item._explained(read) for item in self.items], decisive=False)

    def _bound(self, schema: Schema) -> Condition:
        return And(tuple(item._bound(schema) for item in self.items))

    def _text(self) -> str:
        return " AND ".join(item._inside(AND) for item in self.items) or "TRUE"


@attrs.frozen(repr=False, str=False)
class Or(_Joined):
    """At least one of them holds.

    Args:
        items: The conditions; none at all hold for no row.
    """

    _binding: ClassVar[int] = OR

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        return {"or": [item.to_filter() for item in self.items]}

    def _emit(self, code: Code, *, negated: bool) -> str:
        return _emit_joined(self.items, code, "and" if negated else "or", negated=negated)

    def _explained(self, read: Read) -> Explanation:
        return explain_joined(str(self), [item._explained(read) for item in self.items], decisive=True)

    def _bound(self, schema: Schema) -> Condition:
        return Or(tuple(item._bound(schema) for item in self.items))

    def _text(self) -> str:
        return " OR ".join(item._inside(OR) for item in self.items) or "FALSE"


@attrs.frozen(repr=False, str=False)
class Not(Condition):
    """The opposite; the opposite of unknown is unknown.

    Args:
        item: The condition.
    """

    item: Condition
    depth: int = attrs.field(init=False, eq=False, default=attrs.Factory(_depth_of_item, takes_self=True))
    _binding: ClassVar[int] = NOT

    def __invert__(self) -> Condition:
        return self.item

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        return self.item._negated_filter()

    def _depth(self) -> int:
        return self.depth

    def _emit(self, code: Code, *, negated: bool) -> str:
        return self.item._emit(code, negated=not negated)

    def _explained(self, read: Read) -> Explanation:
        return explain_not(str(self), self.item._explained(read))

    def _bound(self, schema: Schema) -> Condition:
        return Not(self.item._bound(schema))

    def _names(self) -> Iterator[str]:
        return self.item._names()

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        return self.item._mismatches(schema)

    def _text(self) -> str:
        return self.item._negated_text()


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Join with AND, flat; a single condition stays itself.

    Args:
        conditions: Any number; none at all hold for every row.

    Returns:
        The joined condition.
    """
    items = tuple(part for item in conditions for part in (item.items if isinstance(item, And) else (item,)))
    return items[0] if len(items) == 1 else And(items)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Join with OR, flat; a single condition stays itself.

    Args:
        conditions: Any number; none at all hold for no row.

    Returns:
        The joined condition.
    """
    items = tuple(part for item in conditions for part in (item.items if isinstance(item, Or) else (item,)))
    return items[0] if len(items) == 1 else Or(items)


def _emit_joined(items: Iterable[Condition], code: Code, word: str, *, negated: bool) -> str:
    parts = [item._emit(code, negated=negated) for item in items]  # pyright: ignore[reportPrivateUsage]
    # None at all: every one of them holds, and not one of them does.
    return f"({f' {word} '.join(parts)})" if parts else str(word == "and")


def _merged(parts: Iterable[dict[str, JSON]]) -> dict[str, JSON] | None:
    """One object out of several, or None where that would lose an entry or the order."""
    merged: dict[str, JSON] = {}
    last = None
    for part in parts:
        for name, value in part.items():
            here = merged.get(name)
            if name not in merged:
                merged[name] = value
            elif name == last and name not in RESERVED and isinstance(here, dict) and isinstance(value, dict):
                if here.keys() & value.keys():
                    return None
                merged[name] = here | value
            else:
                return None
            last = name
    return merged


__all__ = ["And", "Not", "Or", "all_of", "any_of"]

# ruff: noqa: SLF001 -- the nodes of one tree are one family
"""Conditions and how they join: immutable, comparable, picklable.

A condition holds for a row when it is *definitely* true of it: a comparison with a missing value is unknown,
and neither it nor its negation holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, cast

import attrs

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import JSON
from bulkeditor.query import _evaluate
from bulkeditor.query._evaluate import MakeReader, Predicate
from bulkeditor.query._schema import PRODUCT_SCHEMA, Schema

if TYPE_CHECKING:
    from bulkeditor.models import Product

RESERVED: Final = frozenset({"and", "or", "not"})
MAX_DEPTH: Final = 64

_OR, _AND, _NOT, _LEAF = range(4)


class Condition:
    """What rows must satisfy; combine with ``&`` (and), ``|`` (or) and ``~`` (not).

    Immutable. Made with :data:`~bulkeditor.query.F` or :meth:`from_filter`.
    """

    __slots__ = ("_on_mapping", "_on_model")

    _on_mapping: Predicate
    _on_model: Predicate
    # How tightly the text binds, and how many levels stand below.
    _binding: ClassVar[int] = _LEAF

    @classmethod
    def from_filter(cls, filter: Mapping[str, object]) -> Condition:  # noqa: A002 -- the API's own word
        """Read the API's JSON filter.

        Args:
            filter: ``{"vendor": "X", "price": {"gte": 10}}``; all entries must hold; ``and``, ``or`` and
                ``not`` join further filters. A bare value means equality, null means "has no value", and on
                ``tags`` a bare text means "has this tag".

        Returns:
            The condition; an empty filter holds for every row.

        Raises:
            InvalidInputError: The filter is malformed; the error names the field.
        """
        # The parser builds the nodes, so it stands above this module.
        from bulkeditor.query._filter import parse_filter  # noqa: PLC0415

        return parse_filter(filter)

    def matches(self, row: Product | Mapping[str, Any]) -> bool:
        """Whether the condition definitely holds for a row.

        Args:
            row: A product, or plain data with the same field names.

        Returns:
            False as well where a missing value leaves it unknown.

        Raises:
            NotLoadedError: The row lacks a field that the condition names. Plain data may lack ``tags``: then
                there are none.
            InvalidInputError: Two values cannot be compared, such as a text with a number.
        """
        if not hasattr(self, "_on_model"):
            self._compile()
        # The first test is the quick one; the second knows every other mapping.
        if type(row) is dict or isinstance(row, Mapping):
            return self._on_mapping(row)
        return self._on_model(row)

    def check(self, schema: Schema = PRODUCT_SCHEMA) -> None:
        """Compare field names and constants with what the rows will hold, before any row is read.

        Args:
            schema: The fields there are.

        Raises:
            InvalidInputError: Some names are unknown (with the nearest known one), or constants cannot be
                compared with what their fields hold; all of them in ``errors``.
        """
        errors = [*schema.problems(sorted(self.fields)), *self._mismatches(schema)]
        if errors:
            raise InvalidInputError(
                f"The condition does not fit: {'; '.join(map(str, errors))}.", errors=errors
            )

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that it reads, dotted as they were written."""
        return frozenset(self._names())

    @property
    def columns(self) -> frozenset[str]:
        """Names of the fields to load for it: ``custom_fields`` where it reads ``custom_fields.x``."""
        return frozenset(name.partition(".")[0] for name in self._names())

    def pushdown(self) -> dict[str, JSON]:
        """The part that any server may filter by, as a filter of bare values.

        Returns:
            Equalities of plain columns that all must hold. Every row that satisfies the condition satisfies
            them; the whole condition is still to be evaluated on what comes.
        """
        pushed: dict[str, JSON] = {}
        for name, value in self._pushed():
            pushed.setdefault(name, value)
        return pushed

    def to_filter(self) -> dict[str, JSON]:
        """The whole condition as the API's JSON filter, with operators.

        Returns:
            Plain data that :meth:`from_filter` reads to the same condition; decimals stay Decimal, times are
            text.

        Raises:
            InvalidInputError: It compares two fields, which a filter cannot say.
        """
        raise NotImplementedError

    def __and__(self, other: Condition) -> Condition:
        return all_of((self, _condition(other)))

    def __or__(self, other: Condition) -> Condition:
        return any_of((self, _condition(other)))

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "A condition has no truth value of its own: join conditions with & | ~ (each comparison in "
            "parentheses) instead of and, or, not, and do not chain comparisons like 1 < F.price < 2."
        )

    def __str__(self) -> str:
        return self._text()

    def __repr__(self) -> str:
        return f"<Condition {self}>"

    def __reduce__(self) -> tuple[object, ...]:
        # The compiled closures stay behind; they are made again where the condition is used next.
        node = cast("type[attrs.AttrsInstance]", type(self))
        return type(self), tuple(getattr(self, field.name) for field in attrs.fields(node) if field.init)

    def _compile(self) -> None:
        # A race between threads builds the same closures twice and keeps one; the second is set last, as
        # matches() asks for it.
        object.__setattr__(self, "_on_mapping", self._predicate(_evaluate.mapping_reader, negated=False))
        object.__setattr__(self, "_on_model", self._predicate(_evaluate.model_reader, negated=False))

    def _predicate(self, reader: MakeReader, *, negated: bool) -> Predicate:
        raise NotImplementedError

    def _names(self) -> Iterator[str]:
        raise NotImplementedError

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        del schema
        yield from ()

    def _pushed(self) -> Iterator[tuple[str, JSON]]:
        yield from ()

    def _text(self) -> str:
        raise NotImplementedError

    def _negated_filter(self) -> dict[str, JSON]:
        return {"not": self.to_filter()}

    def _negated_text(self) -> str:
        return f"NOT {_inside(self, _NOT)}"

    def _depth(self) -> int:
        return 0


def _condition(other: object) -> Condition:
    if not isinstance(other, Condition):
        raise TypeError(
            f"{other!r} is no condition; compare it first, and put each comparison in parentheses: "
            "(F.price < 10) & (F.vendor == 'X')."
        )
    return other


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

    _binding: ClassVar[int] = _AND

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        parts = [item.to_filter() for item in self.items]
        merged = _merged(parts)
        return merged if merged is not None else {"and": list(parts)}

    def _pushed(self) -> Iterator[tuple[str, JSON]]:
        for item in self.items:
            yield from item._pushed()

    def _predicate(self, reader: MakeReader, *, negated: bool) -> Predicate:
        parts = [item._predicate(reader, negated=negated) for item in self.items]
        return _any(parts) if negated else _all(parts)

    def _text(self) -> str:
        return " AND ".join(_inside(item, _AND) for item in self.items) or "TRUE"


@attrs.frozen(repr=False, str=False)
class Or(_Joined):
    """At least one of them holds.

    Args:
        items: The conditions; none at all hold for no row.
    """

    _binding: ClassVar[int] = _OR

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        return {"or": [item.to_filter() for item in self.items]}

    def _predicate(self, reader: MakeReader, *, negated: bool) -> Predicate:
        parts = [item._predicate(reader, negated=negated) for item in self.items]
        return _all(parts) if negated else _any(parts)

    def _text(self) -> str:
        return " OR ".join(_inside(item, _OR) for item in self.items) or "FALSE"


@attrs.frozen(repr=False, str=False)
class Not(Condition):
    """The opposite; the opposite of unknown is unknown.

    Args:
        item: The condition.
    """

    item: Condition
    depth: int = attrs.field(init=False, eq=False, default=attrs.Factory(_depth_of_item, takes_self=True))
    _binding: ClassVar[int] = _NOT

    def __invert__(self) -> Condition:
        return self.item

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        return self.item._negated_filter()

    def _depth(self) -> int:
        return self.depth

    def _predicate(self, reader: MakeReader, *, negated: bool) -> Predicate:
        return self.item._predicate(reader, negated=not negated)

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


def _inside(item: Condition, level: int) -> str:
    # Equal precedence needs parentheses as well, or the text would read back to another tree.
    text, binding = str(item), item._binding  # pyright: ignore[reportPrivateUsage]
    return text if binding > level or text in {"TRUE", "FALSE"} else f"({text})"


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 2:  # noqa: PLR2004 -- the frequent case, without a loop
        first, second = parts
        return lambda row: first(row) and second(row)

    def holds(row: object) -> bool:
        for part in parts:  # noqa: SIM110 -- a generator inside all() takes half as long again
            if not part(row):
                return False
        return True

    return holds


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 2:  # noqa: PLR2004 -- as above
        first, second = parts
        return lambda row: first(row) or second(row)

    def holds(row: object) -> bool:
        for part in parts:  # noqa: SIM110 -- as above
            if part(row):
                return True
        return False

    return holds


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


__all__ = ["MAX_DEPTH", "RESERVED", "And", "Condition", "Not", "Or", "all_of", "any_of"]

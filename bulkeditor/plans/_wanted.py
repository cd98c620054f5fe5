"""What products shall be, given in absolute values, held against what the shop holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, cast

import attrs

from bulkeditor.api._rows import Given
from bulkeditor.connectors import Record
from bulkeditor.errors import InvalidInputError
from bulkeditor.models import JSON, UNSET, Product, ProductUpdate
from bulkeditor.plans._amounts import refused
from bulkeditor.plans._build import Planned, plan_read
from bulkeditor.plans._document import PlanDocument
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._exact import CUSTOM, column_of
from bulkeditor.plans._gather import Gathering, Origin
from bulkeditor.plans._guard import Guard
from bulkeditor.plans._planner import checked_guards, columns_for
from bulkeditor.plans._records import wish_of
from bulkeditor.plans._rows import SkippedRow, Value
from bulkeditor.plans._rule import Changes, Skip
from bulkeditor.plans._values import check_fields

WantedRow: TypeAlias = Given | Record
"""What one product shall be: an update, a mapping, or what a connector's session read."""

Entries = Literal["merge", "replace"]
"""Custom fields of a product that a row does not name: ``merge`` leaves them, ``replace`` takes them away."""


@attrs.frozen(eq=False)
class Wanted:
    """What one product shall be: a rule for it alone.

    Args:
        id: The product's id, when it is found by that.
        sku: Its SKU, when it is found by that.
        changes: Absolute values by field.
        source: Where they come from, in words.
        skips: Why a field, or the whole product, is left alone.
        strange: Fields that were given and that the shop cannot be given.
    """

    id: str | None
    sku: str | None
    changes: Changes
    source: str
    skips: tuple[Skip, ...] = ()
    strange: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether it is left alone whatever the shop holds."""
        return bool(self.skips) and not self.changes

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it changes."""
        return frozenset(map(column_of, self.changes))

    def apply(self, row: Draft, /) -> Changes | Skip:
        """The values."""
        del row
        return self.changes

    def __str__(self) -> str:
        return self.source


class WantedRows:
    """Rows of absolute values, to be held against what the shop holds.

    Args:
        rows: Updates, mappings with ``id`` or ``sku`` and the fields that the product shall have, or records
            of a connector.
        entries: What happens to custom fields that a row does not name.
        guards: The limits.
        source: Where the rows come from, in words: the reason of each row.

    Raises:
        InvalidInputError: A row names no product, or a field that cannot be changed; the text says which.
    """

    def __init__(
        self,
        rows: Iterable[WantedRow],
        *,
        entries: Entries = "merge",
        guards: Guard | Iterable[Guard] = (),
        source: str = "as given",
    ) -> None:
        if isinstance(rows, Mapping | ProductUpdate | Record | str):
            raise refused("rows", "must be a list of rows, got one alone", "Write [row].")
        self._rows = [_wanted(index, row, entries, source) for index, row in enumerate(rows)]
        self._sought = [row for row in self._rows if not row.settled]
        self._guards = checked_guards(guards)
        self._source = source

    @property
    def columns(self) -> frozenset[str]:
        """Names of the fields to load."""
        return columns_for(self._rows, self._guards)

    @property
    def ids(self) -> Sequence[str]:
        """Products that are found by their id, each once."""
        return list(dict.fromkeys(row.id for row in self._sought if row.id is not None))

    @property
    def skus(self) -> Sequence[str]:
        """Products that are found by their SKU, each once."""
        return list(dict.fromkeys(row.sku for row in self._sought if row.id is None and row.sku is not None))

    def document(
        self,
        by_id: Mapping[str, Sequence[Product]],
        by_sku: Mapping[str, Sequence[Product]],
        origin: Origin,
        *,
        uncertain: Collection[str] = frozenset(),
    ) -> PlanDocument:
        """The plan.

        Args:
            by_id: Products by id.
            by_sku: Products by SKU; several where it is ambiguous.
            origin: Where the plan comes from.
            uncertain: Ids and SKUs that were not found in a list that could not be read in full.
        """
        gathering = Gathering(self._guards)
        columns = self.columns
        seen: set[str] = set()
        for row in self._rows:
            if row.settled:
                gathering.add(Planned(skipped=_left_alone(row, row.id)))
                continue
            found = by_id.get(row.id, ()) if row.id is not None else by_sku.get(row.sku or "", ())
            if len(found) != 1:
                gathering.skip(_not_one(row, len(found), uncertain))
            elif found[0].id in seen:
                gathering.skip(_given_twice(row, found[0].id))
            else:
                seen.add(found[0].id)
                planned = plan_read(found[0], columns, [row], self._guards)
                planned.skipped += _left_alone(row, found[0].id)
                gathering.add(planned)
        for name in dict.fromkeys(name for row in self._rows for name in row.strange):
            gathering.note(_no_field(name, sum(name in row.strange for row in self._rows)))
        return gathering.document(origin, filter="the products of the rows", updates=[self._source])


def _wanted(index: int, given: object, entries: Entries, source: str) -> Wanted:
    who = f"row {index}"
    if isinstance(given, Record):
        wish = wish_of(given)
        check_fields(wish.changes, who)
        return Wanted(wish.id, wish.sku, _changes(wish.changes, entries), source, wish.skips, wish.strange)
    values = _given(who, given)
    ident, sku = _key(values, "id"), _key(values, "sku")
    if ident is None and sku is None:
        raise refused(who, "names no product", "Give its id or its sku, as text.", code="required")
    # With an id, the SKU is a field to set.
    keys = {"id"} if ident is not None else {"id", "sku"}
    changes = {name: value for name, value in values.items() if name not in keys}
    check_fields(changes, who)
    return Wanted(ident, sku, _changes(cast("dict[str, Value]", changes), entries), source)


def _given(who: str, given: object) -> Mapping[str, object]:
    if isinstance(given, ProductUpdate):
        keys = {name: getattr(given, name) for name in ("id", "sku")}
        return {**{name: value for name, value in keys.items() if value}, **given.changes}
    if not isinstance(given, Mapping):
        raise InvalidInputError(
            f"{who} must be a ProductUpdate, a mapping or a Record, got {type(given).__name__}."
        )
    values = cast("Mapping[str, object]", given)
    return {name: value for name, value in values.items() if value is not UNSET}


def _key(values: Mapping[str, object], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None


def _changes(values: Mapping[str, Value], entries: Entries) -> Changes:
    given = values.get(CUSTOM)
    if entries == "replace" or not isinstance(given, Mapping):
        return values
    changes = {name: value for name, value in values.items() if name != CUSTOM}
    members = cast("Mapping[str, JSON]", given)
    return {**changes, **{f"{CUSTOM}.{name}": value for name, value in members.items()}}


def _left_alone(row: Wanted, product: str | None) -> list[SkippedRow]:
    return [
        SkippedRow(product=product, sku=row.sku, field=skip.field, code=skip.code, reason=skip.reason)
        for skip in row.skips
    ]


def _no_field(name: str, count: int) -> SkippedRow:
    reason = f"{count} records have it, and it is no field of the shop that can be changed"
    return SkippedRow(product=None, field=name, code="no_such_field", reason=reason)


def _given_twice(row: Wanted, ident: str) -> SkippedRow:
    reason = "An earlier row is about the same product; what one product shall be belongs into one row"
    return SkippedRow(product=ident, sku=row.sku, code="given_twice", reason=reason)


def _not_one(row: Wanted, count: int, uncertain: Collection[str]) -> SkippedRow:
    key = row.id if row.id is not None else row.sku
    name = f"the {'id' if row.id is not None else 'SKU'} {key!r}"
    if count:
        code, reason = "ambiguous_sku", f"{count} products have {name}; give the id"
    elif key in uncertain:
        code, reason = "not_seen", f"No product with {name} was seen, and the list could not be read in full"
    else:
        code, reason = "not_found", f"There is no product with {name}"
    return SkippedRow(product=row.id, sku=row.sku, code=code, reason=reason)


__all__ = ["Entries", "Wanted", "WantedRow", "WantedRows"]

"""A record of another system as a wish: what of it the shop can be given, and why the rest is left alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

import attrs

from bulkeditor.connectors import Record
from bulkeditor.plans._rows import Value, group_of
from bulkeditor.plans._rule import Skip
from bulkeditor.plans._values import changeable

# What every system keeps for itself: nobody expects to find it in the shop.
_ITS_OWN: Final = frozenset({"id", "created_at", "updated_at"})


@attrs.frozen
class Wish:
    """What a record says about one product.

    Args:
        id: The product's id, where the records are known by it.
        sku: Its SKU otherwise.
        changes: Absolute values by field.
        skips: Why a field, or the whole record, is left alone.
        strange: Fields that the shop cannot be given at all.
    """

    id: str | None
    sku: str | None
    changes: Mapping[str, Value]
    skips: tuple[Skip, ...] = ()
    strange: tuple[str, ...] = ()


def wish_of(record: Record) -> Wish:
    """What a record says; what it does not say is no reason to clear anything.

    Args:
        record: As a session read it.
    """
    values = record.values
    by_id = values.get("id") == record.key and values.get("sku") != record.key
    sku = values.get("sku")
    ident, name = (record.key, None) if by_id else (None, sku if isinstance(sku, str) and sku else record.key)
    if record.deleted:
        return Wish(ident, name, {}, (Skip("deleted", "The record is gone there; a plan deletes nothing"),))
    keys = {"id"} if by_id else {"id", "sku"}
    given = {field: value for field, value in values.items() if field not in keys}
    known = {field: cast("Value", value) for field, value in given.items() if changeable(field)}
    skips = tuple(_skips(record, known))
    left = {skip.field for skip in skips}
    changes = {field: value for field, value in known.items() if field not in left}
    if not changes and not skips:
        skips = (Skip("no_value", "The record holds no value that the shop could be given"),)
    strange = tuple(field for field in given if field not in known and field not in _ITS_OWN)
    return Wish(ident, name, changes, skips, strange)


def _skips(record: Record, known: Mapping[str, Value]) -> Iterator[Skip]:
    """Fields that could not be read, those that stand or fall with them, and those that are null."""
    spoilt: dict[str, str] = {}
    for problem in record.problems:
        yield Skip("unreadable", f"It could not be read: {problem}", problem.field)
        if problem.field is not None:
            spoilt.setdefault(group_of(problem.field), problem.field)
    for field, value in known.items():
        if group_of(field) in spoilt:
            reason = f"Its {spoilt[group_of(field)]} could not be read, and both go together"
            yield Skip("unreadable", reason, field)
        elif value is None:
            yield Skip("no_value", "The record holds no value for it, which is no reason to clear it", field)


__all__ = ["Wish", "wish_of"]

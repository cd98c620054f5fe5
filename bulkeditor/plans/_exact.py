"""Values of product fields, read from a product and compared: exactly, or as a server may keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, cast

import msgspec

from bulkeditor.api._compare import same
from bulkeditor.models import JSON, UNSET, Product
from bulkeditor.plans._rows import PRICES, Value

CUSTOM: Final = "custom_fields"

_EMPTY: Final[Mapping[str, JSON]] = MappingProxyType({"tags": [], CUSTOM: {}, "options": {}})
# Keys of objects in order: in JSON their order means nothing.
_comparable: Final = msgspec.json.Encoder(decimal_format="number", order="deterministic")


def column_of(field: str) -> str:
    """The product's field that a row is about: ``custom_fields.season`` stands in ``custom_fields``."""
    return field.partition(".")[0]


def entry_of(field: str) -> str | None:
    """The entry that a row is about; None for a whole column."""
    _, dot, entry = field.partition(".")
    return entry if dot else None


def column_value(product: Product, column: str) -> JSON:
    """A whole column as it was read; what the server left out is empty."""
    value: JSON = getattr(product, column, None)
    return _EMPTY.get(column) if value is None else value


def unreadable(product: Product, columns: Iterable[str]) -> list[str]:
    """The columns of which a product holds something that could not be read: it is not for blank."""
    return [column for column in columns if not hasattr(product, column) and column in product.extra]


def value_in(columns: Mapping[str, JSON], field: str) -> Value:
    """What columns hold in a field; UNSET where there is no such entry."""
    value, entry = columns[column_of(field)], entry_of(field)
    if entry is None:
        return value
    return cast("Mapping[str, JSON]", value or {}).get(entry, UNSET)


def identical(field: str, one: Value, other: Value) -> bool:
    """Whether two values are the same to the last sign: the order of tags counts, null is not absent.

    Amounts of money are equal as numbers: 25 is 25.00.
    """
    if one is UNSET or other is UNSET:
        return one is other
    if field in PRICES:
        return one == other
    return _comparable.encode(one) == _comparable.encode(other)


def alike(field: str, wanted: Value, held: Value) -> bool:
    """Whether a server holds what it was sent, in whatever order or form it keeps tags and numbers."""
    if wanted is UNSET or held is UNSET:
        return wanted is held
    return same(field, wanted, held)


__all__ = [
    "CUSTOM",
    "alike",
    "column_of",
    "column_value",
    "entry_of",
    "identical",
    "unreadable",
    "value_in",
]

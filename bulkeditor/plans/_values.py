"""Values that rules give: which fields they may be for, and the one form in which a plan holds each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, NoReturn, cast

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import JSON, UNSET, encode, money
from bulkeditor.models._base import did_you_mean
from bulkeditor.models._inputs import plain_json, to_quantity
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._exact import CUSTOM, column_of, entry_of
from bulkeditor.plans._rows import PRICES, Value

WRITABLE: Final = (
    "sku", "title", "handle", "vendor", "product_type", "category", "status", "tags", "price",
    "compare_at_price", "cost", "inventory_quantity", "custom_fields", "options", "barcode",
)  # fmt: skip
"""Fields that can be changed."""

_COLUMNS: Final = frozenset(WRITABLE)


def changeable(name: str) -> bool:
    """Whether there is such a field, or entry (``custom_fields.season``), and it can be changed."""
    return name in _COLUMNS or (column_of(name) == CUSTOM and entry_of(name) is not None)


def check_fields(names: Iterable[str], who: object) -> None:
    """Refuse fields that cannot be changed.

    Args:
        names: The fields; an entry is ``custom_fields.season``.
        who: What wants to change them, for the text.

    Raises:
        InvalidInputError: There is no such field, or the server alone sets it.
    """
    for name in names:
        if not changeable(name):
            _refuse(name, who)


def _refuse(name: str, who: object) -> NoReturn:
    column = column_of(name)
    if column in WRITABLE:
        problem = f"{name!r:.80} cannot be changed by itself"
        hint = f"Give the whole of {column}."
    else:
        problem = f"{name!r:.80} is no field that can be changed"
        hint = did_you_mean(column, WRITABLE).strip() or f"There are {', '.join(WRITABLE)}."
    raise InvalidInputError(
        f"{who}: {problem}.",
        errors=[FieldError(field=name, message=problem, code="unknown_field")],
        hint=hint,
    )


def normal_changes(row: Draft, changes: Mapping[str, Value]) -> dict[str, Value]:
    """What a rule gave, each value in its one form, and custom fields entry by entry.

    Args:
        row: The product that it is for.
        changes: What the rule gave.

    Raises:
        InvalidInputError: A value is nothing that can be sent.
    """
    normal: dict[str, Value] = {}
    for name, value in changes.items():
        if name == CUSTOM:
            normal.update(_entries(row, value))
        elif value is not UNSET or "." in name:
            normal[name] = normal_value(name, value)
    return normal


def _entries(row: Draft, value: Value) -> Iterator[tuple[str, Value]]:
    given = {} if value is None else value
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"{CUSTOM}: expected an object, got {value!r:.60}.")
    for name in cast("Mapping[str, JSON]", row[CUSTOM]):
        if name not in given:
            yield f"{CUSTOM}.{name}", UNSET
    for name, item in cast("Mapping[str, JSON]", given).items():
        yield f"{CUSTOM}.{name}", normal_value(f"{CUSTOM}.{name}", item)


def normal_value(name: str, value: Value) -> Value:
    """A value in the form in which a plan holds it; one that the server will refuse stays as it is.

    Args:
        name: The field.
        value: What was given.

    Raises:
        InvalidInputError: It is nothing that can be sent: NaN, half a character, a type that JSON lacks.
    """
    given: Any = value
    if given is UNSET or given is None:
        return [] if name == "tags" else given
    with suppress(InvalidInputError):
        if name in PRICES:
            return money(given, name)
        if name == "inventory_quantity":
            return cast("int", to_quantity(given))
    if name == "tags" and isinstance(given, tuple | set | frozenset):
        given = list(cast("tuple[str, ...]", given))
    if _is_plain(given):
        return cast("JSON", given)
    encode(given)
    return _without_floats(plain_json(given, name))


def _is_plain(value: object) -> bool:
    """Whether a value is a text, or a list of them, in which nothing can be wrong: what is frequent."""
    if type(value) is str:
        return value.isascii()
    items = cast("list[object]", value) if type(value) is list else [None]
    return all(type(item) is str and item.isascii() for item in items)


def _without_floats(value: JSON) -> JSON:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: _without_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_floats(item) for item in value]
    return value


__all__ = ["WRITABLE", "changeable", "check_fields", "normal_changes", "normal_value"]

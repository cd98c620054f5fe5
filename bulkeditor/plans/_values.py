"""Values that rules give: which fields they may be for, and the one form in which a plan holds each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, cast

from bulkeditor.api._compare import same
from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import JSON, UNSET, money
from bulkeditor.models._base import did_you_mean
from bulkeditor.models._inputs import plain_json, to_quantity
from bulkeditor.plans._draft import CUSTOM, Draft
from bulkeditor.plans._rows import PRICES, Value

WRITABLE: Final = (
    "sku", "title", "handle", "vendor", "product_type", "category", "status", "tags", "price",
    "compare_at_price", "cost", "inventory_quantity", "custom_fields", "options", "barcode",
)  # fmt: skip
"""Fields that can be changed."""


def check_field(name: str, who: str) -> None:
    """Refuse a field that cannot be changed.

    Args:
        name: The field; an entry is ``custom_fields.season``.
        who: What wants to change it, for the text.

    Raises:
        InvalidInputError: There is no such field, or the server alone sets it.
    """
    column, dot, entry = name.partition(".")
    if column in WRITABLE and (not dot or (column == CUSTOM and entry)):
        return
    if column in WRITABLE:
        problem = f"{name!r} cannot be changed alone"
        hint = f"Give the whole of {column}." if entry else "Name the entry after the dot."
    else:
        problem = f"{name!r:.80} is no field that can be changed"
        hint = did_you_mean(column, WRITABLE).strip() or f"There are {', '.join(WRITABLE)}."
    raise InvalidInputError(
        f"{who}: {problem}.",
        errors=[FieldError(field=name, message=problem, code="unknown_field")],
        hint=hint,
    )


def normal_changes(row: Draft, changes: Mapping[str, Value], who: str) -> dict[str, Value]:
    """What a rule gave, each value in its one form, and custom fields entry by entry.

    Args:
        row: The product that it is for.
        changes: What the rule gave.
        who: The rule, for the text.

    Raises:
        InvalidInputError: A name is no field that can be changed, or a value is nothing that JSON has.
    """
    normal: dict[str, Value] = {}
    for name, value in changes.items():
        check_field(name, who)
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
        InvalidInputError: It is nothing that JSON has.
    """
    given: Any = value
    try:
        if given is UNSET or given is None:
            return [] if name == "tags" else given
        if name in PRICES:
            return money(given, name)
        if name == "inventory_quantity":
            return cast("int", to_quantity(given))
    except InvalidInputError:
        pass
    if name == "tags" and isinstance(given, tuple | set | frozenset):
        given = list(cast("tuple[str, ...]", given))
    return _without_floats(plain_json(given, name))


def _without_floats(value: JSON) -> JSON:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: _without_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_floats(item) for item in value]
    return value


def equal(one: Value, other: Value) -> bool:
    """Whether two values are the same to the server: 12.5 is 12.50, true is not 1, order counts in a list."""
    return one is other or same("", one, other)


__all__ = ["WRITABLE", "check_field", "equal", "normal_changes", "normal_value"]

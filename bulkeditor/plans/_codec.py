"""Rows of plans as plain JSON data and back, for files and the ledger. Money is text, every digit kept."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, cast

from bulkeditor.errors import FieldError
from bulkeditor.models import JSON, UNSET
from bulkeditor.plans._rows import PRICES, PlanRow, SkippedRow, Value

Data = dict[str, JSON]

# What JSON has no words for stands under one of these names, in an object of its own.
_DECIMAL: Final = "$decimal"
_ABSENT: Final = "$absent"
_AS_IS: Final = "$json"
_OBJECT: Final = "$object"


def pack_value(field: str, value: Value) -> JSON:
    """One value as plain data without floats and Decimals.

    Args:
        field: Whose value; amounts of prices are plain text.
        value: The value.
    """
    if field not in PRICES:
        return _packed(value)
    if value is None or isinstance(value, Decimal):
        return None if value is None else str(value)
    return {_AS_IS: _packed(value)}


def unpack_value(field: str, data: JSON) -> Value:
    """What :func:`pack_value` packed.

    Raises:
        ValueError: It is nothing of that kind; likewise ArithmeticError and TypeError.
    """
    if field not in PRICES or data is None:
        return _unpacked(data)
    if isinstance(data, str):
        return _finite(data)
    return _unpacked(cast("Data", data)[_AS_IS])


def _packed(value: Value) -> JSON:
    if value is UNSET:
        return {_ABSENT: True}
    if isinstance(value, Decimal):
        return {_DECIMAL: str(value)}
    if isinstance(value, list):
        return [_packed(item) for item in value]
    if isinstance(value, dict):
        packed = {name: _packed(item) for name, item in value.items()}
        return {_OBJECT: packed} if any(name.startswith("$") for name in value) else packed
    return cast("JSON", value)


def _unpacked(data: JSON) -> Value:
    if isinstance(data, list):
        return [cast("JSON", _unpacked(item)) for item in data]
    if not isinstance(data, dict):
        return data
    if len(data) == 1:
        if data.get(_ABSENT) is True:
            return UNSET
        if isinstance(text := data.get(_DECIMAL), str):
            return _finite(text)
        if isinstance(members := data.get(_OBJECT), dict):
            data = members
    return {name: cast("JSON", _unpacked(item)) for name, item in data.items()}


def _finite(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(f"{text:.20} is no finite number")
    return number


def pack_row(row: PlanRow) -> Data:
    """A row as plain data; fields that say nothing are left out."""
    data: Data = {
        "product": row.product,
        "sku": row.sku,
        "title": row.title,
        "field": row.field,
        "reason": row.reason or None,
        "problem": None if row.problem is None else pack_problem(row.problem),
    }
    values: Data = {
        "before": pack_value(row.field, row.before),
        "after": pack_value(row.field, row.after),
    }
    return _without_nulls(data) | values


def unpack_row(data: Mapping[str, JSON]) -> PlanRow:
    """What :func:`pack_row` packed.

    Raises:
        ValueError: It is no such data; likewise KeyError, TypeError and ArithmeticError.
    """
    field = text(data, "field")
    problem = data.get("problem")
    return PlanRow(
        product=text(data, "product"),
        sku=optional(data, "sku"),
        title=optional(data, "title"),
        field=field,
        before=unpack_value(field, data["before"]),
        after=unpack_value(field, data["after"]),
        reason=optional(data, "reason") or "",
        problem=None if problem is None else unpack_problem(cast("Data", problem)),
    )


def pack_skipped(row: SkippedRow) -> Data:
    """A skipped row as plain data."""
    return _without_nulls(
        {
            "product": row.product,
            "sku": row.sku,
            "field": row.field,
            "code": row.code,
            "reason": row.reason,
        }
    )


def unpack_skipped(data: Mapping[str, JSON]) -> SkippedRow:
    """What :func:`pack_skipped` packed."""
    return SkippedRow(
        product=optional(data, "product"),
        sku=optional(data, "sku"),
        field=optional(data, "field"),
        code=text(data, "code"),
        reason=text(data, "reason"),
    )


def pack_problem(problem: FieldError) -> Data:
    """A problem as plain data."""
    return _without_nulls({"field": problem.field, "code": problem.code, "message": problem.message})


def unpack_problem(data: Mapping[str, JSON]) -> FieldError:
    """What :func:`pack_problem` packed."""
    return FieldError(field=optional(data, "field"), code=text(data, "code"), message=text(data, "message"))


def text(data: Mapping[str, JSON], name: str) -> str:
    """A text that must be there.

    Raises:
        KeyError: It is not there.
        TypeError: It is something else.
    """
    value = data[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text")
    return value


def optional(data: Mapping[str, JSON], name: str) -> str | None:
    """A text that may be missing.

    Raises:
        TypeError: It is something else.
    """
    return None if data.get(name) is None else text(data, name)


def _without_nulls(data: Data) -> Data:
    return {name: value for name, value in data.items() if value is not None}


__all__ = [
    "Data",
    "optional",
    "pack_problem",
    "pack_row",
    "pack_skipped",
    "pack_value",
    "text",
    "unpack_problem",
    "unpack_row",
    "unpack_skipped",
    "unpack_value",
]

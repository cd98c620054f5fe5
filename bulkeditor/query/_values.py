"""The values that conditions compare: which are accepted, what kind each is, and how two of them meet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import JSON

Scalar: TypeAlias = str | bool | int | Decimal | datetime
"""A value that a field can be compared with, as it stands in a condition."""

Value: TypeAlias = Scalar | tuple[str, ...]
"""A scalar, or a whole list of tags."""

ORDERED: Final = frozenset({"lt", "lte", "gt", "gte"})
TEXTUAL: Final = frozenset({"contains", "starts_with", "ends_with"})

# Wider than any price or count, and small enough that writing one out cannot fill the memory.
_MAX_EXPONENT = 60

_KIND_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "flag": "the flag",
        "number": "the number",
        "text": "the text",
        "time": "the time",
        "list": "the list",
        "object": "the object",
        "null": "the missing value",
    }
)


def invalid(field: str, message: str, *, code: str, hint: str | None = None) -> InvalidInputError:
    """One clear error for one field of a condition."""
    return InvalidInputError(
        f"{field}: {message}.", errors=[FieldError(field=field, message=message, code=code)], hint=hint
    )


def scalar(value: object, field: str) -> Scalar:
    """Check and normalise one value given for a field.

    Args:
        value: What the caller wrote.
        field: The field it stands beside, for the error.

    Returns:
        The value; a float as the decimal that its shortest text says.

    Raises:
        InvalidInputError: It is of no accepted type, not finite, or a time without a zone.
    """
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) >= 10**_MAX_EXPONENT:
            raise invalid(field, "the number is too large to compare with", code="invalid_value")
        return value
    if isinstance(value, float | Decimal):
        return _decimal(value, field)
    if isinstance(value, datetime):
        return _aware(value, field)
    raise invalid(
        field,
        f"cannot compare with a value of type {type(value).__name__}",
        code="invalid_value",
        hint="Use text, a number, a bool, an aware datetime or None.",
    )


def value_of(value: object, field: str) -> Value:
    """As :func:`scalar`, and lists of text as well (all of a product's tags)."""
    if isinstance(value, list | tuple):
        return tuple(tag(item, field) for item in cast("Iterable[object]", value))
    return scalar(value, field)


def tag(item: object, field: str) -> str:
    """One entry of a list to compare with."""
    if not isinstance(item, str):
        raise invalid(field, f"a list holds text only, not {type(item).__name__}", code="invalid_value")
    return item


def _decimal(value: float | Decimal, field: str) -> Decimal:
    # repr is the shortest text that reads back to the same float: 0.1 means 0.1.
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not number.is_finite():
        raise invalid(field, f"{value} is no number to compare with", code="invalid_value")
    if number and abs(number.adjusted()) >= _MAX_EXPONENT:
        raise invalid(field, "the number is too large or too small to compare with", code="invalid_value")
    return number


def _aware(value: datetime, field: str) -> datetime:
    if value.tzinfo is None:
        raise invalid(
            field,
            f"the time {value.isoformat()} has no time zone",
            code="naive_time",
            hint="Add one: datetime(…, tzinfo=UTC).",
        )
    return value


def parse_time(text: str) -> datetime | None:
    """Read RFC 3339 text; None when it is no time or has no zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def time_text(value: datetime) -> str:
    """RFC 3339 in UTC with Z, as the API writes times."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_json(value: Value) -> JSON:
    """A value as it stands in a filter."""
    if isinstance(value, datetime):
        return time_text(value)
    return list(value) if isinstance(value, tuple) else value


def to_text(value: Value) -> str:
    """A value as it stands in a condition's text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(to_text(item) for item in value) + "]"
    return json.dumps(time_text(value) if isinstance(value, datetime) else value, ensure_ascii=False)


def kind_of(value: object) -> str:
    """``flag``, ``number``, ``text``, ``time``, ``list``, ``object`` or ``null``."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | Decimal | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, datetime):
        return "time"
    if isinstance(value, list | tuple):
        return "list"
    return "null" if value is None else "object"


def incompatible(field: str, value: object, other: object) -> InvalidInputError:
    """The error for two values that cannot be compared."""
    # Python refuses to write out an integer of thousands of digits.
    huge = isinstance(value, int) and abs(value) >= 10**_MAX_EXPONENT
    shown = "beyond all measure" if huge else repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "…"  # noqa: PLR2004 -- a row's value may be a page of text
    left, right = _KIND_NAMES[kind_of(value)], _KIND_NAMES[kind_of(other)]
    message = f"cannot compare {left} {shown} with {right} {_shown(other)}"
    hint = None
    if kind_of(value) == "number" and isinstance(other, str):
        hint = "Write the number without quotes; for money, Decimal('29.99')."
    return invalid(field, message, code="incompatible_types", hint=hint)


def _shown(value: object) -> str:
    if isinstance(value, str | bool | int | Decimal | datetime):
        return to_text(value)
    return repr(value)


Test: TypeAlias = Callable[[object], bool | None]
"""What a leaf asks of a value that is there; None where the two have no answer in common."""

__all__ = [
    "ORDERED",
    "TEXTUAL",
    "Scalar",
    "Test",
    "Value",
    "incompatible",
    "invalid",
    "kind_of",
    "parse_time",
    "scalar",
    "tag",
    "time_text",
    "to_json",
    "to_text",
    "value_of",
]

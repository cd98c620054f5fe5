"""The values that conditions compare: which are accepted, what kind each is, and how two of them meet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
_MAX_EXPONENT: Final = 60
# A row's value may be a page of text.
_SHOWN: Final = 60

_ESCAPES: Final[Mapping[str, str]] = MappingProxyType(
    {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
)
# Control characters, line separators, and marks that turn the direction of what follows.
_TO_ESCAPE: Final = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]')

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
        return aware(value, field)
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
    number = finite(value, field)
    exponent = cast("int", number.as_tuple().exponent)
    if not number and abs(exponent) >= _MAX_EXPONENT:
        return Decimal(0)
    if max(abs(number.adjusted()), abs(exponent)) >= _MAX_EXPONENT:
        raise invalid(
            field, "the number is too large, too small or too long to compare with", code="invalid_value"
        )
    return number


def finite(value: float | Decimal, field: str) -> Decimal:
    """A number as Decimal; NaN and the infinities, which have no place in any order, are refused."""
    # repr is the shortest text that reads back to the same float: 0.1 means 0.1.
    number = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    if not number.is_finite():
        raise invalid(field, f"{value} is no number to compare with", code="invalid_value")
    return number


def aware(value: datetime, field: str) -> datetime:
    """The same time; one without a zone is refused."""
    if value.tzinfo is None:
        raise invalid(
            field,
            f"the time {value.isoformat()} has no time zone",
            code="naive_time",
            hint="Add one: datetime(…, tzinfo=UTC).",
        )
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise invalid(field, f"in UTC there is no time {value.isoformat()}", code="invalid_value") from None
    return value


def parse_time(text: str) -> datetime | None:
    """Read RFC 3339 text; None when it is no time, has no zone, or does not exist in UTC."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


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
    return quoted(time_text(value) if isinstance(value, datetime) else value)


def quoted(text: str) -> str:
    """Text in double quotes, with what a terminal would act on or not show written as escapes."""
    return f'"{_TO_ESCAPE.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return _ESCAPES.get(char) or f"\\u{ord(char):04x}"


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
    left, right = (f"{_KIND_NAMES[kind_of(each)]} {shown(each)}" for each in (value, other))
    hint = None
    if kind_of(value) == "number" and isinstance(other, str):
        hint = "Write the number without quotes; for money, Decimal('29.99')."
    return invalid(field, f"cannot compare {left} with {right}", code="incompatible_types", hint=hint)


def shown(value: object) -> str:
    """A row's value for people: as in a condition's text, cut where it is long."""
    if value is None:
        return "null"
    if isinstance(value, int) and abs(value) >= 10**_MAX_EXPONENT:
        # Python refuses to write out an integer of thousands of digits.
        return "beyond all measure"
    if isinstance(value, Decimal):
        # 1e999999 written out would fill the memory.
        small = value.is_finite() and abs(value.adjusted()) < _MAX_EXPONENT
        text = to_text(value) if small else str(value)
    elif isinstance(value, str | bool | int) or (isinstance(value, datetime) and value.tzinfo is not None):
        text = to_text(value)
    elif isinstance(value, list):
        text = "[" + ", ".join(map(shown, cast("list[object]", value))) + "]"
    else:
        text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


__all__ = [
    "ORDERED",
    "TEXTUAL",
    "Scalar",
    "Value",
    "aware",
    "finite",
    "incompatible",
    "invalid",
    "kind_of",
    "parse_time",
    "quoted",
    "scalar",
    "shown",
    "tag",
    "time_text",
    "to_json",
    "to_text",
    "value_of",
]

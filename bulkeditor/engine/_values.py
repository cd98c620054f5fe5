"""How values stand in a store: JSON as text, times as whole microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from bulkeditor.errors import InvalidInputError
from bulkeditor.models import JSON

NEVER: Final = (1 << 63) - 1
"""A time that does not come."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# Decimals become text, digit for digit: money is never a JSON number in a store.
_encoder: Final = msgspec.json.Encoder(order="deterministic")
_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)


def encode(value: object, what: str) -> str:
    """A value as JSON text; equal values give equal text.

    Args:
        value: Plain data; Decimals become text.
        what: What it is, for the error.

    Raises:
        InvalidInputError: It is no plain data.
    """
    try:
        return _encoder.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInputError(
            f"{what} cannot be kept as JSON ({error}).",
            hint="Use plain data: texts, numbers, booleans, None, lists and dicts with text keys.",
        ) from None


def decode(text: str) -> JSON:
    """Plain data from JSON text; numbers with a fraction are Decimals."""
    value: JSON = _decoder.decode(text)
    return value


def to_micros(time: datetime, what: str) -> int:
    """Microseconds since 1970.

    Args:
        time: An aware time.
        what: What it is, for the error.

    Raises:
        InvalidInputError: It has no time zone.
    """
    if time.tzinfo is None:
        raise InvalidInputError(
            f"{what} has no time zone.", hint="Give an aware datetime, for example one with tzinfo=UTC."
        )
    return (time - _EPOCH) // _MICROSECOND


def span(seconds: float, what: str) -> int:
    """Seconds as microseconds.

    Args:
        seconds: Above 0.
        what: What it is, for the error.

    Raises:
        InvalidInputError: It is no duration.
    """
    micros = round(seconds * 1_000_000)
    if micros <= 0:
        raise InvalidInputError(f"{what} must be a number of seconds above 0, not {seconds!r}.")
    return micros


LONGEST_LEASE: Final = 600_000_000
"""Microseconds that a lease lasts at most; it is renewed while it is needed.

One that ends later was given while the clock was ahead, and binds nobody: else the step of a process that was
killed then would be held until that time comes.
"""


def lease_span(seconds: float) -> int:
    """A lease as microseconds.

    Args:
        seconds: Above 0, at most ten minutes.

    Raises:
        InvalidInputError: It is no such duration.
    """
    micros = span(seconds, "lease")
    if micros > LONGEST_LEASE:
        raise InvalidInputError(
            f"lease must be at most {LONGEST_LEASE // 1_000_000} seconds, not {seconds!r}.",
            hint="A worker renews it while a step takes longer.",
        )
    return micros


def from_micros(micros: int) -> datetime:
    """The time, aware, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


__all__ = ["NEVER", "decode", "encode", "from_micros", "span", "to_micros"]

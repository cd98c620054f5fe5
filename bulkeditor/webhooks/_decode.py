"""Signed bytes to a typed event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import msgspec

from bulkeditor.errors import MalformedDataError, WebhookVerificationError
from bulkeditor.models import (
    ChangedProduct,
    CreatedProduct,
    JobReport,
    Model,
    ProductReference,
    StockChange,
    Timestamp,
    decode_one,
)
from bulkeditor.models._base import DECODE_FAILURES
from bulkeditor.models._strict import decoder
from bulkeditor.webhooks._events import (
    BulkJobCompleted,
    BulkJobFailed,
    BulkJobStarted,
    Event,
    InventoryUpdated,
    ProductCreated,
    ProductDeleted,
    ProductUpdated,
    UnknownEvent,
)
from bulkeditor.webhooks._verify import Genuine

MAX_AGE: Final = 4 * 86_400
"""Seconds that a payload's timestamp may lie in the past: as long as senders go on retrying, and some."""

MAX_AHEAD: Final = 300
"""Seconds that a payload's timestamp may lie in the future: clocks differ."""

_HINT: Final = "Answer 400: the signature is genuine, so the sender itself wrote this."


class _Payload(msgspec.Struct):
    event: str
    timestamp: Timestamp
    data: msgspec.Raw = msgspec.Raw(b"null")


_PAYLOAD: Final = decoder(_Payload)
_ANYTHING: Final = decoder(Any)
_KINDS: Final[Mapping[str, tuple[Callable[..., Event], type[Model]]]] = MappingProxyType(
    {
        ProductCreated.name: (ProductCreated, CreatedProduct),
        ProductUpdated.name: (ProductUpdated, ChangedProduct),
        ProductDeleted.name: (ProductDeleted, ProductReference),
        BulkJobStarted.name: (BulkJobStarted, JobReport),
        BulkJobCompleted.name: (BulkJobCompleted, JobReport),
        BulkJobFailed.name: (BulkJobFailed, JobReport),
        InventoryUpdated.name: (InventoryUpdated, StockChange),
    }
)


def decode_event(body: bytes, genuine: Genuine) -> Event:
    """The event that a body tells of.

    Args:
        body: The raw bytes, whose signature was checked.
        genuine: What the check found.

    Raises:
        MalformedDataError: It is not JSON, or lacks a name, an aware time or an object of data.
    """
    try:
        payload = _PAYLOAD.decode(body)
    except DECODE_FAILURES as error:
        raise MalformedDataError(f"The webhook's body is no event: {error}.", hint=_HINT) from error
    common: dict[str, Any] = {
        "id": genuine.id, "timestamp": payload.timestamp, "signed_by": genuine.signed_by, "body": body
    }  # fmt: skip
    kind = _KINDS.get(payload.event)
    try:
        if kind is None:
            return UnknownEvent(name=payload.event, data=_ANYTHING.decode(payload.data), **common)
        make, model = kind
        return make(data=decode_one(bytes(payload.data), model), **common)
    except (MalformedDataError, *DECODE_FAILURES) as error:
        raise MalformedDataError(
            f"The data of the webhook's {payload.event[:80]!r} cannot be read: {error}", hint=_HINT
        ) from error


def require_timely(timestamp: datetime, now: datetime, *, max_age: float, max_ahead: float) -> None:
    """Refuse a payload from outside the window: a recorded delivery that is played back.

    Args:
        timestamp: The payload's.
        now: The receiver's time.
        max_age: Seconds that it may lie in the past.
        max_ahead: Seconds that it may lie in the future.

    Raises:
        WebhookVerificationError: It lies outside.
    """
    age = now.timestamp() - timestamp.timestamp()
    if -max_ahead <= age <= max_age:
        return
    side = f"{max_age:g} seconds in the past" if age > 0 else f"{max_ahead:g} seconds in the future"
    raise WebhookVerificationError(
        f"The webhook's timestamp lies more than {side}.",
        hint="Check this machine's clock; if it is right, the delivery is a replay and must be ignored.",
    )


__all__ = ["MAX_AGE", "MAX_AHEAD", "decode_event", "require_timely"]

"""Signed bytes to a typed event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, cast

import attrs

from bulkeditor.errors import MalformedDataError, WebhookVerificationError
from bulkeditor.models import (
    JSON,
    ChangedProduct,
    CreatedProduct,
    JobReport,
    Model,
    ProductReference,
    StockChange,
)
from bulkeditor.models.codec import PayloadReader
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

MAX_AGE: Final = 4 * 86_400
"""Seconds that a payload's timestamp may lie in the past: as long as senders go on retrying, and some."""

MAX_AHEAD: Final = 300
"""Seconds that a payload's timestamp may lie in the future: clocks differ."""

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
_READER: Final = PayloadReader({name: model for name, (_, model) in _KINDS.items()})


def decode_event(body: bytes, msg_id: str | None, signed_by: str) -> Event:
    """The event that a body tells of.

    Args:
        body: The raw bytes, whose signature was checked.
        msg_id: The delivery's id, where it has one.
        signed_by: Which secret matched.

    Raises:
        MalformedDataError: It is not JSON, or lacks a name, an aware time or an object of data.
    """
    try:
        name, timestamp, data = _READER.read(body)
    except MalformedDataError as error:
        raise MalformedDataError(
            f"The webhook is genuine, but: {error.message}",
            hint="Answer 400: the sender itself wrote this, so a repeat cannot help.",
        ) from error
    kind = _KINDS.get(name)
    if kind is None:
        return UnknownEvent(
            id=msg_id, timestamp=timestamp, signed_by=signed_by, body=body, name=name, data=cast("JSON", data)
        )
    return kind[0](id=msg_id, timestamp=timestamp, signed_by=signed_by, body=body, data=data)


def decode_stored(event_id: str, body: bytes, signed_by: str) -> Event:
    """The event that an inbox keeps.

    Args:
        event_id: Its id, given by the sender or not.
        body: The raw bytes.
        signed_by: Which secret matched.

    Raises:
        MalformedDataError: This version of the library cannot read it.
    """
    event = decode_event(body, None, signed_by)
    return event if event.id == event_id else attrs.evolve(event, id=event_id)


def untimely(age: float, *, max_age: float, max_ahead: float) -> WebhookVerificationError:
    """The refusal of a payload from outside the window: a recorded delivery that is played back.

    Args:
        age: Seconds that its time lies in the past; negative = in the future.
        max_age: How many it may.
        max_ahead: How many it may lie in the future.
    """
    side = f"{max_age:g} seconds in the past" if age > 0 else f"{max_ahead:g} seconds in the future"
    return WebhookVerificationError(
        f"The webhook's timestamp lies more than {side}.",
        hint="Check this machine's clock; if it is right, the delivery is a replay and must be ignored.",
    )


__all__ = ["MAX_AGE", "MAX_AHEAD", "decode_event", "decode_stored", "untimely"]

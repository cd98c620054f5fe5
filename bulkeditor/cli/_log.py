"""The log of deliveries in a terminal, and sending one again."""

from __future__ import annotations

from datetime import UTC, datetime
from heapq import nlargest
from itertools import islice
from typing import Final

import bulkeditor as be
from bulkeditor.cli._screen import Column, Screen
from bulkeditor.errors import InvalidInputError

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_COLUMNS: Final = (
    Column("delivery"),
    Column("event"),
    Column("about", shrinks=True),
    Column("status"),
    Column("attempts", right=True),
    Column("answer", shrinks=True),
    Column("created (UTC)"),
)


def show_deliveries(shop: be.BulkEditor, screen: Screen, *, event: str | None, limit: int) -> None:
    """The newest deliveries to all webhooks, newest first."""
    found = [
        delivery
        for webhook in shop.webhooks.list()
        for delivery in islice(
            (one for one in shop.webhooks.deliveries(webhook.id) if event in {None, one.event}), limit
        )
    ]
    if not found:
        screen.line("No deliveries yet.")
        return
    screen.table(_COLUMNS, [_row(one) for one in nlargest(limit, found, key=_age)])


def resend(shop: be.BulkEditor, delivery_id: str) -> be.Delivery:
    """Send a delivery again, to the webhook that it was for.

    Raises:
        InvalidInputError: No webhook has such a delivery.
    """
    for webhook in shop.webhooks.list():
        for delivery in shop.webhooks.deliveries(webhook.id):
            if delivery.id == delivery_id:
                return shop.webhooks.redeliver(webhook.id, delivery_id)
    raise InvalidInputError(
        f"There is no delivery {delivery_id!r}.", hint="python -m bulkeditor events list shows them."
    )


def _age(delivery: be.Delivery) -> tuple[datetime, int, str]:
    # Ids are numbered, and numbers of one length sort like texts.
    return delivery.created_at or _LONG_AGO, len(delivery.id), delivery.id


def _row(delivery: be.Delivery) -> tuple[str, ...]:
    data = delivery.payload.get("data")
    about = (data.get("product_id") or data.get("job_id") or "") if isinstance(data, dict) else ""
    created = "" if delivery.created_at is None else f"{delivery.created_at:%m-%d %H:%M:%S}"
    answer = delivery.error or str(delivery.response_status or "")
    return (
        delivery.id, delivery.event, str(about), delivery.status, str(delivery.attempts), answer, created
    )  # fmt: skip

"""Made-up events: one of each kind, in the shape of the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._json import Doc, encode
from bulkeditor.sandbox._rows import new_doc, time_text, to_us
from bulkeditor.sandbox._subscriptions import EVENTS


def sample_data(event: str, now: int) -> Doc:
    """The ``data`` of a made-up event; it names a product and a job that do not exist."""
    product: Doc = {"product_id": "product_id_sample", "sku": "SAMPLE-1"}
    job: Doc = {"job_id": "job_sample", "operation": "update", "total_products": 150}
    done: Doc = {"successful_updates": 148, "failed_updates": 2, "execution_time": "5.5 seconds"}
    failed: Doc = {"successful_updates": 0, "failed_updates": 150, "execution_time": "5.5 seconds"}
    stock: Doc = {"on_hand": 100, "reserved": 5, "available": 95, "inventory_quantity": 100}
    values: Doc = {"sku": "SAMPLE-1", "title": "A sample", "price": 20, "inventory_quantity": 100}
    samples: dict[str, Doc] = {
        "product.created": {
            **product, "product": new_doc(values, "product_id_sample", time_text(now) or "")
        },
        "product.updated": {**product, "changes": {"price": 20}},
        "product.deleted": product,
        "bulk_job.started": job,
        "bulk_job.completed": {**job, **done},
        "bulk_job.failed": {**job, **failed, "error": "Every product failed; the job's errors say why"},
        "inventory.updated": {**product, "location_id": "warehouse_1", **stock},
    }  # fmt: skip
    return samples[event]


def sample_event(
    event: str, data: Mapping[str, object] | None = None, *, at: datetime | None = None
) -> bytes:
    """The body of a made-up event, as the sandbox would send it: to be signed and posted by a test.

    Args:
        event: Its name, for example ``product.updated``.
        data: Members of its ``data``, in place of the made-up ones.
        at: Its ``timestamp``; now, when left out.

    Returns:
        JSON.

    Raises:
        InvalidInputError: There is no such event, or ``at`` has no time zone.
    """
    if event not in EVENTS:
        raise InvalidInputError(f"{event!r} is no event.", hint=f"Known: {', '.join(EVENTS)}.")
    if at is not None and at.tzinfo is None:
        raise InvalidInputError("at: the time has no zone.", hint="Give an aware datetime.")
    now = to_us(at or datetime.now(UTC))
    now -= now % 1000
    return encode(
        {"event": event, "timestamp": time_text(now), "data": {**sample_data(event, now), **(data or {})}}
    )

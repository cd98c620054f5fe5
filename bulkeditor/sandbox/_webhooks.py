"""Subscriptions, and the deliveries to them: signed, retried, logged."""

# ruff: noqa: S608 -- SQL is put together from constants of this package; values always travel as parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._clock import Clock, Timers
from bulkeditor.sandbox._delivery import Courier, Parcel
from bulkeditor.sandbox._faults import Faults
from bulkeditor.sandbox._http import not_found
from bulkeditor.sandbox._json import JSON, Doc, decode, encode_text
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._rows import time_text
from bulkeditor.sandbox._store import MICROSECONDS, Store

EVENTS: Final = (
    "product.created",
    "product.updated",
    "product.deleted",
    "bulk_job.started",
    "bulk_job.completed",
    "bulk_job.failed",
    "inventory.updated",
)
# Seconds between one attempt and the next; after the last one the delivery has failed.
RETRIES: Final = (5, 30, 300, 1800, 7200, 21_600, 43_200, 86_400)
_LANES: Final = 4
_GONE: Final = 410


class Webhooks:
    """Who wants which event, and what became of each delivery."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        timers: Timers,
        faults: Faults,
        readings: Readings,
        courier: Courier,
    ) -> None:
        self._store = store
        self._clock = clock
        self._timers = timers
        self._faults = faults
        self._readings = readings
        self._courier = courier
        timers.handle("delivery", self._attempt)
        timers.on_stop(courier.abort)

    # Subscriptions; writing happens inside a transaction

    def create(self, events: Sequence[str], endpoint: str, secret: str | None) -> str:
        """Add a subscription; answers its id."""
        number = self._store.number("webhook")
        now = self._clock.now_us()
        self._store.execute(
            "INSERT INTO webhooks (num, id, events, endpoint, secret, enabled, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, 1, ?, ?)",
            (
                number, f"webhook_{number}", encode_text(list(events)), endpoint,
                secret or self._store.token("webhook", number), now, now,
            ),
        )  # fmt: skip
        return f"webhook_{number}"

    def row(self, ident: str) -> Any:
        """Columns of a subscription.

        Raises:
            Refusal: 404.
        """
        row = self._store.row(
            "SELECT id, events, endpoint, enabled, created_at, updated_at, secret, num, previous_expires_at "
            "FROM webhooks WHERE id = ?",
            (ident,),
        )
        if row is None:
            raise not_found("webhook", ident)
        return row

    def change(self, ident: str, values: Mapping[str, object]) -> None:
        """Write some columns."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._store.execute(
            f"UPDATE webhooks SET {names}, updated_at = ? WHERE id = ?",
            (*values.values(), self._clock.now_us(), ident),
        )

    def rotate(self, ident: str, secret: str | None, overlap: int) -> None:
        """Sign with a new secret from now on, and with both until the overlap ends."""
        number = self._store.number("webhook_secret")
        self.change(
            ident,
            {
                "previous_secret": self.row(ident)[6],
                "previous_expires_at": self._clock.now_us() + overlap * MICROSECONDS,
                "secret": secret or self._store.token("webhook_secret", number),
            },
        )

    def delete(self, ident: str) -> None:
        """Remove a subscription and what was to be delivered to it."""
        self.row(ident)
        for (delivery,) in self._store.rows(
            "SELECT id FROM deliveries WHERE webhook = ? AND status = 'pending'", (ident,)
        ):
            self._timers.remove("delivery", delivery)
        self._store.execute("DELETE FROM deliveries WHERE webhook = ?", (ident,))
        self._store.execute("DELETE FROM webhooks WHERE id = ?", (ident,))

    def subscribe(
        self, endpoint: str, events: Sequence[str] = EVENTS, *, secret: str | None = None
    ) -> tuple[str, str]:
        """Add a subscription without HTTP, as the product's settings page would.

        Args:
            endpoint: An absolute http or https URL.
            events: Names of events.
            secret: What to sign with; made up when left out.

        Returns:
            Id and secret.

        Raises:
            InvalidInputError: An unknown event.
        """
        unknown = [event for event in events if event not in EVENTS]
        if unknown:
            raise InvalidInputError(f"{unknown[0]!r} is no event.", hint=f"Known: {', '.join(EVENTS)}.")
        with self._store.transaction():
            ident = self.create(events, endpoint, secret)
            return ident, self.row(ident)[6]

    # Events

    def wanted(self, event: str) -> list[tuple[str, int]]:
        """Ids and numbers of the subscriptions for an event."""
        rows = self._store.execute("SELECT id, num, events FROM webhooks WHERE enabled = 1").fetchall()
        return [(ident, number) for ident, number, events in rows if event in _names(events)]

    def emit(self, event: str, data: Doc) -> None:
        """Inside a transaction: queue a delivery for everyone who wants the event."""
        subscribers = self.wanted(event)
        if not subscribers:
            return
        now = self._clock.now_us()
        payload = encode_text({"event": event, "timestamp": time_text(now), "data": data})
        for ident, number in subscribers:
            delivery = self._store.number("delivery")
            self._store.execute(
                "INSERT INTO deliveries (num, id, webhook, event, payload, status, attempts, tries, "
                "created_at, "
                "next_attempt_at) VALUES (?, ?, ?, ?, ?, 'pending', 0, 0, ?, ?)",
                (delivery, f"delivery_{delivery}", ident, event, payload, now, now),
            )
            self._timers.add(now, _lane(number), "delivery", f"delivery_{delivery}")

    def redeliver(self, webhook: str, delivery: str) -> None:
        """Inside a transaction: the same payload under the same id once more."""
        if self.delivery(webhook, delivery) is None:
            raise not_found("delivery", delivery)
        now = self._clock.now_us()
        self._timers.remove("delivery", delivery)
        self._store.execute(
            "UPDATE deliveries SET status = 'pending', tries = 0, next_attempt_at = ? WHERE id = ?",
            (now, delivery),
        )
        self._timers.add(now, _lane(self.row(webhook)[7]), "delivery", delivery)

    def deliveries(self, webhook: str, limit: int, start: int) -> tuple[list[Doc], int]:
        """One page of a subscription's deliveries, newest first, and how many there are."""
        rows = self._store.rows(
            f"SELECT {_DELIVERY} FROM deliveries WHERE webhook = ? ORDER BY num DESC LIMIT ? OFFSET ?",
            (webhook, limit, start),
        )
        total = self._store.value("SELECT count(*) FROM deliveries WHERE webhook = ?", (webhook,))
        return [_delivery(row) for row in rows], int(total)

    def delivery(self, webhook: str, ident: str) -> Doc | None:
        """One delivery."""
        row = self._store.row(
            f"SELECT {_DELIVERY} FROM deliveries WHERE webhook = ? AND id = ?", (webhook, ident)
        )
        return None if row is None else _delivery(row)

    # Delivering

    def _attempt(self, ident: str) -> None:
        with self._store.lock:
            row = self._store.row(
                "SELECT d.event, d.payload, w.endpoint, w.secret, w.previous_secret, w.previous_expires_at, "
                "d.tries, "
                "w.num FROM deliveries d JOIN webhooks w ON w.id = d.webhook WHERE d.id = ? AND d.status = "
                "'pending'",
                (ident,),
            )
        if row is None:
            return
        now = self._clock.now_us()
        fault = self._faults.for_delivery(row[0])
        if fault is not None and fault.drop:
            # Lost on the way out, unnoticed by the sender: nothing arrives and nothing is tried again.
            self._settle(ident, "failed", None)
            return
        previous = row[4] if row[5] is not None and row[5] > now else None
        parcel = Parcel(
            id=ident,
            endpoint=row[2],
            body=row[1].encode(),
            secrets=(row[3],) if previous is None else (row[3], previous),
            timestamp=now // MICROSECONDS,
            identity=self._readings.event_identity == "with",
            forged=fault is not None and fault.bad_signature,
        )
        status = self._courier.deliver(parcel)
        if fault is not None and fault.duplicate:
            self._courier.deliver(parcel)
        self._finish(ident, row[6], row[7], status)

    def _finish(self, ident: str, tries: int, webhook: int, status: int | None) -> None:
        if status is not None and 200 <= status < 300:  # noqa: PLR2004
            self._settle(ident, "delivered", status)
        elif status == _GONE:
            self._settle(ident, "failed", status)
            with self._store.transaction():
                self._store.execute("UPDATE webhooks SET enabled = 0 WHERE num = ?", (webhook,))
        elif tries >= len(RETRIES):
            self._settle(ident, "failed", status)
        else:
            due = self._clock.now_us() + RETRIES[tries] * MICROSECONDS
            with self._store.transaction():
                changed = self._store.execute(
                    "UPDATE deliveries SET attempts = attempts + 1, tries = tries + 1, response_status = ?, "
                    "next_attempt_at = ? WHERE id = ?",
                    (status, due, ident),
                ).rowcount
                if changed:
                    self._timers.add(due, _lane(webhook), "delivery", ident)

    def _settle(self, ident: str, outcome: str, status: int | None) -> None:
        now = self._clock.now_us()
        with self._store.transaction():
            self._store.execute(
                "UPDATE deliveries SET status = ?, attempts = attempts + 1, tries = tries + 1, "
                "response_status = ?, "
                "delivered_at = ?, next_attempt_at = NULL WHERE id = ?",
                (outcome, status, now if outcome == "delivered" else None, ident),
            )


_DELIVERY: Final = (
    "id, webhook, event, status, attempts, response_status, created_at, delivered_at, next_attempt_at, "
    "payload"
)


def _delivery(row: Any) -> Doc:
    return {
        "id": row[0],
        "webhook_id": row[1],
        "event": row[2],
        "status": row[3],
        "attempts": row[4],
        "response_status": row[5],
        "created_at": time_text(row[6]),
        "delivered_at": time_text(row[7]),
        "next_attempt_at": time_text(row[8]),
        "payload": decode(row[9]),
    }


def _lane(webhook: int) -> str:
    # A few lanes: a receiver that hangs holds up those in its own lane only, and each receiver gets them in
    # order.
    return f"deliveries-{webhook % _LANES}"


def _names(events: str) -> list[JSON]:
    names = decode(events)
    assert isinstance(names, list)
    return names

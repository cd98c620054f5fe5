"""Events on their way out: queued with the change itself, delivered in its order, retried, logged."""

# ruff: noqa: S608 -- SQL is put together from constants of this package; values always travel as parameters
from __future__ import annotations

import logging
from typing import Any, Final

import attrs

from bulkeditor.sandbox._clock import Clock, Timers
from bulkeditor.sandbox._delivery import Courier, Parcel, Receipt, Reset, Trouble
from bulkeditor.sandbox._faults import Fault, Faults
from bulkeditor.sandbox._http import not_found
from bulkeditor.sandbox._json import Doc, decode, encode_text
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._rows import time_text
from bulkeditor.sandbox._store import MICROSECONDS, Store
from bulkeditor.sandbox._subscriptions import GONE, RETRIES, Subscription, Subscriptions

_log: Final = logging.getLogger("bulkeditor.sandbox")
_LANES: Final = 4
_GONE_STATUS: Final = 410
_MILLISECOND: Final = 1000
# A delivery that is to be overtaken waits no longer than this, by the server's clock, for others to come.
_OVERTAKEN_FOR: Final = 5 * MICROSECONDS
_LOGGED: Final = 20
# Seconds; a receiver may ask for more time, but not for ever.
_LONGEST_WAIT: Final = 3600


@attrs.frozen(kw_only=True)
class _Due:
    """A delivery whose attempt is due."""

    id: str
    event: str
    payload: str
    tries: int
    overtakers: int | None
    webhook: Subscription


class Webhooks:
    """The outbox: what is to be delivered to whom, and what became of it."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        timers: Timers,
        faults: Faults,
        readings: Readings,
        courier: Courier,
        subscriptions: Subscriptions,
    ) -> None:
        self._store = store
        self._clock = clock
        self._timers = timers
        self._faults = faults
        self._readings = readings
        self._courier = courier
        self._subscriptions = subscriptions
        timers.handle("delivery", self._attempt)
        timers.on_stop(courier.abort)

    # Queueing, inside a transaction

    def wanted(self, event: str) -> bool:
        """Whether anybody wants an event."""
        return bool(self._subscriptions.wanting(event))

    def emit(self, event: str, data: Doc) -> None:
        """Queue an event for everyone who wants it; it is committed with the change, or not at all."""
        subscribers = self._subscriptions.wanting(event)
        if subscribers:
            payload = self._payload(event, data)
            for webhook in subscribers:
                self._queue(webhook, event, payload)

    def send(self, webhook: str, event: str, data: Doc) -> str:
        """Queue an event for one webhook, whether it wants it or not; answers the delivery's id."""
        number = self._subscriptions.find(webhook).num
        return self._queue((webhook, number), event, self._payload(event, data))

    def _payload(self, event: str, data: Doc) -> str:
        entity = data.get("product_id") or data.get("job_id") or ""
        # Each event of a product or a job carries a later time than the one before it, so that whoever
        # receives them out of order can tell: several changes fall into one millisecond, or a frozen clock.
        (at,) = self._store.execute(
            "INSERT INTO event_times VALUES (?, ?) "
            f"ON CONFLICT (entity) DO UPDATE SET at = max(excluded.at, at + {_MILLISECOND}) RETURNING at",
            (str(entity), self._clock.now_us()),
        ).fetchone()
        return encode_text({"event": event, "timestamp": time_text(at), "data": data})

    def _queue(self, webhook: tuple[str, int], event: str, payload: str) -> str:
        now = self._clock.now_us()
        number = self._store.number("delivery")
        delivery = f"delivery_{number}"
        self._store.execute(
            "INSERT INTO deliveries (num, id, webhook, event, payload, status, attempts, tries, created_at) "
            "VALUES (?, ?, ?, ?, ?, 'pending', 0, 0, ?)",
            (number, delivery, webhook[0], event, payload, now),
        )
        self._schedule(delivery, webhook[1], now)
        return delivery

    def _schedule(self, delivery: str, number: int, due: int, *, first: bool = False) -> None:
        self._timers.remove("delivery", delivery)
        self._store.execute("UPDATE deliveries SET next_attempt_at = ? WHERE id = ?", (due, delivery))
        # A few lanes: a receiver that hangs holds up those in its own lane only, and each receiver gets them
        # in order.
        self._timers.add(0 if first else due, f"deliveries-{number % _LANES}", "delivery", delivery)

    def redeliver(self, webhook: str, delivery: str) -> None:
        """The same payload under the same id once more, with all its retries."""
        if self.delivery(webhook, delivery) is None:
            raise not_found("delivery", delivery)
        self._store.execute("UPDATE deliveries SET status = 'pending', tries = 0 WHERE id = ?", (delivery,))
        self._schedule(delivery, self._subscriptions.find(webhook).num, self._clock.now_us())

    def enable(self, webhook: str) -> None:
        """Enable a webhook; what waited for that is due now, in its order."""
        self._subscriptions.enable(webhook)
        number, now = self._subscriptions.find(webhook).num, self._clock.now_us()
        for (delivery,) in self._store.rows(
            "SELECT id FROM deliveries WHERE webhook = ? AND status = 'pending' AND next_attempt_at IS NULL "
            "ORDER BY num",
            (webhook,),
        ):
            self._schedule(delivery, number, now)

    def delete(self, webhook: str) -> None:
        """Remove a webhook, what was to be delivered to it, and its log."""
        self._subscriptions.find(webhook)
        for (delivery,) in self._store.rows(
            "SELECT id FROM deliveries WHERE webhook = ? AND status = 'pending'", (webhook,)
        ):
            self._timers.remove("delivery", delivery)
        self._store.execute(
            "DELETE FROM delivery_attempts WHERE delivery IN (SELECT id FROM deliveries WHERE webhook = ?)",
            (webhook,),
        )
        self._store.execute("DELETE FROM deliveries WHERE webhook = ?", (webhook,))
        self._subscriptions.delete(webhook)

    # The log

    def deliveries(self, webhook: str, limit: int, start: int) -> tuple[list[Doc], int]:
        """One page of a webhook's deliveries, newest first, and how many there are."""
        rows = self._store.rows(
            f"SELECT {_DELIVERY} FROM deliveries WHERE webhook = ? ORDER BY num DESC LIMIT ? OFFSET ?",
            (webhook, limit, start),
        )
        total = self._store.value("SELECT count(*) FROM deliveries WHERE webhook = ?", (webhook,))
        return [self._shown(row) for row in rows], int(total)

    def delivery(self, webhook: str, ident: str) -> Doc | None:
        """One delivery."""
        row = self._store.row(
            f"SELECT {_DELIVERY} FROM deliveries WHERE webhook = ? AND id = ?", (webhook, ident)
        )
        return None if row is None else self._shown(row)

    def _shown(self, row: Any) -> Doc:
        attempts = self._store.rows(
            "SELECT at, response_status, error FROM delivery_attempts WHERE delivery = ? "
            "ORDER BY num DESC LIMIT ?",
            (row[0], _LOGGED),
        )
        last = attempts[0] if attempts else (None, None, None)
        return {
            "id": row[0],
            "webhook_id": row[1],
            "event": row[2],
            "status": row[3],
            "attempts": row[4],
            "response_status": last[1],
            "error": last[2],
            "created_at": time_text(row[5]),
            "delivered_at": time_text(row[6]),
            "next_attempt_at": time_text(row[7]),
            "payload": decode(row[8]),
            "log": [
                {"at": time_text(at), "response_status": status, "error": error}
                for at, status, error in reversed(attempts)
            ],
        }

    # Delivering

    def _attempt(self, ident: str) -> None:
        due = self._due(ident)
        if due is None:
            return
        fault = self._faults.for_delivery(due.event, overtaken=due.overtakers is not None)
        if fault is not None and fault.reorder:
            self._hold_back(due, int(fault.reorder))
            return
        try:
            receipt = self._deliver(due, fault or Fault())
        except Exception as error:  # noqa: BLE001 -- logged
            # A failed attempt like any other: an event is never lost to a mistake of the sender's.
            _log.exception("sandbox: delivering %s failed", ident)
            receipt = Receipt(None, f"the sender failed: {type(error).__name__}")
        with self._store.transaction():
            self._finish(due, receipt, lost=fault is not None and fault.drop)
            self._let_pass(due)

    def _due(self, ident: str) -> _Due | None:
        """What is to be delivered; None where nothing is, or not now."""
        with self._store.transaction():
            row = self._store.row(
                "SELECT id, event, payload, tries, overtakers, webhook FROM deliveries "
                "WHERE id = ? AND status = 'pending'",
                (ident,),
            )
            if row is None:
                return None
            webhook = self._subscriptions.find(row[5])
            if not webhook.enabled:
                # It waits for the webhook to be enabled again.
                self._store.execute("UPDATE deliveries SET next_attempt_at = NULL WHERE id = ?", (ident,))
                return None
        return _Due(id=row[0], event=row[1], payload=row[2], tries=row[3], overtakers=row[4], webhook=webhook)

    def _deliver(self, due: _Due, fault: Fault) -> Receipt:
        if fault.drop:
            return Receipt(None, "lost on the way (an injected fault)")
        now = self._clock.now_us()
        parcel = Parcel(
            id=due.id,
            endpoint=due.webhook.endpoint,
            body=due.payload.encode(),
            secrets=due.webhook.secrets(now),
            timestamp=now // MICROSECONDS,
            identity=self._readings.event_identity == "with",
            forged=fault.bad_signature,
        )
        reset: Reset | None = ("answer" if fault.after_commit else "request") if fault.reset else None
        receipt = self._courier.deliver(parcel, Trouble(latency=fault.latency, drip=fault.drip, reset=reset))
        if fault.duplicate:
            self._courier.deliver(parcel)
        return receipt

    def _finish(self, due: _Due, receipt: Receipt, *, lost: bool) -> None:
        """Write the attempt down, and decide what follows from it."""
        now = self._clock.now_us()
        counted = self._store.execute(
            "UPDATE deliveries SET attempts = attempts + 1, tries = tries + 1 WHERE id = ?", (due.id,)
        ).rowcount
        if not counted:
            return  # the webhook was deleted meanwhile
        self._store.execute(
            "INSERT INTO delivery_attempts (delivery, at, response_status, error) VALUES (?, ?, ?, ?)",
            (due.id, now, receipt.status, receipt.error),
        )
        # Lost unnoticed by the sender, who therefore neither tries again nor blames the endpoint.
        if receipt.accepted:
            self._subscriptions.accepted(due.webhook.id)
        elif not lost:
            self._subscriptions.refused(due.webhook.id)
        gone = receipt.status == _GONE_STATUS
        if gone:
            self._subscriptions.disable(due.webhook.id, GONE)
        if self._timers.has("delivery", due.id):
            return  # somebody wants it delivered again since this attempt began
        if receipt.accepted:
            self._settle(due.id, "delivered", now)
        elif lost or gone or due.tries >= len(RETRIES):
            self._settle(due.id, "failed", None)
        else:
            # Later than its turn where the receiver asks for that; earlier it is not.
            wait = max(RETRIES[due.tries], min(receipt.retry_after, _LONGEST_WAIT))
            self._schedule(due.id, due.webhook.num, now + round(wait * MICROSECONDS))

    def _settle(self, ident: str, outcome: str, delivered_at: int | None) -> None:
        self._store.execute(
            "UPDATE deliveries SET status = ?, delivered_at = coalesce(?, delivered_at), "
            "next_attempt_at = NULL WHERE id = ?",
            (outcome, delivered_at, ident),
        )

    # Out of order, on purpose

    def _hold_back(self, due: _Due, overtakers: int) -> None:
        with self._store.transaction():
            changed = self._store.execute(
                "UPDATE deliveries SET overtakers = ? WHERE id = ?", (overtakers, due.id)
            )
            if changed.rowcount:
                self._schedule(due.id, due.webhook.num, self._clock.now_us() + _OVERTAKEN_FOR)

    def _let_pass(self, passed: _Due) -> None:
        """One has gone: those that were to be overtaken by so many follow it."""
        rows = self._store.execute(
            "UPDATE deliveries SET overtakers = overtakers - 1 "
            "WHERE webhook = ? AND overtakers > 0 AND id != ? RETURNING num, id, overtakers",
            (passed.webhook.id, passed.id),
        ).fetchall()
        for _, ident, overtakers in sorted(rows):
            if overtakers == 0:
                # Before others that are due: they were not to overtake it.
                self._schedule(ident, passed.webhook.num, self._clock.now_us(), first=True)


_DELIVERY: Final = "id, webhook, event, status, attempts, created_at, delivered_at, next_attempt_at, payload"

"""Who wants which event, what it is signed with, and whether the endpoint still takes what it is sent."""

# ruff: noqa: S608 -- SQL is put together from constants of this package; values always travel as parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._clock import Clock
from bulkeditor.sandbox._http import not_found
from bulkeditor.sandbox._json import JSON, Doc, decode, encode_text
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
# An endpoint that has taken nothing for as long as all attempts of one delivery last is given up.
DISABLE_AFTER: Final = sum(RETRIES)
GONE: Final = "gone"
FAILING: Final = "failing"
MANUAL: Final = "manual"


@attrs.frozen(kw_only=True)
class Subscription:
    """One webhook, as it is stored."""

    num: int
    id: str
    events: str
    endpoint: str
    secret: str
    previous_secret: str | None
    previous_expires_at: int | None
    enabled: int
    failing_since: int | None
    disabled_at: int | None
    disabled_reason: str | None
    created_at: int
    updated_at: int

    def secrets(self, now: int) -> tuple[str, ...]:
        """The secrets in force, the newest first."""
        if self.previous_secret is None or (self.previous_expires_at or 0) <= now:
            return (self.secret,)
        return (self.secret, self.previous_secret)

    def shown(self) -> Doc:
        """As it stands in an answer: without its secret."""
        return {
            "id": self.id,
            "events": decode(self.events),
            "endpoint": self.endpoint,
            "enabled": bool(self.enabled),
            "disabled_at": time_text(self.disabled_at),
            "disabled_reason": self.disabled_reason,
            "failing_since": time_text(self.failing_since),
            "created_at": time_text(self.created_at),
            "updated_at": time_text(self.updated_at),
        }


_COLUMNS: Final = ", ".join(field.name for field in attrs.fields(Subscription))


class Subscriptions:
    """The webhooks that are registered; writing happens inside a transaction."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, events: Sequence[str], endpoint: str, secret: str | None) -> str:
        """Add one; answers its id."""
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

    def find(self, ident: str) -> Subscription:
        """One webhook.

        Raises:
            Refusal: 404.
        """
        row = self._store.row(f"SELECT {_COLUMNS} FROM webhooks WHERE id = ?", (ident,))
        if row is None:
            raise not_found("webhook", ident)
        return Subscription(**dict(zip(_COLUMNS.split(", "), row, strict=True)))

    def page(self, limit: int, start: int) -> tuple[list[Doc], int]:
        """Some of them, the oldest first, and how many there are."""
        rows = self._store.rows("SELECT id FROM webhooks ORDER BY num LIMIT ? OFFSET ?", (limit, start))
        total = self._store.value("SELECT count(*) FROM webhooks")
        return [self.find(row[0]).shown() for row in rows], int(total)

    def change(self, ident: str, values: Mapping[str, object]) -> None:
        """Write some columns."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._store.execute(
            f"UPDATE webhooks SET {names}, updated_at = ? WHERE id = ?",
            (*values.values(), self._clock.now_us(), ident),
        )

    def enable(self, ident: str) -> None:
        """Deliver again; what went wrong before is forgotten."""
        clean = {"enabled": 1, "disabled_at": None, "disabled_reason": None, "failing_since": None}
        self.change(ident, clean)

    def disable(self, ident: str, reason: str) -> None:
        """Deliver nothing until it is enabled again."""
        now = self._clock.now_us()
        self.change(ident, {"enabled": 0, "disabled_at": now, "disabled_reason": reason})

    def rotate(self, ident: str, secret: str | None, overlap: int) -> None:
        """Sign with a new secret from now on, and with both until the overlap ends."""
        number = self._store.number("webhook_secret")
        self.change(
            ident,
            {
                "previous_secret": self.find(ident).secret,
                "previous_expires_at": self._clock.now_us() + overlap * MICROSECONDS,
                "secret": secret or self._store.token("webhook_secret", number),
            },
        )

    def delete(self, ident: str) -> None:
        """Remove one."""
        self._store.execute("DELETE FROM webhooks WHERE id = ?", (ident,))

    def subscribe(
        self, endpoint: str, events: Sequence[str] = EVENTS, *, secret: str | None = None
    ) -> tuple[str, str]:
        """Add one without HTTP, as the product's settings page would.

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
            return ident, self.find(ident).secret

    def wanting(self, event: str) -> list[tuple[str, int]]:
        """Ids and numbers of those that want an event and are enabled."""
        rows = self._store.execute("SELECT id, num, events FROM webhooks WHERE enabled = 1").fetchall()
        return [(ident, number) for ident, number, events in rows if event in _names(events)]

    # How the endpoint does

    def accepted(self, ident: str) -> None:
        """It has taken a delivery."""
        self._store.execute(
            "UPDATE webhooks SET failing_since = NULL WHERE id = ? AND failing_since IS NOT NULL", (ident,)
        )

    def refused(self, ident: str) -> None:
        """It has not; for too long, and it is disabled."""
        now = self._clock.now_us()
        since = self._store.execute(
            "UPDATE webhooks SET failing_since = coalesce(failing_since, ?) WHERE id = ? "
            "RETURNING failing_since, enabled",
            (now, ident),
        ).fetchone()
        if since is not None and since[1] and now - since[0] >= DISABLE_AFTER * MICROSECONDS:
            self.disable(ident, FAILING)


def _names(events: str) -> list[JSON]:
    names = decode(events)
    assert isinstance(names, list)
    return names

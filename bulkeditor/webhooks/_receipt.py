"""What became of one delivery, and the answer that it deserves."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

from bulkeditor.webhooks._events import Event

Reception: TypeAlias = Literal["accepted", "duplicate", "unverified", "malformed", "too_large", "unavailable"]

_STATUS: Final[dict[Reception, int]] = {
    "accepted": 202,
    "duplicate": 200,
    "unverified": 401,
    "malformed": 400,
    "too_large": 413,
    "unavailable": 503,
}


@attrs.frozen(kw_only=True)
class Receipt:
    """What became of one delivery.

    Args:
        outcome: ``accepted`` (stored), ``duplicate`` (it was stored before), ``unverified``, ``malformed``,
            ``too_large``, or ``unavailable`` (the inbox cannot store now; the sender shall try again).
        event: The event, where it is genuine.
        error: Why it was not stored.
    """

    outcome: Reception
    event: Event | None = None
    error: Exception | None = None

    @property
    def status(self) -> int:
        """The HTTP status to answer with: 202, 200, 401, 400, 413 or 503."""
        return _STATUS[self.outcome]

    @property
    def ok(self) -> bool:
        """Whether the event is in the inbox, so that the sender need not try again."""
        return self.outcome in {"accepted", "duplicate"}

    @property
    def text(self) -> str:
        """A body for the answer, which tells a stranger nothing but the outcome."""
        return f'{{"status":"{self.outcome}"}}'


def is_at(wanted: str | None, path: str) -> bool:
    """Whether a request is for the receiver; a slash at the end makes no difference.

    Args:
        wanted: The receiver's path; None = any.
        path: The request's.
    """
    return wanted is None or path.rstrip("/") == wanted.rstrip("/")


__all__ = ["Receipt", "Reception", "is_at"]

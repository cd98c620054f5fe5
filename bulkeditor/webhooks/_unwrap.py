"""The two checks that a program without a receiver of its own calls."""

from __future__ import annotations

from datetime import UTC, datetime

from bulkeditor.errors import InvalidInputError
from bulkeditor.signature import Secrets, verify
from bulkeditor.webhooks._decode import MAX_AGE, MAX_AHEAD, decode_event, untimely
from bulkeditor.webhooks._events import Event
from bulkeditor.webhooks._verify import Headers, verify_request

verify_signature = verify
"""Check ``X-Webhook-Signature`` alone; see :func:`bulkeditor.signature.verify`."""


def unwrap(
    body: bytes,
    headers: Headers,
    secrets: Secrets | None,
    *,
    now: datetime | None = None,
    max_age: float = MAX_AGE,
    max_ahead: float = MAX_AHEAD,
) -> Event:
    """Check a webhook, then read it.

    ``X-Webhook-Signature`` must be genuine; where any header of Standard Webhooks is there, all three must
    be, and agree. The payload's own ``timestamp`` must lie within the window.

    Args:
        body: The raw bytes of the request.
        headers: Its headers: a mapping, pairs, or a WSGI environ.
        secrets: The webhook's secret, or several while one is being rotated.
        now: The receiver's time, aware; ``None`` = this machine's.
        max_age: Seconds that the payload's ``timestamp`` may lie in the past. The default covers the days
            for which senders retry.
        max_ahead: Seconds that it may lie in the future.

    Returns:
        One of the typed events; :class:`UnknownEvent` for a name that this version does not know.

    Raises:
        WebhookVerificationError: It is not genuine, or a replay. Answer 401.
        MalformedDataError: It is genuine, but no event. Answer 400.
        TypeError: ``body`` is text or parsed data, which can't be verified; or ``headers`` are no headers.
        InvalidInputError: ``now`` is naive.
    """
    if now is None:
        now = datetime.now(UTC)
    elif now.tzinfo is None:
        raise InvalidInputError(
            "now has no time zone, so a timestamp cannot be compared with it.", hint="Pass datetime.now(UTC)."
        )
    msg_id, signed_by = verify_request(body, headers, secrets, now)
    event = decode_event(body, msg_id, signed_by)
    age = (now - event.timestamp).total_seconds()
    if not -max_ahead <= age <= max_age:
        raise untimely(age, max_age=max_age, max_ahead=max_ahead)
    return event


__all__ = ["unwrap", "verify_signature"]

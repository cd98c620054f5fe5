"""``Retry-After``: seconds, decimal seconds, or an HTTP date in any of the three forms of RFC 9110.

RFC 9110 §10.2.3 allows whole seconds only. Decimal seconds (``1.5``, ``1.0``) are accepted by design: servers
do send them, and the meaning is plain. The published urllib3 vectors call ``1.0`` invalid; that is the one
place where this reading differs from them. A sign, a superscript digit or any other text makes the header
count as absent.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

# [0-9], not \d: "²" and Arabic-Indic digits are digits to str.isdigit() and \d, not to HTTP.
_SECONDS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
_DATE = re.compile(r"[A-Za-z]{3,9},? .*[0-9]{2}:[0-9]{2}:[0-9]{2}.*")
_LONGEST_DATE = 64
_LONGEST_WINDOW = 86_400.0


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, 0 when the moment has passed, or None when the header is absent or unreadable.

    Args:
        value: The header's value.
        now: The current time, aware; HTTP dates are compared with it.
    """
    if value is None:
        return None
    text = value.strip(" \t")
    if _SECONDS.fullmatch(text):
        return float(text)
    if len(text) > _LONGEST_DATE or not _DATE.fullmatch(text):
        return None
    moment = _http_date(text)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def parse_reset(value: str | None) -> float | None:
    """Seconds of an ``X-RateLimit-Reset``; None when it is absent, unreadable, or a timestamp.

    Args:
        value: The header's value.
    """
    if value is None or not _SECONDS.fullmatch(value):
        return None
    seconds = float(value)
    return seconds if seconds <= _LONGEST_WINDOW else None


def _http_date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - seldom needed, and it is not cheap

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    # asctime() carries no zone; HTTP dates are UTC whatever the machine's zone is.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


__all__ = ["parse_reset", "parse_retry_after"]

"""Bulk jobs."""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar, Final

import attrs

from bulkeditor.models._base import JSON, Model, Timestamp, absent
from bulkeditor.models._vocabulary import JobStatus


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Job(Model):
    """One bulk job.

    Args:
        id: The server's identifier.
        operation: ``update`` or ``delete``.
        status: The server's word; see :class:`JobStatus`. Ask :attr:`terminal` instead of comparing.
        raw_progress: ``progress`` as the server sent it: percent with some servers, a fraction with others.
        total_products: How many products the job is about.
        processed_products: How many it has done.
        errors: Rows that failed: a count with some servers, a list with others.
        started_at: When it began (UTC).
        completed_at: When it ended (UTC).
        filter: Which products it is about.
        updates: What it changes.
        schedule: When it shall begin (UTC).
        created_at: When it was created (UTC).
        successful_updates: Rows changed.
        failed_updates: Rows that failed.
    """

    __wire__: ClassVar[Mapping[str, str]] = MappingProxyType({"raw_progress": "progress"})
    __shown__: ClassVar[tuple[str, ...]] = ("id", "status", "processed_products", "total_products", "errors")

    id: str = attrs.field(factory=absent)
    operation: str = attrs.field(factory=absent)
    status: str = attrs.field(factory=absent)
    raw_progress: Decimal | None = attrs.field(factory=absent)
    total_products: int | None = attrs.field(factory=absent)
    processed_products: int | None = attrs.field(factory=absent)
    errors: int | list[JSON] | None = attrs.field(factory=absent)
    started_at: Timestamp | None = attrs.field(factory=absent)
    completed_at: Timestamp | None = attrs.field(factory=absent)
    filter: dict[str, JSON] | None = attrs.field(factory=absent)
    updates: dict[str, JSON] | None = attrs.field(factory=absent)
    schedule: Timestamp | None = attrs.field(factory=absent)
    created_at: Timestamp | None = attrs.field(factory=absent)
    successful_updates: int | None = attrs.field(factory=absent)
    failed_updates: int | None = attrs.field(factory=absent)

    @property
    def progress(self) -> float | None:
        """Percent done, 0 to 100: from the counts where there are any, else from what the server says."""
        total: int | None = getattr(self, "total_products", None)
        processed: int | None = getattr(self, "processed_products", None)
        if total and processed is not None:
            return min(max(1000 * processed // total, 0), 1000) / 10
        if JobStatus.succeeded(getattr(self, "status", "")):
            return 100.0
        raw: Decimal | None = getattr(self, "raw_progress", None)
        # Without counts a bare 1 may be one percent or all of it; percent is what the documentation shows.
        return None if raw is None else float(100 * raw if 0 < raw < 1 else raw)

    @property
    def error_count(self) -> int | None:
        """How many rows failed, as far as the server says; None when it says nothing."""
        errors: int | list[JSON] | None = getattr(self, "errors", None)
        failed: int | None = getattr(self, "failed_updates", None)
        if isinstance(errors, list):
            return max(len(errors), failed or 0)
        return errors if errors is not None else failed

    @property
    def terminal(self) -> bool:
        """Whether the job has ended: its status says so, or it has a time of completion."""
        return (
            JobStatus.terminal(getattr(self, "status", "")) or getattr(self, "completed_at", None) is not None
        )

    @property
    def failed(self) -> bool:
        """Whether the job failed as a whole or was cancelled."""
        status: str = getattr(self, "status", "")
        return JobStatus.failed(status) or JobStatus.cancelled(status)

    @property
    def succeeded(self) -> bool:
        """Whether the job has ended well and no row failed; an unknown status is no success."""
        return JobStatus.succeeded(getattr(self, "status", "")) and not self.error_count


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class JobRowError(Model):
    """One product that a bulk job could not change.

    Args:
        product_id: The product.
        sku: Its stock keeping unit.
        code: A machine-readable name of the problem.
        message: The problem, in a sentence.
        field: The field it is about.
    """

    __identity__: ClassVar[tuple[str, ...]] = ("product_id", "sku", "code", "field")
    __shown__: ClassVar[tuple[str, ...]] = ("product_id", "sku", "field", "message")

    product_id: str | None = attrs.field(factory=absent)
    sku: str | None = attrs.field(factory=absent)
    code: str | None = attrs.field(factory=absent)
    message: str = attrs.field(factory=absent)
    field: str | None = attrs.field(factory=absent)


_UNITS: Final = MappingProxyType(
    {
        "ms": "milliseconds", "msec": "milliseconds", "millisecond": "milliseconds",
        "s": "seconds", "sec": "seconds", "second": "seconds",
        "m": "minutes", "min": "minutes", "minute": "minutes",
        "h": "hours", "hr": "hours", "hour": "hours",
        "d": "days", "day": "days",
    }
)  # fmt: skip
_PART: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*([a-z]{1,12})")
_CLOCK: Final = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)")
_SECONDS: Final = re.compile(r"\d{1,12}(?:\.\d{1,9})?")


def parse_execution_time(text: object) -> timedelta | None:
    """Read the ``execution_time`` of a job, a text for people.

    Args:
        text: ``"5.5 seconds"``, ``"5 min 30 s"``, ``"00:05:30"``, or a number of seconds.

    Returns:
        The time; None when it cannot be read with certainty.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float | Decimal):
        return None
    if isinstance(text, int) and abs(text) > timedelta.max.total_seconds():
        return None
    words = str(text).strip().lower()
    if _SECONDS.fullmatch(words):
        return _duration({"seconds": float(words)})
    if clock := _CLOCK.fullmatch(words):
        hours, minutes, seconds = clock.groups(default="0")
        return _duration({"hours": float(hours), "minutes": float(minutes), "seconds": float(seconds)})
    return _spoken(words)


def _spoken(words: str) -> timedelta | None:
    parts: dict[str, float] = {}
    rest = _PART.sub("", words).replace(",", " ").replace(" and ", " ").strip()
    for number, word in _PART.findall(words):
        unit = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
        if unit is None or unit in parts:
            return None
        parts[unit] = float(number)
    return _duration(parts) if parts and not rest else None


def _duration(parts: Mapping[str, float]) -> timedelta | None:
    try:
        return timedelta(**parts)
    except OverflowError:
        return None


__all__ = ["Job", "JobRowError", "parse_execution_time"]

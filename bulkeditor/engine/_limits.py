"""What workers share in SQLite: rate limits, places, moments of schedules. Part of a caller's transaction."""

from __future__ import annotations

import sqlite3
from typing import Final

from bulkeditor.engine._values import LONGEST_LEASE, lease_span

_SECOND: Final = 1_000_000


def fire(tx: sqlite3.Connection, schedule: str, at: int) -> bool:
    """Whether a schedule fires for a moment for the first time."""
    added = tx.execute(
        "INSERT INTO fires (schedule, scheduled_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (schedule, at)
    )
    return added.rowcount > 0


def take(tx: sqlite3.Connection, limit: str, n: int, now: int, *, rate: float, burst: int) -> float:
    """Take tokens; seconds until they are there."""
    row = tx.execute("SELECT tokens, at FROM limits WHERE name = ?", (limit,)).fetchone()
    tokens = float(burst)
    if row is not None:
        # A clock that was set back gives nothing for the same seconds twice, unless it had been far ahead.
        since = row[1] if row[1] <= now + LONGEST_LEASE else now
        tokens = min(tokens, row[0] + max(0, now - since) / _SECOND * rate)
        now = max(now, since)
    tokens -= n
    tx.execute(
        "INSERT INTO limits (name, tokens, at) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET tokens = excluded.tokens, at = excluded.at",
        (limit, tokens, now),
    )
    return max(0.0, -tokens / rate)


def slot(tx: sqlite3.Connection, name: str, limit: int, now: int, lease: float) -> int | None:
    """Take a place; its fence."""
    tx.execute(
        "DELETE FROM slots WHERE name = ? AND expires NOT BETWEEN ? AND ?",
        (name, now + 1, now + LONGEST_LEASE),
    )
    taken: int = tx.execute("SELECT count(*) FROM slots WHERE name = ?", (name,)).fetchone()[0]
    if taken >= limit:
        return None
    added = tx.execute("INSERT INTO slots (name, expires) VALUES (?, ?)", (name, now + lease_span(lease)))
    return added.lastrowid


def renew_slot(tx: sqlite3.Connection, name: str, fence: int, now: int, lease: float) -> bool:
    """Keep a place for longer; False when its lease ran out."""
    kept = tx.execute(
        "UPDATE slots SET expires = ? WHERE name = ? AND fence = ? AND expires > ?",
        (now + lease_span(lease), name, fence, now),
    )
    return kept.rowcount > 0


def free_slot(tx: sqlite3.Connection, name: str, fence: int) -> None:
    """Give a place back."""
    tx.execute("DELETE FROM slots WHERE name = ? AND fence = ?", (name, fence))


__all__ = ["fire", "free_slot", "renew_slot", "slot", "take"]

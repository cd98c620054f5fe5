"""Runs in SQLite: begun, looked at, ended, forgotten. Each function is part of a caller's transaction."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from bulkeditor.engine._types import RunRow, RunStatus
from bulkeditor.engine._values import LONGEST_LEASE, NEVER, decode, from_micros
from bulkeditor.errors import RunNotFoundError

_COLUMNS: Final = (
    "num, id, key, workflow, version, status, input, created_at, finished_at, error, traceparent"
)
_HEAD: Final = 100
_IN_LOWEST_STAGE: Final = """
    queue.run = runs.num AND queue.stage =
        (SELECT stage FROM queue WHERE run = runs.num ORDER BY stage LIMIT 1)
"""


def start(tx: sqlite3.Connection, values: tuple[Any, ...]) -> int:
    """Add a run: id, created_at, key, workflow, version, input, traceparent."""
    added = tx.execute(
        "INSERT INTO runs (id, created_at, key, workflow, version, input, traceparent, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'open')",
        values,
    )
    assert added.lastrowid is not None
    return added.lastrowid


def id_of(tx: sqlite3.Connection, key: str) -> str | None:
    """The run that was started under a key."""
    row = tx.execute("SELECT id FROM runs WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def find(tx: sqlite3.Connection, run: str) -> int:
    """A run's number, by its id.

    Raises:
        RunNotFoundError: There is none.
    """
    row = tx.execute("SELECT num FROM runs WHERE id = ?", (run,)).fetchone()
    if row is None:
        raise not_found(run)
    num: int = row[0]
    return num


def is_open(tx: sqlite3.Connection, run: int) -> bool:
    """Whether a run goes on."""
    found = tx.execute("SELECT 1 FROM runs WHERE num = ? AND status = 'open'", (run,)).fetchone()
    return found is not None


def not_found(run: str) -> RunNotFoundError:
    """There is no such run."""
    return RunNotFoundError(
        f"There is no run {run!r} in this store.",
        run=run,
        hint="It may have been pruned, or is in another store.",
    )


def end(tx: sqlite3.Connection, run: int, now: int, status: str, error: str | None = None) -> bool:
    """End a run that has not ended."""
    ended = tx.execute(
        "UPDATE runs SET status = ?, finished_at = ?, error = ? WHERE num = ? AND status = 'open'",
        (status, now, error, run),
    )
    return ended.rowcount > 0


def end_if_done(tx: sqlite3.Connection, run: int, now: int) -> None:
    """End a run that has no step left."""
    if tx.execute("SELECT 1 FROM queue WHERE run = ? LIMIT 1", (run,)).fetchone() is None:
        end(tx, run, now, "done")


def reopen(tx: sqlite3.Connection, run: int) -> bool:
    """Let a run go on that failed or was cancelled."""
    opened = tx.execute(
        "UPDATE runs SET status = 'open', finished_at = NULL, error = NULL"
        " WHERE num = ? AND status IN ('failed', 'cancelled')",
        (run,),
    )
    return opened.rowcount > 0


def get(tx: sqlite3.Connection, column: str, value: str, now: int) -> RunRow | None:
    """A run by its ``id`` or its ``key``."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM runs WHERE {column} = ?", (value,)).fetchone()  # noqa: S608
    return None if row is None else _read(tx, row, now)


def page(
    tx: sqlite3.Connection, before: int, workflow: str | None, limit: int, now: int
) -> list[tuple[int, RunRow]]:
    """Runs below a number, newest first, with their numbers."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE num < ?1 AND (?2 IS NULL OR workflow = ?2)"  # noqa: S608
        " ORDER BY num DESC LIMIT ?3",
        (before, workflow, limit),
    ).fetchall()
    return [(row[0], _read(tx, row, now)) for row in rows]


def _read(tx: sqlite3.Connection, row: Any, now: int) -> RunRow:
    num, run, key, workflow, version, stored, given, created_at, finished_at, error, traceparent = row
    steps = tx.execute("SELECT count(*) FROM steps WHERE run = ?", (num,)).fetchone()[0]
    left = tx.execute("SELECT count(*) FROM queue WHERE run = ?", (num,)).fetchone()[0]
    status, wakes_at = (stored, None) if stored != "open" else standing(tx, num, now)
    return RunRow(
        id=run,
        key=key,
        workflow=workflow,
        version=version,
        status=status,
        input=decode(given),
        created_at=from_micros(created_at),
        finished_at=None if finished_at is None else from_micros(finished_at),
        error=error,
        steps=steps,
        done=steps - left,
        wakes_at=None if wakes_at is None else from_micros(wakes_at),
        traceparent=traceparent,
    )


def standing(tx: sqlite3.Connection, run: int, now: int) -> tuple[RunStatus, int | None]:
    """Whether an open run has something to do now, and when it has next."""
    later = tx.execute(
        f"SELECT min(ready_at) FROM runs JOIN queue ON {_IN_LOWEST_STAGE}"  # noqa: S608
        " WHERE runs.num = ? AND ready_at > ?",
        (run, now),
    ).fetchone()[0]
    # Of what is ready the head is enough: there stands what other lanes hold.
    free_at = tx.execute(
        "SELECT min(iif(lease_until > ?, 0, lease_until)) FROM"  # noqa: S608
        f" (SELECT lease_until FROM runs JOIN queue ON {_IN_LOWEST_STAGE}"
        " WHERE runs.num = ? AND ready_at <= ? ORDER BY ready_at, seq LIMIT ?)",
        (now + LONGEST_LEASE, run, now, _HEAD),
    ).fetchone()[0]
    times = [max(time, now) for time in (later, free_at) if time is not None and time != NEVER]
    return "waiting" if free_at is None else "running", min(times, default=None)


def due(tx: sqlite3.Connection, now: int, limit: int = -1) -> list[tuple[int, str]]:
    """Runs in which something can be done now: numbers and ids."""
    return tx.execute(
        "SELECT num, id FROM runs WHERE status = 'open' AND EXISTS"  # noqa: S608
        f" (SELECT 1 FROM queue WHERE {_IN_LOWEST_STAGE} AND ready_at <= ?1"
        f" AND lease_until NOT BETWEEN ?1 + 1 AND ?1 + {LONGEST_LEASE})"
        " ORDER BY num LIMIT ?2",
        (now, limit),
    ).fetchall()


def forget(tx: sqlite3.Connection, before: int) -> bool:
    """Forget one run that ended before a time; False when there is none."""
    ended = tx.execute(
        "SELECT num, id FROM runs WHERE status <> 'open' AND finished_at < ? ORDER BY num LIMIT 1", (before,)
    ).fetchone()
    if ended is None:
        return False
    num, run = ended
    for table in ("queue", "results"):
        tx.execute(f"DELETE FROM {table} WHERE seq IN (SELECT seq FROM steps WHERE run = ?)", (num,))  # noqa: S608
    for table in ("signals", "steps"):
        tx.execute(f"DELETE FROM {table} WHERE run = ?", (num,))  # noqa: S608
    # The end of the range: "0" follows "/".
    tx.execute("DELETE FROM state WHERE space >= ? AND space < ?", (f"run/{run}/", f"run/{run}0"))
    tx.execute("DELETE FROM runs WHERE num = ?", (num,))
    return True


__all__ = [
    "due",
    "end",
    "end_if_done",
    "find",
    "forget",
    "get",
    "id_of",
    "is_open",
    "not_found",
    "page",
    "reopen",
    "standing",
    "start",
]

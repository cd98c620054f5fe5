"""Steps in SQLite: added, claimed, finished, given back. Each function is part of a caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import attrs

from bulkeditor.engine._types import Claim, Step
from bulkeditor.engine._values import NEVER, decode, encode, from_micros, to_micros
from bulkeditor.errors import LeaseLostError
from bulkeditor.models import JSON

NOW: Final = 1
"""``ready_at`` of a step that was begun before and can be taken at once: it goes before fresh ones, at 0."""

_SECOND: Final = 1_000_000

_COLUMNS: Final = "seq, key, kind, params, stage, not_before, signal, attempts, failures"
_LOWEST: Final = "SELECT stage FROM steps WHERE done = 0 AND run = ? ORDER BY stage LIMIT 1"
# What came due goes first, or a step that was interrupted would be settled after all the others.
_NEXT: Final = f"""
    SELECT * FROM (SELECT {_COLUMNS} FROM steps WHERE done = 0 AND run = ?1 AND stage = ?2
                   AND ready_at BETWEEN 1 AND ?3 ORDER BY ready_at, seq LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT {_COLUMNS} FROM steps WHERE done = 0 AND run = ?1 AND stage = ?2
                   AND ready_at = 0 ORDER BY seq LIMIT 1)
    LIMIT 1
"""  # noqa: S608 - put together from constants; values travel as parameters
_ADD: Final = """
    INSERT INTO steps (run, key, kind, params, stage, not_before, signal, ready_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, key) DO NOTHING
"""
_MINE: Final = "WHERE seq = ? AND attempts = ? AND held = 1 AND done = 0"


Row: TypeAlias = tuple[Any, ...]
"""What SQLite gives."""


@attrs.frozen
class Run:
    """A run as a transaction sees it."""

    num: int
    id: str
    open: bool


def add(tx: sqlite3.Connection, run: int, steps: Iterable[Step]) -> None:
    """Add steps to a run; those whose key is there already are left out."""
    rows = [_row(run, step) for step in steps]
    if not any(step[6] for step in rows):
        tx.executemany(_ADD, rows)
        return
    for row in rows:
        kept = None if row[6] is None else _kept_signal(tx, run, row[6])
        ready_at = row[5] if row[6] is None or kept is not None else NEVER
        added = tx.execute(_ADD, (*row[:7], ready_at))
        if added.rowcount and kept is not None:
            tx.execute("UPDATE signals SET step = ? WHERE num = ?", (added.lastrowid, kept))


def _row(run: int, step: Step) -> tuple[Any, ...]:
    not_before = (
        0 if step.not_before is None else to_micros(step.not_before, f"step {step.key!r}: not_before")
    )
    params = encode(step.params, f"step {step.key!r}: params")
    return (run, step.key, step.kind, params, step.stage, not_before, step.signal, not_before)


def claim(tx: sqlite3.Connection, run: Run, now: int, lease: float) -> Claim | None:
    """Take the next step of a run that can be done."""
    lowest = tx.execute(_LOWEST, (run.num,)).fetchone()
    if lowest is None:
        return None
    row = tx.execute(_NEXT, (run.num, lowest[0], now)).fetchone()
    if row is None:
        return None
    expires = now + round(lease * _SECOND)
    tx.execute(
        "UPDATE steps SET held = 1, ready_at = ?, attempts = attempts + 1 WHERE seq = ?", (expires, row[0])
    )
    return Claim(
        run=run.id,
        step=read_step(row[1:7]),
        seq=row[0],
        attempt=row[7] + 1,
        failures=row[8],
        expires=from_micros(expires),
        now=from_micros(now),
        signal=None if row[6] is None else _payload(tx, row[0]),
    )


def read_step(row: tuple[Any, ...]) -> Step:
    """A step from its columns: key, kind, params, stage, not_before, signal."""
    key, kind, params, stage, not_before, signal = row
    read: Any = decode(params)
    return Step(
        key=key,
        kind=kind,
        params=read,
        stage=stage,
        not_before=from_micros(not_before) if not_before else None,
        signal=signal,
    )


def finish(tx: sqlite3.Connection, held: Claim, result: JSON) -> None:
    """Mark a step as done.

    Raises:
        LeaseLostError: Somebody else has taken it since.
    """
    text = encode(result, f"step {held.step.key!r}: result")
    done = tx.execute(
        f"UPDATE steps SET done = 1, held = 0, result = ? {_MINE}",  # noqa: S608
        (text, held.seq, held.attempt),
    )
    _own(held, done)


def renew(tx: sqlite3.Connection, held: Claim, now: int, lease: float) -> Claim:
    """Hold a step for longer."""
    expires = now + round(lease * _SECOND)
    _own(held, tx.execute(f"UPDATE steps SET ready_at = ? {_MINE}", (expires, held.seq, held.attempt)))  # noqa: S608
    return attrs.evolve(held, expires=from_micros(expires))


def fail(tx: sqlite3.Connection, held: Claim, error: str, ready_at: int) -> None:
    """Give a step back that did not work."""
    done = tx.execute(
        f"UPDATE steps SET held = 0, ready_at = ?, failures = failures + 1, error = ? {_MINE}",  # noqa: S608
        (ready_at, error, held.seq, held.attempt),
    )
    _own(held, done)


def release(tx: sqlite3.Connection, held: Claim) -> None:
    """Give a step back as it is."""
    tx.execute(f"UPDATE steps SET held = 0, ready_at = {NOW} {_MINE}", (held.seq, held.attempt))  # noqa: S608


def _own(held: Claim, done: sqlite3.Cursor) -> None:
    if not done.rowcount:
        raise LeaseLostError(
            f"Step {held.step.key!r} of run {held.run}: its lease ran out, and somebody else took it."
        )


def deliver(tx: sqlite3.Connection, run: int, name: str, delivery: str, payload: str) -> bool:
    """Hand a signal to the oldest step that waits for it, or keep it; False when it came before."""
    added = tx.execute(
        "INSERT INTO signals (run, name, delivery, payload) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (run, delivery) DO NOTHING",
        (run, name, delivery, payload),
    )
    if not added.rowcount:
        return False
    waiting = tx.execute(
        "SELECT seq, not_before FROM steps WHERE done = 0 AND signal IS NOT NULL AND run = ? AND signal = ?"
        " AND ready_at = ? ORDER BY seq LIMIT 1",
        (run, name, NEVER),
    ).fetchone()
    if waiting is not None:
        tx.execute("UPDATE signals SET step = ? WHERE num = ?", (waiting[0], added.lastrowid))
        tx.execute("UPDATE steps SET ready_at = ? WHERE seq = ?", (waiting[1], waiting[0]))
    return True


def _kept_signal(tx: sqlite3.Connection, run: int, name: str) -> int | None:
    row = tx.execute(
        "SELECT num FROM signals WHERE run = ? AND name = ? AND step IS NULL ORDER BY num LIMIT 1",
        (run, name),
    ).fetchone()
    return None if row is None else row[0]


def _payload(tx: sqlite3.Connection, seq: int) -> JSON:
    row = tx.execute("SELECT payload FROM signals WHERE step IS NOT NULL AND step = ?", (seq,)).fetchone()
    return None if row is None else decode(row[0])


def result(tx: sqlite3.Connection, run: int, key: str) -> str | None:
    """The JSON text of a finished step's result."""
    row = tx.execute("SELECT result FROM steps WHERE run = ? AND key = ? AND done = 1", (run, key)).fetchone()
    return None if row is None else row[0]


def page(
    tx: sqlite3.Connection, run: int, after: int, limit: int, *, kind: str | None, done: bool
) -> list[Row]:
    """Steps after a number, in order: seq, the columns of :func:`read_step`, result, attempts."""
    return tx.execute(
        "SELECT seq, key, kind, params, stage, not_before, signal, result, attempts FROM steps"
        " WHERE run = ?1 AND seq > ?2 AND done = ?3 AND (?4 IS NULL OR kind = ?4) ORDER BY seq LIMIT ?5",
        (run, after, done, kind, limit),
    ).fetchall()


def move(tx: sqlite3.Connection, run: int, key: str, time: int) -> bool:
    """Change the earliest time of a step that nobody holds."""
    moved = tx.execute(
        "UPDATE steps SET not_before = ?1, ready_at = CASE ready_at WHEN ?2 THEN ?2 ELSE ?1 END"
        " WHERE run = ?3 AND key = ?4 AND held = 0 AND done = 0",
        (time, NEVER, run, key),
    )
    return moved.rowcount > 0


__all__ = [
    "NOW",
    "Row",
    "Run",
    "add",
    "claim",
    "deliver",
    "fail",
    "finish",
    "move",
    "page",
    "read_step",
    "release",
    "renew",
    "result",
]

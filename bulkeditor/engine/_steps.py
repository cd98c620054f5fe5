"""Steps in SQLite: added, claimed, finished, given back. Each function is part of a caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from bulkeditor.engine._types import Claim, Step
from bulkeditor.engine._values import (
    LONGEST_LEASE,
    NEVER,
    decode,
    encode,
    from_micros,
    lease_span,
    to_micros,
)
from bulkeditor.errors import LeaseLostError
from bulkeditor.models import JSON

_LOWEST: Final = "(SELECT stage FROM queue WHERE run = ?1 ORDER BY stage LIMIT 1)"
_FREE: Final = f"lease_until NOT BETWEEN ?2 + 1 AND ?2 + {LONGEST_LEASE}"
# What came due goes first, or a step that is to be tried again would wait for all the others.
_NEXT: Final = f"""
    SELECT seq, key, kind, params, steps.stage, steps.not_before, steps.signal, attempts, failures FROM (
        SELECT * FROM (SELECT seq, attempts, failures FROM queue WHERE run = ?1 AND stage = {_LOWEST}
                       AND ready_at BETWEEN 1 AND ?2 AND {_FREE} ORDER BY ready_at, seq LIMIT 1)
        UNION ALL
        SELECT * FROM (SELECT seq, attempts, failures FROM queue WHERE run = ?1 AND stage = {_LOWEST}
                       AND ready_at = 0 AND {_FREE} ORDER BY seq LIMIT 1)
        LIMIT 1
    ) JOIN steps USING (seq) WHERE EXISTS (SELECT 1 FROM runs WHERE num = ?1 AND status = 'open')
"""  # noqa: S608 - put together from constants; values travel as parameters
_HOLD: Final = "UPDATE queue SET lease_until = ?, attempts = attempts + 1 WHERE seq = ?"
_ADD: Final = """
    INSERT INTO steps (run, key, kind, stage, not_before, signal, params) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (run, key) DO NOTHING
"""
_ENQUEUE: Final = (
    "INSERT INTO queue (seq, run, stage, ready_at, not_before, signal) VALUES (?, ?, ?, ?, ?, ?)"
)
# The run as well: the number of a step that was pruned may be another one's today.
_MINE: Final = (
    "WHERE seq = ? AND attempts = ? AND lease_until > 0 AND run = (SELECT num FROM runs WHERE id = ?)"
)


@attrs.frozen
class Prepared:
    """A step as it will be stored."""

    step: Step
    params: str
    not_before: int | None


def prepare(steps: Iterable[Step]) -> list[Prepared]:
    """Make steps ready to be stored; before the transaction, for others wait for that."""
    return [
        Prepared(
            step,
            encode(step.params, f"step {step.key!r}: params"),
            None if step.not_before is None else to_micros(step.not_before, f"step {step.key!r}: not_before"),
        )
        for step in steps
    ]


def add(tx: sqlite3.Connection, run: int, steps: Iterable[Prepared]) -> None:
    """Add steps to a run; those whose key is there already are left out."""
    for one in steps:
        step = one.step
        values = (run, step.key, step.kind, step.stage, one.not_before, step.signal, one.params)
        added = tx.execute(_ADD, values)
        if added.rowcount:
            _enqueue(tx, run, added.lastrowid, one)


def _enqueue(tx: sqlite3.Connection, run: int, seq: int | None, one: Prepared) -> None:
    step, not_before = one.step, one.not_before or 0
    waits = step.signal is not None and not _take_signal(tx, run, step.signal, seq)
    ready_at, signal = (NEVER, step.signal) if waits else (not_before, None)
    tx.execute(_ENQUEUE, (seq, run, step.stage, ready_at, not_before, signal))


def _take_signal(tx: sqlite3.Connection, run: int, name: str, seq: int | None) -> bool:
    """Hand a step the oldest signal that was kept."""
    taken = tx.execute(
        "UPDATE signals SET step = ? WHERE num ="
        " (SELECT num FROM signals WHERE run = ? AND name = ? AND step IS NULL ORDER BY num LIMIT 1)",
        (seq, run, name),
    )
    return taken.rowcount > 0


@attrs.frozen
class Taken:
    """A claim as it was read; params and payload are still text."""

    row: tuple[Any, ...]
    now: int
    expires: int
    payload: str | None

    def read(self, run: str) -> Claim:
        """The claim; after the transaction, for others wait for that."""
        return Claim(
            run=run,
            step=_step(self.row),
            seq=self.row[0],
            attempt=self.row[7] + 1,
            failures=self.row[8],
            expires=from_micros(self.expires),
            now=from_micros(self.now),
            signal=None if self.payload is None else decode(self.payload),
        )


def claim(tx: sqlite3.Connection, run: int, now: int, lease: float) -> Taken | None:
    """Take the next step of a run that can be done, if the run has not ended."""
    row = tx.execute(_NEXT, (run, now)).fetchone()
    if row is None:
        return None
    expires = now + lease_span(lease)
    tx.execute(_HOLD, (expires, row[0]))
    return Taken(row, now, expires, None if row[6] is None else _payload(tx, row[0]))


def _step(row: tuple[Any, ...]) -> Step:
    """A step from seq, key, kind, params, stage, not_before, signal."""
    params: Any = decode(row[3])
    return Step(
        key=row[1],
        kind=row[2],
        params=params,
        stage=row[4],
        not_before=None if row[5] is None else from_micros(row[5]),
        signal=row[6],
    )


def _payload(tx: sqlite3.Connection, seq: int) -> str | None:
    row = tx.execute("SELECT payload FROM signals WHERE step IS NOT NULL AND step = ?", (seq,)).fetchone()
    return None if row is None else row[0]


def finish(tx: sqlite3.Connection, held: Claim, result: str, now: int) -> int:
    """Take a step off the queue and keep its result; its run.

    Raises:
        LeaseLostError: Somebody else has taken it since.
    """
    left = tx.execute(
        f"DELETE FROM queue {_MINE} RETURNING run",  # noqa: S608
        (held.seq, held.attempt, held.run),
    ).fetchone()
    if left is None:
        raise _lost(held)
    tx.execute(
        "INSERT INTO results (seq, attempts, finished_at, result) VALUES (?, ?, ?, ?)",
        (held.seq, held.attempt, now, result),
    )
    run: int = left[0]
    return run


def renew(tx: sqlite3.Connection, held: Claim, now: int, lease: float) -> Claim:
    """Hold a step for longer."""
    expires = now + lease_span(lease)
    renewed = tx.execute(
        f"UPDATE queue SET lease_until = ? {_MINE}",  # noqa: S608
        (expires, held.seq, held.attempt, held.run),
    )
    _own(held, renewed)
    return attrs.evolve(held, expires=from_micros(expires))


def fail(tx: sqlite3.Connection, held: Claim, error: str, ready_at: int | None) -> None:
    """Give a step back that did not work."""
    given = tx.execute(
        "UPDATE queue SET lease_until = 0, ready_at = coalesce(?, ready_at),"  # noqa: S608
        f" failures = failures + 1, error = ? {_MINE}",
        (ready_at, error, held.seq, held.attempt, held.run),
    )
    _own(held, given)


def release(tx: sqlite3.Connection, held: Claim) -> None:
    """Give a step back as it is."""
    tx.execute(
        f"UPDATE queue SET lease_until = 0 {_MINE}",  # noqa: S608
        (held.seq, held.attempt, held.run),
    )


def _own(held: Claim, changed: sqlite3.Cursor) -> None:
    if not changed.rowcount:
        raise _lost(held)


def _lost(held: Claim) -> LeaseLostError:
    return LeaseLostError(
        f"Step {held.step.key!r} of run {held.run}: its lease ran out, and somebody else took it."
    )


def forgive(tx: sqlite3.Connection, run: int) -> None:
    """Forget how often the steps of a run failed."""
    tx.execute("UPDATE queue SET failures = 0 WHERE run = ? AND failures > 0", (run,))


def hasten(tx: sqlite3.Connection, run: int, now: int) -> None:
    """Try again now what failed and has long to wait: its time may be one of a clock that was ahead."""
    tx.execute(
        "UPDATE queue SET ready_at = not_before"
        " WHERE run = ? AND failures > 0 AND signal IS NULL AND ready_at > max(not_before, ?)",
        (run, now + LONGEST_LEASE),
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
    woken = tx.execute(
        "UPDATE queue SET signal = NULL, ready_at = not_before WHERE seq ="
        " (SELECT seq FROM queue WHERE run = ? AND signal = ? ORDER BY seq LIMIT 1) RETURNING seq",
        (run, name),
    ).fetchone()
    if woken is not None:
        tx.execute("UPDATE signals SET step = ? WHERE num = ?", (woken[0], added.lastrowid))
    return True


def move(tx: sqlite3.Connection, run: int, key: str, time: int) -> bool:
    """Change the earliest time of a step that nobody holds; a signal is waited for all the same."""
    moved = tx.execute(
        "UPDATE queue SET not_before = ?1, ready_at = CASE WHEN signal IS NULL THEN ?1 ELSE ready_at END"
        " WHERE lease_until = 0 AND seq = (SELECT seq FROM steps WHERE run = ?2 AND key = ?3)",
        (time, run, key),
    )
    return moved.rowcount > 0


def result(tx: sqlite3.Connection, run: int, key: str) -> str | None:
    """The JSON text of a finished step's result."""
    row = tx.execute(
        "SELECT result FROM steps JOIN results USING (seq) WHERE run = ? AND key = ?", (run, key)
    ).fetchone()
    return None if row is None else row[0]


def finished(
    tx: sqlite3.Connection, run: int, after: int, limit: int, kind: str | None
) -> Iterator[tuple[int, Step, JSON]]:
    """Finished steps after a number, in order, with their results."""
    rows = tx.execute(
        "SELECT seq, key, kind, params, stage, not_before, signal, result FROM steps JOIN results USING (seq)"
        " WHERE run = ?1 AND seq > ?2 AND (?3 IS NULL OR kind = ?3) ORDER BY seq LIMIT ?4",
        (run, after, kind, limit),
    ).fetchall()
    return ((row[0], _step(row), decode(row[7])) for row in rows)


def unfinished(tx: sqlite3.Connection, run: int, after: int, limit: int) -> Iterator[tuple[int, Step, int]]:
    """Steps that are not done after a number, in order, with their attempts."""
    rows = tx.execute(
        "SELECT seq, key, kind, params, steps.stage, steps.not_before, steps.signal, attempts"
        " FROM steps JOIN queue USING (seq) WHERE steps.run = ? AND seq > ? ORDER BY seq LIMIT ?",
        (run, after, limit),
    ).fetchall()
    return ((row[0], _step(row), row[7]) for row in rows)


__all__ = [
    "Prepared",
    "Taken",
    "add",
    "claim",
    "deliver",
    "fail",
    "finish",
    "finished",
    "forgive",
    "hasten",
    "move",
    "prepare",
    "release",
    "renew",
    "result",
    "unfinished",
]

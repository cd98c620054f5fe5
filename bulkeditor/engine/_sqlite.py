"""The ledger in one SQLite file."""

from __future__ import annotations

import itertools
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from os import PathLike
from types import TracebackType
from typing import Final, Self, TypeVar

from bulkeditor.engine import _limits, _runs, _state, _steps
from bulkeditor.engine._context import owned
from bulkeditor.engine._database import MEMORY, Database
from bulkeditor.engine._types import Claim, Done, Put, RunRow, RunStatus, Step, Workflow
from bulkeditor.engine._values import NEVER, decode, encode, from_micros, to_micros
from bulkeditor.errors import InvalidInputError
from bulkeditor.models import JSON

T = TypeVar("T")
_PAGE: Final = 500
"""Rows that an iteration reads at once; between its pages others write."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SQLiteLedger:
    """A :class:`Ledger` in one SQLite file: safe for threads, for many processes, and after a fork.

    Every change is one transaction that is on the disk when the call returns.

    Args:
        path: The file, made when it is missing, on a local disk (SQLite's log does not work over a
            network); ``":memory:"`` keeps all in this process alone.
        clock: The time, aware; tests move it.
        busy: Seconds to wait at most while another process writes.
        connection: The class of the connections; tests put one here that breaks at chosen places.

    Raises:
        StoreError: The file cannot be used: it is foreign, damaged, newer than this library, or read-only.
    """

    def __init__(
        self,
        path: str | PathLike[str] = MEMORY,
        *,
        clock: Callable[[], datetime] = _utc_now,
        busy: float = 30.0,
        connection: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        self._clock = clock
        self._database = Database(path, busy=busy, connection=connection)

    @property
    def path(self) -> str:
        """The file; ``":memory:"`` when there is none."""
        return self._database.path

    def now(self) -> datetime:
        """The ledger's time, aware, in UTC."""
        return self._clock().astimezone(UTC)

    def _now(self) -> int:
        return to_micros(self._clock(), "the ledger's clock")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    # Runs

    def start_run(
        self,
        key: str,
        workflow: Workflow,
        input: JSON = None,  # noqa: A002 - the engine's own word
        *,
        state: Sequence[Put] = (),
        traceparent: str | None = None,
    ) -> str:
        """See :meth:`Ledger.start_run`."""
        given = encode(input, "input")
        with self._database.read() as tx:
            known = _runs.id_of(tx, key)
        if known is not None:
            return known
        # Outside the transaction: it may be long, and only the first one to come is used.
        first = _steps.prepare(workflow.first(decode(given)))
        with self._database.write() as tx:
            known = _runs.id_of(tx, key)
            if known is not None:
                return known
            return self._begin(tx, (key, workflow.name, workflow.version, given, traceparent), first, state)

    def _begin(
        self,
        tx: sqlite3.Connection,
        values: tuple[object, ...],
        first: Sequence[_steps.Prepared],
        state: Sequence[Put] = (),
    ) -> str:
        now = self._now()
        run = f"run_{secrets.token_hex(10)}"
        _state.put(tx, owned(state, run))
        num = _runs.start(tx, (run, now, *values))
        _steps.add(tx, num, first)
        _runs.end_if_done(tx, num, now)
        return run

    def fire(
        self,
        schedule: str,
        scheduled_at: datetime,
        workflow: Workflow,
        input: JSON = None,  # noqa: A002 - as above
    ) -> str | None:
        """See :meth:`Ledger.fire`."""
        given = encode(input, "input")
        at = to_micros(scheduled_at, "scheduled_at")
        first = _steps.prepare(workflow.first(decode(given)))
        with self._database.write() as tx:
            if not _limits.fire(tx, schedule, at):
                return None
            key = f"{schedule}@{from_micros(at).isoformat()}"
            return self._begin(tx, (key, workflow.name, workflow.version, given, None), first)

    def get(self, run: str) -> RunRow:
        """See :meth:`Ledger.get`."""
        with self._database.read() as tx:
            row = _runs.get(tx, "id", run, self._now())
        if row is None:
            raise _runs.not_found(run)
        return row

    def find(self, key: str) -> RunRow | None:
        """See :meth:`Ledger.find`."""
        with self._database.read() as tx:
            return _runs.get(tx, "key", key, self._now())

    def runs(self, *, workflow: str | None = None, status: RunStatus | None = None) -> Iterator[RunRow]:
        """See :meth:`Ledger.runs`."""
        last = NEVER
        while True:
            with self._database.read() as tx:
                rows = _runs.page(tx, last, workflow, _PAGE, self._now())
            if not rows:
                return
            last = rows[-1][0]
            yield from (row for _, row in rows if status is None or row.status == status)

    def due(self) -> Sequence[str]:
        """See :meth:`Ledger.due`."""
        with self._database.read() as tx:
            return [run for _, run in _runs.due(tx, self._now())]

    def cancel(self, run: str) -> bool:
        """See :meth:`Ledger.cancel`."""
        with self._database.write() as tx:
            return _runs.end(tx, _runs.find(tx, run), self._now(), "cancelled")

    def resume(self, run: str) -> bool:
        """See :meth:`Ledger.resume`."""
        with self._database.write() as tx:
            num = _runs.find(tx, run)
            _steps.hasten(tx, num, self._now())
            opened = _runs.reopen(tx, num)
            if opened:
                _steps.forgive(tx, num)
                _runs.end_if_done(tx, num, self._now())
            return opened

    def prune(self, before: datetime) -> int:
        """See :meth:`Ledger.prune`."""
        time = to_micros(before, "before")
        for pruned in itertools.count():
            # One by one: a run may have a million rows, and others want to write in between.
            with self._database.write() as tx:
                if not _runs.forget(tx, time):
                    return pruned
        raise AssertionError

    # Steps

    def claim(self, run: str | None, lease: float) -> Claim | None:
        """See :meth:`Ledger.claim`."""
        with self._database.write() as tx:
            now = self._now()
            if run is None:
                chosen = next(iter(_runs.due(tx, now, 1)), None)
                if chosen is None:
                    return None
                num, run = chosen
            else:
                num = _runs.find(tx, run)
            taken = _steps.claim(tx, num, now, lease)
        return None if taken is None else taken.read(run)

    def finish(self, claim: Claim, done: Done, *, claim_next: float | None = None) -> Claim | None:
        """See :meth:`Ledger.finish`."""
        result = encode(done.result, f"step {claim.step.key!r}: result")
        then = _steps.prepare(done.then)
        with self._database.write() as tx:
            now = self._now()
            run = _steps.finish(tx, claim, result, now)
            _state.put(tx, done.state)
            _steps.add(tx, run, then)
            following = None if claim_next is None else _steps.claim(tx, run, now, claim_next)
            if following is None:
                _runs.end_if_done(tx, run, now)
        return None if following is None else following.read(claim.run)

    def renew(self, claim: Claim, lease: float) -> Claim:
        """See :meth:`Ledger.renew`."""
        with self._database.write() as tx:
            return _steps.renew(tx, claim, self._now(), lease)

    def release(self, claim: Claim) -> None:
        """See :meth:`Ledger.release`."""
        with self._database.write() as tx:
            _steps.release(tx, claim)

    def fail(self, claim: Claim, error: str, retry_at: datetime | None) -> None:
        """See :meth:`Ledger.fail`."""
        ready_at = None if retry_at is None else to_micros(retry_at, "retry_at")
        with self._database.write() as tx:
            _steps.fail(tx, claim, error, ready_at)
            if retry_at is None:
                _runs.end(tx, _runs.find(tx, claim.run), self._now(), "failed", error)

    def signal(self, run: str, name: str, delivery_id: str, payload: JSON = None) -> bool:
        """See :meth:`Ledger.signal`."""
        text = encode(payload, "payload")
        with self._database.write() as tx:
            num = _runs.find(tx, run)
            return _runs.is_open(tx, num) and _steps.deliver(tx, num, name, delivery_id, text)

    def wake_at(self, run: str, key: str, time: datetime) -> bool:
        """See :meth:`Ledger.wake_at`."""
        with self._database.write() as tx:
            return _steps.move(tx, _runs.find(tx, run), key, to_micros(time, "time"))

    def result(self, run: str, key: str) -> JSON:
        """See :meth:`Ledger.result`."""
        with self._database.read() as tx:
            text = _steps.result(tx, _runs.find(tx, run), key)
        return None if text is None else decode(text)

    def results(self, run: str, kind: str | None = None) -> Iterator[tuple[Step, JSON]]:
        """See :meth:`Ledger.results`."""
        return self._walk(run, lambda tx, num, after: _steps.finished(tx, num, after, _PAGE, kind))

    def unfinished(self, run: str) -> Iterator[tuple[Step, int]]:
        """See :meth:`Ledger.unfinished`."""
        return self._walk(run, lambda tx, num, after: _steps.unfinished(tx, num, after, _PAGE))

    def _walk(
        self, run: str, page: Callable[[sqlite3.Connection, int, int], Iterator[tuple[int, Step, T]]]
    ) -> Iterator[tuple[Step, T]]:
        after = 0
        while True:
            with self._database.read() as tx:
                rows = page(tx, _runs.find(tx, run), after)
            after = -1
            for after, step, value in rows:  # noqa: B007 - the last one is where the next page begins
                yield step, value
            if after < 0:
                return

    # State

    def state(self, space: str, key: str) -> JSON:
        """See :meth:`Ledger.state`."""
        with self._database.read() as tx:
            text = _state.get(tx, space, key)
        return None if text is None else decode(text)

    def entries(self, space: str, prefix: str = "") -> Iterator[tuple[str, JSON]]:
        """See :meth:`Ledger.entries`."""
        last: str | None = None
        while True:
            with self._database.read() as tx:
                start = prefix if last is None else last
                rows = _state.page(tx, space, start, _PAGE, after=last is not None)
            for last, text in rows:
                if not last.startswith(prefix):
                    return
                yield last, decode(text)
            if len(rows) < _PAGE:
                return

    def put(self, puts: Sequence[Put]) -> None:
        """See :meth:`Ledger.put`."""
        with self._database.write() as tx:
            _state.put(tx, puts)

    # What workers share

    def take(self, limit: str, n: int, *, rate: float, burst: int) -> float:
        """See :meth:`Ledger.take`."""
        if n < 1 or rate <= 0 or burst < 1:
            raise InvalidInputError(
                f"take: n={n}, rate={rate} and burst={burst} must be above 0.",
                hint="rate is tokens in a second, burst how many can be saved up.",
            )
        with self._database.write() as tx:
            return _limits.take(tx, limit, n, self._now(), rate=rate, burst=burst)

    def slot(self, name: str, limit: int, lease: float) -> int | None:
        """See :meth:`Ledger.slot`."""
        with self._database.write() as tx:
            return _limits.slot(tx, name, limit, self._now(), lease)

    def renew_slot(self, name: str, fence: int, lease: float) -> bool:
        """See :meth:`Ledger.renew_slot`."""
        with self._database.write() as tx:
            return _limits.renew_slot(tx, name, fence, self._now(), lease)

    def free_slot(self, name: str, fence: int) -> None:
        """See :meth:`Ledger.free_slot`."""
        with self._database.write() as tx:
            _limits.free_slot(tx, name, fence)


__all__ = ["SQLiteLedger"]

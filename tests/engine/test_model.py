"""The ledger against a model in plain Python: claims, crashes, zombies, moving clocks, in any order."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from bulkeditor.engine import ANY, Claim, Done, Put, SQLiteLedger, Step
from bulkeditor.errors import LeaseLostError, StateChangedError
from tests.engine.conftest import START, Hands
from tests.engine.test_ledger import Given

EXAMPLES = int(os.environ.get("BULKEDITOR_LEDGER_EXAMPLES", "40"))


@attrs.define
class Row:
    """A step as the model has it."""

    seq: int
    step: Step
    ready_at: Any = None
    lease_until: Any = None
    attempts: int = 0
    failures: int = 0
    waits: bool = False
    payload: Any = None
    done: bool = False
    result: Any = None


@attrs.define
class Run:
    """A run as the model has it."""

    rows: dict[str, Row] = attrs.field(factory=dict)
    status: str = "open"
    deliveries: set[str] = attrs.field(factory=set)
    kept: list[tuple[str, Any]] = attrs.field(factory=list)

    def add(self, steps: Any, seq: Any) -> None:
        for step in steps:
            if step.key in self.rows:
                continue
            row = Row(next(seq), step, ready_at=step.not_before)
            self.rows[step.key] = row
            if step.signal is not None:
                row.waits = True
                self.hand_over(row)

    def hand_over(self, row: Row) -> None:
        for place, (name, payload) in enumerate(self.kept):
            if name == row.step.signal:
                del self.kept[place]
                row.waits, row.payload = False, payload
                return

    def next(self, now: Any) -> Row | None:
        left = [row for row in self.rows.values() if not row.done]
        if self.status != "open" or not left:
            return None
        lowest = min(row.step.stage for row in left)
        ready = [
            row
            for row in left
            if row.step.stage == lowest
            and not row.waits
            and (row.ready_at is None or row.ready_at <= now)
            and (row.lease_until is None or row.lease_until <= now)
        ]
        return min(ready, key=lambda row: (row.ready_at is None, row.ready_at or now, row.seq), default=None)

    def settle(self) -> None:
        if self.status == "open" and all(row.done for row in self.rows.values()):
            self.status = "done"


KEYS = st.sampled_from(["a", "b", "c", "d", "e"])
SECONDS = st.sampled_from([1, 5, 20, 60])
SIGNALS = st.sampled_from(["go", "stop"])


@st.composite
def steps(draw: Any, least: int = 0) -> list[dict[str, Any]]:
    one = st.fixed_dictionaries(
        {
            "key": KEYS,
            "stage": st.sampled_from([0, 0, 1]),
            "wait": st.sampled_from([None, None, None, 1, 20]),
            "signal": st.sampled_from([None, None, None, "go", "stop"]),
        }
    )
    return draw(st.lists(one, min_size=least, max_size=5, unique_by=lambda step: step["key"]))


PUTS = st.lists(
    st.tuples(KEYS, st.none() | st.integers(0, 2), st.none() | st.integers(0, 2) | st.just(ANY)), max_size=2
)


class Hasty(sqlite3.Connection):
    """Waits for no disk: what is tested here outlives a process, not a power cut."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return super().execute(sql.replace("= FULL", "= OFF"), parameters)


class Model(RuleBasedStateMachine):
    """Every rule does the same to the ledger and to the model."""

    claims = Bundle("claims")

    @initialize(wanted=steps(least=3))
    def open(self, wanted: Any) -> None:
        self.hands = Hands()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "store.db")
        self.ledger = SQLiteLedger(self.path, clock=self.hands, connection=Hasty)
        self.runs: dict[str, tuple[str, Run]] = {}
        self.state: dict[str, Any] = {}
        self.seq = iter(range(1, 10**9))
        self.start("x", wanted)

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()

    @property
    def now(self) -> Any:
        return self.hands.time

    def made(self, wanted: Any) -> list[Step]:
        return [
            Step(
                key=one["key"],
                kind="do",
                params={"for": one["key"]},
                stage=one["stage"],
                signal=one["signal"],
                not_before=None if one["wait"] is None else self.now + timedelta(seconds=one["wait"]),
            )
            for one in wanted
        ]

    def pick(self, number: int) -> tuple[str, Run] | None:
        return list(self.runs.values())[number % len(self.runs)] if self.runs else None

    # Runs

    @rule(key=st.sampled_from(["x", "y"]), wanted=steps())
    def start(self, key: str, wanted: Any) -> None:
        first = self.made(wanted)
        found = self.ledger.start_run(key, Given(*first))
        if key in self.runs:
            assert found == self.runs[key][0]
            return
        run = Run()
        run.add(first, self.seq)
        run.settle()
        self.runs[key] = (found, run)

    @rule(number=st.integers(0, 1))
    def cancel(self, number: int) -> None:
        if picked := self.pick(number):
            ident, run = picked
            assert self.ledger.cancel(ident) == (run.status == "open")
            run.status = "cancelled" if run.status == "open" else run.status

    @rule(number=st.integers(0, 1))
    def resume(self, number: int) -> None:
        if picked := self.pick(number):
            ident, run = picked
            stopped = run.status in {"failed", "cancelled"}
            assert self.ledger.resume(ident) == stopped
            if stopped:
                run.status = "open"
                for row in run.rows.values():
                    row.failures = 0
                run.settle()

    @rule(number=st.integers(0, 1), name=SIGNALS, delivery=KEYS, payload=st.integers(0, 9))
    def signal(self, number: int, name: str, delivery: str, payload: int) -> None:
        if not (picked := self.pick(number)):
            return
        ident, run = picked
        new = run.status == "open" and delivery not in run.deliveries
        assert self.ledger.signal(ident, name, delivery, payload) == new
        if new:
            run.deliveries.add(delivery)
            waiting = [
                row for row in run.rows.values() if row.waits and row.step.signal == name and not row.done
            ]
            if waiting:
                row = min(waiting, key=lambda row: row.seq)
                row.waits, row.payload = False, payload
            else:
                run.kept.append((name, payload))

    @rule(number=st.integers(0, 1), key=KEYS, seconds=SECONDS)
    def wake_at(self, number: int, key: str, seconds: int) -> None:
        if picked := self.pick(number):
            ident, run = picked
            row = run.rows.get(key)
            movable = row is not None and not row.done and row.lease_until is None
            time = self.now + timedelta(seconds=seconds)
            assert self.ledger.wake_at(ident, key, time) == movable
            if row is not None and movable:
                row.ready_at = time

    # Steps

    @rule(target=claims, number=st.integers(0, 1), lease=SECONDS)
    def claim(self, number: int, lease: int) -> Any:
        if not (picked := self.pick(number)):
            return multiple()
        ident, run = picked
        return self.claimed(ident, run, self.ledger.claim(ident, lease), lease)

    def claimed(self, ident: str, run: Run, claim: Claim | None, lease: int) -> Any:
        row = run.next(self.now)
        if row is None:
            assert claim is None
            return multiple()
        assert claim is not None
        row.attempts += 1
        row.lease_until = self.now + timedelta(seconds=lease)
        assert claim.step == row.step
        assert (claim.attempt, claim.failures, claim.signal) == (row.attempts, row.failures, row.payload)
        assert (claim.now, claim.expires) == (self.now, row.lease_until)
        return (ident, claim)

    def held(self, held: Any) -> tuple[Run, Row | None]:
        """The row of a claim; None when the claim is a zombie's."""
        ident, claim = held
        run = next(run for known, run in self.runs.values() if known == ident)
        row = run.rows[claim.step.key]
        mine = not row.done and row.lease_until is not None and row.attempts == claim.attempt
        return run, row if mine else None

    @rule(target=claims, held=claims, wanted=steps(), puts=PUTS, claim_next=st.none() | SECONDS)
    def finish(self, held: Any, wanted: Any, puts: Any, claim_next: Any) -> Any:
        run, row = self.held(held)
        ident, claim = held
        then = self.made(wanted)
        changes = [Put(space="s", key=key, value=value, expect=expect) for key, value, expect in puts]
        done = Done(result=claim.attempt, then=then, state=changes)
        if row is None:
            with pytest.raises(LeaseLostError):
                self.ledger.finish(claim, done, claim_next=claim_next)
            return multiple()
        after = self.changed(changes)
        if after is None:
            with pytest.raises(StateChangedError):
                self.ledger.finish(claim, done, claim_next=claim_next)
            return multiple(held)
        following = self.ledger.finish(claim, done, claim_next=claim_next)
        self.state = after
        row.done, row.result = True, claim.attempt
        run.add(then, self.seq)
        run.settle()
        if claim_next is None or run.status != "open":
            assert following is None
            return multiple()
        return self.claimed(ident, run, following, claim_next)

    def changed(self, changes: Any) -> dict[str, Any] | None:
        after = dict(self.state)
        for put in changes:
            if put.expect is not ANY and after.get(put.key) != put.expect:
                return None
            after[put.key] = put.value
        return {key: value for key, value in after.items() if value is not None}

    @rule(target=claims, held=claims, lease=SECONDS)
    def renew(self, held: Any, lease: int) -> Any:
        _, row = self.held(held)
        ident, claim = held
        with contextlib.nullcontext() if row is not None else pytest.raises(LeaseLostError):
            renewed = self.ledger.renew(claim, lease)
        if row is None:
            return multiple()
        row.lease_until = self.now + timedelta(seconds=lease)
        assert renewed.expires == row.lease_until
        return (ident, renewed)

    @rule(held=claims, wait=st.none() | SECONDS)
    def fail(self, held: Any, wait: Any) -> None:
        run, row = self.held(held)
        _, claim = held
        retry_at = None if wait is None else self.now + timedelta(seconds=wait)
        with contextlib.nullcontext() if row is not None else pytest.raises(LeaseLostError):
            self.ledger.fail(claim, "no", retry_at)
        if row is not None:
            row.lease_until = None
            row.failures += 1
            row.ready_at = retry_at or row.ready_at
            if retry_at is None and run.status == "open":
                run.status = "failed"

    @rule(held=claims)
    def release(self, held: Any) -> None:
        _, row = self.held(held)
        self.ledger.release(held[1])
        if row is not None:
            row.lease_until = None

    # The world

    @rule(seconds=st.sampled_from([1, 4, 15, 90, -3]))
    def time_passes(self, seconds: int) -> None:
        if self.now + timedelta(seconds=seconds) >= START:
            self.hands.move(seconds)

    @rule()
    def crash(self) -> None:
        self.ledger.close()
        self.ledger = SQLiteLedger(self.path, clock=self.hands, connection=Hasty)

    @rule(puts=PUTS)
    def put(self, puts: Any) -> None:
        changes = [Put(space="s", key=key, value=value, expect=expect) for key, value, expect in puts]
        after = self.changed(changes)
        if after is None:
            with pytest.raises(StateChangedError):
                self.ledger.put(changes)
        else:
            self.ledger.put(changes)
            self.state = after

    @invariant()
    def the_same(self) -> None:
        if not hasattr(self, "runs"):
            return
        assert dict(self.ledger.entries("s")) == self.state
        for ident, run in self.runs.values():
            row = self.ledger.get(ident)
            finished = [one for one in run.rows.values() if one.done]
            assert (row.steps, row.done) == (len(run.rows), len(finished))
            assert row.status == self.standing(run)
            expected = [(one.step, one.result) for one in sorted(finished, key=lambda one: one.seq)]
            assert list(self.ledger.results(ident)) == expected
        due = [ident for ident, run in self.runs.values() if run.next(self.now) is not None]
        assert list(self.ledger.due()) == due

    def standing(self, run: Run) -> str:
        if run.status != "open":
            return run.status
        left = [row for row in run.rows.values() if not row.done]
        lowest = min(row.step.stage for row in left)
        ready = [
            row
            for row in left
            if row.step.stage == lowest
            and not row.waits
            and (row.ready_at is None or row.ready_at <= self.now)
        ]
        return "running" if ready else "waiting"


def test_the_ledger_does_what_the_model_does() -> None:
    run_state_machine_as_test(
        Model, settings=settings(max_examples=EXAMPLES, stateful_step_count=60, deadline=None)
    )

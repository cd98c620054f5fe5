"""Sales, permanent changes and a foreign hand that race for one product, at every request and every commit.

Each run is a process of its own; who goes on next is drawn. Whatever the order, the shop ends at what the
layers say, and an edit by somebody else is never lost.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

import pytest

import bulkeditor as be
from bulkeditor import UNSET
from bulkeditor.engine import SQLiteLedger, StepPolicy
from bulkeditor.engine._advance import Attempt, Idle, Slice, Workflows, advance
from bulkeditor.http import Session, SessionConfig
from bulkeditor.http.auth import APIKey
from bulkeditor.plans._account import read_ended, read_report
from bulkeditor.plans._apply import ApplyWorkflow
from bulkeditor.plans._schedule import Times, start_schedule
from bulkeditor.plans._start import start_apply
from tests.plans.making import document, held

RACES = int(os.environ.get("BULKEDITOR_RACES", "18"))
ONE = "product_id_1"
FIELDS: dict[str, tuple[Any, ...]] = {
    "price": tuple(Decimal(number) for number in (11, 12, 13, 14, 15, 16)),
    "custom_fields.season": ("a", "b", None, "", UNSET, "f"),
    "tags": (["a"], ["b"], ["c"], [], ["e"], ["f"]),
}


class Runner:
    """One run, a request or a commit at a time."""

    def __init__(self, ledger: SQLiteLedger, session: Session, run: str) -> None:
        self.session = session
        self.run = run
        workflow = ApplyWorkflow(session.facts, be.RetryPolicy(base_delay=1))
        lane = advance(ledger, Workflows([workflow]), run, Slice(policy=StepPolicy(lease=600)))
        self.steps = self._steps(lane)

    def _steps(self, lane: Any) -> Iterator[None]:
        outcome: Any = None
        while True:
            try:
                event = lane.send(outcome)
            except StopIteration:
                return
            yield
            if isinstance(event, Idle):
                outcome = None
                continue
            assert isinstance(event, Attempt)
            outcome = yield from self._attempt(event.flow)

    def _attempt(self, flow: Any) -> Iterator[None]:
        answer: Any = None
        while True:
            try:
                wanted = flow.send(answer)
            except StopIteration as end:
                return end.value
            yield
            answer = self.session.run(_alone(wanted))


def _alone(wanted: Any) -> Any:
    return (yield wanted)


class Race:
    def __init__(self, sandbox: be.Sandbox, seed: int, field: str) -> None:
        self.sandbox = sandbox
        self.rng = random.Random(seed)
        self.field = field
        self.first = held(sandbox, ONE, field)
        self.values = [value for value in FIELDS[field] if value != self.first]
        self.ledger = SQLiteLedger(clock=sandbox.clock.now)
        config = SessionConfig(base_url=sandbox.base_url, auth=APIKey(sandbox.api_key))
        self.session = Session(config)
        self.workflow = ApplyWorkflow(self.session.facts, be.RetryPolicy(base_delay=1))
        self.start = sandbox.clock.now()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self.ledger.close()

    def plan(self, value: Any, before: Any) -> be.PlanDocument:
        row = be.PlanRow(product=ONE, field=self.field, before=before, after=value)
        return document(self.sandbox.base_url, [row])

    def sale(self, value: Any, days: int) -> str:
        return start_schedule(
            self.ledger, self.workflow, self.plan(value, self.first),
            Times(at=self.start, revert_at=self.start + timedelta(days=days)),
            on_overlap="layer", on_stale="force", on_error="best_effort", undoable_for=timedelta(days=1),
        )  # fmt: skip

    def permanent(self, value: Any, before: Any, on_stale: Any = "skip") -> str:
        return start_apply(
            self.ledger, self.workflow, self.plan(value, before),
            on_stale=on_stale, on_error="best_effort", attempt=1, undoable_for=timedelta(days=1),
        )  # fmt: skip

    def race(self, runs: Sequence[str], *others: Callable[[], None]) -> None:
        """Let all go on, in an order that is drawn, until each has come to its end or waits for a time."""
        racing: list[Iterator[None]] = [Runner(self.ledger, self.session, run).steps for run in runs]
        racing += [self._later(other) for other in others]
        while racing:
            # Some are slow: the others come a long way meanwhile.
            runner = self.rng.choice(racing if self.rng.random() < 0.7 else racing[:1])
            for _ in range(self.rng.choice([1, 1, 2, 5])):
                if next(runner, runner) is runner:
                    racing.remove(runner)
                    break

    def _later(self, other: Callable[[], None]) -> Iterator[None]:
        for _ in range(self.rng.randint(0, 12)):
            yield
        other()

    def foreign(self, value: Any) -> None:
        column, _, entry = self.field.partition(".")
        with self.sandbox.connect() as shop:
            shop.products.update([{"id": ONE, column: {entry: value} if entry else value}])

    def shown(self) -> Any:
        return held(self.sandbox, ONE, self.field)

    def settled(self) -> None:
        """Nothing is left under way, every run is done, and each row has its outcome."""
        for run in self.ledger.runs():
            assert run.status == "done", run
            read_report(self.ledger, run).balance.check()
            ended = read_ended(self.ledger, run)
            if ended is not None:
                ended.balance.check()
        for _, entry in self.ledger.entries(f"plans/layers/{self.sandbox.base_url}"):
            assert entry["fields"] == {}


@pytest.fixture(params=["expected-merge", "expected-replace", "documented-merge", "documented-replace"])
def server(request: pytest.FixtureRequest) -> Iterator[be.Sandbox]:
    kind, _, custom = request.param.partition("-")
    readings = {"idempotency_key": "ignored", "custom_fields_update": custom}
    with be.Sandbox(
        products=12, completions=kind == "expected", readings=readings, clock="frozen"
    ) as sandbox:
        yield sandbox


@pytest.mark.parametrize("field", FIELDS)
def test_sales_and_permanent_changes_race(server: be.Sandbox, field: str) -> None:
    fresh = server.snapshot()
    for seed in range(RACES // len(FIELDS)):
        server.restore(fresh)
        print(f"seed {seed}")  # noqa: T201 - found again by it
        with Race(server, seed, field) as race:
            values = race.values
            sales = [race.sale(values[number], days) for number, days in enumerate((2, 3, 2))]
            # All begin, and a permanent change comes in between: the last one of the sales shows.
            race.race([*sales, race.permanent(values[3], race.first)])
            assert race.shown() == values[2], seed
            # Two end while another permanent change comes: what shows is the one that is left.
            server.clock.advance("2d")
            race.race([*sales, race.permanent(values[4], values[3])])
            assert race.shown() == values[1], seed
            server.clock.advance("1d")
            race.race(sales)
            assert race.shown() == values[4], seed
            race.settled()


@pytest.mark.parametrize("field", ["price"])
def test_an_edit_by_somebody_else_is_never_lost(field: str) -> None:
    """On a server that compares in the transaction that writes."""
    with be.Sandbox(products=12, readings={"idempotency_key": "ignored"}, clock="frozen") as server:
        fresh = server.snapshot()
        for seed in range(RACES):
            server.restore(fresh)
            print(f"seed {seed}")  # noqa: T201 - found again by it
            with Race(server, seed, field) as race:
                values = race.values
                sales = [race.sale(values[number], days) for number, days in enumerate((2, 3))]
                race.race(sales, lambda race=race, values=values: race.foreign(values[4]))
                server.clock.advance("2d")
                race.race(sales)
                server.clock.advance("1d")
                race.race(sales)
                assert race.shown() == values[4], seed
                race.settled()

"""Edits by others always survive, whenever they come: between any two requests of an apply or an undo."""

from __future__ import annotations

import os
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import bulkeditor as be
from bulkeditor import UNSET
from tests.plans.interleaving import FIELDS, POOLS, PRODUCTS, Edit, World, play
from tests.plans.making import contents, held

RUNS = int(os.environ.get("BULKEDITOR_INTERLEAVINGS", "25"))
SEED = int(os.environ.get("BULKEDITOR_TEST_SEED", "20240601"))


@pytest.mark.parametrize("custom", ["merge", "replace"])
def test_no_edit_is_overwritten_where_the_server_compares(custom: str) -> None:
    with World(readings={"custom_fields_update": custom}).open() as world:
        for number in range(RUNS):
            play(world, random.Random(SEED + number))
            assert not world.tally.overwritten, f"seed {SEED + number}: {world.tally.overwritten}"
        assert world.tally.collisions > RUNS / 4, "edits that meet no plan prove nothing"


@pytest.mark.parametrize("before_writes", [False, True])
def test_without_that_the_only_gap_is_between_the_look_and_the_write(before_writes: bool) -> None:
    """The honest limit of the documented API: one request."""
    with World(completions=False).open() as world:
        world.before_writes = before_writes
        for number in range(RUNS):
            play(world, random.Random(SEED + number))
        assert world.tally.collisions > RUNS / 8
        assert bool(world.tally.overwritten) == before_writes, world.tally.overwritten


@pytest.mark.parametrize(
    "edit", [("custom_fields.y", Decimal("1.50")), ("custom_fields.x", "x"), ("custom_fields.x", "")]
)
def test_an_edit_while_custom_fields_are_cleared_survives_and_the_others_come_back(
    edit: tuple[str, Any],
) -> None:
    """At every place of what it takes to remove an entry from a server that only adds."""
    with World().open() as world:
        for place in range(1, 12):
            world.reset()
            for field, value in (("custom_fields.y", Decimal("1.50")), ("vendor", "Acme")):
                world.edit("p1", field, value)
            plan = world.plan([("p1", "custom_fields.y", UNSET)])
            run = world.apply(plan, [Edit(place, "p1", *edit)])
            assert not world.tally.overwritten, f"before request {place}: {world.tally.overwritten}"
            entries = held(world.sandbox, "p1", "custom_fields")
            assert entries["z"] == ["p1"]
            assert entries["x"] == (edit[1] if edit[0] == "custom_fields.x" and place <= world.sent else "x")
            assert run.report[0].status in {"updated", "stale"}


def changes() -> Any:
    fields = st.tuples(st.sampled_from(PRODUCTS), st.sampled_from(FIELDS))
    chosen = st.lists(fields, unique=True, min_size=1, max_size=8)
    return chosen.flatmap(
        lambda pairs: st.tuples(
            *(st.tuples(st.just(p), st.just(f), st.sampled_from(POOLS[f])) for p, f in pairs)
        )
    )


def edits() -> Any:
    field = st.sampled_from(FIELDS)
    one = field.flatmap(
        lambda name: st.builds(
            Edit, st.integers(1, 6), st.sampled_from(PRODUCTS), st.just(name), st.sampled_from(POOLS[name])
        )
    )
    return st.lists(one, max_size=3)


class Shop(RuleBasedStateMachine):
    """We plan, apply and take back; a colleague edits, before and in the middle of it."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world.reset()
        self.runs: list[Any] = []

    @rule(
        product=st.sampled_from(PRODUCTS),
        change=st.sampled_from(FIELDS).flatmap(lambda f: st.tuples(st.just(f), st.sampled_from(POOLS[f]))),
    )
    def colleague_edits(self, product: str, change: tuple[str, Any]) -> None:
        self.world.edit(product, *change)

    @rule(
        changes=changes(),
        between=edits(),
        on_stale=st.sampled_from(["skip", "force", "fail"]),
        data=st.data(),
    )
    def apply(self, changes: Any, between: Any, on_stale: Any, data: Any) -> None:
        plan = self.world.plan(changes)
        for edit in between[:1]:
            self.world.edit(edit.product, edit.field, edit.value)
        edits = [
            Edit(data.draw(st.integers(1, 5)), product, field, data.draw(st.sampled_from(POOLS[field])))
            for product, field, _ in data.draw(st.lists(st.sampled_from(changes), max_size=2))
        ]
        try:
            self.runs.append(self.world.apply(plan, edits, on_stale=on_stale))
        except be.PlanStoppedError:
            assert on_stale == "fail"

    @rule(data=st.data(), edits=edits())
    def take_back(self, data: Any, edits: Any) -> None:
        if self.runs:
            run = data.draw(st.sampled_from(self.runs))
            try:
                self.runs.append(self.world.undo(run, edits))
            except be.NotUndoableError as error:
                assert "was taken back" in str(error)  # noqa: PT017 - the other reasons are defects here

    @rule(changes=changes())
    def undisturbed_it_can_be_taken_back_and_put_forth(self, changes: Any) -> None:
        before = contents(self.world.sandbox)
        run = self.world.apply(self.world.plan(changes))
        after = contents(self.world.sandbox)
        assert run.report.ok
        undo = self.world.undo(run)
        assert contents(self.world.sandbox) == before
        self.world.undo(undo)
        assert contents(self.world.sandbox) == after

    @invariant()
    def nothing_of_theirs_was_overwritten(self) -> None:
        assert not self.world.tally.overwritten


@pytest.mark.parametrize("custom", ["merge", "replace"])
def test_the_shop_as_a_state_machine(custom: str) -> None:
    with World(readings={"custom_fields_update": custom}).open() as world:
        machine = type("Machine", (Shop,), {"world": world})
        examples = settings(
            max_examples=max(10, RUNS // 6),
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine, settings=examples)
        assert world.tally.runs > 20

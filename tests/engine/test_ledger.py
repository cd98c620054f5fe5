"""What every ledger does, whatever it is made of."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from bulkeditor.engine import NEW, Done, Put, Step, own_space
from bulkeditor.errors import LeaseLostError, RunNotFoundError, StateChangedError


class Given:
    """A workflow of given first steps."""

    name = "given"
    version = 1

    def __init__(self, *first: Step) -> None:
        self.steps = first

    def first(self, input):  # noqa: A002
        return self.steps

    def handler(self, kind):
        raise KeyError(kind)


def step(key: str, **options) -> Step:
    return Step(key=key, kind=options.pop("kind", "do"), **options)


def begin(ledger, *steps: Step, key: str = "run") -> str:
    return ledger.start_run(key, Given(*steps))


def work(ledger, run: str, done: Done | None = None) -> str | None:
    """Claim and finish the next step; its key."""
    claim = ledger.claim(run, 30)
    if claim is None:
        return None
    ledger.finish(claim, done or Done())
    return claim.step.key


def keys(ledger, run: str) -> list[str]:
    found = []
    while (key := work(ledger, run)) is not None:
        found.append(key)
    return found


class TestRuns:
    def test_steps_are_done_in_order_and_the_last_one_ends_the_run(self, ledger):
        run = begin(ledger, step("a"), step("b"), step("c"))
        assert ledger.get(run).status == "running"
        assert keys(ledger, run) == ["a", "b", "c"]
        row = ledger.get(run)
        assert (row.status, row.steps, row.done) == ("done", 3, 3)
        assert row.finished_at == ledger.now()

    def test_a_key_that_is_there_begins_nothing(self, ledger):
        run = begin(ledger, step("a"))
        assert begin(ledger, step("other")) == run
        assert keys(ledger, run) == ["a"]
        assert begin(ledger, step("other")) == run, "not even when it has ended"

    def test_a_run_without_steps_is_done(self, ledger):
        assert ledger.get(begin(ledger)).status == "done"

    def test_an_unknown_run_is_an_error_that_names_it(self, ledger):
        for call in (ledger.get, ledger.cancel, ledger.resume, lambda run: ledger.claim(run, 1)):
            with pytest.raises(RunNotFoundError, match="no run 'nobody'") as caught:
                call("nobody")
            assert caught.value.run == "nobody"


class TestSteps:
    def test_a_finished_step_leaves_result_state_and_further_steps_together(self, ledger):
        run = begin(ledger, step("a"))
        claim = ledger.claim(run, 30)
        done = Done(
            result={"price": Decimal("10.50")}, then=[step("b")], state=[Put(space="s", key="k", value=[1])]
        )
        following = ledger.finish(claim, done, claim_next=30)
        assert following.step.key == "b"
        assert ledger.result(run, "a") == {"price": "10.50"}
        assert ledger.state("s", "k") == [1]

    def test_a_run_begins_with_its_state_or_not_at_all(self, ledger):
        own = Put(space=own_space(NEW, "rows"), key="k", value=1)
        shared = Put(space="shared", key="k", value=2, expect=None)
        run = ledger.start_run("one", Given(step("a")), state=[own, shared])
        assert ledger.state(own_space(run, "rows"), "k") == 1
        assert ledger.state("shared", "k") == 2
        with pytest.raises(StateChangedError):
            ledger.start_run("two", Given(step("a")), state=[own, shared])
        assert ledger.find("two") is None
        assert ledger.start_run("one", Given(), state=[shared]) == run

    def test_state_that_moved_commits_nothing_of_the_step(self, ledger):
        run = begin(ledger, step("a"))
        claim = ledger.claim(run, 30)
        ledger.put([Put(space="s", key="k", value=2)])
        done = Done(result=1, then=[step("b")], state=[Put(space="s", key="k", value=3, expect=1)])
        with pytest.raises(StateChangedError) as caught:
            ledger.finish(claim, done)
        assert (caught.value.space, caught.value.key) == ("s", "k")
        assert ledger.get(run).steps == 1
        assert ledger.state("s", "k") == 2
        ledger.finish(claim, Done(state=[Put(space="s", key="k", value=3, expect=2)]))
        assert ledger.state("s", "k") == 3

    def test_a_lease_that_ran_out_is_taken_by_somebody_else_and_the_first_holder_is_refused(
        self, ledger, hands
    ):
        run = begin(ledger, step("a"))
        zombie = ledger.claim(run, 30)
        assert ledger.claim(run, 30) is None
        hands.move(30)
        claim = ledger.claim(run, 30)
        assert (claim.step, claim.attempt) == (zombie.step, 2)
        for call in (
            lambda: ledger.finish(zombie, Done(result="zombie")),
            lambda: ledger.renew(zombie, 30),
            lambda: ledger.fail(zombie, "late", None),
        ):
            with pytest.raises(LeaseLostError):
                call()
        ledger.finish(claim, Done(result="mine"))
        assert ledger.result(run, "a") == "mine"

    def test_stages_wait_for_those_below(self, ledger):
        run = begin(ledger, step("last", stage=2), step("a"), step("b", stage=1))
        claim = ledger.claim(run, 30)
        assert claim.step.key == "a"
        assert ledger.claim(run, 30) is None
        following = ledger.finish(claim, Done(then=[step("again")]), claim_next=30)
        assert following.step.key == "again"
        ledger.finish(following, Done())
        assert keys(ledger, run) == ["b", "last"]

    def test_a_step_begins_no_earlier_than_it_says(self, ledger, hands):
        at = ledger.now() + timedelta(hours=1)
        run = begin(ledger, step("a", not_before=at))
        assert ledger.claim(run, 30) is None
        row = ledger.get(run)
        assert (row.status, row.wakes_at) == ("waiting", at)
        assert list(ledger.due()) == []
        hands.move(3600)
        assert list(ledger.due()) == [run]
        assert keys(ledger, run) == ["a"]

    def test_a_signal_is_delivered_once_also_when_it_comes_first(self, ledger):
        run = begin(ledger, step("a"), step("wait", signal="go"))
        assert ledger.signal(run, "go", "delivery-1", {"by": "me"})
        assert not ledger.signal(run, "go", "delivery-1", {"by": "somebody"})
        claim = ledger.claim(run, 30)
        assert claim.step.key == "a"
        ledger.finish(claim, Done(then=[step("second", signal="go")]))
        claim = ledger.claim(run, 30)
        assert (claim.step.key, claim.signal) == ("wait", {"by": "me"})
        ledger.finish(claim, Done())
        assert ledger.get(run).status == "waiting"
        assert ledger.signal(run, "go", "delivery-2", 7)
        claim = ledger.claim(run, 30)
        assert (claim.step.key, claim.signal) == ("second", 7)

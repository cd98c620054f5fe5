"""What every ledger does, whatever it is made of."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from bulkeditor.engine import NEW, Done, Put, Step, own_space
from bulkeditor.errors import InvalidInputError, LeaseLostError, RunNotFoundError, StateChangedError
from tests.engine.conftest import START


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

    def test_a_kept_signal_is_handed_out_once(self, ledger):
        run = begin(ledger, step("a"))
        ledger.signal(run, "go", "1")
        claim = ledger.claim(run, 30)
        ledger.finish(claim, Done(then=[step("b", signal="go"), step("c", signal="go")]))
        assert keys(ledger, run) == ["b"]
        assert ledger.get(run).status == "waiting"

    def test_each_delivery_wakes_one_step_the_oldest_first(self, ledger):
        run = begin(ledger, step("a", signal="go"), step("b", signal="go"), step("c", signal="other"))
        ledger.signal(run, "go", "1")
        assert keys(ledger, run) == ["a"]
        ledger.signal(run, "go", "2")
        assert keys(ledger, run) == ["b"]

    def test_a_step_with_a_signal_and_a_time_needs_both(self, ledger, hands):
        at = ledger.now() + timedelta(minutes=1)
        run = begin(ledger, step("a", signal="go", not_before=at))
        hands.move(60)
        assert ledger.claim(run, 30) is None
        ledger.signal(run, "go", "1")
        assert keys(ledger, run) == ["a"]
        other = begin(ledger, step("a", signal="go", not_before=at + timedelta(minutes=1)), key="other")
        ledger.signal(other, "go", "1")
        assert ledger.get(other).wakes_at == at + timedelta(minutes=1)

    def test_a_signal_that_waits_says_so(self, ledger):
        run = begin(ledger, step("a", signal="go"))
        row = ledger.get(run)
        assert (row.status, row.wakes_at) == ("waiting", None)

    def test_signals_to_an_ended_run_go_nowhere(self, ledger):
        run = begin(ledger)
        assert not ledger.signal(run, "go", "1")

    def test_a_failed_step_is_tried_again_at_its_time_before_fresh_ones(self, ledger, hands):
        run = begin(ledger, step("a"), step("b"), step("c"))
        claim = ledger.claim(run, 30)
        ledger.fail(claim, "no luck", ledger.now() + timedelta(seconds=10))
        assert work(ledger, run) == "b"
        hands.move(10)
        again = ledger.claim(run, 30)
        assert (again.step.key, again.attempt, again.failures) == ("a", 2, 1)

    def test_a_step_that_fails_for_good_ends_the_run_and_resume_goes_on_with_it(self, ledger):
        run = begin(ledger, step("a"), step("b"))
        under_way = ledger.claim(run, 30)
        claim = ledger.claim(run, 30)
        ledger.fail(claim, "the end", None)
        row = ledger.get(run)
        assert (row.status, row.error, row.wakes_at) == ("failed", "the end", None)
        assert ledger.claim(run, 30) is None
        assert list(ledger.due()) == []
        # What was under way is kept: it may have written.
        assert ledger.finish(under_way, Done(result=1, then=[step("c")]), claim_next=30) is None
        assert ledger.result(run, "a") == 1
        assert [(one.key, attempts) for one, attempts in ledger.unfinished(run)] == [("b", 1), ("c", 0)]
        assert ledger.resume(run)
        assert not ledger.resume(run)
        claim = ledger.claim(run, 30)
        assert (claim.step.key, claim.attempt, claim.failures) == ("b", 2, 0)
        ledger.finish(claim, Done())
        assert keys(ledger, run) == ["c"]
        assert ledger.get(run).error is None

    def test_a_released_step_can_be_taken_at_once(self, ledger):
        run = begin(ledger, step("a"), step("b"))
        claim = ledger.claim(run, 30)
        ledger.release(claim)
        ledger.release(claim)
        again = ledger.claim(run, 30)
        assert (again.step.key, again.attempt, again.failures) == ("a", 2, 0)
        ledger.release(claim)
        assert ledger.claim(run, 30).step.key == "b", "who lost a claim gives nothing back"

    def test_a_renewed_lease_holds(self, ledger, hands):
        run = begin(ledger, step("a"))
        claim = ledger.claim(run, 30)
        hands.move(20)
        assert ledger.renew(claim, 30).expires == ledger.now() + timedelta(seconds=30)
        hands.move(20)
        assert ledger.claim(run, 30) is None
        ledger.finish(claim, Done())

    def test_a_lease_that_ran_out_unnoticed_may_still_finish(self, ledger, hands):
        run = begin(ledger, step("a"))
        claim = ledger.claim(run, 30)
        hands.move(300)
        ledger.finish(claim, Done())
        assert ledger.get(run).status == "done"

    def test_a_finished_step_is_not_finished_twice(self, ledger):
        run = begin(ledger, step("a"), step("b"))
        claim = ledger.claim(run, 30)
        ledger.finish(claim, Done(result=1))
        with pytest.raises(LeaseLostError):
            ledger.finish(claim, Done(result=2))
        assert ledger.result(run, "a") == 1

    def test_steps_whose_key_is_there_add_nothing_done_or_not(self, ledger):
        run = begin(ledger, step("a"), step("b"), step("a", kind="other"))
        claim = ledger.claim(run, 30)
        ledger.finish(claim, Done(then=[step("a"), step("b"), step("c"), step("c", stage=9)]))
        assert keys(ledger, run) == ["b", "c"]

    def test_the_time_of_a_waiting_step_can_be_moved(self, ledger, hands):
        at = ledger.now() + timedelta(days=1)
        run = begin(ledger, step("a", not_before=at), step("b"))
        assert ledger.wake_at(run, "a", ledger.now())
        assert not ledger.wake_at(run, "nobody", ledger.now())
        claim = ledger.claim(run, 30)
        assert claim.step.key == "a"
        assert not ledger.wake_at(run, "a", at), "somebody is at it"
        ledger.finish(claim, Done())
        assert not ledger.wake_at(run, "a", at)

    def test_any_run_gives_its_oldest(self, ledger, hands):
        begin(ledger, step("later", not_before=ledger.now() + timedelta(hours=1)), key="1")
        second = begin(ledger, step("a"), key="2")
        begin(ledger, step("b"), key="3")
        claim = ledger.claim(None, 30)
        assert (claim.run, claim.step.key) == (second, "a")
        assert ledger.claim(None, 30).step.key == "b"
        assert ledger.claim(None, 30) is None

    def test_a_thousand_steps_and_their_results_are_read_in_order(self, ledger):
        run = begin(ledger, *(step(f"s{n}", kind="even" if n % 2 == 0 else "odd") for n in range(1200)))
        claim = ledger.claim(run, 30)
        while claim is not None:
            claim = ledger.finish(claim, Done(result=claim.step.key), claim_next=30)
        assert [result for _, result in ledger.results(run)] == [f"s{n}" for n in range(1200)]
        assert [found.key for found, _ in ledger.results(run, "odd")] == [f"s{n}" for n in range(1, 1200, 2)]

    @pytest.mark.parametrize(
        ("done", "problem"),
        [
            (Done(result={1, object()}), "step 'a': result cannot be kept as JSON"),
            (Done(then=[step("b", params={"x": object()})]), "step 'b': params cannot be kept as JSON"),
            (
                Done(then=[step("b", not_before=START.replace(tzinfo=None))]),
                "step 'b': not_before has no time zone",
            ),
            (Done(state=[Put(space="s", key="k", value=object())]), "s: k cannot be kept as JSON"),
        ],
    )
    def test_what_cannot_be_kept_commits_nothing(self, ledger, done, problem):
        run = begin(ledger, step("a"))
        claim = ledger.claim(run, 30)
        with pytest.raises(InvalidInputError, match=problem):
            ledger.finish(claim, done)
        assert ledger.get(run).done == 0
        ledger.finish(claim, Done())

    @pytest.mark.parametrize(
        "wrong",
        [step(None), step("b", kind=None), step("b", stage=2**70), step("b", stage="one"), step("\ud800")],
        ids=["no key", "no kind", "huge stage", "no stage", "no text"],
    )
    def test_a_step_that_cannot_be_kept_is_the_callers_mistake(self, ledger, wrong):
        run = begin(ledger, step("a"))
        claim = ledger.claim(run, 30)
        with pytest.raises(InvalidInputError, match="cannot be kept"):
            ledger.finish(claim, Done(then=[wrong]))
        assert ledger.get(run).steps == 1
        ledger.finish(claim, Done())

    def test_a_lease_that_was_given_while_the_clock_was_ahead_holds_nobody_off(self, ledger, hands):
        run = begin(ledger, step("a"))
        hands.move(86_400)
        held = ledger.claim(run, 30)
        assert held is not None
        assert ledger.slot("lane", 1, 30) is not None
        hands.move(-86_400)
        assert ledger.due() == [run]
        assert ledger.get(run).wakes_at == ledger.now()
        taken = ledger.claim(run, 30)
        assert taken is not None
        assert taken.attempt == 2
        with pytest.raises(LeaseLostError):
            ledger.finish(held, Done())
        assert ledger.slot("lane", 1, 30) is not None

    def test_a_step_that_failed_while_the_clock_was_ahead_is_tried_again_when_its_run_is_resumed(
        self, ledger, hands
    ):
        run = begin(ledger, step("a"))
        hands.move(86_400)
        claim = ledger.claim(run, 30)
        ledger.fail(claim, "busy", ledger.now() + timedelta(seconds=5))
        hands.move(-86_400)
        assert ledger.claim(run, 30) is None
        assert not ledger.resume(run), "it had not ended"
        again = ledger.claim(run, 30)
        assert (again.attempt, again.failures) == (2, 1)

    def test_a_limit_that_was_used_while_the_clock_was_ahead_fills_again(self, ledger, hands):
        hands.move(86_400)
        assert ledger.take("calls", 2, rate=1, burst=2) == 0
        hands.move(-86_400)
        assert ledger.take("calls", 1, rate=1, burst=2) == 1
        hands.move(2)
        assert ledger.take("calls", 1, rate=1, burst=2) == 0

    def test_a_lease_lasts_ten_minutes_at_most(self, ledger):
        run = begin(ledger, step("a"))
        with pytest.raises(InvalidInputError, match="lease must be at most 600 seconds, not 601"):
            ledger.claim(run, 601)

    @pytest.mark.parametrize("lease", [0, -1])
    def test_a_lease_is_longer_than_nothing(self, ledger, lease):
        run = begin(ledger, step("a"))
        with pytest.raises(InvalidInputError, match="lease must be a number of seconds above 0"):
            ledger.claim(run, lease)


class TestMoreOfRuns:
    def test_a_cancelled_run_ends_before_its_next_step_and_can_be_resumed(self, ledger):
        run = begin(ledger, step("a"), step("b"))
        claim = ledger.claim(run, 30)
        assert ledger.cancel(run)
        assert not ledger.cancel(run)
        assert ledger.finish(claim, Done(result=1), claim_next=30) is None
        assert ledger.get(run).status == "cancelled"
        assert ledger.resume(run)
        assert keys(ledger, run) == ["b"]
        assert ledger.get(run).status == "done"
        assert not ledger.cancel(run)
        assert not ledger.resume(run)

    def test_a_run_that_was_cancelled_in_its_last_step_is_done_once_resumed(self, ledger):
        run = begin(ledger, step("a"))
        claim = ledger.claim(run, 30)
        ledger.cancel(run)
        ledger.finish(claim, Done())
        ledger.resume(run)
        assert ledger.get(run).status == "done"

    def test_runs_are_listed_newest_first_and_found_by_key(self, ledger):
        first = begin(ledger, step("a"), key="1")
        second = begin(ledger, key="2")
        assert [row.id for row in ledger.runs()] == [second, first]
        assert [row.id for row in ledger.runs(status="running")] == [first]
        assert [row.id for row in ledger.runs(workflow="given", status="done")] == [second]
        assert list(ledger.runs(workflow="nothing")) == []
        assert ledger.find("1").id == first
        assert ledger.find("3") is None

    def test_a_run_keeps_its_input_and_its_trace(self, ledger):
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        run = ledger.start_run(
            "k", Given(), {"price": Decimal("1.10"), "n": [1, None, "ü"]}, traceparent=trace
        )
        row = ledger.get(run)
        assert row.input == {"price": "1.10", "n": [1, None, "ü"]}
        assert (row.workflow, row.version, row.traceparent) == ("given", 1, trace)

    def test_state_that_is_not_as_expected_begins_nothing(self, ledger):
        ledger.put([Put(space="s", key="k", value=1)])
        with pytest.raises(StateChangedError):
            ledger.start_run("k", Given(step("a")), state=[Put(space="s", key="k", value=2, expect=None)])
        assert ledger.find("k") is None

    def test_old_runs_are_forgotten_with_all_that_is_theirs(self, ledger, hands):
        old = ledger.start_run(
            "old",
            Given(step("a"), step("w", signal="go")),
            state=[
                Put(space=own_space(NEW, "mine"), key="k", value=1),
                Put(space="shared", key="k", value=1),
            ],
        )
        ledger.signal(old, "go", "1")
        zombie = ledger.claim(old, 30)
        ledger.cancel(old)
        open_one = begin(ledger, step("a"), key="open")
        hands.move(10)
        recent = begin(ledger, key="recent")
        assert ledger.prune(ledger.now()) == 1
        assert {row.id for row in ledger.runs()} == {open_one, recent}
        assert ledger.state(own_space(old, "mine"), "k") is None
        assert ledger.state("shared", "k") == 1
        # Numbers are used again; claims of what is gone are not mistaken for those of others.
        again = begin(ledger, step("a"), step("b"), key="old")
        assert again != old
        ledger.claim(again, 30)
        ledger.claim(again, 30)
        with pytest.raises(LeaseLostError):
            ledger.finish(zombie, Done())
        with pytest.raises(LeaseLostError):
            ledger.renew(zombie, 30)
        assert [one.key for one, _ in ledger.unfinished(again)] == ["a", "b"]


class TestState:
    def test_entries_are_read_in_the_order_of_their_keys(self, ledger):
        names = ["b", "a", "a1", "a/2", "ä", "z", "😀", "a\U0010ffff", ""]
        ledger.put([Put(space="s", key=name, value=name) for name in names])
        ledger.put([Put(space="other", key="a", value=0)])
        assert [key for key, _ in ledger.entries("s")] == sorted(names)
        assert [key for key, _ in ledger.entries("s", "a")] == sorted(n for n in names if n.startswith("a"))
        assert list(ledger.entries("nothing")) == []

    def test_many_entries_are_read_in_pages(self, ledger):
        ledger.put([Put(space="s", key=f"k{n:05}", value=n) for n in range(1700)])
        assert [value for _, value in ledger.entries("s", "k0")] == list(range(1700))
        assert [value for _, value in ledger.entries("s", "k01")] == list(range(1000, 1700))

    def test_entries_may_change_while_they_are_read(self, ledger):
        ledger.put([Put(space="s", key=f"k{n:05}", value=n) for n in range(1200)])
        seen = []
        for key, value in ledger.entries("s"):
            seen.append(value)
            if value % 100 == 0:
                ledger.put(
                    [Put(space="s", key=key, value=None), Put(space="s", key=f"k{value + 1:05}", value=-1)]
                )
        assert len(seen) == 1200
        assert sum(1 for _ in ledger.entries("s")) == 1188

    def test_none_removes_an_entry(self, ledger):
        ledger.put([Put(space="s", key="k", value=1)])
        ledger.put([Put(space="s", key="k", value=None, expect=1)])
        assert ledger.state("s", "k") is None
        ledger.put([Put(space="s", key="k", value=2, expect=None)])
        assert ledger.state("s", "k") == 2

    def test_all_changes_are_made_or_none(self, ledger):
        ledger.put([Put(space="s", key="b", value=1)])
        with pytest.raises(StateChangedError):
            ledger.put([Put(space="s", key="a", value=1), Put(space="s", key="b", value=2, expect=0)])
        assert ledger.state("s", "a") is None

    @pytest.mark.parametrize(
        ("held", "expected"),
        [
            ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
            ("10.50", Decimal("10.50")),
            (Decimal("1.10"), "1.10"),
            (1, 1),
        ],
    )
    def test_what_is_expected_is_compared_by_value(self, ledger, held, expected):
        ledger.put([Put(space="s", key="k", value=held)])
        ledger.put([Put(space="s", key="k", value="new", expect=expected)])
        assert ledger.state("s", "k") == "new"

    @pytest.mark.parametrize(
        ("held", "expected"), [("1", 1), (True, 1), ("10.5", "10.50"), ([], None), (0, False)]
    )
    def test_what_differs_is_refused(self, ledger, held, expected):
        ledger.put([Put(space="s", key="k", value=held)])
        with pytest.raises(StateChangedError):
            ledger.put([Put(space="s", key="k", value="new", expect=expected)])

    @pytest.mark.parametrize("value", ["\ud800", {"a\ud800": 1}, {"x": {1, 2, "three"} | {object()}}, 1e400j])
    def test_what_is_no_json_is_refused(self, ledger, value):
        with pytest.raises(InvalidInputError, match="cannot be kept as JSON"):
            ledger.put([Put(space="s", key="k", value=value)])

    def test_numbers_keep_their_digits(self, ledger):
        ledger.put([Put(space="s", key="k", value=[10**30, -1, 0.1, "0.10", Decimal("0.10")])])
        assert ledger.state("s", "k") == [10**30, -1, Decimal("0.1"), "0.10", "0.10"]


class TestShared:
    def test_a_schedule_fires_once_for_each_moment(self, ledger):
        at = ledger.now()
        run = ledger.fire("nightly", at, Given(step("a")), {"for": "monday"})
        assert ledger.get(run).input == {"for": "monday"}
        assert ledger.fire("nightly", at, Given(step("a"))) is None
        assert ledger.fire("nightly", at.astimezone(ZoneInfo("Asia/Tokyo")), Given(step("a"))) is None
        assert ledger.fire("nightly", at + timedelta(days=1), Given(step("a"))) not in {None, run}
        assert ledger.fire("weekly", at, Given(step("a"))) not in {None, run}

    def test_a_schedule_does_not_fire_again_once_its_run_is_forgotten(self, ledger, hands):
        at = ledger.now()
        ledger.fire("nightly", at, Given())
        hands.move(1)
        assert ledger.prune(ledger.now()) == 1
        assert ledger.fire("nightly", at, Given()) is None

    def test_tokens_come_back_with_time(self, ledger, hands):
        def take(n: int = 1) -> float:
            return ledger.take("api", n, rate=2, burst=4)

        assert [take() for _ in range(4)] == [0, 0, 0, 0]
        assert [take() for _ in range(2)] == [0.5, 1.0]
        hands.move(1)
        assert take() == 0.5
        hands.move(100)
        assert take(4) == 0
        assert take(4) == 2.0
        hands.move(-50)
        assert take(1) == 2.5, "a clock that is set back gives nothing twice"
        assert ledger.take("other", 1, rate=1, burst=1) == 0

    @pytest.mark.parametrize("wrong", [{"n": 0}, {"rate": 0}, {"burst": 0}])
    def test_a_limit_that_lets_nothing_through_is_refused(self, ledger, wrong):
        with pytest.raises(InvalidInputError, match="must be above 0"):
            ledger.take("api", **{"n": 1, "rate": 1, "burst": 1, **wrong})

    def test_places_are_limited_and_come_back(self, ledger, hands):
        first, second = ledger.slot("sync", 2, 30), ledger.slot("sync", 2, 30)
        assert first != second
        assert ledger.slot("sync", 2, 30) is None
        assert ledger.slot("other", 1, 30) is not None
        ledger.free_slot("sync", first)
        third = ledger.slot("sync", 2, 30)
        assert third not in {None, first}
        ledger.free_slot("sync", first)
        assert ledger.slot("sync", 2, 30) is None, "who gave a place back has none to give"
        hands.move(20)
        assert ledger.renew_slot("sync", third, 30)
        hands.move(10)
        assert not ledger.renew_slot("sync", second, 30)
        assert ledger.slot("sync", 2, 30) is not None
        assert ledger.slot("sync", 2, 30) is None

"""The crash harness: a right workflow survives it, and wrong ones are caught."""

from __future__ import annotations

import pytest

from bulkeditor.testing import CrashTest
from tests.engine.scenarios import (
    Creating,
    Doubling,
    Relative,
    RepriceEverything,
    Trusting,
    Wrong,
    WrongWithLedger,
)


@pytest.mark.parametrize("idempotency_key", ["honoured", "ignored"])
@pytest.mark.parametrize(
    ("scenario", "problem"),
    [
        (Wrong(Relative), "took effect more than once"),
        (Wrong(Creating), "took effect more than once:\n.*product.created"),
        (Wrong(Trusting), "effects"),
        (Wrong(Doubling), "several outcomes"),
        (WrongWithLedger(), "outcomes total: 40, not 30"),
    ],
    ids=["relative", "creating", "trusting", "doubling", "two-transactions"],
)
def test_the_harness_catches_a_wrong_workflow(scenario, problem, idempotency_key):
    if isinstance(scenario, Wrong) and scenario.workflow is Relative and idempotency_key == "honoured":
        problem = "the run is failed"  # the same key with another body is refused
    with (
        CrashTest(scenario, idempotency_key=idempotency_key) as test,
        pytest.raises(AssertionError, match=problem),
    ):
        test.everywhere()


def test_the_harness_refuses_a_scenario_that_writes_nothing():
    class Idle(RepriceEverything):
        def prepare(self, sandbox):
            return []

    with CrashTest(Idle()) as test, pytest.raises(AssertionError, match="passes no request"):
        test.everywhere()


@pytest.mark.parametrize("mode", ["blocking", "asyncio"])
def test_killed_for_real(mode):
    with CrashTest(RepriceEverything(), mode=mode, idempotency_key="ignored") as test:
        answered = [cut for cut in test.cuts if cut.place == "answer"]
        inside = [cut for cut in test.cuts if cut.place == "commit"]
        test.kill_process_at(answered[1].number)
        test.kill_process_at(inside[2].number)
        assert test.kills["SIGKILL"] == 2


@pytest.mark.parametrize("mode", ["blocking", "asyncio"])
def test_two_processes_at_once(mode):
    with CrashTest(RepriceEverything(), mode=mode, idempotency_key="ignored") as test:
        test.together()
        for number in (4, 9):
            test.together(kill=number)

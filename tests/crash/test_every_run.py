"""Each kind of run is killed at every place, and ends as an undisturbed one does.

``BULKEDITOR_CRASH_SHARE`` is the share of all places that are visited; 1 = all, as nox -s crash_full does.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import random

import pytest

import bulkeditor
from bulkeditor.testing import CrashTest, Scenario
from tests.crash.registry import SCENARIOS

SHARE = float(os.environ.get("BULKEDITOR_CRASH_SHARE", "0.05"))
SEED = int(os.environ.get("BULKEDITOR_CRASH_SEED", "0")) or random.randrange(1, 2**31)


def name(scenario: Scenario) -> str:
    undo = "-undo" if getattr(scenario, "undo", False) else ""
    return f"{type(scenario).__name__}{undo}"


@pytest.mark.parametrize("mode", ["blocking", "asyncio"])
@pytest.mark.parametrize("idempotency_key", ["honoured", "ignored"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=name)
def test_killed_everywhere(scenario: Scenario, idempotency_key: str, mode: str) -> None:
    print(f"BULKEDITOR_CRASH_SEED={SEED}")
    with CrashTest(scenario, mode=mode, idempotency_key=idempotency_key) as test:
        kills = test.everywhere(SHARE, seed=SEED)
        print(f"{test.name}: {len(test.cuts)} places; killed {dict(kills)}")
        if SHARE >= 1:
            for cut in random.Random(SEED).sample(test.cuts, min(10, len(test.cuts))):
                test.kill_process_at(cut.number)
                if not scenario.moves_time:
                    test.together(kill=cut.number)


def test_every_workflow_of_the_library_is_registered() -> None:
    found = {kind for module in modules() for kind in workflows(module)}
    registered = {kind for scenario in SCENARIOS for kind in scenario.kinds()}
    assert found <= registered, f"add scenarios for {found - registered} to tests/crash/registry.py"


def modules():
    for info in pkgutil.walk_packages(bulkeditor.__path__, "bulkeditor."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def workflows(module):
    """Classes that a ledger can run: they have a name, a version, first steps and handlers."""
    for _, kind in inspect.getmembers(module, inspect.isclass):
        # A name that is a text: what only stands in front of a workflow takes the name of that.
        own = kind.__module__ == module.__name__ and isinstance(getattr(kind, "name", None), str)
        if own and all(hasattr(kind, part) for part in ("version", "first", "handler")):
            yield kind

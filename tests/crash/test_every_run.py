"""Each kind of run is killed at every place, and ends as an undisturbed one does.

``BULKEDITOR_CRASH_SHARE`` is the share of all places that are visited; 1 = all, as nox -s crash_full does.
"""

from __future__ import annotations

import os
import random

import pytest

from bulkeditor.testing import CrashTest, Scenario
from tests.crash.registry import SCENARIOS

SHARE = float(os.environ.get("BULKEDITOR_CRASH_SHARE", "0.25"))
SEED = int(os.environ.get("BULKEDITOR_CRASH_SEED", "0")) or random.randrange(1, 2**31)


@pytest.mark.parametrize("mode", ["blocking", "asyncio"])
@pytest.mark.parametrize("idempotency_key", ["honoured", "ignored"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: type(scenario).__name__)
def test_killed_everywhere(scenario: Scenario, idempotency_key: str, mode: str) -> None:
    print(f"BULKEDITOR_CRASH_SEED={SEED}")
    with CrashTest(scenario, mode=mode, idempotency_key=idempotency_key) as test:
        kills = test.everywhere(SHARE, seed=SEED)
        print(f"{test.name}: {len(test.cuts)} places; killed {dict(kills)}")
        if SHARE >= 1:
            for cut in random.Random(SEED).sample(test.cuts, min(10, len(test.cuts))):
                test.kill_process_at(cut.number)
                test.together(kill=cut.number)

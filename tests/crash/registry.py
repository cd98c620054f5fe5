"""Every kind of run, each as a scenario that is killed everywhere. A new kind of run is added here."""

from __future__ import annotations

from bulkeditor.testing import Scenario
from tests.engine.scenarios import RepriceEverything, RepriceInLanes
from tests.plans.test_apply_crash import Applying
from tests.plans.test_schedule_crash import Sales

SCENARIOS: tuple[Scenario, ...] = (
    RepriceEverything(),
    RepriceInLanes(),
    Applying(),
    Applying(undo=True),
    Sales(),
)

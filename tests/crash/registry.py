"""Every kind of run, each as a scenario that is killed everywhere. A new kind of run is added here."""

from __future__ import annotations

from bulkeditor.testing import Scenario
from tests.engine.scenarios import RepriceEverything

SCENARIOS: tuple[Scenario, ...] = (RepriceEverything(),)

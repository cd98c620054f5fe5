"""For your own tests: a clock that never sleeps, a harness that kills long runs, stand-ins for other systems.

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkeditor.testing._clock import InstantClock
    from bulkeditor.testing._crash import CrashTest
    from bulkeditor.testing._modes import MODES, Mode, opened
    from bulkeditor.testing._rig import Rig
    from bulkeditor.testing._scenario import Scenario, WorkflowScenario
    from bulkeditor.testing._standin import Answer, Effect, Entry, StandIn
    from bulkeditor.testing._suite import ITEMS, ConnectorSuite

_HOMES = {
    "Answer": "_standin",
    "ConnectorSuite": "_suite",
    "CrashTest": "_crash",
    "Effect": "_standin",
    "Entry": "_standin",
    "ITEMS": "_suite",
    "InstantClock": "_clock",
    "MODES": "_modes",
    "Mode": "_modes",
    "Rig": "_rig",
    "Scenario": "_scenario",
    "StandIn": "_standin",
    "WorkflowScenario": "_scenario",
    "opened": "_modes",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'bulkeditor.testing' has no attribute {name!r}")
    value: object = getattr(import_module(f"bulkeditor.testing.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "ITEMS",
    "MODES",
    "Answer",
    "ConnectorSuite",
    "CrashTest",
    "Effect",
    "Entry",
    "InstantClock",
    "Mode",
    "Rig",
    "Scenario",
    "StandIn",
    "WorkflowScenario",
    "opened",
]

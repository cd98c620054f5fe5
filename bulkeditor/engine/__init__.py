"""The ledger and what drives it: runs are rows, each step one flow and one transaction.

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkeditor.engine._advance import (
        Attempt,
        Cancelled,
        Complete,
        Failed,
        Idle,
        More,
        Progress,
        Slice,
        WaitSignal,
        WaitUntil,
        Workflows,
        advance,
    )
    from bulkeditor.engine._async_worker import AsyncWorker
    from bulkeditor.engine._context import NEW, idempotency_key, own_space
    from bulkeditor.engine._failure import StepPolicy
    from bulkeditor.engine._ledger import Ledger
    from bulkeditor.engine._sqlite import SQLiteLedger
    from bulkeditor.engine._tick import Schedule, tick
    from bulkeditor.engine._types import (
        ANY,
        Claim,
        Context,
        Done,
        Handler,
        Put,
        RunRow,
        RunStatus,
        Step,
        Workflow,
    )
    from bulkeditor.engine._worker import Worker

_HOMES = {
    "_advance": (
        "Attempt",
        "Cancelled",
        "Complete",
        "Failed",
        "Idle",
        "More",
        "Progress",
        "Slice",
        "WaitSignal",
        "WaitUntil",
        "Workflows",
        "advance",
    ),
    "_async_worker": ("AsyncWorker",),
    "_context": ("NEW", "idempotency_key", "own_space"),
    "_failure": ("StepPolicy",),
    "_ledger": ("Ledger",),
    "_sqlite": ("SQLiteLedger",),
    "_tick": ("Schedule", "tick"),
    "_types": (
        "ANY",
        "Claim",
        "Context",
        "Done",
        "Handler",
        "Put",
        "RunRow",
        "RunStatus",
        "Step",
        "Workflow",
    ),
    "_worker": ("Worker",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"bulkeditor.engine.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'bulkeditor.engine' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "ANY",
    "NEW",
    "AsyncWorker",
    "Attempt",
    "Cancelled",
    "Claim",
    "Complete",
    "Context",
    "Done",
    "Failed",
    "Handler",
    "Idle",
    "Ledger",
    "More",
    "Progress",
    "Put",
    "RunRow",
    "RunStatus",
    "SQLiteLedger",
    "Schedule",
    "Slice",
    "Step",
    "StepPolicy",
    "WaitSignal",
    "WaitUntil",
    "Worker",
    "Workflow",
    "Workflows",
    "advance",
    "idempotency_key",
    "own_space",
    "tick",
]

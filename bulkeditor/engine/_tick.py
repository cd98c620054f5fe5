"""What a clock starts: runs of schedules, and runs whose time has come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Protocol

from bulkeditor.engine._ledger import Ledger
from bulkeditor.engine._types import Put, Workflow
from bulkeditor.engine._values import from_micros, to_micros
from bulkeditor.errors import StateChangedError
from bulkeditor.models import JSON

_SPACE: Final = "schedules"


class Schedule(Protocol):
    """When runs of a workflow start by themselves."""

    @property
    def name(self) -> str:
        """Unique within a store."""
        ...

    @property
    def workflow(self) -> Workflow:
        """What is started."""
        ...

    def input(self, at: datetime) -> JSON:
        """What the run of a moment is given."""
        ...

    def latest(self, now: datetime) -> datetime | None:
        """The last moment, not after now, at which it fires; earlier ones that were missed are left out."""
        ...


def tick(ledger: Ledger, schedules: Iterable[Schedule] = ()) -> Sequence[str]:
    """Start what schedules want started; may be called as often, and by as many workers, as you like.

    A schedule that is seen for the first time fires for moments after that only.

    Args:
        ledger: Where runs stand.
        schedules: What fires.

    Returns:
        The runs in which something can be done now: sleepers that woke, runs whose worker died, new ones.
    """
    for schedule in schedules:
        now = ledger.now()
        at = schedule.latest(now)
        if at is not None and at >= _since(ledger, schedule.name, now):
            ledger.fire(schedule.name, at, schedule.workflow, schedule.input(at))
    return ledger.due()


def _since(ledger: Ledger, name: str, now: datetime) -> datetime:
    known = ledger.state(_SPACE, name)
    if known is None:
        try:
            ledger.put([Put(space=_SPACE, key=name, value=to_micros(now, "now"), expect=None)])
        except StateChangedError:
            known = ledger.state(_SPACE, name)
    return now if not isinstance(known, int) else from_micros(known)


__all__ = ["Schedule", "tick"]

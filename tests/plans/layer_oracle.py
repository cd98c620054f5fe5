"""What the layers of temporary changes must come to, worked out anew from a diary, with no code of theirs.

The diary of one field lists what happened, in order. The oracle knows nothing of stacks: for each moment it
asks which changes are in force then, and who wrote last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Sale(NamedTuple):
    """A temporary change that begins; ``order`` decides who is above."""

    name: str
    order: tuple[Any, ...]
    value: Any


class End(NamedTuple):
    """It ends."""

    name: str


class Permanent(NamedTuple):
    """A plan without an end."""

    value: Any


class Foreign(NamedTuple):
    """Somebody writes directly in the shop, past the library."""

    value: Any


class Look(NamedTuple):
    """The library looks at the field without changing anything."""


Event = Sale | End | Permanent | Foreign | Look


def price_after(first: Any, diary: Sequence[Event]) -> Any:
    """What the shop shows at the end of a diary."""
    return _history(first, diary)[-1][0]


def base_after(first: Any, diary: Sequence[Event]) -> Any:
    """What would remain if everything temporary ended now."""
    shown, given_up = _history(first, diary)[-1]
    if not diary or not _in_force(diary, len(diary), given_up):
        return shown
    return _base(first, diary, len(diary), given_up)


def _history(first: Any, diary: Sequence[Event]) -> list[tuple[Any, int]]:
    """After each event: what the shop shows, and before which event everything temporary was given up."""
    history = [(first, 0)]
    for number, event in enumerate(diary, start=1):
        shown, given_up = history[-1]
        if isinstance(event, Foreign):
            history.append((event.value, given_up))
            continue
        ours = _published(history, diary, number - 1)
        if _in_force(diary, number - 1, given_up) and shown != ours:
            given_up = number - 1
        changes = _in_force(diary, number, given_up)
        history.append((changes[-1].value if changes else _base(first, diary, number, given_up), given_up))
    return history


def _published(history: Sequence[tuple[Any, int]], diary: Sequence[Event], until: int) -> Any:
    """What the library itself put there last."""
    while until and isinstance(diary[until - 1], Foreign):
        until -= 1
    return history[until][0]


def _in_force(diary: Sequence[Event], until: int, given_up: int) -> list[Sale]:
    begun = [event for event in diary[given_up:until] if isinstance(event, Sale)]
    ended = {event.name for event in diary[given_up:until] if isinstance(event, End)}
    return sorted((sale for sale in begun if sale.name not in ended), key=lambda sale: sale.order)


def _base(first: Any, diary: Sequence[Event], until: int, given_up: int) -> Any:
    """The last permanent word: by a plan, or by a foreign hand while nothing temporary was in force."""
    value = first
    for number, event in enumerate(diary[:until]):
        if isinstance(event, Permanent | Foreign) and (
            isinstance(event, Permanent) or number < given_up or not _in_force(diary, number, given_up)
        ):
            value = event.value
    return value

"""Layers: what a field shows while temporary changes lie on top of it. Pure; nothing is read or written here.

Each field of each product that a temporary change touches has a *stack*: the base, which is what remains
when every layer is gone, and above it one layer for each change that is in force. What the shop should show
is the layer that began last, else the base. Taking a layer off restores whatever is below it then, so
changes that overlap end in any order; and a permanent change edits the base, so it makes no difference
whether it comes before, during or after them.

The stack also remembers what the shop may hold on our account: what it showed when it was last looked at,
and what requests under way may write. Anything else was written by somebody else. That edit stays: it
becomes the base, and the layers of the field are given up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import attrs

from bulkeditor.api._compare import same
from bulkeditor.plans._rows import Value

_NONE: Final[Mapping[str, Value]] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class Layer:
    """What one temporary change shows while it is in force.

    Args:
        run: The run that put it there; it takes it off again.
        at: When the change was to begin, aware: the later one is above.
        number: Decides between changes that begin at the same moment: the higher one is above.
        value: What is shown.
    """

    run: str
    at: datetime
    number: int
    value: Value


def _height(layer: Layer) -> tuple[datetime, int]:
    # By the schedule, not by who came first: a worker that was late puts its layer where it belongs.
    return layer.at, layer.number


@attrs.frozen(kw_only=True)
class Stack:
    """One field of one product under layers.

    Args:
        field: Its name.
        base: What remains when the layers are gone.
        shown: What the shop held when it was last looked at, or was last written by us.
        layers: The changes in force, the topmost one last.
        sending: What may be written at any moment, by the run that has the request under way.
    """

    field: str
    base: Value
    shown: Value
    layers: tuple[Layer, ...] = ()
    sending: Mapping[str, Value] = _NONE

    @classmethod
    def over(cls, field: str, found: Value) -> Stack:
        """A field that nothing lies on yet.

        Args:
            field: Its name.
            found: What the shop holds.
        """
        return cls(field=field, base=found, shown=found)

    @property
    def visible(self) -> Value:
        """What the shop should show."""
        return self.layers[-1].value if self.layers else self.base

    @property
    def idle(self) -> bool:
        """Whether there is nothing to remember: no layer, and no request under way."""
        return not self.layers and not self.sending

    def holds(self, run: str) -> bool:
        """Whether a run's layer lies here."""
        return any(layer.run == run for layer in self.layers)

    def seen(self, found: Value) -> Stack:
        """What a look at the shop makes of it.

        Args:
            found: What the shop holds.

        Returns:
            The stack; without its layers, and over another base, when somebody else has edited the field.
        """
        if self.ours(found):
            return attrs.evolve(self, shown=found)
        return attrs.evolve(self, base=found, shown=found, layers=())

    def ours(self, found: Value) -> bool:
        """Whether what the shop holds is there on our account."""
        return any(same(self.field, value, found) for value in (self.shown, *self.sending.values()))

    def started(self, layer: Layer) -> Stack:
        """With one more layer, at its place; the same when the run has one here already."""
        if self.holds(layer.run):
            return self
        return attrs.evolve(self, layers=tuple(sorted((*self.layers, layer), key=_height)))

    def reverted(self, run: str) -> Stack:
        """Without a run's layer."""
        return attrs.evolve(self, layers=tuple(layer for layer in self.layers if layer.run != run))

    def edited(self, value: Value) -> Stack:
        """With another base: a permanent change, which shows when the layers are gone."""
        return attrs.evolve(self, base=value)

    def sends(self, run: str, value: Value) -> Stack:
        """Before a run sends a request: from now on the shop may hold its value on our account."""
        return attrs.evolve(self, sending={**self.sending, run: value})

    def wrote(self, run: str) -> Stack:
        """After the request has taken effect."""
        return attrs.evolve(self.withdrew(run), shown=self.sending[run])

    def withdrew(self, run: str) -> Stack:
        """After the request was refused, or was never sent."""
        left = {name: value for name, value in self.sending.items() if name != run}
        return attrs.evolve(self, sending=left)


__all__ = ["Layer", "Stack"]

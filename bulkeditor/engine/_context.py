"""What a handler may know beside its step, and the idempotency key of what it writes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import attrs

from bulkeditor.engine._ledger import Ledger
from bulkeditor.engine._types import Claim, Put, Step
from bulkeditor.engine._values import encode
from bulkeditor.models import JSON


def idempotency_key(run: str, step: Step, part: str = "") -> str:
    """The key for a write of a step, made of what stands in the ledger: the same at each attempt.

    Args:
        run: The run's id.
        step: The step.
        part: Tells several writes of one step apart.
    """
    digest = hashlib.sha256(encode([run, step.key, step.kind, step.params, part], "params").encode())
    return digest.hexdigest()[:40]


NEW: Final = "new"
"""The run that is being started, which has no id yet: in the spaces of the state that it starts with."""


def own_space(run: str, name: str) -> str:
    """A space that belongs to one run alone; it is forgotten with it.

    Args:
        run: The run's id; :data:`NEW` in the state that a run is started with.
        name: Tells the run's spaces apart.
    """
    return f"run/{run}/{name}"


def owned(state: Iterable[Put], run: str) -> Iterator[Put]:
    """The state that a run is started with, once the run has an id."""
    new = own_space(NEW, "")
    for put in state:
        own = put.space.startswith(new)
        yield attrs.evolve(put, space=own_space(run, put.space.removeprefix(new))) if own else put


class StepContext:
    """A :class:`Context` over a ledger, for one attempt.

    Args:
        ledger: Where results and state are read.
        claim: The attempt.
        given: What the run was started with.
    """

    __slots__ = ("_claim", "_given", "_ledger")

    def __init__(self, ledger: Ledger, claim: Claim, given: JSON) -> None:
        self._ledger = ledger
        self._claim = claim
        self._given = given

    @property
    def run(self) -> str:
        """See :attr:`Context.run`."""
        return self._claim.run

    @property
    def now(self) -> datetime:
        """See :attr:`Context.now`."""
        return self._claim.now

    @property
    def attempt(self) -> int:
        """See :attr:`Context.attempt`."""
        return self._claim.attempt

    @property
    def signal(self) -> JSON:
        """See :attr:`Context.signal`."""
        return self._claim.signal

    @property
    def input(self) -> JSON:
        """See :attr:`Context.input`."""
        return self._given

    def result(self, key: str) -> JSON:
        """See :meth:`Context.result`."""
        return self._ledger.result(self.run, key)

    def results(self, kind: str) -> Iterator[tuple[str, JSON]]:
        """See :meth:`Context.results`."""
        return ((step.key, result) for step, result in self._ledger.results(self.run, kind))

    def state(self, space: str, key: str) -> JSON:
        """See :meth:`Context.state`."""
        return self._ledger.state(space, key)

    def entries(self, space: str, prefix: str = "") -> Iterator[tuple[str, JSON]]:
        """See :meth:`Context.entries`."""
        return self._ledger.entries(space, prefix)

    def own(self, name: str) -> str:
        """See :meth:`Context.own`."""
        return own_space(self.run, name)

    def idempotency_key(self, part: str = "") -> str:
        """See :meth:`Context.idempotency_key`."""
        return idempotency_key(self.run, self._claim.step, part)


__all__ = ["NEW", "StepContext", "idempotency_key", "own_space", "owned"]

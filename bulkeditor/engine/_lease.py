"""A worker's hold on a step: renewed while the step takes long, and looked at before each request."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from bulkeditor.engine._ledger import Ledger
from bulkeditor.engine._types import Claim, Done
from bulkeditor.errors import BulkEditorError, LeaseLostError, StoreError
from bulkeditor.http import Clock, Exchange, Request, Response, Sleep

_log: Final = logging.getLogger("bulkeditor.engine")

BEATS: Final = 3
"""How often a lease is renewed before it would run out."""


class Lease:
    """What a worker knows of its claim, by its own clock.

    Args:
        ledger: Where the claim stands.
        claim: The claim.
        seconds: How long it lasts.
        since: A time before it was claimed.
        clock: The worker's clock.
    """

    def __init__(
        self, ledger: Ledger, claim: Claim, seconds: float, *, since: datetime, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._claim = claim
        self._seconds = seconds
        self._clock = clock
        self._until = since + timedelta(seconds=seconds)

    @property
    def pause(self) -> float:
        """Seconds from one renewal to the next."""
        return self._seconds / BEATS

    def renew(self) -> bool:
        """Hold the step for longer; False when somebody else has taken it."""
        since = self._clock.now()
        try:
            self._ledger.renew(self._claim, self._seconds)
        except LeaseLostError:
            return False
        except StoreError as error:
            _log.warning("A lease could not be renewed: %s", error)
        else:
            self._until = since + timedelta(seconds=self._seconds)
        return True

    def lost(self) -> LeaseLostError:
        """What ends a step that may belong to somebody else."""
        return LeaseLostError(
            f"Step {self._claim.step.key!r} of run {self._claim.run}: its lease ran out before it was done."
        )

    def watch(self, flow: Exchange[Done]) -> Exchange[Done]:
        """The flow, ended before the first request that it would send without holding the lease.

        A process that was halted for a while (a laptop that slept, a machine that was moved) goes on where it
        stood. Its step may long be another one's, and nobody can call a request back.

        Args:
            flow: A handler's.

        Raises:
            LeaseLostError: The lease ran out.
        """
        try:
            event: Request | Sleep = next(flow)
            while True:
                if isinstance(event, Request) and self._clock.now() >= self._until:
                    raise self.lost()
                try:
                    response: Response = yield event
                except BulkEditorError as error:
                    problem = error
                else:
                    event = flow.send(response)
                    continue
                event = flow.throw(problem)
        except StopIteration as end:
            done: Done = end.value
            return done
        finally:
            flow.close()


__all__ = ["BEATS", "Lease"]

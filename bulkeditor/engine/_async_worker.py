"""A worker in this process, on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from bulkeditor.engine._advance import More, Progress, Slice, WaitUntil, Workflows, advance
from bulkeditor.engine._async_drive import AsyncLanes, off_loop
from bulkeditor.engine._failure import StepPolicy
from bulkeditor.engine._tick import Schedule, tick
from bulkeditor.engine._types import Ledger, Workflow
from bulkeditor.engine._worker import secrets_of
from bulkeditor.http import AsyncSession, SystemClock

_NAP: Final = 1.0


class AsyncWorker:
    """The asyncio twin of :class:`Worker`; lanes are tasks.

    Args:
        ledger: Where runs stand.
        session: What sends requests.
        workflows: What it knows to do.
        schedules: What it starts by itself.
        lanes: Tasks that work on one run at once.
        policy: Leases and repeats.
        budget: Seconds of a slice.
    """

    def __init__(
        self,
        ledger: Ledger,
        session: AsyncSession,
        workflows: Iterable[Workflow] = (),
        *,
        schedules: Iterable[Schedule] = (),
        lanes: int = 1,
        policy: StepPolicy | None = None,
        budget: float = 45.0,
    ) -> None:
        self._ledger = ledger
        self._session = session
        self._workflows = Workflows(workflows)
        self._schedules = list(schedules)
        self._lanes = lanes
        self._policy = policy or StepPolicy()
        self._budget = budget
        self._stopped = asyncio.Event()

    def add(self, workflow: Workflow) -> None:
        """Make a workflow known."""
        self._workflows.add(workflow)

    async def tick(self) -> Sequence[str]:
        """See :meth:`Worker.tick`."""
        return await off_loop(self._tick)

    def _tick(self) -> Sequence[str]:
        return [
            run for run in tick(self._ledger, self._schedules) if self._workflows.knows(self._ledger.get(run))
        ]

    async def advance(self, run: str, *, lanes: int | None = None) -> Progress:
        """See :meth:`Worker.advance`."""
        driver = AsyncLanes(self._session, self._ledger, self._policy)
        options = Slice(
            budget=self._budget,
            policy=self._policy,
            stopping=lambda: driver.broken or self._stopped.is_set(),
            secrets=secrets_of(self._session.config.auth),
        )
        return await driver.run(
            self._lanes if lanes is None else lanes,
            lambda: advance(self._ledger, self._workflows, run, options),
        )

    async def run(self, run: str, *, lanes: int | None = None, wait: bool = True) -> Progress:
        """See :meth:`Worker.run`."""
        while True:
            progress = await self.advance(run, lanes=lanes)
            if self._stopped.is_set():
                return progress
            if isinstance(progress, WaitUntil) and wait:
                await self._sleep((progress.at - self._ledger.now()).total_seconds())
            elif not isinstance(progress, More):
                return progress

    async def serve(self) -> None:
        """See :meth:`Worker.serve`."""
        while not self._stopped.is_set():
            for run in await self.tick():
                if self._stopped.is_set():
                    return
                await self.advance(run)
            await self._sleep(_NAP)

    def stop(self) -> None:
        """Begin no further step; a step under way is finished. Call it on the loop."""
        self._stopped.set()

    async def _sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        clock = self._session.config.clock
        if not isinstance(clock, SystemClock):
            await clock.asleep(seconds)
            return
        try:
            async with asyncio.timeout(min(seconds, _NAP)):
                await self._stopped.wait()
        except TimeoutError:
            return


__all__ = ["AsyncWorker"]

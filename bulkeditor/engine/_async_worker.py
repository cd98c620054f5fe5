"""A worker in this process, on an event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bulkeditor.engine._advance import Progress
from bulkeditor.engine._async_drive import AsyncLanes, off_loop
from bulkeditor.engine._roster import Roster
from bulkeditor.engine._worker import NAP, Workshop
from bulkeditor.errors import StoreError
from bulkeditor.http import AsyncSession, SystemClock

_log: Final = logging.getLogger("bulkeditor.engine")


class AsyncWorker(Workshop[AsyncSession]):
    """The asyncio twin of :class:`Worker`; lanes are tasks.

    Args:
        ledger: Where runs stand.
        session: What sends requests.
        workflows: What it knows to do.
        schedules: What it starts by itself.
        lanes: Steps of one run that are done at once.
        policy: Leases and repeats.
        budget: Seconds of a slice.

    Raises:
        InvalidInputError: ``lanes`` is below 1.
    """

    async def tick(self) -> Sequence[str]:
        """See :meth:`Worker.tick`."""
        return await off_loop(self._due)

    async def advance(self, run: str) -> Progress:
        """See :meth:`Worker.advance`."""
        lanes = AsyncLanes(self._session, self._ledger, self._policy)
        return await lanes.run(self._lanes, self._lane(run, lambda: lanes.broken))

    async def run(self, run: str, *, sleep: bool = True, until: datetime | None = None) -> Progress:
        """See :meth:`Worker.run`."""
        while True:
            progress = await self.advance(run)
            rest = self._rest(progress, sleep=sleep, until=until)
            if rest is None:
                return progress
            await self._nap(rest)

    async def serve(self, *, runs: int = 4) -> None:
        """See :meth:`Worker.serve`."""
        roster = Roster(runs)
        under_way: dict[asyncio.Task[Progress], str] = {}
        try:
            while not self._stopped:
                for run in await self._choose(roster):
                    under_way[asyncio.create_task(self.advance(run))] = run
                if not under_way:
                    await self._nap(NAP)
                    continue
                ended, _ = await asyncio.wait(under_way, timeout=NAP, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    roster.ended(under_way.pop(task), task.exception(), self._ledger.now())
        except BaseException:
            for task in under_way:
                task.cancel()
            raise
        finally:
            self._stopped = True
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _choose(self, roster: Roster) -> list[str]:
        try:
            return roster.choose(await off_loop(self._due), self._ledger.now())
        except StoreError as error:
            _log.error("%s", error)
            return []

    async def _nap(self, seconds: float) -> None:
        clock = self._session.config.clock
        if seconds <= 0:
            return
        if not isinstance(clock, SystemClock):
            await clock.asleep(seconds)
        else:
            await clock.asleep(min(seconds, NAP))


__all__ = ["AsyncWorker"]

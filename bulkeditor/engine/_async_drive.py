"""The asyncio driver of a run: lanes are tasks, and one more task renews leases.

The ledger is asked in threads: a commit waits for the disk, and nothing else on the loop shall wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import datetime
from functools import partial
from typing import TypeVar

from bulkeditor.engine._advance import Attempt, Idle, Lane, Outcome, Progress
from bulkeditor.engine._drive import POLL
from bulkeditor.engine._failure import StepPolicy
from bulkeditor.engine._lease import Lease
from bulkeditor.engine._ledger import Ledger
from bulkeditor.engine._types import Done
from bulkeditor.http import AsyncSession, SystemClock

T = TypeVar("T")


async def off_loop(call: Callable[[], T]) -> T:
    """Call in a thread; a cancelled caller waits for the end all the same, so that nothing is left behind."""
    future = asyncio.get_running_loop().run_in_executor(None, copy_context().run, call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            try:
                await asyncio.wait({future})
            except asyncio.CancelledError:
                continue
        raise


@asynccontextmanager
async def _holding(lease: Lease, work: asyncio.Task[Done]) -> AsyncGenerator[asyncio.Event]:
    """Keep a lease while the block lasts; the work is cancelled when it is lost all the same."""
    lost = asyncio.Event()

    async def beat() -> None:
        while True:
            await asyncio.sleep(lease.pause)
            if not await off_loop(lease.renew):
                lost.set()
                work.cancel()
                return

    beats = asyncio.create_task(beat())
    try:
        yield lost
    finally:
        beats.cancel()
        await asyncio.wait({beats})


class AsyncLanes:
    """The asyncio twin of :class:`Lanes`.

    Args:
        session: What sends requests.
        ledger: Where the run stands.
        policy: Leases and deadlines.
    """

    def __init__(self, session: AsyncSession, ledger: Ledger, policy: StepPolicy) -> None:
        self._session = session
        self._ledger = ledger
        self._policy = policy
        self._changed = asyncio.Condition()
        self._rung = 0
        self._at_work = 0
        self._broken = False

    @property
    def broken(self) -> bool:
        """Whether a lane ended with an exception: the others should begin no further step."""
        return self._broken

    async def run(self, lanes: int, start: Callable[[], Lane]) -> Progress:
        """Drive lanes until each of them ends.

        Args:
            lanes: How many.
            start: Makes one.

        Returns:
            What the last one to end found.
        """
        found: list[Progress] = []
        self._at_work = lanes
        tasks = [asyncio.create_task(self._work(start(), found)) for _ in range(lanes)]
        try:
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            task.result()
        return found[-1]

    async def _work(self, lane: Lane, found: list[Progress]) -> None:
        try:
            found.append(await self._drive(lane))
        except BaseException:
            self._broken = True
            raise
        finally:
            self._at_work -= 1
            await self._ring()

    async def _ring(self) -> None:
        async with self._changed:
            self._rung += 1
            self._changed.notify_all()

    async def _drive(self, lane: Lane) -> Progress:
        now = self._session.config.clock.now
        outcome: Outcome = None
        try:
            while True:
                since, heard = now(), self._rung
                event = await off_loop(partial(_send, lane, outcome))
                if not isinstance(event, Attempt | Idle):
                    return event
                if outcome is not None:
                    await self._ring()  # a step was settled
                if isinstance(event, Idle):
                    await self._idle(event.seconds, heard)
                    outcome = None
                else:
                    outcome = await self._do(event, since)
        finally:
            await off_loop(lane.close)

    async def _do(self, event: Attempt, since: datetime) -> Outcome:
        lease = Lease(
            self._ledger, event.claim, self._policy.lease, since=since, clock=self._session.config.clock
        )
        work = asyncio.create_task(self._session.run(lease.watch(event.flow), deadline=self._policy.deadline))
        async with _holding(lease, work) as lost:
            try:
                return await work
            except asyncio.CancelledError:
                if not lost.is_set() or _cancelled():
                    raise
                return lease.lost()
            except Exception as error:  # noqa: BLE001 - whatever a step raises, its run knows
                return error
            finally:
                if not work.done():
                    work.cancel()
                    await asyncio.wait({work})

    async def _idle(self, seconds: float, heard: int) -> None:
        self._at_work -= 1
        try:
            await self._rest(seconds, heard)
        finally:
            self._at_work += 1

    async def _rest(self, seconds: float, heard: int) -> None:
        clock = self._session.config.clock
        if not isinstance(clock, SystemClock) and not self._at_work:
            # It skips the lease of a worker that died, never that of another lane.
            await clock.asleep(seconds)
            await self._ring()
            return
        async with self._changed:
            try:
                async with asyncio.timeout(min(seconds, POLL)):
                    await self._changed.wait_for(lambda: self._rung != heard)
            except TimeoutError:
                return


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _send(lane: Lane, outcome: Outcome) -> Attempt | Idle | Progress:
    # A StopIteration cannot cross a future.
    try:
        return lane.send(outcome)
    except StopIteration as end:
        progress: Progress = end.value
        return progress


__all__ = ["AsyncLanes", "off_loop"]

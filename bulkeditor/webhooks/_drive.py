"""Waiting: a bell that wakes workers, and the two drivers of a flow, for threads and for tasks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Executor
from contextlib import ExitStack
from contextvars import copy_context
from typing import TypeVar

from bulkeditor.webhooks._work import Await, Idle, Run, Work

T = TypeVar("T")


class Bell:
    """Wakes workers, threads and tasks alike, when there may be something to do."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self._count = 0
        self._tasks: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def count(self) -> int:
        """How often it rang; what :meth:`wait` is given, so that no ring is missed."""
        return self._count

    def ring(self) -> None:
        """Wake everybody."""
        with self._rung:
            self._count += 1
            self._rung.notify_all()
            tasks = list(self._tasks)
        for loop, event in tasks:
            # A loop that was closed has nobody left to wake.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)

    def wait(self, since: int, seconds: float) -> None:
        """Block until it rings, or for some seconds.

        Args:
            since: The count when there was nothing to do.
            seconds: How long at most.
        """
        with self._rung:
            self._rung.wait_for(lambda: self._count != since, timeout=seconds)

    async def wait_async(self, since: int, seconds: float) -> None:
        """Let other tasks run until it rings, or for some seconds.

        Args:
            since: The count when there was nothing to do.
            seconds: How long at most.
        """
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._rung:
            if self._count != since:
                return
            self._tasks.add(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter[1].wait()
        except TimeoutError:
            return
        finally:
            with self._rung:
                self._tasks.discard(waiter)


def drive(work: Work[T], bell: Bell) -> T:
    """Run a flow in this thread; coroutine functions run in an event loop of its own.

    Args:
        work: The flow.
        bell: What it waits for.
    """
    with contextlib.closing(work), ExitStack() as stack:
        runner: asyncio.Runner | None = None
        try:
            step = next(work)
            while True:
                try:
                    result: object = None
                    if isinstance(step, Run):
                        result = step.call()
                    elif isinstance(step, Idle):
                        bell.wait(step.since, step.seconds)
                    else:
                        runner = runner or stack.enter_context(asyncio.Runner())
                        runner.run(_awaited(step))
                except Exception as error:  # noqa: BLE001 - the flow decides
                    step = work.throw(error)
                else:
                    step = work.send(result)
        except StopIteration as end:
            value: T = end.value
            return value


async def drive_async(work: Work[T], bell: Bell, threads: Executor | None = None) -> T:
    """Run a flow in this task; what blocks runs in threads.

    Args:
        work: The flow.
        bell: What it waits for.
        threads: Where what blocks runs; None = the event loop's own threads.
    """
    loop = asyncio.get_running_loop()
    with contextlib.closing(work):
        try:
            step = next(work)
            while True:
                try:
                    result: object = None
                    if isinstance(step, Run):
                        result = await loop.run_in_executor(threads, copy_context().run, step.call)
                    elif isinstance(step, Idle):
                        await bell.wait_async(step.since, step.seconds)
                    else:
                        await step.call()
                except Exception as error:  # noqa: BLE001 - the flow decides
                    step = work.throw(error)
                else:
                    step = work.send(result)
        except StopIteration as end:
            value: T = end.value
            return value


async def _awaited(step: Await) -> None:
    await step.call()


__all__ = ["Bell", "drive", "drive_async"]

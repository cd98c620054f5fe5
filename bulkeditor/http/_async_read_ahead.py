"""The asyncio twin of reading ahead."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, TypeVar

from bulkeditor.http._async_run_many import Tasks
from bulkeditor.http._read_ahead import Pace, Walk, fill

if TYPE_CHECKING:
    from bulkeditor.http._async_session import AsyncSession

R = TypeVar("R")
P = TypeVar("P")


async def read_ahead_async(session: AsyncSession, walk: Walk[R, P], depth: int) -> AsyncGenerator[P]:
    """Go through a walk, up to ``depth`` requests ahead of the caller in tasks.

    The asyncio twin of :func:`read_ahead`. Wrap it in ``contextlib.aclosing`` where the iteration may end
    early.

    Args:
        session: What drives the requests.
        walk: The rules.
        depth: Pages read ahead of the one that the caller holds; 0 = one after the other.

    Yields:
        What the walk makes of its answers, in order.

    Raises:
        BulkEditorError: What a request ended with, when its turn has come.
    """
    pace = Pace(depth)
    tasks: Tasks[R] = Tasks(session)
    try:
        while not walk.done:
            if pace.worth:
                fill(walk, tasks, depth)
            started = time.perf_counter()
            if len(tasks):
                items = walk.take(await tasks.take())
                pace.together(time.perf_counter() - started)
            else:
                computed = time.thread_time()
                flow = walk.ask()
                if flow is None:
                    return
                items = walk.take(await session.run(flow))
                pace.alone(time.perf_counter() - started, time.thread_time() - computed)
            for item in items:
                yield item
    finally:
        await tasks.close()


__all__ = ["read_ahead_async"]

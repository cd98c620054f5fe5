"""Many exchanges at once in tasks, results in the order given."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from typing import TYPE_CHECKING, Generic, TypeVar

from bulkeditor.errors import BulkEditorError
from bulkeditor.http._run_many import check_limit
from bulkeditor.http._types import Exchange

if TYPE_CHECKING:
    from bulkeditor.http._async_session import AsyncSession

T = TypeVar("T")


class Tasks(Generic[T]):
    """The asyncio twin of :class:`Workers`.

    Args:
        session: What drives the exchanges.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._queue: deque[tuple[asyncio.Task[T], Exchange[T]]] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def start(self, flow: Exchange[T]) -> None:
        """Begin one more exchange."""
        self._queue.append((asyncio.create_task(self._session.run(flow)), flow))

    async def take(self) -> T:
        """Wait for the oldest exchange.

        Raises:
            BulkEditorError: What it ended with.
        """
        # wait() and not await: the caller's cancellation reaches close(), which ends all of them together.
        pending = self._queue[0][0]
        await asyncio.wait({pending})
        result = pending.result()
        self._queue.popleft()
        return result

    def drop(self) -> None:
        """Forget the oldest exchange, whose error was taken."""
        self._queue.popleft()

    async def close(self) -> None:
        """Let go of everything under way; no task and no open flow is left."""
        pending = [task for task, _ in self._queue]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for _, flow in self._queue:
            # A task that was cancelled before its first step never saw its flow.
            flow.close()
        self._queue.clear()


def run_many_async(
    session: AsyncSession, flows: Iterable[Exchange[T]] | AsyncIterable[Exchange[T]], limit: int
) -> AsyncGenerator[T | BulkEditorError]:
    """Run exchanges at once in a few tasks; the asyncio twin of :func:`run_many`.

    Wrap it in ``contextlib.aclosing`` where the iteration may end early.

    Args:
        session: What drives them.
        flows: What to do; an async iterable too.
        limit: Exchanges at once, at most.

    Yields:
        Each exchange's result or its :class:`BulkEditorError`, in the order given; other exceptions
        propagate.

    Raises:
        InvalidInputError: ``limit`` is below 1.
    """
    check_limit(limit)
    return _in_tasks(session, flows, limit)


async def _in_tasks(
    session: AsyncSession, flows: Iterable[Exchange[T]] | AsyncIterable[Exchange[T]], limit: int
) -> AsyncGenerator[T | BulkEditorError]:
    source = aiter(flows) if isinstance(flows, AsyncIterable) else aiter(_turned(flows))
    tasks: Tasks[T] = Tasks(session)
    try:
        more = True
        while True:
            while more and len(tasks) < limit:
                flow = await anext(source, None)
                if flow is None:
                    more = False
                else:
                    tasks.start(flow)
            if not len(tasks):
                return
            result: T | BulkEditorError
            try:
                result = await tasks.take()
            except BulkEditorError as error:
                tasks.drop()
                result = error
            yield result
    finally:
        await tasks.close()


async def _turned(flows: Iterable[T]) -> AsyncGenerator[T]:
    for flow in flows:
        yield flow


__all__ = ["Tasks", "run_many_async"]

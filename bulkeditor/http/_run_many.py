"""Many exchanges at once in threads, results in the order given."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Generic, TypeVar

from bulkeditor.errors import BulkEditorError, InvalidInputError
from bulkeditor.http._guard import Stop, current_stop
from bulkeditor.http._types import Exchange

if TYPE_CHECKING:
    from bulkeditor.http._session import Session

T = TypeVar("T")


class Workers(Generic[T]):
    """Exchanges under way in threads, oldest first.

    Args:
        session: What drives them.
        limit: Threads at most.
    """

    def __init__(self, session: Session, limit: int) -> None:
        self._session = session
        self._stop = Stop()
        self._pool = ThreadPoolExecutor(limit, thread_name_prefix="bulkeditor")
        self._queue: deque[tuple[Future[T], Exchange[T]]] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def start(self, flow: Exchange[T]) -> None:
        """Begin one more exchange."""
        context = copy_context()
        context.run(current_stop.set, self._stop)
        # Known before it is submitted: whatever happens next, close() closes it.
        pending: Future[T] = self._pool.submit(context.run, self._session.run, flow)
        self._queue.append((pending, flow))

    def take(self) -> T:
        """Wait for the oldest exchange.

        Raises:
            BulkEditorError: What it ended with.
        """
        result = self._queue[0][0].result()
        self._queue.popleft()
        return result

    def drop(self) -> None:
        """Forget the oldest exchange, whose error was taken."""
        self._queue.popleft()

    def close(self) -> None:
        """Let go of everything under way; no thread and no open flow is left."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for _, flow in self._queue:
            flow.close()
        self._queue.clear()


def run_many(session: Session, flows: Iterable[Exchange[T]], limit: int) -> Generator[T | BulkEditorError]:
    """Run exchanges at once in a few threads.

    ``flows`` is read as results are taken, never further ahead than ``limit``. Context variables are those of
    the caller. When the iteration ends early (a ``break``, an exception) calls under way are let go, and no
    thread is left.

    Args:
        session: What drives them.
        flows: What to do.
        limit: Exchanges at once, at most.

    Yields:
        Each exchange's result or its :class:`BulkEditorError`, in the order given; other exceptions
        propagate.

    Raises:
        InvalidInputError: ``limit`` is below 1.
    """
    check_limit(limit)
    return _in_threads(session, flows, limit)


def _in_threads(session: Session, flows: Iterable[Exchange[T]], limit: int) -> Generator[T | BulkEditorError]:
    source = iter(flows)
    workers: Workers[T] = Workers(session, limit)
    try:
        more = True
        while True:
            while more and len(workers) < limit:
                flow = next(source, None)
                if flow is None:
                    more = False
                else:
                    workers.start(flow)
            if not len(workers):
                return
            result: T | BulkEditorError
            try:
                result = workers.take()
            except BulkEditorError as error:
                workers.drop()
                result = error
            yield result
    finally:
        workers.close()


def check_limit(limit: int) -> None:
    """Refuse a limit that cannot work."""
    if limit < 1:
        raise InvalidInputError(f"limit must be at least 1, not {limit}.")


__all__ = ["Workers", "check_limit", "run_many"]

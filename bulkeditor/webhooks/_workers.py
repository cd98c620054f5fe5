"""The threads or tasks in which events are handled: started, stopped, woken."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from bulkeditor.webhooks._drive import Bell, drive, drive_async
from bulkeditor.webhooks._inbox import InboxStore
from bulkeditor.webhooks._work import Handling, Idle, Run, Work

_LOG: Final = logging.getLogger("bulkeditor.webhooks")
_PRUNE_EVERY: Final = 3600.0
# What is due and cannot be taken is held by somebody who is late: it is looked at again, not all the time.
_SHORTEST: Final = 0.05


class Workers:
    """Handle what is in an inbox, whenever there is something.

    Args:
        handling: How an event is handled.
        store: The inbox.
        bell: Rings when an event was stored.
        count: How many work side by side.
        poll: Seconds after which one looks for what other processes have stored.
        retention: Seconds for which handled events are remembered.
    """

    def __init__(
        self, handling: Handling, store: InboxStore, bell: Bell, *, count: int, poll: float, retention: float
    ) -> None:
        self._handling = handling
        self._store = store
        self._bell = bell
        self._count, self._poll, self._retention = count, poll, retention
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._stopping = False
        self._prune_at = 0.0

    def work(self) -> None:
        """Work in this thread until somebody says stop."""
        self._stopping = False
        drive(self._worker(), self._bell)

    def start(self) -> None:
        """Work in threads; does nothing where there are any, or tasks."""
        with self._lock:
            if self._running():
                return
            self._stopping = False
            self._threads = [
                threading.Thread(target=self._run, name=f"bulkeditor-webhooks-{number}", daemon=True)
                for number in range(self._count)
            ]
            for thread in self._threads:
                thread.start()

    async def start_async(self) -> None:
        """Work in tasks of this event loop; does nothing where there are any, or threads."""
        with self._lock:
            if self._running():
                return
            self._stopping = False
            if self._count:
                # Of their own: handlers that block must not take the threads in which deliveries are stored.
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="bulkeditor-webhooks")
            self._tasks = [
                asyncio.create_task(drive_async(self._worker(), self._bell, self._pool))
                for _ in range(self._count)
            ]

    def stop(self, timeout: float | None) -> bool:
        """Let the threads finish what they are at.

        Args:
            timeout: Seconds to wait for them; ``None`` = as long as it takes.

        Returns:
            Whether they ended in time.
        """
        self._stop()
        end = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(None if end is None else max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    async def stop_async(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - as stop()
        """Let the tasks finish what they are at; cancel those that do not.

        Args:
            timeout: Seconds to wait for them; ``None`` = as long as it takes.

        Returns:
            Whether they ended in time.
        """
        self._stop()
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return True
        _, late = await asyncio.wait(tasks, timeout=timeout)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._pool is not None:
            self._pool.shutdown(wait=False)
        return not late

    def _stop(self) -> None:
        self._stopping = True
        self._bell.ring()

    def _running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads) or any(
            not task.done() and not task.get_loop().is_closed() for task in self._tasks
        )

    def _run(self) -> None:
        drive(self._worker(), self._bell)

    def _worker(self) -> Work[None]:
        away = False
        while not self._stopping:
            seen = self._bell.count
            seconds = self._poll
            try:
                if self._handling.ready:
                    yield from self._handling.run(lambda: not self._stopping)
                    due: float | None = yield Run(self._store.next_due)
                    seconds = self._poll if due is None else min(self._poll, max(_SHORTEST, due))
                if time.monotonic() >= self._prune_at:
                    self._prune_at = time.monotonic() + _PRUNE_EVERY
                    yield Run(partial(self._store.prune, self._retention))
                away = False
            except Exception as error:  # noqa: BLE001 - see below
                # Whatever the database raises while it is away: events wait in it, and so do we.
                _LOG.log(
                    logging.DEBUG if away else logging.ERROR,
                    "The webhook inbox cannot be used; it is tried again every %g s: %s", seconds, error,
                    exc_info=_LOG.isEnabledFor(logging.DEBUG),
                )  # fmt: skip
                away = True
            yield Idle(seen, seconds)


__all__ = ["Workers"]

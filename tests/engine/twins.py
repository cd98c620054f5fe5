"""One face for the blocking and the asyncio worker, and workflows made of plain functions."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any

from bulkeditor.engine import AsyncWorker, Done, Step, Worker
from bulkeditor.http import AsyncSession, Request, Session, SessionConfig

NOWHERE = "http://127.0.0.1:9"


class Flow:
    """A workflow of given steps and handlers; a handler is a generator, or a function that returns a Done."""

    def __init__(
        self, *first: Step, name: str = "flow", version: int = 1, **handlers: Callable[..., Any]
    ) -> None:
        self.name = name
        self.version = version
        self.steps = first
        self.handlers: Mapping[str, Callable[..., Any]] = handlers

    def first(self, input: Any) -> Any:  # noqa: A002
        return self.steps

    def handler(self, kind: str) -> Any:
        return self.handlers[kind]


def plain(function: Callable[[Any, Step], Any]) -> Callable[[Any, Step], Any]:
    """A handler that asks nobody for anything."""

    def handle(ctx: Any, step: Step) -> Any:
        yield from ()
        return function(ctx, step)

    return handle


def get(path: str = "/x", **options: Any) -> Request:
    return Request(method="GET", path=path, operation="test", **options)


nothing = plain(lambda ctx, step: Done())


class Blocking:
    """A blocking worker."""

    name = "blocking"

    def __init__(self, ledger: Any, workflows: Any, settings: Any, **options: Any) -> None:
        self.session = Session(SessionConfig(**{"base_url": NOWHERE, **settings}))
        try:
            self.worker = Worker(ledger, self.session, workflows, **options)
        except BaseException:
            self.session.close()
            raise

    def run(self, run: str, **options: Any) -> Any:
        return self.worker.run(run, **options)

    def advance(self, run: str) -> Any:
        return self.worker.advance(run)

    def tick(self) -> Any:
        return self.worker.tick()

    def serve(self, **options: Any) -> None:
        self.worker.serve(**options)

    def interrupted(self, run: str, started: threading.Event, proceed: Callable[[], None]) -> None:
        """Press Ctrl-C in the middle of a step: the flow itself raises it."""
        del started, proceed
        with contextlib.suppress(KeyboardInterrupt):
            self.worker.run(run)

    def close(self) -> None:
        self.session.close()


class Loop:
    """An asyncio worker, each call on a loop of its own."""

    name = "asyncio"

    def __init__(self, ledger: Any, workflows: Any, settings: Any, **options: Any) -> None:
        self.made = (ledger, workflows, SessionConfig(**{"base_url": NOWHERE, **settings}), options)
        self.worker: Any = None
        self.closed = False

    def _call(self, work: Callable[[Any], Any]) -> Any:
        ledger, workflows, config, options = self.made

        async def main() -> Any:
            async with AsyncSession(config) as session:
                if self.closed:
                    await session.aclose()
                self.worker = AsyncWorker(ledger, session, workflows, **options)
                result = await work(self.worker)
            assert asyncio.all_tasks() == {asyncio.current_task()}, "tasks are left"
            return result

        return asyncio.run(main())

    def run(self, run: str, **options: Any) -> Any:
        return self._call(lambda worker: worker.run(run, **options))

    def advance(self, run: str) -> Any:
        return self._call(lambda worker: worker.advance(run))

    def tick(self) -> Any:
        return self._call(lambda worker: worker.tick())

    def serve(self, **options: Any) -> None:
        self._call(lambda worker: worker.serve(**options))

    def close(self) -> None:
        self.closed = True

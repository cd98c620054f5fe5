"""One suite for both faces of the client, over the real sandbox and real HTTP."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from bulkeditor import AsyncBulkEditor, BulkEditor, Sandbox
from bulkeditor.client import AsyncPager, AsyncUpdateReport


class HurriedClock:
    """The real time; pauses are cut to a few milliseconds."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.005))

    async def asleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.005))


class Blocking:
    """An asyncio client that looks like the blocking one, so that each test is written once."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return self._wrapped(getattr(self._target, name))

    def _wrapped(self, value: Any) -> Any:
        if inspect.iscoroutine(value):
            return self._wrapped(self._runner.run(value, context=contextvars.copy_context()))
        if inspect.isasyncgen(value):
            return self._iterate(value)
        own = type(value).__module__.startswith("bulkeditor.client._async")
        if own or isinstance(value, AsyncPager | AsyncUpdateReport | AsyncBulkEditor):
            return Blocking(value, self._runner)
        if hasattr(value, "__enter__"):
            return value
        if callable(value) and not isinstance(value, type):
            return lambda *args, **options: self._wrapped(value(*args, **options))
        return value

    def _iterate(self, generator: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    item = self._runner.run(anext(generator), context=contextvars.copy_context())
                except StopAsyncIteration:
                    return
                yield self._wrapped(item)
        finally:
            self._runner.run(generator.aclose())

    def __iter__(self) -> Iterator[Any]:
        if hasattr(self._target, "__aiter__"):
            return self._iterate(self._target.__aiter__())
        return iter(self._target)

    def __len__(self) -> int:
        return len(self._target)

    def __getitem__(self, index: Any) -> Any:
        return self._target[index]

    def __str__(self) -> str:
        return str(self._target)

    def __repr__(self) -> str:
        return repr(self._target)


Connect = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def connect(face: str) -> Iterator[Connect]:
    """Clients of a sandbox, closed at the end."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner()) if face == "async" else None

        def make(sandbox: Sandbox, **options: Any) -> Any:
            options.setdefault("clock", HurriedClock())
            if runner is None:
                return stack.enter_context(sandbox.connect(**options))
            shop = sandbox.connect_async(**options)
            stack.callback(lambda: runner.run(shop.aclose()))
            return Blocking(shop, runner)

        yield make


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(products=60) as server:
        yield server
        server.assert_no_duplicate_effects()


@pytest.fixture
def shop(connect: Connect, sandbox: Sandbox) -> Any:
    return connect(sandbox)


@pytest.fixture
def blocking(sandbox: Sandbox) -> Iterator[BulkEditor]:
    """The blocking client alone, for what is the same in both."""
    with sandbox.connect(clock=HurriedClock()) as client:
        yield client

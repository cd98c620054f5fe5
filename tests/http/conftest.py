"""A scripted HTTP server on loopback, and one face for the blocking and the asyncio twin of everything."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing, closing
from contextvars import copy_context
from typing import Any, NamedTuple

import pytest

from bulkeditor.http import (
    AsyncSession,
    Request,
    RetryPolicy,
    Session,
    SessionConfig,
    read_ahead,
    read_ahead_async,
    run_many,
    run_many_async,
)
from bulkeditor.testing import InstantClock


class Seen(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What the server does with one request."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    # Seconds before the status line; in test time these are the server's, the client never sleeps for real.
    delay: float = 0.0
    # Send this many bytes of head and body at a time, with a pause between.
    drip: tuple[int, float] | None = None
    # Promise the whole body, send this much, hang up.
    truncate: int | None = None
    # Read the request, then hang up without a word.
    drop: bool = False
    # Hold the answer back until this is set.
    gate: threading.Event | None = None


Script = Callable[[Seen], Reply]


class Server:
    """Answers each request with what the script says; counts connections."""

    def __init__(self, script: Script | Iterable[Reply]) -> None:
        if callable(script):
            self.script = script
        else:
            replies = iter(script)
            self.script = lambda _: next(replies)
        self.requests: list[Seen] = []
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            # Or small pieces wait for the client's delayed acknowledgement, 40 ms each.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while (seen := _read(stream)) is not None:
                    with self._lock:
                        self.requests.append(seen)
                        reply = self.script(seen)
                    if not self._answer(connection, reply):
                        return
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)

    def _answer(self, connection: socket.socket, reply: Reply) -> bool:
        if reply.gate is not None:
            while not reply.gate.wait(0.01):
                if self._closing.is_set():
                    return False
        if reply.delay:
            self._closing.wait(reply.delay)
        if reply.drop:
            return False
        head = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in reply.headers.items())]
        if reply.status != 204:
            head.append(f"Content-Length: {len(reply.body)}")
        data = "\r\n".join([*head, "", ""]).encode("latin-1")
        data += reply.body if reply.truncate is None else reply.body[: reply.truncate]
        if reply.drip is None:
            connection.sendall(data)
        else:
            size, pause = reply.drip
            for start in range(0, len(data), size):
                connection.sendall(data[start : start + size])
                if self._closing.wait(pause):
                    return False
        return reply.truncate is None

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


def _read(stream: Any) -> Seen | None:
    line = stream.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return Seen(method, target, headers, stream.read(int(headers.get("content-length", "0"))))


class Blocking:
    """The blocking twins."""

    name = "blocking"

    def open(self, **settings: Any) -> Session:
        return Session(SessionConfig(**settings))

    def run(self, session: Session, flow: Any, **options: Any) -> Any:
        return session.run(flow, **options)

    def together(self, session: Session, flows: list[Any]) -> list[Any]:
        """All at once, from threads (tasks) that are not the library's own; exceptions as results."""
        results: list[Any] = [None] * len(flows)

        def work(index: int) -> None:
            try:
                results[index] = session.run(flows[index])
            except Exception as error:  # noqa: BLE001 - looked at by the test
                results[index] = error

        threads = [threading.Thread(target=work, args=(index,)) for index in range(len(flows))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def many(self, session: Session, flows: Any, limit: int, take: int | None = None) -> list[Any]:
        """Results; at most ``take`` of them, then the iteration is broken off."""
        found = []
        with closing(run_many(session, flows, limit)) as results:
            for result in results:
                found.append(result)
                if len(found) == take:
                    break
        return found

    def ahead(
        self,
        session: Session,
        walk: Any,
        depth: int,
        take: int | None = None,
        each: Callable[[Any], None] = id,
    ) -> list[Any]:
        found = []
        with closing(read_ahead(session, walk, depth)) as items:
            for item in items:
                each(item)
                found.append(item)
                if len(found) == take:
                    break
        return found

    def captured(self, session: Session, work: Callable[[], Any]) -> list[Any]:
        with session.responses() as responses:
            work()
        return responses

    def close(self, session: Session) -> None:
        session.close()

    def finish(self) -> None:
        pass


class Loop:
    """The asyncio twins, each call run to its end on one loop."""

    name = "asyncio"

    def __init__(self) -> None:
        self.runner = asyncio.Runner()

    def open(self, **settings: Any) -> AsyncSession:
        return AsyncSession(SessionConfig(**settings))

    def run(self, session: AsyncSession, flow: Any, **options: Any) -> Any:
        # A Runner keeps the context of its first run; the caller's is the one that counts.
        return self.runner.run(session.run(flow, **options), context=copy_context())

    def together(self, session: AsyncSession, flows: list[Any]) -> list[Any]:
        async def work() -> list[Any]:
            return await asyncio.gather(*(session.run(flow) for flow in flows), return_exceptions=True)

        return self.runner.run(work())

    def many(self, session: AsyncSession, flows: Any, limit: int, take: int | None = None) -> list[Any]:
        async def work() -> list[Any]:
            found = []
            async with aclosing(run_many_async(session, flows, limit)) as results:
                async for result in results:
                    found.append(result)
                    if len(found) == take:
                        break
            return found

        return self.runner.run(work(), context=copy_context())

    def ahead(
        self,
        session: AsyncSession,
        walk: Any,
        depth: int,
        take: int | None = None,
        each: Callable[[Any], None] = id,
    ) -> list[Any]:
        async def work() -> list[Any]:
            found = []
            async with aclosing(read_ahead_async(session, walk, depth)) as items:
                async for item in items:
                    each(item)
                    found.append(item)
                    if len(found) == take:
                        break
            return found

        return self.runner.run(work(), context=copy_context())

    def captured(self, session: AsyncSession, work: Callable[[], Any]) -> list[Any]:
        # The work runs in tasks of its own; they copy the context in which the block stands.
        with session.responses() as responses:
            work()
        return responses

    def close(self, session: AsyncSession) -> None:
        self.runner.run(session.aclose())

    def finish(self) -> None:
        leftover = self.tasks()
        self.runner.close()
        assert not leftover, f"tasks left: {leftover}"

    def tasks(self) -> list[Any]:
        async def others() -> list[Any]:
            return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

        return self.runner.run(others())


class Bench:
    """A twin with its open sessions and servers, all closed at the end of the test."""

    def __init__(self, twin: Any) -> None:
        self.twin = twin
        self.name: str = twin.name
        self.clock = InstantClock()
        self._sessions: list[Any] = []
        self._servers: list[Server] = []
        for method in ("run", "together", "many", "ahead", "captured"):
            setattr(self, method, functools.partial(getattr(twin, method)))

    def serve(self, script: Script | Iterable[Reply]) -> Server:
        server = Server(script)
        self._servers.append(server)
        return server

    def open(self, server: Server | str, **settings: Any) -> Any:
        settings.setdefault("clock", self.clock)
        session = self.twin.open(base_url=server if isinstance(server, str) else server.url, **settings)
        self._sessions.append(session)
        return session

    def keep(self, session: Any) -> Any:
        self._sessions.append(session)
        return session

    def finish(self) -> None:
        for session in reversed(self._sessions):
            self.twin.close(session)
        for server in self._servers:
            server.close()
        self.twin.finish()


@pytest.fixture(params=["blocking", "asyncio"])
def bench(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Both twins behind one face; fails when a thread, a task or an unclosed socket is left behind."""
    threads = set(threading.enumerate())
    made = Bench(Blocking() if request.param == "blocking" else Loop())
    try:
        yield made
    finally:
        made.finish()
    ends = time.monotonic() + 2
    while (left := set(threading.enumerate()) - threads) and time.monotonic() < ends:
        for thread in left:
            thread.join(0.05)
    assert not left, f"threads left: {left}"


@pytest.fixture(scope="module", autouse=True)
def no_leaks() -> Iterator[None]:
    yield
    gc.collect()  # unclosed sockets and files warn here, and warnings are errors


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def server_class() -> type[Server]:
    return Server


@pytest.fixture
def ask() -> Callable[..., Any]:
    """A flow of one request; returns the response."""

    def make(path: str = "/api/v1/products", **fields: Any) -> Any:
        fields.setdefault("method", "GET")
        fields.setdefault("operation", "products.list")

        def flow() -> Any:
            return (yield Request(path=path, **fields))

        return flow()

    return make


@pytest.fixture
def write(ask: Callable[..., Any]) -> Callable[..., Any]:
    """A keyed write."""

    def make(**fields: Any) -> Any:
        settings = {
            "method": "POST",
            "operation": "bulk_jobs.create",
            "content": b'{"operation":"update"}',
            "write": True,
            "idempotent": False,
            "idempotency_key": "key-1",
            "scope": "write:products",
        }
        return ask("/api/v1/bulk-jobs", **{**settings, **fields})

    return make


@pytest.fixture
def no_retry() -> RetryPolicy:
    return RetryPolicy(max_retries=0)

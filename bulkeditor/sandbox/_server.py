"""uvicorn in a thread of its own, on loopback: started when it listens, ended when nothing is left of it."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any, Final

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bulkeditor.errors import ConfigurationError
from bulkeditor.sandbox._app import LINK, App, Link

HOST: Final = "127.0.0.1"
# How long a stopping server waits for requests that are still at work.
_GRACE: Final = 3.0
# A new transport is ready, and a closed one has let go of its socket, after fewer rounds of the loop.
_ROUNDS: Final = 5


class Server:
    """One listening server.

    Args:
        app: What it serves.
        port: Where; 0 takes a free one.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._server: _Uvicorn | None = None
        self._thread = threading.Thread(target=self._run, name=f"sandbox-http-{self.port}", daemon=True)

    def start(self) -> None:
        """Return when requests are accepted."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise ConfigurationError(
                f"The sandbox's server did not start: {self._failure!r}."
            ) from self._failure

    def stop(self) -> None:
        """Return when thread and sockets are gone."""
        if self._server is not None:
            self._server.quit()
        self._thread.join()

    def _run(self) -> None:
        connections: dict[Any, asyncio.Transport] = {}

        class Protocol(H11Protocol):
            # Known by the caller's address, which the application sees in its scope.
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
                super().connection_made(transport)
                connections[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self.client, None)
                super().connection_lost(exc)

        async def linked(scope: Scope, receive: Receive, send: Send) -> None:
            scope[LINK] = _Link(server, connections.get(scope.get("client")))
            await self._app(scope, receive, send)

        config = uvicorn.Config(
            linked,
            http=Protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=60,
        )
        self._server = server = _Uvicorn(config, self._ready)
        try:
            server.run(sockets=[self._socket])
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits in start()
            self._failure = error
        finally:
            self._socket.close()
            self._ready.set()


class _Link(Link):
    def __init__(self, server: _Uvicorn, transport: asyncio.Transport | None) -> None:
        self._server = server
        self._transport = transport

    async def pause(self, seconds: float) -> None:
        await self._server.pause(seconds)

    def cut(self, *, flush: bool) -> bool:
        if self._transport is None:
            return False
        if flush:
            self._transport.close()
        else:
            self._transport.abort()
        return True


class _Uvicorn(uvicorn.Server):
    """Waits for events where uvicorn looks ten times a second."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quit: asyncio.Event | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._quit = asyncio.Event()
        await super().startup(sockets=sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        assert self._quit is not None
        await self._quit.wait()

    def quit(self) -> None:
        """From another thread: stop."""
        loop, event = self._loop, self._quit
        if loop is not None and event is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    async def pause(self, seconds: float) -> None:
        """Sleep, but no longer than the server runs."""
        assert self._quit is not None
        try:
            async with asyncio.timeout(seconds):
                await self._quit.wait()
        except TimeoutError:
            return

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A server that is closed leaks what it has accepted and not yet handed on: first accept nothing more.
        for server in self.servers:
            for sock in server.sockets:
                asyncio.get_running_loop().remove_reader(sock)
        await _rounds()
        for server in self.servers:
            server.close()
        for sock in sockets or ():
            sock.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = set(self.server_state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_GRACE)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await _rounds()


async def _rounds() -> None:
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio sets TCP_NODELAY on what is accepted; else each answer waits 40 ms for
    # the caller's delayed acknowledgement.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen(256)
    except OSError as error:
        sock.close()
        raise ConfigurationError(
            f"The sandbox cannot listen on port {port}: {error.strerror}.", hint="Use port=0 for a free one."
        ) from error
    return sock

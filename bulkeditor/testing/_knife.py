"""Where a process can die: before and after each request, before, inside and after each transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Final, Literal

import attrs
import httpx

Place = Literal["request", "answer", "begin", "commit", "committed"]
"""``request``: before it is sent. ``answer``: the server has committed, the answer is not here yet.
``begin``: before a transaction. ``commit``: after its last statement. ``committed``: before anybody knows."""

PLACES: Final[tuple[Place, ...]] = ("request", "answer", "begin", "commit", "committed")


class Killed(BaseException):
    """Stands for the end of a process: nothing that it does afterwards reaches the world."""


@attrs.frozen
class Cut:
    """One place in a run.

    Args:
        number: Counted from 1.
        place: Which kind.
        what: The request, or nothing.
    """

    number: int
    place: Place
    what: str = ""

    def __str__(self) -> str:
        return f"#{self.number} {self.place} {self.what}".rstrip()


class Knife:
    """Counts the places that one process passes, and strikes at one of them.

    Args:
        at: Number of the place; None never strikes.
        strike: What happens there; by default the process dies (see :class:`Killed`).
        only: Strike at this kind of place: with several lanes, the first of it from that number on.
    """

    def __init__(
        self,
        at: int | None = None,
        strike: Callable[[Cut], None] | None = None,
        *,
        only: Place | None = None,
    ) -> None:
        self._at = at
        self._only = only
        self._strike = strike
        self._lock = threading.Lock()
        self.passed: list[Cut] = []
        self.struck: Cut | None = None
        self.dead = False

    def kill(self) -> None:
        """From now on the process is dead."""
        self.dead = True

    def check(self) -> None:
        """A dead process does nothing.

        Raises:
            Killed: It is.
        """
        if self.dead:
            raise Killed

    def pass_by(self, place: Place, what: str = "") -> None:
        """The process is at a place.

        Raises:
            Killed: It dies here, or is dead.
        """
        with self._lock:
            self.check()
            cut = Cut(len(self.passed) + 1, place, what)
            self.passed.append(cut)
            strikes = self._strikes(cut)
            if strikes:
                self.struck = cut
                self.dead = self._strike is None
        if strikes and self._strike is not None:
            self._strike(cut)
        self.check()

    def _strikes(self, cut: Cut) -> bool:
        if self._at is None or self.struck is not None:
            return False
        return cut.number >= self._at and self._only in {None, cut.place}

    def connection(self) -> type[sqlite3.Connection]:
        """A class of SQLite connections that are cut."""
        knife = self

        class CutConnection(sqlite3.Connection):
            """A connection that is cut around its transactions."""

            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                """Run a statement, or die before, within or after it."""
                if sql == "BEGIN IMMEDIATE":
                    knife.pass_by("begin")
                elif sql == "COMMIT":
                    knife.pass_by("commit")
                    done = super().execute(sql)
                    knife.pass_by("committed")
                    return done
                else:
                    knife.check()
                return super().execute(sql, parameters)

        return CutConnection

    def transport(self, inner: httpx.BaseTransport) -> httpx.BaseTransport:
        """A blocking transport that is cut."""
        return _CutTransport(self, inner)

    def async_transport(self, inner: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        """An asyncio transport that is cut."""
        return _AsyncCutTransport(self, inner)


class _CutTransport(httpx.BaseTransport):
    def __init__(self, knife: Knife, inner: httpx.BaseTransport) -> None:
        self._knife = knife
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._knife.pass_by("request", _name(request))
        response = self._inner.handle_request(request)
        response.read()
        self._knife.pass_by("answer", _name(request))
        return response


class _AsyncCutTransport(httpx.AsyncBaseTransport):
    def __init__(self, knife: Knife, inner: httpx.AsyncBaseTransport) -> None:
        self._knife = knife
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._knife.pass_by("request", _name(request))
        response = await self._inner.handle_async_request(request)
        await response.aread()
        self._knife.pass_by("answer", _name(request))
        return response


def _name(request: httpx.Request) -> str:
    return f"{request.method} {request.url.path}"


__all__ = ["PLACES", "Cut", "Killed", "Knife", "Place"]

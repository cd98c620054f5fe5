"""One face for both modes of a connector's session, so that a test is written once."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, TypeVar, Unpack

if TYPE_CHECKING:
    from bulkeditor.connectors import (
        AsyncConnectorSession,
        Bookmark,
        Change,
        CheckRow,
        Connector,
        ConnectorSession,
        DeadLetter,
        Drift,
        Outcome,
        Page,
        ReadLedger,
        Record,
        SessionOptions,
        WriteLedger,
    )
    from bulkeditor.http import Exchange

T = TypeVar("T")

ModeName: TypeAlias = Literal["blocking", "asyncio"]
MODES: Final[tuple[ModeName, ...]] = ("blocking", "asyncio")


class Mode(ABC):
    """An open session in one of the modes; every call runs to its end before it returns."""

    @property
    @abstractmethod
    def session(self) -> ConnectorSession | AsyncConnectorSession:
        """The session itself."""

    @property
    def ledger(self) -> ReadLedger:
        """What became of the rows of the last read."""
        return self.session.ledger

    @property
    def written(self) -> WriteLedger:
        """What became of the changes of the last write."""
        return self.session.written

    @property
    def bookmark(self) -> Bookmark | None:
        """Where the next incremental read begins."""
        return self.session.bookmark

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """Rows of the last read that are no records."""
        return self.session.dead_letters

    @property
    def drift(self) -> list[Drift]:
        """How the rows of the last read differ in shape from those before."""
        return self.session.drift

    @abstractmethod
    def pages(self, *, most: int | None = None, **wish: Any) -> list[Page]:
        """The pages of a read.

        Args:
            most: Break it off after so many.
            wish: As for the session's own ``pages``.
        """

    def read(self, **wish: Any) -> list[Record]:
        """The records of a read.

        Args:
            wish: As for the session's own ``pages``.
        """
        return [record for page in self.pages(**wish) for record in page.records]

    @abstractmethod
    def write(self, changes: Iterable[Change], **options: Any) -> list[Outcome]:
        """The outcomes of a write.

        Args:
            changes: What to write.
            options: As for the session's own ``write``.
        """

    @abstractmethod
    def check(self) -> list[CheckRow]:
        """The rows of a check."""

    @abstractmethod
    def run(self, flow: Exchange[T]) -> T:
        """What a flow returns."""

    @abstractmethod
    def close(self) -> None:
        """Close the session."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Blocking(Mode):
    """A session that blocks."""

    def __init__(self, connector: Connector, **options: Unpack[SessionOptions]) -> None:
        self._session = connector.open(**options)

    @property
    def session(self) -> ConnectorSession:
        """The session itself."""
        return self._session

    def pages(self, *, most: int | None = None, **wish: Any) -> list[Page]:
        """The pages of a read."""
        found: list[Page] = []
        with closing(self.session.pages(**wish)) as pages:
            for page in pages:
                found.append(page)
                if len(found) == most:
                    break
        return found

    def write(self, changes: Iterable[Change], **options: Any) -> list[Outcome]:
        """The outcomes of a write."""
        return self.session.write(changes, **options)

    def check(self) -> list[CheckRow]:
        """The rows of a check."""
        return self.session.check()

    def run(self, flow: Exchange[T]) -> T:
        """What a flow returns."""
        return self.session.run(flow)

    def close(self) -> None:
        """Close the session."""
        self.session.close()


class Loop(Mode):
    """A session under asyncio, on a loop of its own."""

    def __init__(self, connector: Connector, **options: Unpack[SessionOptions]) -> None:
        self._session = connector.open_async(**options)
        self._runner = asyncio.Runner()

    @property
    def session(self) -> AsyncConnectorSession:
        """The session itself."""
        return self._session

    def pages(self, *, most: int | None = None, **wish: Any) -> list[Page]:
        """The pages of a read."""

        async def work() -> list[Page]:
            """Read as many as are wanted."""
            found: list[Page] = []
            async with aclosing(self.session.pages(**wish)) as pages:
                async for page in pages:
                    found.append(page)
                    if len(found) == most:
                        break
            return found

        return self._run(work())

    def write(self, changes: Iterable[Change], **options: Any) -> list[Outcome]:
        """The outcomes of a write."""
        return self._run(self.session.write(changes, **options))

    def check(self) -> list[CheckRow]:
        """The rows of a check."""
        return self._run(self.session.check())

    def run(self, flow: Exchange[T]) -> T:
        """What a flow returns."""
        return self._run(self.session.run(flow))

    def close(self) -> None:
        """Close the session and its loop."""
        self._run(self.session.aclose())
        self._runner.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


def opened(mode: ModeName, connector: Connector, **options: Unpack[SessionOptions]) -> Mode:
    """Open a connector.

    Args:
        mode: ``blocking`` or ``asyncio``.
        connector: What to open.
        options: As for ``open()``.
    """
    return (Blocking if mode == "blocking" else Loop)(connector, **options)


__all__ = ["MODES", "Mode", "ModeName", "opened"]

"""Where the runs of a client live; shared by every client derived from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, TypeVar

from bulkeditor.errors import ConfigurationError
from bulkeditor.http._state import Sharing

if TYPE_CHECKING:
    from bulkeditor.engine import Ledger

T = TypeVar("T")


class Store:
    """A ledger that is opened when it is first needed, and closed with the last client that uses it.

    Args:
        given: A file, made when it is missing; None keeps everything in this process; or a ledger, which
            whoever made it closes.
        clock: Tells the time by which what is scheduled falls due; a ledger has its own.
    """

    def __init__(self, given: str | PathLike[str] | Ledger | None, clock: Callable[[], datetime]) -> None:
        self._given = given
        self._clock = clock
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()
        self._sharing = Sharing()

    @property
    def ledger(self) -> Ledger:
        """The ledger.

        Raises:
            StoreError: The file cannot be used.
            ConfigurationError: Every client over it is closed.
        """
        with self._lock:
            if self._ledger is None:
                self._ledger = self._open()
            return self._ledger

    def _open(self) -> Ledger:
        if self._sharing.closed:
            raise ConfigurationError(
                "This client is closed.", hint="Make the call before close(), or inside its with block."
            )
        given = self._given
        if given is not None and not isinstance(given, str | PathLike):
            return given
        from bulkeditor.engine import SQLiteLedger  # noqa: PLC0415 - with the first plan, not the first client

        return SQLiteLedger(":memory:" if given is None else given, clock=self._clock)

    def check_kept(self, what: str) -> None:
        """Refuse what has to outlive this process where nobody has said where it is kept.

        Args:
            what: The call.

        Raises:
            ConfigurationError: No store was given.
        """
        if self._given is None:
            raise ConfigurationError(
                f"{what} needs a store that outlives this process: without one a sale would never end.",
                hint="Give the client store='shop.db', or ':memory:' if this process will carry it on.",
            )

    @property
    def blank(self) -> bool:
        """Whether nothing is kept in it yet, which can be told without opening it."""
        return self._given is None and self._ledger is None

    def join(self, client: object) -> None:
        """Count one more client."""
        self._sharing.join(client)

    def leave(self, client: object) -> None:
        """Count one client less; the last one closes the file."""
        if not self._sharing.leave(client):
            return
        with self._lock:
            ledger, self._ledger = self._ledger, None
        if ledger is not None and ledger is not self._given:
            ledger.close()


def asked(call: Callable[[], T]) -> T:
    """Ask the ledger."""
    return call()


async def asked_async(call: Callable[[], T]) -> T:
    """Ask the ledger in a thread: its commits wait for the disk, and the loop shall not."""
    from bulkeditor.engine._async_drive import off_loop  # noqa: PLC0415 - as above

    return await off_loop(call)


__all__ = ["Store", "asked", "asked_async"]

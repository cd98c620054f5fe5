"""What every SQLite file of this library needs, whatever is kept in it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final

_PAUSE: Final = 0.005


def use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Let readers and one writer of a file work at the same time (https://www.sqlite.org/wal.html).

    The file stays so.

    Args:
        connection: One without a transaction.
        timeout: How long to wait for others at most, in seconds.

    Raises:
        sqlite3.OperationalError: Another connection held the file for longer than that.
    """
    # Where several open a new file at once, SQLite does not wait here, whatever the connection's timeout is.
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return


def identity(path: Path) -> tuple[int, int] | None:
    """Tells the file of a name from another one that takes its place; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


__all__ = ["identity", "use_wal"]

"""Switching a SQLite file to write-ahead logging (https://www.sqlite.org/wal.html)."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

_PAUSE: Final = 0.005


def use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Let readers and one writer of a file work at the same time; the file stays so.

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

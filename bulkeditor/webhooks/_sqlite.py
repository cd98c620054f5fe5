"""The inbox in a SQLite file: for one machine, with any number of processes."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bulkeditor._sqlite_file import identity, use_wal
from bulkeditor.errors import ConfigurationError, StoreError
from bulkeditor.webhooks._inbox import Effect
from bulkeditor.webhooks._sql import LEAVE_IT, MICROSECONDS, SQLInbox, Transaction, require_known

# Each entry takes the schema one version further; what was released is never changed. The tables say whose
# they are, and the version is a table too, because the file may be the application's own.
_MIGRATIONS: Final = (
    """
CREATE TABLE bulkeditor_inbox_events (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  identified INTEGER NOT NULL,
  digest TEXT NOT NULL,
  name TEXT NOT NULL,
  lane TEXT NOT NULL,
  version INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  body BLOB NOT NULL,
  signed_by TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'stale', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  forced INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  finished_at INTEGER
) STRICT;
CREATE INDEX bulkeditor_inbox_digest ON bulkeditor_inbox_events (digest);
CREATE INDEX bulkeditor_inbox_waiting ON bulkeditor_inbox_events (lane, version, rank, seq)
  WHERE status = 'pending';
CREATE INDEX bulkeditor_inbox_over ON bulkeditor_inbox_events (finished_at) WHERE status IN ('done', 'stale');
CREATE INDEX bulkeditor_inbox_dead ON bulkeditor_inbox_events (seq) WHERE status = 'dead';
CREATE INDEX bulkeditor_inbox_dead_lane ON bulkeditor_inbox_events (lane) WHERE status = 'dead';
CREATE TABLE bulkeditor_inbox_lanes (
  lane TEXT PRIMARY KEY,
  due_at INTEGER,
  fence INTEGER NOT NULL DEFAULT 0,
  begun INTEGER,
  version INTEGER,
  rank INTEGER,
  touched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bulkeditor_inbox_due ON bulkeditor_inbox_lanes (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE bulkeditor_inbox_handled (
  event TEXT NOT NULL,
  handler TEXT NOT NULL,
  PRIMARY KEY (event, handler)
) STRICT, WITHOUT ROWID;
""",
)
_NOW: Final = re.compile(r"\{now\}")
_LOG: Final = logging.getLogger("bulkeditor.webhooks")


class SQLiteInbox(SQLInbox):
    """An inbox in a SQLite file.

    Every commit is on the disk before it counts (WAL, ``synchronous=FULL``). Handlers that share its
    transaction are given the ``sqlite3.Connection``.

    Args:
        path: The file; made when it is not there. It may be the application's own database: the tables begin
            with ``bulkeditor_inbox_``.
        busy_timeout: Seconds to wait for other writers, threads and processes together; less than a sender
            waits for its answer.
        clock: Seconds since the epoch; for tests.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        busy_timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = Path(path)
        self._timeout = busy_timeout
        self._clock = clock
        # Within a process threads take turns here: SQLite's own waiting polls and is not fair.
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._orphans: list[sqlite3.Connection] = []
        self._pid = os.getpid()
        self._closed = False

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        """All or nothing, and on the disk when it ends.

        Raises:
            StoreError: The file cannot be used.
        """
        end = time.monotonic() + self._timeout
        if not self._turn.acquire(timeout=self._timeout):
            raise StoreError(f"The inbox {self._path} is held by another thread.", hint="Try again.")
        transaction: _Transaction | None = None
        try:
            connection = self._open()
            # Those who waited for their turn have less time left to wait for other processes.
            connection.execute(f"PRAGMA busy_timeout = {max(0, round((end - time.monotonic()) * 1000))}")
            connection.execute("BEGIN IMMEDIATE")
            transaction = _Transaction(connection, self._clock)
            try:
                yield transaction
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
        except sqlite3.Error as error:
            if transaction is not None and error is transaction.failed:
                raise
            raise StoreError(f"The inbox {self._path} cannot be used: {error}.") from error
        finally:
            self._turn.release()

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.ProgrammingError:
            # A handler has closed it, and with it the transaction: the next one opens the file anew.
            self._connection = None

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise ConfigurationError("This inbox is closed.", hint="Make a new one, or close it later.")
        if self._connection is not None and self._pid != os.getpid():
            # Not to be used after a fork, nor closed: that would drop the locks of this process's own one.
            self._orphans.append(self._connection)
            self._connection = None
        if self._connection is not None and self._file not in {None, identity(self._path)}:
            # What is written into a file that has no name any more is on no disk tomorrow.
            _LOG.warning("The inbox %s was removed or replaced; what is there now is used.", self._path)
            self._connection.close()
            self._connection = None
        if self._connection is None:
            self._connection, self._pid = self._connect(), os.getpid()
            self._file = identity(self._path)
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            use_wal(connection, self._timeout)
            connection.execute("PRAGMA synchronous = FULL")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS bulkeditor_inbox_schema (version INTEGER NOT NULL) STRICT"
            )
            row = connection.execute("SELECT version FROM bulkeditor_inbox_schema").fetchone()
            version = 0 if row is None else row[0]
            require_known(version, len(_MIGRATIONS), self._path)
            for script in _MIGRATIONS[version:]:
                for statement in script.split(";\n"):
                    connection.execute(statement)
            connection.execute("DELETE FROM bulkeditor_inbox_schema")
            connection.execute("INSERT INTO bulkeditor_inbox_schema VALUES (?)", (len(_MIGRATIONS),))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


class _Transaction(Transaction):
    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._now = round(clock() * MICROSECONDS)

    def run(self, sql: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        return self._execute(sql, values).fetchall()

    def change(self, sql: str, values: Mapping[str, object]) -> int:
        return self._execute(sql, values).rowcount

    def _apply(self, effect: Effect) -> None:
        connection, before = self._connection, (self._connection.row_factory, self._connection.text_factory)
        refused = False

        def keep_transaction(action: int, *_: object) -> int:
            # The effect and the note that it is done are one commit, so nothing within may commit.
            nonlocal refused
            refused = refused or action == sqlite3.SQLITE_TRANSACTION
            return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION else sqlite3.SQLITE_OK

        connection.set_authorizer(keep_transaction)
        try:
            effect(connection)
        except Exception as error:
            if refused:
                raise ConfigurationError(
                    "The handler tried to end the inbox's transaction.", hint=LEAVE_IT
                ) from error
            raise
        finally:
            # How a handler likes its rows is its own affair.
            connection.row_factory, connection.text_factory = before
            try:
                connection.set_authorizer(None)
            except sqlite3.ProgrammingError as error:
                raise ConfigurationError(
                    "The handler closed the inbox's connection.", hint=LEAVE_IT
                ) from error

    def _execute(self, sql: str, values: Mapping[str, object]) -> sqlite3.Cursor:
        return self._connection.execute(_NOW.sub(":now", sql), {**values, "now": self._now})


__all__ = ["SQLiteInbox"]

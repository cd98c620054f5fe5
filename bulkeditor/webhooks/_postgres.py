"""The inbox in Postgres: for receivers on several machines."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from bulkeditor.errors import ConfigurationError, MissingExtraError, StoreError
from bulkeditor.webhooks._inbox import Effect
from bulkeditor.webhooks._sql import LEAVE_IT, MICROSECONDS, SQLInbox, Transaction, require_known

if TYPE_CHECKING:
    import psycopg

# Each entry takes the schema one version further; what was released is never changed.
_MIGRATIONS: Final = (
    """
CREATE TABLE bulkeditor_inbox_events (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  identified INTEGER NOT NULL,
  digest TEXT NOT NULL,
  name TEXT NOT NULL,
  lane TEXT NOT NULL,
  version BIGINT NOT NULL,
  rank INTEGER NOT NULL,
  body BYTEA NOT NULL,
  signed_by TEXT NOT NULL,
  received_at BIGINT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'stale', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  forced INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  finished_at BIGINT
);
CREATE INDEX bulkeditor_inbox_digest ON bulkeditor_inbox_events (digest);
CREATE INDEX bulkeditor_inbox_waiting ON bulkeditor_inbox_events (lane, version, rank, seq)
  WHERE status = 'pending';
CREATE INDEX bulkeditor_inbox_over ON bulkeditor_inbox_events (finished_at) WHERE status IN ('done', 'stale');
CREATE INDEX bulkeditor_inbox_dead ON bulkeditor_inbox_events (seq) WHERE status = 'dead';
CREATE INDEX bulkeditor_inbox_dead_lane ON bulkeditor_inbox_events (lane) WHERE status = 'dead';
CREATE TABLE bulkeditor_inbox_lanes (
  lane TEXT PRIMARY KEY,
  due_at BIGINT,
  fence BIGINT NOT NULL DEFAULT 0,
  begun BIGINT,
  version BIGINT,
  rank INTEGER,
  touched_at BIGINT NOT NULL
);
CREATE INDEX bulkeditor_inbox_due ON bulkeditor_inbox_lanes (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE bulkeditor_inbox_handled (
  event TEXT NOT NULL,
  handler TEXT NOT NULL,
  PRIMARY KEY (event, handler)
);
""",
)
_PARAMETER: Final = re.compile(r":([a-z_]+)")
# The database's clock: all machines agree on it. Of the statement's begin, so that an index can be used.
_NOW: Final = "(extract(epoch from statement_timestamp()) * 1000000)::bigint"
_IDLE_CONNECTIONS: Final = 8
# Seconds to wait for a connection, or for a lock when a delivery is stored; a sender waits longer.
_PATIENCE: Final = 5


class PostgresInbox(SQLInbox):
    """An inbox in a Postgres database, shared by any number of machines.

    Handlers that share its transaction are given the ``psycopg.Connection``.

    Args:
        conninfo: ``postgresql://…``, or whatever libpq accepts.
        clock: Seconds since the epoch, when it is not the database's own clock; for tests.

    Raises:
        MissingExtraError: psycopg is not installed.
    """

    skip_locked = "FOR UPDATE SKIP LOCKED"

    def __init__(self, conninfo: str, *, clock: Callable[[], float] | None = None) -> None:
        try:
            import_module("psycopg")
        except ImportError as error:
            raise MissingExtraError("scale", feature="An inbox in Postgres") from error
        self._conninfo = conninfo
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[psycopg.Connection[Any]] = []
        self._orphans: list[psycopg.Connection[Any]] = []
        self._pid = os.getpid()
        self._migrated = False
        self._closed = False

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        """All or nothing, committed when it ends.

        Raises:
            StoreError: The database cannot be used.
        """
        import psycopg  # noqa: PLC0415 - an extra

        transaction: _Transaction | None = None
        try:
            connection = self._take()
            try:
                with connection.transaction():
                    transaction = _Transaction(connection, self._clock)
                    yield transaction
            finally:
                self._give_back(connection)
        except psycopg.Error as error:
            if transaction is not None and error is transaction.failed:
                raise
            raise StoreError(f"The inbox in Postgres cannot be used: {error}.") from error

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def guard(self, transaction: Transaction, digest: str) -> None:
        """Let one transaction at a time add a body: others' additions are not seen before their commit.

        And let nothing that is locked keep it longer than the sender waits for its answer.
        """
        transaction.run(
            "SELECT set_config('lock_timeout', :patience, true), "
            "pg_advisory_xact_lock(hashtextextended(:digest, 0))",
            {"patience": f"{_PATIENCE}s", "digest": digest},
        )

    def _take(self) -> psycopg.Connection[Any]:
        with self._lock:
            if self._closed:
                raise ConfigurationError("This inbox is closed.", hint="Make a new one, or close it later.")
            if self._pid != os.getpid():
                # After a fork both processes would talk on one socket; the parent goes on with it.
                self._orphans, self._idle, self._pid = self._idle, [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give_back(self, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            keep = not self._closed and not connection.closed and len(self._idle) < _IDLE_CONNECTIONS
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg  # noqa: PLC0415 - an extra
        from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415 - an extra

        patience = {"connect_timeout": _PATIENCE, **conninfo_to_dict(self._conninfo)}
        connection = psycopg.Connection[Any].connect(make_conninfo("", **patience), autocommit=True)
        try:
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            # A commit counts when it is on the disk, whatever the server does for others.
            connection.execute("SET synchronous_commit TO on")
            if not self._migrated:
                self._migrate(connection)
                self._migrated = True
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: psycopg.Connection[Any]) -> None:
        with connection.transaction():
            # Several processes may start at once.
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('bulkeditor_inbox_schema', 0))")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS bulkeditor_inbox_schema (version INTEGER NOT NULL)"
            )
            row = connection.execute("SELECT version FROM bulkeditor_inbox_schema").fetchone()
            version = 0 if row is None else int(row[0])
            require_known(version, len(_MIGRATIONS), connection.info.dbname)
            for script in _MIGRATIONS[version:]:
                connection.execute(script)
            connection.execute("DELETE FROM bulkeditor_inbox_schema")
            connection.execute("INSERT INTO bulkeditor_inbox_schema VALUES (%s)", (len(_MIGRATIONS),))


class _Transaction(Transaction):
    def __init__(self, connection: psycopg.Connection[Any], clock: Callable[[], float] | None) -> None:
        self._connection = connection
        self._now = _NOW if clock is None else str(round(clock() * MICROSECONDS))

    def run(self, sql: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        return self._execute(sql, values).fetchall()

    def change(self, sql: str, values: Mapping[str, object]) -> int:
        return self._execute(sql, values).rowcount

    def _apply(self, effect: Effect) -> None:
        # The effect and the note that it is done are one commit. psycopg refuses commit(); a COMMIT sent as
        # text shows in the transaction's number.
        before, rows = self._number(), self._connection.row_factory
        try:
            effect(self._connection)
        finally:
            # How a handler likes its rows is its own affair.
            self._connection.row_factory = rows
        if self._connection.closed:
            raise ConfigurationError("The handler closed the inbox's connection.", hint=LEAVE_IT)
        if self._number() != before:
            raise ConfigurationError(
                "The handler ended the inbox's transaction; its effect may happen twice.",
                hint=LEAVE_IT,
            )

    def _number(self) -> object:
        row = self._connection.execute("SELECT pg_current_xact_id()").fetchone()
        return None if row is None else row[0]

    def _execute(self, sql: str, values: Mapping[str, object]) -> psycopg.Cursor[Any]:
        text = _PARAMETER.sub(r"%(\1)s", sql).replace("{now}", self._now)
        return self._connection.execute(text.encode(), values)


__all__ = ["PostgresInbox"]

"""One SQLite file: its connections, its transactions, its version, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Final

from bulkeditor._sqlite_file import identity, use_wal
from bulkeditor.engine import _forks
from bulkeditor.engine._schema import APPLICATION_ID, MIGRATIONS
from bulkeditor.errors import ConfigurationError, InvalidInputError, StoreError

MEMORY: Final = ":memory:"

# What SQLite's result codes mean to whoever holds the file, and what helps.
_MEANINGS: Final = (
    ("SQLITE_BUSY", "is locked by another process", "Try again; something holds a transaction open."),
    ("SQLITE_LOCKED", "is locked by another process", "Try again; something holds a transaction open."),
    ("SQLITE_FULL", "cannot grow: the disk is full", "Make room; what was committed is safe."),
    ("SQLITE_READONLY", "cannot be written", "Check the permissions of the file and of its folder."),
    ("SQLITE_CANTOPEN", "cannot be opened", "Check that the folder exists and may be written to."),
    ("SQLITE_NOTADB", "is no SQLite file", "Choose another path; it was left as it is."),
    ("SQLITE_CORRUPT", "is damaged", "Restore it from a backup; SQLite's .recover may save its rows."),
    ("SQLITE_IOERR", "cannot be read or written", "Check the disk; what was committed is safe."),
)
# What SQLite refuses of a value, rather than of the file.
_WRONG_VALUES: Final = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)


class Database:
    """A file with one connection for writing and one for reading.

    Writers of a process queue on a lock, because SQLite has one writer at a time anyway, and its own way of
    waiting is to poll. Readers have a connection of their own: a look-up never waits for the disk to confirm
    somebody else's commit. Other processes are kept apart by SQLite.

    Args:
        path: The file, made when it is missing; ``:memory:`` keeps everything in this process.
        busy: Seconds to wait for other processes at most.
        connection: The class of the connections; tests put one here that breaks at chosen places.
        migrations: The schema.

    Raises:
        StoreError: The file cannot be used.
    """

    def __init__(
        self,
        path: str | PathLike[str] = MEMORY,
        *,
        busy: float = 30.0,
        connection: type[sqlite3.Connection] = sqlite3.Connection,
        migrations: Sequence[Sequence[str]] = MIGRATIONS,
    ) -> None:
        self.path = os.fspath(path)
        self._busy = busy
        self._class = connection
        self._migrations = migrations
        self._closed = False
        self._pid = os.getpid()
        # The program may change its folder meanwhile.
        self._place = Path(self.path).absolute()
        self._file: tuple[int, int] | None = None
        self._writing = threading.Lock()
        self._reading = self._writing if self.in_memory else threading.Lock()
        # Opened when they are first used; before a fork they are closed.
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        with self._errors():
            self._writer = self._open()
        if not self.in_memory:
            _forks.watch(self)

    @property
    def in_memory(self) -> bool:
        """Whether it ends with the process."""
        return self.path == MEMORY

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """One transaction: all that is done in the block is committed, or nothing of it.

        Raises:
            StoreError: The file cannot be used.
        """
        with self._writing, self._errors():
            connection = self._writer
            if connection is None:
                connection = self._writer = self._open()
            self._check_process()
            self._check_file()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection]:
        """What is committed; each statement sees one moment.

        Raises:
            StoreError: The file cannot be used.
        """
        if self.in_memory:
            with self._writing, self._errors():
                self._check_process()
                yield self._writer or self._open()
            return
        with self._reading, self._errors():
            if self._reader is None:
                self._reader = self._open()
            yield self._reader

    def close(self) -> None:
        """Close the connections."""
        self._closed = True
        with self._writing:
            if self.in_memory:
                self._let_go()
            else:
                with self._reading:
                    self._let_go()

    def before_fork(self) -> None:
        """Let go of the file: SQLite's locks do not survive a fork, not even those of other connections."""
        self._writing.acquire()
        self._reading.acquire()
        self._let_go()

    def after_fork(self) -> None:
        """Go on, in the parent and in the child, with connections of their own."""
        self._reading.release()
        self._writing.release()

    def _let_go(self) -> None:
        for connection in (self._writer, self._reader):
            if connection is not None:
                connection.close()
        self._writer = self._reader = None

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise ConfigurationError(
                "This store is closed.", hint="Open it again, or close it after its last use."
            )
        connection = sqlite3.connect(
            MEMORY if self.in_memory else self._place,
            timeout=self._busy,
            isolation_level=None,
            check_same_thread=False,
            factory=self._class,
            cached_statements=256,
        )
        try:
            self._prepare(connection)
            if self._file is None and not self.in_memory:
                self._file = identity(self._place)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # In one transaction: else what another process makes at this moment is seen half.
        connection.execute("BEGIN")
        try:
            version = self._version(connection)
        finally:
            connection.execute("ROLLBACK")
        if not self.in_memory:
            use_wal(connection, self._busy)
        if version < len(self._migrations):
            self._migrate(connection)

    def _version(self, connection: sqlite3.Connection) -> int:
        """The schema's version; 0 for an empty file."""
        owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if owner == APPLICATION_ID:
            if version > len(self._migrations):
                raise StoreError(
                    f"{self.path!r} was written by a newer version of this library"
                    f" (schema {version}; this one knows {len(self._migrations)}).",
                    hint="Update the library, or choose another file.",
                )
            return version
        if owner or version or connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            raise StoreError(
                f"{self.path!r} is the SQLite file of another program.",
                hint="Choose another path; it was left as it is.",
            )
        return 0

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # The version once more: another process may have come first.
            for statements in self._migrations[self._version(connection) :]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(self._migrations)}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _check_process(self) -> None:
        if self.in_memory and self._pid != os.getpid():
            raise ConfigurationError(
                "A store in memory belongs to the process that made it.",
                hint="Give it a file, or make it after the fork.",
            )

    def _check_file(self) -> None:
        # A deleted file can still be written to, and what is committed there is gone with the process.
        if self._file is not None and identity(self._place) != self._file:
            raise StoreError(
                f"{self.path!r} was deleted or replaced while it was open.",
                hint="Nothing more was done. Put the file back and begin anew with it.",
            )

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except _WRONG_VALUES as error:
            raise InvalidInputError(
                f"A value cannot be kept in a store: {error}.",
                hint="Keys, kinds and names are text; stages are whole numbers.",
            ) from error
        except sqlite3.Error as error:
            raise self._meaning(error) from error

    def _meaning(self, error: sqlite3.Error) -> StoreError:
        name: str = getattr(error, "sqlite_errorname", "")
        for start, meaning, hint in _MEANINGS:
            if name.startswith(start):
                return StoreError(f"{self.path!r} {meaning} ({error}).", hint=hint)
        return StoreError(f"{self.path!r} could not be used: {error}.")


__all__ = ["MEMORY", "Database"]

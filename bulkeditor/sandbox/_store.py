"""The server's memory: one SQLite file, one connection, one fair lock.

Everything that the server knows stands in the file (products, jobs, deliveries, keys, timers, journal …), so
a catalog of any size costs no memory, a rollback leaves nothing behind, and a snapshot is a copy of the file.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bulkeditor.errors import ConfigurationError
from bulkeditor.sandbox._patterns import compile_pattern
from bulkeditor.sandbox._schema import INDEXES, TABLES

MICROSECONDS: Final = 1_000_000


class FairLock:
    """A reentrant lock that is handed on in the order of asking.

    threading.RLock lets the thread that just released it take it again at once: a job that commits chunk
    after chunk would keep every request waiting until its end.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._owner: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._guard:
            if self._owner == me:
                self._depth += 1
                return
            if self._owner is None:
                self._owner, self._depth = me, 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()
        except BaseException:
            # Interrupted (Ctrl-C): nobody may be waiting for this turn, nor be left behind by it.
            with self._guard:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    self._hand_on()
            raise
        self._owner, self._depth = me, 1

    def __exit__(self, *exc: object) -> None:
        with self._guard:
            self._depth -= 1
            if not self._depth:
                self._hand_on()

    def _hand_on(self) -> None:
        if self._waiting:
            # Owned by nobody's ident (-1) until the next one wakes: no third thread can slip in between.
            self._owner = -1
            self._waiting.popleft().release()
        else:
            self._owner = None


class Store:
    """The database file and its transactions.

    Args:
        seed: What ids and secrets are derived from.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.lock = FairLock()
        # Changes of any product, and of which products there are: caches compare these.
        self.generation = 0
        self.membership = 0
        self._depth = 0
        self._after_commit: list[Callable[[], None]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="bulkeditor-sandbox-"))
        self._connection = _connect(self._folder / "shop.db")
        self._snapshots = 0
        self.closed = False
        self._finalizer = weakref.finalize(self, _dispose, self._connection, self._folder)
        self._connection.executescript(TABLES)

    def build_indexes(self) -> None:
        """After the first load: building an index once is cheaper than keeping it up row by row."""
        self._connection.executescript(INDEXES)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing; nested ones join the outermost."""
        committed: list[Callable[[], None]] = []
        with self.lock:
            self._require_open()
            if self._depth:
                yield
                return
            self._depth = 1
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                self._after_commit.clear()
                self.touched(membership=True)
                raise
            else:
                self._connection.execute("COMMIT")
                committed, self._after_commit = self._after_commit, committed
            finally:
                self._depth = 0
        # Outside the lock: what is woken here takes its own locks first.
        for callback in committed:
            callback()

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call this once the running transaction is committed."""
        if callback not in self._after_commit:
            self._after_commit.append(callback)

    def touched(self, *, membership: bool = False) -> None:
        """A product changed; or products came or went."""
        self.generation += 1
        if membership:
            self.membership += 1

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run one statement inside the caller's transaction or lock."""
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for many rows."""
        self._connection.executemany(sql, rows)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Every row of a query."""
        with self.lock:
            self._require_open()
            return self.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """The first row of a query, or None."""
        with self.lock:
            self._require_open()
            return self.execute(sql, parameters).fetchone()

    def value(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.row(sql, parameters)
        return None if row is None else row[0]

    def number(self, kind: str) -> int:
        """The next number of a kind, counted from 1."""
        row = self.execute(
            "INSERT INTO counters (kind, last) VALUES (?, 1) "
            "ON CONFLICT (kind) DO UPDATE SET last = last + 1 RETURNING last",
            (kind,),
        ).fetchone()
        return int(row[0])

    def token(self, kind: str, number: int) -> str:
        """A secret that is the same in each run with the same seed."""
        return hashlib.sha256(f"{self.seed}:{kind}:{number}".encode()).hexdigest()[:40]

    def copy(self) -> Path:
        """A copy of the whole file, beside it."""
        with self.lock:
            self._require_open()
            self._snapshots += 1
            path = self._folder / f"snapshot-{self._snapshots}.db"
            target = sqlite3.connect(path)
            try:
                self._connection.backup(target)
            finally:
                target.close()
        return path

    def load_copy(self, path: Path) -> None:
        """Put a copy back over everything."""
        with self.lock:
            self._require_open()
            source = sqlite3.connect(path)
            try:
                source.backup(self._connection)
            finally:
                source.close()
            self.touched(membership=True)

    def close(self) -> None:
        """Close and delete the file."""
        with self.lock:
            self.closed = True
            self._finalizer()

    def _require_open(self) -> None:
        if self.closed:
            raise ConfigurationError(
                "This sandbox is closed and its data is gone.",
                hint="Read journal and products inside the with block.",
            )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=512)
    # synchronous OFF: the file is as short-lived as this process, so power loss is no concern.
    for pragma in ("journal_mode = WAL", "synchronous = OFF", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("matches", 2, _matches, deterministic=True)
    return connection


def _matches(text: object, pattern: str) -> bool | None:
    """The SQL function of the operator; NULL stays NULL."""
    return compile_pattern(pattern)(text) if isinstance(text, str) else None


def _dispose(connection: sqlite3.Connection, folder: Path) -> None:
    connection.close()
    shutil.rmtree(folder, ignore_errors=True)

"""The receiver that test_kill.py kills: ``python -m tests.webhooks.receiver_process FOLDER PORT STORE``.

Two handlers, one of each kind. ``ledger`` writes into the inbox's own database, in its transaction, and has
no other defence: a second time would show. ``outside`` writes into another database, under the stable key.
"""

import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import psycopg
import uvicorn

import bulkeditor as be
from bulkeditor import webhooks

SECRET = "the secret of the test"
LEASE = 2.0


def rows(store: str | Path, sql: str) -> list[tuple[Any, ...]]:
    """What a statement gives, in the inbox's database or another one; it is committed."""
    if isinstance(store, Path):
        with sqlite3.connect(store, timeout=30) as connection:
            found = connection.execute(sql).fetchall()
        connection.close()
        return found
    with psycopg.connect(store, autocommit=True) as other:
        cursor = other.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def tables(folder: Path, store: str | Path) -> None:
    """What the handlers write into; made before the first process starts."""
    serial = "INTEGER" if isinstance(store, Path) else "SERIAL"
    for table in (
        f"effects (place {serial} PRIMARY KEY, event TEXT, entity TEXT, version INTEGER)",
        "stale (event TEXT)",
        "totals (entity TEXT PRIMARY KEY, handled INTEGER)",
    ):
        rows(store, f"CREATE TABLE {table}")
    with sqlite3.connect(folder / "outside.db") as outside:
        outside.execute("PRAGMA journal_mode = WAL")
        outside.execute("CREATE TABLE calls (event TEXT)")
        outside.execute(
            "CREATE TABLE effects "
            "(place INTEGER PRIMARY KEY, event TEXT UNIQUE, entity TEXT, version INTEGER)"
        )
    outside.close()


def run(tx: Any, sql: str, values: dict[str, object]) -> None:
    """Run a statement in the inbox's transaction, in the database's own spelling of parameters."""
    if not isinstance(tx, sqlite3.Connection):
        sql = re.sub(r":([a-z]+)", r"%(\1)s", sql)
    tx.execute(sql, values)


def main(folder: Path, port: int, store: str | Path) -> None:
    receiver = webhooks.Receiver(
        secrets=[SECRET],
        store=store,
        lease=LEASE,
        workers=2,
        poll=0.1,
        retry=be.RetryPolicy(max_retries=50, base_delay=10, max_delay=100),
    )

    @receiver.on("inventory.updated")
    def outside(event: webhooks.InventoryUpdated) -> None:
        # A connection for each call, as a service elsewhere would have it. What the system was given
        # survives the death of the process, so it need not wait for the disk.
        with sqlite3.connect(folder / "outside.db", timeout=30) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("INSERT INTO calls VALUES (?)", (event.id,))
            connection.execute(
                "INSERT OR IGNORE INTO effects (event, entity, version) VALUES (?, ?, ?)",
                (event.id, event.entity, event.data.on_hand),
            )
        connection.close()

    @receiver.on("inventory.updated")
    def ledger(event: webhooks.InventoryUpdated, tx: Any) -> None:
        values = {"event": event.id, "entity": event.entity, "version": event.data.on_hand}
        run(
            tx,
            "INSERT INTO effects (event, entity, version) VALUES (:event, :entity, :version)",
            values,
        )
        run(
            tx,
            "INSERT INTO totals VALUES (:entity, 1) "
            "ON CONFLICT (entity) DO UPDATE SET handled = totals.handled + 1",
            values,
        )

    @receiver.on_stale
    def late(event: webhooks.Event, tx: Any) -> None:
        run(tx, "INSERT INTO stale VALUES (:event)", {"event": event.id})

    uvicorn.run(receiver.asgi, host="127.0.0.1", port=port, log_level="critical")


def store_of(argument: str) -> str | Path:
    """An address of Postgres, or a file."""
    return argument if argument.startswith("postgresql://") else Path(argument)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), store_of(sys.argv[3]))

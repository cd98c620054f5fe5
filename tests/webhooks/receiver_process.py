"""The receiver that test_kill.py kills: ``python -m tests.webhooks.receiver_process FOLDER PORT``.

Two handlers, one of each kind. ``ledger`` writes into the inbox's own database, in its transaction, and has
no other defence: a second time would show. ``outside`` writes into another database, under the stable key.
"""

import sqlite3
import sys
from pathlib import Path

import uvicorn

import bulkeditor as be
from bulkeditor import webhooks

SECRET = "the secret of the test"
LEASE = 2.0


def tables(folder: Path) -> None:
    """What the handlers write into; made before the first process starts."""
    with sqlite3.connect(folder / "inbox.db") as inside:
        inside.execute(
            "CREATE TABLE effects (place INTEGER PRIMARY KEY, event TEXT, entity TEXT, version INTEGER)"
        )
        inside.execute("CREATE TABLE stale (event TEXT)")
        inside.execute("CREATE TABLE totals (entity TEXT PRIMARY KEY, handled INTEGER)")
    with sqlite3.connect(folder / "outside.db") as outside:
        outside.execute("PRAGMA journal_mode = WAL")
        outside.execute("CREATE TABLE calls (event TEXT)")
        outside.execute(
            "CREATE TABLE effects "
            "(place INTEGER PRIMARY KEY, event TEXT UNIQUE, entity TEXT, version INTEGER)"
        )
    for connection in (inside, outside):
        connection.close()


def main(folder: Path, port: int) -> None:
    receiver = webhooks.Receiver(
        secrets=[SECRET],
        store=folder / "inbox.db",
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
    def ledger(event: webhooks.InventoryUpdated, tx: sqlite3.Connection) -> None:
        tx.execute(
            "INSERT INTO effects (event, entity, version) VALUES (?, ?, ?)",
            (event.id, event.entity, event.data.on_hand),
        )
        tx.execute(
            "INSERT INTO totals VALUES (?, 1) ON CONFLICT (entity) DO UPDATE SET handled = handled + 1",
            (event.entity,),
        )

    @receiver.on_stale
    def late(event: webhooks.Event, tx: sqlite3.Connection) -> None:
        tx.execute("INSERT INTO stale VALUES (?)", (event.id,))

    uvicorn.run(receiver.asgi, host="127.0.0.1", port=port, log_level="critical")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""Files and SQL tables are systems too: the acceptance suite on each, as far as there are no requests."""

import csv
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl

from bulkeditor.connectors import CSVFile, ExcelFile, SQLTable
from bulkeditor.testing import ConnectorSuite, Effect, Entry, StandIn

FIELDS = ("sku", "price", "inventory_quantity", "changed_at")
NO_SERVER = dict.fromkeys(
    ("check", "repeated_page", "empty_page", "throttle", "expiry", "timeout", "secrets"),
    "there are no requests; see the tests of files and tables",
)
ABSENT = {
    **NO_SERVER,
    "config": "its JSON holds a path; see the tests of files and tables",
    "partial_batch": "nothing there can be locked row by row",
    "ledger": "bad rows are tested on files themselves",
    "bad_row": "as ledger",
    "server_error": "there is no server",
    "filters_by_cursor": "a file is read as a whole",
}


class TableFake(StandIn):
    """What stands behind a table: rows in our words, kept in a file; effects are what differs afterwards."""

    counts_rows = False

    def __init__(self, *, clock):
        super().__init__(clock=clock)
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "erp")

    def start(self):
        return self

    def stop(self):
        self.folder.cleanup()

    def load(self) -> dict[str, dict[str, object]]:
        raise NotImplementedError

    def save(self, rows: Mapping[str, Mapping[str, object]]) -> None:
        raise NotImplementedError

    def seed(self, records: Iterable[Mapping[str, object]]) -> None:
        self.save({str(record["sku"]): dict(record) for record in records})

    def edit(self, key, values, *, changed_at=None):
        rows = self.load()
        rows[key] = {**rows[key], **values, "changed_at": changed_at or self.clock.now()}
        self.save(rows)

    def remove(self, key):
        rows = self.load()
        del rows[key]
        self.save(rows)

    def holds(self, key):
        return self.load().get(key)

    @contextmanager
    def watching(self):
        before, seen = self.load(), []
        yield seen
        effects = [
            Effect(key=key, field=name, before=before.get(key, {}).get(name), after=value)
            for key, row in self.load().items()
            for name, value in row.items()
            if before.get(key, {}).get(name) != value
        ]
        now = self.clock.now()
        seen.append(Entry(method="", path="", params={}, headers={}, body=b"", at=now, effects=effects))


def number(text: object) -> Decimal | None:
    return None if text in ("", None) else Decimal(str(text))


def time(value: object) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class CSVFake(TableFake):
    def load(self):
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {
            row["sku"].removeprefix("'"): {
                "sku": row["sku"],
                "price": number(row["price"]),
                "inventory_quantity": number(row["inventory_quantity"]),
                "changed_at": time(row["changed_at"]),
            }
            for row in rows
        }

    def save(self, rows):
        with self.path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(
                {**row, "changed_at": time(row["changed_at"]).isoformat()} for row in rows.values()
            )


class ExcelFake(TableFake):
    def __init__(self, *, clock):
        super().__init__(clock=clock)
        self.path = self.path.with_suffix(".xlsx")

    def load(self):
        book = openpyxl.load_workbook(self.path)
        _, *rows = book.active.iter_rows(values_only=True)
        book.close()
        found = [dict(zip(FIELDS, row, strict=True)) for row in rows]
        return {
            row["sku"]: {
                **row,
                "price": number(row["price"]),
                "inventory_quantity": number(row["inventory_quantity"]),
                "changed_at": time(row["changed_at"]),
            }
            for row in found
        }

    def save(self, rows):
        book = openpyxl.Workbook()
        book.active.append(FIELDS)
        for row in rows.values():
            moment = time(row["changed_at"]).isoformat()
            book.active.append([row["sku"], row.get("price"), row.get("inventory_quantity"), moment])
        book.save(self.path)


class SQLFake(TableFake):
    def connect(self):
        connection = sqlite3.connect(self.path)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS items (sku TEXT PRIMARY KEY, price NUMERIC(12, 2), "
            "inventory_quantity INTEGER, changed_at TIMESTAMP)"
        )
        return connection

    def load(self):
        connection = self.connect()
        rows = connection.execute(
            "SELECT sku, CAST(price AS TEXT), inventory_quantity, changed_at FROM items"
        )
        found = {
            row[0]: {
                "sku": row[0],
                "price": number(row[1]),
                "inventory_quantity": number(row[2]),
                "changed_at": time(row[3]),
            }
            for row in rows
        }
        connection.close()
        return found

    def save(self, rows):
        connection = self.connect()
        connection.execute("DELETE FROM items")
        connection.executemany(
            "INSERT INTO items VALUES (?, ?, ?, ?)",
            [
                (
                    row["sku"],
                    None if row.get("price") is None else str(row["price"]),
                    None if row.get("inventory_quantity") is None else int(row["inventory_quantity"]),
                    time(row["changed_at"])
                    .astimezone(UTC)
                    .replace(tzinfo=None)
                    .isoformat(" ", "microseconds"),
                )
                for row in rows.values()
            ],
        )
        connection.commit()
        connection.close()


class TestCSV(ConnectorSuite):
    absent = ABSENT

    @classmethod
    def stand_in(cls, clock):
        return CSVFake(clock=clock)

    def connector(self, fake):
        return CSVFile(fake.path, key="sku", cursor="changed_at")


class TestExcel(ConnectorSuite):
    absent = ABSENT

    @classmethod
    def stand_in(cls, clock):
        return ExcelFake(clock=clock)

    def connector(self, fake):
        return ExcelFile(fake.path, key="sku", cursor="changed_at")


class TestSQL(ConnectorSuite):
    absent = ABSENT

    @classmethod
    def stand_in(cls, clock):
        return SQLFake(clock=clock)

    def connector(self, fake):
        return SQLTable(f"sqlite:///{fake.path}", table="items", key="sku", cursor="changed_at")

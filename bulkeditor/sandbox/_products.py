"""The products of the store: load, find, write."""

# ruff: noqa: S608 -- SQL is put together from constants of this package; values always travel as parameters
from __future__ import annotations

import sqlite3
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._filters import TRUE, Sql
from bulkeditor.sandbox._json import JSON, Doc, decode_doc, encode, encode_sorted, encode_text
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._rows import FIELDS, MONEY, columns, loaded_doc, parse_time, time_text
from bulkeditor.sandbox._store import Store
from bulkeditor.sandbox._validate import money_from_text

_LOAD_CHUNK: Final = 2000
_CACHED_LISTS: Final = 4
_INSERT: Final = f"INSERT INTO products VALUES ({', '.join('?' * 17)})"
_REPLACE: Final = (
    "UPDATE products SET id = ?2, sku = ?3, title = ?4, handle = ?5, vendor = ?6, product_type = ?7, "
    "category = ?8, "
    "status = ?9, tags = ?10, price = ?11, compare_at_price = ?12, cost = ?13, inventory_quantity = ?14, "
    "barcode = ?15, created_at = ?16, updated_at = ?17 WHERE ord = ?1"
)


class Products:
    """The product table and its documents.

    Every product has an ordinal that is never used again; it is the order of listing.
    """

    def __init__(self, store: Store, readings: Readings) -> None:
        self._store = store
        self._readings = readings
        self._lists: OrderedDict[Sql, tuple[int, array[int]]] = OrderedDict()
        self._counted: tuple[int, int, int] = (-1, 0, 0)

    # Loading

    def load(self, rows: Iterable[Mapping[str, Any]], now: int) -> int:
        """Insert a catalog, a chunk at a time; answers how many."""
        text = time_text(now) or ""
        source = enumerate(rows, 1)
        extras: set[str] = set()
        count = 0
        with self._store.transaction():
            while chunk := list(islice(source, _LOAD_CHUNK)):
                docs = [(number, loaded_doc(row, number, text)) for number, row in chunk]
                for _, doc in docs:
                    if len(doc) > len(FIELDS):
                        extras.update(doc)
                self._insert_many(docs, now)
                count += len(docs)
            self._store.execute("INSERT INTO counters VALUES ('product', ?)", (count,))
            self._store.executemany(
                "INSERT INTO extra_fields VALUES (?)", [(name,) for name in sorted(extras.difference(FIELDS))]
            )
            self._store.touched(membership=True)
        return count

    def _insert_many(self, docs: list[tuple[int, Doc]], now: int) -> None:
        try:
            self._store.executemany(
                _INSERT,
                [
                    columns(n, doc, _moment(doc, "created_at", now), _moment(doc, "updated_at", now))
                    for n, doc in docs
                ],
            )
        except sqlite3.Error as error:
            raise InvalidInputError(
                f"The catalog cannot be loaded between rows {docs[0][0]} and {docs[-1][0]}: {error}.",
                hint="Each row needs an id of its own, text fields as text and a whole inventory_quantity.",
            ) from error
        self._store.executemany("INSERT INTO docs VALUES (?, ?)", [(n, encode_text(doc)) for n, doc in docs])

    # Finding

    def count(self) -> int:
        """How many products there are."""
        return self._size()[0]

    def _size(self) -> tuple[int, int]:
        with self._store.lock:
            generation, count, last = self._counted
            if generation != self._store.membership:
                generation = self._store.membership
                count, last = self._store.row("SELECT count(*), coalesce(max(ord), 0) FROM products")
                self._counted = (generation, count, last)
            return count, last

    def ordinals(self, where: Sql) -> array[int]:
        """Ordinals of all products that match, in order; kept until a product changes."""
        with self._store.lock:
            # Which products there are decides alone when nothing is filtered.
            now = self._store.membership if where is TRUE else self._store.generation
            cached = self._lists.get(where)
            if cached is None or cached[0] != now:
                found = self._store.execute(f"SELECT p.ord {select(where)} ORDER BY p.ord", where.parameters)
                cached = (now, array("q", (row[0] for row in found)))
                self._lists[where] = cached
                while len(self._lists) > _CACHED_LISTS:
                    self._lists.popitem(last=False)
            self._lists.move_to_end(where)
            return cached[1]

    def total(self, where: Sql) -> int:
        """How many products match."""
        return self.count() if where is TRUE else len(self.ordinals(where))

    def window(self, where: Sql, start: int, length: int) -> list[str]:
        """Documents of the matching products from a position on."""
        with self._store.lock:
            count, last = self._size()
            if where is TRUE and count == last:
                # Nothing was ever deleted: the position is the ordinal.
                rows = self._store.execute(
                    "SELECT body FROM docs WHERE ord > ? ORDER BY ord LIMIT ?", (min(start, last), length)
                )
                return [row[0] for row in rows]
            return self.documents(self.ordinals(where)[start : start + length])

    def rotated(self, where: Sql, shift: int, start: int, length: int) -> list[str]:
        """As :meth:`window`, with the rows moved round by ``shift``."""
        with self._store.lock:
            ordinals = self.ordinals(where)
            size = len(ordinals)
            return self.documents(
                [ordinals[(shift + i) % size] for i in range(start, min(start + length, size))]
            )

    def documents(self, ordinals: Iterable[int]) -> list[str]:
        """Documents of these ordinals, in the order given."""
        wanted = list(ordinals)
        if not wanted:
            return []
        marks = ", ".join("?" * len(wanted))
        found = dict(self._store.rows(f"SELECT ord, body FROM docs WHERE ord IN ({marks})", wanted))
        return [found[ordinal] for ordinal in wanted if ordinal in found]

    def find(self, ident: str) -> tuple[int, Doc] | None:
        """Ordinal and document of a product."""
        row = self._store.row(
            "SELECT d.ord, d.body FROM products p JOIN docs d ON d.ord = p.ord WHERE p.id = ?", (ident,)
        )
        return None if row is None else (row[0], decode_doc(row[1]))

    def mapped(self, ordinals: Iterable[int]) -> dict[int, Doc]:
        """Documents by ordinal; those that are gone are missing."""
        wanted = list(ordinals)
        if not wanted:
            return {}
        marks = ", ".join("?" * len(wanted))
        rows = self._store.rows(f"SELECT ord, body FROM docs WHERE ord IN ({marks})", wanted)
        return {ordinal: decode_doc(body) for ordinal, body in rows}

    def at(self, ordinal: int) -> tuple[int, Doc]:
        """A product that is known to be there."""
        return ordinal, decode_doc(self._store.value("SELECT body FROM docs WHERE ord = ?", (ordinal,)))

    def ordinals_from(self, start: int, length: int) -> list[int]:
        """Ordinals of the products from a position on."""
        with self._store.lock:
            count, last = self._size()
            if count == last:
                return list(range(min(start, last) + 1, min(start + length, last) + 1))
            return list(self.ordinals(TRUE)[start : start + length])

    def body(self, ident: str) -> str | None:
        """The document of a product as it stands."""
        found: str | None = self._store.value(
            "SELECT d.body FROM products p JOIN docs d ON d.ord = p.ord WHERE p.id = ?", (ident,)
        )
        return found

    def known_fields(self) -> frozenset[str]:
        """Every field name that a product may have."""
        return frozenset(FIELDS).union(row[0] for row in self._store.rows("SELECT name FROM extra_fields"))

    def rows(self) -> Iterator[Doc]:
        """Every document, in order, a chunk at a time."""
        last = 0
        while chunk := self._store.rows(
            "SELECT ord, body FROM docs WHERE ord > ? ORDER BY ord LIMIT ?", (last, _LOAD_CHUNK)
        ):
            for _, body in chunk:
                yield decode_doc(body)
            last = chunk[-1][0]

    # Writing, inside a transaction

    def next_place(self) -> tuple[int, str]:
        """Ordinal and id for a new product; neither ever comes back."""
        while True:
            ordinal = self._store.number("product")
            ident = f"product_id_{ordinal}"
            if self.body(ident) is None:
                return ordinal, ident

    def insert(self, ordinal: int, doc: Doc, now: int) -> None:
        """Add a complete document."""
        self._store.execute(_INSERT, columns(ordinal, doc, now, now))
        self._store.execute("INSERT INTO docs VALUES (?, ?)", (ordinal, encode_text(doc)))
        self._store.touched(membership=True)

    def write(self, ordinal: int, doc: Doc) -> None:
        """Replace a document."""
        now = _moment(doc, "updated_at", 0)
        self._store.execute(_REPLACE, columns(ordinal, doc, _moment(doc, "created_at", 0), now))
        self._store.execute("UPDATE docs SET body = ? WHERE ord = ?", (encode_text(doc), ordinal))
        self._store.touched()

    def remove(self, ordinal: int) -> None:
        """Delete a product and its stock."""
        for table in ("products", "docs", "levels"):
            self._store.execute(f"DELETE FROM {table} WHERE ord = ?", (ordinal,))
        self._store.touched(membership=True)

    def merge(self, doc: Doc, values: Mapping[str, JSON]) -> dict[str, JSON]:
        """What these values change in a document, under the readings for tags and custom fields."""
        changes: dict[str, JSON] = {}
        for name, given in values.items():
            new = self._merged(name, doc.get(name), given)
            if not _same(name, doc.get(name), new):
                changes[name] = new
        return changes

    def holds(self, doc: Doc, name: str, value: JSON) -> bool:
        """Whether a field of a document is exactly this."""
        held = doc.get(name)
        if name not in MONEY:
            return encode_sorted(held) == encode_sorted(value)
        if isinstance(value, str) and self._readings.money == "string":
            value = money_from_text(value)
        return not isinstance(value, bool) and held == value

    def _merged(self, name: str, old: JSON, given: JSON) -> JSON:
        if name == "tags" and self._readings.tags_update == "add":
            assert isinstance(old, list)
            assert isinstance(given, list)
            return [*old, *(tag for tag in given if tag not in old)]
        if name == "custom_fields":
            # null clears them; an empty object merged in changes nothing.
            if given is None:
                return {}
            if self._readings.custom_fields_update == "merge":
                assert isinstance(old, dict)
                assert isinstance(given, dict)
                return {**old, **given}
        return given


def select(where: Sql) -> str:
    """FROM and WHERE of a condition."""
    documents = " JOIN docs d ON d.ord = p.ord" if where.documents else ""
    return f"FROM products p{documents} WHERE {where.text}"


def _moment(doc: Doc, name: str, otherwise: int) -> int:
    value = doc.get(name)
    moment = parse_time(value) if isinstance(value, str) else None
    return otherwise if moment is None else moment


def _same(name: str, old: JSON, new: JSON) -> bool:
    if name in MONEY:
        return old == new
    # Compared as JSON: True is not 1 in a custom field.
    return encode(old) == encode(new)

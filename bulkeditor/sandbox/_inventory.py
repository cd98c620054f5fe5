"""Stock by location, and how it makes up a product's inventory_quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._clock import Clock
from bulkeditor.sandbox._http import Effect, Problem
from bulkeditor.sandbox._json import JSON, Doc
from bulkeditor.sandbox._products import Products
from bulkeditor.sandbox._rows import QUANTITY_LIMIT, time_text
from bulkeditor.sandbox._store import Store
from bulkeditor.sandbox._webhooks import Webhooks

LOCATIONS: Final = (
    {"id": "warehouse_1", "name": "Main Warehouse", "sync_enabled": True},
    {"id": "store_front", "name": "Retail Store", "sync_enabled": True},
)
_LEVEL: Final = "p.id, p.sku, l.id, v.on_hand, v.reserved, v.updated_at, v.ord, l.idx, l.sync_enabled"
_FROM: Final = "FROM levels v JOIN products p ON p.ord = v.ord JOIN locations l ON l.idx = v.idx"


class Inventory:
    """Levels of every product at every location."""

    def __init__(self, store: Store, clock: Clock, products: Products, webhooks: Webhooks) -> None:
        self._store = store
        self._clock = clock
        self._products = products
        self._webhooks = webhooks

    # Setting up

    def set_up(self, locations: Sequence[Mapping[str, object]]) -> None:
        """Create the locations, before any product is loaded.

        Raises:
            InvalidInputError: A location has no id, an id stands twice, or none has ``sync_enabled``.
        """
        rows: list[tuple[int, str, str, int]] = []
        for index, location in enumerate(locations):
            ident = location.get("id")
            if not isinstance(ident, str) or not ident or ident in {row[1] for row in rows}:
                raise InvalidInputError(
                    f"locations[{index}]: the id {ident!r} is missing or stands twice.",
                    hint='Give {"id": …, "name": …, "sync_enabled": …} with an id of its own.',
                )
            synced = location.get("sync_enabled", True)
            rows.append((index, ident, str(location.get("name") or ident), int(bool(synced))))
        if not any(row[3] for row in rows):
            raise InvalidInputError(
                "locations: none has sync_enabled.",
                hint="inventory_quantity is the sum over these, so at least one is needed.",
            )
        with self._store.transaction():
            self._store.executemany("INSERT INTO locations VALUES (?, ?, ?, ?)", rows)

    def stock_up(self, now: int) -> None:
        """Give every product its levels: those in loaded_levels, all else at the default location."""
        default = self.default
        with self._store.transaction():
            self._store.execute(
                # A few pieces are spoken for, so that available differs from on hand: two of every fifth
                # product.
                "INSERT INTO levels SELECT p.ord, l.idx, CASE WHEN l.idx = ?1 THEN p.inventory_quantity ELSE "
                "0 END, "
                "CASE WHEN l.idx = ?1 AND p.ord % 5 = 0 AND p.inventory_quantity >= 10 THEN 2 ELSE 0 END, ?2 "
                "FROM products p CROSS JOIN locations l",
                (default, now),
            )
            self._store.execute(
                "UPDATE levels SET on_hand = k.count FROM loaded_levels k JOIN locations l ON l.id = "
                "k.location "
                "WHERE levels.ord = k.ord AND levels.idx = l.idx"
            )
            # Where the catalog's levels and quantity disagree, the quantity is what was listed: the default
            # location makes up the difference.
            self._store.execute(
                "UPDATE levels SET on_hand = on_hand + d.missing FROM (SELECT p.ord AS ord, "
                "p.inventory_quantity - "
                "sum(v.on_hand * l.sync_enabled) AS missing FROM products p JOIN levels v ON v.ord = p.ord "
                "JOIN locations l ON l.idx = v.idx GROUP BY p.ord HAVING missing <> 0) AS d "
                "WHERE levels.ord = d.ord AND levels.idx = ?",
                (default,),
            )

    def new_product(self, ordinal: int, quantity: int) -> None:
        """Inside a transaction: levels for a new product."""
        self._store.execute(
            "INSERT INTO levels SELECT ?1, idx, CASE WHEN idx = ?2 THEN ?3 ELSE 0 END, 0, ?4 FROM locations",
            (ordinal, self.default, quantity, self._clock.now_us()),
        )

    @property
    def default(self) -> int:
        """The location that takes a difference in inventory_quantity: the first one that counts into it."""
        return int(self._store.value("SELECT min(idx) FROM locations WHERE sync_enabled = 1"))

    # Reading

    def _locations(self) -> list[Any]:
        return self._store.rows("SELECT idx, id, name, sync_enabled FROM locations ORDER BY idx")

    def locations(self) -> list[Doc]:
        """All locations, the default one first."""
        return [
            {"id": ident, "name": name, "sync_enabled": bool(synced)}
            for _, ident, name, synced in self._locations()
        ]

    def levels(self, query: Mapping[str, str], limit: int, start: int) -> tuple[list[Doc], int]:
        """One page of levels, and how many there are."""
        columns = {"product_id": "p.id", "sku": "p.sku", "location_id": "l.id"}
        chosen = {columns[name]: value for name, value in query.items() if name in columns}
        if not chosen:
            return self._all_levels(limit, start)
        where = " AND ".join(f"{column} = ?" for column in chosen)
        rows = self._store.rows(
            f"SELECT {_LEVEL} {_FROM} WHERE {where} ORDER BY v.ord, v.idx LIMIT ? OFFSET ?",
            (*chosen.values(), limit, start),
        )
        total = self._store.value(f"SELECT count(*) {_FROM} WHERE {where}", tuple(chosen.values()))
        return [_level(row) for row in rows], int(total)

    def _all_levels(self, limit: int, start: int) -> tuple[list[Doc], int]:
        # Each product has one level at each location, so a position is found without walking there.
        places = len(self._locations())
        with self._store.lock:
            ordinals = self._products.ordinals_from(start // places, limit // places + 2)
            total = self._products.count() * places
        if not ordinals:
            return [], total
        rows = self._store.rows(
            f"SELECT {_LEVEL} {_FROM} WHERE v.ord BETWEEN ? AND ? ORDER BY v.ord, v.idx LIMIT ? OFFSET ?",
            (ordinals[0], ordinals[-1], limit, start % places),
        )
        return [_level(row) for row in rows], total

    # Writing, inside a transaction

    def move_default(self, ordinal: int, doc: Doc, difference: int) -> None:
        """A written inventory_quantity moves the default location; the document is already changed."""
        self._store.execute(
            "UPDATE levels SET on_hand = on_hand + ?, updated_at = ? WHERE ord = ? AND idx = ?",
            (difference, self._clock.now_us(), ordinal, self.default),
        )
        if self._webhooks.wanted("inventory.updated"):
            self._announce(self._row(ordinal, self.default), doc)

    def write(self, row: Doc, *, relative: bool) -> tuple[Doc, Effect | None]:
        """Carry out one row of a set or an adjustment; answers its result and what it changed."""
        target, problems = self._target(row)
        field = "delta" if relative else "on_hand"
        count = row.get(field)
        if isinstance(count, bool) or not isinstance(count, int):
            problems.append(
                Problem(
                    field, "required" if count is None else "invalid_type", f"{field} must be a whole number"
                )
            )
        elif abs(count) > QUANTITY_LIMIT:
            problems.append(Problem(field, "too_large", f"{field} is beyond ±{QUANTITY_LIMIT:,}"))
        if target is None or problems or not isinstance(count, int):
            return _result(row, target, "failed", problems, None), None
        on_hand = target[3] + count if relative else count
        if abs(on_hand) > QUANTITY_LIMIT:
            problem = Problem(field, "too_large", f"on_hand would be beyond ±{QUANTITY_LIMIT:,}")
            return _result(row, target, "failed", [problem], None), None
        if on_hand == target[3]:
            return _result(row, target, "unchanged", [], _level(target)), None
        changed = self._apply(target, on_hand)
        effect = Effect(
            kind="inventory.updated",
            id=f"{target[0]}@{target[2]}",
            before={"on_hand": target[3]},
            after={"on_hand": on_hand},
        )
        return _result(row, changed, "updated", [], _level(changed)), effect

    def refused(self, row: Doc, problems: Sequence[Problem]) -> Doc:
        """The result of a row that is wrong in itself."""
        return _result(row, None, "failed", problems, None)

    def _apply(self, target: Any, on_hand: int) -> Any:
        now = self._clock.now_us()
        ordinal, index = target[6], target[7]
        self._store.execute(
            "UPDATE levels SET on_hand = ?, updated_at = ? WHERE ord = ? AND idx = ?",
            (on_hand, now, ordinal, index),
        )
        _, doc = self._products.at(ordinal)
        if target[8]:
            quantity = doc["inventory_quantity"]
            assert isinstance(quantity, int)
            doc |= {"inventory_quantity": quantity + on_hand - target[3], "updated_at": time_text(now)}
            self._products.write(ordinal, doc)
        changed = self._row(ordinal, index)
        self._announce(changed, doc)
        return changed

    def _row(self, ordinal: int, index: int) -> Any:
        return self._store.row(f"SELECT {_LEVEL} {_FROM} WHERE v.ord = ? AND v.idx = ?", (ordinal, index))

    def _announce(self, row: Any, doc: Doc) -> None:
        level = _level(row)
        del level["updated_at"]
        self._webhooks.emit("inventory.updated", {**level, "inventory_quantity": doc["inventory_quantity"]})

    def _target(self, row: Doc) -> tuple[Any, list[Problem]]:
        """The level that a row is about."""
        problems: list[Problem] = []
        by = "product_id" if row.get("product_id") is not None else "sku"
        name, location = row.get(by), row.get("location_id")
        if row.get("product_id") is not None and row.get("sku") is not None:
            problems.append(Problem("sku", "invalid_value", "Give product_id or sku, not both"))
        if not isinstance(name, str):
            code = "required" if name is None else "invalid_type"
            problems.append(Problem(by, code, "Give the product's product_id or sku as text"))
        if not isinstance(location, str):
            code = "required" if location is None else "invalid_type"
            problems.append(Problem("location_id", code, "Give the location's id as text"))
        if problems:
            return None, problems
        column = "p.id" if by == "product_id" else "p.sku"
        found = self._store.rows(
            f"SELECT {_LEVEL} {_FROM} WHERE {column} = ? AND l.id = ? LIMIT 2", (name, location)
        )
        if len(found) == 1:
            return found[0], []
        if found:
            return None, [
                Problem("sku", "ambiguous", "Several products have this SKU; name one by product_id")
            ]
        if self._store.row("SELECT 1 FROM locations WHERE id = ?", (location,)) is None:
            return None, [Problem("location_id", "not_found", "There is no location with this id")]
        return None, [Problem(by, "not_found", f"There is no product with this {by}")]


def _level(row: Any) -> Doc:
    return {
        "product_id": row[0],
        "sku": row[1],
        "location_id": row[2],
        "on_hand": row[3],
        "reserved": row[4],
        "available": row[3] - row[4],
        "updated_at": time_text(row[5]),
    }


def _result(row: Doc, target: Any, status: str, problems: Sequence[Problem], level: Doc | None) -> Doc:
    def given(name: str) -> JSON:
        value = row.get(name)
        return value if isinstance(value, str) else None

    return {
        "product_id": target[0] if target is not None else given("product_id"),
        "location_id": given("location_id"),
        "status": status,
        "errors": [problem.to_json() for problem in problems],
        "level": level,
    }

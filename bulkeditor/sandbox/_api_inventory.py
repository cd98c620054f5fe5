"""Operations on inventory and analytics."""

# ruff: noqa: S608 -- SQL is put together from constants of this package; values always travel as parameters
from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from bulkeditor.sandbox._clock import Clock
from bulkeditor.sandbox._http import Answer, Call, Problem, Route, invalid_parameter, ok, validation_failed
from bulkeditor.sandbox._inventory import Inventory
from bulkeditor.sandbox._json import JSON, Doc
from bulkeditor.sandbox._paging import listing, page_of
from bulkeditor.sandbox._products import Products
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._store import Store
from bulkeditor.sandbox.catalog import product_analytics

MAX_ROWS: Final = 250
MAX_DAYS: Final = 366
_DEFAULT_DAYS: Final = 30
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PAGES: Final = frozenset({"limit", "page"})


class InventoryRoutes:
    """Handlers for locations, levels and adjustments."""

    def __init__(self, readings: Readings, inventory: Inventory) -> None:
        self._readings = readings
        self._inventory = inventory

    def routes(self) -> list[Route]:
        """What this module answers."""
        levels = "/api/v1/inventory/levels"
        return [
            Route(
                name="inventory.locations",
                method="GET",
                path="/api/v1/locations",
                scope="read:inventory",
                handler=self.locations,
                query=_PAGES,
            ),
            Route(
                name="inventory.levels",
                method="GET",
                path=levels,
                scope="read:inventory",
                handler=self.levels,
                query=_PAGES | {"product_id", "sku", "location_id"},
            ),
            Route(
                name="inventory.set",
                method="PUT",
                path=levels,
                scope="write:inventory",
                handler=self.set_levels,
            ),
            Route(
                name="inventory.adjust",
                method="POST",
                path="/api/v1/inventory/adjustments",
                scope="write:inventory",
                handler=self.adjust,
                relative=True,
            ),
        ]

    def locations(self, call: Call) -> Answer:
        """Locations, the default one first."""
        page = page_of(call, self._readings)
        rows: list[JSON] = list(self._inventory.locations())
        return listing("locations", rows[page.start : page.start + page.limit], page, len(rows))

    def levels(self, call: Call) -> Answer:
        """One level for each product and location."""
        page = page_of(call, self._readings)
        rows, total = self._inventory.levels(call.query, page.limit, page.start)
        return listing("levels", rows, page, total)

    def set_levels(self, call: Call) -> Answer:
        """Absolute counts."""
        return self._write(call, "levels", ("product_id", "sku", "location_id", "on_hand"), relative=False)

    def adjust(self, call: Call) -> Answer:
        """Relative changes."""
        names = ("product_id", "sku", "location_id", "delta", "reason")
        return self._write(call, "adjustments", names, relative=True)

    def _write(self, call: Call, key: str, names: Sequence[str], *, relative: bool) -> Answer:
        rows = call.object((key,)).get(key)
        if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
            raise validation_failed(
                [Problem(key, "required", f"{key} must be a list of 1 to {MAX_ROWS} rows")]
            )
        checked = [row for row in rows if isinstance(row, dict)]
        if len(checked) < len(rows):
            raise validation_failed([Problem(key, "invalid_type", "Each row must be an object")])
        if call.fault is not None and call.fault.partial_batch is not None:
            checked = checked[: call.fault.partial_batch]
        results: list[Doc] = []
        for row in checked:
            result, effect = self._row(row, names, relative=relative)
            results.append(result)
            if effect is not None:
                call.effects.append(effect)
        return ok({"results": results})

    def _row(self, row: Doc, names: Sequence[str], *, relative: bool) -> Any:
        problems = [
            Problem(name[:100], "unknown_field", "This field is not known here")
            for name in row
            if name not in names
        ]
        reason = row.get("reason")
        if reason is not None and (not isinstance(reason, str) or len(reason) > 255):  # noqa: PLR2004
            problems.append(
                Problem("reason", "invalid_value", "reason must be text of at most 255 characters")
            )
        if problems:
            return self._inventory.refused(row, problems), None
        return self._inventory.write(row, relative=relative)


class AnalyticsRoutes:
    """Handlers for analytics: figures made up from the seed, the same for the same day."""

    def __init__(self, store: Store, clock: Clock, readings: Readings, products: Products) -> None:
        self._store = store
        self._clock = clock
        self._readings = readings
        self._products = products

    def routes(self) -> list[Route]:
        """What this module answers."""
        return [
            Route(
                name="analytics.products",
                method="GET",
                path="/api/v1/analytics/products",
                scope="read:analytics",
                handler=self.products,
                query=_PAGES | {"from", "to", "product_id"},
            ),
        ]

    def products(self, call: Call) -> Answer:
        """Sums over the days, for a page of products."""
        page = page_of(call, self._readings)
        first, last = self._days(call)
        product = call.query.get("product_id")
        if product is not None:
            found = self._store.rows("SELECT id, sku FROM products WHERE id = ?", (product,))
            total, rows = len(found), found[page.start : page.start + page.limit]
        else:
            with self._store.lock:
                total = self._products.count()
                ordinals = self._products.ordinals_from(page.start, page.limit)
                marks = ", ".join("?" * len(ordinals))
                rows = self._store.rows(
                    f"SELECT id, sku FROM products WHERE ord IN ({marks}) ORDER BY ord", ordinals
                )
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        figures: list[JSON] = [self._figures(ident, sku, days) for ident, sku in rows]
        more: Doc = {"from": first.isoformat(), "to": last.isoformat()}
        return listing("analytics", figures, page, total, **more)

    def _figures(self, ident: str, sku: str | None, days: Sequence[date]) -> Doc:
        sums = {"sessions": 0, "pageviews": 0, "conversions": 0}
        for day in days:
            for name, value in product_analytics(sku or ident, day, seed=self._store.seed).items():
                sums[name] += value
        return {"product_id": ident, "sku": sku, **sums}

    def _days(self, call: Call) -> tuple[date, date]:
        today = self._clock.now().date()
        last = _day(call, "to", today)
        first = _day(call, "from", last - timedelta(days=min(_DEFAULT_DAYS - 1, last.toordinal() - 1)))
        if first > last:
            raise invalid_parameter("from", "from must not be after to.")
        if (last - first).days >= MAX_DAYS:
            raise invalid_parameter("from", f"At most {MAX_DAYS} days can be asked for at once.")
        return first, last


def _day(call: Call, name: str, default: date) -> date:
    text = call.query.get(name)
    if text is None:
        return default
    wrong = invalid_parameter(name, f"{name} must be a date such as 2024-06-01.")
    if _DATE.fullmatch(text) is None:
        raise wrong
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise wrong from None

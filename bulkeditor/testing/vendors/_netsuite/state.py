"""What the stand-in for NetSuite knows, and what clerks do to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final, cast

from bulkeditor.http import Clock
from bulkeditor.testing._standin import StandIn
from bulkeditor.testing.vendors._netsuite.books import (
    BASE,
    FIELDS,
    MAIN,
    OURS,
    VENDORS,
    Books,
    Item,
    RefusedError,
    Stock,
    Transaction,
)
from bulkeditor.testing.vendors._netsuite.suiteql import Database
from bulkeditor.testing.vendors._netsuite.tables import tables

_AMOUNTS: Final = ("price", "cost", "inventory_quantity")


class NetSuiteState(StandIn):
    """Books, and what happens to them besides requests.

    Args:
        clock: Its time.
        zone: The account's time zone.
    """

    def __init__(self, *, clock: Clock | None = None, zone: tzinfo = UTC) -> None:
        super().__init__(clock=clock)
        self.zone = zone
        self.hidden: set[tuple[str, str]] = set()
        """Table and column that the role cannot see; SuiteQL leaves them out and says nothing."""
        self.books = Books()
        self._database: Database | None = None

    def seed(self, records: Iterable[Mapping[str, object]]) -> None:
        """Take in records in our words."""
        for record in records:
            item = self.books.add(str(record["sku"]), self._now())
            self._put(item, record)
        self._changed()

    def edit(self, key: str, values: Mapping[str, object], *, changed_at: datetime | None = None) -> None:
        """Change an item as a clerk would."""
        item = self.books.named(key) or self.books.add(key, self._now())
        self._put(item, values)
        item.modified = self._wall(changed_at or self.clock.now())
        self._changed()

    def remove(self, key: str) -> None:
        """Delete an item as a clerk would."""
        item = self._item(key)
        del self.books.items[item.id]
        self._changed()

    def holds(self, key: str) -> Mapping[str, object] | None:
        """An item in our words."""
        item = self.books.named(key)
        if item is None:
            return None
        return {
            "sku": item.itemid,
            "title": item.title,
            "barcode": item.barcode,
            "cost": item.cost,
            "price": item.prices.get(BASE),
            "inventory_quantity": item.on_hand,
            "vendor": VENDORS.get(item.vendor or ""),
            "changed_at": item.modified.replace(tzinfo=self.zone),
            **item.custom,
        }

    def stock(self, key: str) -> Mapping[str, Decimal | None]:
        """Pieces on hand by place."""
        return {place: stock.on_hand for place, stock in self._item(key).stock.items()}

    @property
    def orders(self) -> list[Transaction]:
        """Purchase orders, in the order in which they came."""
        return [one for one in self.books.transactions.values() if one.kind == "purchaseOrder"]

    def upgrade(self) -> None:
        """The next release: nobody sees costs any more."""
        self.hidden.add(("item", "cost"))

    def stop(self) -> None:
        """Close everything."""
        super().stop()
        self._changed()

    # What requests do as well

    def _tables(self) -> Database:
        if self._database is None:
            self._database = Database(tables(self.books, self.hidden))
        return self._database

    def _changed(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None

    def _put(self, item: Item, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            if name == "changed_at":
                item.modified = self._wall(cast("datetime", value))
            elif name == "parent":
                item.parent = self._item(str(value)).id
            elif name.startswith("custitem"):
                self.books.custom_fields.add(name)
                item.custom[name] = value
            else:
                _put(item, name, value)

    def _item(self, key: str) -> Item:
        item = self.books.named(key)
        assert item is not None, f"there is no {key}"
        return item

    def _observe(self, key: str) -> None:
        if key in self.refused:
            raise RefusedError("USER_ERROR", self.refused[key])

    def _now(self) -> datetime:
        return self._wall(self.clock.now())

    def _wall(self, moment: datetime) -> datetime:
        """A moment as the account's clock shows it, to the second, as a DATE column keeps it."""
        return moment.astimezone(self.zone).replace(tzinfo=None, microsecond=0)


def _put(item: Item, name: str, value: object) -> None:
    """Put a value in our words into an item."""
    amount = Decimal(str(value)) if isinstance(value, int | str | Decimal) and name in _AMOUNTS else None
    attributes = {ours: FIELDS[theirs][0] for theirs, ours in OURS.items()}
    if name == "price":
        item.prices.pop(BASE, None)
        if amount is not None:
            item.prices[BASE] = amount
    elif name == "inventory_quantity":
        item.stock.setdefault(MAIN, Stock()).on_hand = amount
    elif name == "inventory_levels":
        levels = cast("Mapping[str, object]", value)
        item.stock = {place: Stock(on_hand=Decimal(str(held))) for place, held in levels.items()}
    elif name == "cost":
        item.cost = amount
    elif name == "vendor":
        item.vendor = next(ref for ref, known in VENDORS.items() if known == value)
    elif name in ("inactive", "external_id"):
        setattr(item, name, value)
    elif name in attributes:
        setattr(item, attributes[name], value)
    else:
        raise ValueError(f"NetSuite has no place for {name!r}")


__all__ = ["NetSuiteState"]

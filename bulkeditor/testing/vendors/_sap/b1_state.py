"""What the stand-in for Business One knows, and what happens in it besides requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast

from bulkeditor.http import Clock
from bulkeditor.testing.vendors._sap.b1_model import SETS
from bulkeditor.testing.vendors._sap.odata import Row
from bulkeditor.testing.vendors._sap.service import ODataStandIn

_NOTHING: Final[Mapping[str, object]] = {"Double": Decimal(0)}
_OURS: Final[Mapping[str, str]] = {
    "title": "ItemName",
    "vendor": "Mainsupplier",
    "barcode": "BarCode",
    "weight": "SalesUnitWeight",
    "cost": "AvgStdPrice",
}
OURS: Final[Mapping[str, str]] = {theirs: ours for ours, theirs in _OURS.items()}
"""A property of an item to its name in our words."""


class B1State(ODataStandIn):
    """Tables, and what clerks do to them.

    Args:
        clock: Its time.
    """

    warehouse, currency = "01", "EUR"
    suppliers: frozenset[str] = frozenset({"V10000", "V20000"})

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(SETS, clock=clock)
        self._insert("Warehouses", WarehouseCode="01", WarehouseName="General Warehouse")
        self._insert("Warehouses", WarehouseCode="02", WarehouseName="West Coast Warehouse")
        for number, name, base, factor in ((1, "Base Price", 1, "1"), (2, "Wholesale", 1, "0.8")):
            self._insert(
                "PriceLists",
                PriceListNo=number,
                PriceListName=name,
                BasePriceList=base,
                Factor=Decimal(factor),
                Active="tYES",
            )
        self._insert("ItemGroups", Number=100, GroupName="Items")

    def declare(self, name: str, kind: str = "db_Alpha") -> None:
        """Add a user field to items.

        Args:
            name: Its name, ``U_…``.
            kind: ``db_Alpha`` (text), ``db_Numeric`` or ``db_Float``.
        """
        number = len(self._tables["UserFieldsMD"])
        name = name.removeprefix("U_")
        self._insert("UserFieldsMD", TableName="OITM", FieldID=number, Name=name, Type=kind, Description=name)
        for row in self.rows("Items"):
            row.setdefault(f"U_{name}", None)

    def seed(self, records: Iterable[Mapping[str, object]]) -> None:
        """Take in records in our words."""
        for record in records:
            key = str(record["sku"])
            self._insert(
                "Items",
                ItemCode=key,
                ItemsGroupCode=100,
                InventoryItem="tYES",
                Valid="tYES",
                Frozen="tNO",
                ManageStockByWarehouse="tNO",
                ItemPrices=[self._no_price(row) for row in self.rows("PriceLists")],
                ItemWarehouseInfoCollection=[self._no_stock(row) for row in self.rows("Warehouses")],
                **dict.fromkeys(self.user_fields()),
            )
            values = {name: value for name, value in record.items() if name not in ("sku", "changed_at")}
            self.edit(key, values, changed_at=cast("datetime | None", record.get("changed_at")))

    def edit(self, key: str, values: Mapping[str, object], *, changed_at: datetime | None = None) -> None:
        """Change an item as a clerk would."""
        item = self._tables["Items"][(key,)]
        for name, value in values.items():
            if name == "price":
                self._reprice(item, [{"PriceList": 1, "Price": value, "Currency": self.currency}])
            elif name == "inventory_quantity":
                self._restock(item, self.warehouse, Decimal(str(value or 0)))
            elif name == "category":
                item["ItemsGroupCode"] = self._group(str(value))
            else:
                item[_OURS.get(name, name)] = value
                if name == "cost":
                    item["MovingAveragePrice"] = value
        self._touch(item, changed_at or self.clock.now())

    def remove(self, key: str) -> None:
        """Delete an item as a clerk would."""
        del self._tables["Items"][(key,)]

    def holds(self, key: str) -> Mapping[str, object] | None:
        """An item in our words."""
        item = self._tables["Items"].get((key,))
        if item is None:
            return None
        group = self._tables["ItemGroups"][(item["ItemsGroupCode"],)]
        return {
            "sku": key,
            **{ours: item[theirs] for ours, theirs in _OURS.items()},
            **{name: item[name] for name in self.user_fields()},
            "category": group["GroupName"],
            "price": self.prices(key)[1],
            "inventory_quantity": sum(self.stock(key).values()),
            "changed_at": _changed_at(item),
        }

    def prices(self, key: str) -> Mapping[int, Decimal | None]:
        """Price list to price."""
        lines = cast("list[Row]", self._tables["Items"][(key,)]["ItemPrices"])
        return {cast("int", line["PriceList"]): cast("Decimal | None", line["Price"]) for line in lines}

    def stock(self, key: str) -> Mapping[str, Decimal]:
        """Warehouse to what lies there."""
        lines = cast("list[Row]", self._tables["Items"][(key,)]["ItemWarehouseInfoCollection"])
        return {str(line["WarehouseCode"]): cast("Decimal", line["InStock"]) for line in lines}

    @property
    def orders(self) -> list[Row]:
        """Purchase orders, in the order in which they came."""
        return self.rows("PurchaseOrders")

    def user_fields(self) -> Mapping[str, str]:
        """User field of items to its type."""
        return {f"U_{row['Name']}": str(row["Type"]) for row in self.rows("UserFieldsMD")}

    # What requests do as well

    def _insert(self, name: str, **values: object) -> Row:
        entities = SETS[name]
        row: Row = {**{prop: _NOTHING.get(one.type) for prop, one in entities.props.items()}, **values}
        self._tables[name][tuple(row[key] for key in entities.keys)] = row
        return row

    @staticmethod
    def _no_price(row: Row) -> Row:
        line: Row = {"PriceList": row["PriceListNo"], "Price": None, "Currency": None}
        return {**line, "BasePriceList": row["BasePriceList"], "Factor": row["Factor"]}

    @staticmethod
    def _no_stock(row: Row) -> Row:
        numbers = ("MinimalStock", "MaximalStock", "InStock", "Committed", "Ordered", "StandardAveragePrice")
        return {"WarehouseCode": row["WarehouseCode"], "Locked": "tNO", **dict.fromkeys(numbers, Decimal(0))}

    @staticmethod
    def _touch(item: Row, time: datetime) -> None:
        time = time.astimezone(UTC)
        item["UpdateDate"] = time.replace(hour=0, minute=0, second=0, microsecond=0)
        item["UpdateTime"] = f"{time:%H:%M:%S}"

    def _group(self, name: str) -> object:
        for row in self.rows("ItemGroups"):
            if row["GroupName"] == name:
                return row["Number"]
        return self._insert("ItemGroups", Number=100 + len(self.rows("ItemGroups")), GroupName=name)["Number"]

    @staticmethod
    def _reprice(item: Row, changes: Iterable[Mapping[str, object]]) -> None:
        """Change prices; a list that rests on another one is calculated from it."""
        lines = {line["PriceList"]: line for line in cast("list[Row]", item["ItemPrices"])}
        for change in changes:
            lines[change["PriceList"]].update(change)
        for line in lines.values():
            base = lines.get(line["BasePriceList"])
            if base is not None and base is not line:
                price = cast("Decimal | None", base["Price"])
                line["Price"] = (
                    None if price is None else Decimal(str(price)) * cast("Decimal", line["Factor"])
                )
                line["Currency"] = base["Currency"]

    @staticmethod
    def _restock(item: Row, warehouse: str, quantity: Decimal) -> None:
        lines = cast("list[Row]", item["ItemWarehouseInfoCollection"])
        line = next(line for line in lines if line["WarehouseCode"] == warehouse)
        line["InStock"] = quantity
        item["QuantityOnStock"] = sum((cast("Decimal", line["InStock"]) for line in lines), Decimal(0))


def _changed_at(item: Row) -> datetime:
    day, time = cast("datetime", item["UpdateDate"]), str(item["UpdateTime"])
    return datetime.fromisoformat(f"{day:%Y-%m-%d}T{time}Z")


__all__ = ["OURS", "B1State"]

"""What the stand-in for S/4HANA knows, and what happens in it besides requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast

from bulkeditor.http import Clock
from bulkeditor.testing.vendors._sap.odata import EntitySet, Row
from bulkeditor.testing.vendors._sap.s4_model import SERVICES
from bulkeditor.testing.vendors._sap.s4_wire import empty_row
from bulkeditor.testing.vendors._sap.service import ODataStandIn

ENTITIES: Final[Mapping[str, EntitySet]] = {
    name: entities for sets in SERVICES.values() for name, entities in sets.items()
}
"""All entity sets by name."""

_FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
_LONGEST: Final = 40

# Ours to a property of A_Product.
_MASTER: Final[Mapping[str, str]] = {
    "vendor": "ManufacturerNumber",
    "category": "ProductGroup",
    "barcode": "ProductStandardID",
    "weight": "GrossWeight",
}
OURS: Final[Mapping[str, str]] = {
    **{theirs: ours for ours, theirs in _MASTER.items()},
    "ProductDescription": "title",
    "StandardPrice": "cost",
    "MovingAveragePrice": "cost",
    "ConditionRateValue": "price",
}
"""A property to its name in our words."""


class S4State(ODataStandIn):
    """Tables, and what clerks do to them.

    Args:
        clock: Its time.
        page: Rows of a page that the server ends by itself.
    """

    plant, storage, sales_organization, channel = "1010", "101A", "1010", "10"
    currency, price_type = "EUR", "PPR0"

    def __init__(self, *, clock: Clock | None = None, page: int = 100) -> None:
        super().__init__(ENTITIES, clock=clock)
        self.page = page
        self.custom_fields: set[str] = set()
        self.storages = {self.storage}

    def seed(self, records: Iterable[Mapping[str, object]]) -> None:
        """Take in records in our words.

        Raises:
            ValueError: A product number is not upper case, or has more than 40 characters.
        """
        for record in records:
            key = str(record["sku"])
            if not 0 < len(key) <= _LONGEST or key != key.upper():
                raise ValueError(f"{key!r} is no product number: 1 to 40 characters, upper case")
            time = cast("datetime", record.get("changed_at") or self.clock.now())
            self._insert("A_Product", Product=key, BaseUnit="PC", WeightUnit="KG", ProductType="HAWA")
            self._insert("A_MaterialStock", Material=key, MaterialBaseUnit="PC")
            values = {name: value for name, value in record.items() if name not in ("sku", "changed_at")}
            self.edit(key, values, changed_at=time)

    def edit(self, key: str, values: Mapping[str, object], *, changed_at: datetime | None = None) -> None:
        """Change a product as a clerk would; a moment that is given counts as a change of the master data."""
        time = changed_at or self.clock.now()
        product = self._tables["A_Product"][(key,)]
        master = False
        for name, value in values.items():
            if name == "price":
                self._set_price(key, value, time)
            elif name == "cost":
                self._set_cost(key, value, time)
            elif name == "inventory_quantity":
                self.set_stock(key, Decimal(str(value or 0)))
            elif name == "title":
                self._insert("A_ProductDescription", Product=key, Language="EN", ProductDescription=value)
                master = True
            else:
                product[_MASTER.get(name, name)] = value
                master = True
        if master or changed_at:
            self._touch(product, time)

    def remove(self, key: str) -> None:
        """Mark a product for deletion, as a clerk would; S/4HANA deletes no product."""
        product = self._tables["A_Product"][(key,)]
        product["IsMarkedForDeletion"] = True
        self._touch(product, self.clock.now())

    def archive(self, key: str) -> None:
        """Archive a product: now it is gone."""
        del self._tables["A_Product"][(key,)]

    def holds(self, key: str) -> Mapping[str, object] | None:
        """A product in our words; None when there is none, or it is marked for deletion."""
        row = self._tables["A_Product"].get((key,))
        if row is None or row["IsMarkedForDeletion"]:
            return None
        cost = self._tables["A_ProductValuation"].get((key, self.plant, ""))
        price = self.price_record(key)
        text = self._tables["A_ProductDescription"].get((key, "EN"))
        return {
            "sku": key,
            **{ours: row[theirs] for ours, theirs in _MASTER.items()},
            **{name: row[name] for name in sorted(self.custom_fields)},
            "title": text and text["ProductDescription"],
            "price": price and price["ConditionRateValue"],
            "cost": cost and cost["StandardPrice"],
            "inventory_quantity": self.unrestricted(key),
            "changed_at": row["LastChangeDateTime"],
        }

    def price_record(self, key: str) -> Row | None:
        """The condition record that holds a product's price today."""
        today = self.clock.now()
        for row in self.rows("A_SlsPrcgCndnRecdValidity"):
            start, end = row["ConditionValidityStartDate"], row["ConditionValidityEndDate"]
            if row["Material"] == key and row["ConditionType"] == self.price_type:
                assert isinstance(start, datetime)
                assert isinstance(end, datetime)
                if start <= today <= end:
                    return self._tables["A_SlsPrcgConditionRecord"][(row["ConditionRecord"],)]
        return None

    def set_stock(
        self, key: str, quantity: Decimal, *, storage: str | None = None, kind: str = "01", special: str = ""
    ) -> None:
        """Set a stock.

        Args:
            key: Which product.
            quantity: How much, in its base unit.
            storage: The storage location; by default the stand-in's own.
            kind: Stock type: ``01`` is unrestricted, ``02`` in quality inspection, ``07`` blocked.
            special: Special stock type: ``""`` is the own stock, ``K`` a supplier's.
        """
        row = self._place(key, self.plant, storage or self.storage, kind=kind, special=special)
        row["MatlWrhsStkQtyInMatlBaseUnit"] = quantity

    def unrestricted(self, key: str) -> Decimal:
        """A product's own stock that anybody may take, at all places."""
        return sum(
            (
                cast("Decimal", row["MatlWrhsStkQtyInMatlBaseUnit"])
                for row in self.rows("A_MatlStkInAcctMod")
                if (row["Material"], row["InventoryStockType"], row["InventorySpecialStockType"])
                == (key, "01", "")
            ),
            Decimal(0),
        )

    def _place(self, key: str, plant: str, storage: str, *, kind: str = "01", special: str = "") -> Row:
        for row in self.rows("A_MatlStkInAcctMod"):
            place = row["Plant"], row["StorageLocation"], row["InventoryStockType"]
            if (row["Material"], *place, row["InventorySpecialStockType"]) == (
                key,
                plant,
                storage,
                kind,
                special,
            ):
                return row
        self.storages.add(storage)
        return self._insert(
            "A_MatlStkInAcctMod",
            Material=key,
            Plant=plant,
            StorageLocation=storage,
            InventoryStockType=kind,
            InventorySpecialStockType=special,
            MaterialBaseUnit="PC",
        )

    def upgrade(self) -> None:
        """Its next release: a new type of the gross weight, and no country any more."""
        for row in self.rows("A_Product"):
            row["GrossWeight"] = f"{row['GrossWeight']} KG"
            row["CountryOfOrigin"] = None

    def _insert(self, name: str, **values: object) -> Row:
        entities = ENTITIES[name]
        row = {**empty_row(entities), **dict.fromkeys(self._custom(name), ""), **values}
        self._tables[name][tuple(row[key] for key in entities.keys)] = row
        return row

    def _custom(self, name: str) -> Iterable[str]:
        return sorted(self.custom_fields) if name == "A_Product" else ()

    @staticmethod
    def _touch(product: Row, time: datetime) -> None:
        time = time.astimezone(UTC)
        # The wire knows milliseconds; nothing finer may decide what a filter finds.
        product["LastChangeDateTime"] = time.replace(microsecond=time.microsecond // 1000 * 1000)
        product["LastChangeDate"] = time.replace(hour=0, minute=0, second=0, microsecond=0)

    def _set_price(self, key: str, value: object, time: datetime) -> None:
        record = self.price_record(key)
        if value is None:
            if record is not None:
                self._drop(record)
            return
        if record is None:
            start = datetime(2000, 1, 1, tzinfo=UTC)
            record = self._new_record(
                {"ConditionType": self.price_type, "ConditionRateValueUnit": self.currency},
                [{"Material": key, "ConditionValidityStartDate": start}],
            )
        record["ConditionRateValue"] = Decimal(str(value))
        self._stamp(record, time)

    def _set_cost(self, key: str, value: object, time: datetime) -> None:
        if value is None:
            self._tables["A_ProductValuation"].pop((key, self.plant, ""), None)
            return
        self._insert(
            "A_ProductValuation",
            Product=key,
            ValuationArea=self.plant,
            StandardPrice=Decimal(str(value)),
            PriceUnitQty=Decimal(1),
            InventoryValuationProcedure="S",
            Currency=self.currency,
            BaseUnit="PC",
            PriceLastChangeDate=time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0),
        )

    def _stamp(self, record: Row, time: datetime) -> None:
        time = time.astimezone(UTC)
        record["LastChangeDateTime"] = time.replace(microsecond=time.microsecond // 1000 * 1000)
        record["ETag"] = f"SADL-{time:%Y%m%d%H%M%S}C~{next(self._numbers):06}"

    def _new_record(self, values: Row, validities: Sequence[Row]) -> Row:
        number = f"{next(self._numbers):010}"
        first = {
            "ConditionValidityStartDate": self.clock.now(),
            "ConditionValidityEndDate": _FOREVER,
            **validities[0],
        }
        record = self._insert(
            "A_SlsPrcgConditionRecord",
            **{
                "ConditionQuantity": Decimal(1),
                "ConditionQuantityUnit": "PC",
                "ConditionApplication": "V",
                **values,
                "ConditionRecord": number,
                "ConditionValidityStartDate": first["ConditionValidityStartDate"],
                "ConditionValidityEndDate": first["ConditionValidityEndDate"],
            },
        )
        for validity in validities:
            row: Row = {
                "SalesOrganization": self.sales_organization,
                "DistributionChannel": self.channel,
                **first,
                **validity,
                "ConditionRecord": number,
                "ConditionType": record["ConditionType"],
                "ConditionApplication": "V",
            }
            self._insert("A_SlsPrcgCndnRecdValidity", **row)
        self._stamp(record, self.clock.now())
        return record

    def _drop(self, record: Row) -> None:
        del self._tables["A_SlsPrcgConditionRecord"][(record["ConditionRecord"],)]
        validities = self._tables["A_SlsPrcgCndnRecdValidity"]
        for key in [key for key in validities if key[0] == record["ConditionRecord"]]:
            del validities[key]


__all__ = ["ENTITIES", "OURS", "S4State"]

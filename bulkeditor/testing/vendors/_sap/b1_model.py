"""The entity sets of the Service Layer that the stand-in has; names and types as in its ``$metadata``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bulkeditor.testing.vendors._sap.odata import EntitySet, Prop

_TEXT: Final = Prop("String")
_WHOLE: Final = Prop("Int32")
_NUMBER: Final = Prop("Double")
_DAY: Final = Prop("DateTime")
_FLAG: Final = Prop("Enum")


def fixed(prop: Prop) -> Prop:
    """The same property, set by the system alone."""
    return Prop(prop.type, prop.size, prop.scale, read_only=True)


_ITEMS: Final = EntitySet(
    name="Items",
    type="SAPB1.Item",
    keys=("ItemCode",),
    props={
        "ItemCode": _TEXT,
        "ItemName": _TEXT,
        "ForeignName": _TEXT,
        "ItemsGroupCode": _WHOLE,
        "BarCode": _TEXT,
        "InventoryItem": _FLAG,
        "Mainsupplier": _TEXT,
        "SupplierCatalogNo": _TEXT,
        "User_Text": _TEXT,
        "Manufacturer": _WHOLE,
        "QuantityOnStock": fixed(_NUMBER),
        "QuantityOrderedFromVendors": fixed(_NUMBER),
        "QuantityOrderedByCustomers": fixed(_NUMBER),
        "Valid": _FLAG,
        "Frozen": _FLAG,
        "SalesUnitWeight": _NUMBER,
        "MovingAveragePrice": fixed(_NUMBER),
        "AvgStdPrice": _NUMBER,
        "ProdStdCost": _NUMBER,
        "DefaultWarehouse": _TEXT,
        "ManageStockByWarehouse": _FLAG,
        "SWW": _TEXT,
        "UpdateDate": fixed(_DAY),
        "UpdateTime": fixed(Prop("Time")),
        "CreateDate": fixed(_DAY),
    },
    verbs=frozenset({"PATCH", "DELETE"}),
)

ITEM_COLLECTIONS: Final[Mapping[str, tuple[str, Mapping[str, Prop]]]] = {
    "ItemPrices": (
        "PriceList",
        {
            "PriceList": _WHOLE,
            "Price": _NUMBER,
            "Currency": _TEXT,
            "BasePriceList": _WHOLE,
            "Factor": _NUMBER,
        },
    ),
    "ItemWarehouseInfoCollection": (
        "WarehouseCode",
        {
            "WarehouseCode": _TEXT,
            "MinimalStock": _NUMBER,
            "MaximalStock": _NUMBER,
            "Locked": _FLAG,
            "InStock": fixed(_NUMBER),
            "Committed": fixed(_NUMBER),
            "Ordered": fixed(_NUMBER),
            "StandardAveragePrice": fixed(_NUMBER),
        },
    ),
}
"""Collections of an item, each with the property that tells its lines apart, and the properties of a line."""

_DOCUMENT: Final[Mapping[str, Prop]] = {
    "DocEntry": fixed(_WHOLE),
    "DocNum": _WHOLE,
    "DocDate": _DAY,
    "DocDueDate": _DAY,
    "TaxDate": _DAY,
    "CardCode": _TEXT,
    "CardName": _TEXT,
    "NumAtCard": _TEXT,
    "DocCurrency": _TEXT,
    "DocTotal": _NUMBER,
    "Reference1": _TEXT,
    "Reference2": _TEXT,
    "Comments": _TEXT,
    "JournalMemo": _TEXT,
    "DocumentStatus": fixed(_FLAG),
}


def _documents(name: str) -> EntitySet:
    return EntitySet(
        name=name,
        type="SAPB1.Document",
        keys=("DocEntry",),
        props=_DOCUMENT,
        verbs=frozenset({"POST"}),
    )


LINES: Final[Mapping[str, tuple[str, Mapping[str, Prop]]]] = {
    "DocumentLines": (
        "LineNum",
        {
            "LineNum": _WHOLE,
            "ItemCode": _TEXT,
            "ItemDescription": _TEXT,
            "Quantity": _NUMBER,
            "ShipDate": _DAY,
            "Price": _NUMBER,
            "UnitPrice": _NUMBER,
            "Currency": _TEXT,
            "WarehouseCode": _TEXT,
            "SupplierCatNum": _TEXT,
            "FreeText": _TEXT,
            "LineTotal": _NUMBER,
            "LineStatus": fixed(_FLAG),
        },
    ),
    "InventoryPostingLines": (
        "LineNumber",
        {
            "LineNumber": _WHOLE,
            "ItemCode": _TEXT,
            "WarehouseCode": _TEXT,
            "CountedQuantity": _NUMBER,
            "InWarehouseQuantity": fixed(_NUMBER),
            "Variance": fixed(_NUMBER),
            "Price": _NUMBER,
            "Remarks": _TEXT,
            "CountDate": _DAY,
            "UoMCode": _TEXT,
        },
    ),
}
"""Lines of documents, as :data:`ITEM_COLLECTIONS`."""

SETS: Final[Mapping[str, EntitySet]] = {
    entities.name: entities
    for entities in (
        _ITEMS,
        _documents("PurchaseOrders"),
        _documents("InventoryGenEntries"),
        _documents("InventoryGenExits"),
        EntitySet(
            name="InventoryPostings",
            type="SAPB1.InventoryPosting",
            keys=("DocumentEntry",),
            props={
                "DocumentEntry": fixed(_WHOLE),
                "DocumentNumber": fixed(_WHOLE),
                "PostingDate": _DAY,
                "CountDate": _DAY,
                "Remarks": _TEXT,
                "Reference2": _TEXT,
                "JournalRemark": _TEXT,
            },
            verbs=frozenset({"POST"}),
        ),
        EntitySet(
            name="Warehouses",
            type="SAPB1.Warehouse",
            keys=("WarehouseCode",),
            props={"WarehouseCode": _TEXT, "WarehouseName": _TEXT},
        ),
        EntitySet(
            name="PriceLists",
            type="SAPB1.PriceList",
            keys=("PriceListNo",),
            props={
                "PriceListNo": _WHOLE,
                "PriceListName": _TEXT,
                "BasePriceList": _WHOLE,
                "Factor": _NUMBER,
                "Active": _FLAG,
            },
        ),
        EntitySet(
            name="ItemGroups",
            type="SAPB1.ItemGroups",
            keys=("Number",),
            props={"Number": _WHOLE, "GroupName": _TEXT},
        ),
        EntitySet(
            name="UserFieldsMD",
            type="SAPB1.UserFieldMD",
            keys=("TableName", "FieldID"),
            props={
                "Name": _TEXT,
                "Type": _FLAG,
                "Description": _TEXT,
                "TableName": _TEXT,
                "FieldID": _WHOLE,
            },
        ),
    )
}
"""The entity sets by name."""

__all__ = ["ITEM_COLLECTIONS", "LINES", "SETS", "fixed"]

"""The entity sets of S/4HANA that the stand-in has; names, types and lengths as in SAP's ``$metadata``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bulkeditor.testing.vendors._sap.odata import EntitySet, Link, Prop


def _text(size: int, *, read_only: bool = False) -> Prop:
    return Prop("String", size, 0, read_only)


def _amount(size: int, scale: int) -> Prop:
    return Prop("Decimal", size, scale)


_DAY: Final = Prop("DateTime")
_FLAG: Final = Prop("Boolean")

_PRODUCT: Final = EntitySet(
    name="A_Product",
    type="API_PRODUCT_SRV.A_ProductType",
    keys=("Product",),
    props={
        "Product": _text(40),
        "ProductType": _text(4),
        "CrossPlantStatus": _text(2),
        "CreationDate": Prop("DateTime", read_only=True),
        "CreatedByUser": _text(12, read_only=True),
        "LastChangeDate": Prop("DateTime", read_only=True),
        "LastChangedByUser": _text(12, read_only=True),
        "LastChangeDateTime": Prop("DateTimeOffset", read_only=True),
        "IsMarkedForDeletion": _FLAG,
        "ProductOldID": _text(40),
        "GrossWeight": _amount(13, 3),
        "WeightUnit": _text(3),
        "NetWeight": _amount(13, 3),
        "CountryOfOrigin": _text(3),
        "ProductGroup": _text(9),
        "BaseUnit": _text(3),
        "ItemCategoryGroup": _text(4),
        "ProductHierarchy": _text(18),
        "Division": _text(2),
        "Brand": _text(4),
        "SizeOrDimensionText": _text(32),
        "IndustryStandardName": _text(18),
        "ProductStandardID": _text(18),
        "InternationalArticleNumberCat": _text(2),
        "ExternalProductGroup": _text(18),
        "ProductManufacturerNumber": _text(40),
        "ManufacturerNumber": _text(10),
    },
    links={
        "to_Description": Link("A_ProductDescription", "Product"),
        "to_Plant": Link("A_ProductPlant", "Product"),
        "to_Valuation": Link("A_ProductValuation", "Product"),
    },
    verbs=frozenset({"PATCH"}),
)

_DESCRIPTION: Final = EntitySet(
    name="A_ProductDescription",
    type="API_PRODUCT_SRV.A_ProductDescriptionType",
    keys=("Product", "Language"),
    props={"Product": _text(40), "Language": _text(2), "ProductDescription": _text(40)},
    verbs=frozenset({"PATCH"}),
)

_PLANT: Final = EntitySet(
    name="A_ProductPlant",
    type="API_PRODUCT_SRV.A_ProductPlantType",
    keys=("Product", "Plant"),
    props={
        "Product": _text(40),
        "Plant": _text(4),
        "PurchasingGroup": _text(3),
        "ProfitCenter": _text(10),
        "BaseUnit": _text(3),
        "IsMarkedForDeletion": _FLAG,
    },
)

_VALUATION: Final = EntitySet(
    name="A_ProductValuation",
    type="API_PRODUCT_SRV.A_ProductValuationType",
    keys=("Product", "ValuationArea", "ValuationType"),
    props={
        "Product": _text(40),
        "ValuationArea": _text(4),
        "ValuationType": _text(10),
        "ValuationClass": _text(4),
        "StandardPrice": _amount(12, 3),
        "PriceUnitQty": _amount(5, 0),
        "InventoryValuationProcedure": _text(1),
        "IsMarkedForDeletion": _FLAG,
        "MovingAveragePrice": _amount(12, 3),
        "PriceLastChangeDate": _DAY,
        "Currency": _text(5),
        "BaseUnit": _text(3),
    },
    verbs=frozenset({"PATCH"}),
)

_MATERIAL_STOCK: Final = EntitySet(
    name="A_MaterialStock",
    type="API_MATERIAL_STOCK_SRV.A_MaterialStockType",
    keys=("Material",),
    props={"Material": _text(40), "MaterialBaseUnit": _text(3)},
    links={"to_MatlStkInAcctMod": Link("A_MatlStkInAcctMod", "Material")},
)

STOCK_KEY: Final = {
    "Material": _text(40),
    "Plant": _text(4),
    "StorageLocation": _text(4),
    "Batch": _text(10),
    "Supplier": _text(10),
    "Customer": _text(10),
    "WBSElementInternalID": _text(24),
    "SDDocument": _text(10),
    "SDDocumentItem": _text(6),
    "InventorySpecialStockType": _text(1),
    "InventoryStockType": _text(2),
}
"""The key of a stock: all eleven parts."""

_STOCK: Final = EntitySet(
    name="A_MatlStkInAcctMod",
    type="API_MATERIAL_STOCK_SRV.A_MatlStkInAcctModType",
    keys=tuple(STOCK_KEY),
    props={
        **STOCK_KEY,
        "WBSElementExternalID": _text(24),
        "MaterialBaseUnit": _text(3),
        "MatlWrhsStkQtyInMatlBaseUnit": _amount(31, 14),
    },
    links={"to_MaterialStock": Link("A_MaterialStock", "Material", many=False)},
)

_RECORD: Final = EntitySet(
    name="A_SlsPrcgConditionRecord",
    type="API_SLSPRICINGCONDITIONRECORD_SRV.A_SlsPrcgConditionRecordType",
    keys=("ConditionRecord",),
    props={
        "ConditionRecord": _text(10),
        "ConditionTable": _text(3),
        "ConditionApplication": _text(2),
        "ConditionType": _text(4),
        "ConditionValidityEndDate": _DAY,
        "ConditionValidityStartDate": _DAY,
        "CreationDate": _DAY,
        "ConditionCalculationType": _text(1),
        "ConditionRateValue": _amount(12, 3),
        "ConditionRateValueUnit": _text(5),
        "ConditionCurrency": _text(5),
        "ConditionQuantity": _amount(5, 0),
        "ConditionQuantityUnit": _text(3),
        "BaseUnit": _text(3),
        "ConditionLowerLimit": _amount(12, 3),
        "ConditionUpperLimit": _amount(12, 3),
        "ConditionIsDeleted": _FLAG,
        "ConditionReleaseStatus": _text(1),
        "ConditionChangeReason": _text(3),
        "LastChangeDateTime": Prop("DateTimeOffset"),
        "ETag": _text(40, read_only=True),
    },
    links={"to_SlsPrcgCndnRecdValidity": Link("A_SlsPrcgCndnRecdValidity", "ConditionRecord")},
    verbs=frozenset({"POST", "PATCH", "DELETE"}),
    etag=True,
)

_VALIDITY: Final = EntitySet(
    name="A_SlsPrcgCndnRecdValidity",
    type="API_SLSPRICINGCONDITIONRECORD_SRV.A_SlsPrcgCndnRecdValidityType",
    keys=("ConditionRecord", "ConditionValidityEndDate"),
    props={
        "ConditionRecord": _text(10),
        "ConditionValidityEndDate": _DAY,
        "ConditionValidityStartDate": _DAY,
        "ConditionApplication": _text(2),
        "ConditionType": _text(4),
        "ConditionReleaseStatus": _text(1),
        "Customer": _text(10),
        "MaterialGroup": _text(9),
        "Material": _text(40),
        "SalesOrganization": _text(4),
        "DistributionChannel": _text(2),
        "TransactionCurrency": _text(5),
        "Plant": _text(4),
        "ETag": _text(40, read_only=True),
    },
    links={
        "to_SlsPrcgConditionRecord": Link("A_SlsPrcgConditionRecord", "ConditionRecord", many=False),
    },
    verbs=frozenset({"PATCH"}),
    etag=True,
)

_MOVEMENT: Final = EntitySet(
    name="A_MaterialDocumentHeader",
    type="API_MATERIAL_DOCUMENT_SRV.A_MaterialDocumentHeaderType",
    keys=("MaterialDocumentYear", "MaterialDocument"),
    props={
        "MaterialDocumentYear": _text(4),
        "MaterialDocument": _text(10),
        "DocumentDate": _DAY,
        "PostingDate": _DAY,
        "MaterialDocumentHeaderText": _text(25),
        "ReferenceDocument": _text(16),
        "GoodsMovementCode": _text(2),
    },
    links={"to_MaterialDocumentItem": Link("A_MaterialDocumentItem", "MaterialDocument")},
    verbs=frozenset({"POST"}),
)

_MOVEMENT_ITEM: Final = EntitySet(
    name="A_MaterialDocumentItem",
    type="API_MATERIAL_DOCUMENT_SRV.A_MaterialDocumentItemType",
    keys=("MaterialDocumentYear", "MaterialDocument", "MaterialDocumentItem"),
    props={
        "MaterialDocumentYear": _text(4),
        "MaterialDocument": _text(10),
        "MaterialDocumentItem": _text(4),
        "Material": _text(40),
        "Plant": _text(4),
        "StorageLocation": _text(4),
        "Batch": _text(10),
        "GoodsMovementType": _text(3),
        "GoodsMovementReasonCode": _text(4),
        "CostCenter": _text(10),
        "GLAccount": _text(10),
        "EntryUnit": _text(3),
        "QuantityInEntryUnit": _amount(13, 3),
        "MaterialBaseUnit": _text(3),
        "QuantityInBaseUnit": _amount(13, 3),
        "MaterialDocumentItemText": _text(50),
    },
)

SERVICES: Final[Mapping[str, Mapping[str, EntitySet]]] = {
    service: {entities.name: entities for entities in sets}
    for service, sets in {
        "API_PRODUCT_SRV": (_PRODUCT, _DESCRIPTION, _PLANT, _VALUATION),
        "API_MATERIAL_STOCK_SRV": (_MATERIAL_STOCK, _STOCK),
        "API_SLSPRICINGCONDITIONRECORD_SRV": (_RECORD, _VALIDITY),
        "API_MATERIAL_DOCUMENT_SRV": (_MOVEMENT, _MOVEMENT_ITEM),
    }.items()
}
"""The services, each with its entity sets."""

__all__ = ["SERVICES", "STOCK_KEY"]

"""How S/4HANA is told of prices and movements of stock: bodies, and what forbids them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from bulkeditor.connectors._convert import Money
from bulkeditor.connectors._sap import odata
from bulkeditor.connectors._sap.odata import Entity, Operation
from bulkeditor.connectors._sap.rows import Rate, pieces_of, rate_of, record_of
from bulkeditor.connectors._types import Change, Outcome

if TYPE_CHECKING:
    from bulkeditor.connectors.sap import SAP

_FOR_EVER: Final = "/Date(253402214400000)/"  # 9999-12-31


def price_operation(
    erp: SAP, change: Change, validities: Sequence[Entity], unit: str | None, now: datetime
) -> Operation | Outcome:
    """How a price is written: changed with its etag, or made; or why it is not.

    Args:
        erp: Whose prices.
        change: Names a price.
        validities: What holds now.
        unit: The base unit of a product that has no price; None where there is no such product.
        now: When the write began.
    """
    value = change.values["price"]
    if value is None:
        return change.outcome("dead_lettered", "a price cannot be cleared there", code="unsupported")
    try:
        record = record_of(validities)
        held = None if record is None else rate_of(record)
        if record is None:
            return _new_price(erp, change, unit, now)
        if "price" in (change.expected or {}):
            expected = (change.expected or {})["price"]
            if held != (None if expected is None else Money().read(expected)):
                return change.outcome("conflicted", f"its price is {held}", code="changed", raw=record)
        rate = Rate().write(Money().read(value) * pieces_of(record))
    except ValueError as error:
        return change.outcome("dead_lettered", f"price: {error}", code="unwritable_value")
    etag = odata.member(odata.member(record, "__metadata"), "etag") or odata.member(record, "ETag") or "*"
    return Operation(
        change=change,
        method="PATCH",
        path=erp.entity("A_SlsPrcgConditionRecord", str(record["ConditionRecord"])),
        body={"ConditionRateValue": rate},
        headers={"If-Match": str(etag)},
    )


def _new_price(erp: SAP, change: Change, unit: str | None, now: datetime) -> Operation | Outcome:
    if unit is None:
        return change.outcome("skipped", "there is no such product", code="no_product")
    organization, channel, currency = erp.sales_organization, erp.distribution_channel, erp.currency
    if organization is None or channel is None or currency is None:
        return change.outcome(
            "dead_lettered",
            "it has no price; to have one made, set sales_organization, distribution_channel, currency",
            code="no_price",
        )
    validity = {
        "ConditionType": erp.condition_type,
        "ConditionApplication": "V",
        "ConditionValidityStartDate": odata.milliseconds(now),
        "ConditionValidityEndDate": _FOR_EVER,
        "SalesOrganization": organization,
        "DistributionChannel": channel,
        "Material": change.key,
    }
    body = {
        "ConditionTable": erp.condition_table,
        "ConditionApplication": "V",
        "ConditionType": erp.condition_type,
        "ConditionRateValue": Rate().write(change.values["price"]),
        "ConditionRateValueUnit": currency,
        "ConditionQuantity": "1",
        "ConditionQuantityUnit": unit,
        "to_SlsPrcgCndnRecdValidity": {"results": [validity]},
    }
    path = erp.odata("A_SlsPrcgConditionRecord")
    return Operation(change=change, method="POST", path=path, body=body)


def document(
    erp: SAP, change: Change, *, place: str, unit: str, now: datetime, reference: str
) -> dict[str, object]:
    """The material document that moves stock by the change's delta.

    Args:
        erp: Says which movements.
        change: By how much, and why.
        place: Plant/storage location.
        unit: The product's base unit.
        now: When the write began.
        reference: What the document is found by, at most 16 characters.
    """
    plant, _, storage = place.partition("/")
    by = Decimal(change.delta["inventory_quantity"])
    # 05 is another goods receipt, 03 a goods issue.
    code, movement = ("05", erp.receipt_movement) if by > 0 else ("03", erp.issue_movement)
    item = {
        "Material": change.key,
        "Plant": plant,
        "StorageLocation": storage,
        "GoodsMovementType": movement,
        "QuantityInEntryUnit": format(abs(by), "f"),
        "EntryUnit": unit,
        "MaterialDocumentItemText": (change.reason or "")[:50],
    }
    if erp.cost_center is not None and by < 0:
        item["CostCenter"] = erp.cost_center
    return {
        "GoodsMovementCode": code,
        "PostingDate": odata.milliseconds(now),
        "DocumentDate": odata.milliseconds(now),
        "MaterialDocumentHeaderText": (change.reason or "")[:25],
        "ReferenceDocument": reference,
        "to_MaterialDocumentItem": {"results": [item]},
    }


__all__ = ["document", "price_operation"]

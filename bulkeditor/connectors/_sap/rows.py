"""What rows of S/4HANA say: a price among condition records, a cost among valuations, free stock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Final, cast

from bulkeditor.connectors._convert import DateTime, Money
from bulkeditor.connectors._fields import MISSING
from bulkeditor.connectors._sap import odata
from bulkeditor.connectors._sap.odata import Entity

# What was asked for beside a product stands in its row under these names.
CONDITIONS: Final = "A_SlsPrcgCndnRecdValidity"
LEVELS: Final = "A_MatlStkInAcctMod"
_UNRESTRICTED: Final = "01"
# A condition record that names one of these is no price for everybody.
_SPECIAL: Final = ("Customer", "SoldToParty", "CustomerGroup", "CustomerPriceGroup", "PriceListType")


class Rate(Money):
    """``Edm.Decimal(12,3)``, as text."""

    def write(self, value: object) -> str:
        """The amount, where it fits."""
        amount = cast("Decimal", Money.write(self, value))
        if amount != round(amount, 3) or abs(amount) >= Decimal(10) ** 9:
            raise ValueError(f"{amount} does not fit: SAP keeps prices below 10^9 with three decimals")
        return format(amount, "f")


def updated_at(row: Entity) -> object:
    """When a product or its price last changed, or its price began to hold, as far as it was asked for.

    Raises:
        ValueError: A time cannot be read.
    """
    times = [row.get("LastChangeDateTime")]
    for validity in cast("Sequence[Entity]", row.get(CONDITIONS) or ()):
        times.append(validity.get("ConditionValidityStartDate"))
        records = odata.inner(validity, "to_SlsPrcgConditionRecord")
        times += [record.get("LastChangeDateTime") for record in records]
    return max((DateTime().read(time) for time in times if time is not None), default=None)


def price_of(row: Entity) -> object:
    """The price of a product; None where it has none."""
    if CONDITIONS not in row:
        return MISSING
    record = record_of(cast("Sequence[Entity]", row[CONDITIONS]))
    return None if record is None else rate_of(record)


def record_of(validities: Sequence[Entity]) -> Entity | None:
    """The price record among those that hold now, for everybody.

    Raises:
        ValueError: There are several.
    """
    found: dict[str, Entity] = {}
    for validity in validities:
        if validity.get("ConditionReleaseStatus") or any(validity.get(name) for name in _SPECIAL):
            continue
        for record in odata.inner(validity, "to_SlsPrcgConditionRecord"):
            if record.get("ConditionIsDeleted") is not True:
                found[str(record.get("ConditionRecord"))] = record
    if len(found) > 1:
        raise ValueError(f"it has {len(found)} prices; set sales_organization and distribution_channel")
    return next(iter(found.values()), None)


def rate_of(record: Entity) -> Decimal | None:
    """What a condition record asks for one piece.

    Raises:
        ValueError: It is no price, or none that can be said exactly.
    """
    if record.get("ConditionRateValueUnit") == "%":
        raise ValueError("its condition is a percentage, and no price")
    rate = record.get("ConditionRateValue")
    return None if rate is None else _each(Money().read(rate), pieces_of(record))


def pieces_of(record: Entity) -> Decimal:
    """For how many pieces a price is."""
    return Money().read(record.get("ConditionQuantity") or 1) or Decimal(1)


def cost_of(row: Entity, area: str | None) -> object:
    """The cost of one piece.

    Args:
        row: A product with its valuations.
        area: The valuation area; None = all of them, which must agree.

    Raises:
        ValueError: They do not agree.
    """
    if "to_Valuation" not in row:
        return MISSING
    costs = {
        _cost(each)
        for each in odata.inner(row, "to_Valuation")
        # With a valuation type it is the cost of some of the pieces only.
        if not each.get("ValuationType") and area in (None, each.get("ValuationArea"))
    } - {None}
    if len(costs) > 1:
        raise ValueError("its valuation areas differ; set valuation_area")
    return costs.pop() if costs else None


def _cost(valuation: Entity) -> Decimal | None:
    standard = valuation.get("InventoryValuationProcedure") == "S"
    cost = valuation.get("StandardPrice" if standard else "MovingAveragePrice")
    pieces = Money().read(valuation.get("PriceUnitQty") or 1) or Decimal(1)
    return None if cost is None else _each(Money().read(cost), pieces)


def free_stock(row: Entity, plants: Collection[str]) -> dict[str, Decimal] | None:
    """Unrestricted stock by place, plant/storage location; None where nobody asked for it.

    Args:
        row: A product with its stock.
        plants: Which count; empty = all.
    """
    if LEVELS not in row:
        return None
    free: dict[str, Decimal] = {}
    for each in cast("Sequence[Entity]", row[LEVELS]):
        # Stock in inspection, blocked, or of a customer or supplier is not free to sell.
        if each.get("InventoryStockType") != _UNRESTRICTED or each.get("InventorySpecialStockType"):
            continue
        if not plants or each.get("Plant") in plants:
            place = f"{each.get('Plant')}/{each.get('StorageLocation') or ''}"
            # Batches of one place are one level.
            held = Money().read(each.get("MatlWrhsStkQtyInMatlBaseUnit"))
            free[place] = free.get(place, Decimal()) + held
    return free


def _each(amount: Decimal, pieces: Decimal) -> Decimal:
    """The price of one piece, exactly.

    Raises:
        ValueError: It has no end.
    """
    one = amount if pieces == 1 else amount / pieces
    if one * pieces != amount:
        raise ValueError(f"{amount} for {pieces} pieces cannot be said exactly for one")
    return one


__all__ = [
    "CONDITIONS",
    "LEVELS",
    "Rate",
    "cost_of",
    "free_stock",
    "pieces_of",
    "price_of",
    "rate_of",
    "record_of",
    "updated_at",
]

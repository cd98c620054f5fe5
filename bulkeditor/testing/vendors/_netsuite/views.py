"""The items of the NetSuite stand-in as its record API shows them, and the query language of its lists."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

from bulkeditor.testing.vendors._netsuite.books import FIELDS, Item, RefusedError, Stock
from bulkeditor.testing.vendors._netsuite.wire import collection_of

_CONDITION: Final = re.compile(r'\s*(\w+)\s+(\w+)\s+(?:"([^"]*)"|(\S+))\s*')


def shown_item(item: Item, base: str, zone: tzinfo, *, expand: bool) -> dict[str, object]:
    """An item as a record.

    Args:
        item: Which.
        base: The root of the REST services.
        zone: The account's time zone.
        expand: Whether sublists are in it, or only links to them.
    """
    here = f"{base}/record/v1/inventoryItem/{item.id}"
    moment = item.modified.replace(tzinfo=zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown: dict[str, object] = {
        "links": [{"rel": "self", "href": here}],
        "id": str(item.id),
        "internalId": item.id,
        "lastModifiedDate": moment,
        "itemType": {"id": "InvtPart", "refName": "Inventory Item"},
        "averageCost": item.cost,
        "quantityOnHand": item.on_hand,
        **{name: getattr(item, attribute) for name, (attribute, _) in FIELDS.items()},
        **item.custom,
    }
    if item.parent is not None:
        shown["parent"] = {"id": str(item.parent)}
    for name, lines in sublists(item).items():
        links = {"links": [{"rel": "self", "href": f"{here}/{name}"}]}
        shown[name] = collection_of(lines) if expand else links
    return {name: value for name, value in shown.items() if value is not None}


def sublists(item: Item) -> dict[str, list[dict[str, object]]]:
    """The sublists of an item, by their names."""
    prices: list[dict[str, object]] = [
        {
            "currencyPage": {"id": currency},
            "priceLevel": {"id": level},
            "quantity": {"value": quantity},
            "price": price,
        }
        for (currency, level, quantity), price in item.prices.items()
    ]
    places = [
        {name: value for name, value in _place(ref, stock, item).items() if value is not None}
        for ref, stock in item.stock.items()
    ]
    suppliers: list[dict[str, object]] = (
        [] if item.vendor is None else [{"vendor": {"id": item.vendor}, "preferredVendor": True}]
    )
    return {"price": prices, "locations": places, "itemVendor": suppliers}


def matches(item: Item, conditions: str) -> bool:
    """Whether an item is what ``q`` asks for.

    Args:
        item: The item.
        conditions: ``FIELD OPERATOR value``, joined by AND.

    Raises:
        RefusedError: They cannot be read.
    """
    for condition in filter(None, re.split(r"\s+AND\s+", conditions)):
        found = _CONDITION.fullmatch(condition)
        if found is None:
            raise RefusedError("INVALID_PARAMETER", f"Invalid search query: {condition!r:.60}.")
        field, operator = found[1], found[2]
        value = found[3] if found[3] is not None else found[4]
        if field == "lastModifiedDate":
            # In the account's own date format.
            try:
                day = datetime.strptime(value, "%m/%d/%Y")  # noqa: DTZ007 - a day of the account's
            except ValueError as error:
                raise RefusedError("INVALID_PARAMETER", f"Invalid date value {value!r:.40}.") from error
            fits = {"ON_OR_AFTER": item.modified >= day, "BEFORE": item.modified < day}
        elif field in FIELDS:
            held = str(getattr(item, FIELDS[field][0]))
            fits = {"IS": held == value, "CONTAIN": value in held, "START_WITH": held.startswith(value)}
        else:
            raise RefusedError("INVALID_PARAMETER", f"Invalid field {field}.")
        if operator not in fits:
            raise RefusedError("INVALID_PARAMETER", f"Invalid operator {operator} for {field}.")
        if not fits[operator]:
            return False
    return True


def _place(ref: str, stock: Stock, item: Item) -> dict[str, object]:
    on_hand = stock.on_hand
    return {
        "locationId": int(ref),
        "quantityOnHand": on_hand,
        "quantityAvailable": None if on_hand is None else on_hand - stock.committed,
        "quantityCommitted": stock.committed,
        "quantityOnOrder": stock.on_order,
        "averageCostMli": item.cost,
    }


__all__ = ["matches", "shown_item", "sublists"]

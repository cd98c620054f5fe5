"""What the NetSuite stand-in keeps, as the tables of SuiteQL.

The columns of ``pricing`` and ``itemprice`` are unverified; the others are those of the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, cast

from bulkeditor.testing.vendors._netsuite.books import (
    CURRENCIES,
    LEVELS,
    LOCATIONS,
    SUBSIDIARIES,
    VENDORS,
    Books,
    Item,
    PriceKey,
    Stock,
    Transaction,
    members,
)
from bulkeditor.testing.vendors._netsuite.suiteql import Cell, Table

_STOCK: Final = (
    *("item", "location", "quantityonhand", "quantityavailable", "quantityonorder", "quantitycommitted"),
    *("averagecostmli", "reorderpoint"),
)
_ITEM: Final = (
    *("id", "itemid", "fullname", "externalid", "displayname", "upccode", "mpn", "itemtype", "isinactive"),
    *("lastmodifieddate", "createddate", "cost", "averagecost", "lastpurchaseprice", "weight", "parent"),
)


def tables(books: Books, hidden: Iterable[tuple[str, str]] = ()) -> Mapping[str, Table]:
    """Everything as SuiteQL sees it.

    Args:
        books: What is kept.
        hidden: Table and column that the role cannot see: its cells are empty, and nothing says so.
    """
    covered = set(hidden)
    return {
        name: Table(
            columns, [[None if (name, c) in covered else row.get(c) for c in columns] for row in rows]
        )
        for name, (columns, rows) in _tables(books).items()
    }


def _tables(books: Books) -> dict[str, tuple[list[str], list[dict[str, Cell]]]]:
    items, places, prices = list[dict[str, Cell]](), list[dict[str, Cell]](), list[dict[str, Cell]]()
    suppliers = list[dict[str, Cell]]()
    for item in books.items.values():
        items.append(_item_row(books, item))
        places += [_stock_row(item, ref, stock) for ref, stock in item.stock.items()]
        prices += [_price_row(item, key, price) for key, price in item.prices.items()]
        if item.vendor is not None:
            suppliers.append(
                {
                    "item": item.id,
                    "vendor": int(item.vendor),
                    "purchaseprice": item.cost,
                    "preferredvendor": True,
                }
            )
    custom = sorted(books.custom_fields)
    return {
        "item": (
            [*_ITEM, *custom],
            items,
        ),
        "inventoryitemlocations": ([*_STOCK], places),
        "pricing": (["item", "pricelevel", "currency", "quantity", "unitprice"], prices),
        "itemprice": (
            ["item", "pricelevel", "pricelevelname", "currencypage", "quantity", "price", "isinactive"],
            prices,
        ),
        "itemvendor": (["item", "vendor", "purchaseprice", "vendorcode", "preferredvendor"], suppliers),
        "location": (["id", "name", "fullname", "isinactive"], _names(LOCATIONS)),
        "pricelevel": (["id", "name", "isinactive"], _names(LEVELS)),
        "currency": (["id", "name", "symbol"], _names(CURRENCIES)),
        "subsidiary": (["id", "name"], _names(SUBSIDIARIES)),
        "vendor": (["id", "entityid", "companyname"], _names(VENDORS)),
        "transaction": (
            ["id", "tranid", "externalid", "type", "recordtype", "entity", "trandate", "memo"],
            [_transaction_row(one) for one in books.transactions.values()],
        ),
    }


def _item_row(books: Books, item: Item) -> dict[str, Cell]:
    full = books.full_name(item)
    return {
        "id": item.id,
        # A child's name comes with its parent's before it.
        "itemid": full,
        "fullname": full,
        "externalid": item.external_id,
        "displayname": item.title,
        "upccode": item.barcode,
        "mpn": item.mpn,
        "itemtype": "InvtPart",
        "isinactive": item.inactive,
        "lastmodifieddate": item.modified,
        "createddate": item.modified,
        "cost": item.cost,
        "averagecost": item.cost,
        "lastpurchaseprice": item.cost,
        "weight": item.weight,
        "parent": item.parent,
        **{name: _cell(value) for name, value in item.custom.items()},
    }


def _cell(value: object) -> Cell:
    if isinstance(value, Mapping):
        return str(members(cast("object", value)).get("id"))
    return value if isinstance(value, str | int | Decimal | bool) else None


def _stock_row(item: Item, ref: str, stock: Stock) -> dict[str, Cell]:
    on_hand = stock.on_hand
    return {
        "item": item.id,
        "location": int(ref),
        "quantityonhand": on_hand,
        "quantityavailable": None if on_hand is None else on_hand - stock.committed,
        "quantityonorder": stock.on_order,
        "quantitycommitted": stock.committed,
        "averagecostmli": item.cost,
    }


def _price_row(item: Item, key: PriceKey, price: Decimal) -> dict[str, Cell]:
    currency, level, quantity = key
    return {
        "item": item.id,
        "pricelevel": int(level),
        "pricelevelname": LEVELS[level],
        "currency": int(currency),
        "currencypage": int(currency),
        "quantity": quantity,
        "unitprice": price,
        "price": price,
        "isinactive": False,
    }


def _transaction_row(one: Transaction) -> dict[str, Cell]:
    return {
        "id": one.id,
        "tranid": one.number,
        "externalid": one.body.get("externalId"),
        "type": "PurchOrd" if one.kind == "purchaseOrder" else "InvAdjst",
        "recordtype": one.kind.lower(),
        "entity": _cell(one.body.get("entity")),
        "trandate": one.date,
        "memo": one.body.get("memo"),
    }


def _names(choices: Mapping[str, str]) -> list[dict[str, Cell]]:
    return [
        {
            "id": int(ref),
            **dict.fromkeys(("name", "fullname", "symbol", "entityid", "companyname"), name),
            "isinactive": False,
        }
        for ref, name in choices.items()
    ]


__all__ = ["tables"]

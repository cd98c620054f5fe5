"""What the NetSuite stand-in keeps: items, prices, stock, transactions; and what it refuses to keep.

Names and types: the REST API Browser, release 2026.1.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast

import attrs

PriceKey: TypeAlias = tuple[str, str, Decimal]
"""Currency, price level, from which quantity on."""
Line: TypeAlias = tuple[str, str, str, Decimal]
"""What a transaction did to an item: its id, the place, our field, by how much."""

BASE: Final[PriceKey] = ("1", "1", Decimal())
MAIN: Final = "1"
LOCATIONS: Final[Mapping[str, str]] = {"1": "Main Warehouse", "2": "Retail Store"}
LEVELS: Final[Mapping[str, str]] = {"1": "Base Price", "2": "Wholesale"}
CURRENCIES: Final[Mapping[str, str]] = {"1": "USD", "2": "EUR"}
ACCOUNTS: Final[Mapping[str, str]] = {"54": "OthCurrAsset", "58": "COGS", "1": "Bank"}
SUBSIDIARIES: Final[Mapping[str, str]] = {"1": "Parent Company"}
VENDORS: Final[Mapping[str, str]] = {"21": "Acme Supply", "22": "Globex"}
# Which accounts an adjustment may be booked to.
_BOOKABLE: Final = frozenset({"OthCurrAsset", "COGS", "Expense"})
# REST name → (attribute, type).
FIELDS: Final[Mapping[str, tuple[str, type]]] = {
    "itemId": ("itemid", str),
    "externalId": ("external_id", str),
    "displayName": ("title", str),
    "upcCode": ("barcode", str),
    "mpn": ("mpn", str),
    "isInactive": ("inactive", bool),
    "cost": ("cost", Decimal),
    "weight": ("weight", Decimal),
}
READ_ONLY: Final = frozenset(
    [
        "id",
        "internalId",
        "links",
        "lastModifiedDate",
        "createdDate",
        "averageCost",
        "lastPurchasePrice",
        "quantityOnHand",
        "quantityAvailable",
        "itemType",
        "locations",
    ]
)
OURS: Final[Mapping[str, str]] = {
    "itemId": "sku",
    "displayName": "title",
    "upcCode": "barcode",
    "cost": "cost",
}


class RefusedError(Exception):
    """A record that cannot be kept as it is.

    Args:
        code: ``o:errorCode``.
        detail: Its sentence.
        path: ``o:errorPath``.
        status: HTTP status.
    """

    def __init__(self, code: str, detail: str, path: str | None = None, status: int = 400) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.path = path
        self.status = status


@attrs.define(kw_only=True)
class Stock:
    """Stock of an item at a place."""

    on_hand: Decimal | None = None
    committed: Decimal = attrs.field(factory=Decimal)
    on_order: Decimal = attrs.field(factory=Decimal)


@attrs.define(kw_only=True)
class Item:
    """An inventory item."""

    id: int
    itemid: str
    modified: datetime
    external_id: str | None = None
    title: str | None = None
    barcode: str | None = None
    mpn: str | None = None
    inactive: bool = False
    cost: Decimal | None = None
    weight: Decimal | None = None
    vendor: str | None = None
    parent: int | None = None
    custom: dict[str, Any] = attrs.field(factory=dict[str, Any])
    prices: dict[PriceKey, Decimal] = attrs.field(factory=dict["PriceKey", Decimal])
    stock: dict[str, Stock] = attrs.field(factory=dict[str, Stock])

    @property
    def on_hand(self) -> Decimal | None:
        """Pieces everywhere; None where nobody ever counted."""
        known = [place.on_hand for place in self.stock.values() if place.on_hand is not None]
        return sum(known, Decimal()) if known else None


@attrs.define(kw_only=True)
class Transaction:
    """An inventory adjustment or a purchase order."""

    id: int
    kind: str
    number: str
    body: Mapping[str, Any]
    date: datetime
    lines: list[Line] = attrs.field(factory=list["Line"])


class Books:
    """Items and transactions, and the rules by which they change."""

    def __init__(self) -> None:
        self.items: dict[int, Item] = {}
        self.transactions: dict[int, Transaction] = {}
        self.custom_fields: set[str] = set()
        self._ids = itertools.count(101)

    def add(self, itemid: str, now: datetime) -> Item:
        """A new item."""
        item = Item(id=next(self._ids), itemid=itemid, modified=now)
        item.external_id = itemid
        self.items[item.id] = item
        return item

    def named(self, itemid: str) -> Item | None:
        """The item of a name."""
        return next((item for item in self.items.values() if item.itemid == itemid), None)

    def find(self, ref: str) -> Item:
        """The item that a path or a reference means: an internal id, or ``eid:``.

        Raises:
            RefusedError: There is none.
        """
        if ref.startswith("eid:"):
            found = next((item for item in self.items.values() if item.external_id == ref[4:]), None)
        else:
            found = self.items.get(int(ref)) if ref.isdecimal() else None
        if found is None:
            raise RefusedError(
                "NONEXISTENT_ID",
                "The record instance does not exist. Provide a valid record instance ID.",
                status=404,
            )
        return found

    def full_name(self, item: Item) -> str:
        """Its name with its parent's before it."""
        parent = self.items.get(item.parent) if item.parent is not None else None
        return item.itemid if parent is None else f"{self.full_name(parent)} : {item.itemid}"

    # Items -------------------------------------------------------------------------------------------------

    def update(
        self, item: Item, body: Mapping[str, Any], *, strict: bool, replace: Iterable[str] = ()
    ) -> list[tuple[str, object, object]]:
        """Change an item: all of a body, or nothing of it.

        Args:
            item: Which.
            body: REST names.
            strict: Whether an unknown name is refused.
            replace: Sublists that are replaced as a whole.

        Returns:
            What changed: field, before, after.

        Raises:
            RefusedError: The body cannot be kept.
        """
        changed: list[tuple[str, object, object]] = []
        todo: list[tuple[object, str, Any]] = []
        prices = dict(item.prices)
        for name, value in body.items():
            if name == "price":
                changed += _merge_prices(prices, value, whole="price" in set(replace))
            elif name in FIELDS:
                attribute, kind = FIELDS[name]
                typed = _typed(name, value, kind)
                changed.append((OURS.get(name, name), getattr(item, attribute), typed))
                todo.append((item, attribute, typed))
            elif name in self.custom_fields:
                changed.append((name, item.custom.get(name), value))
                todo.append((item.custom, name, value))
            elif name in READ_ONLY and name not in ("id", "links"):
                raise RefusedError(
                    "USER_ERROR", f"You do not have permission to set a value for {name}.", name
                )
            elif strict and name not in READ_ONLY:
                raise RefusedError("NONEXISTENT_FIELD", f"The field {name} does not exist.", name)
        for target, name, value in todo:
            if isinstance(target, dict):
                target[name] = value
            else:
                setattr(target, name, value)
        item.prices = prices
        return changed

    # Transactions ------------------------------------------------------------------------------------------

    def book(
        self, kind: str, body: Mapping[str, Any], now: datetime, *, one_world: bool, strict: bool
    ) -> Transaction:
        """Keep an adjustment or a purchase order; the stock moves.

        Args:
            kind: The record type.
            body: The record.
            now: The time here.
            one_world: Whether a subsidiary is obligatory.
            strict: Whether an unknown name is refused.

        Raises:
            RefusedError: It cannot be kept.
        """
        external = body.get("externalId")
        if external is not None and self.transaction(kind, external) is not None:
            raise RefusedError("USER_ERROR", "This record already exists", "externalId")
        lines = self._lines(kind, body, one_world=one_world, strict=strict)
        number = next(self._ids)
        prefix = "PO" if kind == "purchaseOrder" else "INVADJ"
        booked = Transaction(
            id=number, kind=kind, number=f"{prefix}{number}", body=body, date=now, lines=lines
        )
        self.transactions[number] = booked
        self._move(booked, 1)
        return booked

    def rebook(
        self, booked: Transaction, body: Mapping[str, Any], *, one_world: bool, strict: bool
    ) -> Transaction:
        """Put another body in place of a transaction's."""
        lines = self._lines(booked.kind, body, one_world=one_world, strict=strict)
        self._move(booked, -1)
        booked.body, booked.lines = body, lines
        self._move(booked, 1)
        return booked

    def transaction(self, kind: str, external: object) -> Transaction | None:
        """The transaction of an external id."""
        return next(
            (
                one
                for one in self.transactions.values()
                if one.kind == kind and one.body.get("externalId") == external
            ),
            None,
        )

    def _lines(self, kind: str, body: Mapping[str, Any], *, one_world: bool, strict: bool) -> list[Line]:
        shape = _SHAPES[kind]
        unknown = [name for name in body if name not in shape["head"]]
        if strict and unknown:
            raise RefusedError("NONEXISTENT_FIELD", f"The field {unknown[0]} does not exist.", unknown[0])
        if one_world:
            _known(body, "subsidiary", SUBSIDIARIES)
        if kind == "inventoryAdjustment":
            account = _known(body, "account", ACCOUNTS)
            if ACCOUNTS[account] not in _BOOKABLE:
                raise RefusedError("USER_ERROR", f"Account {account} is not of the right type.", "account")
        else:
            _known(body, "entity", VENDORS)
        sublist = "inventory" if kind == "inventoryAdjustment" else "item"
        given = members(body.get(sublist)).get("items")
        if not isinstance(given, list) or not given:
            raise RefusedError(
                "USER_ERROR", "You must enter at least one line item for this transaction.", sublist
            )
        lines = cast("list[object]", given)
        return [self._line(kind, members(line), body, strict=strict) for line in lines]

    def _line(self, kind: str, line: Mapping[str, Any], body: Mapping[str, Any], *, strict: bool) -> Line:
        unknown = [name for name in line if name not in _SHAPES[kind]["line"]]
        if strict and unknown:
            raise RefusedError("NONEXISTENT_FIELD", f"The field {unknown[0]} does not exist.", unknown[0])
        item = _ref(line, "item")
        if not item.isdecimal() or int(item) not in self.items:
            raise RefusedError("INVALID_KEY_OR_REF", f"Invalid item reference key {item}.", "item")
        if kind == "inventoryAdjustment":
            place = _known(line, "location", LOCATIONS)
            return item, place, "inventory_quantity", _typed("adjustQtyBy", line.get("adjustQtyBy"), Decimal)
        place = _known(line if "location" in line else body, "location", LOCATIONS)
        return item, place, "on_order", _typed("quantity", line.get("quantity"), Decimal)

    def _move(self, booked: Transaction, sign: int) -> None:
        for ref, place, field, by in booked.lines:
            stock = self.items[int(ref)].stock.setdefault(place, Stock())
            if field == "on_order":
                stock.on_order += sign * by
            else:
                stock.on_hand = (stock.on_hand or Decimal()) + sign * by


_SHAPES: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "inventoryAdjustment": {
        "head": frozenset(
            ["externalId", "account", "adjLocation", "subsidiary", "tranDate", "memo", "inventory"]
        ),
        "line": frozenset(["line", "item", "location", "adjustQtyBy", "unitCost", "memo", "inventoryDetail"]),
    },
    # The purchase order's names are not in the stored record facts: from Oracle's help, unverified.
    "purchaseOrder": {
        "head": frozenset(
            [
                *("externalId", "entity", "subsidiary", "location", "tranDate", "dueDate", "memo"),
                *("currency", "item"),
            ]
        ),
        "line": frozenset(["line", "item", "location", "quantity", "rate", "description"]),
    },
}


def _merge_prices(
    prices: dict[PriceKey, Decimal], value: object, *, whole: bool
) -> list[tuple[str, object, object]]:
    before = dict(prices)
    if whole:
        prices.clear()
    lines = members(value).get("items")
    if not isinstance(lines, list):
        raise RefusedError("INVALID_CONTENT", "price must hold items.", "price")
    for entry in cast("list[object]", lines):
        line = members(entry)
        key = (
            _known(line, "currencyPage", CURRENCIES),
            _known(line, "priceLevel", LEVELS),
            _typed("quantity", members(line.get("quantity")).get("value", 0), Decimal),
        )
        price = _typed("price", line.get("price"), Decimal)
        if price is None:
            prices.pop(key, None)
        else:
            prices[key] = price
    touched = [key for key in {**before, **prices} if whole or before.get(key) != prices.get(key)]
    return [(_price_name(key), before.get(key), prices.get(key)) for key in touched]


def _price_name(key: PriceKey) -> str:
    currency, level, quantity = key
    return "price" if key == BASE else f"price[{level}/{currency}/{quantity}]"


def _typed(name: str, value: Any, kind: type) -> Any:
    if value is None:
        return None
    if kind is Decimal and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    if kind is not Decimal and isinstance(value, kind):
        return value
    raise RefusedError("INVALID_CONTENT", f"Invalid value for the field {name}: {value!r:.40}.", name)


def _ref(body: Mapping[str, Any], name: str) -> str:
    ref = members(body.get(name)).get("id")
    if not isinstance(ref, str | int):
        raise RefusedError("USER_ERROR", f"Please enter value(s) for: {name}.", name)
    return str(ref)


def _known(body: Mapping[str, Any], name: str, choices: Mapping[str, str]) -> str:
    ref = _ref(body, name)
    if ref not in choices:
        raise RefusedError("INVALID_KEY_OR_REF", f"Invalid {name} reference key {ref}.", name)
    return ref


def members(value: object) -> Mapping[str, Any]:
    """The members of an object; none of what is no object."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


__all__ = [
    "ACCOUNTS",
    "BASE",
    "CURRENCIES",
    "FIELDS",
    "LEVELS",
    "LOCATIONS",
    "MAIN",
    "OURS",
    "SUBSIDIARIES",
    "VENDORS",
    "Books",
    "Item",
    "PriceKey",
    "RefusedError",
    "Stock",
    "Transaction",
    "members",
]

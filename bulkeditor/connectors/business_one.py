"""SAP Business One over the Service Layer: items, price lists, stock by warehouse, purchase orders.

https://help.sap.com/doc/056f69366b5345a386bb8149f1700c19/10.0/en-US/Service%20Layer%20API%20Reference.html
Unverified, because no company was at hand: purchase orders (their set is not in the stored metadata; the
names are those of the type Document, which is), whether a company wants further accounts for goods receipts,
and that a 503 of the load balancer means that nothing was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final, cast

from bulkeditor._secret import Secret
from bulkeditor.connectors._chunks import chunks
from bulkeditor.connectors._convert import DateTime, Money, Number, Quantity
from bulkeditor.connectors._declare import Capabilities, Limits
from bulkeditor.connectors._fields import MISSING, Field, field
from bulkeditor.connectors._sap import odata
from bulkeditor.connectors._sap.odata import Asking, Entity, Operation
from bulkeditor.connectors._settings import secret, setting
from bulkeditor.connectors._types import (
    Batch,
    Change,
    Outcome,
    Outcomes,
    PlacedOrder,
    PurchaseOrder,
    Query,
    Reading,
    Records,
    StockLevel,
    Verdict,
    Writing,
)
from bulkeditor.connectors.base import Connector
from bulkeditor.connectors.paging import rows_of
from bulkeditor.errors import BulkEditorError
from bulkeditor.http import Auth, Exchange
from bulkeditor.http.auth import SessionLogin

_ROOT: Final = "/b1s/v1"
# Keys that are asked for in one filter.
_KEYS: Final = 40
# The company's own time-out is 30 minutes unless it was changed; a refused session is renewed in any case.
_SESSION_SECONDS: Final = 1800.0
# What each of our fields needs of an item.
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "price": ("ItemPrices",),
    "inventory_levels": ("ItemWarehouseInfoCollection",),
    "inventory_quantity": ("QuantityOnStock", "ItemWarehouseInfoCollection"),
}


class BusinessOne(Connector):
    """SAP Business One.

    A record is an item. Its price is that of one price list; its cost the moving average; its stock what
    lies in all warehouses, or in ``warehouse``. Stock is set by an inventory posting (absolute) or moved by a
    goods receipt or issue (delta).

    Settings:
        company: The company's database.
        username: Of a user with a licence; each session holds one.
        password: The password.
        price_list: Number of the price list.
        warehouse: Whose stock it is, and where it is set or moved when a change names no place; None = all,
            and every change names its place.
        zone: The server's time zone: that of ``UpdateDate`` and ``UpdateTime``.
        custom_fields: User fields of items, such as ``U_Season``, read and written as they are.
    """

    name = "sap-business-one"
    key, cursor = "sku", "updated_at"
    reads = {
        "sku": "ItemCode",
        "title": "ItemName",
        "barcode": "BarCode",
        "vendor": "Mainsupplier",
        "category": field("ItemsGroupCode"),
        "cost": field("MovingAveragePrice", Money),
    }
    writes = {
        "title": "ItemName",
        "barcode": "BarCode",
        "vendor": "Mainsupplier",
        "price": field("ItemPrices", Money),
        "inventory_quantity": field("CountedQuantity", Number),
    }
    capabilities = Capabilities(
        by_key=True,
        deletions="full_scan",
        delta="inventory_quantity",
        per_location="inventory_quantity",
        purchase_orders=True,
    )
    limits = Limits(concurrency=2, batch_size=100, page_size=200)
    # -2028: no matching records found. 503 is the load balancer's, which found no node: nothing was done.
    refusals = {"-2028": "skip_row", 404: "skip_row", 503: "retry"}

    company: str | None = setting(default=None)
    username: str | None = setting(default=None)
    password: str | None = secret(default=None)
    price_list: int = setting(default=1)
    warehouse: str | None = setting(default=None)
    zone: tzinfo = setting(default=UTC)
    custom_fields: tuple[str, ...] = setting(default=(), converter=tuple)

    def authenticate(self) -> Auth:
        """A session; both cookies go back, or the load balancer picks a node that does not know it."""
        self.need("company", "username", "password")
        body: dict[str, str | Secret] = {
            "CompanyDB": self.value("company"),
            "UserName": self.value("username"),
            "Password": self.secret("password"),
        }
        return SessionLogin(
            f"{_ROOT}/Login",
            body,
            cookies=("B1SESSION", "ROUTEID"),
            lifetime=_SESSION_SECONDS,
            logout=f"{_ROOT}/Logout",
        )

    def read_fields(self) -> Mapping[str, Field]:
        """The declared fields, those that take more than one property, and user fields."""
        return {
            **self._declared_reads,
            "price": Field(self._price, Money()),
            "inventory_quantity": Field(self._stock, Quantity()),
            "inventory_levels": Field(_levels),
            "updated_at": Field(self._updated, DateTime(zone=self.zone)),
            **{name: Field(name) for name in self.custom_fields},
        }

    def written_fields(self) -> Mapping[str, Field]:
        """The declared fields, and user fields."""
        return {**self._declared_writes, **{name: Field(name) for name in self.custom_fields}}

    def probes(self) -> Mapping[str, Exchange[str]]:
        """The cheapest questions there are."""
        return {
            "read": self._probe("Items", "ItemCode"),
            "per_location": self._probe("Warehouses", "WarehouseCode"),
        }

    def _probe(self, entities: str, select: str) -> Exchange[str]:
        response = yield self.get(odata.address(f"{_ROOT}/{entities}", top=1, select=select))
        return f"{entities} answers, with {len(rows_of(response, 'value'))} rows"

    # Reading -----------------------------------------------------------------------------------------------

    def read(self, query: Query) -> Reading:
        """Items in the order of their codes, page by page along the server's links."""
        parts = list(chunks(query.keys, _KEYS)) or [()]
        whole = query.since is None and not query.keys
        part = int(str(query.resume.get("part", 0)))
        link: object = query.resume.get("link")
        while part < len(parts):
            url = self.link(link, f"{_ROOT}/") if isinstance(link, str) else self._items(query, parts[part])
            response = yield self.get(url, headers=_page_of(query.page_size))
            body: object = response.json()
            link = odata.member(body, "odata.nextLink")
            part += not isinstance(link, str)
            there = part < len(parts)
            yield Records(
                rows_of(response, "value"),
                resume={"part": part, "link": link if isinstance(link, str) else None} if there else None,
                complete=whole and not there,
            )

    def _items(self, query: Query, keys: Sequence[str]) -> str:
        names = ["ItemCode", "UpdateDate", "UpdateTime", *self.custom_fields]
        names += [str(each.source) for ours, each in self._declared_reads.items() if query.wants(ours)]
        names += [each for ours, theirs in _NEEDS.items() if query.wants(ours) for each in theirs]
        since = query.since
        # There is no filter for the time of day: the session drops what is of that day and older.
        day = f"UpdateDate ge '{since.astimezone(self.zone).date()}'" if isinstance(since, datetime) else None
        return odata.address(
            f"{_ROOT}/Items",
            filter=odata.all_of(day, odata.any_of("ItemCode", keys) if keys else None),
            orderby="ItemCode",
            select=",".join(dict.fromkeys(names)),
        )

    def _price(self, row: Entity) -> object:
        if "ItemPrices" not in row:
            return MISSING
        prices = odata.inner(row, "ItemPrices")
        return next((each.get("Price") for each in prices if each.get("PriceList") == self.price_list), None)

    def _stock(self, row: Entity) -> object:
        if self.warehouse is None:
            return row.get("QuantityOnStock", MISSING)
        places = odata.inner(row, "ItemWarehouseInfoCollection")
        here = [each.get("InStock") for each in places if each.get("WarehouseCode") == self.warehouse]
        return here[0] if here else 0

    @staticmethod
    def _updated(row: Entity) -> object:
        day, time = row.get("UpdateDate"), row.get("UpdateTime")
        if not isinstance(day, str):
            return None
        if not isinstance(time, str) or not time:
            # Midnight would be a guess that takes a change of today for one from before.
            raise ValueError(f"the time of day of its last change is {time!r:.20}")
        # The day may come with an idle time of day behind it.
        return f"{day[:10]}T{time}"

    # Writing -----------------------------------------------------------------------------------------------

    def write(self, batch: Batch) -> Writing:
        """Items in one request, then postings of stock; what the first refuses goes no further."""
        told = yield from self._write_items(batch)
        end: Verdict | None = None
        for change in batch:
            before = told.get(id(change))
            if not _moves(change) or (before is not None and not before.written):
                continue
            place = change.location or self.warehouse
            if change.values.get("inventory_quantity", 0) is None:
                result = change.outcome("dead_lettered", "stock cannot be cleared", code="unsupported")
            elif place is None:
                message = "stock lies in a warehouse: give the change a location, or set warehouse"
                result = change.outcome("dead_lettered", message, code="no_location")
            elif end is not None:
                result = odata.failed(change, end)
            else:
                path, body = self._posting(change, place, batch.now)
                result, end = yield from odata.posted(self, change, path, body)
            odata.merge(told, {id(change): result})
        yield Outcomes([told[id(change)] for change in batch if id(change) in told])

    def _write_items(self, batch: Batch) -> Asking[dict[int, Outcome]]:
        operations: list[Operation] = []
        for change in batch:
            body = self.payload(change)
            body.pop("CountedQuantity", None)
            if "price" in change.values:
                # The list of prices is merged by its key; other price lists keep theirs.
                body["ItemPrices"] = [{"PriceList": self.price_list, "Price": body["ItemPrices"]}]
            if body:
                path = f"Items({self.quoted(odata.text(change.key))})"
                operations.append(Operation(change=change, method="PATCH", path=path, body=body))
        if not operations:
            return {}
        response = yield odata.batch(self, _ROOT, operations, batch.idempotency_key)
        answers = odata.parts(response, len(operations))
        return {
            id(operation.change): odata.outcome(self, operation.change, part)
            for operation, part in zip(operations, answers, strict=True)
        }

    def _posting(self, change: Change, place: str, now: datetime) -> tuple[str, dict[str, object]]:
        line: dict[str, object] = {"ItemCode": change.key, "WarehouseCode": place}
        by = change.delta.get("inventory_quantity")
        if by is None:
            counted = Number().write(change.values["inventory_quantity"])
            line |= {"CountedQuantity": counted, "Remarks": change.reason}
            posting: dict[str, object] = {"CountDate": self._day(now), "InventoryPostingLines": [line]}
            return f"{_ROOT}/InventoryPostings", posting
        line["Quantity"] = abs(Decimal(by))
        document: dict[str, object] = {"DocDate": self._day(now), "Comments": change.reason}
        document["DocumentLines"] = [line]
        return f"{_ROOT}/{'InventoryGenEntries' if by > 0 else 'InventoryGenExits'}", document

    def _day(self, moment: datetime) -> str:
        return moment.astimezone(self.zone).date().isoformat()

    # Purchase orders ---------------------------------------------------------------------------------------

    def create_purchase_order(self, order: PurchaseOrder) -> Exchange[PlacedOrder]:
        """Order goods; with a reference it is placed once, however often it is asked for.

        Raises:
            BulkEditorError: Business One refuses it, or no answer tells whether it was taken.
        """
        found = yield from self._order(order)
        if found is not None:
            return found
        try:
            response = yield self.post(f"{_ROOT}/PurchaseOrders", json=self._document(order))
        except BulkEditorError as error:
            if self.classify(error).action != "unknown":
                raise
            found = yield from self._order(order)
            if found is None:
                raise
            return found
        body: Entity = response.json()
        return _placed({name: body.get(name) for name in ("DocEntry", "DocNum")})

    def _document(self, order: PurchaseOrder) -> dict[str, object]:
        lines: list[dict[str, object]] = []
        for line in order.lines:
            place, price = order.location or self.warehouse, line.price
            lines.append(
                {
                    "ItemCode": line.key,
                    "Quantity": line.quantity,
                    **({} if price is None else {"UnitPrice": price}),
                    **({} if place is None else {"WarehouseCode": place}),
                }
            )
        return {
            "CardCode": order.supplier,
            "DocumentLines": lines,
            **({} if order.due is None else {"DocDueDate": order.due.isoformat()}),
            **({} if order.reference is None else {"NumAtCard": order.reference}),
        }

    def _order(self, order: PurchaseOrder) -> Exchange[PlacedOrder | None]:
        """The order that was placed under this reference before."""
        if order.reference is None:
            return None
        same = f"NumAtCard eq {odata.text(order.reference)}"
        url = odata.address(
            f"{_ROOT}/PurchaseOrders",
            filter=odata.all_of(same, f"CardCode eq {odata.text(order.supplier)}"),
            select="DocEntry,DocNum",
        )
        rows = rows_of((yield self.get(url)), "value")
        return _placed(cast("Entity", rows[0])) if rows else None


def _page_of(size: int | None) -> Mapping[str, str]:
    # 20 rows a page, unless it is asked for more.
    return {} if size is None else {"Prefer": f"odata.maxpagesize={size}"}


def _moves(change: Change) -> bool:
    return "inventory_quantity" in change.values or "inventory_quantity" in change.delta


def _levels(row: Entity) -> object:
    if "ItemWarehouseInfoCollection" not in row:
        return MISSING
    return [
        StockLevel(
            location=str(each.get("WarehouseCode")),
            on_hand=(held := _number(each.get("InStock"))),
            reserved=(promised := _number(each.get("Committed"))),
            # What is on order is not there yet, although Business One counts it as available.
            available=held - promised,
            incoming=_number(each.get("Ordered")),
        )
        for each in odata.inner(row, "ItemWarehouseInfoCollection")
    ]


def _number(value: object) -> Decimal:
    return Decimal() if value is None else Number().read(value)


def _placed(document: Entity) -> PlacedOrder:
    number = document.get("DocNum")
    return PlacedOrder(
        id=str(document.get("DocEntry")), number=None if number is None else str(number), raw=document
    )


__all__ = ["BusinessOne"]

"""What the Service Layer answers to one request, single or within a batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from urllib.parse import parse_qsl, quote, urlencode

from bulkeditor.testing._standin import Answer, Entry
from bulkeditor.testing.vendors._sap.b1_model import ITEM_COLLECTIONS, LINES, SETS
from bulkeditor.testing.vendors._sap.b1_state import OURS, B1State
from bulkeditor.testing.vendors._sap.b1_wire import body_of, values_of, wire
from bulkeditor.testing.vendors._sap.odata import (
    EntitySet,
    FilterReader,
    ODataError,
    Prop,
    Row,
    address_of,
    count_of,
    ordered,
    ordering,
)
from bulkeditor.testing.vendors._sap.odata_batch import Part
from bulkeditor.testing.vendors._sap.service import Asked

_PAGE: Final = 20
_KINDS: Final = {
    "String": ("string",),
    "Enum": ("string",),
    "Double": ("number",),
    "Int32": ("number",),
    "DateTime": ("string", "datetime"),
    "Time": ("string", "time"),
}
_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "v1": frozenset({"$filter", "$orderby", "$top", "$skip", "$select", "$inlinecount", "$format"}),
    "v2": frozenset({"$filter", "$orderby", "$top", "$skip", "$select", "$count", "$format"}),
}
_USER_TYPES: Final[Mapping[str, str]] = {"db_Alpha": "String", "db_Numeric": "Int32", "db_Float": "Double"}


class B1Requests(B1State):
    """Reads and writes of entity sets."""

    def _one(self, service: str, part: Part, entry: Entry) -> Answer:
        path, _, query = part.target.partition("?")
        path = re.sub(r"^(https?://[^/]+)?/b1s/v[12]/", "", path)
        options = dict(parse_qsl(query, keep_blank_values=True))
        unknown = sorted(options.keys() - _OPTIONS[service])
        if unknown:
            raise ODataError(400, f"Query option '{unknown[0]}' is not supported", "-1000")
        address = address_of(path)
        if address.name not in SETS or address.link:
            raise ODataError(404, f"Unrecognized resource path '{path}'", "-1000")
        asked = Asked(
            service=service,
            entities=SETS[address.name],
            address=address,
            options=options,
            part=part,
            entry=entry,
        )
        if part.method == "GET":
            return self._list(asked) if address.key is None else self._get(asked)
        return self._write(asked)

    # Reads

    def _get(self, asked: Asked) -> Answer:
        row = self._find(asked)
        asked.entry.rows += asked.entities.name == "Items"
        word = "odata.metadata" if asked.service == "v1" else "@odata.context"
        about = f"{self.base_url}/b1s/{asked.service}/$metadata#{asked.entities.name}/@Element"
        return Answer(body={word: about, **self._sent(asked, row)})

    def _find(self, asked: Asked) -> Row:
        given, keys = asked.address.key or {}, asked.entities.keys
        names = [""] if len(keys) == 1 and "" in given else list(keys)
        if sorted(given) != sorted(names):
            raise ODataError(400, f"Invalid key of '{asked.entities.name}'", "-1000")
        row = self._tables[asked.entities.name].get(tuple(given[name][1] for name in names))
        if row is None:
            raise ODataError(404, "No matching records found (ODBC -2028)", "-2028")
        return row

    def _list(self, asked: Asked) -> Answer:
        options, props = asked.options, self._props(asked.entities)
        rows: Iterable[Row] = self.rows(asked.entities.name)
        if "$filter" in options:
            holds = FilterReader(props, _KINDS, _functions(asked.service)).read(options["$filter"])
            rows = [row for row in rows if holds(row)]
        order = ordering(options.get("$orderby", ""), props)
        found = ordered(rows, [*order, *((key, False) for key in asked.entities.keys)])
        at = "" if asked.service == "v1" else "@"
        about = f"{self.base_url}/b1s/{asked.service}/$metadata#{asked.entities.name}"
        body: Row = {"odata.metadata" if asked.service == "v1" else "@odata.context": about}
        if options.get("$inlinecount") == "allpages":
            body["odata.count"] = str(len(found))
        if options.get("$count") == "true":
            body["@odata.count"] = len(found)
        page, onward = self._page(asked, found)
        body["value"] = page
        if onward is not None:
            body[f"{at}odata.nextLink"] = onward
        return Answer(body=body)

    def _page(self, asked: Asked, found: list[Row]) -> tuple[list[Row], str | None]:
        options, entry, items = asked.options, asked.entry, asked.entities.name == "Items"
        skip, top = count_of(options, "$skip") or 0, count_of(options, "$top")
        end = len(found) if top is None else min(skip + top, len(found))
        size = _wanted(asked.part.headers) or end
        empty = items and self.strikes("empty_page", entry)
        after = skip if empty else min(skip + size, end)
        page = [self._sent(asked, row) for row in found[skip:after]]
        if items and self.strikes("bad_row", entry):
            page.append({"ItemName": "no code"})
        entry.rows += len(page) if items else 0
        if after >= end:
            return page, None
        rest = {**options, "$skip": str(after)}
        if top is not None:
            rest["$top"] = str(end - after)
        if empty:
            # An address of its own: else it would be the one that was asked for just now.
            rest.update({"$inlinecount": "none"} if asked.service == "v1" else {"$count": "false"})
        return page, f"{asked.entities.name}?{urlencode(rest, safe='$', quote_via=quote)}"

    def _sent(self, asked: Asked, row: Row) -> Row:
        props, names = self._props(asked.entities), asked.options.get("$select", "")
        found: Row = {
            name: wire(prop, row[name], version=asked.service) for name, prop in props.items() if name in row
        }
        for name, (_, inner) in {**ITEM_COLLECTIONS, **LINES}.items():
            if name in row:
                lines = cast("list[Row]", row[name])
                found[name] = [
                    {one: wire(inner[one], value, version=asked.service) for one, value in line.items()}
                    for line in lines
                ]
        if not names or names == "*":
            return found
        unknown = [name for name in names.split(",") if name.strip() not in found]
        if unknown:
            raise ODataError(400, f"Property '{unknown[0]}' of '{asked.entities.type}' is invalid", "-1000")
        return {name.strip(): found[name.strip()] for name in names.split(",")}

    def _props(self, entities: EntitySet) -> Mapping[str, Prop]:
        if entities.name != "Items":
            return entities.props
        return {
            **entities.props,
            **{name: Prop(_USER_TYPES[kind]) for name, kind in self.user_fields().items()},
        }

    # Writes

    def _write(self, asked: Asked) -> Answer:
        method, name = asked.part.method, asked.entities.name
        if method not in asked.entities.verbs:
            raise ODataError(405, f"{method} is not supported for '{name}'", "-1000")
        if method == "POST":
            return self._post(asked)
        item = self._find(asked)
        key = str(item["ItemCode"])
        if key in self.refused:
            raise ODataError(400, self.refused[key], "-10")
        if method == "DELETE":
            self.remove(key)
            self.commit(asked.entry, key, "deleted", False, True)
        else:
            self._change(asked, item, key)
        return Answer(status=204)

    def _change(self, asked: Asked, item: Row, key: str) -> None:
        given = body_of(asked.part.body)
        simple = {name: value for name, value in given.items() if name not in ITEM_COLLECTIONS}
        values = values_of(self._props(asked.entities), simple, "Item")
        if values.pop("ItemCode", key) != key:
            raise ODataError(400, "Property 'ItemCode' of 'Item' is read-only", "-1000")
        lines = {name: self._lines_of(item, name, given[name]) for name in ITEM_COLLECTIONS if name in given}
        for name, value in values.items():
            if name in OURS or item[name] != value:
                self.commit(asked.entry, key, OURS.get(name, name), item[name], value)
            item[name] = value
        replace = asked.part.headers.get("b1s-replacecollectionsonpatch", "").lower() == "true"
        if "ItemPrices" in lines:
            before = self.prices(key)
            if replace:
                given_lists = {line["PriceList"] for line in lines["ItemPrices"]}
                gone = [number for number in before if number not in given_lists]
                self._reprice(item, [{"PriceList": number, "Price": None} for number in gone])
            self._reprice(item, lines["ItemPrices"])
            self.commit(asked.entry, key, "price", before[1], self.prices(key)[1])
        for line in lines.get("ItemWarehouseInfoCollection", ()):
            held = cast("list[Row]", item["ItemWarehouseInfoCollection"])
            next(one for one in held if one["WarehouseCode"] == line["WarehouseCode"]).update(line)
        self._touch(item, self.clock.now())

    def _lines_of(self, item: Row, name: str, given: object) -> list[Row]:
        """Lines of a collection, each told apart by its key."""
        key, props = ITEM_COLLECTIONS[name]
        held = {line[key] for line in cast("list[Row]", item[name])}
        lines = [values_of(props, one, name) for one in cast("list[Mapping[str, object]]", given)]
        for line in lines:
            if line.get(key) not in held:
                raise ODataError(400, f"{key} '{line.get(key)}' of '{name}' is not there", "-2028")
        return lines

    def _post(self, asked: Asked) -> Answer:
        given, name = body_of(asked.part.body), asked.entities.name
        collection = "InventoryPostingLines" if name == "InventoryPostings" else "DocumentLines"
        raw = given.get(collection)
        if not isinstance(raw, list) or not raw:
            raise ODataError(400, f"Enter at least one line in '{collection}'", "-5002")
        lines = [values_of(LINES[collection][1], one, collection) for one in cast("list[Row]", raw)]
        head = values_of(asked.entities.props, {k: v for k, v in given.items() if k != collection}, name)
        for line in lines:
            self._check_line(line)
        row = {
            "PurchaseOrders": self._ordered,
            "InventoryPostings": self._counted,
            "InventoryGenEntries": self._moved,
            "InventoryGenExits": self._moved,
        }[name](asked, head, lines)
        row[collection] = [{LINES[collection][0]: place, **line} for place, line in enumerate(lines)]
        return Answer(status=201, body=self._sent(asked, row))

    def _check_line(self, line: Row) -> None:
        key = str(line.get("ItemCode"))
        if (key,) not in self._tables["Items"]:
            raise ODataError(400, f"Item '{key}' does not exist", "-2028")
        if key in self.refused:
            raise ODataError(400, self.refused[key], "-10")
        line.setdefault("WarehouseCode", self.warehouse)
        if (line["WarehouseCode"],) not in self._tables["Warehouses"]:
            raise ODataError(400, f"Warehouse '{line['WarehouseCode']}' does not exist", "-2028")

    def _ordered(self, asked: Asked, head: Row, lines: list[Row]) -> Row:
        if head.get("CardCode") not in self.suppliers:
            raise ODataError(400, f"Vendor '{head.get('CardCode')}' does not exist", "-5002")
        if not isinstance(head.get("DocDueDate"), datetime):
            raise ODataError(400, "Enter the delivery date in 'DocDueDate'", "-5002")
        total = Decimal(0)
        for line in lines:
            quantity = cast("Decimal", line.get("Quantity") or Decimal(0))
            if quantity <= 0:
                raise ODataError(400, "'Quantity' must be greater than 0", "-5002")
            price = cast("Decimal", line.get("UnitPrice", line.get("Price")) or Decimal(0))
            line.update({"Price": price, "UnitPrice": price, "LineTotal": quantity * price})
            line["LineStatus"] = "bost_Open"
            total += quantity * price
        number = next(self._numbers)
        more: Row = {"DocDate": _today(self.clock.now()), "DocCurrency": self.currency, **head}
        status = {"DocTotal": total, "DocumentStatus": "bost_Open"}
        row = self._insert("PurchaseOrders", **{**more, **status}, DocEntry=number, DocNum=number)
        for line in lines:
            self.commit(asked.entry, str(line["ItemCode"]), "ordered", None, line["Quantity"])
        return row

    def _counted(self, asked: Asked, head: Row, lines: list[Row]) -> Row:
        for line in lines:
            if line.get("CountedQuantity") is None:
                raise ODataError(400, "Enter 'CountedQuantity'", "-5002")
            self._stocked(asked, line, cast("Decimal", line["CountedQuantity"]))
        number = next(self._numbers)
        return self._insert("InventoryPostings", **head, DocumentEntry=number, DocumentNumber=number)

    def _moved(self, asked: Asked, head: Row, lines: list[Row]) -> Row:
        sign = 1 if asked.entities.name == "InventoryGenEntries" else -1
        targets: list[Decimal] = []
        for line in lines:
            quantity = cast("Decimal", line.get("Quantity") or Decimal(0))
            there = self.stock(str(line["ItemCode"]))[str(line["WarehouseCode"])]
            if quantity <= 0 or there + sign * quantity < 0:
                raise ODataError(400, "Quantity falls into negative inventory", "-10")
            targets.append(there + sign * quantity)
        for line, after in zip(lines, targets, strict=True):
            self._stocked(asked, line, after)
        number = next(self._numbers)
        more: Row = {"DocDate": _today(self.clock.now()), **head, "DocumentStatus": "bost_Close"}
        return self._insert(asked.entities.name, **more, DocEntry=number, DocNum=number)

    def _stocked(self, asked: Asked, line: Row, after: Decimal) -> None:
        key, item = str(line["ItemCode"]), self._tables["Items"][(line["ItemCode"],)]
        before = sum(self.stock(key).values())
        self._restock(item, str(line["WarehouseCode"]), after)
        self._touch(item, self.clock.now())
        self.commit(asked.entry, key, "inventory_quantity", before, sum(self.stock(key).values()))


def _functions(version: str) -> Mapping[str, Callable[[str, str], bool]]:
    inside = "substringof" if version == "v1" else "contains"
    return {
        inside: lambda held, part: part in held,
        "startswith": lambda held, part: held.startswith(part),
        "endswith": lambda held, part: held.endswith(part),
    }


def _wanted(headers: Mapping[str, str]) -> int:
    """Rows of a page; 0 is all of them."""
    found = re.search(r"odata\.maxpagesize=(\d+)", headers.get("prefer", ""))
    return int(found[1]) if found else _PAGE


def _today(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


__all__ = ["B1Requests"]

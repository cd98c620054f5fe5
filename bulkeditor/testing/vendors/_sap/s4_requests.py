"""What the services of S/4HANA answer to one request each, single or within a batch."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, cast
from urllib.parse import parse_qsl, quote, urlencode

import attrs

from bulkeditor.testing._standin import Answer, Entry
from bulkeditor.testing.vendors._sap.odata import (
    EntitySet,
    FilterReader,
    Link,
    ODataError,
    Prop,
    Row,
    address_of,
    count_of,
    ordered,
    ordering,
)
from bulkeditor.testing.vendors._sap.odata_batch import Part
from bulkeditor.testing.vendors._sap.s4_model import SERVICES
from bulkeditor.testing.vendors._sap.s4_state import ENTITIES, OURS, S4State
from bulkeditor.testing.vendors._sap.s4_wire import entity, etag_of, read_value, selected
from bulkeditor.testing.vendors._sap.service import Asked

ROOT: Final = "/sap/opu/odata/sap/"
"""Below it are the services."""

_ATOM: Final = b'<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"/>'
_OPTIONS: Final = frozenset(
    {
        *(
            "$filter",
            "$orderby",
            "$top",
            "$skip",
            "$select",
            "$expand",
            "$inlinecount",
            "$format",
            "$skiptoken",
        ),
        *("sap-client", "sap-language"),
    }
)
_KINDS: Final = {
    "String": ("string",),
    "Decimal": ("number",),
    "DateTime": ("datetime",),
    "DateTimeOffset": ("datetimeoffset",),
    "Boolean": ("boolean",),
}
# Goods movement code to movement types, each with its sign.
_MOVEMENTS: Final[Mapping[str, Mapping[str, int]]] = {
    "03": {"201": -1, "202": 1, "551": -1, "552": 1},
    "05": {"501": 1, "502": -1, "561": 1, "562": -1},
}
_NEW_PRICE: Final = ("ConditionType", "ConditionRateValue", "ConditionRateValueUnit")
_NEW_ITEM: Final = (
    "Material",
    "Plant",
    "StorageLocation",
    "GoodsMovementType",
    "QuantityInEntryUnit",
    "EntryUnit",
)


class S4Requests(S4State):
    """Reads and writes of entity sets."""

    def _one(self, service: str, part: Part, entry: Entry) -> Answer:
        path, _, query = part.target.partition("?")
        path = path.rpartition(f"{ROOT}{service}/")[2]
        options = dict(parse_qsl(query, keep_blank_values=True))
        unknown = sorted(options.keys() - _OPTIONS)
        if unknown:
            raise ODataError(400, f"The query option '{unknown[0]}' is not supported")
        address = address_of(path)
        if address.name not in SERVICES[service]:
            raise ODataError(404, f"Resource not found for the segment '{address.name}'")
        asked = Asked(
            service=service,
            entities=ENTITIES[address.name],
            address=address,
            options=options,
            part=part,
            entry=entry,
        )
        return self._read(asked) if part.method == "GET" else self._write(asked)

    def _root(self, asked: Asked) -> str:
        return f"{self.base_url}{ROOT}{asked.service}"

    # Reads

    def _read(self, asked: Asked) -> Answer:
        wants = asked.part.headers.get("accept", "")
        if asked.options.get("$format") != "json" and "application/json" not in wants:
            return Answer(body=_ATOM, headers={"Content-Type": "application/atom+xml"})
        if asked.address.key is None:
            return self._list(asked, self.rows(asked.entities.name))
        row = self._find(asked)
        if asked.address.link:
            if asked.address.link not in asked.entities.links:
                raise ODataError(404, f"Resource not found for the segment '{asked.address.link}'")
            link = asked.entities.links[asked.address.link]
            asked = attrs.evolve(asked, entities=ENTITIES[link.target])
            if link.many:
                return self._list(asked, self._linked(link, row))
            row = self._linked(link, row)[0]
        asked.entry.rows += asked.entities.name == "A_Product"
        headers = {"ETag": etag_of(row)} if asked.entities.etag else {}
        return Answer(body={"d": self._sent(asked, row)}, headers=headers)

    def _find(self, asked: Asked) -> Row:
        given, keys = asked.address.key or {}, asked.entities.keys
        names = [""] if len(keys) == 1 and "" in given else list(keys)
        if sorted(given) != sorted(names):
            raise ODataError(400, f"Invalid key predicate type for {asked.entities.name}")
        row = self._tables[asked.entities.name].get(tuple(given[name][1] for name in names))
        if row is None:
            raise ODataError(404, f"Resource {asked.entities.name} not found", "/IWBEP/CM_MGW_RT/020")
        return row

    def _list(self, asked: Asked, rows: Iterable[Row]) -> Answer:
        options, props = asked.options, self._props(asked.entities)
        if "$filter" in options:
            holds = FilterReader(props, _KINDS, _functions()).read(options["$filter"])
            rows = [row for row in rows if holds(row)]
        order = ordering(options.get("$orderby", ""), props)
        # The key decides between equals, as the database's index does.
        found = ordered(rows, [*order, *((key, False) for key in asked.entities.keys)])
        count, skip, top = len(found), count_of(options, "$skip") or 0, count_of(options, "$top")
        found = found[skip:] if top is None else found[skip : skip + top]
        body = self._page(asked, found)
        if options.get("$inlinecount") == "allpages":
            body["__count"] = str(count)
        return Answer(body={"d": body})

    def _page(self, asked: Asked, found: Sequence[Row]) -> Row:
        token = re.fullmatch(r"(\d+)(?:~\d+)?", asked.options.get("$skiptoken", "0"))
        if token is None:
            raise ODataError(400, "Invalid $skiptoken")
        start, entry, products = int(token[1]), asked.entry, asked.entities.name == "A_Product"
        empty = products and self.strikes("empty_page", entry)
        page = [] if empty else [self._sent(asked, row) for row in found[start:][: self.page]]
        if products and self.strikes("bad_row", entry):
            page.append({"__metadata": {"type": asked.entities.type}, "ProductType": "HAWA"})
        entry.rows += len(page) if products else 0
        body: Row = {"results": page}
        after = start if empty else start + self.page
        if after < len(found):
            # Every link is an address of its own, one after an empty page, too.
            after_token = f"{after}~{next(self._numbers)}" if empty else str(after)
            onward = urlencode({**asked.options, "$skiptoken": after_token}, safe="$", quote_via=quote)
            body["__next"] = f"{self._root(asked)}/{asked.entities.name}?{onward}"
        return body

    def _sent(self, asked: Asked, row: Row) -> Row:
        entities, options = asked.entities, asked.options
        found = entity(entities, row, self._root(asked))
        found.update({name: row[name] for name in self._custom(entities.name)})
        for name in filter(None, options.get("$expand", "").split(",")):
            if name not in entities.links:
                raise ODataError(400, f"Navigation property '{name}' not found in the entity type")
            link = entities.links[name]
            rows = [entity(ENTITIES[link.target], one, self._root(asked)) for one in self._linked(link, row)]
            found[name] = {"results": rows} if link.many else next(iter(rows), None)
        names = [name for name in options.get("$select", "").split(",") if name]
        for name in names:
            first, _, rest = name.partition("/")
            inner = entities.links.get(first)
            reached = not rest or (inner is not None and rest in ENTITIES[inner.target].props)
            if first not in found or not reached:
                raise ODataError(400, f"Property '{name}' not found in the entity type")
        return selected(found, names) if names and "*" not in names else found

    def _linked(self, link: Link, row: Row) -> list[Row]:
        return [other for other in self.rows(link.target) if other[link.on] == row[link.on]]

    def _props(self, entities: EntitySet) -> Mapping[str, Prop]:
        return {**entities.props, **{name: Prop("String", 40) for name in self._custom(entities.name)}}

    # Writes

    def _write(self, asked: Asked) -> Answer:
        method = "PATCH" if asked.part.method == "MERGE" else asked.part.method
        if method not in asked.entities.verbs:
            raise ODataError(405, f"Method '{method}' is not allowed for {asked.entities.name}")
        if method == "POST":
            return self._create(asked)
        row = self._find(asked)
        self._match(asked, row)
        product = self._product_of(row)
        if product in self.refused:
            raise ODataError(400, self.refused[product], "M3/024")
        if method == "DELETE":
            self.commit(asked.entry, product, "price", row["ConditionRateValue"], None)
            self._drop(row)
            return Answer(status=204)
        self._change(asked, row, product)
        return Answer(status=204, headers={"ETag": etag_of(row)} if asked.entities.etag else {})

    def _match(self, asked: Asked, row: Row) -> None:
        if not asked.entities.etag:
            return
        given = asked.part.headers.get("if-match")
        if given is None:
            raise ODataError(428, "Precondition required: If-Match is missing", "/IWBEP/CM_MGW_RT/021")
        if given not in ("*", etag_of(row)):
            raise ODataError(412, "Precondition failed", "/IWBEP/CM_MGW_RT/022")

    def _product_of(self, row: Row) -> str:
        if "Product" in row:
            return str(row["Product"])
        validities = self.rows("A_SlsPrcgCndnRecdValidity")
        mine = (one["Material"] for one in validities if one["ConditionRecord"] == row["ConditionRecord"])
        return str(next(mine, ""))

    def _change(self, asked: Asked, row: Row, product: str) -> None:
        given = _json(asked.part)
        values = self._values(asked.entities, given, row)
        for name, value in values.items():
            if name in OURS or row[name] != value:
                self.commit(asked.entry, product, OURS.get(name, name), row[name], value)
            row[name] = value
        now = self.clock.now()
        if asked.entities.etag:
            self._stamp(row, now)
        elif asked.entities.name != "A_ProductValuation":
            self._touch(self._tables["A_Product"][(product,)], now)

    def _values(self, entities: EntitySet, given: Mapping[str, object], row: Row | None) -> Row:
        """The values of a request, read; keys are no values of a change."""
        props, found = self._props(entities), Row()
        for name, value in given.items():
            if name == "__metadata" or name in entities.links:
                continue
            if name not in props:
                raise ODataError(400, f"Property '{name}' is invalid", "/IWCOR/CX_DS_EDM_FACADE_ERROR")
            if props[name].read_only:
                raise ODataError(400, f"Property '{name}' is read-only")
            read = read_value(name, props[name], value)
            if row is not None and name in entities.keys:
                if read != row[name]:
                    raise ODataError(400, f"Key property '{name}' cannot be changed")
                continue
            found[name] = read
        return found

    def _create(self, asked: Asked) -> Answer:
        given = _json(asked.part)
        if asked.entities.name == "A_SlsPrcgConditionRecord":
            row = self._new_price(asked, given)
        else:
            row = self._new_movement(asked, given)
        sent = entity(asked.entities, row, self._root(asked))
        about = cast("Mapping[str, str]", sent["__metadata"])
        return Answer(status=201, body={"d": sent}, headers={"location": about["uri"]})

    def _new_price(self, asked: Asked, given: Mapping[str, object]) -> Row:
        values = self._values(asked.entities, given, None)
        _require(values, _NEW_PRICE)
        validities = [
            self._values(ENTITIES["A_SlsPrcgCndnRecdValidity"], one, None)
            for one in _nested(given, "to_SlsPrcgCndnRecdValidity")
        ]
        for validity in validities:
            _require(validity, ("Material", "ConditionValidityStartDate", "ConditionValidityEndDate"))
            self._must_exist(str(validity["Material"]))
            self._make_room(validity, values["ConditionType"])
        record = self._new_record(values, validities)
        product = str(validities[0]["Material"])
        self.commit(asked.entry, product, "price", None, record["ConditionRateValue"])
        return record

    def _must_exist(self, product: str) -> None:
        if (product,) not in self._tables["A_Product"]:
            raise ODataError(400, f"Material {product} does not exist or is not activated", "M3/305")
        if product in self.refused:
            raise ODataError(400, self.refused[product], "M3/024")

    def _make_room(self, validity: Row, condition: object) -> None:
        """A new price for the same key ends the old one on the day before."""
        start = cast("datetime", validity["ConditionValidityStartDate"])
        for row in self.rows("A_SlsPrcgCndnRecdValidity"):
            ends = cast("datetime", row["ConditionValidityEndDate"])
            same = row["Material"] == validity["Material"] and row["ConditionType"] == condition
            if not same or ends < start:
                continue
            record = self._tables["A_SlsPrcgConditionRecord"][(row["ConditionRecord"],)]
            if cast("datetime", row["ConditionValidityStartDate"]) >= start:
                self._drop(record)
                continue
            del self._tables["A_SlsPrcgCndnRecdValidity"][(row["ConditionRecord"], ends)]
            row["ConditionValidityEndDate"] = start - timedelta(days=1)
            record["ConditionValidityEndDate"] = row["ConditionValidityEndDate"]
            self._tables["A_SlsPrcgCndnRecdValidity"][
                (row["ConditionRecord"], row["ConditionValidityEndDate"])
            ] = row

    def _new_movement(self, asked: Asked, given: Mapping[str, object]) -> Row:
        header = self._values(asked.entities, given, None)
        _require(header, ("GoodsMovementCode", "PostingDate"))
        items = [
            self._values(ENTITIES["A_MaterialDocumentItem"], one, None)
            for one in _nested(given, "to_MaterialDocumentItem")
        ]
        signs = _MOVEMENTS.get(str(header["GoodsMovementCode"]), {})
        moves = [self._moved(item, signs) for item in items]
        number, year = f"{4900000000 + next(self._numbers)}", str(self.clock.now().year)
        for place, (item, (row, change)) in enumerate(zip(items, moves, strict=True), start=1):
            key = str(item["Material"])
            before = self.unrestricted(key)
            row["MatlWrhsStkQtyInMatlBaseUnit"] = (
                cast("Decimal", row["MatlWrhsStkQtyInMatlBaseUnit"]) + change
            )
            self.commit(asked.entry, key, "inventory_quantity", before, before + change)
            self._insert(
                "A_MaterialDocumentItem",
                **{**item, "MaterialDocumentYear": year, "MaterialDocument": number},
                MaterialDocumentItem=str(place),
            )
        return self._insert(
            "A_MaterialDocumentHeader", **{**header, "MaterialDocumentYear": year, "MaterialDocument": number}
        )

    def _moved(self, item: Row, signs: Mapping[str, int]) -> tuple[Row, Decimal]:
        """The stock that an item moves, and by how much."""
        _require(item, _NEW_ITEM)
        key, kind = str(item["Material"]), str(item["GoodsMovementType"])
        self._must_exist(key)
        if kind not in signs:
            raise ODataError(400, f"Movement type {kind} is not allowed here", "M7/036")
        if kind in ("201", "202") and not item.get("CostCenter"):
            raise ODataError(400, "Enter Cost Center", "M7/018")
        if item["Plant"] != self.plant or item["StorageLocation"] not in self.storages:
            raise ODataError(400, f"Storage location {item['StorageLocation']} is not there", "M7/091")
        row = self._place(key, str(item["Plant"]), str(item["StorageLocation"]))
        change = cast("Decimal", item["QuantityInEntryUnit"]) * signs[kind]
        after = cast("Decimal", row["MatlWrhsStkQtyInMatlBaseUnit"]) + change
        if after < 0:
            raise ODataError(400, f"Deficit of SL Unrestricted-use {-after} PC : {key}", "M7/021")
        return row, change


def _functions() -> Mapping[str, Callable[[str, str], bool]]:
    return {
        "substringof": lambda held, part: part in held,
        "startswith": lambda held, part: held.startswith(part),
        "endswith": lambda held, part: held.endswith(part),
    }


def _json(part: Part) -> Mapping[str, object]:
    if not part.headers.get("content-type", "").startswith("application/json"):
        raise ODataError(415, "The content type is not supported", "/IWFND/CM_MGW/415")
    try:
        found: object = json.loads(part.body)
    except ValueError:
        raise ODataError(400, "Error while parsing the body", "CX_SXML_PARSE_ERROR") from None
    if not isinstance(found, dict):
        raise ODataError(400, "Error while parsing the body", "CX_SXML_PARSE_ERROR")
    return cast("Mapping[str, object]", found)


def _nested(given: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """What is created together with its parent: a list, bare or under ``results``."""
    found = given.get(name)
    if isinstance(found, dict):
        found = cast("Mapping[str, object]", found).get("results")
    if not isinstance(found, list) or not found:
        raise ODataError(400, f"'{name}' is missing", "/IWBEP/CM_MGW_RT/004")
    return cast("list[Mapping[str, object]]", found)


def _require(values: Mapping[str, object], names: Iterable[str]) -> None:
    for name in names:
        if values.get(name) in (None, ""):
            raise ODataError(400, f"Property '{name}' is mandatory", "/IWBEP/CM_MGW_RT/004")


__all__ = ["ROOT", "S4Requests"]

"""What the stand-in for NetSuite answers to requests for records, single ones and those of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final
from urllib.parse import urlencode

from bulkeditor.http import Clock
from bulkeditor.testing._standin import Answer, Entry
from bulkeditor.testing.vendors._netsuite.books import FIELDS, Item, RefusedError
from bulkeditor.testing.vendors._netsuite.state import NetSuiteState
from bulkeditor.testing.vendors._netsuite.views import matches, shown_item, sublists
from bulkeditor.testing.vendors._netsuite.wire import collection_of, item_ids, page_of, refusal

ROOT: Final = "/services/rest"
"""Below it are all services."""
TYPES: Final[Mapping[str, str]] = {
    name.lower(): name for name in ("inventoryItem", "inventoryAdjustment", "purchaseOrder")
}
"""Record types, by their names in lower case."""


class NetSuiteRecords(NetSuiteState):
    """Reads and writes of records.

    Args:
        clock: Its time.
        zone: The account's time zone.
    """

    def __init__(self, *, clock: Clock | None = None, zone: tzinfo = UTC) -> None:
        super().__init__(clock=clock, zone=zone)
        self.one_world = True
        """Whether subsidiaries are obligatory."""
        self.price_moves_date = True
        """Whether a price-only change moves ``lastmodifieddate``; in some accounts it does not."""
        self._gaps: dict[str, int] = {}

    def _tried(
        self, entry: Entry, method: str, kind: str, ref: str | None, body: Mapping[str, Any]
    ) -> Answer:
        try:
            return self._written(entry, method, kind, ref, body)
        except RefusedError as error:
            return refusal(error.status, "Bad Request", error.code, error.detail, error.path)

    def _written(
        self, entry: Entry, method: str, kind: str, ref: str | None, body: Mapping[str, Any]
    ) -> Answer:
        strict = entry.headers.get("x-netsuite-propertynamevalidation", "Warning").lower() == "error"
        if method == "POST" and ref is not None:
            raise RefusedError("METHOD_NOT_ALLOWED", "POST goes to the collection.", status=405)
        if method != "POST" and ref is None:
            raise RefusedError("INVALID_CONTENT", "Neither an id nor an external id is given.")
        if method == "PUT" and not str(ref).startswith("eid:"):
            raise RefusedError("INVALID_REQUEST", "PUT is supported with an external id only.")
        if method not in ("POST", "PUT", "PATCH", "DELETE"):
            raise RefusedError("METHOD_NOT_ALLOWED", method, status=405)
        write = self._write_item if kind == "inventoryItem" else self._write_transaction
        number = write(entry, method, kind, ref, body, strict=strict)
        self._changed()
        return Answer(status=204, headers={"Location": f"{self.base_url}{ROOT}/record/v1/{kind}/{number}"})

    def _write_item(
        self, entry: Entry, method: str, kind: str, ref: str | None, body: Mapping[str, Any], *, strict: bool
    ) -> int:
        del kind
        item = self._aim(method, ref, body)
        self._observe(item.itemid)
        if method == "DELETE":
            self.remove(item.itemid)
            self.commit(entry, item.itemid, "sku", item.itemid, None)
            return item.id
        # What says which record is meant is no change of it.
        named = {"id": str(item.id), "externalId": item.external_id}
        rest = {name: value for name, value in body.items() if name not in named or value != named[name]}
        replaced = entry.params.get("replace", "").split(",")
        changed = self.books.update(item, rest, strict=strict, replace=replaced)
        if item.id not in self.books.items:
            self.books.items[item.id] = item
            self.commit(entry, item.itemid, "sku", None, item.itemid)
        for field, before, after in changed:
            if field != "sku":
                self.commit(entry, item.itemid, field, before, after)
        if self.price_moves_date or any(not field.startswith("price") for field, _, _ in changed):
            item.modified = self._now()
        return item.id

    def _aim(self, method: str, ref: str | None, body: Mapping[str, Any]) -> Item:
        """The item that is written: one that is there, or one that may come to be."""
        if ref is not None:
            try:
                return self.books.find(ref)
            except RefusedError:
                if method != "PUT":
                    raise
        name = body.get("itemId")
        if not isinstance(name, str) or not name.strip():
            raise RefusedError("USER_ERROR", "Please enter value(s) for: Item Name/Number.", "itemId")
        if self.books.named(name) is not None:
            raise RefusedError("USER_ERROR", "An item with that name already exists.", "itemId")
        fresh = self.books.add(name, self._now())
        fresh.external_id = ref[4:] if ref is not None else None
        # It is there only once all of it could be kept.
        del self.books.items[fresh.id]
        return fresh

    def _write_transaction(
        self, entry: Entry, method: str, kind: str, ref: str | None, body: Mapping[str, Any], *, strict: bool
    ) -> int:
        if method not in ("POST", "PUT"):
            raise RefusedError("METHOD_NOT_ALLOWED", f"{kind} is not changed here.", status=405)
        for item in self.books.items.values():
            if str(item.id) in item_ids(body):
                self._observe(item.itemid)
        held = {item.id: item.on_hand for item in self.books.items.values()}
        given = body if ref is None else {**body, "externalId": ref[4:]}
        known = None if ref is None else self.books.transaction(kind, ref[4:])
        if known is None:
            booked = self.books.book(kind, given, self._now(), one_world=self.one_world, strict=strict)
        else:
            booked = self.books.rebook(known, given, one_world=self.one_world, strict=strict)
        for item in self.books.items.values():
            if held[item.id] != item.on_hand:
                self.commit(entry, item.itemid, "inventory_quantity", held[item.id], item.on_hand)
        if kind == "purchaseOrder" and known is None:
            self.commit(entry, booked.number, "purchase_order", None, given)
        return booked.id

    def _read(self, entry: Entry, kind: str, rest: Sequence[str]) -> Answer:
        if kind != "inventoryItem":
            return self._read_transaction(kind, rest)
        if not rest:
            return self._list(entry)
        item = self.books.find(rest[0])
        if len(rest) == 1:
            expand = entry.params.get("expandSubResources") == "true"
            shown = shown_item(item, f"{self.base_url}{ROOT}", self.zone, expand=expand)
            wanted = [name for name in entry.params.get("fields", "").split(",") if name]
            return Answer(body={name: shown[name] for name in shown if not wanted or name in wanted})
        lists = sublists(item)
        if rest[1] not in lists:
            raise RefusedError("NONEXISTENT_FIELD", f"The field {rest[1]} does not exist.", status=404)
        return Answer(body=collection_of(lists[rest[1]]))

    def _list(self, entry: Entry) -> Answer:
        limit, offset = page_of(entry)
        items = sorted(self.books.items.values(), key=lambda item: item.id)
        if "ids" in entry.params:
            wanted = entry.params["ids"].split(",")
            items = [item for item in items if str(item.id) in wanted]
        items = [item for item in items if matches(item, entry.params.get("q", ""))]
        whole = entry.params.get("expandRecords") == "true"
        rows: list[dict[str, object]] = []
        for item in items:
            here = f"{self.base_url}{ROOT}/record/v1/inventoryItem/{item.id}"
            link: dict[str, object] = {"links": [{"rel": "self", "href": here}], "id": str(item.id)}
            rows.append(
                {**link, **shown_item(item, f"{self.base_url}{ROOT}", self.zone, expand=False)}
                if whole
                else link
            )
        return self._page(entry, entry.path + entry.params.get("q", ""), rows, limit, offset, count=True)

    def _read_transaction(self, kind: str, rest: Sequence[str]) -> Answer:
        ref = rest[0] if rest else ""
        if ref.startswith("eid:"):
            found = self.books.transaction(kind, ref[4:])
        else:
            found = self.books.transactions.get(int(ref)) if ref.isdecimal() else None
        if found is None or found.kind != kind:
            raise RefusedError("NONEXISTENT_ID", "The record instance does not exist.", status=404)
        return Answer(body={"id": str(found.id), "tranId": found.number, **found.body})

    def _metadata(self, entry: Entry, rest: Sequence[str]) -> Answer:
        if not rest:
            return Answer(body=collection_of([{"name": name} for name in TYPES.values()]))
        if rest[0].lower() != "inventoryitem":
            raise RefusedError("NONEXISTENT_RECORD_TYPE", f"There is no {rest[0]}.", status=404)
        if entry.headers.get("accept") not in ("application/schema+json", "application/swagger+json"):
            raise RefusedError("INVALID_HEADER", "Accept must be application/schema+json.", status=406)
        names = [*FIELDS, *sorted(self.books.custom_fields), "price", "locations", "itemVendor"]
        properties: dict[str, object] = {name: {"title": name} for name in names}
        return Answer(body={"type": "object", "properties": properties})

    def _page(
        self,
        entry: Entry,
        what: str,
        rows: Sequence[dict[str, object]],
        limit: int,
        offset: int,
        *,
        count: bool,
    ) -> Answer:
        if offset == 0:
            self._gaps.pop(what, None)
        if self.strikes("empty_page", entry):
            # A page of rows that this role may not see: the others come after it.
            self._gaps[what] = offset
            page: list[dict[str, object]] = []
            start = offset
        else:
            gap = self._gaps.get(what)
            start = offset if gap is None or offset <= gap else offset - limit
            page = list(rows[start : start + limit])
            start += limit
        more = start < len(rows)
        if count and self.strikes("bad_row", entry):
            page.append({"links": []})
        if count:
            entry.rows = len(page)
        here = f"{self.base_url}{entry.path}"
        links = [{"rel": "self", "href": f"{here}?{urlencode({**entry.params, 'offset': offset})}"}]
        if more:
            onward = urlencode({**entry.params, "limit": limit, "offset": offset + limit})
            links.insert(0, {"rel": "next", "href": f"{here}?{onward}"})
        return Answer(
            body={
                "links": links,
                "count": len(page),
                "hasMore": more,
                "items": page,
                "offset": offset,
                "totalResults": len(rows),
            },
            headers={"Content-Type": "application/vnd.oracle.resource+json; type=collection"},
        )


__all__ = ["ROOT", "TYPES", "NetSuiteRecords"]

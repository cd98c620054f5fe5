"""A stand-in for NetSuite: SuiteQL, records, batches with their jobs, inventory adjustments, purchase orders.

Written from Oracle's help and the REST API Browser (2026.1). Unverified, since no account was at hand: the
codes of refused logins, that a batch has one task for each record in the order of the request, and the
columns of ``pricing`` and ``itemprice``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final, cast
from urllib.parse import parse_qs, unquote, urlencode

import attrs

from bulkeditor.http import Clock
from bulkeditor.testing._standin import Answer, Entry, StandIn
from bulkeditor.testing.vendors._netsuite_books import (
    BASE,
    FIELDS,
    MAIN,
    OURS,
    VENDORS,
    Books,
    Item,
    RefusedError,
    Stock,
    Transaction,
)
from bulkeditor.testing.vendors._netsuite_jobs import Jobs
from bulkeditor.testing.vendors._netsuite_login import Certificate, Consumer, Gate, NotLetInError, key_pair
from bulkeditor.testing.vendors._netsuite_tables import tables
from bulkeditor.testing.vendors._netsuite_views import matches, shown_item, sublists
from bulkeditor.testing.vendors._netsuite_wire import (
    accepted_at,
    body_of,
    collection_of,
    is_uuid,
    item_ids,
    media,
    page_of,
    refusal,
    sent_before,
    target_of,
    unauthorized,
)
from bulkeditor.testing.vendors._suiteql import Database, InvalidQueryError, main_table

_ROOT: Final = "/services/rest"
_TOKEN: Final = f"{_ROOT}/auth/oauth2/v1/token"
_BATCH: Final = "application/vnd.oracle.resource+json;type=collection"
_MOST_ROWS: Final = 100_000
_MOST_BATCH: Final = 100
_TYPES: Final[Mapping[str, str]] = {
    name.lower(): name for name in ("inventoryItem", "inventoryAdjustment", "purchaseOrder")
}


class NetSuite(StandIn):
    """A NetSuite account over HTTP.

    Args:
        clock: Its time.
        zone: The account's time zone: that of the dates in SuiteQL.
        account: The account's id, as it stands in the realm.
    """

    content_type = "application/vnd.oracle.resource+json; type=singular"
    client_id = "netsuite-client-4a1e"
    certificate_id = "custcertificate_1"
    consumer_key = "ef40afdd8abaac111b13825dd5e5e2dd"
    consumer_secret = "netsuite-consumer-secret-9b02"  # noqa: S105 - of a stand-in
    token_id = "netsuite-token-77e0"  # noqa: S105 - as above
    token_secret = "netsuite-token-secret-c5d8"  # noqa: S105 - as above

    def __init__(
        self, *, clock: Clock | None = None, zone: tzinfo = UTC, account: str = "1234567_SB1"
    ) -> None:
        super().__init__(clock=clock)
        self.account = account
        self.zone = zone
        self.one_world = True
        """Whether subsidiaries are obligatory."""
        self.administrator = False
        self.price_moves_date = True
        """Whether a price-only change moves ``lastmodifieddate``; in some accounts it does not."""
        self.denied: set[str] = set()
        """Permissions that the role lacks: ``Lists -> Items``, ``Transactions -> Purchase Order`` …"""
        self.hidden: set[tuple[str, str]] = set()
        """Table and column that the role cannot see; SuiteQL leaves them out and says nothing."""
        self.pending_polls = 1
        """How often a job is asked for before it is done."""
        self.books = Books()
        self.private_key, public = key_pair()
        """PEM, for ES256; the certificate's id is ``certificate_id``."""
        self._gate = Gate(
            Consumer(
                key=self.consumer_key,
                secret=self.consumer_secret,
                token=self.token_id,
                token_secret=self.token_secret,
                realm=account,
            ),
            self.client_id,
            {self.certificate_id: Certificate(public_key=public)},
        )
        self._jobs = Jobs()
        self._database: Database | None = None
        self._gaps: dict[str, int] = {}

    # What a test uses --------------------------------------------------------------------------------------

    def certify(self, certificate_id: str, public_key: bytes, *, until: datetime | None = None) -> None:
        """Upload a certificate, or replace one.

        Args:
            certificate_id: Its id, the JWT's ``kid``.
            public_key: PEM.
            until: When it ends.
        """
        self._gate.certificates[certificate_id] = Certificate(public_key=public_key, until=until)

    def end_certificate(self) -> None:
        """The certificate has expired."""
        known = self._gate.certificates[self.certificate_id]
        self._gate.certificates[self.certificate_id] = attrs.evolve(known, until=self.clock.now())

    def seed(self, records: Iterable[Mapping[str, object]]) -> None:
        """Take in records in our words."""
        for record in records:
            item = self.books.add(str(record["sku"]), self._now())
            self._put(item, record)
        self._changed()

    def edit(self, key: str, values: Mapping[str, object], *, changed_at: datetime | None = None) -> None:
        """Change an item as a clerk would."""
        item = self.books.named(key) or self.books.add(key, self._now())
        self._put(item, values)
        item.modified = self._wall(changed_at or self.clock.now())
        self._changed()

    def remove(self, key: str) -> None:
        """Delete an item as a clerk would."""
        item = self._item(key)
        del self.books.items[item.id]
        self._changed()

    def holds(self, key: str) -> Mapping[str, object] | None:
        """An item in our words."""
        item = self.books.named(key)
        if item is None:
            return None
        return {
            "sku": item.itemid,
            "title": item.title,
            "barcode": item.barcode,
            "cost": item.cost,
            "price": item.prices.get(BASE),
            "inventory_quantity": item.on_hand,
            "vendor": VENDORS.get(item.vendor or ""),
            "changed_at": item.modified.replace(tzinfo=self.zone),
            **item.custom,
        }

    def stock(self, key: str) -> Mapping[str, Decimal | None]:
        """Pieces on hand by place."""
        return {place: stock.on_hand for place, stock in self._item(key).stock.items()}

    @property
    def orders(self) -> list[Transaction]:
        """Purchase orders, in the order in which they came."""
        return [one for one in self.books.transactions.values() if one.kind == "purchaseOrder"]

    def expire(self) -> None:
        """Every access token has ended; those of token-based authentication never do."""
        self._gate.expire()

    def secrets(self) -> Iterable[str]:
        """Keys, secrets and tokens."""
        body = self.private_key.splitlines()[1]
        return (
            self.private_key,
            body,
            self.consumer_secret,
            self.token_id,
            self.token_secret,
            *self._gate.issued,
        )

    def upgrade(self) -> None:
        """The next release: nobody sees costs any more, and titles are numbers."""
        self.hidden.add(("item", "cost"))

    def throttled(self, retry_after: float) -> Answer:
        """Too many requests at once; NetSuite does not say when to come back."""
        del retry_after
        return refusal(
            429, "Too Many Requests", "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded."
        )

    def stop(self) -> None:
        """Close everything."""
        super().stop()
        self._changed()

    # The request's way -------------------------------------------------------------------------------------

    def handle(self, entry: Entry) -> Answer:
        """Answer one request."""
        if entry.path == _TOKEN and entry.method == "POST":
            return self._token(entry)
        try:
            query = f"?{entry.query}" if entry.query else ""
            address = f"http://{entry.headers.get('host', '')}{entry.path}{query}"
            self._gate.let_in(entry.headers.get("authorization", ""), entry.method, address, self.clock.now())
        except NotLetInError as error:
            return unauthorized(self.account, error.reason)
        try:
            return self._routed(entry)
        except RefusedError as error:
            return refusal(error.status, "Bad Request", error.code, error.detail, error.path)

    def _routed(self, entry: Entry) -> Answer:
        parts = [unquote(part) for part in entry.path.removeprefix(_ROOT).strip("/").split("/")]
        match entry.method, parts:
            case "POST", ["query", "v1", "suiteql"]:
                return self._suiteql(entry)
            case "GET", ["record", "v1", "metadata-catalog", *rest]:
                return self._metadata(entry, rest)
            case "GET", ["system", "v1", "governanceLimits"]:
                self._need("Administrator" if not self.administrator else "")
                return Answer(body={"accountConcurrencyLimit": 5, "accountUnallocatedConcurrencyLimit": 5})
            case "GET", ["async", "v1", "job", job, *rest]:
                return self._jobs.answer(self.base_url, job, rest)
            case method, ["record", "v1", kind, *rest] if kind.lower() in _TYPES:
                return self._record(entry, method, _TYPES[kind.lower()], rest)
            case _:
                raise RefusedError("NONEXISTENT_RECORD_TYPE", f"There is no {entry.path}.", status=404)

    # Access ------------------------------------------------------------------------------------------------

    def _token(self, entry: Entry) -> Answer:
        form = {name: values[0] for name, values in parse_qs(entry.body.decode()).items()}
        slug = self.account.lower().replace("_", "-")
        audiences = (
            f"http://{entry.headers.get('host', '')}{_TOKEN}",
            f"https://{slug}.suitetalk.api.netsuite.com{_TOKEN}",
        )
        if self.strikes("refuse_login", entry):
            form = {}
        try:
            token = self._gate.token(form, audiences, self.clock.now())
        except NotLetInError as error:
            return Answer(status=400, body={"error": "invalid_grant", "error_description": error.reason})
        # The seconds are text, as in Oracle's sample.
        return Answer(body={"access_token": token, "expires_in": "3600", "token_type": "bearer"})

    def _need(self, permission: str) -> None:
        if permission and (permission in self.denied or permission == "Administrator"):
            raise RefusedError(
                "INSUFFICIENT_PERMISSION",
                f"Permission Violation: You need the '{permission}' permission to access this page.",
                status=403,
            )

    # SuiteQL -----------------------------------------------------------------------------------------------

    def _suiteql(self, entry: Entry) -> Answer:
        if "transient" not in entry.headers.get("prefer", ""):
            raise RefusedError("INVALID_HEADER", "The Prefer header must be set to transient.")
        body = entry.json()
        query = cast("Mapping[str, object]", body).get("q") if isinstance(body, Mapping) else None
        if not isinstance(query, str):
            raise RefusedError("INVALID_CONTENT", "The query q is missing.")
        limit, offset = page_of(entry)
        self._need("Lists -> Items" if main_table(query) == "item" else "")
        try:
            found = self._tables().rows(query)[:_MOST_ROWS]
        except InvalidQueryError as error:
            raise RefusedError("INVALID_PARAMETER", error.detail) from error
        rows: list[dict[str, object]] = [{"links": [], **row} for row in found]
        return self._page(entry, query, rows, limit, offset, count=main_table(query) == "item")

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

    def _tables(self) -> Database:
        if self._database is None:
            self._database = Database(tables(self.books, self.hidden))
        return self._database

    def _changed(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None

    # Records -----------------------------------------------------------------------------------------------

    def _record(self, entry: Entry, method: str, kind: str, rest: Sequence[str]) -> Answer:
        self._need(_PERMISSIONS[kind])
        batch = media(entry) == _BATCH
        if method == "GET":
            return self._read(entry, kind, rest)
        if "respond-async" in entry.headers.get("prefer", ""):
            return self._accepted(entry, kind, rest, batch=batch)
        if batch:
            raise RefusedError("INVALID_HEADER", "A batch must be asynchronous: Prefer: respond-async.")
        return self._written(entry, method, kind, rest[0] if rest else None, body_of(entry))

    def _accepted(self, entry: Entry, kind: str, rest: Sequence[str], *, batch: bool) -> Answer:
        if not batch and not rest and entry.method != "POST":
            raise RefusedError("INVALID_HEADER", f"A batch's Content-Type must be {_BATCH}.")
        given = entry.headers.get("x-netsuite-idempotency-key")
        if given is not None and not is_uuid(given):
            raise RefusedError("INVALID_HEADER", "X-NetSuite-Idempotency-Key must be a UUID.")
        known = self._jobs.known(given)
        if known is not None:
            return sent_before(known)
        if batch:
            results = self._batch(entry, kind, rest)
        else:
            results = [self._tried(entry, entry.method, kind, rest[0] if rest else None, body_of(entry))]
        return accepted_at(self._jobs.accept(results, given, polls=self.pending_polls, now=self.clock.now()))

    def _batch(self, entry: Entry, kind: str, rest: Sequence[str]) -> list[Answer]:
        records = body_of(entry).get("items")
        if rest or not isinstance(records, list):
            raise RefusedError("INVALID_CONTENT", "A batch goes to the collection and holds items.")
        bodies = [cast("Mapping[str, Any]", record) for record in cast("list[object]", records)]
        if not 0 < len(bodies) <= _MOST_BATCH:
            raise RefusedError(
                "INVALID_CONTENT", f"A batch holds 1 to {_MOST_BATCH} records, not {len(bodies)}."
            )
        return [
            self._tried(entry, entry.method, kind, target_of(entry.method, body), body) for body in bodies
        ]

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
        return Answer(status=204, headers={"Location": f"{self.base_url}{_ROOT}/record/v1/{kind}/{number}"})

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

    # Reading records ---------------------------------------------------------------------------------------

    def _read(self, entry: Entry, kind: str, rest: Sequence[str]) -> Answer:
        if kind != "inventoryItem":
            return self._read_transaction(kind, rest)
        if not rest:
            return self._list(entry)
        item = self.books.find(rest[0])
        if len(rest) == 1:
            expand = entry.params.get("expandSubResources") == "true"
            shown = shown_item(item, f"{self.base_url}{_ROOT}", self.zone, expand=expand)
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
            here = f"{self.base_url}{_ROOT}/record/v1/inventoryItem/{item.id}"
            link: dict[str, object] = {"links": [{"rel": "self", "href": here}], "id": str(item.id)}
            rows.append(
                {**link, **shown_item(item, f"{self.base_url}{_ROOT}", self.zone, expand=False)}
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
            return Answer(body=collection_of([{"name": name} for name in _TYPES.values()]))
        if rest[0].lower() != "inventoryitem":
            raise RefusedError("NONEXISTENT_RECORD_TYPE", f"There is no {rest[0]}.", status=404)
        if entry.headers.get("accept") not in ("application/schema+json", "application/swagger+json"):
            raise RefusedError("INVALID_HEADER", "Accept must be application/schema+json.", status=406)
        names = [*FIELDS, *sorted(self.books.custom_fields), "price", "locations", "itemVendor"]
        properties: dict[str, object] = {name: {"title": name} for name in names}
        return Answer(body={"type": "object", "properties": properties})

    # Small things ------------------------------------------------------------------------------------------

    def _put(self, item: Item, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            if name == "changed_at":
                item.modified = self._wall(cast("datetime", value))
            elif name == "parent":
                item.parent = self._item(str(value)).id
            elif name.startswith("custitem"):
                self.books.custom_fields.add(name)
                item.custom[name] = value
            else:
                _put(item, name, value)

    def _item(self, key: str) -> Item:
        item = self.books.named(key)
        assert item is not None, f"there is no {key}"
        return item

    def _observe(self, key: str) -> None:
        if key in self.refused:
            raise RefusedError("USER_ERROR", self.refused[key])

    def _now(self) -> datetime:
        return self._wall(self.clock.now())

    def _wall(self, moment: datetime) -> datetime:
        """A moment as the account's clock shows it, to the second, as a DATE column keeps it."""
        return moment.astimezone(self.zone).replace(tzinfo=None, microsecond=0)


_AMOUNTS: Final = ("price", "cost", "inventory_quantity")
_PERMISSIONS: Final[Mapping[str, str]] = {
    "inventoryItem": "Lists -> Items",
    "inventoryAdjustment": "Transactions -> Adjust Inventory",
    "purchaseOrder": "Transactions -> Purchase Order",
}


def _put(item: Item, name: str, value: object) -> None:
    """Put a value in our words into an item."""
    amount = Decimal(str(value)) if isinstance(value, int | str | Decimal) and name in _AMOUNTS else None
    attributes = {ours: FIELDS[theirs][0] for theirs, ours in OURS.items()}
    if name == "price":
        item.prices.pop(BASE, None)
        if amount is not None:
            item.prices[BASE] = amount
    elif name == "inventory_quantity":
        item.stock.setdefault(MAIN, Stock()).on_hand = amount
    elif name == "inventory_levels":
        levels = cast("Mapping[str, object]", value)
        item.stock = {place: Stock(on_hand=Decimal(str(held))) for place, held in levels.items()}
    elif name == "cost":
        item.cost = amount
    elif name == "vendor":
        item.vendor = next(ref for ref, known in VENDORS.items() if known == value)
    elif name in ("inactive", "external_id"):
        setattr(item, name, value)
    elif name in attributes:
        setattr(item, attributes[name], value)
    else:
        raise ValueError(f"NetSuite has no place for {name!r}")


__all__ = ["NetSuite"]

"""SAP S/4HANA Cloud over OData V2: products, prices, costs, stock.

Services (https://api.sap.com/package/SAPS4HANACloud/odata): API_PRODUCT_SRV, API_MATERIAL_STOCK_SRV,
API_SLSPRICINGCONDITIONRECORD_SRV, API_MATERIAL_DOCUMENT_SRV. Unverified, because no tenant was at hand: which
goods movement types a tenant allows without further account assignment, and in which condition table its
prices stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, cast

import attrs

from bulkeditor.connectors._chunks import chunks
from bulkeditor.connectors._convert import DateTime, Money, Quantity, Text
from bulkeditor.connectors._declare import Capabilities, Limits
from bulkeditor.connectors._fields import MISSING, Field, field
from bulkeditor.connectors._sap import odata
from bulkeditor.connectors._sap.odata import Asking, Entity, Operation
from bulkeditor.connectors._sap.rows import (
    CONDITIONS,
    LEVELS,
    Rate,
    cost_of,
    free_stock,
    price_of,
    updated_at,
)
from bulkeditor.connectors._sap.writes import document, price_operation
from bulkeditor.connectors._settings import secret, setting
from bulkeditor.connectors._types import (
    Batch,
    Change,
    Outcome,
    Outcomes,
    Place,
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
from bulkeditor.http import Auth, Exchange, Response
from bulkeditor.http.auth import CSRF, APIKey, Basic, OAuth2

_ROOT: Final = "/sap/opu/odata/sap"
_PRODUCTS: Final = f"{_ROOT}/API_PRODUCT_SRV"
_PRICES: Final = f"{_ROOT}/API_SLSPRICINGCONDITIONRECORD_SRV"
_STOCK: Final = f"{_ROOT}/API_MATERIAL_STOCK_SRV"
_DOCUMENTS: Final = f"{_ROOT}/API_MATERIAL_DOCUMENT_SRV"
# Keys that are asked for in one filter: an address of about 3,000 characters.
_KEYS: Final = 40


class SAP(Connector):
    """S/4HANA Cloud.

    A record is a product. Its price is the released condition record of ``condition_type`` that is valid now
    and holds for no particular customer; its cost is the valuation's standard or moving average price; its
    stock is what is unrestricted. A read since some time finds products whose master data or price changed. A
    movement of stock and a new cost leave no such trace in SAP, so compare everything from time to time.

    Settings:
        username: Of the communication user; with ``password``.
        client_id: For OAuth 2.0 instead; with ``client_secret`` and ``token_url``.
        api_key: For SAP's own sandbox instead.
        sap_client: The client, where the address does not tell.
        condition_type: Which condition is the price.
        sales_organization: Whose prices; with ``distribution_channel``.
        currency: Of prices that are made anew.
        condition_table: Where prices that are made anew stand.
        valuation_area: Whose costs, usually a plant; None where all agree.
        language: Of titles.
        plants: Whose stock counts; empty = all.
        location: Where stock is moved when a change names no place: ``plant/storage location``.
        receipt_movement: Goods movement type that adds stock.
        issue_movement: Goods movement type that takes it away.
        cost_center: On whose account goods are issued, where the movement wants one.
        custom_fields: Further fields of ``A_Product``, such as ``YY1_Season_PRD``, read and written as they
            are.
    """

    name = "sap"
    key, cursor = "sku", "updated_at"
    reads = {
        "sku": "Product",
        "category": "ProductGroup",
        "barcode": "ProductStandardID",
        "vendor": "ManufacturerNumber",
    }
    writes = {
        "category": "ProductGroup",
        "barcode": "ProductStandardID",
        "vendor": "ManufacturerNumber",
        "price": field("ConditionRateValue", Rate()),
    }
    capabilities = Capabilities(
        by_key=True,
        deletions="tombstones",
        delta="inventory_quantity",
        per_location="inventory_quantity",
        compare_and_swap="price",
    )
    # SAP publishes no rate; each session is a work process there.
    limits = Limits(concurrency=4, batch_size=100, page_size=200)
    # 503 comes from the dispatcher before anything begins, as 429 does.
    refusals = {404: "skip_row", 412: "conflict", 428: "dead_letter", 503: "retry"}

    username: str | None = setting(default=None)
    password: str | None = secret(default=None)
    client_id: str | None = setting(default=None)
    client_secret: str | None = secret(default=None)
    token_url: str | None = setting(default=None)
    api_key: str | None = secret(default=None)
    sap_client: str | None = setting(default=None)
    condition_type: str = setting(default="PPR0")
    sales_organization: str | None = setting(default=None)
    distribution_channel: str | None = setting(default=None)
    currency: str | None = setting(default=None)
    condition_table: str = setting(default="304")
    valuation_area: str | None = setting(default=None)
    language: str = setting(default="EN")
    plants: tuple[str, ...] = setting(default=(), converter=tuple)
    location: str | None = setting(default=None)
    receipt_movement: str = setting(default="501")
    issue_movement: str = setting(default="551")
    cost_center: str | None = setting(default=None)
    custom_fields: tuple[str, ...] = setting(default=(), converter=tuple)

    def authenticate(self) -> Auth:
        """The credential, and beside it the token that every write needs; both belong to one session."""
        return CSRF(self._credential(), self.odata(f"{_PRODUCTS}/"))

    def _credential(self) -> Auth:
        if self.has("api_key"):
            return APIKey(self.secret("api_key"), header="APIKey")
        if self.has("client_id"):
            self.need("client_id", "client_secret", "token_url")
            return OAuth2(self.value("client_id"), self.secret("client_secret"), self.value("token_url"))
        self.need("username", "password")
        return Basic(self.value("username"), self.secret("password"))

    def read_fields(self) -> Mapping[str, Field]:
        """The declared fields, those that take more than one property, and custom ones."""
        return {
            **self._declared_reads,
            "title": Field(self._title, Text()),
            "updated_at": Field(updated_at, DateTime()),
            "price": Field(price_of, Money()),
            "cost": Field(self._cost, Money()),
            "inventory_quantity": Field(self._quantity, Quantity()),
            "inventory_levels": Field(self._levels),
            **{name: Field(name) for name in self.custom_fields},
        }

    def written_fields(self) -> Mapping[str, Field]:
        """The declared fields, and custom ones."""
        return {**self._declared_writes, **{name: Field(name) for name in self.custom_fields}}

    def probes(self) -> Mapping[str, Exchange[str]]:
        """Each service has an arrangement of its own, so each of them is asked."""
        return {
            "read": self._probe(f"{_PRODUCTS}/A_Product", "Product"),
            "price": self._probe(f"{_PRICES}/A_SlsPrcgCndnRecdValidity", "ConditionRecord"),
            "per_location": self._probe(f"{_STOCK}/A_MaterialStock", "Material"),
        }

    def _probe(self, path: str, select: str) -> Exchange[str]:
        response = yield self.get(self.odata(path, top=1, select=select))
        return f"{path.rpartition('/')[2]} answers, with {len(rows_of(response, _results))} rows"

    def odata(self, path: str, **options: object) -> str:
        """A path with OData's options, and with the client where one is set."""
        return odata.address(path, **options, sap_client=self.sap_client)

    def entity(self, entities: str, key: str) -> str:
        """The address of one entity, relative to its service."""
        return self.odata(f"{entities}({self.quoted(odata.text(key))})")

    # Reading -----------------------------------------------------------------------------------------------

    def read(self, query: Query) -> Reading:
        """Products in the order of their keys, each page with its prices and stock.

        A page begins behind the last key of the one before, not at a number of rows: products that come and
        go meanwhile move nothing.
        """
        parts = list(chunks(query.keys, _KEYS)) or [()]
        priced = isinstance(query.since, datetime) and query.wants("price") and not query.keys
        place: Place | None = query.resume
        seen: set[object] = set()
        while place is not None and "repriced" not in place:
            response = yield self.get(self._page(query, parts, place))
            rows = list(rows_of(response, _results))
            seen.update(odata.member(row, "Product") for row in rows)
            place = self._onward(response, rows, place, query.page_size, len(parts))
            if place is None and priced:
                place = {"repriced": ""}
            yield (yield from self._records(rows, place, query))
        if place is not None and isinstance(query.since, datetime):
            yield from self._repriced(query, query.since, str(place["repriced"]), seen)

    def _repriced(self, query: Query, since: datetime, after: str, seen: set[object]) -> Reading:
        """Further products, whose price changed or began to hold: their own time of change does not tell."""
        url = self.odata(
            f"{_PRICES}/A_SlsPrcgConditionRecord",
            filter=odata.all_of(
                f"(LastChangeDateTime ge {odata.moment(since)}"
                f" or ConditionValidityStartDate ge {odata.day(since)})",
                f"ConditionType eq {odata.text(self.condition_type)}",
            ),
            expand="to_SlsPrcgCndnRecdValidity",
        )
        records = yield from odata.every_row(self, url, f"{_PRICES}/")
        validities = [
            each for record in records for each in odata.inner(record, "to_SlsPrcgCndnRecdValidity")
        ]
        products = {str(material) for each in validities if (material := each.get("Material"))}
        parts = list(chunks(sorted(key for key in products if key > after and key not in seen), _KEYS))
        for keys in parts:
            address = self._products(attrs.evolve(query, since=None), keys, None)
            rows = yield from odata.every_row(self, address, f"{_PRODUCTS}/")
            place: Place | None = None if keys is parts[-1] else {"repriced": keys[-1]}
            yield (yield from self._records(rows, place, query))

    def _records(self, rows: Sequence[object], place: Place | None, query: Query) -> Asking[Records]:
        kept: list[object] = []
        gone: list[str] = []
        for row in rows:
            # SAP deletes no product: it is marked, and archived some day.
            if odata.member(row, "IsMarkedForDeletion") is True:
                gone.append(str(odata.member(row, "Product")))
            else:
                kept.append(row)
        completed = yield from self._completed(kept, query)
        return Records(completed, resume=place, deleted=gone)

    def _page(self, query: Query, parts: Sequence[Sequence[str]], place: Place) -> str:
        link, after = place.get("link"), place.get("after")
        if isinstance(link, str):
            return self.link(link, f"{_PRODUCTS}/")
        keys = parts[int(str(place.get("part", 0)))]
        return self._products(query, keys, after if isinstance(after, str) else None)

    def _onward(
        self, response: Response, rows: Sequence[object], place: Place, size: int | None, parts: int
    ) -> Place | None:
        """Where it goes on: the server's own link, or behind the last key, or the next part of the keys."""
        body = odata.member(response.json(), "d")
        left = place.get("left", odata.member(body, "__count"))
        left = int(left) - len(rows) if isinstance(left, str | int) else None
        part = int(str(place.get("part", 0)))
        link = odata.member(body, "__next")
        if isinstance(link, str):
            return {"part": part, "link": link, "left": left}
        if parts == 1 and (left > 0 if left is not None else size is not None and len(rows) >= size):
            keys = [str(key) for row in rows if (key := odata.member(row, "Product"))]
            if not keys:
                raise response.unexpected("a page without products, although more are to come")
            return {"part": part, "after": keys[-1]}
        return {"part": part + 1} if part + 1 < parts else None

    def _products(self, query: Query, keys: Sequence[str], after: str | None) -> str:
        since = query.since
        names = ["Product", "LastChangeDateTime", "IsMarkedForDeletion", *self.custom_fields]
        declared = self._declared_reads
        names += [str(each.source) for name, each in declared.items() if query.wants(name)]
        expand = [name for ours, name in _EXPANDED.items() if query.wants(ours)]
        return self.odata(
            f"{_PRODUCTS}/A_Product",
            filter=odata.all_of(
                f"LastChangeDateTime ge {odata.moment(since)}" if isinstance(since, datetime) else None,
                odata.any_of("Product", keys) if keys else None,
                f"Product gt {odata.text(after)}" if after is not None else None,
            ),
            orderby="Product",
            select=",".join(dict.fromkeys([*names, *expand])),
            expand=",".join(expand) or None,
            top=None if keys else query.page_size,
            inlinecount="allpages",
        )

    def _completed(self, rows: Sequence[object], query: Query) -> Asking[list[object]]:
        """The rows, each with its prices and its stock."""
        keys = [str(key) for row in rows if (key := odata.member(row, "Product"))]
        extra: dict[str, Mapping[str, list[Entity]]] = {}
        if keys and query.wants("price"):
            extra[CONDITIONS] = yield from self._conditions(keys, query.now)
        if keys and query.wants("inventory_quantity", "inventory_levels"):
            extra[LEVELS] = yield from self._stock(keys)
        return [_with(cast("Entity", row), extra) if isinstance(row, Mapping) else row for row in rows]

    def _conditions(self, keys: Sequence[str], now: datetime | None) -> Asking[dict[str, list[Entity]]]:
        """Price records that hold now, by product."""
        today = None if now is None else odata.day(now)
        found: dict[str, list[Entity]] = {}
        for some in chunks(keys, _KEYS):
            organization, channel = self.sales_organization, self.distribution_channel
            url = self.odata(
                f"{_PRICES}/A_SlsPrcgCndnRecdValidity",
                filter=odata.all_of(
                    f"ConditionType eq {odata.text(self.condition_type)}",
                    f"SalesOrganization eq {odata.text(organization)}" if organization else None,
                    f"DistributionChannel eq {odata.text(channel)}" if channel else None,
                    f"ConditionValidityStartDate le {today}" if today else None,
                    f"ConditionValidityEndDate ge {today}" if today else None,
                    odata.any_of("Material", some),
                ),
                expand="to_SlsPrcgConditionRecord",
            )
            for row in (yield from odata.every_row(self, url, f"{_PRICES}/")):
                found.setdefault(str(row.get("Material")), []).append(row)
        return found

    def _stock(self, keys: Sequence[str]) -> Asking[dict[str, list[Entity]]]:
        found: dict[str, list[Entity]] = {}
        for some in chunks(keys, _KEYS):
            url = self.odata(
                f"{_STOCK}/A_MaterialStock",
                filter=odata.any_of("Material", some),
                expand="to_MatlStkInAcctMod",
            )
            for row in (yield from odata.every_row(self, url, f"{_STOCK}/")):
                found.setdefault(str(row.get("Material")), []).extend(odata.inner(row, "to_MatlStkInAcctMod"))
        return found

    # What a row says ---------------------------------------------------------------------------------------

    def _title(self, row: Entity) -> object:
        if "to_Description" not in row:
            return MISSING
        texts = {
            each.get("Language"): each.get("ProductDescription")
            for each in odata.inner(row, "to_Description")
        }
        return texts.get(self.language)

    def _cost(self, row: Entity) -> object:
        return cost_of(row, self.valuation_area)

    def _quantity(self, row: Entity) -> object:
        held = free_stock(row, self.plants)
        return MISSING if held is None else sum(held.values(), Decimal())

    def _levels(self, row: Entity) -> object:
        held = free_stock(row, self.plants)
        if held is None:
            return MISSING
        return [StockLevel(location=place, on_hand=free, available=free) for place, free in held.items()]

    # Writing -----------------------------------------------------------------------------------------------

    def write(self, batch: Batch) -> Writing:
        """Master data, then prices, then movements of stock; what one of them refuses goes no further."""
        told: dict[int, Outcome] = {}
        for step in (self._write_products, self._write_prices, self._write_movements):
            going = [each for each in batch if id(each) not in told or told[id(each)].written]
            try:
                found = yield from step(going, batch)
            except BulkEditorError as error:
                if not told:
                    raise
                verdict = self.classify(error)
                found = {id(each): odata.failed(each, verdict) for each in going}
            odata.merge(told, found)
        yield Outcomes([told[id(each)] for each in batch if id(each) in told])

    def _write_products(self, changes: Sequence[Change], batch: Batch) -> Asking[dict[int, Outcome]]:
        operations: list[Operation] = []
        for change in changes:
            body = self.payload(change)
            body.pop("ConditionRateValue", None)
            if body:
                path = self.entity("A_Product", change.key)
                operations.append(Operation(change=change, method="PATCH", path=path, body=body))
        return (yield from self._sent(_PRODUCTS, operations, batch.key_for("products")))

    def _write_prices(self, changes: Sequence[Change], batch: Batch) -> Asking[dict[int, Outcome]]:
        priced = [change for change in changes if "price" in change.values]
        if not priced:
            return {}
        found = yield from self._conditions([change.key for change in priced], batch.now)
        bare = [change.key for change in priced if change.key not in found]
        units = yield from self._units(bare)
        told: dict[int, Outcome] = {}
        operations: list[Operation] = []
        for change in priced:
            planned = price_operation(
                self, change, found.get(change.key, []), units.get(change.key), batch.now
            )
            if isinstance(planned, Outcome):
                told[id(change)] = planned
            else:
                operations.append(planned)
        return {**told, **(yield from self._sent(_PRICES, operations, batch.key_for("prices")))}

    def _write_movements(self, changes: Sequence[Change], batch: Batch) -> Asking[dict[int, Outcome]]:
        """Stock is not set there: it is moved by a material document for each change."""
        moved = [change for change in changes if change.delta]
        units = yield from self._units([change.key for change in moved])
        told: dict[int, Outcome] = {}
        end: Verdict | None = None
        for change in moved:
            place = change.location or self.location or ""
            if not all(place.partition("/")):
                message = "stock is moved at a place: give the change a location, plant/storage location"
                told[id(change)] = change.outcome("dead_lettered", message, code="no_location")
            elif change.key not in units:
                told[id(change)] = change.outcome("skipped", "there is no such product", code="no_product")
            elif end is not None:
                told[id(change)] = odata.failed(change, end)
            else:
                reference = batch.key_for(change.key).replace("-", "")[:16].upper()
                body = document(
                    self, change, place=place, unit=units[change.key], now=batch.now, reference=reference
                )
                url = self.odata(f"{_DOCUMENTS}/A_MaterialDocumentHeader")
                result, end = yield from odata.posted(self, change, url, body)
                if result.status == "unknown":
                    result = yield from self._looked_up(result, reference)
                told[id(change)] = result
        return told

    def _looked_up(self, lost: Outcome, reference: str) -> Asking[Outcome]:
        """What became of a movement whose answer was lost: its document carries our reference."""
        url = self.odata(
            f"{_DOCUMENTS}/A_MaterialDocumentHeader",
            filter=f"ReferenceDocument eq {odata.text(reference)}",
            select="MaterialDocumentYear,MaterialDocument,ReferenceDocument",
        )
        try:
            found = yield from odata.every_row(self, url, f"{_DOCUMENTS}/")
        except BulkEditorError:
            return lost
        message = "no answer came; its document is there"
        return lost.change.outcome("updated", message, raw=found[0]) if found else lost

    def _units(self, keys: Sequence[str]) -> Asking[dict[str, str]]:
        """The base unit of each product; one that is not there is missing."""
        found: dict[str, str] = {}
        for some in chunks(keys, _KEYS):
            url = self.odata(
                f"{_PRODUCTS}/A_Product", filter=odata.any_of("Product", some), select="Product,BaseUnit"
            )
            for row in (yield from odata.every_row(self, url, f"{_PRODUCTS}/")):
                found[str(row.get("Product"))] = str(row.get("BaseUnit"))
        return found

    def _sent(self, service: str, operations: Sequence[Operation], key: str) -> Asking[dict[int, Outcome]]:
        if not operations:
            return {}
        here = self.odata(service)
        response = yield odata.batch(self, here, operations, key)
        answers = odata.parts(response, len(operations))
        return {
            id(operation.change): odata.outcome(self, operation.change, part)
            for operation, part in zip(operations, answers, strict=True)
        }


_EXPANDED: Final[Mapping[str, str]] = {"title": "to_Description", "cost": "to_Valuation"}


def _with(row: Entity, extra: Mapping[str, Mapping[str, list[Entity]]]) -> Entity:
    product = str(row.get("Product"))
    return {**row, **{name: by_key.get(product, []) for name, by_key in extra.items()}}


def _results(body: object) -> Sequence[object]:
    found = odata.member(odata.member(body, "d"), "results")
    return cast("Sequence[object]", found)


__all__ = ["SAP"]

"""NetSuite: SuiteQL reads, batches of records, inventory adjustments, purchase orders, over SuiteTalk REST.

Where a rule is NetSuite's, the name of its page in Oracle's help stands beside it; all of them are below
https://docs.oracle.com/en/cloud/saas/netsuite/ns-online-help/.

Not verified against an account: that the tasks of a batch come in the order of its records (an answer that
contradicts this makes the outcomes unknown), the columns of ``pricing`` and ``inventoryitemlocations``, and
the zone of the times that SuiteQL gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from bulkeditor.connectors._convert import DateTime, Money, Number, Quantity, Text
from bulkeditor.connectors._declare import Capabilities, Limits
from bulkeditor.connectors._fields import MISSING, Field, field
from bulkeditor.connectors._netsuite.account import MOST_ROWS, REST, Account
from bulkeditor.connectors._netsuite.records import STRICT, followed, made
from bulkeditor.connectors._netsuite.rows import (
    Rows,
    by_item,
    completed,
    first_prices,
    ids_of,
    items_of,
    levels,
    named,
    number,
    present,
    prices_of,
    rows_of,
    status,
    stock_of,
    tail,
    total,
)
from bulkeditor.connectors._types import (
    STATUS,
    Batch,
    Change,
    Outcome,
    Outcomes,
    PlacedOrder,
    PurchaseOrder,
    Query,
    Reading,
    Records,
    Writing,
)
from bulkeditor.connectors.base import first_page
from bulkeditor.errors import (
    APIError,
    BulkEditorError,
    InvalidInputError,
)
from bulkeditor.http import Exchange, RetryPolicy
from bulkeditor.models import encode

_ITEMS: Final = f"{REST}/record/v1/inventoryItem"
_ADJUSTMENTS: Final = f"{REST}/record/v1/inventoryAdjustment"
_ORDERS: Final = f"{REST}/record/v1/purchaseOrder"
_BATCH: Final = {
    **STRICT,
    "Prefer": "respond-async",
    "Content-Type": "application/vnd.oracle.resource+json; type=collection",
}
_MOST_KEYS: Final = 100
# Our fields to columns of the table item; what stands in other tables is not among them.
_COLUMNS: Final[Mapping[str, str]] = {
    "title": "displayname",
    "barcode": "upccode",
    "cost": "cost",
    "average_cost": "averagecost",
    "weight": "weight",
    "status": "isinactive",
}


class NetSuite(Account):
    """NetSuite's inventory items.

    The key is the item's name (``itemid``); of a child in a hierarchy its last part. Items, prices and stock
    are read with SuiteQL; prices and fields are written in batches of 100 records; stock is moved by
    inventory adjustments.

    Settings and credentials as for :class:`Account`.
    """

    name = "netsuite"
    key, cursor = "sku", "updated_at"
    # CONCURRENCY_LIMIT_EXCEEDED carries no dependable time to wait: back off, with jitter.
    retry = RetryPolicy(rate_limit_delay=None, max_retries=5)
    look_back = timedelta(minutes=2)
    reads = {
        "id": field("id", Text),
        "sku": field(lambda row: tail(row.get("itemid", MISSING)), Text),
        "title": field("displayname", Text),
        "barcode": field("upccode", Text),
        "price": field("price", Money),
        "cost": field("cost", Money),
        "average_cost": field("averagecost", Money),
        "weight": field("weight", Number),
        "status": field("isinactive", status),
        "inventory_quantity": field(lambda row: total(row.get("locations", MISSING)), Quantity),
        "inventory_levels": field("locations", levels),
    }
    writes = {
        "title": "displayName",
        "barcode": "upcCode",
        "price": field("price", Money),
        "cost": field("cost", Money),
        "weight": field("weight", Number),
    }
    aliases = {
        "item_id": "sku",
        "list_price": "price",
        "inventory_available": "inventory_quantity",
        "location": "inventory_levels",
    }
    capabilities = Capabilities(
        by_key=True,
        deletions="full_scan",
        delta=frozenset({"inventory_quantity"}),
        per_location=frozenset({"inventory_quantity"}),
        purchase_orders=True,
        idempotent=True,
    )
    # An account of the smallest tier has five requests at once, for all of its integrations together; 100
    # records are the most of a batch (article_0127092747).
    limits = Limits(concurrency=4, batch_size=100, page_size=MOST_ROWS)
    refusals = {
        "CONCURRENCY_LIMIT_EXCEEDED": "retry",
        "NONEXISTENT_ID": "skip_row",
        "RCRD_DSNT_EXIST": "skip_row",
        "RCRD_HAS_BEEN_CHANGED": "conflict",
        "INSUFFICIENT_PERMISSION": "fatal",
    }

    def read_fields(self) -> Mapping[str, Field]:
        """Those that are declared, the cursor in the account's zone, and custom fields."""
        return self._reads

    def written_fields(self) -> Mapping[str, Field]:
        """Those that are declared, and custom fields."""
        return {**self._declared_writes, **{name: field(name) for name in self.custom_fields}}

    @cached_property
    def _reads(self) -> Mapping[str, Field]:
        changed = field("updated_at", DateTime(zone=self.time_zone))
        custom = {name: field(name) for name in self.custom_fields}
        return {**self._declared_reads, "updated_at": changed, **custom}

    def probes(self) -> Mapping[str, Exchange[str]]:
        """Items; and what another permission of the role decides about."""
        return {
            "read": first_page(self),
            "prices": self.seen(prices_of(self.price_level), "prices of this level"),
            "per_location": self.seen(stock_of(self.location), "stock of these locations"),
        }

    # Reading -----------------------------------------------------------------------------------------------

    def read(self, query: Query) -> Reading:
        """Items in the order of their ids, each page from the last id on.

        So a row that changes meanwhile moves no other; and one question gives 100 000 rows at the most
        (section_157909186990).
        """
        if query.keys:
            yield from self._read_keys(query)
            return
        place, whole = query.resume, query.since is None
        after, offset = number(place.get("after")), number(place.get("offset"))
        size = min(query.page_size or MOST_ROWS, MOST_ROWS)
        more = True
        while more:
            response = yield self.ask(self._select(query, f"i.id > {after}"), limit=size, offset=offset)
            found, more = rows_of(response)
            ids = ids_of(found)
            after, offset = (int(ids[-1]), 0) if ids else (after, offset + size)
            rows = yield from self._completed(found, ids, query)
            onward = {"after": after, "offset": offset} if more else None
            yield Records(rows, resume=onward, complete=whole and not more)

    def _read_keys(self, query: Query) -> Reading:
        start = number(query.resume.get("keys"))
        for begin in range(start, len(query.keys), _MOST_KEYS):
            found = yield from self._by_key(query, query.keys[begin : begin + _MOST_KEYS])
            rows = yield from self._completed(found, ids_of(found), query)
            end = begin + _MOST_KEYS
            yield Records(rows, resume={"keys": end} if end < len(query.keys) else None)

    def _by_key(self, query: Query, keys: Sequence[str]) -> Exchange[Rows]:
        """Items by name, children among them; LIKE takes % and _ in a name for more than they are."""
        return (yield from self.everything(self._select(query, named(keys))))

    def _select(self, query: Query, condition: str) -> str:
        since = query.since.astimezone(self.time_zone) if isinstance(query.since, datetime) else None
        columns = [column for name, column in self._columns.items() if query.wants(name)]
        return items_of(columns, condition, since)

    @property
    def _columns(self) -> Mapping[str, str]:
        return {**_COLUMNS, **{name: name for name in self.custom_fields}}

    def _completed(self, rows: Sequence[object], ids: Sequence[str], query: Query) -> Exchange[list[object]]:
        """The rows with prices and stock, and with the nulls that SuiteQL leaves out."""
        prices: Mapping[str, object] | None = None
        stock: Mapping[str, Rows] | None = None
        if ids and query.wants("price"):
            prices = first_prices((yield from self.everything(prices_of(self.price_level, ids))))
        if ids and query.wants("inventory_quantity", "inventory_levels"):
            stock = by_item((yield from self.everything(stock_of(self.location, ids))))
        return completed(rows, self._columns.values(), prices, stock)

    # Writing -----------------------------------------------------------------------------------------------

    def write(self, batch: Batch) -> Writing:
        """Stock by adjustments; everything else as one record, or as a batch of them."""
        refs = yield from self._refs([change.key for change in batch])
        settled = [outcome for change in batch if (outcome := self._unwritable(change, refs)) is not None]
        yield Outcomes(settled)
        left = [change for change in batch if all(change is not outcome.change for outcome in settled)]
        moved = [change for change in left if change.delta]
        if moved:
            yield from self._move(batch, moved, refs)
        valued = [change for change in left if not change.delta]
        if len(valued) == 1:
            url = f"{_ITEMS}/{refs[valued[0].key][0]}"
            yield self.patch(url, json=self.payload(valued[0]), headers=STRICT)
            yield Outcomes([valued[0].outcome("updated")])
        elif valued:
            yield from self._write_batch(batch, valued, refs)

    def _refs(self, keys: Sequence[str]) -> Exchange[Mapping[str, list[str]]]:
        """Ids by key; a name that stands below two parents has two."""
        found = yield from self._by_key(Query(fields=("sku",)), keys)
        refs: dict[str, list[str]] = {}
        for row in found:
            refs.setdefault(str(tail(row.get("itemid", ""))), []).append(str(row["id"]))
        return refs

    def _unwritable(self, change: Change, refs: Mapping[str, list[str]]) -> Outcome | None:
        ids = refs.get(change.key, [])
        if not ids:
            return change.outcome("skipped", "there is no such item", code="no_item")
        problems = {
            "ambiguous_key": len(ids) > 1 and f"several items have this name: {', '.join(ids)}",
            "mixed": change.values and change.delta and "fields and stock are two records; send two changes",
            "no_price": change.values.get("price", "") is None and "a price cannot be cleared",
            **({} if not change.delta else self._unmovable(change)),
        }
        for code, message in problems.items():
            if message:
                return change.outcome("dead_lettered", str(message), code=code)
        return None

    def _unmovable(self, change: Change) -> Mapping[str, object]:
        account = "the setting adjustment_account is missing: adjustments are booked to an account"
        return {
            "no_location": not (change.location or self.location) and "which location is to be adjusted?",
            "no_account": not self.adjustment_account and account,
        }

    def payload(self, change: Change) -> dict[str, object]:
        """The fields as the record has them; a price is a line of its sublist, merged by its key."""
        body = super().payload(change)
        if "price" in body:
            line: dict[str, object] = {
                "currencyPage": {"id": self.currency},
                "priceLevel": {"id": self.price_level},
            }
            body["price"] = {"items": [{**line, "quantity": {"value": 0}, "price": body["price"]}]}
        return body

    def _write_batch(self, batch: Batch, changes: Sequence[Change], refs: Mapping[str, list[str]]) -> Writing:
        items = [{"id": refs[change.key][0], **self.payload(change)} for change in changes]
        content = encode({"items": items})
        # The key is one of the content: what is sent again after something was left out is another job.
        key = {"X-NetSuite-Idempotency-Key": batch.key_for(content.decode())}
        try:
            response = yield self.request(
                "PATCH",
                _ITEMS,
                content=content,
                headers={**_BATCH, **key},
                operation="batch",
                idempotent=True,
            )
            job = response.headers.get("location")
        except APIError as error:
            # It was sent before, and its answer got lost: this is the job (subsect_164494900632).
            if self.classify(error).code != "IDEMPOTENCY_ERROR":
                raise
            job = error.location
        try:
            told = yield from followed(self, str(job), [refs[change.key][0] for change in changes])
        except BulkEditorError as error:
            # The job runs, whatever becomes of looking at it.
            told = str(error)
        if isinstance(told, str):
            yield Outcomes([change.outcome("unknown", told, code="job") for change in changes])
        else:
            yield Outcomes([self._told(change, why) for change, why in zip(changes, told, strict=True)])

    def _told(self, change: Change, why: APIError | None) -> Outcome:
        if why is None:
            return change.outcome("updated")
        verdict = self.classify(why)
        retry = verdict.action == "retry"
        return change.outcome(STATUS[verdict.action], verdict.message, code=verdict.code, retryable=retry)

    # Transactions ------------------------------------------------------------------------------------------

    def _move(self, batch: Batch, changes: Sequence[Change], refs: Mapping[str, list[str]]) -> Writing:
        """One adjustment for all; where it is refused, the line that spoils it is looked for."""
        body = self._adjustment(batch, changes, refs)
        try:
            yield from made(self, _ADJUSTMENTS, body)
        except APIError as error:
            action = self.classify(error).action
            if action not in ("dead_letter", "skip_row") or len(changes) == 1:
                if action in ("fatal", "refresh"):
                    raise
                yield Outcomes([self._told(change, error) for change in changes])
                return
        else:
            yield Outcomes([change.outcome("updated") for change in changes])
            return
        half = len(changes) // 2
        yield from self._move(batch, changes[:half], refs)
        yield from self._move(batch, changes[half:], refs)

    def _adjustment(
        self, batch: Batch, changes: Sequence[Change], refs: Mapping[str, list[str]]
    ) -> dict[str, object]:
        lines: list[dict[str, object]] = []
        for change in changes:
            place = {"id": change.location or self.location}
            line = {"item": {"id": refs[change.key][0]}, "location": place, "memo": change.reason}
            lines.append(present({**line, "adjustQtyBy": change.delta["inventory_quantity"]}))
        return present(
            {
                "externalId": batch.key_for(encode(lines).decode()),
                "account": {"id": self.adjustment_account},
                "subsidiary": self.subsidiary and {"id": self.subsidiary},
                "adjLocation": lines[0]["location"],
                "tranDate": batch.now.astimezone(self.time_zone).date().isoformat(),
                "inventory": {"items": lines},
            }
        )

    def create_purchase_order(self, order: PurchaseOrder) -> Exchange[PlacedOrder]:
        """Order goods; with a reference the same order is made once only, however often it is sent.

        Raises:
            InvalidInputError: An item is not there, or its name is not unique.
        """
        refs = yield from self._refs([line.key for line in order.lines])
        wrong = [line.key for line in order.lines if len(refs.get(line.key, ())) != 1]
        if wrong:
            raise InvalidInputError(f"{self.name}: no item, or no single one, is called {', '.join(wrong)}.")
        lines = [
            present({"item": {"id": refs[line.key][0]}, "quantity": line.quantity, "rate": line.price})
            for line in order.lines
        ]
        place = order.location or self.location
        body = {
            "externalId": order.reference,
            "entity": {"id": order.supplier},
            "location": place and {"id": place},
            "subsidiary": self.subsidiary and {"id": self.subsidiary},
            "dueDate": order.due and order.due.isoformat(),
            "item": {"items": lines},
        }
        order_id = yield from made(self, _ORDERS, present(body))
        try:
            record = (
                yield self.get(f"{_ORDERS}/{order_id}?fields=tranId", operation="purchase order")
            ).json()
        except BulkEditorError:
            return PlacedOrder(id=order_id)  # it is made, whatever its number
        return PlacedOrder(id=order_id, number=record.get("tranId"), raw=record)


__all__ = ["NetSuite"]

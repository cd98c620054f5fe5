"""The reference connector: one readable file, as a user would write it."""

from collections.abc import Mapping
from datetime import timedelta

from bulkeditor.connectors import (
    Batch,
    Capabilities,
    Change,
    Connector,
    Limits,
    Money,
    Outcome,
    Outcomes,
    Quantity,
    Query,
    Reading,
    Records,
    Writing,
    field,
    secret,
    setting,
)
from bulkeditor.http.auth import OAuth2


class MyERP(Connector):
    name = "my-erp"
    key, cursor, cursor_order = "sku", "changed_at", "ascending"
    look_back = timedelta(minutes=2)
    reads = {
        "sku": "item_no",
        "price": field("unit_price", Money),
        "cost": "cost",
        "inventory_quantity": "on_hand",
        "vendor": "supplier",
    }
    writes = {"price": "unit_price", "cost": "cost", "inventory_quantity": field("on_hand", Quantity)}
    aliases = {"list_price": "price"}
    capabilities = Capabilities(by_key=True, deletions="full_scan")
    limits = Limits(batch_size=50, page_size=3)
    refusals = {"no_item": "skip_row", "refused": "dead_letter"}

    client_id: str | None = setting(default=None)
    client_secret: str | None = secret(default=None)

    def authenticate(self) -> OAuth2:
        self.need("client_id", "client_secret")
        return OAuth2(self.value("client_id"), self.secret("client_secret"), "/token")

    def read(self, query: Query) -> Reading:
        url = query.resume.get("url") or self.url(
            "/items",
            changed_after=query.since,
            changed_before=query.until,
            item=query.keys or None,
            limit=query.page_size,
        )
        whole = query.since is None and not query.keys
        while url:
            response = yield self.get(url)
            page = response.json()
            rows, url = page["rows"], page["next"]
            yield Records(rows, resume={"url": url}, complete=whole and not url)

    def write(self, batch: Batch) -> Writing:
        items = [{"item_no": change.key, **self.payload(change)} for change in batch]
        response = yield self.patch("/items", json={"items": items})
        results = {row["item_no"]: row for row in response.json()["results"]}
        yield Outcomes([self.outcome(change, results[change.key]) for change in batch])

    def outcome(self, change: Change, row: Mapping[str, object]) -> Outcome:
        if row["ok"]:
            return change.outcome("updated", raw=row)
        return self.refusal(change, code=row["code"], message=row["message"], raw=row)

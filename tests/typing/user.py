"""How a user's own program sees the types: checked by mypy --strict and by pyright, never run."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_type

import bulkeditor as be
from bulkeditor import F
from bulkeditor.connectors import (
    Change,
    Connector,
    CSVFile,
    Outcome,
    Query,
    Reading,
    Records,
    from_config,
    secret,
)


def connect() -> None:
    shop = be.BulkEditor(base_url="https://editor.example.com", api_key="k")
    assert_type(shop, be.BulkEditor)
    assert_type(
        shop.with_options(timeout=30, deadline=120, retry=be.RetryPolicy(max_retries=6)), be.BulkEditor
    )
    assert_type(be.BulkEditor.sandbox(products=10), be.BulkEditor)
    be.BulkEditor(
        auth=be.auth.OAuth2(client_id="i", client_secret="s", token_url="https://t.example.com/token")
    )


@be.plans.rule(reads=["price", "cost"], text="twice the cost")
def twice(row: be.plans.Draft) -> be.plans.Changes | be.plans.Skip:
    cost = row.amount("cost")
    assert_type(cost, Decimal | None)
    return {"price": row.rounded(2 * cost)} if cost else be.plans.Skip("blank_cost", "no cost")


class Weekdays:
    """A guard of one's own."""

    reads = frozenset({"tags"})
    on_violation: be.guards.OnViolation = "stop"

    def check(self, row: be.plans.Draft, /) -> be.guards.Objection | None:
        return be.guards.Objection("never", "price") if row["tags"] else None

    def check_plan(self, rows: Sequence[be.PlanRow], /) -> str | None:
        return None if rows else "empty"


def plans(shop: be.BulkEditor) -> None:
    plan = shop.plan(
        filter='vendor = "Premium Brand"',
        updates=[be.price.percentage(-20).ending(".99", mode="down"), be.tags.add("sale"), twice],
        guards=[be.guards.floor("cost"), be.guards.max_change(percent=40), Weekdays()],
        currency="EUR",
    )
    assert_type(plan, be.Plan)
    assert_type(plan.rows, tuple[be.PlanRow, ...])
    assert_type(plan.counts.read, int)
    assert_type(shop.plan(updates=twice, guards=Weekdays(), all_products=True), be.Plan)
    assert_type(shop.plan_from_rows([{"id": "1", "price": "2"}, be.ProductUpdate(id="2")]), be.Plan)
    assert_type(shop.load_plan("sale.plan.json"), be.Plan)
    assert_type(be.PlanDocument.load("sale.plan.json"), be.PlanDocument)
    assert_type(plan.diff(plan).added, tuple[be.PlanRow, ...])
    for violation in plan.violations:
        assert_type(violation.product, str | None)


async def plans_async(shop: be.AsyncBulkEditor) -> None:
    assert_type(await shop.plan(updates=be.price.set(1), filter=F.vendor == "X"), be.AsyncPlan)
    assert_type(await shop.plan_from_rows([{"id": "1", "price": "2"}]), be.AsyncPlan)
    assert_type(shop.load_plan("sale.plan.json"), be.AsyncPlan)


def products(shop: be.BulkEditor) -> None:
    listing = shop.products.list(filter=F.vendor == "Premium Brand", fields=["id", "sku", "price"])
    assert_type(listing, be.Pager[be.Product])
    for product in listing:
        assert_type(product.price, Decimal | None)
        assert_type(product.id, str)
        assert_type(product.tags, list[str])
        assert_type(product.updated_at, datetime)
    for page in listing.pages():
        assert_type(page, be.Page[be.Product])
        assert_type(page.items[0].sku, str)
    assert_type(listing.first(), be.Product | None)
    assert_type(shop.products.get("product_id_1"), be.Product)
    report = shop.products.update(
        [
            be.ProductUpdate(id="product_id_1", price="29.99"),
            {"id": "product_id_2", "tags": ["sale", "featured"]},
        ]
    )
    assert_type(report, be.UpdateReport)
    assert_type(report.outcomes[0], be.RowOutcome)
    assert_type(report.failed.retry(), be.UpdateReport)


def typing_errors(product: be.Product) -> None:
    product.prize  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018 -- not Any
    product.price = Decimal(1)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] -- frozen


def conditions() -> None:
    assert_type(F.price < 10, be.Condition)
    assert_type((F.vendor == "X") & ~F.tags.contains("sale"), be.Condition)
    assert_type(F.price < F.cost * 1.5 + 2, be.Condition)
    assert_type(100 - F.price / 3, be.query.Expression)
    assert_type((-F.price).between(Decimal(1), F.cost), be.Condition)
    matches: Callable[[be.Product], bool] = (F.stock == 1).matches
    del matches
    low = be.query.parse_condition("inventory_quantity < 10").bind(be.query.PRODUCT_SCHEMA)
    assert_type(low, be.Condition)
    assert_type(low.compile().select(list[be.Product]()), list[be.Product])
    assert_type(low.compile().select([{"inventory_quantity": 3}]), list[dict[str, int]])
    assert_type(low.compile().mask(list[be.Product]()), list[bool])
    assert_type(low.explain({"inventory_quantity": 3}).truth, bool | None)


def jobs(shop: be.BulkEditor) -> None:
    job = shop.bulk_jobs.create(
        operation="update",
        filter={"product_type": "T-Shirt"},
        updates=be.Updates(tags=["summer-sale"], price_adjustment=be.PriceAdjustment.percentage(-20)),
        schedule=datetime(2030, 6, 1, tzinfo=UTC),
    )
    assert_type(job, be.Job)
    assert_type(shop.bulk_jobs.wait(job.id, progress=True, timeout=600), be.Job)


async def asynchronous() -> None:
    async with be.AsyncBulkEditor.sandbox() as shop:
        assert_type(shop, be.AsyncBulkEditor)
        async for product in shop.products.list(limit=50):
            assert_type(product, be.Product)
        assert_type(await shop.products.get("product_id_1"), be.Product)
        assert_type(
            await shop.products.update([{"id": "product_id_1", "price": "1.00"}]), be.AsyncUpdateReport
        )


class MyERP(Connector):
    name = "my-erp"
    key, cursor = "sku", "changed_at"
    auth = be.auth.APIKey(header="X-Token", env="MY_ERP_TOKEN")
    reads = {
        "sku": "item_no",
        "price": be.field("unit_price", be.Money),
        "title": be.field("name", str.strip),
    }

    company: str
    token: str | None = secret(default=None)

    def read(self, query: Query) -> Reading:
        url = query.resume.get("url") or self.url("/items", changed_after=query.since)
        while isinstance(url, str):
            response = yield self.get(url)
            page = response.json()
            url = page.get("next")
            yield Records(page["rows"], resume={"url": url})


def connectors() -> None:
    erp = MyERP(base_url="http://127.0.0.1:9000", company="SBO", token="t")
    assert_type(erp.company, str)
    with erp.open(timeout=10) as session:
        for record in session.read(fields=["sku"], since=datetime(2030, 6, 1, tzinfo=UTC)):
            assert_type(record.key, str)
        outcomes = session.write([Change(key="TS-1", values={"price": Decimal("9.99")})])
        assert_type(outcomes, list[Outcome])
    assert_type(from_config({"integration": "csv", "path": "erp.csv"}), Connector)
    assert_type(MyERP.from_config({"company": "SBO"}), MyERP)
    CSVFile("erp.csv", key="sku", decimal=",")


async def connectors_async() -> None:
    async with CSVFile("erp.csv").open_async() as session:
        async for record in session.read():
            assert_type(record["price"], object)


def refused() -> None:
    try:
        connect()
    except be.APIError as error:
        assert_type(error.status, int)
        assert_type(error.retry_after, float | None)
        assert_type(error.field_errors, tuple[be.FieldError, ...])

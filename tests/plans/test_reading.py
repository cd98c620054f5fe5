"""What a plan is read from: every reading of the documentation, lists that move, rows that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

import bulkeditor as be
from bulkeditor import F
from bulkeditor.plans._values import WRITABLE
from tests.client.conftest import Connect, HurriedClock

READINGS = [
    {},
    {"list_shape": "no_totals"},
    {"list_shape": "array", "first_page": "0"},
    {"list_end": "short_page"},
    {"list_end": "empty_pages"},
    {"fields": "ignored"},
    {"fields": "extra"},
    {"filter": "operators"},
    {"filter": "ignored"},
    {"money": "string"},
]
UPDATES = [be.price.percentage(-20), be.tags.add("sale"), be.price.ending(".99", mode="down")]


@pytest.mark.parametrize("readings", READINGS, ids=lambda value: ",".join(value.values()) or "default")
def test_the_plan_is_the_same_under_each_reading(connect: Connect, readings: dict[str, str]) -> None:
    condition = (F.vendor == "Premium Brand") & (F.price > 10)
    with be.Sandbox(products=600) as plain, be.Sandbox(products=600, readings=readings) as other:
        plans = [connect(server).plan(filter=condition, updates=UPDATES) for server in (plain, other)]
    assert len(plans[0].rows) > 20
    assert plans[0].rows == plans[1].rows
    assert plans[0].counts == plans[1].counts


def test_a_list_that_moves_is_told(connect: Connect) -> None:
    with be.Sandbox(products=900, readings={"order": "changing"}) as server:
        plan = connect(server).plan(updates=be.price.percentage(-20), all_products=True)
    assert plan.counts.moved
    assert plan.counts.missing
    assert plan.counts.read + plan.counts.missing == 900
    assert len({row.product for row in plan.rows}) == len(plan.rows)
    text = plan.to_text(width=100)
    assert f"came twice, because the listing changed while it was read: {plan.counts.moved}" in text
    assert f"counted by the server and on no page: {plan.counts.missing}" in text


def test_every_product_that_was_read_is_counted_once(shop: Any, sandbox: be.Sandbox) -> None:
    plan = shop.plan(
        updates=[be.price.margin(50), be.tags.add("sale")],
        guards=[be.guards.max_change(percent=10, on_violation="skip_row")],
        all_products=True,
    )
    counts = plan.counts
    planned = {row.product for row in plan.rows}
    skipped = {row.product for row in plan.skipped} - planned
    assert counts.planned == len(planned)
    assert counts.skipped == len(skipped)
    assert counts.read == counts.planned + counts.unchanged + counts.skipped == len(sandbox.products)
    assert {row.code for row in plan.skipped} == {"blank_cost", "guard"}


def test_only_the_fields_that_are_needed_are_asked_for(shop: Any, sandbox: be.Sandbox) -> None:
    with shop.responses() as answers:
        shop.plan(
            filter=F.vendor == "Premium Brand",
            updates=be.price.percentage(-20),
            guards=[be.guards.floor("cost"), be.guards.require(F.status == "active")],
        )
    assert [dict(answer.request.params)["fields"] for answer in answers] == [
        "cost,id,price,sku,status,title,vendor"
    ]


class Canned:
    """A server that answers each list with the same rows."""

    def __init__(self, *rows: Any) -> None:
        self.rows = rows

    def __call__(self, request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", 1))
        body = {"products": list(self.rows) if page == 1 else [], "page": page, "total": len(self.rows)}
        return httpx.Response(200, content=json.dumps(body), headers={"content-type": "application/json"})


@pytest.fixture
def canned() -> Callable[..., be.BulkEditor]:
    def make(*rows: Any) -> be.BulkEditor:
        transport = httpx.MockTransport(Canned(*rows))
        return be.BulkEditor("http://shop.example", api_key="k", transport=transport, clock=HurriedClock())

    return make


def test_fields_that_the_server_leaves_out_are_blank(canned: Any) -> None:
    with canned({"id": "1"}, {"id": "2", "price": 10, "tags": ["a"]}) as shop:
        plan = shop.plan(
            updates=[be.price.percentage(50), be.tags.add("x"), be.custom_fields.set(a=1)], all_products=True
        )
    assert [(row.product, row.field, row.before, row.after) for row in plan.rows] == [
        ("1", "tags", [], ["x"]),
        ("1", "custom_fields.a", be.UNSET, 1),
        ("2", "price", Decimal(10), Decimal("15.00")),
        ("2", "tags", ["a"], ["a", "x"]),
        ("2", "custom_fields.a", be.UNSET, 1),
    ]
    assert [(row.product, row.code) for row in plan.skipped] == [("1", "blank_price")]


def test_a_field_that_cannot_be_read_is_not_taken_for_blank(canned: Any) -> None:
    with canned({"id": "1", "sku": "A", "price": "free"}, {"id": "2", "price": 10}) as shop:
        plan = shop.plan(updates=be.set_field("price", 5), all_products=True)
        other = shop.plan(updates=be.tags.add("x"), all_products=True)
    assert [row.product for row in plan.rows] == ["2"]
    assert [(row.product, row.sku, row.code, row.reason) for row in plan.skipped] == [
        ("1", "A", "unreadable", "Its price came in a form that cannot be read")
    ]
    assert len(other.rows) == 2


def test_rows_that_cannot_be_read_are_listed(canned: Any) -> None:
    with canned({"id": "1", "price": 10}, {"sku": "A", "price": 1}, {"id": ["7"], "price": 1}, 7) as shop:
        plan = shop.plan(updates=be.price.percentage(10), all_products=True)
    assert plan.counts.read == 4
    assert plan.counts.skipped == len(plan.skipped) == 3
    assert [(row.product, row.sku, row.code, row.reason) for row in plan.skipped] == [
        (None, "A", "unreadable", "It came without an id"),
        (None, None, "unreadable", "row 2, id: expected text, got ['7']"),
        (None, None, "unreadable", "row 3: expected an object, got 7"),
    ]
    assert [row.product for row in plan.rows] == ["1"]


# Absolute values


def test_absolute_values_are_held_against_the_shop(shop: Any, sandbox: be.Sandbox) -> None:
    held = sandbox.products.get("product_id_1")
    plan = shop.plan_from_rows(
        [
            {"id": "product_id_1", "price": "1.50", "title": held["title"], "tags": None},
            be.ProductUpdate(sku=sandbox.products.get("product_id_2")["sku"], vendor="X"),
            {"id": "nobody", "price": 1},
            {"sku": "nobody", "price": 1},
            {"id": "product_id_1", "vendor": "again"},
            {"id": "product_id_3", "price": "-1"},
            {"id": "product_id_4", "title": sandbox.products.get("product_id_4")["title"]},
            {"id": "product_id_5", "custom_fields": {"a": 1}},
        ],
        title="By hand",
    )
    assert [(row.product, row.field, row.after, row.reason) for row in plan.rows] == [
        ("product_id_1", "price", Decimal("1.50"), "as given"),
        ("product_id_1", "tags", [], "as given"),
        ("product_id_2", "vendor", "X", "as given"),
        ("product_id_3", "price", Decimal(-1), "as given"),
        ("product_id_5", "custom_fields.a", 1, "as given"),
    ]
    assert [(row.product or row.sku, row.code) for row in plan.skipped] == [
        ("nobody", "not_found"),
        ("nobody", "not_found"),
        ("product_id_1", "given_twice"),
    ]
    assert [row.product for row in plan.problems] == ["product_id_3"]
    assert (plan.counts.planned, plan.counts.unchanged, plan.counts.skipped) == (4, 1, 3)
    assert plan.title == "By hand"


def test_what_was_listed_is_an_empty_plan(shop: Any, sandbox: be.Sandbox) -> None:
    rows = [
        {name: value for name, value in row.items() if name in {"id", *WRITABLE}}
        for row in sandbox.products.rows()
    ]
    plan = shop.plan_from_rows(rows, custom_fields="replace")
    assert (plan.rows, plan.skipped) == ((), ())
    assert plan.counts.unchanged == len(rows) == 60


def test_custom_fields_that_a_row_does_not_name_stay_or_go(shop: Any, sandbox: be.Sandbox) -> None:
    shop.products.update([{"id": "product_id_1", "custom_fields": {"a": 1, "b": 2}}])
    held = sandbox.products.get("product_id_1")["custom_fields"]
    given = [{"id": "product_id_1", "custom_fields": {"a": 1}}]
    assert shop.plan_from_rows(given).rows == ()
    replaced = shop.plan_from_rows(given, custom_fields="replace").rows
    assert {(row.field, row.after) for row in replaced} == {
        (f"custom_fields.{name}", be.UNSET) for name in held if name != "a"
    }
    cleared = shop.plan_from_rows([{"id": "product_id_1", "custom_fields": None}]).rows
    assert {row.field for row in cleared} == {f"custom_fields.{name}" for name in held}


def test_guards_hold_for_absolute_values_too(shop: Any) -> None:
    plan = shop.plan_from_rows([{"id": "product_id_1", "price": 1}], guards=be.guards.floor("cost"))
    with pytest.raises(be.GuardError, match="price 1 is below the cost"):
        plan.raise_for_violations()


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([{"price": 1}], "row 0 names no product"),
        ([{"id": 7, "price": 1}], "row 0 names no product"),
        ([{"id": "1", "pric": 1}], "row 0: 'pric' is no field.*Did you mean 'price'"),
        ([{"id": "1"}, {"id": "2", "created_at": None}], "row 1: 'created_at'"),
        ([7], "row 0 must be a ProductUpdate, a mapping or a Record"),
        ({"id": "1"}, "must be a list of rows"),
    ],
)
def test_rows_that_are_none_are_refused_before_anything_is_read(shop: Any, rows: Any, text: str) -> None:
    with pytest.raises(be.InvalidInputError, match=text):
        shop.plan_from_rows(rows)

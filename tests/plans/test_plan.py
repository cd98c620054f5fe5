"""shop.plan: what would change, in absolute values; nothing is written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor import F

BRAND = F.vendor == "Premium Brand"


def test_a_plan_holds_absolute_values_and_writes_nothing(shop: Any, sandbox: be.Sandbox) -> None:
    held = {row["id"]: row for row in sandbox.products.rows()}
    plan = shop.plan(
        filter=BRAND, updates=[be.price.percentage(-20).ending(".99", mode="down"), be.tags.add("sale")]
    )
    rows = {(row.product, row.field): row for row in plan.rows}
    brand = {ident: row for ident, row in held.items() if row["vendor"] == "Premium Brand"}
    assert {product for product, _ in rows} == set(brand)
    for ident, row in brand.items():
        change = rows[ident, "price"]
        assert change.before == row["price"]
        assert change.after <= row["price"] * Decimal("0.8") < change.after + 1
        assert change.after % 1 == Decimal("0.99")
        assert rows[ident, "tags"].after == [*row["tags"], "sale"]
    assert plan.by_field == {"price": len(brand), "tags": len(brand)}
    assert plan.counts.read == plan.counts.planned == len(brand)
    assert {row["id"]: row for row in sandbox.products.rows()} == held


def test_without_a_filter_every_product_must_be_meant(shop: Any) -> None:
    with pytest.raises(be.InvalidInputError, match="all_products=True"):
        shop.plan(updates=[be.price.percentage(-20)])
    plan = shop.plan(updates=be.price.percentage(-20), all_products=True)
    assert plan.counts.read == 60
    with pytest.raises(be.InvalidInputError, match="contradicts"):
        shop.plan(updates=[be.price.percentage(-20)], filter=BRAND, all_products=True)


def test_each_update_sees_what_the_ones_before_it_made(shop: Any) -> None:
    plan = shop.plan(filter={"id": "product_id_1"}, updates=[be.price.set(10), be.price.percentage(50)])
    (row,) = plan.rows
    assert row.after == Decimal("15.00")
    assert row.reason == "= 10; +50 %"


def test_what_is_so_already_is_unchanged(shop: Any) -> None:
    plan = shop.plan(filter=BRAND, updates=[be.price.percentage(0), be.tags.remove("no such tag")])
    assert plan.rows == ()
    assert plan.counts.unchanged == plan.counts.read > 0


def test_guards_name_rows_and_values(shop: Any, sandbox: be.Sandbox) -> None:
    plan = shop.plan(
        filter={"id": "product_id_1"},
        updates=[be.price.set(1)],
        guards=[be.guards.floor("cost"), be.guards.max_change(percent=40), be.guards.min_rows(2)],
    )
    assert [(item.guard, item.field) for item in plan.violations] == [
        ("at least 2 rows", None),
        ("price >= cost", "price"),
        ("price changes by at most 40 %", "price"),
    ]
    with pytest.raises(be.GuardError, match=r"price 1 is below the cost of") as caught:
        plan.raise_for_violations()
    assert caught.value.errors[1].field == "PT-1.price"


def test_a_guard_can_leave_rows_out(shop: Any) -> None:
    plan = shop.plan(
        filter={"id": "product_id_1"},
        updates=[be.price.set(1), be.tags.add("sale")],
        guards=[be.guards.floor("cost", on_violation="skip_row")],
    )
    assert [row.field for row in plan.rows] == ["tags"]
    assert [(row.field, row.code) for row in plan.skipped] == [("price", "guard")]
    plan.raise_for_violations()

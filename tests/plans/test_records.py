"""What a connector read, held against the shop: each record is planned, unchanged, or skipped."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor.connectors import CSVFile, Record
from bulkeditor.errors import FieldError

SKUS = 3


@pytest.fixture
def skus(sandbox: be.Sandbox) -> list[str]:
    return [sandbox.products.get(f"product_id_{n}")["sku"] for n in range(1, SKUS + 1)]


def skipped(plan: Any) -> list[tuple[Any, ...]]:
    return [(row.product or row.sku, row.field, row.code) for row in plan.skipped]


def test_a_file_becomes_a_plan(shop: Any, sandbox: be.Sandbox, skus: list[str], tmp_path: Path) -> None:
    path = tmp_path / "erp.csv"
    path.write_text(
        "Item;Price;Cost;Shelf\n"
        f"{skus[0]};1.234,50;;A\n{skus[1]};twelve;5,00;B\n{skus[2]};;;C\nnobody;1,00;;D\n",
        encoding="utf-8",
    )
    columns = {"sku": "Item", "price": "Price", "cost": "Cost", "shelf": "Shelf"}
    with CSVFile(path, columns=columns, decimal=",", group=".").open() as session:
        plan = shop.plan_from_rows(session.read())
    assert [(row.product, row.field, row.after) for row in plan.rows] == [
        ("product_id_1", "price", Decimal("1234.50"))
    ]
    assert skipped(plan) == [
        ("product_id_1", "cost", "no_value"),
        (skus[1], "price", "unreadable"),
        (skus[1], "cost", "unreadable"),
        (skus[2], "price", "no_value"),
        (skus[2], "cost", "no_value"),
        ("nobody", None, "not_found"),
        (None, "shelf", "no_such_field"),
    ]
    assert "'twelve' is no number" in plan.skipped[1].reason
    assert "price could not be read" in plan.skipped[2].reason
    assert (plan.counts.planned, plan.counts.skipped, plan.counts.unchanged) == (1, 3, 0)


def test_a_field_that_cannot_be_read_leaves_the_others(shop: Any, skus: list[str]) -> None:
    problem = FieldError(field="inventory_quantity", message="'many' is no number")
    plan = shop.plan_from_rows(
        [Record(key=skus[0], values={"sku": skus[0], "vendor": "Y", "updated_at": None}, problems=(problem,))]
    )
    assert [(row.field, row.after) for row in plan.rows] == [("vendor", "Y")]
    assert skipped(plan) == [("product_id_1", "inventory_quantity", "unreadable")]


def test_records_without_anything_to_set_and_tombstones_are_told(shop: Any, skus: list[str]) -> None:
    plan = shop.plan_from_rows([Record(key=skus[0]), Record(key=skus[1], deleted=True)])
    assert plan.rows == ()
    assert skipped(plan) == [(skus[0], None, "no_value"), (skus[1], None, "deleted")]


def test_a_record_known_by_its_id_is_found_by_it(shop: Any, skus: list[str]) -> None:
    there = {"id": "gid://elsewhere/1", "sku": skus[0], "vendor": "A"}
    plan = shop.plan_from_rows(
        [
            Record(key=skus[0], values=there),
            Record(key="product_id_2", values={"id": "product_id_2", "vendor": "B"}),
        ]
    )
    assert [(row.product, row.after) for row in plan.rows] == [("product_id_1", "A"), ("product_id_2", "B")]


def test_an_asynchronous_read_is_taken_as_it_is(sandbox: be.Sandbox, skus: list[str], tmp_path: Path) -> None:
    (tmp_path / "erp.csv").write_text(f"sku,vendor\n{skus[0]},Z\n", encoding="utf-8")
    erp = CSVFile(tmp_path / "erp.csv")

    async def planned() -> be.AsyncPlan:
        async with sandbox.connect_async() as shop, erp.open_async() as session:
            return await shop.plan_from_rows(session.read())

    assert [(row.field, row.after) for row in asyncio.run(planned()).rows] == [("vendor", "Z")]

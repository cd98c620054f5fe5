"""The whole tour under every reading of the documentation, one at a time, and under some combinations."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from bulkeditor import F, Product, Sandbox, Updates
from bulkeditor.errors import (
    InvalidInputError,
    JobError,
    JobFailedError,
    NotFoundError,
    OutcomeUnknownError,
    UnsupportedByServerError,
)
from bulkeditor.models import PriceAdjustment
from bulkeditor.sandbox import READINGS

SEED = int(os.environ.get("BULKEDITOR_TEST_SEED", "20240601"))
PRODUCTS = 60
LIMIT = 25


def settings() -> list[Any]:
    single = [{name: value} for name, values in READINGS.items() for value in values[1:]]
    rnd = random.Random(SEED)
    mixed = [{name: rnd.choice(values) for name, values in READINGS.items()} for _ in range(6)]
    found = [pytest.param({}, True, id="defaults"), pytest.param({}, False, id="documented-only")]
    found += [pytest.param(one, True, id="-".join(*one.items())) for one in single]
    found += [pytest.param(many, True, id=f"seed{SEED}-{number}") for number, many in enumerate(mixed)]
    # What a server without completions can still be read in several ways.
    found += [
        pytest.param(many, False, id=f"documented-only-{number}") for number, many in enumerate(mixed[:2])
    ]
    return found


class Tour:
    """What a user does, and what must hold whichever way the server reads the documentation."""

    def __init__(self, sandbox: Sandbox, shop: Any, readings: Mapping[str, str], completions: bool) -> None:
        self.sandbox = sandbox
        self.shop = shop
        self.readings = readings
        self.completions = completions
        self.drifts = readings.get("order") == "changing"

    def reads(self, name: str, value: str) -> bool:
        return self.readings.get(name) == value

    def complete(self, pager: Any, expected: set[str]) -> None:
        ids = [item.id for item in pager]
        assert len(ids) == len(set(ids)), "a row came twice"
        if self.drifts:
            assert set(ids) <= expected
        else:
            assert set(ids) == expected
            assert pager.moved == pager.missing == 0

    def lists(self) -> None:
        rows = list(self.sandbox.products.rows())
        everything = self.shop.products.list(limit=LIMIT)
        self.complete(everything, {row["id"] for row in rows})
        if self.drifts and not self.readings.keys() & {"list_shape", "list_end"}:
            assert len(everything.all()) + everything.missing == PRODUCTS
            assert everything.moved >= everything.missing
        some = F.vendor == rows[0]["vendor"]
        expected = {row["id"] for row in rows if row["vendor"] == rows[0]["vendor"]}
        self.complete(self.shop.products.list(filter=some, limit=LIMIT, fields=["id"]), expected)
        cheap = (F.price < 40) & ~F.tags.contains("sale")
        expected = {row["id"] for row in rows if cheap.matches(row)}
        self.complete(self.shop.products.list(filter=cheap, limit=LIMIT), expected)
        self.complete(self.shop.products.list(filter={"sku": "no such sku"}, limit=LIMIT), set())

    def projects(self) -> None:
        for row in self.shop.products.list(fields=["price", "created_at"], limit=LIMIT):
            assert row.loaded == {"price", "created_at"}
            assert row.price is None or isinstance(row.price, Decimal)

    def resumes(self) -> None:
        pager = self.shop.products.list(limit=LIMIT)
        first = next(iter(pager.pages()))
        rest = list(pager.resume(first.next_token))
        if not self.drifts:
            everything = {row["id"] for row in self.sandbox.products.rows()}
            assert {item.id for item in first} | {item.id for item in rest} == everything
        again = next(iter(pager.resume(first.token).pages()))
        assert self.drifts or [item.id for item in again] == [item.id for item in first]

    def gets(self) -> None:
        row = self.shop.products.get("product_id_2")
        held = self.sandbox.products.get("product_id_2")
        assert held is not None
        assert isinstance(row, Product)
        assert (row.sku, row.price, row.tags) == (held["sku"], held["price"], held["tags"])
        with pytest.raises(NotFoundError):
            self.shop.products.get("no such id")

    def updates(self) -> None:
        held = {row["id"]: row for row in self.sandbox.products.rows()}
        ids = list(held)
        rows: list[dict[str, Any]] = [
            {"id": ids[0], "price": "29.99", "inventory_quantity": 100},
            {"id": ids[1], "tags": ["sale", "featured"]},
            {"sku": held[ids[2]]["sku"], "cost": None},
            {"id": ids[3], "custom_fields": {"season": "summer", "rank": 7}},
            {"sku": held[ids[2]]["sku"].swapcase() + "!", "price": 1},
            {"id": ids[4], "title": "x"},
            {"id": ids[5], "price": "0.0121", "title": "Renamed"},
            {"id": "no such id", "price": 1},
        ]
        before = {name: dict(row) for name, row in held.items()}
        report = self.shop.products.update(rows)
        assert [outcome.index for outcome in report] == list(range(len(rows)))
        self.agree(report, rows, before)
        assert report[4].code == "unknown_sku"
        assert report[5].message == "Title must be at least 3 characters"
        assert report[7].status == "failed"
        if self.reads("bulk_reply", "drops_row"):
            # Rows that were left out are found, and sending them again works.
            lost = [
                outcome for outcome in report if outcome.code == "not_applied" and "tags" not in outcome.row
            ]
            assert lost
            assert all(self.shop.products.update([outcome.row])[0].ok for outcome in lost)

    def agree(self, report: Any, rows: list[dict[str, Any]], before: Mapping[str, Any]) -> None:
        for outcome, given in zip(report, rows, strict=True):
            now = self.sandbox.products.get(outcome.id) if outcome.id else None
            wanted = {name: value for name, value in given.items() if name not in ("id", "sku")}
            if outcome.status in ("updated", "unchanged"):
                assert now is not None
                assert all(applied(name, value, now) for name, value in wanted.items()), outcome
            else:
                assert outcome.status == "failed", outcome
                assert outcome.message
                assert now is None or not all(applied(name, value, now) for name, value in wanted.items()), (
                    outcome
                )
            if {"tags", "custom_fields"} & wanted.keys() and outcome.ok:
                assert outcome.verified
        for outcome in report:
            if outcome.ok and "custom_fields" in outcome.row:
                now = self.sandbox.products.get(outcome.id)
                assert now is not None
                assert before[outcome.id]["custom_fields"].items() <= now["custom_fields"].items(), (
                    "a field was lost"
                )

    def works(self) -> None:
        """A bulk job: made, waited for, and its result looked at."""
        vendor = "Premium Brand"
        before = {row["id"]: row for row in self.sandbox.products.rows()}
        meant = [name for name, row in before.items() if row["vendor"] == vendor]
        updates = Updates(tags=["summer-sale"], price_adjustment=PriceAdjustment.percentage(-20))

        def create() -> Any:
            return self.shop.bulk_jobs.create(filter={"vendor": vendor}, updates=updates)

        if self.reads("filter", "ignored"):
            with pytest.raises(InvalidInputError, match="does not filter"):
                create()
            assert changed(before, self.sandbox) == set()
            return
        if self.reads("job_filter", "ignored"):
            with pytest.raises(JobError, match="its filter selects"):
                create()
            return
        job = self.shop.bulk_jobs.wait(create().id, timeout=20)
        assert job.succeeded
        assert job.progress == 100
        assert job.error_count == 0
        assert changed(before, self.sandbox) == set(meant)
        for name in meant:
            old, now = before[name]["price"], self.sandbox.products.get(name)
            assert now is not None
            assert old is None or abs(now["price"] - old * Decimal("0.8")) <= Decimal("0.005")

    def fails(self) -> None:
        """A job in which every row fails is no success, whatever the words for it are."""
        if self.reads("filter", "ignored") or self.reads("job_filter", "ignored"):
            return
        free = self.shop.products.update([{"id": "product_id_1", "price": None, "vendor": "Unpriced"}])
        if not free[0].ok:
            return
        job = self.shop.bulk_jobs.create(
            filter={"vendor": "Unpriced"}, updates={"price_adjustment": {"type": "percentage", "value": -20}}
        )
        with pytest.raises(JobFailedError) as caught:
            self.shop.bulk_jobs.wait(job.id, timeout=20)
        assert caught.value.errors == 1

    def completes(self) -> None:
        """What is not documented works where it is there, and says so where it is not."""
        self.there(
            self.completions, self.webhooks if not self.reads("webhooks", "absent") else None, "webhooks"
        )
        self.there(self.completions, self.keys, "keys")
        self.there(self.completions, self.inventory, "inventory")

    def there(self, there: bool, use: Callable[[], None] | None, name: str) -> None:
        if there and use is not None:
            use()
            return
        call = {"inventory": "locations"}.get(name, "list")
        with pytest.raises(UnsupportedByServerError, match=name):
            getattr(getattr(self.shop, name), call)().first()

    def webhooks(self) -> None:
        made = self.shop.webhooks.create(events=["product.updated"], endpoint="http://127.0.0.1:9/hook")
        assert made.secret.reveal()
        assert [hook.id for hook in self.shop.webhooks.list()] == [made.id]
        self.shop.webhooks.delete(made.id)
        assert self.shop.webhooks.list().first() is None

    def keys(self) -> None:
        made = self.shop.keys.create(name="ci", scopes=["read:products"])
        assert made.key is not None
        self.shop.keys.revoke(made.id)
        assert made.id not in {key.id for key in self.shop.keys.list()}

    def inventory(self) -> None:
        place = self.shop.inventory.locations().first()
        row = {"product_id": "product_id_3", "location_id": place.id}
        assert self.shop.inventory.set([{**row, "on_hand": 7}])[0].ok
        assert self.shop.inventory.adjust([{**row, "delta": -2}])[0].ok
        (level,) = self.shop.inventory.levels(**row)
        assert level.on_hand == 5


def applied(name: str, wanted: Any, row: Mapping[str, Any]) -> bool:
    if name == "tags":
        return set(wanted) == set(row["tags"])
    if name == "custom_fields":
        return wanted.items() <= row["custom_fields"].items()
    if name in ("price", "cost") and wanted is not None:
        return row[name] == Decimal(str(wanted))
    return bool(row[name] == wanted)


def changed(before: Mapping[str, Any], sandbox: Sandbox) -> set[str]:
    return {name for name, row in before.items() if sandbox.products.get(name) != row}


@pytest.mark.parametrize(("readings", "completions"), settings())
def test_tour(readings: Mapping[str, str], completions: bool, connect: Any) -> None:
    with Sandbox(products=PRODUCTS, readings=readings, completions=completions) as sandbox:
        tour = Tour(sandbox, connect(sandbox), readings, completions)
        tour.lists()
        tour.projects()
        tour.resumes()
        tour.gets()
        tour.updates()
        try:
            tour.works()
            tour.fails()
        except OutcomeUnknownError:
            pytest.fail("no answer was lost, so every outcome is known")
        tour.completes()
        sandbox.assert_no_duplicate_effects()

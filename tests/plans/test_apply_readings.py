"""Apply and undo under every reading of the documentation, one at a time, and under some combinations."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor import UNSET
from bulkeditor.sandbox import READINGS
from tests.plans.making import Making, contents, held, problem

SEED = int(os.environ.get("BULKEDITOR_TEST_SEED", "20240601"))
PRODUCTS = 270
"""More than a page."""

ABOUT_PLANS = (
    "list_shape", "first_page", "list_end", "order", "fields", "filter", "bulk_reply", "idempotency_key",
    "money", "tags_update", "custom_fields_update", "retry_after",
)  # fmt: skip


def settings() -> list[Any]:
    single = [{name: value} for name in ABOUT_PLANS for value in READINGS[name][1:]]
    rnd = random.Random(SEED)
    mixed = [{name: rnd.choice(READINGS[name]) for name in ABOUT_PLANS} for _ in range(4)]
    for many in mixed:
        if many["order"] == "changing":
            # Of a list that moves while it is read and cannot be filtered, nobody can say what is not on it.
            many["filter"] = "equality"
    found = [pytest.param({}, True, id="defaults"), pytest.param({}, False, id="documented-only")]
    found += [pytest.param(one, True, id="-".join(*one.items())) for one in single]
    return found + [
        pytest.param(many, number % 2 == 0, id=f"seed{SEED}-{number}") for number, many in enumerate(mixed)
    ]


IDS = [f"product_id_{number}" for number in range(5, PRODUCTS, 20)]


def rows(making: Making, *, adds: bool) -> list[Any]:
    made: list[Any] = []
    for ident in IDS:
        made += [(ident, "price", "11.50"), (ident, "custom_fields.season", None)]
        # Where tags are only ever added to, they cannot be taken back.
        made += [] if adds and ident != IDS[4] else [(ident, "tags", ["made"])]
    title = making.row(IDS[2], "title", "x", problem=problem("title"))
    return [*made, (IDS[1], "custom_fields.gone", UNSET), title, (IDS[3], "vendor", "Acme")]


@pytest.mark.parametrize("face", ["sync"], indirect=True)
@pytest.mark.parametrize(("readings", "completions"), settings())
def test_apply_and_undo(readings: Mapping[str, str], completions: bool, connect: Any, tmp_path: Path) -> None:
    apply_and_undo(readings, completions, connect, tmp_path)


@pytest.mark.parametrize("face", ["async"], indirect=True)
@pytest.mark.parametrize(("readings", "completions"), settings()[:2] + settings()[-2:])
def test_apply_and_undo_in_asyncio(
    readings: Mapping[str, str], completions: bool, connect: Any, tmp_path: Path
) -> None:
    apply_and_undo(readings, completions, connect, tmp_path)


def apply_and_undo(readings: Mapping[str, str], completions: bool, connect: Any, tmp_path: Path) -> None:
    with be.Sandbox(products=PRODUCTS, readings=readings, completions=completions) as sandbox:
        shop, making = connect(sandbox), Making(tmp_path, sandbox)
        adds, tells = (
            readings.get("tags_update") == "add",
            readings.get("bulk_reply") not in ("counts", "no_content"),
        )
        shop.products.update([{"id": IDS[1], "custom_fields": {"gone": "x", "stays": 1}}])
        shop.products.update([{"id": IDS[4], "tags": ["old", "made"]}])
        plan = making(shop, *rows(making, adds=adds))
        edited = IDS[0]
        shop.products.update([{"id": edited, "price": "77.00"}])
        before = contents(sandbox)

        run = plan.apply()
        assert [outcome.row for outcome in run.report] == list(plan.rows)
        assert run.ledger.balanced
        for outcome in run.report:
            row = outcome.row
            if row.field == "title":
                assert (outcome.status, outcome.code) == ("failed", "too_short" if tells else "not_applied")
            elif (row.product, row.field) == (edited, "price"):
                assert (outcome.status, outcome.found) == ("stale", 77)
            elif adds and row.field == "tags":
                assert (outcome.status, outcome.code) == ("failed", "not_applied")
            else:
                assert outcome.status == "updated", outcome
                assert held(sandbox, row.product, row.field) == row.after or row.after is UNSET
        assert "gone" not in sandbox.products.get(IDS[1])["custom_fields"]  # type: ignore[index]

        undo = run.undo()
        assert {outcome.status for outcome in undo.report} == {"updated"}, undo.report
        assert contents(sandbox) == before
        sandbox.assert_no_duplicate_effects()

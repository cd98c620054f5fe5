"""run.undo: the bytes as they were, and nobody's newer edits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor import UNSET
from tests.plans.making import Making, contents, statuses, writes

ONE, TWO, THREE = "product_id_1", "product_id_2", "product_id_3"
CATALOG = [
    {
        "id": ONE, "sku": "A-1", "title": "First", "price": "30", "compare_at_price": "35.50", "cost": None,
        "tags": ["b", "a", "B"], "vendor": None, "barcode": "00042", "inventory_quantity": -3,
        "custom_fields": {"null": None, "empty": "", "exact": Decimal("1.50"), "deep": {"z": [True, None]}},
    },
    {"id": TWO, "sku": "A-2", "title": "Second", "price": "19.990", "tags": [], "custom_fields": {"only": 1}},
    {"id": THREE, "sku": "A-3", "title": "Third", "price": None, "tags": ["x"], "vendor": "Acme"},
]  # fmt: skip

CHANGES: list[tuple[str, str, Any]] = [
    (ONE, "price", "24.00"),
    (ONE, "compare_at_price", None),
    (ONE, "cost", "1.5"),
    (ONE, "tags", ["a", "sale"]),
    (ONE, "vendor", "Acme"),
    (ONE, "barcode", None),
    (ONE, "inventory_quantity", 12),
    (ONE, "custom_fields.null", ""),
    (ONE, "custom_fields.empty", None),
    (ONE, "custom_fields.exact", Decimal("1.5")),
    (ONE, "custom_fields.deep", UNSET),
    (ONE, "custom_fields.new", {"a": Decimal("0.10")}),
    (TWO, "price", "20.00"),
    (TWO, "custom_fields.only", UNSET),
    (THREE, "price", "5"),
    (THREE, "tags", []),
    (THREE, "status", "draft"),
]


@pytest.mark.parametrize("custom", ["merge", "replace"])
@pytest.mark.parametrize("money", ["number", "string"])
@pytest.mark.parametrize("completions", [True, False])
def test_the_bytes_are_as_they_were(
    connect: Any, tmp_path: Path, custom: str, money: str, completions: bool
) -> None:
    readings = {"custom_fields_update": custom, "money": money}
    with be.Sandbox(catalog=CATALOG, readings=readings, completions=completions) as sandbox:
        before = contents(sandbox)
        run = Making(tmp_path, sandbox)(connect(sandbox), *CHANGES).apply()
        assert set(statuses(run).values()) == {"updated"}
        after = contents(sandbox)
        assert all(after[ident] != before[ident] for ident in before)
        undo = run.undo()
        assert set(statuses(undo).values()) == {"updated"}
        assert undo.undoes == run.id
        assert contents(sandbox) == before
        redo = undo.undo()
        assert set(statuses(redo).values()) == {"updated"}
        assert contents(sandbox) == after
        sandbox.assert_no_duplicate_effects()


def test_what_somebody_has_changed_since_is_left_alone(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    run = making(
        shop,
        (ONE, "price", "11.00"),
        (ONE, "compare_at_price", "15.00"),
        (ONE, "vendor", "Acme"),
        (TWO, "price", "12.00"),
    ).apply()
    shop.products.update([{"id": ONE, "compare_at_price": "77.00"}])
    undo = run.undo()
    assert statuses(undo) == {
        (ONE, "price"): "skipped",
        (ONE, "compare_at_price"): "stale",
        (ONE, "vendor"): "updated",
        (TWO, "price"): "updated",
    }
    held = sandbox.products.get(ONE)
    assert held is not None
    assert (held["price"], held["compare_at_price"]) == (11, 77)


def test_only_what_the_run_wrote_is_taken_back(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    plan = making(
        shop, (ONE, "price", "11.00"), (TWO, "title", "x"), (THREE, "vendor", "Acme"), (TWO, "cost", "9")
    )
    shop.products.update([{"id": THREE, "vendor": "Acme"}, {"id": TWO, "cost": "8"}])
    run = plan.apply()
    assert list(statuses(run).values()) == ["updated", "failed", "unchanged", "stale"]
    undo = run.undo()
    assert list(statuses(undo)) == [(ONE, "price")]
    assert sandbox.products.get(THREE)["vendor"] == "Acme"  # type: ignore[index]


def test_some_fields_or_products_alone(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    run = making(
        shop,
        (ONE, "price", "11.00"),
        (ONE, "custom_fields.a", 1),
        (ONE, "custom_fields.b", 1),
        (TWO, "price", "12.00"),
        (TWO, "vendor", "Acme"),
    ).apply()
    assert list(statuses(run.undo(fields=["custom_fields"]))) == [
        (ONE, "custom_fields.a"), (ONE, "custom_fields.b")
    ]  # fmt: skip
    assert list(statuses(run.undo(fields=["price"], products=[TWO]))) == [(TWO, "price")]
    # What was taken back by then is so already.
    rest = run.undo()
    assert statuses(rest)[TWO, "price"] == "unchanged"
    assert statuses(rest)[TWO, "vendor"] == "updated"
    for options, problem in (
        ({"fields": ["prize"]}, "no row of 'prize'"),
        ({"products": ["nobody"]}, "no row of 'nobody'"),
        ({"fields": "price"}, "must be a list"),
    ):
        with pytest.raises(be.InvalidInputError, match=problem):
            run.undo(**options)


def test_the_same_undo_is_one_run(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    run = making(shop, (ONE, "price", "11.00")).apply()
    undo = run.undo()
    requests = len(sandbox.journal)
    assert run.undo().id == undo.id
    assert len(sandbox.journal) == requests
    redo = undo.undo()
    with pytest.raises(be.NotUndoableError, match=redo.id):
        run.undo()
    redo.undo()
    assert sandbox.products.get(ONE)["price"] != 11  # type: ignore[index]


def test_an_undo_has_its_time(connect: Any, making: Making, sandbox: be.Sandbox) -> None:
    shop = connect(sandbox)
    run = making(shop, (ONE, "price", "11.00")).apply()
    assert run.undoable_until - run.finished_at == timedelta(days=30)
    over = making(shop, (TWO, "price", "11.00")).apply(undoable_for=timedelta(0))
    with pytest.raises(be.NotUndoableError, match="could be taken back until"):
        over.undo()
    with pytest.raises(be.InvalidInputError, match="undoable_for"):
        making(shop, (TWO, "price", "12.00")).apply(undoable_for=timedelta(-1))
    assert len(writes(sandbox)) == 2


def test_a_read_only_client_takes_nothing_back(
    connect: Any, making: Making, sandbox: be.Sandbox, tmp_path: Path
) -> None:
    store = tmp_path / "shop.db"
    run = making(connect(sandbox, store=store), (ONE, "price", "11.00")).apply()
    careful = connect(sandbox, store=store, read_only=True)
    seen = careful.runs.get(run.id)
    assert seen.report.counts["updated"] == 1
    with pytest.raises(be.ReadOnlyError):
        seen.undo()

"""plan.apply: what is written, what is left alone, and one outcome for each row."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor import UNSET, F
from tests.plans.making import Making, codes, contents, problem, statuses, writes

ONE, TWO, THREE = "product_id_1", "product_id_2", "product_id_3"


def test_rows_are_written_and_each_has_one_outcome(shop: Any, sandbox: be.Sandbox) -> None:
    plan = shop.plan(all_products=True, updates=[be.price.percentage(-20), be.tags.add("sale")])
    run = plan.apply()
    assert run.status == "done"
    assert [outcome.row for outcome in run.report] == list(plan.rows)
    assert {outcome.status for outcome in run.report} == {"updated"}
    assert run.ledger.planned == len(plan.rows) == run.ledger.counts["updated"]
    for row in plan.rows:
        product = sandbox.products.get(row.product)
        assert product is not None
        assert product[row.field] == row.after
    # One look at the page, one write.
    assert [entry.method for entry in sandbox.journal][-2:] == ["GET", "PUT"]


def test_what_is_so_already_is_unchanged(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    plan = making(shop, (ONE, "price", "11.00"), (ONE, "vendor", "Acme"), (TWO, "tags", ["a"]))
    shop.products.update([{"id": ONE, "price": "11.00"}])
    run = plan.apply()
    assert list(statuses(run).values()) == ["unchanged", "updated", "updated"]
    assert writes(sandbox)[-1] == {ONE: {"vendor": "Acme"}, TWO: {"tags": ["a"]}}


def test_a_field_that_moved_is_left_alone_and_the_others_are_written(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    plan = making(shop, (ONE, "price", "11.00"), (ONE, "vendor", "Acme"), (TWO, "price", "12.00"))
    shop.products.update([{"id": ONE, "price": "77.00"}])
    run = plan.apply()
    assert list(statuses(run).values()) == ["stale", "updated", "updated"]
    stale = run.report.stale[0]
    assert (stale.code, stale.found) == ("stale", Decimal("77.00"))
    assert "price is 77.00 now" in stale.message
    assert sandbox.products.get(ONE)["price"] == 77  # type: ignore[index]


def test_prices_of_a_product_stand_or_fall_together(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    plan = making(shop, (ONE, "price", "11.00"), (ONE, "compare_at_price", "15.00"), (ONE, "vendor", "Acme"))
    shop.products.update([{"id": ONE, "compare_at_price": "77.00"}])
    run = plan.apply()
    assert list(codes(run).values()) == ["group_stale", "stale", None]
    assert list(statuses(run).values()) == ["skipped", "stale", "updated"]
    assert writes(sandbox)[-1] == {ONE: {"vendor": "Acme"}}


def test_with_reject_rows_a_product_stands_or_falls_whole(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    before = contents(sandbox)
    plan = making(
        shop,
        (ONE, "price", "11.00"),
        (ONE, "vendor", "Acme"),
        making.row(TWO, "title", "x", problem=problem("title", "too_short")),
        (TWO, "vendor", "Acme"),
        (THREE, "title", "y"),
        (THREE, "vendor", "Acme"),
    )
    shop.products.update([{"id": ONE, "vendor": "Other"}])
    run = plan.apply(on_error="reject_rows")
    assert codes(run) == {
        (ONE, "price"): "group_stale",
        (ONE, "vendor"): "stale",
        (TWO, "title"): "too_short",
        (TWO, "vendor"): "row_rejected",
        (THREE, "title"): "too_short",
        (THREE, "vendor"): "group_rejected",
    }
    assert [outcome.status for outcome in run.report] == [
        "skipped", "stale", "skipped", "skipped", "failed", "skipped"
    ]  # fmt: skip
    assert {ident for ident, content in contents(sandbox).items() if content != before[ident]} == {ONE}


def test_what_the_server_refuses_fails_alone(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    plan = making(
        shop,
        making.row(ONE, "title", "x", problem=problem("title")),
        (ONE, "price", "11.00"),
        (TWO, "price", "-1"),
        (TWO, "cost", "1.00"),
        (TWO, "tags", ["a"]),
        (THREE, "tags", ["a", " "]),
    )
    run = plan.apply()
    assert codes(run) == {
        (ONE, "title"): "too_short",
        (ONE, "price"): None,
        (TWO, "price"): "negative",
        (TWO, "cost"): "group_rejected",
        (TWO, "tags"): None,
        (THREE, "tags"): "invalid_value",
    }
    assert writes(sandbox) == [{ONE: {"price": 11}}, {TWO: {"tags": ["a"]}}]
    assert run.report.failed[1].message == "Price must be positive"


def test_one_stale_row_stops_it_before_the_first_write(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    plan = making(shop, (ONE, "price", "11.00"), (ONE, "cost", "1.00"), (TWO, "price", "12.00"))
    shop.products.update([{"id": ONE, "price": "77.00"}])
    written = len(writes(sandbox))
    with pytest.raises(be.PlanStoppedError, match=r"price is 77\.00 now") as caught:
        plan.apply(on_stale="fail")
    assert len(writes(sandbox)) == written
    run = shop.runs.get(caught.value.run)
    assert list(codes(run).values()) == ["stale", "group_stale", "stopped"]
    assert run.ledger.balanced
    assert [error.code for error in caught.value.errors] == ["stale", "group_stale"]


def test_without_a_stale_row_fail_writes_everything(shop: Any, making: Making) -> None:
    run = making(shop, (ONE, "price", "11.00"), (TWO, "price", "12.00")).apply(on_stale="fail")
    assert set(statuses(run).values()) == {"updated"}
    assert run.ledger.balanced


def test_force_overwrites_and_says_what_was_there(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    plan = making(shop, (ONE, "price", "11.00"), (ONE, "custom_fields.season", "summer"))
    shop.products.update([{"id": ONE, "price": "77.00", "custom_fields": {"other": 1}}])
    run = plan.apply(on_stale="force")
    forced = run.report[0]
    assert (forced.status, forced.code, forced.found) == ("updated", "forced", Decimal("77.00"))
    assert run.report[1].code is None
    product = sandbox.products.get(ONE)
    assert product is not None
    assert product["price"] == 11
    assert product["custom_fields"].items() >= {"other": 1, "season": "summer"}.items()
    run.undo()
    assert sandbox.products.get(ONE)["price"] == 77  # type: ignore[index]


def test_all_or_nothing_writes_all(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    run = making(shop, (ONE, "price", "11.00"), (TWO, "tags", ["a"])).apply(on_error="all_or_nothing")
    assert set(statuses(run).values()) == {"updated"}
    assert writes(sandbox)[-1] == {ONE: {"price": 11}, TWO: {"tags": ["a"]}}


@pytest.mark.parametrize("trouble", ["stale", "refused", "gone"])
def test_all_or_nothing_writes_nothing(shop: Any, sandbox: be.Sandbox, making: Making, trouble: str) -> None:
    title = "x" if trouble == "refused" else "A good title"
    plan = making(shop, (ONE, "price", "11.00"), (TWO, "title", title), (THREE, "vendor", "Acme"))
    if trouble == "stale":
        shop.products.update([{"id": TWO, "title": "Somebody else's"}])
    if trouble == "gone":
        shop.products.delete(TWO)
    before = contents(sandbox)
    with pytest.raises(be.PlanStoppedError) as caught:
        plan.apply(on_error="all_or_nothing")
    assert contents(sandbox) == before
    run = shop.runs.get(caught.value.run)
    expected = {"stale": "stale", "refused": "failed", "gone": "failed"}[trouble]
    assert list(statuses(run).values()) == ["skipped", expected, "skipped"]


def test_all_or_nothing_is_never_faked(connect: Any, tmp_path: Path) -> None:
    with be.Sandbox(products=3, completions=False) as sandbox:
        plan = Making(tmp_path, sandbox)(connect(sandbox), (ONE, "price", "11.00"))
        with pytest.raises(be.UnsupportedByServerError, match="row by row"):
            plan.apply(on_error="all_or_nothing")
        assert not writes(sandbox)


def test_all_or_nothing_must_fit_into_one_request(connect: Any, tmp_path: Path) -> None:
    with be.Sandbox(products=251) as sandbox:
        shop, making = connect(sandbox), Making(tmp_path, sandbox)
        many = [(row["id"], "vendor", "Acme") for row in sandbox.products.rows()]
        for rows, problem_text in (
            (many, "251 products"),
            ([(ONE, "title", "x" * 600_000), (TWO, "title", "y" * 600_000)], "bytes"),
            ([making.row(ONE, "custom_fields.season", UNSET, before="summer")], "taken away"),
        ):
            with pytest.raises(be.InvalidInputError, match=problem_text):
                making(shop, *rows).apply(on_error="all_or_nothing")
        bad = making.row(ONE, "title", "x", problem=problem("title"))
        with pytest.raises(be.PlanError, match="would be refused"):
            making(shop, bad).apply(on_error="all_or_nothing")
        assert not writes(sandbox)


def test_products_that_vanished_fail_and_the_others_are_written(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    ids = [f"product_id_{number}" for number in range(1, 21)]
    plan = making(shop, *((ident, "vendor", "Acme") for ident in ids))
    for ident in ids[3:6]:
        shop.products.delete(ident)
    run = plan.apply()
    assert [outcome.row.product for outcome in run.report.failed] == ids[3:6]
    assert {outcome.code for outcome in run.report.failed} == {"unknown_id"}
    assert run.ledger.counts["updated"] == 17


def test_custom_fields_that_no_row_is_about_stay(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    shop.products.update([{"id": ONE, "custom_fields": {"a": Decimal("1.50"), "b": None, "c": ""}}])
    plan = making(shop, (ONE, "custom_fields.b", "x"), (ONE, "custom_fields.d", None))
    shop.products.update([{"id": ONE, "custom_fields": {"e": 5}}])
    run = plan.apply()
    assert set(statuses(run).values()) == {"updated"}
    held = sandbox.products.get(ONE)
    assert held is not None
    assert held["custom_fields"].items() >= {
        "a": Decimal("1.50"), "b": "x", "c": "", "d": None, "e": 5
    }.items()  # fmt: skip


def test_an_entry_that_moved_does_not_keep_others_from_being_written(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    plan = making(shop, (ONE, "custom_fields.b", "x"), (ONE, "custom_fields.d", None))
    shop.products.update([{"id": ONE, "custom_fields": {"b": "theirs"}}])
    assert list(statuses(plan.apply()).values()) == ["stale", "updated"]
    assert sandbox.products.get(ONE)["custom_fields"]["b"] == "theirs"  # type: ignore[index]


@pytest.mark.parametrize("reading", ["merge", "replace"])
@pytest.mark.parametrize("rest", [{}, {"other": 1, "third": None}])
def test_an_entry_is_taken_away_whatever_the_server_does_with_custom_fields(
    connect: Any, tmp_path: Path, reading: str, rest: dict[str, Any]
) -> None:
    with be.Sandbox(products=3, readings={"custom_fields_update": reading}) as sandbox:
        shop = connect(sandbox)
        shop.products.update([{"id": ONE, "custom_fields": {}}])
        shop.products.update([{"id": ONE, "custom_fields": {"season": "summer", **rest}}])
        before = contents(sandbox)
        plan = Making(tmp_path, sandbox)(shop, (ONE, "custom_fields.season", UNSET), (ONE, "price", "1.00"))
        run = plan.apply()
        assert list(statuses(run).values()) == ["updated", "updated"]
        assert sandbox.products.get(ONE)["custom_fields"] == rest  # type: ignore[index]
        run.undo()
        assert contents(sandbox) == before


def test_the_same_plan_applied_twice_is_one_run(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    plan = making(shop, (ONE, "price", "11.00"))
    first = plan.apply()
    requests = len(sandbox.journal)
    assert plan.apply().id == first.id
    assert len(sandbox.journal) == requests
    with pytest.raises(be.PlanError, match="on_stale='skip'"):
        plan.apply(on_stale="force")
    again = plan.apply(attempt=2, on_stale="force")
    assert again.id != first.id
    assert list(statuses(again).values()) == ["unchanged"]


def test_a_plan_that_was_taken_back_is_not_applied_again_by_itself(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    plan = making(shop, (ONE, "price", "11.00"))
    first = plan.apply()
    undo = first.undo()
    with pytest.raises(be.PlanError, match="taken back"):
        plan.apply()
    second = plan.apply(attempt=2)
    assert second.id != first.id
    # The undo of the undo applies it, so there is nothing to refuse then.
    undo.undo()
    assert plan.apply().id == first.id
    assert list(statuses(second).values()) == ["updated"]
    assert sandbox.products.get(ONE)["price"] == 11  # type: ignore[index]


def test_guards_other_shops_and_read_only_clients_are_refused_before_anything_is_sent(
    shop: Any, sandbox: be.Sandbox, making: Making, connect: Any
) -> None:
    requests = len(sandbox.journal)
    guarded = shop.plan(
        filter=F.id == ONE, updates=[be.price.percentage(-90)], guards=[be.guards.max_change(percent=40)]
    )
    with pytest.raises(be.GuardError):
        guarded.apply()
    read_only = connect(sandbox, read_only=True)
    with pytest.raises(be.ReadOnlyError):
        making(read_only, (ONE, "price", "1.00")).apply()
    with pytest.raises(be.PlanError, match="more than one row"):
        making(shop, (ONE, "price", "1.00"), (ONE, "price", "2.00")).apply()
    for options in ({"on_stale": "ignore"}, {"on_error": "hope"}):
        with pytest.raises(be.InvalidInputError, match="must be one of"):
            making(shop, (ONE, "price", "1.00")).apply(**options)
    with be.Sandbox(products=3) as other:
        path = making.folder / "other.json"
        Making(making.folder, other).document((ONE, "price", "1.00")).save(path)
        with pytest.raises(be.PlanError, match="was made for"):
            shop.load_plan(path)
    assert not writes(sandbox)
    assert len(sandbox.journal) == requests + 1


FORGED = [
    ("id", "product_id_2"),  # it would write to another product
    ("expected", {}),
    ("updated_at", "2026-01-01"),
    ("custom_fields", {"a": 1}),
    ("price", UNSET),
]


@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: forged[0])
def test_a_forged_plan_is_refused(
    shop: Any, sandbox: be.Sandbox, making: Making, forged: tuple[str, Any]
) -> None:
    row = be.PlanRow(product=ONE, field=forged[0], before=None, after=forged[1])
    plan = making(shop, (ONE, "vendor", "Acme"), row)
    with pytest.raises((be.InvalidInputError, be.PlanError), match="The plan"):
        plan.apply()
    assert not writes(sandbox)


def test_a_plan_without_rows_is_a_run_that_is_done(shop: Any, making: Making) -> None:
    run = making(shop).apply()
    assert (run.status, len(run.report)) == ("done", 0)
    assert str(run.ledger) == "0 planned = 0"


def test_many_pages_are_read_once(connect: Any, tmp_path: Path) -> None:
    with be.Sandbox(products=1010) as sandbox:
        shop = connect(sandbox, concurrency=1)
        plan = shop.plan(all_products=True, updates=[be.tags.add("sale")])
        start = len(sandbox.journal)
        run = plan.apply()
        assert run.ledger.counts["updated"] == len(plan.rows) > 800
        # Each page is read right before it is written, and none twice.
        assert [entry.method for entry in sandbox.journal][start:] == ["GET", "PUT"] * 5


def test_few_products_of_many_are_looked_up(connect: Any, tmp_path: Path) -> None:
    with be.Sandbox(products=3000) as sandbox:
        shop, making = connect(sandbox, concurrency=1), Making(tmp_path, sandbox)
        start = len(sandbox.journal)
        making(shop, ("product_id_2999", "vendor", "Acme")).apply()
        assert [entry.method for entry in sandbox.journal][start:] == ["GET", "PUT"]
        start = len(sandbox.journal)
        ids = [f"product_id_{number}" for number in range(2000, 2008)]
        run = making(shop, *((ident, "vendor", "Acme") for ident in ids)).apply()
        assert run.ledger.counts["updated"] == 8
        # A page shows that eleven more are to come, so the eight are asked for one by one.
        assert [entry.method for entry in sandbox.journal][start:] == ["GET"] * (1 + 1 + 8) + ["PUT"]


def test_progress_is_told(shop: Any, making: Making) -> None:
    seen: list[be.RunProgress] = []
    plan = making(shop, (ONE, "price", "11.00"), (TWO, "title", "x"), (THREE, "vendor", "Acme"))
    plan.apply(progress=seen.append)
    assert (seen[-1].done, seen[-1].rows, seen[-1].failed, seen[-1].progress) == (3, 3, 1, 100)
    assert [moved.status for moved in (seen[0], seen[-1])] == ["running", "done"]


def test_progress_is_shown_in_a_terminal(
    shop: Any, making: Making, capsys: pytest.CaptureFixture[str]
) -> None:
    making(shop, (ONE, "price", "11.00"), (TWO, "title", "x")).apply(progress=True)
    assert capsys.readouterr().err.splitlines()[-1] == f"{'█' * 30} 100 % 2/2 done, 1 errors"


@pytest.mark.parametrize("wrong", [7, "a, b", {"a": 1}, [1]])
def test_tags_that_are_none_are_refused_by_the_server_alone(shop: Any, making: Making, wrong: Any) -> None:
    run = making(shop, ("product_id_1", "tags", wrong), ("product_id_1", "price", "11.00")).apply()
    assert [outcome.status for outcome in run.report] == ["failed", "updated"]

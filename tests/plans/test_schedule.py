"""plan.schedule: plans that begin and end by themselves, layers, and the ways out, through both faces."""

# ruff: noqa: DTZ001 - times without a zone are given on purpose

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor import UNSET, F
from bulkeditor.http import FollowingClock
from tests.plans.making import Making, codes, held, statuses, writes

ONE, TWO, THREE = "product_id_1", "product_id_2", "product_id_3"
START = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[be.Sandbox]:
    with be.Sandbox(products=60, clock=START) as server:
        yield server
        server.assert_no_duplicate_effects()


@pytest.fixture
def shop(connect: Any, sandbox: be.Sandbox) -> Any:
    return connect(sandbox, store=":memory:", clock=FollowingClock(sandbox.clock.now))


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def at(sandbox: be.Sandbox, shop: Any, number: float) -> None:
    """Move to a day, and carry on what is due."""
    sandbox.clock.advance(day(number) - sandbox.clock.now())
    shop.runs.tick()


def price(sandbox: be.Sandbox, product: str = ONE) -> Decimal:
    return held(sandbox, product, "price")


# Beginning and end


def test_a_sale_begins_and_ends(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    old = {field: held(sandbox, ONE, field) for field in ("price", "tags")}
    run = making(
        shop,
        (ONE, "price", "19.00"),
        (ONE, "tags", ["sale"]),
        (TWO, "custom_fields.season", "winter"),
        (TWO, "custom_fields.material", UNSET),
    ).schedule(at=day(1), revert_at=day(3))
    assert run.status == "waiting"
    assert {outcome.status for outcome in run.report} == {"pending"}
    assert (run.at, run.revert_at) == (day(1), day(3))
    assert run.undoable_until is run.ended is None
    at(sandbox, shop, 0.9)
    assert writes(sandbox) == []
    at(sandbox, shop, 1)
    run.refresh()
    assert set(statuses(run).values()) == {"updated"}
    assert run.ledger.balanced
    assert run.ended is None
    assert run.status == "waiting"
    assert price(sandbox) == Decimal(19)
    assert held(sandbox, ONE, "tags") == ["sale"]
    assert held(sandbox, TWO, "custom_fields.season") == "winter"
    assert held(sandbox, TWO, "custom_fields.material") is UNSET
    at(sandbox, shop, 3)
    run.refresh()
    assert run.status == "done"
    assert {field: held(sandbox, ONE, field) for field in old} == old
    assert held(sandbox, TWO, "custom_fields.season") is UNSET
    assert held(sandbox, TWO, "custom_fields.material") == "cotton"
    ended = run.ended
    assert [outcome.status for outcome in ended] == ["updated"] * 4
    assert ended.balance.balanced
    assert (ended[0].row.before, ended[0].row.after) == (Decimal(19), old["price"])


def test_a_change_that_stays_can_be_scheduled_and_taken_back(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    old = price(sandbox)
    run = making(shop, (ONE, "price", "19.00")).schedule(at=day(1))
    at(sandbox, shop, 5)  # nobody looked for four days: it is done now
    run.refresh()
    assert (run.status, run.revert_at, run.ended) == ("done", None, None)
    assert price(sandbox) == Decimal(19)
    assert run.undoable_until is not None
    assert statuses(run.undo()) == {(ONE, "price"): "updated"}
    assert price(sandbox) == old


def test_times_are_meant_where_they_say(shop: Any, making: Making) -> None:
    plan = making(shop, (ONE, "price", "19.00"))
    run = plan.schedule(
        at=datetime(2026, 12, 1, 9),
        revert_at=datetime(2027, 3, 28, 2, 30),
        tz="Europe/Berlin",
    )
    assert run.at == datetime(2026, 12, 1, 8, tzinfo=UTC)
    # 02:30 does not exist that night: it is 03:30 summer time.
    assert run.revert_at == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


def test_without_a_beginning_it_begins_with_the_next_tick(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    run = making(shop, (ONE, "price", "19.00")).schedule(revert_at=day(1))
    assert price(sandbox) != Decimal(19)
    shop.runs.tick()
    assert price(sandbox) == Decimal(19)
    assert run.refresh().at == START


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"at": day(-1)}, "at is over: 2026-11-23 12:00:00 UTC, and it is 2026-11-24 12:00:00 UTC"),
        ({"at": day(2), "revert_at": day(2)}, "revert_at must be after the beginning, 2026-11-26 12:00 UTC"),
        ({"revert_at": day(-1)}, "revert_at must be after the beginning"),
        ({"at": datetime(2026, 12, 1)}, "at has no time zone"),
        ({"at": day(1), "revert_at": datetime(2026, 12, 1)}, "revert_at has no time zone"),
        ({"at": datetime(2026, 12, 1), "tz": "Europe/Berln"}, "Did you mean 'Europe/Berlin'"),
        ({"at": "tomorrow"}, "at must be a datetime, got str"),
        ({"at": day(1), "on_overlap": "stack"}, "on_overlap must be one of layer, refuse, got 'stack'"),
        ({"at": day(1), "on_stale": "ignore"}, "on_stale must be one of"),
        ({"at": day(1), "on_error": "ignore"}, "on_error must be one of"),
    ],
)
def test_wrong_times_and_options_are_named(
    shop: Any, making: Making, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(be.InvalidInputError, match=problem):
        making(shop, (ONE, "price", "19.00")).schedule(**options)
    assert shop.runs.list() == []


def test_what_must_not_be_written_is_not_scheduled(
    shop: Any, sandbox: be.Sandbox, connect: Any, making: Making
) -> None:
    plan = shop.plan(filter=F.id == ONE, updates=be.price.set(1), guards=be.guards.max_change(percent=10))
    with pytest.raises(be.GuardError):
        plan.schedule(at=day(1))
    looking = connect(sandbox, read_only=True)
    with pytest.raises(be.ReadOnlyError):
        making(looking, (ONE, "price", "19.00")).schedule(at=day(1))
    forgetful = connect(sandbox)
    with pytest.raises(be.ConfigurationError, match=r"needs a store.*store='shop\.db'"):
        making(forgetful, (ONE, "price", "19.00")).schedule(at=day(1))
    with pytest.raises(be.ReadOnlyError):
        looking.runs.tick()
    row = making.row(ONE, "price", "19.00")
    with pytest.raises(be.PlanError, match="more than one row"):
        making(shop, row, row).schedule(at=day(1))


def test_the_same_plan_for_the_same_times_is_one_run(shop: Any, making: Making) -> None:
    plan = making(shop, (ONE, "price", "19.00"))
    run = plan.schedule(at=day(1), revert_at=day(2))
    assert plan.schedule(at=day(1), revert_at=day(2)).id == run.id
    assert plan.schedule(at=day(3), revert_at=day(4)).id != run.id
    with pytest.raises(be.PlanError, match="scheduled for the same times"):
        plan.schedule(at=day(1), revert_at=day(2), on_stale="force")
    run.cancel()
    assert plan.schedule(at=day(1), revert_at=day(2), on_stale="force").id != run.id


def test_a_sale_whose_time_passed_while_nobody_looked_never_begins(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    run = making(shop, (ONE, "price", "19.00")).schedule(at=day(1), revert_at=day(2))
    at(sandbox, shop, 3)
    run.refresh()
    assert run.status == "done"
    assert codes(run) == {(ONE, "price"): "window_passed"}
    assert len(run.ended) == 0
    assert writes(sandbox) == []


def test_what_has_changed_before_the_beginning_is_left_alone(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    run = making(
        shop, (ONE, "price", "19.00"), (ONE, "compare_at_price", "29.00"), (TWO, "price", "18.00")
    ).schedule(at=day(1), revert_at=day(2))
    shop.products.update([{"id": ONE, "price": "33.00"}])
    at(sandbox, shop, 1)
    assert statuses(run.refresh()) == {
        (ONE, "price"): "stale",
        (ONE, "compare_at_price"): "skipped",
        (TWO, "price"): "updated",
    }
    at(sandbox, shop, 2)
    # What did not begin does not end.
    assert [outcome.row.product for outcome in run.refresh().ended] == [TWO]
    assert price(sandbox) == Decimal(33)


def test_fail_and_all_or_nothing_begin_whole_or_not_at_all(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    rows = [(ONE, "price", "19.00"), (TWO, "price", "18.00")]
    fail = making(shop, *rows).schedule(at=day(1), revert_at=day(3), on_stale="fail")
    whole = making(shop, *rows).schedule(at=day(1), revert_at=day(3), on_error="all_or_nothing")
    shop.products.update([{"id": TWO, "price": "33.00"}])
    before = len(writes(sandbox))
    at(sandbox, shop, 1)
    for run in (fail, whole):
        assert run.refresh().report.stopped
        assert statuses(run)[TWO, "price"] == "stale"
        assert statuses(run)[ONE, "price"] == "skipped"
    at(sandbox, shop, 3)
    assert len(fail.refresh().ended) == len(whole.refresh().ended) == 0
    assert len(writes(sandbox)) == before
    again = making(shop, *rows).schedule(at=day(4), revert_at=day(5), on_error="all_or_nothing")
    at(sandbox, shop, 4)
    assert set(statuses(again.refresh()).values()) == {"updated"}
    at(sandbox, shop, 5)
    assert price(sandbox, TWO) == Decimal(33)


def test_what_the_server_refuses_does_not_begin_and_does_not_end(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    old = price(sandbox, TWO)
    run = making(
        shop,
        (ONE, "title", "x"),  # too short
        (ONE, "vendor", "Acme"),
        (TWO, "price", "18.00"),
        (TWO, "cost", "-1.00"),
        (THREE, "vendor", "Acme"),
    ).schedule(at=day(1), revert_at=day(2))
    at(sandbox, shop, 1)
    assert statuses(run.refresh()) == {
        (ONE, "title"): "failed",
        (ONE, "vendor"): "updated",
        (TWO, "price"): "skipped",
        (TWO, "cost"): "failed",
        (THREE, "vendor"): "updated",
    }
    assert price(sandbox, TWO) == old
    # A permanent change of what has not begun is a change like any other.
    assert codes(making(shop, (TWO, "price", "30.00")).apply()) == {(TWO, "price"): None}
    at(sandbox, shop, 2)
    assert {(o.row.product, o.row.field) for o in run.refresh().ended} == {(ONE, "vendor"), (THREE, "vendor")}
    assert price(sandbox, TWO) == Decimal(30)


# Layers


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_the_end_of_one_sale_shows_what_is_below(
    shop: Any, sandbox: be.Sandbox, making: Making, first_to_end: int
) -> None:
    old = price(sandbox)
    ends = [day(5), day(6)] if first_to_end == 0 else [day(6), day(5)]
    first = making(shop, (ONE, "price", "20.00")).schedule(at=day(1), revert_at=ends[0])
    second = making(shop, (ONE, "price", "15.00")).schedule(at=day(2), revert_at=ends[1])
    shown = []
    for number in (1, 2, 5, 6):
        at(sandbox, shop, number)
        shown.append(price(sandbox))
    left = Decimal(15) if first_to_end == 0 else Decimal(20)
    assert shown == [Decimal(20), Decimal(15), left, old]
    statuses_at_end = [run.refresh().ended[0].status for run in (first, second)]
    # The one below ended without a write.
    assert statuses_at_end == (["unchanged", "updated"] if first_to_end == 0 else ["updated", "updated"])


def test_a_late_worker_puts_each_layer_where_its_time_says(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    second = making(shop, (ONE, "price", "15.00")).schedule(at=day(2), revert_at=day(8))
    first = making(shop, (ONE, "price", "20.00")).schedule(at=day(1), revert_at=day(9))
    sandbox.clock.advance("3d")
    second.resume()
    assert price(sandbox) == Decimal(15)
    shop.runs.tick()
    assert price(sandbox) == Decimal(15)
    assert codes(first.refresh()) == {(ONE, "price"): "covered"}
    at(sandbox, shop, 8)
    assert price(sandbox) == Decimal(20)


def test_a_permanent_change_shows_when_the_sale_is_over(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    old = price(sandbox)
    making(shop, (ONE, "price", "20.00")).schedule(at=day(1), revert_at=day(4))
    later = making(shop, (ONE, "price", "45.00"), (TWO, "vendor", "Acme")).schedule(
        at=day(2), on_stale="force"
    )
    at(sandbox, shop, 1)
    before = len(writes(sandbox))
    now = making(shop, making.row(ONE, "price", "40.00", before=old)).apply()
    assert codes(now) == {(ONE, "price"): "below_layers"}
    assert "when the temporary changes above it are over" in now.report[0].message
    assert len(writes(sandbox)) == before
    at(sandbox, shop, 2)
    assert price(sandbox) == Decimal(20)
    outcome = next(o for o in later.refresh().report if o.row.field == "price")
    assert (outcome.status, outcome.code, outcome.found) == ("updated", "forced", Decimal(40))
    assert now.undo().report[0].status == "stale"  # it was changed since, below the sale
    assert codes(later.undo())[ONE, "price"] == "below_layers"
    at(sandbox, shop, 4)
    assert price(sandbox) == Decimal(40)  # what the scheduled change had found


def test_a_plan_sees_what_lies_below_the_sale(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    old = price(sandbox)
    making(shop, (ONE, "price", "20.00"), (ONE, "custom_fields.season", "sale")).schedule(
        at=day(1), revert_at=day(4)
    )
    at(sandbox, shop, 1)
    plan = shop.plan(filter=F.id == ONE, updates=[be.price.percentage(10)])
    assert plan.rows[0].before == old
    assert plan.rows[0].after == (old * Decimal("1.1")).quantize(Decimal("0.01"))
    assert set(codes(plan.apply()).values()) == {"below_layers"}
    assert price(sandbox) == Decimal(20)
    at(sandbox, shop, 4)
    assert price(sandbox) == plan.rows[0].after


def test_a_backup_holds_what_lies_below_the_sale(
    shop: Any, sandbox: be.Sandbox, making: Making, tmp_path: Path
) -> None:
    old = price(sandbox)
    making(shop, (ONE, "price", "20.00")).schedule(at=day(1), revert_at=day(4))
    at(sandbox, shop, 1)
    shop.backup(tmp_path / "backup.csv")
    assert shop.restore(tmp_path / "backup.csv").rows == ()
    shop.products.update([{"id": TWO, "price": "1.00"}])
    plan = shop.restore(tmp_path / "backup.csv")
    assert [row.product for row in plan.rows] == [TWO]
    at(sandbox, shop, 4)
    assert price(sandbox) == old
    assert [row.product for row in shop.restore(tmp_path / "backup.csv").rows] == [TWO]


def test_an_edit_in_the_shop_survives_and_ends_the_layers(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    runs = [
        making(shop, (ONE, "price", value), (TWO, "price", value)).schedule(at=day(n), revert_at=day(6 + n))
        for n, value in ((1, "20.00"), (2, "15.00"))
    ]
    old = price(sandbox, TWO)
    at(sandbox, shop, 2)
    shop.products.update([{"id": ONE, "price": "17.50"}])
    at(sandbox, shop, 8)
    assert price(sandbox) == Decimal("17.50")
    assert price(sandbox, TWO) == old
    for run in runs:
        ended = {outcome.row.product: outcome for outcome in run.refresh().ended}
        assert (ended[ONE].status, ended[ONE].code, ended[ONE].found) == (
            "stale",
            "given_up",
            Decimal("17.50"),
        )
        assert ended[TWO].status in {"updated", "unchanged"}


def test_a_group_with_one_field_below_a_sale_stands_or_falls_together(
    shop: Any, sandbox: be.Sandbox, making: Making
) -> None:
    old = {field: held(sandbox, ONE, field) for field in ("price", "cost")}
    making(shop, (ONE, "price", "20.00")).schedule(at=day(1), revert_at=day(4))
    at(sandbox, shop, 1)
    refused = making(
        shop, making.row(ONE, "price", "40.00", before=old["price"]), making.row(ONE, "cost", "-1.00")
    ).apply()
    assert statuses(refused) == {(ONE, "price"): "skipped", (ONE, "cost"): "failed"}
    taken = making(
        shop, making.row(ONE, "price", "41.00", before=old["price"]), making.row(ONE, "cost", "11.00")
    ).apply()
    assert codes(taken) == {(ONE, "price"): "below_layers", (ONE, "cost"): None}
    assert (price(sandbox), held(sandbox, ONE, "cost")) == (Decimal(20), Decimal(11))
    stale = making(
        shop, making.row(ONE, "price", "42.00", before=old["price"]), making.row(ONE, "cost", "12.00")
    ).apply()
    assert statuses(stale) == {(ONE, "price"): "stale", (ONE, "cost"): "skipped"}
    at(sandbox, shop, 4)
    assert (price(sandbox), held(sandbox, ONE, "cost")) == (Decimal(41), Decimal(11))


def test_a_product_that_is_gone_at_the_end_is_told(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    run = making(shop, (ONE, "price", "20.00"), (TWO, "price", "20.00")).schedule(at=day(1), revert_at=day(4))
    at(sandbox, shop, 1)
    shop.products.delete(TWO)
    at(sandbox, shop, 4)
    ended = {outcome.row.product: outcome for outcome in run.refresh().ended}
    assert run.status == "done"
    assert (ended[ONE].status, ended[TWO].status, ended[TWO].code) == ("updated", "failed", "unknown_id")


@pytest.mark.parametrize(
    ("reply", "custom", "completions"),
    [
        ("results", "merge", False),
        ("counts", "replace", False),
        ("no_content", "merge", True),
        ("no_content", "replace", False),
        ("drops_row", "merge", False),
    ],
)
def test_it_is_the_same_under_other_readings(
    connect: Any, tmp_path: Path, reply: str, custom: str, completions: bool
) -> None:
    readings = {"bulk_reply": reply, "custom_fields_update": custom, "idempotency_key": "ignored"}
    with be.Sandbox(products=12, clock=START, readings=readings, completions=completions) as sandbox:
        shop = connect(sandbox, store=":memory:", clock=FollowingClock(sandbox.clock.now))
        rows = [
            (ONE, "custom_fields.season", "winter"),
            (ONE, "custom_fields.material", UNSET),
            (ONE, "price", "19.00"),
            (TWO, "tags", []),
        ]
        old = {row[:2]: held(sandbox, *row[:2]) for row in rows}
        run = Making(tmp_path, sandbox)(shop, *rows).schedule(at=day(1), revert_at=day(2))
        at(sandbox, shop, 1)
        assert set(statuses(run.refresh()).values()) == {"updated"}
        at(sandbox, shop, 2)
        assert [outcome.status for outcome in run.refresh().ended] == ["updated"] * 4
        assert {key: held(sandbox, *key) for key in old} == old
        sandbox.assert_no_duplicate_effects()


# None at the same time


def test_refuse_names_the_runs_and_the_fields(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    first = making(shop, (ONE, "price", "20.00"), (TWO, "price", "20.00"), title="Black Friday").schedule(
        at=day(2), revert_at=day(5)
    )
    plan = making(shop, (ONE, "price", "15.00"), (THREE, "price", "15.00"))

    def refused(begins: float | None, ends: float | None) -> be.OverlapError:
        with pytest.raises(be.OverlapError) as caught:
            plan.schedule(
                at=None if begins is None else day(begins),
                revert_at=None if ends is None else day(ends),
                on_overlap="refuse",
            )
        return caught.value

    error = refused(4, 9)
    assert error.runs == (first.id,)
    assert f"run {first.id} (Black Friday, 2026-11-26 12:00 to 2026-11-29 12:00 UTC): {ONE}.price" in str(
        error
    )
    assert [problem.field for problem in error.errors] == [f"{ONE}.price"]
    refused(1, 3)
    refused(None, 9)
    refused(3, 4)
    refused(3, None)  # a change that stays would be hidden
    # Next to it, on other fields, or meant as a layer, it is fine.
    plan.schedule(at=day(5), revert_at=day(6), on_overlap="refuse")
    plan.schedule(at=day(1), revert_at=day(2), on_overlap="refuse")
    making(shop, (ONE, "vendor", "Acme")).schedule(at=day(2), revert_at=day(5), on_overlap="refuse")
    plan.schedule(at=day(2), revert_at=day(5))
    first.cancel()
    other = making(shop, (TWO, "price", "15.00"))
    other.schedule(at=day(2), revert_at=day(5), on_overlap="refuse")
    at(sandbox, shop, 5)
    # What is over is in nobody's way.
    other.schedule(at=day(6), revert_at=day(7), on_overlap="refuse")


def test_of_two_that_refuse_at_the_same_moment_one_is_scheduled(
    sandbox: be.Sandbox, tmp_path: Path, making: Making
) -> None:
    store = tmp_path / "shop.db"
    ready = threading.Barrier(4)
    outcomes: list[str] = []

    def schedule(number: int) -> None:
        with sandbox.connect(store=store) as shop:
            plan = Making(tmp_path, sandbox)(shop, (ONE, "price", f"{number}.00"), ident=f"plan_of_{number}")
            ready.wait()
            try:
                plan.schedule(at=day(1), revert_at=day(2), on_overlap="refuse")
                outcomes.append("scheduled")
            except be.OverlapError:
                outcomes.append("refused")

    threads = [threading.Thread(target=schedule, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "scheduled"]


# The ways out


def test_a_run_that_was_cancelled_never_begins(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    run = making(shop, (ONE, "price", "19.00")).schedule(at=day(1), revert_at=day(3))
    assert run.cancel().status == "cancelled"
    assert run.cancel().status == "cancelled"  # twice is no mistake
    at(sandbox, shop, 2)
    assert writes(sandbox) == []
    with pytest.raises(be.PlanError, match="was cancelled before it began"):
        run.resume()
    with pytest.raises(be.NotUndoableError, match="was cancelled"):
        run.revert()


def test_a_sale_that_has_begun_is_ended_not_cancelled(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    old = price(sandbox)
    run = making(shop, (ONE, "price", "19.00")).schedule(at=day(1), revert_at=day(3))
    with pytest.raises(be.NotUndoableError, match=r"has not begun. Call cancel\(\)"):
        run.revert()
    at(sandbox, shop, 1)
    with pytest.raises(be.NotUndoableError, match=r"has begun.*revert\(\)"):
        run.cancel()
    with pytest.raises(be.NotUndoableError, match="is a temporary change"):
        run.undo()
    assert price(sandbox) == Decimal(19)
    run.revert()
    assert (run.status, price(sandbox)) == ("done", old)
    assert run.ended[0].status == "updated"
    run.revert()  # twice is no mistake
    with pytest.raises(be.NotUndoableError, match="is a temporary change"):
        run.undo()
    before = len(writes(sandbox))
    at(sandbox, shop, 4)
    assert len(writes(sandbox)) == before
    stays = making(shop, (ONE, "price", "19.00")).schedule(at=day(5))
    with pytest.raises(be.NotUndoableError, match="no end"):
        stays.revert()


# Who carries it on


def test_any_process_carries_on_what_is_due(
    connect: Any, sandbox: be.Sandbox, making: Making, tmp_path: Path
) -> None:
    store, clock = tmp_path / "shop.db", FollowingClock(sandbox.clock.now)
    old = price(sandbox)
    making(connect(sandbox, store=store, clock=clock), (ONE, "price", "19.00")).schedule(
        at=day(1), revert_at=day(3)
    )
    for number, shown in ((1, Decimal(19)), (3, old)):
        at(sandbox, connect(sandbox, store=store, clock=clock), number)
        assert price(sandbox) == shown


def test_a_run_that_failed_is_tried_again_by_the_next_tick(
    connect: Any, sandbox: be.Sandbox, making: Making, tmp_path: Path
) -> None:
    store, clock = tmp_path / "shop.db", FollowingClock(sandbox.clock.now)
    shop = connect(sandbox, store=store, clock=clock)
    old = price(sandbox)
    run = making(shop, (ONE, "price", "19.00")).schedule(at=day(1), revert_at=day(3))
    at(sandbox, shop, 1)
    sandbox.clock.advance("2d")
    with_old_key = connect(sandbox, store=store, clock=clock, api_key="bk_revoked")
    (failed,) = with_old_key.runs.tick()
    assert failed.status == "failed"
    assert "AuthenticationError" in failed.error
    assert price(sandbox) == Decimal(19)
    assert shop.runs.tick()
    assert (run.refresh().status, price(sandbox)) == ("done", old)


def test_serve_carries_on_until_a_time(shop: Any, sandbox: be.Sandbox, making: Making) -> None:
    making(shop, (ONE, "price", "19.00")).schedule(
        at=START + timedelta(milliseconds=20), revert_at=START + timedelta(milliseconds=60)
    )
    old = price(sandbox)
    # The clock stands still; what is slept passes all the same.
    shop.runs.serve(until=START + timedelta(milliseconds=30))
    assert price(sandbox) == Decimal(19)
    shop.runs.serve(until=START + timedelta(milliseconds=90))
    assert price(sandbox) == old
    with pytest.raises(be.InvalidInputError, match="until has no time zone"):
        shop.runs.serve(until=datetime(2027, 1, 1))


def test_a_clock_that_stands_still_holds_no_repeat_up(sandbox: be.Sandbox, making: Making) -> None:
    with sandbox.connect(retry=be.RetryPolicy(base_delay=1, max_retries=2)) as shop:
        plan = making(shop, (ONE, "price", "19.00"))
        sandbox.faults.add(route="GET /products", status=503, times=4)  # more than one step outlives
        run = plan.apply()
    assert run.status == "done"
    assert price(sandbox) == Decimal(19)


def test_all_or_nothing_takes_its_layers_off_again(connect: Any, sandbox: be.Sandbox, making: Making) -> None:
    """Somebody edits between the look at the products and the write, so that none of them is written."""
    clock = FollowingClock(sandbox.clock.now)
    meddled: list[str] = []

    def meddle(event: Any) -> None:
        if event.operation == "products.update" and not meddled:
            meddled.append(TWO)
            with sandbox.connect() as meddler:
                meddler.products.update([{"id": TWO, "price": "33.00"}])

    hooks = be.Hooks(on_request=(meddle,))
    shop = connect(sandbox, store=":memory:", clock=clock, hooks=hooks)
    old = price(sandbox)
    run = making(shop, (ONE, "price", "19.00"), (TWO, "price", "18.00")).schedule(
        at=day(1), revert_at=day(3), on_error="all_or_nothing"
    )
    at(sandbox, shop, 1)
    assert statuses(run.refresh()) == {(ONE, "price"): "skipped", (TWO, "price"): "stale"}
    assert price(sandbox) == old
    # Nothing lies on it: a permanent change shows at once.
    assert codes(making(shop, (ONE, "price", "25.00")).apply()) == {(ONE, "price"): None}
    at(sandbox, shop, 3)
    assert len(run.refresh().ended) == 0
    assert (price(sandbox), price(sandbox, TWO)) == (Decimal(25), Decimal(33))

"""Guards: what stops a plan, by name, row and value."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulkeditor as be
from bulkeditor import F, guards
from bulkeditor.plans import Draft, Guard

amounts = st.decimals(0, 1000, places=2)


def message(guard: Guard, before: dict[str, Any], after: dict[str, Any]) -> str | None:
    empty = {"id": "1", "price": None, "cost": None, "compare_at_price": None, "status": None}
    draft = Draft({**empty, **before}).changed({**before, **after})
    objection = guard.check(draft)
    return None if objection is None else objection.message


@pytest.mark.parametrize(
    ("guard", "before", "after", "text"),
    [
        (guards.floor("cost"), {"cost": Decimal(5)}, {"price": Decimal(4)}, "price 4 is below the cost of 5"),
        (guards.floor("cost"), {"cost": Decimal(5)}, {"price": Decimal(5)}, None),
        (guards.floor("cost"), {"cost": None}, {"price": Decimal(5)}, None),
        (guards.floor("cost"), {"cost": Decimal(5)}, {"price": None}, None),
        (guards.floor("9.99"), {}, {"price": Decimal("9.98")}, "price 9.98 is below 9.99"),
        (guards.floor(1, field="cost"), {}, {"cost": Decimal("0.5")}, "cost 0.5 is below 1"),
        (guards.ceiling(100), {}, {"price": Decimal("100.01")}, "price 100.01 is above 100"),
        (guards.ceiling("compare_at_price"), {"compare_at_price": Decimal(3)}, {"price": Decimal(4)},
         "price 4 is above the compare_at_price of 3"),
        (guards.max_change(percent=40), {"price": Decimal(10)}, {"price": Decimal(6)}, None),
        (guards.max_change(percent=40), {"price": Decimal(10)}, {"price": Decimal("5.99")},
         "price 10 → 5.99 changes it by 40.1%"),
        (guards.max_change(percent=40), {"price": Decimal(10)}, {"price": Decimal("14.01")},
         "price 10 → 14.01 changes it by 40.1%"),
        (guards.max_change(amount=2), {"price": Decimal(10)}, {"price": Decimal("7.99")},
         "price 10 → 7.99 changes it by 2.01"),
        (guards.max_change(percent=1000), {"price": Decimal(0)}, {"price": Decimal(1)},
         "price 0 → 1 is any percentage"),
        (guards.max_change(percent=1), {"price": None}, {"price": Decimal(1)}, None),
        (guards.must_stay_above_cost(), {"cost": Decimal(5)}, {"price": Decimal(5)},
         "price 5 is not above the cost of 5"),
        (guards.must_stay_above_cost(), {"cost": None}, {"price": Decimal(0)}, None),
        (guards.no_zero_price(), {}, {"price": Decimal(0)}, "price 0 is not above 0"),
        (guards.no_zero_price(), {}, {"price": None}, None),
        (guards.require(F.status == "active"), {"status": "draft"}, {}, "it would have status = draft"),
        (guards.require(F.status == "active"), {"status": None}, {}, "it would have status = None"),
        (guards.require(F.price > F.cost), {"cost": Decimal(1)}, {"price": Decimal(2)}, None),
    ],
)  # fmt: skip
def test_guards(guard: Guard, before: Any, after: Any, text: str | None) -> None:
    assert message(guard, before, after) == text


@given(old=amounts, new=amounts, percent=st.decimals(0, 300, places=1))
def test_a_change_is_measured_against_the_old_price_exactly(
    old: Decimal, new: Decimal, percent: Decimal
) -> None:
    found = message(guards.max_change(percent=percent), {"price": old}, {"price": new})
    assert (found is not None) == (abs(new - old) * 100 > old * percent)


@pytest.mark.parametrize(
    "make",
    [
        lambda: guards.floor("price of gold"),
        lambda: guards.floor("cost", field="title"),
        lambda: guards.floor("cost", on_violation="warn"),  # type: ignore[arg-type]
        guards.max_change,
        lambda: guards.max_change(percent=-1),
        lambda: guards.max_rows(-1),
        lambda: guards.max_rows(1.5),  # type: ignore[arg-type]
        lambda: guards.require(F.colour == "red"),
    ],
)
def test_wrong_guards_are_refused_where_they_are_written(make: Any) -> None:
    with pytest.raises(be.InvalidInputError):
        make()


def test_limits_on_the_plan_as_a_whole(shop: Any) -> None:
    updates = [be.price.percentage(-10), be.tags.add("never seen")]
    for guard, text in (
        (guards.max_rows(119), "at most 119 rows: the plan has 120 rows"),
        (guards.max_products(59), "at most 59 products: the plan has 60 products"),
        (guards.min_rows(121), "at least 121 rows: the plan has 120 rows"),
    ):
        plan = shop.plan(updates=updates, guards=guard, all_products=True)
        assert list(map(str, plan.violations)) == [text]
        with pytest.raises(be.GuardError, match=text):
            plan.raise_for_violations()
    for guard in (guards.max_rows(120), guards.max_products(60), guards.min_rows(120)):
        assert shop.plan(updates=updates, guards=guard, all_products=True).violations == ()


def test_a_violating_plan_can_be_looked_at_and_not_applied(shop: Any, sandbox: be.Sandbox) -> None:
    held = list(sandbox.products.rows())
    plan = shop.plan(
        updates=be.price.percentage(-90), guards=guards.must_stay_above_cost(), all_products=True
    )
    assert len(plan.rows) == 60
    assert {item.product for item in plan.violations} <= {row.product for row in plan.rows}
    first = plan.violations[0]
    with pytest.raises(be.GuardError, match=rf"{first.sku}: {first.message}") as caught:
        plan.apply()
    assert len(caught.value.errors) == len(plan.violations)
    assert list(sandbox.products.rows()) == held
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_skipping_takes_all_prices_of_the_product_out_and_nothing_else(shop: Any) -> None:
    plan = shop.plan(
        filter={"id": "product_id_1"},
        updates=[be.price.set(1), be.compare_at.set(5), be.tags.add("sale"), be.set_field("vendor", "X")],
        guards=guards.floor("cost", on_violation="skip_row"),
    )
    assert [row.field for row in plan.rows] == ["tags", "vendor"]
    whole = shop.plan(
        filter={"id": "product_id_1"},
        updates=[be.price.set(1), be.tags.add("sale")],
        guards=guards.require(F.price > 5, on_violation="skip_row"),
    )
    assert whole.rows == ()
    assert [(row.field, row.code) for row in whole.skipped] == [(None, "guard")]
    assert whole.counts.skipped == 1


def test_a_guard_that_skips_counts_before_the_limits_of_the_whole(shop: Any) -> None:
    plan = shop.plan(
        updates=be.price.percentage(-90),
        guards=[guards.max_rows(0), guards.must_stay_above_cost(on_violation="skip_row")],
        filter=F.cost > 0,
    )
    assert (plan.rows, plan.violations) == ((), ())
    assert plan.counts.skipped == len(plan.skipped) > 10


def test_what_was_wrong_before_is_none_of_the_plans_doing(shop: Any, sandbox: be.Sandbox) -> None:
    shop.products.update([{"id": "product_id_1", "price": "1.00"}])
    guard = guards.floor("cost")
    assert shop.plan(filter={"id": "product_id_1"}, updates=be.tags.add("x"), guards=guard).violations == ()
    # A new cost is a matter of prices; and what is required is required of every product that changes.
    for update, other in ((be.cost.percentage(1), guard), (be.tags.add("x"), guards.require(F.price > 5))):
        assert shop.plan(filter={"id": "product_id_1"}, updates=update, guards=other).violations


class OnlyOnPaper:
    """A guard of one's own needs no base class."""

    reads = frozenset({"tags"})
    on_violation = "stop"

    def check(self, row: Draft) -> Any:
        return guards.Objection("it is out of print", "price") if "print" in str(row["tags"]) else None

    def check_plan(self, rows: Any) -> str | None:
        return None

    def __str__(self) -> str:
        return "nothing out of print"


def test_a_guard_of_ones_own(shop: Any) -> None:
    updates = [be.tags.add("out of print"), be.price.percentage(1)]
    plan = shop.plan(filter={"id": "product_id_1"}, updates=updates, guards=OnlyOnPaper())
    assert list(map(str, plan.violations)) == ["nothing out of print: PT-1: it is out of print"]


def test_guards_say_what_they_hold() -> None:
    assert [str(guard) for guard in (
        guards.floor("cost"), guards.ceiling("99.90", field="cost"), guards.max_change(percent=40, amount=5),
        guards.max_rows(1000), guards.must_stay_above_cost(), guards.no_zero_price(),
        guards.require(F.price > 5), guards.require(F.price > 5, text="no cheap goods"),
    )] == [
        "price >= cost", "cost <= 99.90", "price changes by at most 40 % and 5", "at most 1,000 rows",
        "price > cost", "price > 0", "price > 5", "no cheap goods",
    ]  # fmt: skip

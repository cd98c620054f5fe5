"""The algebra of prices, held against formulas that are computed in another way: in fractions."""

from __future__ import annotations

import decimal
import math
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import bulkeditor as be
from bulkeditor.plans import Draft, Skip
from bulkeditor.plans._money import MoneyRule

prices = st.decimals(0, 10**9, places=2) | st.decimals(0, 100, places=4) | st.integers(0, 10**6).map(Decimal)
percents = st.decimals(-100, 1000, places=3)
places = st.sampled_from([0, 2, 3])
modes = st.sampled_from(["down", "nearest", "up", "replace"])
endings = st.sampled_from([".99", ".95", ".9", ".00", "9.99", "0.50", "95", "9", "00", ".5"])


def row(price: Any = None, cost: Any = None, compare_at: Any = None, *, decimals: int | None = None) -> Draft:
    values = {"id": "1", "price": price, "cost": cost, "compare_at_price": compare_at}
    return Draft(values, places=decimals)


def changed(rule: Any, draft: Draft, field: str = "price") -> Any:
    outcome = rule.apply(draft)
    assert not isinstance(outcome, Skip), outcome
    return outcome[field]


def half_up(value: Fraction, decimals: int) -> Decimal:
    """Rounded half up, by whole numbers alone; a tie goes away from zero."""
    scaled = abs(value) * 10**decimals
    whole = math.floor(scaled + Fraction(1, 2))
    return Decimal(int(math.copysign(whole, value))).scaleb(-decimals)


def exponent(value: Decimal) -> int:
    return -int(value.as_tuple().exponent)


@given(price=prices, percent=percents, decimals=places)
def test_a_percentage_is_exact_and_rounded_once(price: Decimal, percent: Decimal, decimals: int) -> None:
    new = changed(be.price.percentage(percent), row(price, decimals=decimals))
    assert new == half_up(Fraction(price) * (100 + Fraction(percent)) / 100, decimals)
    assert exponent(new) == decimals
    assert new >= 0
    assert not new.is_signed()


@given(price=prices, percent=percents)
def test_without_a_currency_it_is_rounded_as_the_server_rounds(price: Decimal, percent: Decimal) -> None:
    new = changed(be.price.percentage(percent), row(price))
    decimals = max(2, exponent(price))
    exact = price * (100 + percent) / 100
    assert new == exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    assert exponent(new) == decimals


def test_the_server_rounds_so_too() -> None:
    """The same adjustments as a bulk job: its prices are the plan's, to the last digit."""
    with be.Sandbox(products=200, seed=3) as sandbox, sandbox.connect() as shop:
        for adjustment, rule in (
            (be.PriceAdjustment.percentage("-33.333"), be.price.percentage("-33.333")),
            (be.PriceAdjustment.percentage("12.5"), be.price.percentage("12.5")),
            (be.PriceAdjustment.fixed("0.005"), be.price.fixed("0.005")),
        ):
            plan = shop.plan(updates=rule, all_products=True)
            job = shop.bulk_jobs.create(updates=be.Updates(price_adjustment=adjustment), all_products=True)
            shop.bulk_jobs.wait(job.id, allow_errors=True)
            held = {item["id"]: item["price"] for item in sandbox.products.rows()}
            assert len(plan.rows) > 150
            wanted = {item.product: repr(item.after) for item in plan.rows}
            assert {ident: repr(held[ident]) for ident in wanted} == wanted


@given(price=prices, amount=st.decimals(-1000, 1000, places=2), decimals=places)
def test_a_fixed_amount(price: Decimal, amount: Decimal, decimals: int) -> None:
    new = changed(be.price.fixed(amount), row(price, decimals=decimals))
    assert new == half_up(Fraction(price) + Fraction(amount), decimals)


@given(cost=prices, percent=percents, decimals=places)
def test_markup_is_a_share_of_the_cost(cost: Decimal, percent: Decimal, decimals: int) -> None:
    new = changed(be.price.markup(percent), row(None, cost, decimals=decimals))
    assert new == half_up(Fraction(cost) + Fraction(cost) * Fraction(percent) / 100, decimals)


@given(cost=prices, percent=st.decimals(-1000, "99.999", places=3), decimals=places)
@example(cost=Decimal(1), percent=Decimal(70), decimals=2)
def test_margin_is_a_share_of_the_price(cost: Decimal, percent: Decimal, decimals: int) -> None:
    new = changed(be.price.margin(percent), row(None, cost, decimals=decimals))
    assert new == half_up(Fraction(cost) / (1 - Fraction(percent) / 100), decimals)
    assert exponent(new) == decimals


@given(cost=st.decimals(1, 10**6, places=2), percent=st.decimals(1, 99, places=1))
def test_margin_and_markup_are_two_names_of_one_price(cost: Decimal, percent: Decimal) -> None:
    """A margin of m is a markup of m / (100 - m), and never the same number."""
    same = Fraction(percent) / (100 - Fraction(percent)) * 100
    price = Fraction(changed(be.price.margin(percent), row(None, cost, decimals=6)))
    assert abs(price - Fraction(cost) * (100 + same) / 100) <= Fraction(1, 2 * 10**6)
    assert Fraction(changed(be.price.markup(percent), row(None, cost, decimals=6))) < price


def test_the_two_examples_that_people_mix_up() -> None:
    assert str(changed(be.price.markup(50), row(cost=Decimal(10)))) == "15.00"
    assert str(changed(be.price.margin(50), row(cost=Decimal(10)))) == "20.00"


# Endings


def ends_so(value: Decimal, ending: str) -> bool:
    whole, _, fraction = ending.partition(".")
    step = 10 ** len(whole)
    return Fraction(value) % step == Fraction(f"{whole or 0}.{fraction or 0}")


@given(price=prices, ending=endings, mode=modes, decimals=st.sampled_from([None, 2, 3]))
def test_endings(price: Decimal, ending: str, mode: Any, decimals: int | None) -> None:
    rule = be.price.ending(ending, mode=mode)
    outcome = rule.apply(row(price, decimals=decimals))
    step = Fraction(10 ** len(ending.partition(".")[0]))
    if isinstance(outcome, Skip):
        assert mode == "down"
        assert (
            not any(ends_so(Decimal(cents) / 100, ending) for cents in range(int(price * 100) + 1))
            or price > 100
        )
        assert outcome.code == "no_ending"
        return
    new = outcome["price"]
    assert ends_so(new, ending)
    assert new >= 0
    assert exponent(new) == (decimals or 2)
    distance = Fraction(new) - Fraction(price)
    if mode == "down":
        assert -step < distance <= 0
    elif mode == "up":
        assert 0 <= distance < step
    elif mode == "nearest":
        assert abs(distance) <= step / 2 or new < step
    else:
        assert Fraction(new) // step == Fraction(price) // step
    again = rule.apply(row(new, decimals=decimals))
    assert again == {"price": new}, "an ending is idempotent"


@given(price=prices, percent=percents, ending=endings)
def test_a_discount_that_ends_down_is_never_dearer(price: Decimal, percent: Decimal, ending: str) -> None:
    plain = be.price.percentage(percent)
    outcome = plain.ending(ending, mode="down").apply(row(price))
    assume(not isinstance(outcome, Skip))
    assert outcome["price"] <= changed(plain, row(price))


@pytest.mark.parametrize(
    ("price", "ending", "mode", "decimals", "expected"),
    [
        ("23.992", ".99", "down", 2, "23.99"),
        ("24.00", ".99", "down", 2, "23.99"),
        ("24.00", ".99", "up", 2, "24.99"),
        ("24.49", ".99", "nearest", 2, "24.99"),  # a tie goes up
        ("24.48", ".99", "nearest", 2, "23.99"),
        ("24.00", ".99", "replace", 2, "24.99"),
        ("0.30", ".99", "nearest", 2, "0.99"),
        ("1234", "99", "down", 0, "1199"),
        ("1234", "80", "nearest", 0, "1280"),
        ("1230", "9", "up", 0, "1239"),
        ("12.3456", ".995", "down", 3, "11.995"),
        ("12.3456", ".9", "down", 3, "11.900"),
        ("124.10", "9.99", "down", 2, "119.99"),
        ("124.10", "95", "up", 2, "195.00"),
    ],
)
def test_endings_by_currency(price: str, ending: str, mode: Any, decimals: int, expected: str) -> None:
    new = changed(be.price.ending(ending, mode=mode), row(Decimal(price), decimals=decimals))
    assert str(new) == expected


def test_a_price_that_is_too_low_for_its_ending_is_skipped() -> None:
    outcome = be.price.percentage(-20).ending(".99", mode="down").apply(row(Decimal("0.89")))
    assert outcome == Skip("no_ending", "No price up to 0.71 ends in .99", "price")


def test_a_negative_result_is_not_hidden_by_an_ending() -> None:
    assert changed(be.price.fixed(-5).ending(".99", mode="up"), row(Decimal(3))) == Decimal("-2.00")


@pytest.mark.parametrize(
    ("currency", "decimals"), [("JPY", 0), ("jpy", 0), ("EUR", 2), ("KWD", 3), ("CLF", 4)]
)
def test_a_currency_says_how_many_decimals(currency: str, decimals: int) -> None:
    with be.Sandbox(products=5) as sandbox, sandbox.connect() as shop:
        plan = shop.plan(updates=be.price.percentage("-33.3333"), all_products=True, currency=currency)
        assert plan.currency == currency.upper()
        assert {exponent(item.after) for item in plan.rows} == {decimals}


@pytest.mark.parametrize("currency", ["", "EURO", "E1R", "¥", 7])
def test_a_currency_is_a_code(currency: Any) -> None:
    with be.Sandbox(products=1) as sandbox, sandbox.connect() as shop, pytest.raises(be.InvalidInputError):
        shop.plan(updates=be.price.percentage(-1), all_products=True, currency=currency)


def test_an_ending_with_more_decimals_than_the_currency_is_refused() -> None:
    with pytest.raises(be.InvalidInputError, match=r"'\.99' has more decimals .*Give whole digits"):
        be.price.ending(".99").apply(row(Decimal(100), decimals=0))


# Blank and bad


@pytest.mark.parametrize(
    ("rule", "code", "field"),
    [
        (be.price.percentage(5), "blank_price", "price"),
        (be.price.fixed(5), "blank_price", "price"),
        (be.price.ending(".99"), "blank_price", "price"),
        (be.price.markup(5), "blank_cost", "price"),
        (be.price.margin(5), "blank_cost", "price"),
        (be.cost.percentage(5), "blank_cost", "cost"),
        (be.compare_at.percentage(5), "blank_compare_at_price", "compare_at_price"),
        (be.compare_at.swap(), "blank_compare_at_price", "compare_at_price"),
        (be.compare_at.set_if_blank(), "blank_price", "compare_at_price"),
    ],
)
def test_a_blank_is_skipped_with_a_reason(rule: Any, code: str, field: str) -> None:
    outcome = rule.apply(row())
    assert isinstance(outcome, Skip)
    assert (outcome.code, outcome.field) == (code, field)
    assert outcome.reason.startswith("The product has no ")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: be.price.margin(100), "is no margin.*use markup\\(100\\)"),
        (lambda: be.price.margin("250.5"), "is no margin"),
        (lambda: be.price.percentage(-101), "makes every price negative"),
        (lambda: be.price.markup("-100.01"), "makes every price negative"),
        (lambda: be.price.set(-1), "must not be negative"),
        (lambda: be.price.set("abc"), "is not an amount"),
        (lambda: be.price.percentage(0.1 + 0.2), "is not exactly an amount"),
        (lambda: be.price.percentage(Decimal("NaN")), "not an amount of money"),
        (lambda: be.price.percentage(True), "expected an amount"),
        (lambda: be.price.ending("99c"), "must be digits"),
        (lambda: be.price.ending(""), "must be digits"),
        (lambda: be.price.ending("."), "must be digits"),
        (lambda: be.price.ending(99), "must be digits"),
        (lambda: be.price.ending(".99", mode="round"), "must be one of down, nearest, up, replace"),
    ],
)
def test_wrong_arguments_are_refused_where_they_are_written(make: Any, text: str) -> None:
    with pytest.raises(be.InvalidInputError, match=text):
        make()


def test_set_and_clear() -> None:
    assert changed(be.price.set("12.50"), row()) == Decimal("12.50")
    assert changed(be.price.clear(), row(Decimal(1))) is None
    assert changed(be.compare_at.set(20), row(), "compare_at_price") == 20
    assert changed(be.price.set(10).ending(".99", mode="down"), row()) == Decimal("9.99")


def test_compare_at_is_the_price_of_before_wherever_the_rule_stands() -> None:
    with be.Sandbox(products=3) as sandbox, sandbox.connect() as shop:
        sale, strike = be.price.percentage(-20), be.compare_at.set_if_blank()
        first = shop.plan(filter={"id": "product_id_1"}, updates=[be.compare_at.clear(), sale, strike])
        second = shop.plan(filter={"id": "product_id_1"}, updates=[be.compare_at.clear(), strike, sale])
        pairs = [{(item.field, item.after) for item in plan.rows} for plan in (first, second)]
        assert pairs[0] == pairs[1]
        (compare_at,) = (item for item in first.rows if item.field == "compare_at_price")
        assert compare_at.after == sandbox.products.get("product_id_1")["price"]


def test_compare_at_that_is_there_stays_and_swap_ends_a_sale() -> None:
    assert be.compare_at.set_if_blank().apply(row(Decimal(8), compare_at=Decimal(10))) == {}
    assert be.compare_at.swap().apply(row(Decimal(8), compare_at=Decimal(10))) == {
        "price": 10,
        "compare_at_price": 8,
    }


@given(price=prices, percent=percents)
def test_the_programs_own_decimal_context_does_not_count(price: Decimal, percent: Decimal) -> None:
    usual = changed(be.price.percentage(percent), row(price))
    with decimal.localcontext(prec=3, rounding=ROUND_FLOOR) as context:
        context.traps[decimal.Inexact] = True
        assert changed(be.price.percentage(percent), row(price)) == usual


def test_rules_say_what_they_do() -> None:
    assert [str(rule) for rule in (
        be.price.percentage(-20).ending(".99", mode="down"), be.price.percentage("12.5"),
        be.price.fixed("-2.50"), be.price.set(10), be.price.markup(50), be.price.margin(30),
        be.price.ending("95"), be.cost.clear(), be.compare_at.set_if_blank(), be.compare_at.swap(),
    )] == [
        "price: -20 %, ending .99 (down)", "price: +12.5 %", "price: -2.50", "price: = 10",
        "price: 50 % markup on cost", "price: 30 % margin on cost", "price: ending 95 (nearest)",
        "cost: cleared", "compare_at_price: = old price, where blank", "compare_at_price: swapped with price",
    ]  # fmt: skip


def test_rules_are_values() -> None:
    assert be.price.percentage(-20) == be.price.percentage("-20")
    assert isinstance(be.price.percentage(-20), MoneyRule)
    assert len({be.price.percentage(-20), be.price.percentage(-20), be.price.fixed(-20)}) == 2

"""How the demo chooses and judges rows: each kind of wrong row is found, and no right one is blamed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulkeditor as be
from bulkeditor.cli._audit import DEMO_FILTER, Survey, compare, exact_price, minor_unit, take_snapshot

THEN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)
INSIDE = be.Condition.from_filter({"vendor": "Acme"})


def product(number: int, price: str | None, **fields: object) -> be.Product:
    known: dict[str, object] = {
        "id": f"p{number}",
        "sku": f"SKU-{number}",
        "title": f"Product {number}",
        "vendor": "Acme",
        "product_type": "Mug",
        "category": "Kitchen",
        "status": "active",
        "price": None if price is None else Decimal(price),
        "updated_at": THEN,
    }
    return be.Product(**(known | fields))


def surveyed(*products: be.Product) -> Survey:
    survey = Survey()
    for one in products:
        survey.add(one)
    return survey


def judged(before: list[be.Product], after: list[be.Product]):
    return compare(take_snapshot(before, INSIDE), take_snapshot(after, INSIDE), Decimal(-20))


def test_the_demo_filter_is_taken_where_the_catalog_has_it() -> None:
    shirts = product(1, "10", vendor="Premium Brand", product_type="T-Shirt")
    assert surveyed(product(2, "5"), product(3, "5"), shirts).choose() == DEMO_FILTER


def test_otherwise_the_largest_group_with_prices_is_taken() -> None:
    rows = [product(number, "5", product_type="Plate") for number in range(3)]
    free = [product(number, "0", product_type="Gift") for number in range(10, 20)]
    blank = [product(number, None, product_type="Sample") for number in range(20, 30)]
    survey = surveyed(product(30, "7"), *rows, *free, *blank)
    assert survey.choose() == {"vendor": "Acme", "product_type": "Plate"}
    assert (survey.total, survey.unpriced) == (24, 10)


@pytest.mark.parametrize(
    ("vendor", "kind", "expected"),
    [
        ("Acme", None, {"vendor": "Acme"}),
        ("", "Mug", {"product_type": "Mug"}),
        (None, "", {"category": "Kitchen"}),
    ],
)
def test_blanks_are_left_out_of_the_filter(
    vendor: str | None, kind: str | None, expected: dict[str, str]
) -> None:
    rows = [product(number, "5", vendor=vendor, product_type=kind) for number in range(3)]
    assert surveyed(*rows).choose() == expected


def test_a_catalog_without_any_mark_is_taken_by_status() -> None:
    rows = [product(number, "5", vendor=None, product_type=None, category="") for number in range(3)]
    assert surveyed(*rows).choose() == {"status": "active"}


def test_a_named_group_goes_before_a_larger_one_that_equality_cannot_tell() -> None:
    rows = [product(number, "5", vendor=None, product_type=None) for number in range(5)]
    assert surveyed(product(9, "5"), *rows).choose() == {"vendor": "Acme", "product_type": "Mug"}


def test_nothing_to_choose() -> None:
    assert surveyed().choose() is None
    assert surveyed(product(1, None), product(2, "0.00")).choose() is None


def test_a_right_job_is_found_right() -> None:
    before = [
        product(1, "10.00"),
        product(2, "9.99"),
        product(3, None),
        product(4, "0.01"),
        product(5, "3", vendor="B"),
    ]
    after = [
        product(1, "8.00", updated_at=LATER),
        product(2, "7.99", updated_at=LATER),
        *before[2:],
    ]
    verdict = judged(before, after)
    assert (verdict.changed, verdict.kept, verdict.wrong, verdict.outside_intact) == (2, 2, (), True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"price": Decimal("10.00")}, "unchanged at 10.00; 8 was due"),
        ({"price": Decimal("8.02")}, "became 8.02; 8 was due"),
        ({"price": Decimal("7.98")}, "became 7.98"),
        ({"price": None}, "became None"),
        ({"price": Decimal("8.00"), "tags": ["new"]}, "a field other than the price"),
        ({"price": Decimal("8.00"), "title": "Other"}, "a field other than the price"),
    ],
)
def test_a_wrong_row_is_named(changed: dict[str, object], says: str) -> None:
    verdict = judged([product(1, "10.00")], [product(1, "10.00").replace(**changed)])
    assert len(verdict.wrong) == 1
    assert verdict.wrong[0].startswith("SKU-1: ")
    assert says in verdict.wrong[0]
    assert verdict.changed == 0


def test_rows_that_vanish_come_or_leave_the_filter_are_named() -> None:
    stranger = product(2, "5", vendor="B")
    verdict = judged([product(1, "10"), stranger], [stranger.replace(vendor="Acme")])
    assert verdict.wrong == ("SKU-2: was not in the filter before", "SKU-1: is gone")
    assert not verdict.outside_intact


@pytest.mark.parametrize("field", ["price", "title", "updated_at", "status"])
def test_any_change_outside_the_filter_shows(field: str) -> None:
    stranger = product(2, "5", vendor="B")
    new: dict[str, object] = {"price": Decimal(4), "title": "T", "updated_at": LATER, "status": "draft"}
    before = [product(1, "10"), stranger]
    assert not judged(before, [product(1, "8"), stranger.replace(**{field: new[field]})]).outside_intact
    assert judged(before, [stranger, product(1, "8")]).outside_intact, "the order does not matter"


@given(st.decimals(0, 10**9, places=4), st.integers(-100, 300))
def test_exact_prices_are_exact(price: Decimal, percent: int) -> None:
    cents = int(price * 10_000)
    assert exact_price(price, Decimal(percent)) * 1_000_000 == cents * (100 + percent)


@pytest.mark.parametrize(
    ("price", "unit"),
    [("5", "0.01"), ("5.1", "0.01"), ("5.10", "0.01"), ("0.0121", "0.0001"), ("1E+3", "0.01")],
)
def test_the_minor_unit_follows_the_price(price: str, unit: str) -> None:
    assert minor_unit(Decimal(price)) == Decimal(unit)

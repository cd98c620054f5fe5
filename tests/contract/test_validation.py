"""The client's checks of product data: the documented messages, and the server's verdict by its own code."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkeditor.errors import NotLoadedError
from bulkeditor.models import Product, ProductCreate, ProductUpdate, Updates
from bulkeditor.models.validation import validate_create, validate_product, validate_update
from bulkeditor.sandbox import _validate as server

SKU, PRICE, TITLE = "SKU is required", "Price must be positive", "Title must be at least 3 characters"
GOOD = {"sku": "TS-1", "title": "Tee", "price": Decimal("29.99")}


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({}, []),
        ({"price": 0}, []),
        ({"price": Decimal("-0.01")}, [PRICE]),
        ({"price": -1}, [PRICE]),
        ({"price": -0.5}, [PRICE]),
        ({"price": "-3.00"}, [PRICE]),
        ({"price": None}, []),
        ({"price": "much"}, []),
        ({"price": float("nan")}, []),
        ({"sku": None}, [SKU]),
        ({"sku": ""}, [SKU]),
        ({"sku": "  "}, [SKU]),
        ({"title": None}, [TITLE]),
        ({"title": ""}, [TITLE]),
        ({"title": "ab"}, [TITLE]),
        ({"title": "abc"}, []),
        ({"sku": "", "price": -1, "title": ""}, [SKU, PRICE, TITLE]),
    ],
    ids=str,
)
def test_the_documented_messages_to_the_letter(changes, messages):
    assert validate_product(GOOD | changes) == messages


def test_the_documented_check_of_fields_that_are_absent():
    assert validate_product({}) == [SKU, TITLE]
    assert validate_product(ProductUpdate(id="1", price=Decimal(-1))) == [SKU, PRICE, TITLE]
    assert validate_product(ProductCreate(**GOOD)) == []
    assert validate_product(Product(id="1", **GOOD)) == []
    with pytest.raises(NotLoadedError, match="title"):
        validate_product(Product(id="1", sku="TS-1", price=None))


def codes(problems) -> list[tuple[str | None, str]]:
    return [(problem.field, problem.code) for problem in problems]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"price": -1}, [("price", "negative")]),
        ({"cost": -1, "compare_at_price": "-0.01"}, [("cost", "negative"), ("compare_at_price", "negative")]),
        ({"price": float("nan")}, [("price", "invalid")]),
        ({"price": 0.1 + 0.2}, [("price", "invalid")]),
        ({"price": 19.99}, []),
        ({"price": "29.99"}, []),
        ({"price": Decimal("0.0121")}, []),
        ({"price": Decimal("0.00000001")}, [("price", "too_precise")]),
        ({"price": 10**12}, [("price", "too_large")]),
        ({"price": True}, [("price", "invalid")]),
        ({"price": None, "cost": None}, []),
        ({"sku": ""}, [("sku", "required")]),
        ({"sku": 42}, [("sku", "invalid_type")]),
        ({"title": "ab"}, [("title", "too_short")]),
        ({"title": 123}, [("title", "invalid_type")]),
        ({"status": "actve"}, [("status", "invalid_value")]),
        ({"status": None}, [("status", "invalid_value")]),
        ({"inventory_quantity": -3}, []),
        ({"inventory_quantity": 1.5}, [("inventory_quantity", "invalid_type")]),
        ({"inventory_quantity": True}, [("inventory_quantity", "invalid_type")]),
        ({"inventory_quantity": None}, [("inventory_quantity", "invalid_type")]),
        ({"tags": ["x"] * 251}, [("tags", "too_many")]),
        (
            {"tags": ["x" * 256, "", 3, "ok"]},
            [("tags[0]", "too_long"), ("tags[1]", "invalid_value"), ("tags[2]", "invalid_type")],
        ),
        ({"tags": "sale"}, [("tags", "invalid_type")]),
        ({"tags": None, "vendor": None, "custom_fields": None, "options": None}, []),
        ({"vendor": 3}, [("vendor", "invalid_type")]),
        ({"vendor": "a\x00"}, [("vendor", "invalid_character")]),
        ({"custom_fields": {"rank": float("inf")}}, [("custom_fields.rank", "invalid")]),
        ({"custom_fields": {"": 1}}, [("custom_fields", "invalid_value")]),
        ({"custom_fields": [1]}, [("custom_fields", "invalid_type")]),
        ({"options": {"Color": 3}}, [("options.Color", "invalid_type")]),
        ({"options": {"Color": "jade"}}, []),
        ({"prize": 3}, [("prize", "unknown_field")]),
        ({"created_at": "2024-06-01T00:00:00Z"}, [("created_at", "read_only")]),
        ({"price_adjustment": {"type": "fixed", "value": 1}}, [("price_adjustment", "unknown_field")]),
        ({3: 1}, [("3", "unknown_field")]),
        ({"id": ""}, [("id", "required")]),
        ({"id": "product_id_1"}, []),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_update_checks_only_what_is_given(changes, expected):
    assert codes(validate_update(changes)) == expected


def test_messages_help():
    (problem,) = validate_update({"prcie": 3})
    assert "Did you mean 'price'?" in problem.message
    (problem,) = validate_update({"status": "actve"})
    assert "Did you mean 'active'?" in problem.message
    (problem,) = validate_update({"price": 0.30000000000000004})
    assert "Decimal" in problem.message
    assert [problem.message for problem in validate_update({"sku": "", "price": -1, "title": "a"})] == [
        SKU,
        PRICE,
        TITLE,
    ]


def test_a_new_product_needs_sku_and_title():
    assert codes(validate_create({})) == [("sku", "required"), ("title", "too_short")]
    assert codes(validate_create({**GOOD, "id": "x"})) == [("id", "read_only")]
    assert validate_create(GOOD) == ()
    assert codes(validate_create(ProductCreate(sku="", title="Tee"))) == [("sku", "required")]


def test_models_are_checked_by_what_they_hold():
    assert validate_update(ProductUpdate(id="1", price=None)) == ()
    assert codes(validate_update(ProductUpdate(id="1", price=Decimal(-1), title="x"))) == [
        ("title", "too_short"),
        ("price", "negative"),
    ]
    assert codes(validate_update(Updates(tags=[""]))) == [("tags[0]", "invalid_value")]
    assert validate_update(Product(id="1", created_at=None, **GOOD)) == ()
    with pytest.raises(TypeError, match="model or a mapping"):
        validate_update([])


@pytest.mark.parametrize(
    ("adjustment", "expected"),
    [
        ({"type": "percentage", "value": -20}, []),
        ({"type": "fixed", "value": "-2.50"}, []),
        ({"type": "percent", "value": 1}, [("price_adjustment.type", "invalid_value")]),
        ({"type": "percentage", "value": -101}, [("value", "invalid")]),
        ({"value": 1}, [("price_adjustment", "invalid_type")]),
        (5, [("price_adjustment", "invalid_type")]),
    ],
)
def test_a_job_may_adjust_prices(adjustment, expected):
    assert codes(validate_update({"price_adjustment": adjustment}, job=True)) == expected


# ---- client and server, each by its own code, agree ----

money = st.one_of(
    st.none(),
    st.integers(-(10**13), 10**13),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-100, max_value=10**13, places=8),
    st.booleans(),
)
texts = st.one_of(st.none(), st.text(max_size=4), st.integers(), st.just("a\x00"))
tags = st.one_of(
    st.none(),
    st.text(),
    st.lists(st.one_of(st.text(max_size=3), st.integers(), st.just("x" * 256)), max_size=3),
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "sku": texts,
        "title": texts,
        "vendor": texts,
        "status": st.one_of(texts, st.sampled_from(["active", "draft", "archived"])),
        "price": money,
        "cost": money,
        "tags": tags,
        "inventory_quantity": st.one_of(st.none(), st.integers(-(10**13), 10**13), st.booleans(), st.text()),
        "custom_fields": st.one_of(
            st.none(), st.integers(), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
        ),
        "options": st.one_of(st.none(), st.dictionaries(st.text(max_size=2), texts, max_size=2)),
        "created_at": st.none(),
        "colour": st.none(),
    },
)


@given(rows)
def test_client_and_server_refuse_the_same_fields(row):
    def fields(problems) -> set[str]:
        return {problem.field.partition("[")[0].partition(".")[0] for problem in problems}

    assert fields(validate_update(row)) == fields(server.check_update(row, money_text=False)[1])
    assert fields(validate_create(row)) == fields(server.check_create(row, money_text=False)[1])

"""Conditions as they are written: values, errors, text, models, filters."""

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType

import attrs
import pytest

from bulkeditor.errors import InvalidInputError, NotLoadedError
from bulkeditor.models import Product
from bulkeditor.query import PRODUCT_SCHEMA, Condition, F, Schema, all_of, any_of

ROW = {
    "id": "product_id_1",
    "sku": "00042",
    "title": "Tee",
    "vendor": "Premium Brand",
    "product_type": "T-Shirt",
    "category": None,
    "status": "active",
    "tags": ["summer", "sale"],
    "price": Decimal("29.99"),
    "compare_at_price": Decimal("39.99"),
    "cost": None,
    "inventory_quantity": 7,
    "custom_fields": {
        "season": "summer",
        "rank": 3,
        "featured": True,
        "sizes": ["S"],
        "a.b": 1,
        "none": None,
    },
    "options": {"Color": "jade"},
    "created_at": datetime(2024, 6, 1, tzinfo=UTC),
}


# ---- documented conditions ----


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (F.inventory_quantity < 10, True),
        (F.status == "active", True),
        (~F.tags.contains("discontinued"), True),
        ((F.inventory_quantity < 10) & (F.status == "active") & ~F.tags.contains("discontinued"), True),
        (F.vendor == "premium brand", False),
        (F.sku == "42", False),
        (F.price == Decimal("29.990"), True),
        (F.price == 29.99, True),
        (F.price < 30, True),
        (F.tags == "sale", True),
        (F.tags != "sale", False),
        (F.tags == "sal", False),
        (F.tags == ["summer", "sale"], True),
        (F.tags == ["sale", "summer"], False),
        (F.tags.isin(["sale", "new"]), True),
        (F.tags.contains("sal"), False),
        (F.cost == None, True),  # noqa: E711
        (F.cost != None, False),  # noqa: E711
        (F.cost == 0, False),
        (F.cost != 0, False),
        (F.compare_at_price > F.price, True),
        (F.price > F.cost, False),
        (~(F.price > F.cost), False),
        (F.title.contains("ee") & F.title.starts_with("T") & F.title.ends_with("e"), True),
        (F["custom_fields.season"] == "summer", True),
        (F.custom_fields["season"] == "summer", True),
        (F["custom_fields.a.b"] == 1, True),
        (F["custom_fields.absent"].is_null(), True),
        (F["custom_fields.none"].is_null(), True),
        (F["custom_fields.rank"] == "3", False),
        (F["custom_fields.rank"] != "3", True),
        (F["custom_fields.featured"] == True, True),  # noqa: E712
        (F["custom_fields.featured"] == 1, False),
        (F["custom_fields.sizes"] == "S", False),
        (F["custom_fields.season"] < 3, False),
        (~(F["custom_fields.season"] < 3), False),
        (~F["custom_fields.rank"].contains("3"), False),
        (F["options.Color"] == "jade", True),
        (F.options["Size"].is_null(), True),
        (F.created_at < datetime(2024, 6, 2, tzinfo=timezone(timedelta(hours=2))), True),
        (F.created_at == datetime(2024, 6, 1, 2, tzinfo=timezone(timedelta(hours=2))), True),
        (F.created_at >= "2024-06-01T00:00:00Z", True),
        (F.sku.isin("00042"), True),
        (F.sku.isin([]), False),
        (~F.cost.isin([]), True),
        (F.inventory_quantity.isin([7, Decimal("8.0")]), True),
    ],
    ids=str,
)
def test_conditions_on_a_row(condition: Condition, expected: bool):
    assert condition.matches(ROW) is expected
    assert condition.matches(MappingProxyType(ROW)) is expected
    assert condition.matches(Product(**ROW)) is expected


def test_a_missing_value_is_no_mistake_but_a_field_that_was_not_loaded_is():
    with pytest.raises(NotLoadedError, match="cost was not loaded"):
        (F.cost < 3).matches({"price": 3})
    with pytest.raises(NotLoadedError, match=r"Product\.cost was not loaded"):
        (F.cost < 3).matches(Product(id="1", price=Decimal(3)))
    with pytest.raises(NotLoadedError, match="custom_fields"):
        (F.custom_fields["x"] == 1).matches(Product(id="1"))
    assert not (F.cost < 3).matches({"cost": None})


def test_missing_tags_are_none_at_all():
    for row in ({}, {"tags": None}, {"tags": []}, Product(id="1", tags=[])):
        assert (~F.tags.contains("discontinued")).matches(row)
        assert not F.tags.is_null().matches(row)
    with pytest.raises(NotLoadedError, match="tags"):
        F.tags.contains("x").matches(Product(id="1"))


def test_unknown_fields_of_a_product_are_read_from_extra():
    product = Product(id="1")
    with pytest.raises(NotLoadedError, match="description"):
        (F.description == "x").matches(product)
    # Names of methods are no fields.
    with pytest.raises(NotLoadedError, match="detach"):
        F.detach.is_null().matches(product)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (F.price == "29.99", r"price: cannot compare the number .* with the text"),
        (F.price < "30", "Write the number without quotes"),
        (F.vendor > 3, 'vendor: cannot compare the text "Premium Brand" with the number 3'),
        (F.vendor == True, "cannot compare the text .* with the flag true"),  # noqa: E712
        (F.created_at > 3, "cannot compare the time"),
        (F.created_at > "tomorrow", 'cannot compare the time .* with the text "tomorrow"'),
        (F.inventory_quantity.contains("7"), "cannot compare the number"),
        (F.tags > "a", "cannot compare the list"),
        (F.tags.starts_with("a"), "cannot compare the list"),
        (F.vendor.isin([1, 2]), "cannot compare the text"),
        (F.price > F.vendor, "cannot compare the number"),
        (F.title.contains(F.price), "cannot compare the text"),
        (F["vendor.x"] == 1, "no entries"),
        (F.custom_fields == "x", "cannot compare the object"),
    ],
    ids=str,
)
def test_values_that_cannot_be_compared_are_one_clear_error(condition: Condition, message: str):
    for row in (ROW, Product(**ROW)):
        with pytest.raises(InvalidInputError, match=message) as caught:
            condition.matches(row)
        assert caught.value.errors[0].field


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        Decimal("-Infinity"),
        Decimal("1e999999"),
        10**5000,
        object(),
        b"x",
        {"a": 1},
        [1],
        datetime(2024, 1, 1),  # noqa: DTZ001
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_no_field_has_are_refused_when_written(value):
    for build in (lambda: F.price == value, lambda: F.price.isin([value])):
        with pytest.raises(InvalidInputError, match="price"):
            build()


def test_rows_with_values_that_cannot_be_ordered():
    for value in (float("nan"), Decimal("sNaN"), datetime(2024, 1, 1)):  # noqa: DTZ001
        with pytest.raises(InvalidInputError, match="price"):
            (F.price < 3).matches({"price": value})
    assert (F.price < 3).matches({"price": 2.5})
    assert (F.price == Decimal("0.1")).matches({"price": 0.1})


def test_more_that_is_refused_when_written():
    for build, message in (
        (lambda: F.price.isin([None]), "is_null"),
        (lambda: F.title.contains(3), "needs a text"),
        (lambda: F.tags < ["a"], "no order"),
        (lambda: F.price > True, "no order"),
        (lambda: F.price < None, "NoneType"),
        (lambda: F[""], "no field name"),
        (lambda: F["and"], "joins conditions"),
        (lambda: F[3], "no field name"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            build()


def test_python_words_that_cannot_join_conditions_are_explained():
    with pytest.raises(TypeError, match=r"& \| ~"):
        bool(F.price < 3)
    with pytest.raises(TypeError, match="truth value"):
        1 < F.price < 2  # noqa: B015
    with pytest.raises(TypeError, match="no condition"):
        (F.price < 3) & F.vendor
    with pytest.raises(TypeError):
        list(F.tags)
    with pytest.raises(TypeError):
        hash(F.tags)


def test_conditions_are_immutable_comparable_and_travel():
    condition = (F.vendor == "X") & ((F.price < 3) | ~F.tags.contains("y")) & F.sku.isin(["1", "2"])
    condition.matches(ROW)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        condition.items = ()
    for twin in (copy.copy(condition), copy.deepcopy(condition), pickle.loads(pickle.dumps(condition))):
        assert twin == condition
        assert hash(twin) == hash(condition)
        assert twin.matches(ROW) == condition.matches(ROW)
    assert (F.x == 1) != (F.x == True)  # noqa: E712
    assert (F.x == 1) == (F.x == Decimal("1.0"))
    assert (F.x == 1) != (F.x != 1)
    assert copy.copy(F.x).__repr__() == "F['x']"


def test_joining_many_stays_flat_and_nesting_has_a_bound():
    many = all_of(F.price != number for number in range(5000))
    assert many.matches(ROW)
    assert any_of(F.price == number for number in range(5000)).matches(ROW) is False

    def nest(deep: Condition) -> Condition:
        for number in range(100):
            deep = (deep | (F.price == number)) & (F.price != number)
        return deep

    with pytest.raises(InvalidInputError, match="nested"):
        nest(F.price < 100)
    nested: dict = {"price": 1}
    for _ in range(5000):
        nested = {"not": nested}
    with pytest.raises(InvalidInputError, match="nested"):
        Condition.from_filter(nested)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (F.inventory_quantity < 10, "inventory_quantity < 10"),
        (F.status == "active", 'status = "active"'),
        (~F.tags.contains("discontinued"), 'NOT tags.contains("discontinued")'),
        ((F.a == 1) | ((F.b == 2) & (F.c != 3)), "a = 1 OR b = 2 AND c != 3"),
        (((F.a == 1) | (F.b == 2)) & (F.c != 3), "(a = 1 OR b = 2) AND c != 3"),
        (~((F.a == 1) & (F.b == 2)), "NOT (a = 1 AND b = 2)"),
        (~F.cost.is_null(), "cost IS NOT NULL"),
        (F.cost.is_null(), "cost IS NULL"),
        (F.sku.isin(["1", "2"]), 'sku IN ("1", "2")'),
        (~F.sku.isin(["1"]), 'NOT sku IN ("1")'),
        (F.price >= Decimal("1E+2"), "price >= 100"),
        (F["custom_fields.my field"] == True, "`custom_fields.my field` = true"),  # noqa: E712
        (F.title == 'say "hi"\n', 'title = "say \\"hi\\"\\n"'),
        (F.tags == ["a", "b"], 'tags = ["a", "b"]'),
        (
            F.created_at > datetime(2024, 6, 1, 2, tzinfo=timezone(timedelta(hours=2))),
            'created_at > "2024-06-01T00:00:00Z"',
        ),
        (F.price > F.cost, "price > cost"),
        (all_of([]), "TRUE"),
        (~any_of([]), "NOT FALSE"),
    ],
)
def test_text(condition: Condition, text: str):
    assert str(condition) == text
    assert repr(condition) == f"<Condition {text}>"


# ---- filters ----


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        ({}, all_of([])),
        (
            {"product_type": "T-Shirt", "vendor": "Premium Brand"},
            (F.product_type == "T-Shirt") & (F.vendor == "Premium Brand"),
        ),
        ({"price": {"gte": 10, "lt": 20}}, (F.price >= 10) & (F.price < 20)),
        ({"price": 29.99}, F.price == Decimal("29.99")),
        ({"cost": None}, F.cost.is_null()),
        ({"cost": {"eq": None}}, F.cost.is_null()),
        ({"cost": {"ne": None}}, ~F.cost.is_null()),
        ({"cost": {"is_null": False}}, ~F.cost.is_null()),
        ({"sku": {"in": ["1", "2"]}}, F.sku.isin(["1", "2"])),
        ({"sku": {"not_in": ["1"]}}, ~F.sku.isin(["1"])),
        ({"tags": "sale"}, F.tags == "sale"),
        ({"tags": ["sale"]}, F.tags == ["sale"]),
        ({"or": [{"a": 1}, {"b": 2}]}, (F.a == 1) | (F.b == 2)),
        ({"and": [{"a": 1}, {"a": 2}], "c": 3}, (F.a == 1) & (F.a == 2) & (F.c == 3)),
        ({"not": {"a": 1}}, ~(F.a == 1)),
        ({"created_at": {"lt": "2024-06-01T00:00:00Z"}}, F.created_at < datetime(2024, 6, 1, tzinfo=UTC)),
        (
            {"title": {"contains": "a", "starts_with": "b", "ends_with": "c"}},
            F.title.contains("a") & F.title.starts_with("b") & F.title.ends_with("c"),
        ),
    ],
    ids=str,
)
def test_filters_read_to_conditions(given: dict, condition: Condition):
    assert Condition.from_filter(given) == condition
    assert Condition.from_filter(condition.to_filter()) == condition


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"price": {"gte_": 1}}, "price: unknown operator 'gte_'; did you mean 'gte'"),
        ({"price": {}}, "price: an empty object"),
        ({"price": {"lt": None}}, "price: lt null is never true"),
        ({"price": {"in": 3}}, "price: in needs a list"),
        ({"price": {"in": [None]}}, "price: a set of values cannot hold null"),
        ({"price": {"is_null": 1}}, "price: is_null needs true or false"),
        ({"price": {"contains": 1}}, "price: contains needs a text"),
        ({"price": {"eq": {"a": 1}}}, "price: cannot compare with a value of type dict"),
        ({"and": {"a": 1}}, "and: needs a list"),
        ({"or": ["a"]}, "filter: a filter is an object"),
        ({"not": [1]}, "filter: a filter is an object"),
        ({"tags": [1]}, "tags: a list holds text only"),
        ([], "filter: a filter is an object"),
        ("vendor", "filter: a filter is an object"),
        ({3: 1}, "3 is no field name"),
    ],
    ids=str,
)
def test_malformed_filters_name_the_field(given, message: str):
    with pytest.raises(InvalidInputError, match=message):
        Condition.from_filter(given)


def test_entries_that_would_collide_are_listed():
    condition = (F.tags == "a") & (F.tags == "b") & (F.price > 1)
    assert condition.to_filter() == {"and": [{"tags": "a"}, {"tags": "b"}, {"price": {"gt": 1}}]}


def test_a_comparison_of_two_fields_has_no_filter():
    with pytest.raises(InvalidInputError, match="price: a filter cannot compare it with another field"):
        (F.price > F.cost).to_filter()


def test_pushdown_takes_what_every_server_reads_alike():
    condition = (
        (F.vendor == "X")
        & (F.price == Decimal("0.10"))
        & (F.inventory_quantity == 3)
        & (F.tags == "sale")
        & F.cost.is_null()
        & (F["custom_fields.x"] == 1)
        & (F.created_at == datetime(2024, 1, 1, tzinfo=UTC))
        & (F.description == "unknown to the API")
        & (F.price < 9)
        & ((F.sku == "1") | (F.sku == "2"))
    )
    assert condition.pushdown() == {"vendor": "X", "price": Decimal("0.10"), "inventory_quantity": 3}
    assert (F.vendor == "X").pushdown() == {"vendor": "X"}
    assert ((F.vendor == "X") | (F.vendor == "Y")).pushdown() == {}
    assert (~(F.vendor == "X")).pushdown() == {}
    assert ((F.vendor == "X") & (F.vendor == "Y")).pushdown() == {"vendor": "X"}


# ---- check ----


def test_check_names_every_unknown_field_with_the_nearest_known_one():
    condition = (F.vendro == "X") & (F.prcie < 3) & (F["option.Color"] == "jade") & (F.zzz == 1)
    with pytest.raises(InvalidInputError) as caught:
        condition.check()
    text = str(caught.value)
    assert [error.code for error in caught.value.errors] == ["unknown_field"] * 4
    for suggestion in ("'vendor'", "'price'", "'options.Color'"):
        assert f"did you mean {suggestion}?" in text
    assert "no field 'zzz'" in text


def test_check_finds_constants_that_no_row_can_be_compared_with():
    good = (
        (F.price < 3)
        & (F.tags == "a")
        & (F["custom_fields.x"] == 3)
        & (F.created_at > "2024-06-01T00:00:00Z")
    )
    good.check()
    wrong = (
        (F.price == "3")
        & F.tags.starts_with("a")
        & F.inventory_quantity.contains("7")
        & (F.created_at > "today")
    )
    with pytest.raises(InvalidInputError) as caught:
        (wrong & F.sku.isin(["1", 2])).check()
    assert [error.field for error in caught.value.errors] == [
        "price",
        "tags",
        "inventory_quantity",
        "created_at",
        "sku",
    ]
    for name, message in (("vendor.x", "no entries"), ("options.", "missing after the dot")):
        with pytest.raises(InvalidInputError, match=message):
            (F[name] == "x").check()


def test_check_takes_other_schemas():
    schema = Schema(name="record", fields={"item_no": "text"})
    (F.item_no == "1").check(schema)
    with pytest.raises(InvalidInputError, match="a record has no field 'sku'"):
        (F.sku == "1").check(schema)


def test_the_schema_is_the_model():
    assert set(PRODUCT_SCHEMA.fields) == {field.name for field in attrs.fields(Product)}
    with pytest.raises(TypeError):
        PRODUCT_SCHEMA.fields["x"] = "text"

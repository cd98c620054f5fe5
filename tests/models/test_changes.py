"""What people give: exact money, clear errors, and what is sent."""

import copy
import decimal
import json
import math
import pickle
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest

from bulkeditor.errors import InvalidInputError
from bulkeditor.models import (
    UNSET,
    PriceAdjustment,
    ProductCreate,
    ProductUpdate,
    Updates,
    encode,
    money,
    structure,
)


def fields_of(caught: pytest.ExceptionInfo[InvalidInputError]) -> list[str | None]:
    return [error.field for error in caught.value.errors]


class TestMoney:
    @pytest.mark.parametrize(
        ("given", "exact"),
        [
            ("12.50", "12.50"),
            (" 12.5 ", "12.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+1", "1"),
            ("-3", "-3"),
            (0, "0"),
            (-7, "-7"),
            (29.99, "29.99"),
            (12.0, "12"),
            (-0.5, "-0.5"),
            (0.000001, None),
            (0.0001, "0.0001"),
            (0.123456, "0.123456"),
            (Decimal("0.012100"), "0.012100"),
            (Decimal("1E+3"), "1E+3"),
        ],
    )
    def test_every_digit_is_kept(self, given, exact):
        if exact is None:
            with pytest.raises(InvalidInputError):
                money(given)
        else:
            assert str(money(given)) == exact

    @pytest.mark.parametrize(
        "given",
        [
            0.1 + 0.2,
            1.1 * 3,
            1 / 3,
            1e16,
            1e-7,
            math.nan,
            math.inf,
            "12,50",
            "1e3",
            "1_000",
            "$5",
            "",
            "NaN",
            "\u0661",
            "9" * 31,
            Decimal("NaN"),
            Decimal("sNaN"),
            Decimal("-Infinity"),
            Decimal("1E+999999999"),
            Decimal("1E-400"),
            True,
            [],
            b"5",
            object(),
            10**31,
        ],
        ids=repr,
    )
    def test_what_is_no_exact_amount_names_the_field_and_the_fix(self, given):
        with pytest.raises(InvalidInputError) as caught:
            ProductUpdate(id="1", cost=given)
        assert fields_of(caught) == ["cost"]
        assert str(caught.value).startswith("cost: ")
        assert caught.value.hint
        assert len(str(caught.value)) < 300

    def test_the_programs_own_decimal_context_changes_nothing(self):
        with decimal.localcontext(decimal.Context(prec=3, traps=[decimal.Inexact, decimal.Rounded])):
            assert str(money("1234567.891")) == "1234567.891"
            assert encode(ProductUpdate(id="1", price="1234567.891")) == b'{"id":"1","price":1234567.891}'

    def test_numbers_of_numpy_are_numbers(self):
        np = pytest.importorskip("numpy")
        update = ProductUpdate(
            id="1", price=np.float64(12.5), cost=np.int64(3), inventory_quantity=np.int32(4)
        )
        assert encode(update) == b'{"id":"1","price":12.5,"cost":3,"inventory_quantity":4}'
        with pytest.raises(InvalidInputError):
            ProductUpdate(id="1", price=np.float32(0.1))


class TestOtherFields:
    @pytest.mark.parametrize(
        ("field", "given"),
        [
            ("title", 5),
            ("title", None),
            ("status", None),
            ("vendor", 5),
            ("barcode", 4006381333931),
            ("id", 5),
            ("tags", "sale"),
            ("tags", {"sale": 1}),
            ("inventory_quantity", 1.5),
            ("inventory_quantity", True),
            ("inventory_quantity", "7"),
            ("inventory_quantity", math.nan),
            ("inventory_quantity", Decimal("NaN")),
            ("inventory_quantity", Decimal("1E+999999999")),
            ("inventory_quantity", None),
            ("custom_fields", []),
            ("custom_fields", {1: "a"}),
            ("options", ["M"]),
        ],
    )
    def test_a_wrong_type_names_the_field(self, field, given):
        with pytest.raises(InvalidInputError) as caught:
            ProductUpdate(**{"id": "1", field: given})
        assert fields_of(caught) == [field]

    @pytest.mark.parametrize(
        ("field", "given", "path"),
        [
            ("tags", ["a", 5], "tags[1]"),
            ("options", {"Size": 42}, "options.Size"),
            ("custom_fields", {"a": {"b": [1, math.nan]}}, "custom_fields.a.b[1]"),
            ("custom_fields", {"a": Decimal("Infinity")}, "custom_fields.a"),
            ("custom_fields", {"a": {1, 2}}, "custom_fields.a"),
            ("custom_fields", {"at": datetime(2024, 1, 1, tzinfo=UTC)}, "custom_fields.at"),
            ("custom_fields", {"a": {5: 1}}, "custom_fields.a"),
        ],
    )
    def test_what_is_wrong_inside_is_named_by_its_path(self, field, given, path):
        with pytest.raises(InvalidInputError) as caught:
            ProductUpdate(**{"id": "1", field: given})
        assert fields_of(caught) == [path]

    def test_data_that_holds_itself_is_refused(self):
        loop: dict[str, object] = {}
        loop["self"] = loop
        with pytest.raises(InvalidInputError, match="nested too deeply"):
            ProductUpdate(id="1", custom_fields=loop)  # type: ignore[arg-type]

    def test_kind_forms_are_taken(self):
        update = ProductUpdate(
            id="1",
            inventory_quantity=5.0,
            tags=("a", "b"),
            custom_fields=None,
            options={},
            compare_at_price=None,
        )
        assert update.inventory_quantity == 5
        assert (update.tags, update.custom_fields) == (["a", "b"], {})
        assert update.compare_at_price is None
        assert ProductUpdate(id="1", tags=None).tags == []


class TestProductUpdate:
    def test_unset_leaves_and_none_clears(self):
        update = ProductUpdate(id="1", price=None, title="New")
        assert update.cost is UNSET
        assert encode(update) == b'{"id":"1","title":"New","price":null}'
        assert update.changes == {"title": "New", "price": None}

    def test_the_sku_finds_the_product_when_there_is_no_id(self):
        assert ProductUpdate(sku="A", price=1).changes == {"price": Decimal(1)}
        assert ProductUpdate(id="1", sku="A").changes == {"sku": "A"}
        assert ProductUpdate(id=None, sku="A").id is UNSET

    @pytest.mark.parametrize("given", [{}, {"price": 1}, {"id": None}, {"id": "", "sku": ""}])
    def test_without_either_there_is_nothing_to_change(self, given):
        with pytest.raises(InvalidInputError, match="Give the id or the sku"):
            ProductUpdate(**given)

    def test_repr_shows_what_is_given(self):
        assert repr(ProductUpdate(id="1", price="2.50")) == "ProductUpdate(id='1', price=Decimal('2.50'))"

    def test_it_is_frozen_equal_and_travels(self):
        update = ProductUpdate(id="1", price="2.50", custom_fields={"a": [1]})
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            update.price = Decimal(3)  # type: ignore[misc]
        for again in (pickle.loads(pickle.dumps(update)), copy.copy(update), copy.deepcopy(update)):
            assert again == update
            assert encode(again) == encode(update)
        assert attrs.evolve(update, price=3).price == 3
        assert encode(attrs.evolve(update, price=3)) == b'{"id":"1","price":3,"custom_fields":{"a":[1]}}'

    def test_what_is_sent_was_checked_and_does_not_change_afterwards(self):
        given = {"a": [1]}
        update = ProductUpdate(id="1", custom_fields=given, tags=["x"])
        given["a"].append(2)
        assert isinstance(update.custom_fields, dict)
        update.custom_fields["a"] = math.nan
        assert encode(update) == b'{"id":"1","tags":["x"],"custom_fields":{"a":[1]}}'


class TestPriceAdjustment:
    def test_both_kinds(self):
        assert PriceAdjustment.percentage(-20) == PriceAdjustment(type="percentage", value="-20")
        assert encode(PriceAdjustment.fixed("-2.50")) == b'{"type":"fixed","value":-2.50}'
        assert PriceAdjustment(type="round_to", value=1).type == "round_to"  # other servers have other kinds

    @pytest.mark.parametrize("value", [-100.01, "-101"])
    def test_more_than_all_of_it_is_refused(self, value):
        with pytest.raises(InvalidInputError, match="-100 or more"):
            PriceAdjustment.percentage(value)
        assert PriceAdjustment.percentage(-100).value == -100


class TestUpdates:
    def test_the_documented_example(self):
        updates = Updates(tags=["summer-sale"], price_adjustment=PriceAdjustment.percentage(-20))
        expected = {"tags": ["summer-sale"], "price_adjustment": {"type": "percentage", "value": -20}}
        assert json.loads(encode(updates)) == expected
        assert structure(expected, Updates) == updates
        assert Updates(**expected) == updates
        assert updates.changes.keys() == {"tags", "price_adjustment"}

    def test_price_and_its_adjustment_contradict(self):
        with pytest.raises(InvalidInputError, match="not both"):
            Updates(price=1, price_adjustment=PriceAdjustment.fixed(1))

    def test_nothing_is_no_update(self):
        with pytest.raises(InvalidInputError, match="at least one field"):
            Updates()

    def test_another_type_is_named(self):
        with pytest.raises(InvalidInputError) as caught:
            Updates(price_adjustment=-20)  # type: ignore[arg-type]
        assert fields_of(caught) == ["price_adjustment"]
        assert "PriceAdjustment.percentage(-20)" in str(caught.value)


class TestProductCreate:
    def test_sku_and_title_are_required(self):
        created = ProductCreate(sku="00042", title="Jade Tee", price="12.50")
        assert json.loads(encode(created)) == {"sku": "00042", "title": "Jade Tee", "price": 12.5}
        with pytest.raises(TypeError, match="sku"):
            ProductCreate(title="Jade Tee")  # type: ignore[call-arg]
        with pytest.raises(InvalidInputError, match="sku: it cannot be cleared"):
            ProductCreate(sku=None, title="x")  # type: ignore[arg-type]


class TestStructure:
    @pytest.mark.parametrize(
        ("data", "kind", "field", "text"),
        [
            ({"id": "1", "prise": 3}, ProductUpdate, "prise", "Did you mean 'price'?"),
            ({"title": "Tee"}, ProductCreate, "sku", "required"),
            ({"id": "1", "price": 0.1 + 0.2}, ProductUpdate, "price", "not exactly an amount"),
            ({"id": 1}, ProductUpdate, "id", "expected text"),
            ({"tags": "sale"}, Updates, "tags", "list of texts"),
            ({"price_adjustment": {"type": "percentage", "valu": 1, "value": 1}}, Updates, None, "'value'"),
            ({"price_adjustment": {"type": "percentage"}}, Updates, None, "required"),
        ],
    )
    def test_each_mistake_is_named(self, data, kind, field, text):
        with pytest.raises(InvalidInputError) as caught:
            structure(data, kind)
        assert text in str(caught.value)
        if field is not None:
            assert fields_of(caught) == [field]

    def test_all_mistakes_at_once(self):
        @attrs.frozen
        class Leg:
            batch_size: int
            ratio: float = 1.0
            names: list[str] = attrs.field(factory=list)
            start: datetime | None = None
            cost: Decimal | None = None

        @attrs.frozen
        class Config:
            endpoint: str
            enabled: bool = True
            legs: list[Leg] = attrs.field(factory=list)

        legs = [{"batch_size": 5}, {"batch_size": 1.9, "ratio": "1", "names": [1], "cost": 1e-9, "bach": 1}]
        with pytest.raises(InvalidInputError) as caught:
            structure({"enabled": "yes", "legs": legs}, Config)
        assert sorted(str(field) for field in fields_of(caught)) == [
            "enabled",
            "endpoint",
            "legs[1].bach",
            "legs[1].batch_size",
            "legs[1].cost",
            "legs[1].names[0]",
            "legs[1].ratio",
        ]
        good = structure({"endpoint": "x", "legs": [{"batch_size": 5, "ratio": 2, "cost": "0.10"}]}, Config)
        assert good.legs[0] == Leg(batch_size=5, ratio=2.0, cost=Decimal("0.10"))
        assert structure({"batch_size": 1, "start": "2024-06-01T00:00:00Z"}, Leg).start is not None
        with pytest.raises(InvalidInputError, match="no offset from UTC"):
            structure({"batch_size": 1, "start": "2024-06-01T00:00:00"}, Leg)

    def test_what_is_typed_already_stays(self):
        update = ProductUpdate(id="1")
        assert structure(update, ProductUpdate) is update

    @pytest.mark.parametrize("data", [None, 5, "x", [], [1]])
    def test_other_shapes_are_our_error(self, data):
        with pytest.raises(InvalidInputError):
            structure(data, ProductUpdate)

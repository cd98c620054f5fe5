"""What every model does: empty slots, unknown fields, equality, copies, pickles, representation."""

import copy
import gc
import json
import pickle
import sys
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

import attrs
import pytest

from bulkeditor.errors import MalformedDataError, NotLoadedError
from bulkeditor.models import (
    ApiKey,
    InventoryLevel,
    Job,
    Location,
    Product,
    Webhook,
    WebhookSecret,
    decode_one,
    decode_page,
    encode,
)
from tests.models._data import FULL, full, page, without


def one(**row: object) -> Product:
    return decode_one(json.dumps(row).encode(), Product)


def test_a_full_row_is_typed():
    product = decode_page(page(FULL), Product, "products").items[0]
    assert product.sku == "00042"
    assert product.price == Decimal("12.5")
    assert str(product.cost) == "0.0121"
    assert product.compare_at_price is None
    assert product.created_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert product.updated_at == datetime(2024, 6, 1, tzinfo=UTC)
    assert list(product.options) == ["Size", "Color"]
    assert product.loaded == FULL.keys()
    assert product.extra == {}


def test_absent_null_and_value_are_three_things():
    absent, null, value = decode_page(
        page({"id": "1"}, {"id": "2", "price": None}, {"id": "3", "price": 0}), Product, "products"
    ).items
    with pytest.raises(NotLoadedError) as caught:
        _ = absent.price
    assert caught.value.field == "price"
    assert "fields=[…, 'price']" in str(caught.value)
    assert null.price is None
    assert value.price == 0
    assert [row.loaded for row in (absent, null)] == [{"id"}, {"id", "price"}]


def test_not_loaded_is_an_attribute_error_for_those_who_ask_gently():
    product = one(id="1")
    assert getattr(product, "price", "?") == "?"
    assert not hasattr(product, "price")
    assert hasattr(product, "id")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prise", "Did you mean 'price'?"),
        ("weight", "an unknown field: .extra['weight']"),
        ("zzz", "Product has no field 'zzz'."),
    ],
)
def test_a_name_that_is_no_field_says_what_to_do(name, text):
    with pytest.raises(AttributeError, match="has no field") as caught:
        getattr(one(id="1", weight=3), name)
    assert not isinstance(caught.value, NotLoadedError)
    assert text in str(caught.value)


def test_models_are_frozen():
    product = one(id="1")
    for act in (
        lambda: setattr(product, "id", "2"),
        lambda: setattr(product, "new", "2"),
        lambda: delattr(product, "id"),
    ):
        with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError)):
            act()
    assert product.id == "1"


def test_made_by_hand_what_is_left_out_is_not_loaded():
    product = Product(id="1", price=None)
    assert product.loaded == {"id", "price"}
    with pytest.raises(NotLoadedError):
        _ = product.sku
    with pytest.raises(TypeError, match="prise"):
        Product(prise=1)  # pyright: ignore[reportCallIssue]


class TestExtra:
    def test_unknown_fields_are_kept_exactly(self):
        rows = [full(id=str(n), weight=n / 8, variants=[{"price": 19.99}]) for n in range(5)]
        items = decode_page(page(*rows), Product, "products").items
        assert [row.extra["weight"] for row in items] == [Decimal(n) / 8 for n in range(5)]
        assert items[4].extra["variants"] == [{"price": Decimal("19.99")}]
        assert set(items[0].extra) == {"weight", "variants"}

    @pytest.mark.parametrize(
        "content", [page({"id": "1", "x": 1}, {"id": "2", "x": 2}), b' [{"x":1},{"x":2}]']
    )
    def test_each_row_has_its_own_in_every_shape(self, content):
        items = decode_page(content, Product, "products").items
        assert [row.extra["x"] for row in reversed(items)] == [2, 1]

    def test_it_cannot_be_changed(self):
        product = one(id="1", x=1)
        assert isinstance(product.extra, MappingProxyType)

    def test_detach_lets_go_of_the_page_and_keeps_the_fields(self):
        content = page(*({"id": str(n), "x": n} for n in range(3)))
        first, second, _ = decode_page(content, Product, "products").items
        users = sys.getrefcount(content)
        assert first.detach() is first
        second.detach()
        del _
        gc.collect()
        assert sys.getrefcount(content) < users
        assert (first.extra, second.extra) == ({"x": 0}, {"x": 1})

    def test_broken_text_in_an_unknown_field_is_our_error(self):
        product = decode_page(b'{"products":[{"id":"1","x":"\xff"}]}', Product, "products").items[0]
        assert product.id == "1"
        with pytest.raises(MalformedDataError, match="row 0"):
            _ = product.extra

    def test_the_last_of_two_equal_names_counts_everywhere(self):
        product = decode_one(b'{"id":"1","id":"2","x":1,"x":2}', Product)
        assert (product.id, product.extra["x"]) == ("2", 2)


class TestEquality:
    def test_fields_and_unknown_fields_count(self):
        assert one(id="1", x=1) == one(x=1, id="1")
        assert one(id="1", x=1) != one(id="1", x=2)
        assert one(id="1") != one(id="1", price=None)
        assert one(id="1", price=1) == one(id="1", price=Decimal("1.00") and 1.0)
        assert one(id="1") != Location(id="1")
        assert one(id="1") != {"id": "1"}

    def test_equal_objects_are_one_in_a_set(self):
        assert len({one(id="1", tags=["a"]), one(id="1", tags=["a"]), one(id="2")}) == 2
        assert hash(one(price=1)) == hash(one(price=1))
        level = InventoryLevel(product_id="1", location_id="w", on_hand=1)
        assert hash(level) == hash(level.replace(on_hand=2)) != hash(level.replace(location_id="s"))


@pytest.mark.parametrize(
    "remake",
    [lambda m: pickle.loads(pickle.dumps(m)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deep"],
)
@pytest.mark.parametrize("row", [FULL, without("price", "tags"), {"id": "1", "x": [1, {"y": 0.5}]}], ids=str)
def test_copies_are_equal_and_independent(remake, row):
    original = decode_page(page(row), Product, "products").items[0]
    again = remake(original)
    assert again == original
    assert again is not original
    assert again.loaded == original.loaded
    assert type(again) is Product
    assert hash(again) == hash(original)


def test_a_pickle_does_not_carry_the_page():
    content = page(*(full(id=str(n)) for n in range(250)))
    product = decode_page(content, Product, "products").items[7]
    assert len(pickle.dumps(product)) < 1500


def test_replace_changes_named_fields_only():
    product = one(id="1", sku="A", x=1)
    other = product.replace(sku="B")
    assert (other.sku, other.extra, other.loaded) == ("B", {"x": 1}, {"id", "sku"})
    assert product.sku == "A"
    assert product.replace(price=None).price is None
    with pytest.raises(TypeError, match="Did you mean 'price'"):
        product.replace(prise=1)


@pytest.mark.skipif(not hasattr(copy, "replace"), reason="copy.replace is new in 3.13")
def test_the_standard_replace_works_on_partial_objects():
    assert copy.replace(one(id="1"), sku="B").loaded == {"id", "sku"}  # type: ignore[attr-defined]


def test_to_dict_has_json_names_and_unknown_fields():
    job = decode_one(b'{"id":"j","progress":50,"note":"x"}', Job)
    assert job.to_dict() == {"id": "j", "progress": Decimal(50), "note": "x"}
    assert "raw_progress" not in job.extra


def test_repr_is_short_and_useful():
    product = decode_one(json.dumps(full(title="T" * 200)).encode(), Product)
    assert repr(product).startswith("Product(id='product_id_1', sku='00042', title='TTT")
    assert "price=12.5" in repr(product)
    assert repr(product).endswith(", …)")
    assert len(repr(product)) < 200
    assert repr(one(id="1")) == "Product(id='1')"
    assert repr(one(price=1)) == "Product(price=1)"
    assert repr(Product()) == "Product()"


class TestSecrets:
    def test_a_secret_is_read_and_never_shown(self):
        hook = decode_one(b'{"id":"w","endpoint":"https://a","secret":"s3cr3t-value"}', WebhookSecret)
        assert hook.secret.reveal() == "s3cr3t-value"
        assert isinstance(hook, Webhook)
        assert hook.previous_expires_at is None
        for text in (repr(hook), str(hook.to_dict()), repr(hook.extra)):
            assert "s3cr3t" not in text

    def test_it_is_neither_pickled_nor_encoded(self):
        key = decode_one(b'{"id":"k","key":"s3cr3t-value"}', ApiKey)
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(key)
        with pytest.raises(ValueError, match="reveal"):
            encode(key)

    def test_a_listed_key_has_none(self):
        listed = decode_page(page({"id": "k", "name": "n"}, key="api_keys"), ApiKey, "api_keys").items[0]
        assert listed.key is None
        with pytest.raises(NotLoadedError):
            _ = listed.age_days

    def test_a_secret_that_is_no_text_does_not_appear_in_the_problem(self):
        page_ = decode_page(b'{"webhooks":[{"id":"w","secret":["s3cr3t"]}]}', WebhookSecret, "webhooks")
        assert page_.unread[0].field == "secret"
        assert "s3cr3t" not in str(page_.unread[0])


def test_a_model_of_ones_own_can_extend_ours():
    @attrs.frozen(kw_only=True, eq=False, repr=False)
    class Wine(Product):
        vintage: int = attrs.field(default=None)

    content = page({"id": "1", "vintage": 1990, "x": 1}, {"id": "2"})
    old, young = decode_page(content, Wine, "products").items
    assert type(old) is Wine
    assert (old.vintage, old.extra, young.vintage) == (1990, {"x": 1}, None)
    with pytest.raises(NotLoadedError, match=r"Wine\.price"):
        _ = old.price


def test_a_plain_subclass_works_too():
    class Mine(Product):
        def shout(self) -> str:
            return self.title.upper()

    assert decode_page(page(FULL), Mine, "products").items[0].shout() == "JADE TEE"

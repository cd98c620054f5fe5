"""JSON out: every digit, nothing unset, nothing that is no JSON."""

import json
import math
from collections import OrderedDict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from bulkeditor import Secret
from bulkeditor.errors import InvalidInputError
from bulkeditor.models import UNSET, Product, ProductUpdate, decode_one, encode


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.0121"), b"0.0121"),
        (Decimal("12.50"), b"12.50"),
        (Decimal("1E+3"), b"1E+3"),
        (Decimal("-0.00"), b"-0.00"),
        (Decimal("12345678901234567890.123456789"), b"12345678901234567890.123456789"),
        (2**70, b"1180591620717411303424"),
        (None, b"null"),
        ([], b"[]"),
        ({}, b"{}"),
        ({"a": UNSET, "b": 1}, b'{"b":1}'),
        ({"a": {"b": UNSET, "c": [{"d": UNSET}]}}, b'{"a":{"c":[{}]}}'),
        ((1, [2.5, None]), b"[1,[2.5,null]]"),
        (OrderedDict(a=Decimal("1.0")), b'{"a":1.0}'),
        ("ü\u2028", '"ü\u2028"'.encode()),
        (datetime(2024, 6, 1, tzinfo=UTC), b'"2024-06-01T00:00:00Z"'),
        (datetime(2024, 6, 1, tzinfo=timezone(timedelta(hours=2))), b'"2024-06-01T00:00:00+02:00"'),
    ],
)
def test_plain_data(value, text):
    assert encode(value) == text


def test_models_keep_their_unknown_fields_wherever_they_stand():
    product = decode_one(b'{"id":"1","price":12.50,"weight":0.30}', Product)
    own = {"weight": 0.3, "id": "1", "price": 12.5}
    for value, expected in (
        (product, own),
        ([product], [own]),
        ({"product": product}, {"product": own}),
        ({"a": [{"b": (product,)}]}, {"a": [{"b": [own]}]}),
    ):
        assert json.loads(encode(value)) == expected
    assert b"12.50" in encode(product)
    assert b"0.30" in encode([product])


def test_updates_and_plain_rows_mix():
    mixed = [ProductUpdate(id="1", price=1), {"id": "2", "price": Decimal("2.50")}]
    assert encode({"products": mixed}) == b'{"products":[{"id":"1","price":1},{"id":"2","price":2.50}]}'
    assert encode(mixed[::-1]) == b'[{"id":"2","price":2.50},{"id":"1","price":1}]'


@pytest.mark.parametrize(
    "bad", [math.nan, math.inf, -math.inf, *map(Decimal, ["NaN", "sNaN", "-Infinity"])], ids=str
)
@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda bad: bad, "value"),
        (lambda bad: {"a": bad}, "value.a"),
        (lambda bad: {"a": [1, {"b": bad}]}, "value.a[1].b"),
        (lambda bad: (None, bad), "value[1]"),
        (lambda bad: {"p": Product(id="1", price=bad)}, "value.p.price"),
        (lambda bad: OrderedDict(a=bad), "value.a"),
    ],
)
def test_what_is_not_finite_is_refused_by_its_path(bad, wrap, path):
    with pytest.raises(InvalidInputError) as caught:
        encode(wrap(bad))
    assert [error.field for error in caught.value.errors] == [path]


@pytest.mark.parametrize("value", [object(), {"a": object()}, {1: {2: object()}}, "\ud800", 1j, {(1, 2): 3}])
def test_what_json_cannot_hold_is_our_error(value):
    with pytest.raises(InvalidInputError):
        encode(value)


def test_a_secret_is_refused_without_being_shown():
    with pytest.raises(InvalidInputError) as caught:
        encode({"secret": Secret("s3cr3t-value")})
    assert "s3cr3t" not in str(caught.value)
    assert "reveal()" in str(caught.value)


def test_nesting_without_end_is_our_error():
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InvalidInputError):
        encode(loop)

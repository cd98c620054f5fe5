"""What webhook events are about: models within models, and payloads that are read in one pass."""

import pickle
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bulkeditor.errors import MalformedDataError, NotLoadedError
from bulkeditor.models import ChangedProduct, CreatedProduct, JobReport, Product, StockChange
from bulkeditor.models.codec import PayloadReader, decode_one, decode_page

CHANGE = (
    b'{"product_id": "p1", "sku": null, "changes": {"price": 12.50, "cost": null, "season": "x"}, "n": 1.10}'
)
READER = PayloadReader({"changed": ChangedProduct, "job": JobReport, "stock": StockChange})


def payload(name: str, data: bytes, time: str = "2024-06-01T02:05:30+02:00") -> bytes:
    return b'{"event": "%b", "timestamp": "%b", "data": %b}' % (name.encode(), time.encode(), data)


def check(change: ChangedProduct) -> None:
    assert change.product_id == "p1"
    assert change.sku is None
    assert isinstance(change.changes, Product)
    assert change.changes.loaded == {"price", "cost"}
    assert str(change.changes.price) == "12.50"
    assert change.changes.extra == {"season": "x"}
    assert change.extra == {"n": Decimal("1.10")}
    with pytest.raises(NotLoadedError):
        change.changes.title  # noqa: B018


def test_a_model_within_a_model():
    change = decode_one(CHANGE, ChangedProduct)
    check(change)
    check(pickle.loads(pickle.dumps(change)))
    check(change.replace(sku=None).detach())
    assert change.to_dict()["changes"] == {"price": Decimal("12.50"), "cost": None, "season": "x"}
    assert change == decode_one(CHANGE, ChangedProduct)
    assert change != decode_one(CHANGE.replace(b"12.50", b"12.51"), ChangedProduct)


def test_models_within_the_rows_of_a_page_are_read_in_one_pass():
    page = decode_page(
        b'{"rows": [%b, {"product_id": "p2"}, {"changes": {}}]}' % CHANGE, ChangedProduct, "rows"
    )
    assert page.path == "strict"
    check(page.items[0])
    assert [sorted(row.loaded) for row in page.items[1:]] == [["product_id"], ["changes"]]
    few = decode_page(b'{"rows": [%b, {}]}' % CHANGE, ChangedProduct, "rows", fields=["changes"])
    assert few.path == "strict"
    assert [row.loaded for row in few.items] == [{"changes"}, set()]


def test_one_bad_field_within_costs_that_field():
    page = decode_page(b'{"rows": [%b]}' % CHANGE.replace(b"12.50", b'"NaN"'), ChangedProduct, "rows")
    assert page.path == "lenient"
    assert page.items[0].changes.loaded == {"cost"}
    assert page.items[0].changes.extra == {"season": "x", "price": "NaN"}


@pytest.mark.parametrize("inner", [b"[]", b"7", b'"text"'])
def test_what_is_no_object_is_not_loaded(inner: bytes):
    created = decode_one(b'{"product_id": "p1", "product": %b}' % inner, CreatedProduct)
    assert created.loaded == {"product_id"}
    assert "product" in created.extra


WELL_FORMED = [
    ("changed", CHANGE, ChangedProduct),
    ("job", b'{"job_id": "j", "total_products": 3, "execution_time": "5.5 seconds", "x": {}}', JobReport),
    (
        "stock",
        b'{"product_id": "p1", "location_id": "w", "on_hand": 5, "available": 9}',
        StockChange,
    ),
    ("stock", b"{}", StockChange),
]


@pytest.mark.parametrize(("name", "data", "model"), WELL_FORMED)
def test_a_payload_is_read_in_one_pass(name: str, data: bytes, model: type, monkeypatch: pytest.MonkeyPatch):
    loosely = READER._read_loosely(payload(name, data))
    monkeypatch.setattr(PayloadReader, "_read_loosely", lambda *_: pytest.fail("it was read field by field"))
    strictly = READER.read(payload(name, data))
    assert strictly == loosely == (name, datetime(2024, 6, 1, 0, 5, 30, tzinfo=UTC), decode_one(data, model))
    assert type(strictly[2]) is model


def test_the_name_may_come_last():
    body = b'{"data": %b, "timestamp": "2024-06-01T00:05:30Z", "event": "changed"}' % CHANGE
    change = READER.read(body)[2]
    assert isinstance(change, ChangedProduct)
    check(change)


@pytest.mark.parametrize(
    ("name", "data", "read"),
    [
        ("changed", CHANGE.replace(b"12.50", b'"NaN"'), {"product_id", "sku", "changes"}),
        ("stock", b'{"product_id": 7, "on_hand": "5", "available": "many"}', {"product_id", "on_hand"}),
        ("job", b'{"job_id": null, "total_products": 1.0}', {"total_products"}),
    ],
)
def test_an_odd_field_costs_that_field(name: str, data: bytes, read: set[str]):
    row = READER.read(payload(name, data))[2]
    assert row.loaded == read  # type: ignore[union-attr]
    assert set(row.to_dict()) >= read  # type: ignore[union-attr]


@pytest.mark.parametrize("data", [b"[1.10]", b"null", b'{"a": 1}', b'"text"'])
def test_an_unknown_name_keeps_its_data(data: bytes):
    name, _, plain = READER.read(payload("later", data))
    assert name == "later"
    assert plain in ([Decimal("1.10")], None, {"a": 1}, "text")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        payload("job", b"[]"),
        payload("job", b"null"),
        payload("job", b"{}", time="2024-06-01T00:05:30"),
        payload("job", b"{}", time="yesterday"),
        payload("later", b"{]"),
        payload("job", b'{"job_id": "\xff"}'),
    ],
)
def test_what_is_no_event_is_one_error(body: bytes):
    with pytest.raises(MalformedDataError, match="no event"):
        READER.read(body)

"""Row by row: what is repaired, what costs a field, what costs a row, and that nothing is lost silently."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bulkeditor.errors import MalformedDataError
from bulkeditor.models import Delivery, Job, Location, Product, Webhook, decode_page
from tests.models._data import full, page


def products(*rows: object):
    return decode_page(page(*rows), Product, "products")


class TestRepaired:
    @pytest.mark.parametrize(
        ("field", "raw", "value", "path"),
        [
            ("price", "12.50", Decimal("12.50"), "strict"),  # the other documented reading of money
            ("price", 12, Decimal(12), "strict"),
            ("price", "1E+3", Decimal(1000), "strict"),
            ("inventory_quantity", 1.0, 1, "lenient"),
            ("inventory_quantity", "7", 7, "lenient"),
            ("inventory_quantity", "7.0", 7, "lenient"),
            ("id", 123, "123", "lenient"),
            ("sku", 42, "42", "lenient"),
            ("barcode", 4006381333931, "4006381333931", "lenient"),
            ("tags", None, [], "lenient"),
            ("tags", ["a", 5], ["a", "5"], "lenient"),
            ("custom_fields", None, {}, "lenient"),
            ("options", None, {}, "lenient"),
            ("options", {"Size": 42}, {"Size": "42"}, "lenient"),
            ("status", "sunset", "sunset", "strict"),  # an unknown word stays text
            ("created_at", "2024-01-01T00:00:00z", datetime(2024, 1, 1, tzinfo=UTC), "strict"),
            ("created_at", "2024-01-01 00:00:00+00:00", datetime(2024, 1, 1, tzinfo=UTC), "strict"),
        ],
    )
    def test_a_value_in_another_form_is_read(self, field, raw, value, path):
        result = products(full(), full(**{field: raw}))
        assert getattr(result.items[1], field) == value
        assert type(getattr(result.items[1], field)) is type(value)
        assert (result.bad, result.unread, result.path) == ((), (), path)
        assert field not in result.items[1].extra


class TestOneField:
    @pytest.mark.parametrize(
        ("field", "raw", "text"),
        [
            ("created_at", "2024-01-01T00:00:00", "no offset from UTC"),
            ("created_at", "yesterday", "expected a time"),
            ("created_at", 1704067200, "expected a time"),
            ("created_at", None, "expected a time"),
            ("price", "NaN", "amount"),
            ("price", "sNaN", "amount"),
            ("price", "-Infinity", "amount"),
            ("price", "free", "amount"),
            ("price", "12,50", "amount"),
            ("price", True, "amount"),
            ("price", [], "amount"),
            ("cost", "1e400", "amount"),
            ("inventory_quantity", 1.5, "whole number"),
            ("inventory_quantity", None, "whole number"),
            ("inventory_quantity", False, "whole number"),
            ("inventory_quantity", "many", "amount"),
            ("title", None, "expected text"),
            ("title", {}, "expected text"),
            ("sku", True, "expected text"),
            ("tags", "a, b", "list of texts"),
            ("tags", [None], "expected text"),
            ("custom_fields", [], "an object"),
            ("options", {"Size": None}, "expected text"),
        ],
    )
    def test_it_is_reported_and_its_raw_value_kept(self, field, raw, text):
        result = products(full(id="a"), full(id="b", weight=2, **{field: raw}), full(id="c"))
        assert result.path == "lenient"
        assert [row.id for row in result.items] == ["a", "b", "c"]
        assert [row.loaded for row in result.items] == [full().keys(), full().keys() - {field}, full().keys()]
        assert result.items[1].extra == {field: raw, "weight": 2}
        (problem,) = result.unread
        assert (problem.index, problem.id, problem.field) == (1, "b", field)
        assert text in problem.message
        assert str(problem).startswith(f"row 1 (id b), {field}: ")

    def test_numbers_of_monstrous_size_are_no_money(self):
        prices = (b"1e400", b"-1e400", b"1e-999", b"1e30")
        content = b"[" + b",".join(b'{"id":"1","price":%b}' % price for price in prices) + b"]"
        result = decode_page(content, Product, "products")
        assert [problem.index for problem in result.unread] == [0, 1, 2]
        assert result.items[3].price == Decimal("1e30")

    def test_a_zero_is_a_zero_however_it_is_written(self):
        result = decode_page(b'[{"price":0e-5},{"price":-0.00},{"price":0}]', Product, "products")
        assert [row.price == 0 for row in result.items] == [True] * 3

    def test_several_fields_of_one_row(self):
        result = products(full(price="x", tags=5, created_at="y"))
        assert [problem.field for problem in result.unread] == ["tags", "price", "created_at"]

    def test_a_delivery_and_a_webhook_fare_alike(self):
        result = decode_page(
            page({"id": 1, "attempts": "3", "payload": None}, key="deliveries"), Delivery, "deliveries"
        )
        assert (result.items[0].attempts, result.items[0].payload) == (3, {})
        hooks = decode_page(
            page({"id": "1", "enabled": "yes", "events": None}, key="webhooks"), Webhook, "webhooks"
        )
        assert [problem.field for problem in hooks.unread] == ["enabled"]
        assert hooks.items[0].events == []

    def test_a_job_reports_the_name_in_json(self):
        result = decode_page(page({"id": "1", "progress": "half"}, key="jobs"), Job, "jobs")
        assert result.unread[0].field == "progress"
        assert result.items[0].extra == {"progress": "half"}


class TestWholeRows:
    @pytest.mark.parametrize(
        ("row", "field", "text"),
        [
            (5, None, "an object"),
            (None, None, "an object"),
            ([], None, "an object"),
            ("x", None, "an object"),
            ({"id": None}, "id", "expected text"),
            ({"id": True, "sku": "A"}, "id", "expected text"),
            ({"id": {"gid": 1}}, "id", "expected text"),
        ],
    )
    def test_it_is_in_bad_and_the_others_are_read(self, row, field, text):
        result = products(full(id="a"), row, full(id="c", x=1))
        assert [item.id for item in result.items] == ["a", "c"]
        assert result.items[1].extra == {"x": 1}
        (problem,) = result.bad
        assert (problem.index, problem.field) == (1, field)
        assert text in problem.message
        assert result.row_count == 3

    def test_broken_text_costs_its_row(self):
        content = b'{"products":[{"id":"1"},{"id":"2","title":"\xff"},{"id":"3"}]}'
        result = decode_page(content, Product, "products")
        assert [row.id for row in result.items] == ["1", "3"]
        assert "not valid JSON" in result.bad[0].message

    def test_an_integer_without_end_costs_its_row(self):
        content = b'[{"id":"1"},{"id":"2","inventory_quantity":' + b"9" * 5000 + b"}]"
        result = decode_page(content, Product, "products")
        assert ([row.id for row in result.items], result.bad[0].index) == (["1"], 1)

    def test_nesting_without_end_refuses_the_page_aloud(self):
        deep = b"[" * 200_000 + b"]" * 200_000
        content = b'[{"id":"1"},{"id":"2","custom_fields":{"a":' + deep + b"}}]"
        with pytest.raises(MalformedDataError, match="recursion"):
            decode_page(content, Product, "products")

    def test_the_place_in_the_page_survives(self):
        rows: list[object] = [full(id=str(n), x=n) for n in range(20)]
        rows[3], rows[11] = 5, full(id="11", x=11, price="?")
        result = products(*rows)
        assert all(row.extra["x"] == int(row.id) for row in result.items)
        assert [row.id for row in result.items] == [str(n) for n in range(20) if n != 3]


def test_no_row_is_lost_or_doubled_when_all_are_odd():
    result = decode_page(
        page(*(({"id": n} if n % 2 else n) for n in range(50)), key="locations"), Location, "locations"
    )
    assert [row.id for row in result.items] == [str(n) for n in range(50) if n % 2]
    assert [problem.index for problem in result.bad] == list(range(0, 50, 2))

"""Pages: every shape of envelope, projections, and which path each page takes."""

import json
from decimal import Decimal

import pytest

from bulkeditor.errors import MalformedDataError, NotLoadedError
from bulkeditor.models import Job, Location, Product, decode_one, decode_page
from tests.models._data import FULL, full, page, without


def products(content: bytes, **options):
    return decode_page(content, Product, "products", **options)


class TestEnvelope:
    @pytest.mark.parametrize(
        "content",
        [
            page({"id": "1"}, {"id": "2"}),
            page({"id": "1"}, {"id": "2"}, page=1, limit=2, total=9, request_id="x", links={"next": "/p"}),
            b'[{"id":"1"},{"id":"2"}]',
            b' \n\t[ {"id":"1"} , {"id":"2"} ] ',
            b"\n" * 100 + b'[{"id":"1"},{"id":"2"}]',
            page({"id": "1"}, {"id": "2"}, key="items"),
            page({"id": "1"}, {"id": "2"}, key="data", errors=[]),
            page({"id": "1"}, {"id": "2"}, key="whatever", total=2),
            page({"id": "1"}, {"id": "2"}, key="data", other=[1]),
        ],
    )
    def test_rows_are_found_in_every_shape(self, content):
        result = products(content)
        assert [row.id for row in result.items] == ["1", "2"]
        assert result.path == "strict" or content.startswith(b"\n\n")
        assert result.row_count == 2

    @pytest.mark.parametrize(
        ("envelope", "expected"),
        [
            ({}, (None, None, None, None)),
            ({"page": 2, "limit": 50, "total": 120, "has_next": True}, (2, 50, 120, True)),
            ({"page": "2", "limit": "50", "total": "120"}, (2, 50, 120, None)),
            ({"total": 120.0}, (None, None, 120, None)),
            ({"total_count": 7, "has_more": False}, (None, None, 7, False)),
            ({"meta": {"total": 3, "page": 1}}, (1, None, 3, None)),
            ({"pagination": {"total": 3, "has_next": True}}, (None, None, 3, True)),
            ({"page": None, "total": None}, (None, None, None, None)),
            ({"total": -1, "page": True, "limit": [], "has_next": "yes"}, (None, None, None, None)),
            ({"total": 1.5, "page": "zwei"}, (None, None, None, None)),
        ],
    )
    @pytest.mark.parametrize("row", [{"id": "1"}, {"id": 1}], ids=["strict", "lenient"])
    def test_what_it_says_is_read_and_nonsense_costs_nothing(self, envelope, expected, row):
        result = products(page(row, **envelope))
        assert (result.page, result.limit, result.total, result.has_next) == expected
        assert len(result.items) == 1

    def test_a_monstrous_total_is_no_total(self):
        assert products(b'{"products":[],"total":1e999999999}').total is None

    @pytest.mark.parametrize(
        "content", [b'{"products":[]}', b"[]", b'{"products":null}', b'{"products":null,"total":0}']
    )
    def test_empty_is_empty(self, content):
        result = products(content)
        assert (result.items, result.row_count, result.path) == ([], 0, "strict")

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"", "JSON"),
            (b"<html>", "JSON"),
            (b"5", "JSON"),
            (b"null", "JSON"),
            (b'"products"', "JSON"),
            (b"{}", "has no list 'products'"),
            (b'{"products":{"id":"1"}}', "JSON"),
            (b'{"error":{"code":"internal"},"message":"x"}', "it has: error, message"),
            (b'{"errors":[{"message":"x"}]}', "it has: errors"),
            (b'{"a":[],"b":[]}', "it has: a, b"),
            (b'{"\xff":1}', "JSON"),
            (b'{"products":[{"id":"1"}', "truncated"),
            (b'{"products":[{"id":1}', "truncated"),
            (b'{"products":[{"id":"1"}]} x', "JSON"),
            (b"\xef\xbb\xbf[]", "JSON"),
            (b"[" * 100_000, "JSON"),
            (b'{"products":' + b"[" * 100_000, "JSON"),
        ],
    )
    def test_what_is_no_page_is_one_clear_error(self, content, text):
        with pytest.raises(MalformedDataError, match=text):
            products(content)

    def test_the_exception_of_a_lenient_page_hides_nothing(self):
        with pytest.raises(MalformedDataError) as caught:
            products(b'{"products":[{"id":1}')
        assert "truncated" in str(caught.value)


class TestGaps:
    def test_rows_may_differ_in_what_they_have(self):
        rows = [without(*list(FULL)[start::7]) for start in range(7)]
        items = products(page(*rows)).items
        for row, item in zip(rows, items, strict=True):
            assert item.loaded == row.keys()
            for name in FULL.keys() - row.keys():
                with pytest.raises(NotLoadedError):
                    getattr(item, name)

    @pytest.mark.parametrize("name", list(FULL))
    def test_each_field_may_be_missing_everywhere_or_somewhere(self, name):
        for rows in ([without(name)] * 3, [without(name), FULL, without(name)]):
            result = products(page(*rows))
            assert result.path == "strict"
            assert [row.loaded for row in result.items] == [row.keys() for row in rows]

    def test_the_unreadable_money_of_a_patchy_page_is_found(self):
        rows = [without("price"), full(price="NaN"), without("cost"), full(cost="-Infinity"), {}]
        result = products(page(*rows))
        assert result.path == "lenient"
        assert [(problem.index, problem.field) for problem in result.unread] == [(1, "price"), (3, "cost")]
        assert [row.loaded for row in result.items] == [
            FULL.keys() - {"price"},
            FULL.keys() - {"price"},
            FULL.keys() - {"cost"},
            FULL.keys() - {"cost"},
            set(),
        ]


class TestProjection:
    FIELDS = ("id", "sku", "price")

    def test_only_the_named_fields_are_read_whatever_the_server_sends(self):
        exact = {name: FULL[name] for name in self.FIELDS}
        for row in (exact, FULL, full(weight=3)):
            item = products(page(row), fields=self.FIELDS).items[0]
            assert item.loaded == set(self.FIELDS)
            assert item.extra == {}
            assert (item.sku, item.price) == ("00042", Decimal("12.5"))

    def test_named_fields_that_are_not_sent_are_not_loaded(self):
        items = products(page({"id": "1"}, {"id": "2", "price": 1}), fields=self.FIELDS).items
        assert [row.loaded for row in items] == [{"id"}, {"id", "price"}]

    def test_an_unknown_field_can_be_asked_for(self):
        item = products(page(full(weight=3)), fields=["id", "weight"]).items[0]
        assert (item.loaded, item.extra["weight"]) == ({"id"}, 3)
        assert "price" not in item.extra

    def test_a_part_of_a_field_asks_for_the_field(self):
        item = products(page(FULL), fields=["id", "custom_fields.season"]).items[0]
        assert item.custom_fields == {"season": "summer"}

    def test_the_lenient_path_projects_alike(self):
        result = products(page(full(id=7, weight=1), full(id=8, price="NaN")), fields=self.FIELDS)
        assert result.path == "lenient"
        assert [row.loaded for row in result.items] == [set(self.FIELDS), {"id", "sku"}]
        assert [dict(row.extra) for row in result.items] == [{}, {"price": "NaN"}]

    def test_a_bad_field_that_was_not_asked_for_does_no_harm(self):
        assert products(page(full(created_at="yesterday")), fields=self.FIELDS).path == "strict"

    def test_no_field_at_all(self):
        assert [row.loaded for row in products(page(FULL, FULL), fields=[]).items] == [set(), set()]


def test_models_with_renamed_fields_come_in_pages_too():
    result = decode_page(
        page({"id": "a", "progress": 50, "x": 1}, {"id": "b", "progress": "75"}, key="jobs", total=2),
        Job,
        "jobs",
    )
    assert [row.raw_progress for row in result.items] == [Decimal(50), Decimal(75)]
    assert result.items[0].extra == {"x": 1}
    assert (result.path, result.total) == ("strict", 2)


class TestOne:
    def test_one_object(self):
        assert decode_one(json.dumps(FULL).encode(), Product).title == "Jade Tee"

    def test_a_field_that_cannot_be_read_is_kept_raw(self):
        product = decode_one(json.dumps(full(created_at="2024-01-01T00:00:00")).encode(), Product)
        assert "created_at" not in product.loaded
        assert product.extra["created_at"] == "2024-01-01T00:00:00"
        assert product.price == Decimal("12.5")

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"5", b"null", b'{"id":null}', b'{"id":"1"', b"\xff", b"{" * 9999]
    )
    def test_what_is_no_object_is_one_clear_error(self, content):
        with pytest.raises(MalformedDataError, match="no Location"):
            decode_one(content, Location)

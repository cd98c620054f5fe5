"""Products over HTTP: the rows of the contract."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bulkeditor.sandbox import Sandbox

ROWS = [
    {"sku": "00042", "title": "First", "price": "0.0121", "vendor": "Acme", "tags": ["a", "b"], "cost": None},
    {
        "sku": "B-2",
        "title": "Second",
        "price": "10.00",
        "vendor": "Acme",
        "tags": ["b", "x,y"],
        "cost": "4.10",
    },
    {"sku": "b-2", "title": "Third 100%", "price": "20", "vendor": None, "tags": [], "cost": "0"},
    {
        "sku": "C",
        "title": "Übergröße",
        "price": None,
        "vendor": "acme",
        "status": "draft",
        "inventory_quantity": -3,
        "custom_fields": {
            "season": 2024,
            "rate": Decimal("0.1"),
            "on": True,
            "note": None,
            'we"ird.key': "v",
        },
        "options": {"Color": "jade", "Size": "M"},
        "tags": ["discontinued"],
    },
]


def error(answer: Any) -> dict[str, Any]:
    body = answer.json()["error"]
    assert set(body) >= {"code", "message", "request_id", "field", "errors"}
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body


def test_a_page_has_the_documented_envelope_and_every_field(http):
    answer = http.get("/api/v1/products")
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["products", "page", "limit", "total"]
    assert (body["page"], body["limit"], body["total"], len(body["products"])) == (1, 50, 60, 50)
    assert set(body["products"][0]) >= {
        "id",
        "sku",
        "title",
        "handle",
        "vendor",
        "product_type",
        "category",
        "status",
        "tags",
        "price",
        "compare_at_price",
        "cost",
        "inventory_quantity",
        "custom_fields",
        "options",
        "barcode",
        "created_at",
        "updated_at",
    }


def test_pages_are_disjoint_complete_and_then_empty(http):
    pages = [[row["id"] for row in http.products(limit=25, page=page)] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [25, 25, 10, 0]
    assert len({ident for page in pages for ident in page}) == 60


def test_paging_stays_right_after_deletions_and_additions(http):
    ids = [row["id"] for row in http.products(limit=250)]
    for ident in (ids[0], ids[30], ids[-1]):
        assert http.delete(f"/api/v1/products/{ident}").status_code == 204
    new = http.post("/api/v1/products", json={"sku": "N", "title": "New one"}).json()["id"]
    assert new not in ids
    left = [ident for ident in ids if ident not in {ids[0], ids[30], ids[-1]}] + [new]
    assert [row["id"] for page in (1, 2, 3) for row in http.products(limit=20, page=page)] == left
    assert http.get("/api/v1/products").json()["total"] == 58


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=251", "limit"),
        ("limit=ten", "limit"),
        ("limit=٣", "limit"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=99999999999999999999999", "page"),
        ("nope=1", "nope"),
        ("limit=1&limit=2", "limit"),
        ("fields=id,nope", "fields"),
        ("fields=", "fields"),
        ("limit=%zz", "limit"),
        ("limit=%ff", "limit"),
        ("%ff=1", "query"),
    ],
)
def test_a_bad_parameter_is_named(http, query, field):
    answer = http.get(f"/api/v1/products?{query}")
    assert answer.status_code == 400
    assert (error(answer)["code"], error(answer)["field"]) == ("invalid_parameter", field)


def test_money_keeps_every_decimal_on_the_wire(serve):
    _, http = serve(catalog=ROWS)
    text = http.get("/api/v1/products", params={"fields": "price"}).text
    assert text.startswith('{"products":[{"price":0.0121},{"price":10.00},{"price":20},{"price":null}],')


def test_fields_show_exactly_what_was_asked_for(http):
    assert {tuple(row) for row in http.products(fields="price,sku")} == {("price", "sku")}
    assert list(http.get("/api/v1/products/product_id_1?fields=id,tags").json()) == ["id", "tags"]


OPERATORS = [
    ({}, "00042 B-2 b-2 C"),
    ({"vendor": "Acme"}, "00042 B-2"),
    ({"sku": "00042"}, "00042"),
    ({"sku": "42"}, ""),
    ({"vendor": None}, "b-2"),
    ({"vendor": {"ne": "Acme"}}, "C"),
    ({"not": {"vendor": "Acme"}}, "C"),
    ({"vendor": {"ne": None}}, "00042 B-2 C"),
    ({"vendor": {"in": ["acme", None]}}, "C"),
    ({"vendor": {"not_in": ["acme", None]}}, ""),
    ({"vendor": {"not_in": ["acme"]}}, "00042 B-2"),
    ({"vendor": {"in": []}}, ""),
    ({"vendor": {"lt": None}}, ""),
    ({"price": 10}, "B-2"),
    ({"price": "10.0"}, "B-2"),
    ({"price": {"gt": 0.0121}}, "B-2 b-2"),
    ({"price": {"gte": 0.0121, "lt": 20}}, "00042 B-2"),
    ({"price": {"lt": 0.01210000001}}, "00042"),
    ({"price": 0.01210000001}, ""),
    ({"price": {"ne": 0.01210000001}}, "00042 B-2 b-2"),
    ({"price": {"lte": 1e300}}, "00042 B-2 b-2"),
    ({"price": {"gt": -1e300}}, "00042 B-2 b-2"),
    ({"price": {"is_null": True}}, "C"),
    ({"not": {"price": {"gt": 15}}}, "00042 B-2"),
    ({"cost": None}, "00042 C"),
    ({"cost": {"is_null": False}}, "B-2 b-2"),
    ({"inventory_quantity": {"lt": 0.5}}, "00042 B-2 b-2 C"),
    ({"inventory_quantity": {"lt": -2.5}}, "C"),
    ({"tags": "b"}, "00042 B-2"),
    ({"tags": ","}, ""),
    ({"tags": "x,y"}, "B-2"),
    ({"tags": ["a", "b"]}, "00042"),
    ({"tags": []}, "b-2"),
    ({"tags": {"contains": "discontinued"}}, "C"),
    ({"not": {"tags": {"contains": "discontinued"}}}, "00042 B-2 b-2"),
    ({"tags": {"in": ["a", "discontinued"]}}, "00042 C"),
    ({"title": {"contains": "%"}}, "b-2"),
    ({"title": {"contains": "ir"}}, "00042 b-2"),
    ({"title": {"starts_with": "f"}}, ""),
    ({"title": {"starts_with": "Über"}}, "C"),
    ({"title": {"ends_with": "größe"}}, "C"),
    ({"title": {"ends_with": ""}}, "00042 B-2 b-2 C"),
    ({"vendor": {"contains": "c"}}, "00042 B-2 C"),
    ({"not": {"vendor": {"contains": "A"}}}, "C"),
    ({"or": [{"sku": "C"}, {"price": {"lt": 1}}]}, "00042 C"),
    ({"or": []}, ""),
    ({"and": []}, "00042 B-2 b-2 C"),
    ({"vendor": "Acme", "and": [{"tags": "b"}, {"not": {"tags": "a"}}]}, "B-2"),
    ({"custom_fields.season": 2024}, "C"),
    ({"custom_fields.season": {"gte": 2020, "lt": 2025}}, "C"),
    ({"custom_fields.season": {"ne": 1}}, "C"),
    ({"custom_fields.season": "2024"}, ""),
    ({"not": {"custom_fields.season": "2024"}}, "C"),
    ({"not": {"custom_fields.season": {"gt": "2024"}}}, ""),
    ({"custom_fields.rate": 0.1}, "C"),
    ({"custom_fields.on": True}, "C"),
    ({"custom_fields.on": 1}, ""),
    ({"custom_fields.note": None}, "00042 B-2 b-2 C"),
    ({"custom_fields.season": {"is_null": False}}, "C"),
    ({'custom_fields.we"ird.key': "v"}, "C"),
    ({"options.Color": {"starts_with": "ja"}}, "C"),
    ({"options.Color": {"in": ["red", "jade"]}}, "C"),
    ({"status": "draft"}, "C"),
    ({"created_at": {"gt": "2020-01-01T00:00:00Z"}}, "00042 B-2 b-2 C"),
    ({"updated_at": {"lt": "2020-01-01T01:00:00+01:00"}}, ""),
]


def test_filters_mean_what_sql_means(serve):
    _, http = serve(catalog=ROWS, readings={"filter": "operators"})
    wrong = {}
    for filter_, expected in OPERATORS:
        found = " ".join(row["sku"] for row in http.products(filter=filter_))
        if found != expected:
            wrong[json.dumps(filter_)] = (found, expected)
    assert wrong == {}


@pytest.mark.parametrize(
    ("filter_", "field"),
    [
        ('{"nope": 1}', "nope"),
        ('{"price": "cheap"}', "price"),
        ('{"price": true}', "price"),
        ('{"vendor": 5}', "vendor"),
        ('{"price": {"between": 1}}', "price"),
        ('{"price": {}}', "price"),
        ('{"tags": {"lt": "a"}}', "tags"),
        ('{"tags": 5}', "tags"),
        ('{"and": {}}', "and"),
        ('{"sku": {"is_null": 1}}', "sku"),
        ('{"sku": {"in": "a"}}', "sku"),
        ('{"price": {"contains": "1"}}', "price"),
        ('{"created_at": "2024-01-01"}', "created_at"),
        ('{"custom_fields": 1}', "custom_fields"),
        ('{"custom_fields.": 1}', "custom_fields."),
        ('{"custom_fields.a": [1]}', "custom_fields.a"),
        ("[]", None),
        ("5", None),
        ('{"not": []}', None),
        ('{"or": [1]}', None),
        ("{bad", "filter"),
        ('{"sku": NaN}', "filter"),
        ('{"sku": "\\ud800"}', "filter"),
        ('{"not":' * 30 + "{}" + "}" * 30, None),
        ("[" * 3000, "filter"),
        ('{"sku": {"in": [' + ",".join(['"a"'] * 1001) + "]}}", "sku"),
    ],
)
def test_a_bad_filter_is_refused_and_named(serve, filter_, field):
    _, http = serve(products=3, readings={"filter": "operators"})
    answer = http.get("/api/v1/products", params={"filter": filter_})
    assert answer.status_code == 400
    assert (error(answer)["code"], error(answer)["field"]) == ("invalid_filter", field)


def test_update_answers_for_each_row(http, sandbox):
    answer = http.update(
        {"id": "product_id_1", "price": 29.99, "inventory_quantity": 100},
        {"id": "product_id_2", "tags": ["sale", "featured"]},
        {"id": "product_id_2", "tags": ["sale", "featured"]},
        {"id": "nope", "price": 1},
        {"price": 1},
        {"id": 7},
        {"id": "product_id_3", "title": "ab", "price": -1, "sku": " ", "color": "red", "created_at": "x"},
    )
    body = answer.json()
    assert [row["status"] for row in body["results"]] == [
        "updated",
        "updated",
        "unchanged",
        "failed",
        "failed",
        "failed",
        "failed",
    ]
    assert (body["updated"], body["unchanged"], body["failed"]) == (2, 1, 4)
    assert [row["id"] for row in body["results"]][3:] == ["nope", None, None, "product_id_3"]
    assert {(e["field"], e["code"], e["message"]) for e in body["results"][6]["errors"]} == {
        ("title", "too_short", "Title must be at least 3 characters"),
        ("price", "negative", "Price must be positive"),
        ("sku", "required", "SKU is required"),
        ("color", "unknown_field", "'color' is no writable field of a product"),
        ("created_at", "read_only", "created_at is set by the server"),
    }
    stored = sandbox.products.get("product_id_1")
    assert (stored["price"], stored["inventory_quantity"]) == (Decimal("29.99"), 100)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("price", "1.00", "invalid_type"),
        ("price", True, "invalid_type"),
        ("price", 1e12, "too_large"),
        ("price", 0.1234567, "too_precise"),
        ("cost", -0.01, "negative"),
        ("compare_at_price", -1, "negative"),
        ("inventory_quantity", 1.5, "invalid_type"),
        ("inventory_quantity", None, "invalid_type"),
        ("inventory_quantity", 10**13, "too_large"),
        ("status", "gone", "invalid_value"),
        ("status", None, "invalid_value"),
        ("status", [], "invalid_value"),
        ("tags", "a", "invalid_type"),
        ("tags", [1], "invalid_type"),
        ("tags", ["x" * 256], "too_long"),
        ("tags", ["t"] * 251, "too_many"),
        ("vendor", 5, "invalid_type"),
        ("vendor", "a\0b", "invalid_character"),
        ("sku", None, "required"),
        ("title", None, "too_short"),
        ("custom_fields", [], "invalid_type"),
        ("options", {"Size": 1}, "invalid_type"),
        ("options", [], "invalid_type"),
        ("options", {"": "x"}, "invalid_type"),
        ("options", {f"o{n}": "x" for n in range(251)}, "too_many"),
        ("tags", [" "], "invalid_value"),
        ("tags", ["a\0b"], "invalid_character"),
        ("custom_fields", {"": 1}, "invalid_value"),
        ("custom_fields", {f"c{n}": 1 for n in range(251)}, "too_many"),
    ],
)
def test_each_rule_refuses_its_row(http, field, value, code):
    result = http.update({"id": "product_id_1", field: value}).json()["results"][0]
    assert [(e["field"], e["code"]) for e in result["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("price", 0, 0),
        ("price", None, None),
        ("price", 0.000001, Decimal("0.000001")),
        ("cost", None, None),
        ("inventory_quantity", -5, -5),
        ("inventory_quantity", 5.0, 5),
        ("tags", None, []),
        ("custom_fields", None, {}),
        ("options", None, {}),
        ("vendor", None, None),
        ("sku", "00042", "00042"),
        ("title", "abc", "abc"),
    ],
)
def test_each_rule_accepts_its_edge(http, sandbox, field, value, stored):
    assert http.update({"id": "product_id_1", field: value}).json()["failed"] == 0
    assert sandbox.products.get("product_id_1")[field] == stored


def test_decimals_arrive_as_they_were_sent(http):
    fields = '{"n": 0.10, "big": 123456789012345678901}'
    body = f'{{"products": [{{"id": "product_id_1", "price": 29.90, "custom_fields": {fields}}}]}}'
    http.put("/api/v1/products/bulk", content=body, headers={"Content-Type": "application/json"})
    text = http.get("/api/v1/products/product_id_1").text
    assert '"price":29.90,' in text
    assert '"n":0.10' in text
    assert '"big":123456789012345678901' in text


def test_true_is_not_one_in_a_custom_field(http):
    http.update({"id": "product_id_1", "custom_fields": {"x": 1}})
    assert http.update({"id": "product_id_1", "custom_fields": {"x": True}}).json()["updated"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"products": []}, 422, "validation_failed"),
        ({"products": [{"id": "a"}] * 251}, 422, "validation_failed"),
        ({"products": {}}, 422, "validation_failed"),
        ({"products": [5]}, 422, "validation_failed"),
        ({}, 422, "validation_failed"),
        ([], 422, "validation_failed"),
        (5, 422, "validation_failed"),
        ({"products": [{"id": "a"}], "more": 1}, 422, "validation_failed"),
    ],
)
def test_a_bad_batch_is_refused_as_a_whole(http, body, status, code):
    answer = http.put("/api/v1/products/bulk", json=body)
    assert (answer.status_code, error(answer)["code"]) == (status, code)


def test_updated_at_moves_only_when_something_changes(serve):
    sandbox, http = serve(clock="frozen")
    before = sandbox.products.get("product_id_1")
    sandbox.clock.advance("1h")
    http.update({"id": "product_id_1", "sku": before["sku"]})
    assert sandbox.products.get("product_id_1") == before
    http.update({"id": "product_id_1", "sku": "other"})
    assert (
        sandbox.products.get("product_id_1")["updated_at"]
        == http.get("/api/v1/products/product_id_1").json()["updated_at"]
    )
    assert sandbox.products.get("product_id_1")["updated_at"] > before["updated_at"]


def test_create_get_delete(http, sandbox):
    row = {"sku": "NEW-1", "title": "New thing", "price": 9.5, "inventory_quantity": 7, "tags": ["n"]}
    answer = http.post("/api/v1/products", json=row)
    product = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/products/{product['id']}"
    assert {name: product[name] for name in row} == row
    assert (product["status"], product["price"], product["cost"]) == ("active", 9.5, None)
    assert http.get(answer.headers["Location"]).json() == product
    assert (
        http.get("/api/v1/inventory/levels", params={"product_id": product["id"]}).json()["levels"][0][
            "on_hand"
        ]
        == 7
    )
    assert http.delete(answer.headers["Location"]).status_code == 204
    assert http.get(answer.headers["Location"]).status_code == 404
    assert error(http.delete(answer.headers["Location"]))["code"] == "not_found"
    assert sandbox.products.count() == 60


def test_create_names_every_field_that_is_wrong(http):
    answer = http.post("/api/v1/products", json={"price": -1, "id": "mine"})
    assert answer.status_code == 422
    assert {e["field"] for e in error(answer)["errors"]} == {"sku", "title", "price", "id"}


def test_generated_catalogs_are_the_same_for_a_seed():
    with (
        Sandbox(products=40, seed=3) as one,
        Sandbox(products=40, seed=3) as two,
        Sandbox(products=40) as other,
    ):
        assert list(one.products.rows()) == list(two.products.rows())
        assert one.api_key == two.api_key != other.api_key
        assert list(one.products) != list(other.products)


def test_the_seeded_catalog_holds_what_the_documentation_uses(serve):
    sandbox, http = serve(products=1000)
    assert sandbox.products.get("product_id_1")
    assert sandbox.products.get("product_id_2")
    assert http.products(filter={"sku": "TS-1"})
    assert len(http.products(filter={"vendor": "Premium Brand", "product_type": "T-Shirt"}, limit=250)) >= 20
    assert http.products(filter={"tags": "discontinued"})


def test_a_catalog_file_is_loaded_and_written_back(tmp_path, serve):
    path = tmp_path / "catalog.jsonl"
    path.write_text('{"sku": "00042", "title": "Ünder", "price": "1.10", "inventory_quantity": 3}\n')
    sandbox, http = serve(catalog=path)
    assert [(row["sku"], row["title"], row["inventory_quantity"]) for row in http.products()] == [
        ("00042", "Ünder", 3)
    ]
    assert sandbox.catalog_report.format == "jsonl"
    assert sandbox.export_csv(tmp_path / "out.csv") == 1
    again, _ = serve(catalog=tmp_path / "out.csv")
    assert [row["sku"] for row in again.products.rows()] == ["00042"]

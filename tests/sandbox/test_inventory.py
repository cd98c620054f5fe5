"""Locations, levels, and what they have to do with inventory_quantity."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain

import pytest

ROWS = [
    {"sku": "A", "title": "Alpha", "inventory_quantity": 12, "levels": {"warehouse_1": 10, "store_front": 2}},
    {"sku": "B", "title": "Beta", "inventory_quantity": 5},
    {"sku": "B", "title": "Beta again", "inventory_quantity": 0},
    {"sku": "D", "title": "Delta", "inventory_quantity": 9, "levels": {"store_front": 4}},
    {"sku": "E", "title": "Fifth", "inventory_quantity": 20},
]


@pytest.fixture
def shop(serve):
    return serve(catalog=ROWS)


def level(http, product, location="warehouse_1"):
    params = {"product_id": product, "location_id": location}
    return http.get("/api/v1/inventory/levels", params=params).json()["levels"][0]


def test_locations_are_the_documented_ones(shop):
    _, http = shop
    body = http.get("/api/v1/locations").json()
    assert body == {
        "locations": [
            {"id": "warehouse_1", "name": "Main Warehouse", "sync_enabled": True},
            {"id": "store_front", "name": "Retail Store", "sync_enabled": True},
        ],
        "page": 1,
        "limit": 50,
        "total": 2,
    }
    assert http.get("/api/v1/locations?limit=1&page=2").json()["locations"][0]["id"] == "store_front"


def test_levels_add_up_to_the_products_quantity(shop):
    sandbox, http = shop
    body = http.get("/api/v1/inventory/levels").json()
    assert body["total"] == len(body["levels"]) == 10
    for row in sandbox.products.rows():
        mine = [entry for entry in body["levels"] if entry["product_id"] == row["id"]]
        assert sum(entry["on_hand"] for entry in mine) == row["inventory_quantity"]
        assert all(entry["available"] == entry["on_hand"] - entry["reserved"] for entry in mine)
    assert [entry["on_hand"] for entry in body["levels"][:2]] == [10, 2]
    assert [entry["on_hand"] for entry in body["levels"][6:8]] == [5, 4]
    assert any(entry["reserved"] for entry in body["levels"])


def test_levels_are_paged_and_filtered(shop):
    _, http = shop
    whole = http.get("/api/v1/inventory/levels").json()["levels"]
    pages = [http.get(f"/api/v1/inventory/levels?limit=3&page={n}").json()["levels"] for n in range(1, 6)]
    assert list(chain.from_iterable(pages)) == whole
    http.delete("/api/v1/products/product_id_2")
    pages = [http.get(f"/api/v1/inventory/levels?limit=3&page={n}").json()["levels"] for n in range(1, 5)]
    assert list(chain.from_iterable(pages)) == [
        entry for entry in whole if entry["product_id"] != "product_id_2"
    ]
    assert http.get("/api/v1/inventory/levels?sku=B").json()["total"] == 2
    assert http.get("/api/v1/inventory/levels?product_id=nope").json()["levels"] == []


def test_setting_and_adjusting_move_the_quantity(shop):
    sandbox, http = shop
    answer = http.put(
        "/api/v1/inventory/levels",
        json={
            "levels": [
                {"sku": "A", "location_id": "store_front", "on_hand": 7},
                {"product_id": "product_id_2", "location_id": "warehouse_1", "on_hand": 5},
                {"sku": "B", "location_id": "warehouse_1", "on_hand": 1},
                {"sku": "none", "location_id": "warehouse_1", "on_hand": 1},
                {"sku": "A", "location_id": "moon", "on_hand": 1},
            ]
        },
    )
    results = answer.json()["results"]
    assert [(row["product_id"], row["status"]) for row in results] == [
        ("product_id_1", "updated"),
        ("product_id_2", "unchanged"),
        (None, "failed"),
        (None, "failed"),
        (None, "failed"),
    ]
    assert [row["errors"][0]["code"] for row in results[2:]] == ["ambiguous", "not_found", "not_found"]
    assert [row["errors"][0]["field"] for row in results[2:]] == ["sku", "sku", "location_id"]
    assert results[0]["level"] == level(http, "product_id_1", "store_front")
    assert sandbox.products.get("product_id_1")["inventory_quantity"] == 17
    adjustment = {
        "product_id": "product_id_1",
        "location_id": "warehouse_1",
        "delta": -12,
        "reason": "damaged",
    }
    result = http.post("/api/v1/inventory/adjustments", json={"adjustments": [adjustment]}).json()["results"][
        0
    ]
    assert (result["status"], result["level"]["on_hand"]) == ("updated", -2)
    assert sandbox.products.get("product_id_1")["inventory_quantity"] == 5


def test_writing_the_quantity_moves_the_default_location(shop):
    sandbox, http = shop
    http.update({"id": "product_id_1", "inventory_quantity": 20})
    assert (
        level(http, "product_id_1")["on_hand"],
        level(http, "product_id_1", "store_front")["on_hand"],
    ) == (18, 2)
    http.job(filter={"sku": "A"}, updates={"inventory_quantity": 0})
    sandbox.settle()
    assert (
        level(http, "product_id_1")["on_hand"],
        level(http, "product_id_1", "store_front")["on_hand"],
    ) == (-2, 2)


def test_locations_that_are_not_synced_do_not_count(serve):
    locations = [
        {"id": "outlet", "name": "Outlet", "sync_enabled": False},
        {"id": "main", "name": "Main", "sync_enabled": True},
    ]
    sandbox, http = serve(catalog=ROWS, locations=locations)
    set_outlet = {"levels": [{"product_id": "product_id_1", "location_id": "outlet", "on_hand": 99}]}
    assert http.put("/api/v1/inventory/levels", json=set_outlet).json()["results"][0]["status"] == "updated"
    assert sandbox.products.get("product_id_1")["inventory_quantity"] == 12
    http.update({"id": "product_id_1", "inventory_quantity": 13})
    assert level(http, "product_id_1", "main")["on_hand"] == 13


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({}, "sku"),
        ({"sku": 5, "location_id": "warehouse_1", "on_hand": 1}, "sku"),
        ({"sku": "A", "on_hand": 1}, "location_id"),
        ({"sku": "A", "location_id": "warehouse_1"}, "on_hand"),
        ({"sku": "A", "location_id": "warehouse_1", "on_hand": "1"}, "on_hand"),
        ({"sku": "A", "location_id": "warehouse_1", "on_hand": True}, "on_hand"),
        ({"sku": "A", "location_id": "warehouse_1", "on_hand": 10**13}, "on_hand"),
        ({"sku": "A", "product_id": "product_id_1", "location_id": "warehouse_1", "on_hand": 1}, "sku"),
        ({"sku": "A", "location_id": "warehouse_1", "on_hand": 1, "delta": 1}, "delta"),
    ],
)
def test_a_bad_row_fails_alone(shop, row, field):
    _, http = shop
    good = {"sku": "D", "location_id": "warehouse_1", "on_hand": 1}
    results = http.put("/api/v1/inventory/levels", json={"levels": [row, good]}).json()["results"]
    assert [result["status"] for result in results] == ["failed", "updated"]
    assert field in {error["field"] for error in results[0]["errors"]}


@pytest.mark.parametrize(
    "body", [{}, {"levels": []}, {"levels": [5]}, {"levels": [{}] * 251}, {"levels": {}}]
)
def test_a_bad_batch_is_refused(shop, body):
    assert shop[1].put("/api/v1/inventory/levels", json=body).status_code == 422


def test_analytics_are_the_same_for_the_same_days_and_add_up(serve):
    sandbox, http = serve(clock="frozen")

    def ask(**params):
        return http.get("/api/v1/analytics/products", params=params).json()

    body = ask()
    assert (len(body["analytics"]), body["total"], body["page"]) == (50, 60, 1)
    today = sandbox.clock.now().date()
    assert (body["from"], body["to"]) == (str(today - timedelta(days=29)), str(today))
    one = ask(product_id="product_id_1", **{"from": "2024-01-01", "to": "2024-01-10"})["analytics"][0]
    halves = [
        ask(product_id="product_id_1", **{"from": a, "to": b})["analytics"][0]
        for a, b in (("2024-01-01", "2024-01-04"), ("2024-01-05", "2024-01-10"))
    ]
    for metric in ("sessions", "pageviews", "conversions"):
        assert one[metric] == sum(half[metric] for half in halves)
    assert one["sku"] == sandbox.products.get("product_id_1")["sku"]
    assert ask(product_id="nope")["analytics"] == []
    assert len(ask(page=2)["analytics"]) == 10


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2024-13-01"}, "to"),
        ({"to": "20240101"}, "to"),
        ({"from": "2024-02-01", "to": "2024-01-01"}, "from"),
        ({"from": "2020-01-01", "to": "2024-01-01"}, "from"),
    ],
)
def test_bad_days_are_named(http, params, field):
    answer = http.get("/api/v1/analytics/products", params=params)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)

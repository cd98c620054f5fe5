"""Finding products by id or SKU: the cheaper way is taken, and nothing is taken for granted."""

from __future__ import annotations

import json
import random
from typing import Any

import attrs
import pytest

from bulkeditor.api._lookup import Found, find
from bulkeditor.http import Request


@attrs.define
class Catalog:
    """Plays the documented list."""

    skus: list[str]
    filters: bool = True
    totals: bool = True
    loose: bool = False
    drift: int = 0

    def __call__(self, request: Request) -> Any:
        params = dict(request.params)
        wanted = json.loads(params.get("filter", "{}")) if self.filters else {}
        rows = [{"id": f"p{n}", "sku": sku} for n, sku in enumerate(self.skus)]
        if self.loose:
            found = [r for r in rows if all(r[k].lower() == str(v).lower() for k, v in wanted.items())]
        else:
            found = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
        if self.drift and not wanted:
            self.drift -= 1
            found = found[1:] + found[:1] if self.drift % 2 else found
        limit, page = int(params["limit"]), int(params.get("page", 1))
        body: dict[str, Any] = {
            "products": found[(page - 1) * limit : page * limit],
            "page": page,
            "limit": limit,
        }
        if self.totals:
            body["total"] = len(found)
        return body


def catalog(count: int, **options: Any) -> Catalog:
    return Catalog([f"S-{n}" for n in range(count)], **options)


def names(found: Found) -> dict[str, list[str]]:
    return {value: [row.id for row in rows] for value, rows in found.rows.items()}


def test_no_value_costs_nothing(drive: Any) -> None:
    assert drive(find("sku", []), catalog(3)).rows == {}
    assert drive.requests == []


def test_a_few_values_are_asked_for_one_by_one(drive: Any) -> None:
    found = drive(find("sku", ["S-1", "S-900", "nope"]), catalog(1000))
    assert names(found) == {"S-1": ["p1"], "S-900": ["p900"], "nope": []}
    assert len(drive.requests) == 3
    assert not found.uncertain
    assert found.server_filters


def test_many_values_take_one_pass(drive: Any) -> None:
    values = [f"S-{n}" for n in range(0, 1000, 4)]
    found = drive(find("sku", values), catalog(1000))
    assert all(len(rows) == 1 for rows in found.rows.values())
    assert len(drive.requests) == 1 + 4


def test_some_values_of_a_large_list_are_asked_for_one_by_one(drive: Any) -> None:
    values = [f"S-{n}" for n in range(8)]
    found = drive(find("sku", values), catalog(10_000))
    assert all(len(rows) == 1 for rows in found.rows.values())
    assert len(drive.requests) == 1 + 1 + 7


def test_ids_stop_the_pass_once_all_are_found(drive: Any) -> None:
    values = [f"p{n}" for n in range(100)]
    drive(find("id", values), catalog(2000))
    assert len(drive.requests) == 1 + 1


def test_a_server_that_ignores_filters_gives_itself_away(drive: Any) -> None:
    found = drive(find("sku", ["S-1", "nope"]), catalog(600, filters=False))
    assert names(found) == {"S-1": ["p1"], "nope": []}
    assert found.server_filters is False
    assert len(drive.requests) == 1 + 3


def test_values_are_compared_exactly(drive: Any) -> None:
    shop = Catalog(["ts-1", "TS-1", "00042", "42", "TS-1"])
    found = drive(find("sku", ["TS-1", "42", "00042", "Ts-1", "042"]), shop)
    assert names(found) == {"TS-1": ["p1", "p4"], "42": ["p3"], "00042": ["p2"], "Ts-1": [], "042": []}


def test_a_server_that_compares_loosely_does_filter(drive: Any) -> None:
    found = drive(find("sku", ["TS-1", "ts-1"]), Catalog(["ts-1", "TS-1", "x"], loose=True))
    assert names(found) == {"TS-1": ["p1"], "ts-1": ["p0"]}
    assert found.server_filters


def test_without_totals_a_long_pass_is_given_up_for_single_questions(drive: Any) -> None:
    found = drive(find("id", [f"p{n}" for n in range(9995, 10_000)]), catalog(10_000, totals=False))
    assert all(len(rows) == 1 for rows in found.rows.values())
    assert len(drive.requests) < 20


def test_a_list_that_changes_while_it_is_read_makes_nothing_unknown(drive: Any) -> None:
    values = [f"S-{n}" for n in range(500)]
    found = drive(find("sku", values), catalog(500, drift=3))
    assert all(len(rows) == 1 for rows in found.rows.values())
    assert not found.uncertain


@pytest.mark.parametrize("total", [{"total": 400}, {}], ids=["total", "no-total"])
def test_what_was_not_found_in_a_list_that_never_stands_still_is_uncertain(
    total: dict[str, int], drive: Any
) -> None:
    rnd = random.Random(3)

    def restless(request: Request) -> Any:
        rows = [{"id": f"p{n}", "sku": f"S-{n}"} for n in range(400)]
        rnd.shuffle(rows)
        page = int(dict(request.params).get("page", 1))
        return {"products": rows[(page - 1) * 100 : page * 100], "page": page, "limit": 100, **total}

    found = drive(find("sku", ["nope", *(f"S-{n}" for n in range(5))]), restless)
    assert "nope" in found.uncertain
    assert found.server_filters is False


@pytest.mark.parametrize("seed", range(30))
def test_every_way_finds_the_same(seed: int, drive: Any) -> None:
    rnd = random.Random(seed)
    shop = Catalog([f"S-{rnd.randrange(400)}" for _ in range(rnd.choice([0, 1, 40, 700]))])
    shop.filters, shop.totals = rnd.random() < 0.5, rnd.random() < 0.6
    values = [f"S-{n}" for n in rnd.sample(range(400), rnd.choice([1, 3, 4, 30]))]
    found = drive(find("sku", values), shop)
    expected = {value: sorted(f"p{n}" for n, sku in enumerate(shop.skus) if sku == value) for value in values}
    assert {value: sorted(ids) for value, ids in names(found).items()} == expected

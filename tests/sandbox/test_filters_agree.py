"""The server's SQL and the client's evaluator, written apart, find the same products."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bulkeditor.query import Condition
from bulkeditor.sandbox import Sandbox

WORDS = ["", "A", "a", "Acme", "acme co", "b", "Ü", "100%", "_", "x,y"]
AMOUNTS = [Decimal(text) for text in ("0", "0.0121", "4.5", "10.00", "10.01", "-1", "1000000")]


def rows() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for number in range(48):

        def pick(values: list[Any], step: int = 1, number: int = number) -> Any:
            return values[(number * step + number // 7) % len(values)]

        row: dict[str, Any] = {
            "sku": f"S-{number}",
            "title": f"Thing {pick(WORDS, 3)}",
            "vendor": pick([*WORDS, None], 5),
            "status": pick(["active", "draft", "archived"]),
            "price": pick([*AMOUNTS[:5], None], 2),
            "cost": pick([None, *AMOUNTS[:4]], 3),
            "inventory_quantity": pick([-3, 0, 1, 9, 10, 250], 5),
            "tags": [tag for position, tag in enumerate(WORDS[1:]) if number >> (position % 6) & 1][
                : number % 4
            ],
            "custom_fields": {"n": pick([1, 2.5, "1", True, None]), "s": pick(WORDS)} if number % 3 else {},
            "options": {"Color": pick(["jade", "red"])} if number % 2 else {},
        }
        made.append(row)
    return made


TEXT = st.sampled_from(["vendor", "title", "sku", "status", "barcode", "options.Color", "custom_fields.s"])
NUMBER = st.sampled_from(["price", "cost", "inventory_quantity", "custom_fields.n"])
words, amounts = st.sampled_from(WORDS), st.sampled_from([float(amount) for amount in AMOUNTS])


def operators(values: Any) -> Any:
    single = st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte"])
    return st.one_of(
        values,
        st.dictionaries(single, values, min_size=1, max_size=2),
        st.fixed_dictionaries({"in": st.lists(values, max_size=3)}),
        st.fixed_dictionaries({"not_in": st.lists(values, max_size=3)}),
        st.fixed_dictionaries({"is_null": st.booleans()}),
        st.none(),
    )


text_tests = st.one_of(
    operators(words),
    st.dictionaries(st.sampled_from(["contains", "starts_with", "ends_with"]), words, min_size=1),
)
leaves = st.one_of(
    st.dictionaries(TEXT, text_tests, min_size=1, max_size=2),
    st.dictionaries(NUMBER, operators(amounts), min_size=1, max_size=2),
    st.fixed_dictionaries(
        {"tags": st.one_of(words, st.lists(words, max_size=2), st.fixed_dictionaries({"contains": words}))}
    ),
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"and": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"or": st.lists(inner, max_size=3)}),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[httpx.Client, list[dict[str, Any]]]]:
    with (
        Sandbox(catalog=rows(), readings={"filter": "operators"}) as sandbox,
        httpx.Client(base_url=sandbox.base_url, headers={"X-API-Key": sandbox.api_key}) as http,
    ):
        yield http, list(sandbox.products.rows())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filter_=filters)
@example(filter_={"not": {"vendor": {"starts_with": "A"}}})
@example(filter_={"not": {"vendor": {"ends_with": "e"}}})
def test_both_sides_find_the_same_products(shop, filter_):
    http, products = shop
    answer = http.get(
        "/api/v1/products", params={"filter": json.dumps(filter_), "limit": 250, "fields": "id"}
    )
    assert answer.status_code == 200, answer.text
    found = [row["id"] for row in answer.json()["products"]]
    condition = Condition.from_filter(filter_)
    assert found == [row["id"] for row in products if condition.matches(row)]

"""What is compiled: batches, strange values, foreign text in names and constants, threads, travel."""

import copy
import decimal
import enum
import pickle
import random
import threading
from collections import UserDict
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkeditor.errors import InvalidInputError, NotLoadedError
from bulkeditor.models import Product
from bulkeditor.query import Compiled, Condition, F, all_of, any_of, parse_condition
from tests.query import language

LOW_STOCK = parse_condition(
    'inventory_quantity < 10 AND status = "active" AND NOT tags.contains("discontinued")'
)
ROWS: list[dict[str, Any]] = [
    {"inventory_quantity": 3, "status": "active", "tags": []},
    {"inventory_quantity": 12, "status": "active", "tags": []},
    {"inventory_quantity": 3, "status": "draft", "tags": ["sale"]},
    {"inventory_quantity": 3, "status": "active", "tags": ["sale", "discontinued"]},
    {"inventory_quantity": None, "status": "active", "tags": []},
    {"inventory_quantity": 9, "status": "active", "tags": None},
    {"inventory_quantity": 9, "status": "active"},
]
EXPECTED = [True, False, False, False, False, True, True]


class Word(enum.StrEnum):
    ACTIVE = "active"


# ---- batches ----


def test_a_batch_is_what_each_row_is():
    compiled = LOW_STOCK.compile()
    assert isinstance(compiled, Compiled)
    assert LOW_STOCK.compile() is compiled
    assert compiled.mask(ROWS) == EXPECTED == [LOW_STOCK.matches(row) for row in ROWS]
    assert compiled.select(ROWS) == [ROWS[0], ROWS[5], ROWS[6]]
    assert compiled.select(iter(ROWS)) == compiled.select(tuple(ROWS))
    assert compiled.select([]) == []
    assert compiled.mask(iter(())) == []
    assert repr(compiled) == f"<Compiled {LOW_STOCK}>"


def test_a_batch_may_mix_plain_data_models_and_other_mappings():
    product = Product(id="1", inventory_quantity=5, status="active", tags=["new"])
    other = Product(id="2", inventory_quantity=50, status="active", tags=["new"])
    mixed = [ROWS[0], product, MappingProxyType(ROWS[6]), UserDict(ROWS[1]), other]
    for rows in (mixed, mixed[::-1], [product, *mixed]):
        assert LOW_STOCK.compile().mask(rows) == [LOW_STOCK.matches(row) for row in rows]
        assert LOW_STOCK.compile().select(rows) == [row for row in rows if LOW_STOCK.matches(row)]


def test_a_row_that_cannot_be_judged_stops_a_batch_with_the_same_error():
    for bad, kind in (
        ({"inventory_quantity": "3", "status": "active", "tags": []}, InvalidInputError),
        ({"inventory_quantity": True, "status": "active", "tags": []}, InvalidInputError),
        ({"status": "active", "tags": []}, NotLoadedError),
        (Product(id="1"), NotLoadedError),
    ):
        with pytest.raises(kind) as alone:
            LOW_STOCK.matches(bad)
        for rows in ([*ROWS, bad], [bad, *ROWS]):
            for run in (LOW_STOCK.compile().select, LOW_STOCK.compile().mask):
                with pytest.raises(kind) as caught:
                    run(rows)
                assert str(caught.value) == str(alone.value)


# ---- strange values: the quick way and the slow one say the same ----

STRANGE = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 10, 2**70, 0.1, 10.0, 0.3, float("nan"), float("inf"), Decimal("0.1"),
        Decimal(10), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), Decimal("1e999"), "", "a",
        "active", "10", Word.ACTIVE, "2024-06-01T00:00:00Z", datetime(2024, 6, 1, tzinfo=UTC),
        datetime(2024, 6, 1),  # noqa: DTZ001
        [], ["a"], ["a", "active"], ("a",), {}, {"x": 1}, b"a", object,
    ]
)  # fmt: skip
CONSTANTS = st.sampled_from(
    [
        0, 1, 10, Decimal("0.1"), Decimal("0.3"), 2**53 + 1, "", "a", "active", "10", True, False,
        datetime(2024, 6, 1, tzinfo=UTC), "2024-06-01T00:00:00Z",
    ]
)  # fmt: skip
NAMES = st.sampled_from(["price", "status", "tags", "created_at", "custom_fields.x", "unknown"])


@st.composite
def leaves(draw: st.DrawFn) -> Condition:  # noqa: PLR0911
    name, constant = draw(NAMES), draw(CONSTANTS)
    field = F[name]
    op = draw(
        st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte", "in", "look", "matches", "null", "fields"])
    )
    if op == "in":
        return field.isin([constant, draw(CONSTANTS)])
    if op == "look":
        return getattr(field, draw(st.sampled_from(["contains", "starts_with", "ends_with"])))("a")
    if op == "matches":
        return field.matches("^a")
    if op == "null":
        return field.is_null()
    if op == "fields":
        other = draw(NAMES)
        return draw(
            st.sampled_from([field < F[other], field == F[other], field * 2 >= F[other], field + 1 != 2])
        )
    if isinstance(constant, bool):
        return field == constant if op == "eq" else field != constant
    return language._compared(field, op, constant)


conditions = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        inner.map(lambda part: ~part),
        st.lists(inner, max_size=3).map(all_of),
        st.lists(inner, max_size=3).map(any_of),
    ),
    max_leaves=4,
)
strange_rows = st.fixed_dictionaries(
    {"price": STRANGE, "status": STRANGE, "created_at": STRANGE, "unknown": STRANGE},
    optional={"tags": STRANGE, "custom_fields": st.none() | st.fixed_dictionaries({"x": STRANGE}) | STRANGE},
)


def outcome(run: Any) -> object:
    try:
        return run()
    except (InvalidInputError, NotLoadedError) as error:
        return type(error), str(error).replace("Product.", "row.")


def model_of(row: Mapping[str, Any]) -> Product:
    known = {name: value for name, value in row.items() if name != "unknown"}
    product = Product(**{"tags": [], **known})
    object.__setattr__(product, "_page", {"unknown": row["unknown"]})
    return product


@given(conditions, st.lists(strange_rows, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_one_row_a_batch_and_a_model_have_one_outcome(condition, rows):
    compiled = condition.compile()
    for row in rows:
        alone = outcome(lambda row=row: condition.matches(row))
        assert outcome(lambda row=row: compiled.mask([row])[0]) == alone
        assert outcome(lambda row=row: bool(compiled.select([row]))) == alone
        assert outcome(lambda row=row: condition.matches(MappingProxyType(row))) == alone
        assert outcome(lambda row=row: condition.matches(model_of(row))) == alone
        assert outcome(lambda row=row: compiled.mask([model_of(row)])[0]) == alone
        explained = outcome(lambda row=row: condition.explain(row).matched)
        if isinstance(alone, bool) and isinstance(explained, bool):
            assert explained is alone
        negated = outcome(lambda row=row: (~condition).matches(row))
        assert not (alone is True and negated is True)


# ---- what users write stays out of the code ----


@pytest.mark.parametrize(
    "text",
    [
        '"]) or True or (row["',
        "'''",
        "\\",
        "s0",
        "v",
        "SLOTS",
        "EXPRESSION",
        "matches",
        "{0}",
        "__class__",
        "a\n",
    ],
)
def test_names_and_constants_are_never_code(text: str):
    condition = (F[text] == text) & (F[text] != text + "x") & F[text].isin([text]) & F[text].contains(text)
    row = {text: text}
    assert condition.matches(row)
    assert condition.compile().select([row, {text: "y"}]) == [row]
    with pytest.raises(NotLoadedError):
        condition.matches({"other": text})
    with pytest.raises(NotLoadedError):
        condition.matches(Product(id="1"))


def test_a_name_is_not_an_attribute():
    product = Product(id="1")
    for name in ("__class__", "detach", "_page", "to_dict", "extra"):
        with pytest.raises(NotLoadedError):
            F[name].is_null().matches(product)


# ---- many, deep, together ----


def test_many_parts_and_as_deep_as_allowed():
    many = all_of(F.price != number for number in range(5000)) & F.sku.isin([])
    assert not many.matches({"price": Decimal(5), "sku": "a"})
    deep: Any = F.price
    for _ in range(60):
        deep = deep + 1
    condition = deep > 0
    for _ in range(2):
        condition = (condition | (F.price == -1)) & (F.price != 7)
    assert condition.matches({"price": 3})
    assert condition.compile().select([{"price": 3}, {"price": 7}]) == [{"price": 3}]
    assert parse_condition(str(condition)) == condition


def test_what_is_compiled_travels():
    compiled = LOW_STOCK.compile()
    compiled.select(ROWS)
    for twin in (pickle.loads(pickle.dumps(compiled)), copy.copy(compiled), copy.deepcopy(compiled)):
        assert twin.mask(ROWS) == EXPECTED


def test_threads_share_a_condition():
    condition = copy.copy(LOW_STOCK)
    start = threading.Barrier(8)
    results: list[bool] = []

    def run() -> None:
        start.wait()
        results.append(condition.compile().mask(ROWS) == [condition.matches(row) for row in ROWS] == EXPECTED)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8


def test_the_decimal_context_of_the_caller_changes_nothing():
    condition = (F.price / 3 * 3 == F.price) | (F.price * Decimal("1.10") < 11)
    rows = [{"price": Decimal(text)} for text in ("10", "9.99", "1e30", "NaN")]
    before = [outcome(lambda row=row: condition.matches(row)) for row in rows]
    for context in (
        decimal.Context(prec=2, rounding=decimal.ROUND_UP),
        decimal.Context(traps=[]),
        decimal.Context(traps=[decimal.Inexact, decimal.FloatOperation]),
    ):
        with decimal.localcontext(context):
            fresh = parse_condition(str(condition))
            assert [outcome(lambda row=row, fresh=fresh: fresh.matches(row)) for row in rows] == before
            assert [outcome(lambda row=row: condition.explain(row).matched) for row in rows[:3]] == before[:3]


@pytest.mark.parametrize("seed", range(60))
def test_a_batch_of_any_question_is_what_the_oracle_says(seed: int):
    rnd = random.Random(seed)
    rows = language.make_rows(rnd, 30)
    question = language.make_question(rnd, 3, local=True)
    expected = [language.oracle(question, row) is True for row in rows]
    assert language.built(question).compile().mask(rows) == expected

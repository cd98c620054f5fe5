"""Three-valued logic against a truth-table oracle; filters and pushdown against the same rows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bulkeditor.models import encode
from bulkeditor.query import Condition, F, all_of, any_of

# ---- rows: every column may be missing ----

TEXTS = ["", "a", "A", "ab", "Premium Brand", "ß", "00042"]
NUMBERS = [Decimal(0), Decimal("0.1"), Decimal("9.99"), Decimal(10), Decimal("10.0000"), Decimal(250)]
TIMES = [datetime(2024, 6, 1, hour, tzinfo=UTC) for hour in (0, 1, 2)]
TAGS = ["sale", "new", "discontinued"]

COLUMNS: dict[str, list[Any]] = {
    "vendor": TEXTS,
    "sku": TEXTS,
    "price": NUMBERS,
    "cost": NUMBERS,
    "inventory_quantity": [-3, 0, 9, 10, 250],
    "created_at": TIMES,
    "custom_fields.season": ["summer", 10, Decimal("9.99"), True, False],
}

rows = st.fixed_dictionaries(
    {
        **{
            name: st.none() | st.sampled_from(values)
            for name, values in COLUMNS.items()
            if name != "custom_fields.season"
        },
        "tags": st.none() | st.lists(st.sampled_from(TAGS), unique=True),
        "custom_fields": st.none()
        | st.dictionaries(st.just("season"), st.none() | st.sampled_from(COLUMNS["custom_fields.season"])),
    }
)

# ---- what is asked, as plain tuples ----

ORDERED = ("lt", "lte", "gt", "gte")


def leaves():
    def compare(name: str):
        ops = ("eq", "ne") if name == "custom_fields.season" else ("eq", "ne", *ORDERED)
        return st.tuples(st.just("cmp"), st.just(name), st.sampled_from(ops), st.sampled_from(COLUMNS[name]))

    names = st.sampled_from(sorted(COLUMNS))
    return st.one_of(
        names.flatmap(compare),
        st.tuples(st.just("null"), names),
        names.flatmap(
            lambda name: st.tuples(
                st.just("in"), st.just(name), st.lists(st.sampled_from(COLUMNS[name]), max_size=3).map(tuple)
            )
        ),
        st.tuples(st.just("tag"), st.sampled_from(TAGS)),
        st.tuples(
            st.just("text"),
            st.sampled_from(["vendor", "sku"]),
            st.sampled_from(["contains", "starts_with", "ends_with"]),
            st.sampled_from(TEXTS),
        ),
    )


def joined(inner):
    lists = st.lists(inner, min_size=0, max_size=3).map(tuple)
    return st.one_of(
        st.tuples(st.just("and"), lists), st.tuples(st.just("or"), lists), st.tuples(st.just("not"), inner)
    )


questions = st.recursive(leaves(), joined, max_leaves=8)


def condition(question: tuple) -> Condition:  # noqa: PLR0911
    match question:
        case "cmp", name, "eq", value:
            return F[name] == value
        case "cmp", name, "ne", value:
            return F[name] != value
        case "cmp", name, "lt", value:
            return F[name] < value
        case "cmp", name, "lte", value:
            return F[name] <= value
        case "cmp", name, "gt", value:
            return F[name] > value
        case "cmp", name, "gte", value:
            return F[name] >= value
        case "null", name:
            return F[name].is_null()
        case "in", name, values:
            return F[name].isin(values)
        case "tag", tag:
            return F.tags.contains(tag)
        case "text", name, op, value:
            return getattr(F[name], op)(value)
        case "and", parts:
            return all_of(condition(part) for part in parts)
        case "or", parts:
            return any_of(condition(part) for part in parts)
        case "not", part:
            return ~condition(part)
    raise AssertionError(question)


# ---- the oracle: Kleene's tables, written out ----

T, FALSE, U = "true", "false", "unknown"
NOT = {T: FALSE, FALSE: T, U: U}
AND = {
    (T, T): T, (T, FALSE): FALSE, (T, U): U,
    (FALSE, T): FALSE, (FALSE, FALSE): FALSE, (FALSE, U): FALSE,
    (U, T): U, (U, FALSE): FALSE, (U, U): U,
}  # fmt: skip
OR = {
    (T, T): T, (T, FALSE): T, (T, U): T,
    (FALSE, T): T, (FALSE, FALSE): FALSE, (FALSE, U): U,
    (U, T): T, (U, FALSE): U, (U, U): U,
}  # fmt: skip


def fold(table: dict, start: str, values: list[str]) -> str:
    for value in values:
        start = table[start, value]
    return start


def look_up(row: Mapping[str, Any], name: str) -> Any:
    if name == "custom_fields.season":
        return (row["custom_fields"] or {}).get("season")
    return row[name]


def same(left: Any, right: Any) -> bool:
    return (type(left) is bool) == (type(right) is bool) and left == right


def oracle(question: tuple, row: Mapping[str, Any]) -> str:  # noqa: PLR0911
    match question:
        case "and", parts:
            return fold(AND, T, [oracle(part, row) for part in parts])
        case "or", parts:
            return fold(OR, FALSE, [oracle(part, row) for part in parts])
        case "not", part:
            return NOT[oracle(part, row)]
        case "null", name:
            return T if look_up(row, name) is None else FALSE
        case "tag", tag:
            return T if tag in (row["tags"] or []) else FALSE
        case "in", name, values:
            return fold(OR, FALSE, [oracle(("cmp", name, "eq", value), row) for value in values])
        case "text", name, op, wanted:
            text = look_up(row, name)
            if text is None:
                return U
            held = {
                "contains": wanted in text,
                "starts_with": text[: len(wanted)] == wanted,
                "ends_with": wanted in ("", text[-len(wanted) :] if wanted else ""),
            }[op]
            return T if held else FALSE
        case "cmp", name, op, wanted:
            value = look_up(row, name)
            if value is None:
                return U
            held = {
                "eq": lambda: same(value, wanted),
                "ne": lambda: not same(value, wanted),
                "lt": lambda: value < wanted,
                "lte": lambda: value <= wanted,
                "gt": lambda: value > wanted,
                "gte": lambda: value >= wanted,
            }[op]()
            return T if held else FALSE
    raise AssertionError(question)


@given(questions, rows)
def test_a_condition_is_what_the_truth_tables_say(question, row):
    expected = oracle(question, row)
    built = condition(question)
    assert (built.matches(row), (~built).matches(row)) == {
        T: (True, False),
        FALSE: (False, True),
        U: (False, False),
    }[expected]


@given(questions, questions, rows)
def test_de_morgan_holds_with_missing_values(first, second, row):
    a, b = condition(first), condition(second)
    assert (~(a & b)).matches(row) == (~a | ~b).matches(row)
    assert (~(a | b)).matches(row) == (~a & ~b).matches(row)
    assert (~~a).matches(row) == a.matches(row)
    # Neither holds where it is unknown; never both.
    assert not (a & ~a).matches(row)


@given(questions)
def test_a_filter_reads_back_to_the_same_condition(question):
    built = condition(question)
    assert Condition.from_filter(built.to_filter()) == built
    # And over the wire, where there is only JSON.
    wire = encode(built.to_filter())
    assert Condition.from_filter(msgspec.json.Decoder(float_hook=Decimal).decode(wire)) == built
    assert hash(Condition.from_filter(built.to_filter())) == hash(built)


@given(questions, rows)
def test_a_filter_read_back_matches_the_same_rows(question, row):
    built = condition(question)
    wire = encode(built.to_filter())
    assert Condition.from_filter(msgspec.json.decode(wire)).matches(row) == built.matches(row)


@given(questions, rows)
def test_pushdown_is_implied_by_the_condition(question, row):
    built = condition(question)
    pushed = built.pushdown()
    if built.matches(row):
        assert Condition.from_filter(pushed).matches(row)


@given(questions)
def test_pushdown_is_bare_scalars_of_plain_columns(question):
    for name, value in condition(question).pushdown().items():
        assert name in {"vendor", "sku", "price", "cost", "inventory_quantity"}
        assert isinstance(value, str | int | Decimal)


@given(questions, questions)
def test_text_tells_conditions_apart(first, second):
    a, b = condition(first), condition(second)
    assert (str(a) == str(b)) == (a == b)


@given(questions)
def test_fields_are_the_names_that_are_read(question):
    def names(part: tuple) -> set[str]:
        if part[0] in {"and", "or"}:
            return {name for inner in part[1] for name in names(inner)}
        if part[0] == "not":
            return names(part[1])
        return {"tags"} if part[0] == "tag" else {part[1]}

    built = condition(question)
    assert built.fields == names(question)
    assert built.columns == {name.split(".")[0] for name in names(question)}

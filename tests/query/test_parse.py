"""Conditions as text: the documented ones, every spelling, where it ends, and what is said of typos."""

import json
import random
import subprocess
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulkeditor.errors import InvalidInputError
from bulkeditor.query import Condition, F, Schema, all_of, any_of, parse_condition, parse_conditions
from bulkeditor.query import _parse as parsing
from tests.query import language

# ---- what reads to what ----

DOCUMENTED = [
    ("inventory_quantity < 10", F.inventory_quantity < 10),
    ('status = "active"', F.status == "active"),
    ('NOT tags.contains("discontinued")', ~F.tags.contains("discontinued")),
    ("competitor_price < our_price * 0.95", F.competitor_price < F.our_price * Decimal("0.95")),
    ("inventory_days_supply < 30", F.inventory_days_supply < 30),
    ("sales_velocity > average * 1.5", F.sales_velocity > F.average * Decimal("1.5")),
]


@pytest.mark.parametrize(("text", "condition"), DOCUMENTED)
def test_the_documented_conditions_read_and_print_as_they_stand(text: str, condition: Condition):
    assert parse_condition(text) == condition
    assert str(parse_condition(text)) == text


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("a == 1", F.a == 1),
        ("a <> 1", F.a != 1),
        ("a != 1", F.a != 1),
        ("a<=1", F.a <= 1),
        ("a >= -1.50", F.a >= Decimal("-1.5")),
        ("1 < a", F.a > 1),
        ("a = 1e3", F.a == 1000),
        ("a = 1 and b = 2 Or Not c = 3", ((F.a == 1) & (F.b == 2)) | ~(F.c == 3)),
        ("a = 1 AND (b = 2 OR c = 3)", (F.a == 1) & ((F.b == 2) | (F.c == 3))),
        ("NOT a = 1 AND b = 2", ~(F.a == 1) & (F.b == 2)),
        ("NOT NOT a = 1", F.a == 1),
        ("NOT (a = 1 OR b = 2)", ~((F.a == 1) | (F.b == 2))),
        ("((a = 1))", F.a == 1),
        ("a IN (1, 'x', true)", F.a.isin([1, "x", True])),
        ("a in ()", F.a.isin([])),
        ("a NOT IN (-1)", ~F.a.isin([-1])),
        ("a BETWEEN 1 AND 2 AND b = 3", (F.a >= 1) & (F.a <= 2) & (F.b == 3)),
        ("a not between b and c * 2", ~((F.a >= F.b) & (F.a <= F.c * 2))),
        ("a IS NULL", F.a.is_null()),
        ("a is not null", ~F.a.is_null()),
        ("a = null", F.a.is_null()),
        ("a != NULL", ~F.a.is_null()),
        ("a / b IS NULL", (F.a / F.b).is_null()),
        ("a = true", F.a == True),  # noqa: E712
        ("a.Starts_With ('x')", F.a.starts_with("x")),
        ("a ends_with 'x'", F.a.ends_with("x")),
        ("a CONTAINS b", F.a.contains(F.b)),
        ("a not contains 'x'", ~F.a.contains("x")),
        (r"a matches '^TS-\d+$'", F.a.matches(r"^TS-\d+$")),
        (r'a.matches("^TS-\\d+$")', F.a.matches(r"^TS-\d+$")),
        ("tags = ['a', \"b\"]", F.tags == ["a", "b"]),
        ("tags != []", F.tags != []),
        ("TRUE", all_of([])),
        ("not false", ~any_of([])),
        ("`my field` = 1", F["my field"] == 1),
        ("`a``b` = 1", F["a`b"] == 1),
        ("`in` = 1", F["in"] == 1),
        ("in_stock = 1", F.in_stock == 1),
        ("custom_fields.in = 1", F["custom_fields.in"] == 1),
        ("custom_fields.30d.x = 1", F["custom_fields.30d.x"] == 1),
        ("`custom_fields.a b`.contains('x')", F["custom_fields.a b"].contains("x")),
        ("größe > 5", F["größe"] > 5),
        (r"""a = 'it\'s "x" \\ \n \/ \d'""", F.a == 'it\'s "x" \\ \n / \\d'),
        (r'a = "\u00e9\ud83d\ude00\u"', F.a == "é😀\\u"),
        ("a = 'line\nbreak'", F.a == "line\nbreak"),
        ("a\u00a0=\t1\r\n", F.a == 1),
        ("created_at > '2024-06-01T02:00:00+02:00'", F.created_at > datetime(2024, 6, 1, tzinfo=UTC)),
        ("x > timestamp '2024-06-01T00:00Z'", F.x > datetime(2024, 6, 1, tzinfo=UTC)),
        ("x > '2024-06-01T00:00Z'", F.x > "2024-06-01T00:00Z"),
        ("a + b * c - d / 2 > 0", F.a + F.b * F.c - F.d / 2 > 0),
        ("(a + b) * -c > 0", (F.a + F.b) * -F.c > 0),
        ("a - (b - c) > 0", F.a - (F.b - F.c) > 0),
        ("a > 2 * 3", F.a > 6),
        ("a - -1 > 0", F.a - -1 > 0),
    ],
)
def test_every_spelling_reads_to_what_f_builds(text: str, condition: Condition):
    parsed = parse_condition(text)
    assert parsed == condition
    assert parse_condition(str(parsed)) == parsed


def test_names_are_checked_where_a_condition_is_bound_and_not_before():
    condition = parse_condition("competitor_prise < our_price * 0.95")
    values = Schema(name="pricing row", fields={"competitor_price": "number", "our_price": "number"})
    with pytest.raises(InvalidInputError, match="'competitor_prise'; did you mean 'competitor_price'"):
        condition.bind(values)
    bound = parse_condition("competitor_price < our_price * 0.95").bind(values)
    assert bound.matches({"competitor_price": Decimal(94), "our_price": Decimal(100)})
    assert not bound.matches({"competitor_price": 95, "our_price": 100})


def test_a_word_that_is_no_field_may_be_a_text_without_quotes():
    with pytest.raises(InvalidInputError) as caught:
        parse_condition("status = active AND created_at > '2024-06-01'").check()
    assert str(caught.value) == (
        "The condition does not fit: active: a product has no field 'active'; a text stands in quotes; "
        'created_at: it holds a time and cannot be compared with "2024-06-01"; '
        'a time has a zone, as in "2024-06-01T00:00:00Z".'
    )


def test_a_list_is_joined_with_and():
    texts = ["inventory_quantity < 10", 'status = "active" OR status = "draft"', F.price > 1]
    condition = parse_conditions(texts)
    assert condition == (F.inventory_quantity < 10) & ((F.status == "active") | (F.status == "draft")) & (
        F.price > 1
    )
    assert parse_conditions([]) == all_of([])
    assert parse_conditions("a = 1") == (F.a == 1)
    with pytest.raises(InvalidInputError, match=r"conditions\[1\], character 2: ") as caught:
        parse_conditions(["a = 1", "b"])
    assert caught.value.errors[0].field == "conditions[1]"
    with pytest.raises(InvalidInputError, match=r"conditions\[0\]: a condition is a text, not int"):
        parse_conditions([3])


# ---- text and back ----


@pytest.mark.parametrize("seed", range(200))
def test_a_text_reads_back_to_the_same_tree(seed: int):
    rnd = random.Random(seed)
    question = language.make_question(rnd, 3, local=True)
    condition = language.built(question)
    assert parse_condition(str(condition)) == condition
    assert parse_condition(language.Writer(rnd).write(question)) == condition


anything = st.text(st.characters(codec="utf-8"), max_size=12)
names = anything.filter(lambda name: name.strip() and name[0] != "." and name not in {"and", "or", "not"})
numbers = st.decimals(-(10**20), 10**20, places=3) | st.integers(-(10**20), 10**20)
times = st.datetimes(timezones=st.just(UTC))
values = st.one_of(anything, numbers, st.booleans(), times)


@given(names, values, anything)
@example("a", "\x00\u2028\u202e\x7f'\"\\\\u0041", "\\")
@example("A`B", datetime(1, 1, 1, tzinfo=UTC), "\ud83d")
def test_any_name_and_any_value_survive_the_text(name, value, text):
    for condition in (F[name] == value, F[name] != value, F[name].isin([value]), F[name].contains(text)):
        assert parse_condition(str(condition)) == condition


# ---- typos ----


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'NOT tags.contains("discontinued"',
            'condition, character 33: the text ends too early; expected ")".',
        ),
        ("price <", "condition, character 8: the text ends too early; expected a field or a value."),
        ("price", "expected a comparison (=, <, IN, BETWEEN, IS NULL, contains …)"),
        ("(a = 1", 'expected AND, OR or ")"'),
        ("a = 1)", 'found ")", expected AND, OR or the end'),
        ("a = 1 adn b = 2", 'found "adn", expected AND, OR or the end; did you mean AND?'),
        ("price BETWEN 1 AND 2", "did you mean BETWEEN?"),
        ("a BETWEEN 1 OR 2", 'found "OR", expected AND'),
        ("name LIKE 'x%'", "for LIKE write contains, starts_with, ends_with or matches"),
        ("1 < price < 9", "comparisons are joined with AND"),
        ('tags.contain("x")', "there is no .contain(…); did you mean .contains?"),
        ('tags.zip("x")', "there is no .zip(…); there are contains, starts_with, ends_with, matches"),
        ('lower(title) = "x"', "there is no function lower"),
        ('status = "active', "character 10: the text that begins here is not closed"),
        ("`x = 1", "character 1: the name that begins here is not closed"),
        ("a = 1 && b = 2", 'character 7: "&" has no meaning here; write AND'),
        ("a = “x”", "write texts in straight quotes"),
        ("\u200ba = 1", "U+200B has no meaning here"),
        ("x IS 5", 'found "5", expected NULL or NOT'),
        ("x not 5", "expected contains, starts_with, ends_with, matches, IN or BETWEEN"),
        ("x = [1]", 'expected a text in quotes or "]"'),
        ("and = 1", 'found "and", expected a field or a value'),
        ("sku = 00042", "if 00042 is a SKU or a barcode, write it in quotes"),
        ('"status" = "active"', "a comparison needs a field. Names of fields stand without quotes"),
        ("1 IN (1)", "a comparison needs a field"),
        ("a IN (1, null)", "IN takes constants. For null write IS NULL"),
        ("a IN (b)", "IN takes constants"),
        ("a < null", "a comparison with null is never true. Write IS NULL"),
        ("a > true", "a: true has no order to compare by"),
        ("a > 1e999", "1e999: the number is too large, too small or too long to compare with"),
        ("a > 1e99999999999999999999", "the number is too large"),
        ("a > " + "9" * 5000, "the number is too large"),
        ("a * 'x' > 2", '"x": arithmetic needs numbers'),
        ("a + 1 = 'x'", 'a + 1: a number cannot be compared with "x"'),
        ("1 / 0 < a", "1 / 0: has no value"),
        ("a.contains(5)", "a: contains needs a text, not 5"),
        ("(a + 1) contains 'x'", "contains looks into a field, not into a number"),
        ("a matches b", "matches needs a pattern in quotes, not b"),
        ("a matches '('", 'a: "(" at character 1 of the pattern opens a group that is not closed'),
        ("x = TIMESTAMP 'now'", "'now' is no time. Write \"2024-06-01T00:00:00Z\""),
        ("", "condition: the text is empty"),
        (" \n ", "condition: the text is empty"),
        ("(" * 10_000 + "a = 1", "character 66: the condition is nested more than 64 levels deep"),
        ("-" * 10_000 + "a = 1", "the arithmetic is nested more than 64 operations deep"),
        ("+".join("a" * 100) + " > 1", "the arithmetic is nested more than 64 operations deep"),
        ("a = '" + "x" * 100_000 + "'", "condition: 100,006 characters are more than 100,000"),
    ],
)
def test_a_typo_is_one_clear_error(text: str, message: str):
    with pytest.raises(InvalidInputError) as caught:
        parse_condition(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_caret_points_at_what_is_wrong():
    with pytest.raises(InvalidInputError) as caught:
        parse_condition('a = 1\n  AND b = "x" adn c = 3\n')
    assert str(caught.value) == (
        'condition, line 2, character 15: found "adn", expected AND, OR or the end; did you mean AND?.\n'
        '      AND b = "x" adn c = 3\n'
        "                  ^"
    )
    (error,) = caught.value.errors
    assert (error.field, error.code) == ("condition", "invalid_condition")
    assert error.message.startswith("line 2, character 15: ")
    with pytest.raises(InvalidInputError) as caught:
        parse_condition("a = 1 AND " * 20 + "b ! 2" + " OR c = 3" * 20)
    _, line, caret = str(caught.value).splitlines()
    assert line[caret.index("^")] == "!"
    assert line.strip().startswith("…")
    assert line.endswith("…")


def test_many_conditions_read_as_one_flat_list():
    skus = [f"S-{number}" for number in range(2000)]
    assert parse_condition(str(F.sku.isin(skus))) == F.sku.isin(skus)
    many = any_of(F.price == number for number in range(3000))
    assert parse_condition(str(many)) == many
    with pytest.raises(InvalidInputError, match="nested more than 64"):
        parse_condition("NOT (" * 70 + "a = 1" + ")" * 70)


@pytest.mark.parametrize("given", [None, 3, b"a = 1", ["a = 1"], F.a == 1])
def test_what_is_no_text_is_refused(given: object):
    with pytest.raises(InvalidInputError, match="a condition is a text, not"):
        parse_condition(given)


# ---- hostile texts ----

tokens = st.sampled_from(
    [
        "a", "b.c", "`x`", "1", "2.5", '"t"', "'u'", "(", ")", "[", "]", ",", ".", "=", "==", "!=", "<", ">=",
        "+", "-", "*", "/", "AND", "or", "NOT", "IN", "between", "IS", "null", "TRUE", "false", "contains",
        "matches", ".contains(", ".matches(", "timestamp", " ", "\n", "\\", '"', "'", "`", "é", "💥", "\x00",
        "%", "00",
    ]
)  # fmt: skip


def reads_or_is_refused(text: str) -> None:
    try:
        condition = parse_condition(text)
    except InvalidInputError as error:
        assert error.errors or "empty" in str(error)  # noqa: PT017 - either is right
        return
    assert parse_condition(str(condition)) == condition


@given(
    st.lists(tokens, max_size=14).flatmap(lambda parts: st.sampled_from([" ".join(parts), "".join(parts)]))
)
@settings(max_examples=250, deadline=None)
def test_any_row_of_tokens_reads_or_is_refused(text):
    reads_or_is_refused(text)


@given(st.text(max_size=30))
def test_any_text_reads_or_is_refused(text):
    reads_or_is_refused(text)


@pytest.mark.shared
def test_naughty_strings_as_conditions_names_and_texts(shared: Path):
    naughty = json.loads((shared / "data/vectors/naughty-strings/blns.json").read_text("utf-8"))
    assert len(naughty) > 200
    for text in naughty:
        reads_or_is_refused(text)
        reads_or_is_refused(f"a = {text}")
        reads_or_is_refused(f"a = '{text}' AND b.contains(\"{text}\")")
        condition = F.title.contains(text) | (F.title == text)
        assert parse_condition(str(condition)) == condition
        assert condition.matches({"title": text})
        if text.strip() and not text.startswith(".") and text not in {"and", "or", "not"}:
            named = F[text] == 1
            assert parse_condition(str(named)) == named
            assert named.fields == {text}


# ---- lark ----


def test_lark_is_loaded_with_the_first_text_and_not_before():
    code = (
        "import sys, bulkeditor.query as q\n"
        "assert (q.F.a < 1).matches({'a': 0}) and 'lark' not in sys.modules\n"
        "q.parse_condition('a < 1')\n"
        "assert 'lark' in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=30)


def test_threads_may_read_their_first_texts_at_once():
    parsing._grammar.cache_clear()
    start = threading.Barrier(8)
    results: list[object] = []

    def read(number: int) -> None:
        start.wait()
        for step in range(20):
            try:
                results.append(parse_condition(f"a{number} = {step} AND b IN (1, 'x')"))
                parse_condition(f"a{number} = {step} AND (b")
            except InvalidInputError as error:
                results.append(str(error))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 * 20 * 2
    for number in range(8):
        assert (F[f"a{number}"] == 7) & F.b.isin([1, "x"]) in results

"""Converters: exact, never guessing, and back again."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulkeditor as be
from bulkeditor.connectors import Boolean, DateTime, Money, Number, Quantity, Tags, Text, field, lookup

BERLIN = ZoneInfo("Europe/Berlin")
finite = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=4)


@pytest.mark.parametrize(
    ("converter", "given", "read"),
    [
        (Money(), "12.000", "12.000"),
        (Money(), " 7 ", "7"),
        (Money(), "5.10-", "-5.10"),
        (Money(), "1e3", "1000"),
        (Money(), 3, "3"),
        (Money(), 0.1, "0.1"),
        (Money(), 19.99, "19.99"),
        (Money(decimal=","), "12,50", "12.50"),
        (Money(decimal=",", group="."), "1.234.567,89", "1234567.89"),
        (Money(decimal=",", group="."), "999", "999"),
        (Money(group=","), "1,234.50", "1234.50"),
        (Money(group="'"), "1'234", "1234"),
    ],
)
def test_amounts(converter, given, read):
    found = converter.read(given)
    assert found == Decimal(read)
    assert type(found) is Decimal


@pytest.mark.parametrize(
    ("converter", "given"),
    [
        (Money(), "12,50"),
        (Money(), "1,234.50"),
        (Money(), ""),
        (Money(), "€ 5"),
        (Money(), "NaN"),
        (Money(), float("nan")),
        (Money(), float("inf")),
        (Money(), Decimal("Infinity")),
        (Money(), "1e99"),
        (Money(), "9" * 60),
        (Money(), True),
        (Money(), [1]),
        (Money(), "٣"),
        (Money(decimal=","), "12.50"),
        (Money(decimal=",", group="."), "12.50"),
        (Money(decimal=",", group="."), "1.23.456"),
        (Money(group=","), "1,2345"),
        (Quantity(), "12.5"),
        (Quantity(), Decimal("0.5")),
        (Text(), True),
        (Text(), 1.5),
        (Text(), {"a": 1}),
        (Boolean(), "perhaps"),
        (Boolean(), 2),
        (Boolean(true=("X",), false=("",)), "Y"),
        (DateTime(), "2026-01-01"),
        (DateTime(), "2026-01-01T00:00:00"),
        (DateTime(), datetime(2026, 1, 1)),  # noqa: DTZ001 - what is refused
        (DateTime(), 1767225600),
        (DateTime(unit="ms"), 10**20),
        (DateTime(), "/Date(99999999999999999)/"),
        (DateTime(), "soon"),
        (DateTime(), True),
        (Tags(), [1]),
        (Tags(), 7),
    ],
)
def test_what_is_unclear_is_refused_with_a_sentence(converter, given):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        converter.read(given)


@pytest.mark.parametrize(
    ("converter", "given", "read"),
    [
        (Quantity(), "12.000", 12),
        (Quantity(), Decimal("1E+3"), 1000),
        (Text(), "00042", "00042"),
        (Text(), 2**53 + 1, "9007199254740993"),
        (Boolean(), "T", True),
        (Boolean(), "no", False),
        (Boolean(), 1, True),
        (Boolean(true=("X",), false=("",)), "x", True),
        (Boolean(true=("X",), false=("",)), "", False),
        (Tags(), " a, b ,,c", ["a", "b", "c"]),
        (Tags(separator=";"), "a,b;c", ["a,b", "c"]),
        (Tags(), ["a"], ["a"]),
    ],
)
def test_other_values(converter, given, read):
    assert converter.read(given) == read


@pytest.mark.parametrize(
    ("converter", "given", "read"),
    [
        (DateTime(), "2026-03-29T01:30:00Z", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (DateTime(), "/Date(1767225600000)/", datetime(2026, 1, 1, tzinfo=UTC)),
        (DateTime(), "/Date(1767225600000+0100)/", datetime(2026, 1, 1, tzinfo=UTC)),
        (DateTime(), "/Date(-1000)/", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (DateTime(zone=BERLIN), "2026-07-01 12:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        (DateTime(zone=BERLIN), "2026-01-15", datetime(2026, 1, 14, 23, tzinfo=UTC)),
        (DateTime(zone=UTC, format="%d.%m.%Y"), "31.12.2025", datetime(2025, 12, 31, tzinfo=UTC)),
        (DateTime(unit="s"), 1767225600, datetime(2026, 1, 1, tzinfo=UTC)),
        (DateTime(unit="ms"), 1767225600123, datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)),
        (DateTime(unit="s"), Decimal("1767225600.25"), datetime(2026, 1, 1, 0, 0, 0, 250000, tzinfo=UTC)),
    ],
)
def test_times(converter, given, read):
    assert converter.read(given) == read


@given(finite)
def test_amounts_go_there_and_back(value):
    for converter in (Money(), Money(as_text=True), Money(as_text=True, decimal=","), Number()):
        assert converter.read(converter.write(value)) == value


@given(st.integers(-(10**12), 10**12))
def test_quantities_go_there_and_back(value):
    for converter in (Quantity(), Quantity(as_text=True)):
        assert converter.read(converter.write(value)) == value


@given(st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_times_go_there_and_back(naive):
    value = naive.replace(tzinfo=UTC)
    assert DateTime().read(DateTime().write(value)) == value
    whole = value.replace(microsecond=0)
    dated = DateTime(format="%Y%m%d%H%M%S", zone=timezone(timedelta(hours=5, minutes=45)))
    assert dated.read(dated.write(whole)) == whole


@given(
    st.one_of(
        st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.integers()), st.binary()
    )
)
def test_nothing_else_is_raised(value):
    many = (Money(), Quantity(), Text(), Boolean(), DateTime(unit="s"), Tags(), Money(decimal=",", group="."))
    for converter in many:
        with suppress(ValueError):
            converter.read(value)


def test_our_own_texts_are_written_in_the_systems_notation():
    assert Money(as_text=True, decimal=",").write("1234.50") == "1234,50"
    with pytest.raises(ValueError, match="no number"):
        Money(decimal=",").write("12,50")


def test_paths():
    row = {"a": {"b": [{"c": 1}, {"c": 2}]}, "x.y": 3, "n": None}
    assert field("a.b.1.c").read(row) == 2
    assert field("x.y").read(row) == 3
    assert field("n.deeper").read(row) is None
    for path in ("a.b.7.c", "a.b.c", "q", "a.b.1.c.d"):
        assert field(path).read({}) is lookup({}, path) is field(path).read(row)


def test_a_field_takes_a_type_an_instance_or_a_function():
    assert field("p", be.Money).read({"p": "1.50"}) == Decimal("1.50")
    assert field("p", be.Money(decimal=",")).read({"p": "1,50"}) == Decimal("1.50")
    assert field("p", str.upper).read({"p": "abc"}) == "ABC"
    assert field("p").read({"p": [1]}) == [1]
    assert field(lambda row: row["a"] + row["b"], be.Quantity).read({"a": 1, "b": 2}) == 3

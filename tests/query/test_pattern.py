"""Patterns against Python's own engine, on the texts and patterns where that one can be trusted."""

import pickle
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkeditor.errors import InvalidInputError
from bulkeditor.query import F
from bulkeditor.query._pattern import Pattern
from bulkeditor.sandbox._patterns import PatternError, compile_pattern

# ---- random patterns of every construct ----

CHARS = ["a", "b", "c", "-", " ", "\n", "é", "5", "_", "."]
atoms = st.one_of(
    st.sampled_from(["a", "b", "c", "é", "5", " ", "-", "]", "}"]),
    st.sampled_from([".", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r"\.", r"\-", r"\n", r"\(", r"\é"]),
    st.sampled_from(["[ab]", "[^ab]", "[a-c]", "[^a-c5]", r"[\d-]", r"[^\s\w]", "[-a]", r"[\]\\^a]", "[.é]"]),
)
signs = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0}", "{1,}", "{0,2}", "{1,3}"])


def repeated(item: str) -> st.SearchStrategy[str]:
    return signs.map(lambda sign: item + sign)


def series(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(parts.flatmap(repeated), max_size=4).map("".join)


def grouped(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    choices = st.lists(series(parts), min_size=1, max_size=3).map("|".join)
    return st.one_of(choices.map("({})".format), choices.map("(?:{})".format))


pieces = st.recursive(atoms, grouped, max_leaves=6)
branches = st.builds("{}{}{}".format, st.sampled_from(["", "^"]), series(pieces), st.sampled_from(["", "$"]))
patterns = st.lists(branches, min_size=1, max_size=3).map("|".join)
texts = st.lists(st.sampled_from(CHARS), max_size=12).map("".join)


def python_says(pattern: str, text: str) -> bool:
    # Python's $ also stands before a last line break; ours, and \Z, at the end alone.
    return re.search(pattern.replace(r"\$", "\0").replace("$", r"\Z"), text, re.ASCII) is not None


@given(patterns, st.lists(texts, min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_python_client_and_server_find_the_same(pattern, subjects):
    ours, servers = Pattern(pattern), compile_pattern(pattern)
    for text in subjects:
        expected = python_says(pattern, text)
        assert ours.found_in(text) is expected, (pattern, text)
        assert servers(text) is expected, (pattern, text)


@given(st.text(st.sampled_from(r"ab\()[]{}|*+?^$.-,:=!0123dwsbDn"), max_size=14), st.lists(texts, max_size=3))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_pattern_for_both_sides_or_for_none(pattern, subjects):
    try:
        ours = Pattern(pattern)
    except InvalidInputError:
        with pytest.raises(PatternError):
            compile_pattern(pattern)
        return
    servers = compile_pattern(pattern)
    for text in subjects:
        assert ours.found_in(text) is servers(text), (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "found", "missed"),
    [
        (r"^TS-\d+$", ["TS-1", "TS-00042"], ["TS-", "TS-1a", "xTS-1", "TS-1\n"]),
        ("Shirt|Tee", ["T-Shirt", "Tee"], ["shirt", "te"]),
        ("^sale$|^new", ["sale", "new", "newer"], ["sales", "renew"]),
        ("(?:ab){2,3}", ["abab", "xababab"], ["ab", "aba"]),
        (r"\.99$", ["9.99"], ["9.98", "9.99 "]),
        ("", ["", "x"], []),
        ("^$", [""], ["x", "\n"]),
        (r"[^\x21-]".replace("x21", "!"), ["a", "\n"], ["!", "-", ""]),
    ],
)
def test_patterns(pattern: str, found: list[str], missed: list[str]):
    condition = F.title.matches(pattern)
    for text in found:
        assert condition.matches({"title": text}), text
    for text in missed:
        assert not condition.matches({"title": text}), text
        assert (~condition).matches({"title": text}), text


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", '"(" at character 1 of the pattern opens a group that is not closed'),
        ("a)", '")" at character 2 of the pattern closes nothing'),
        ("[a", "opens a set that is not closed"),
        ("[]", r"opens an empty set. Write \] for the character"),
        ("[z-a]", "range that has no order"),
        (r"[\d-z]", "range that has no order"),
        ("*a", r"repeats nothing. Write \* for the character"),
        ("a**", "cannot follow another repetition"),
        ("a*?", "cannot follow another repetition"),
        ("a*+", "cannot follow another repetition"),
        ("a{", r"begins no repetition like {2}, {2,} or {2,4}. Write \{ for the character"),
        ("a{3,2}", "ends before it begins"),
        ("a{300}", "not between 0 and 256"),
        ("((a{200}){200}){200}", "comes to more than 256 characters"),
        ("a" * 257, "comes to more than 256 characters"),
        ("a" * 501, "has 501 characters; at most 500 are taken"),
        ("(" * 21 + ")" * 21, "more than 20 groups in one another"),
        ("(?=a)", r"of a kind that is not supported. Use ( ) or (?: )"),
        ("(?i)a", "of a kind that is not supported"),
        (r"(a)\1", r'"\1" at character 4 of the pattern is not supported'),
        (r"\bshirt\b", r'"\b" at character 1 of the pattern is not supported'),
        ("a^b", '"^" at character 2 of the pattern may only begin'),
        ("(a$)", '"$" at character 3 of the pattern may only end'),
        ("(a", '"(" at character 1'),
        ("a|[", '"[" at character 3'),
        ("a$b", "cannot follow $"),
        ("a\\", "escapes nothing"),
    ],
)
def test_what_is_no_pattern_is_one_clear_error(pattern: str, message: str):
    with pytest.raises(InvalidInputError) as caught:
        F.title.matches(pattern)
    assert message in str(caught.value)
    assert caught.value.errors[0].field == "title"
    with pytest.raises(PatternError):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a|a)*b", "(a|aa)+$b?c", "(.*)(.*)(.*)(.*)x", "(a?){30}a{30}b", "([a-z]+)*!"]
)
def test_patterns_that_ruin_other_engines_are_ordinary_here(pattern: str):
    if "$b" in pattern:
        with pytest.raises(InvalidInputError):
            Pattern(pattern)
        return
    assert Pattern(pattern).found_in("a" * 20_000) is False
    assert compile_pattern(pattern)("a" * 2_000) is False


def test_what_is_remembered_has_a_bound():
    pattern = Pattern("(a|b)*a(a|b){40}c")
    rnd = random.Random(1)
    assert not pattern.found_in("".join(rnd.choice("ab") for _ in range(20_000)))
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))
    assert not pattern.found_in(text)
    assert len(pattern._enters) <= 4096
    assert len(pattern._next) <= 4096


def test_patterns_travel_and_compare():
    pattern = Pattern("a|b")
    pattern.found_in("abc")
    assert pickle.loads(pickle.dumps(pattern)) == pattern == Pattern("a|b") != Pattern("b|a")
    assert hash(pattern) == hash(Pattern("a|b"))
    assert repr(pattern) == "Pattern('a|b')"

"""The whole language of conditions at random: one question, written five ways by five independent hands.

A question is a plain tuple. From it come the condition that F builds, a text in somebody's own spelling, the
API's JSON filter (where that can say it), and the answer of an oracle that knows nothing of the library.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, DecimalException, localcontext
from typing import Any

from bulkeditor.query import Condition, Expression, F, all_of, any_of

Question = tuple[Any, ...]

# ---- rows: every column may be missing ----

WORDS = [
    "",
    "A",
    "a",
    "ab",
    "Acme",
    "acme co",
    "b",
    "Ü",
    "ß",
    "100%",
    "_",
    "x,y",
    "O'Neil",
    'say "hi"',
    "a\\b",
    "\n",
]
VENDORS = [*WORDS, "Premium Brand", "Nord", "and", "null", "10"]
MONEY = [Decimal(text) for text in ("0", "0.0121", "4.5", "10.00", "10.01", "-1", "29.99", "100", "1000000")]
COUNTS = [-3, 0, 1, 7, 9, 10, 11, 250]
TAGS = ["sale", "new", "summer", "discontinued", "low-stock", "Ü", "a b"]
TIMES = [
    datetime(2024, 6, 1, tzinfo=UTC) + timedelta(hours=7 * step, milliseconds=step % 2) for step in range(8)
]
COLOURS = ["jade", "red", "Red", ""]
PATTERNS = [
    "^A", "a$", "[A-Z]", r"\d", "a|b", "^.{1,3}$", r"^\w+ \w+$", "[^a-z ]", "(ab|c)+", "^(?:Acme|Nord)$",
    r"[\"']", "^$",
]  # fmt: skip
TEXTS = {
    "vendor": VENDORS,
    "title": WORDS,
    "barcode": WORDS,
    "handle": WORDS,
    "status": ["active", "draft", "archived"],
}
NUMBERS = {"price": MONEY, "compare_at_price": MONEY, "cost": MONEY, "inventory_quantity": COUNTS}
DOTTED: dict[str, list[Any]] = {
    "custom_fields.season": ["summer", "winter", 10, Decimal("2.5"), True, False],
    "custom_fields.rank of it": [1, 2, 3, Decimal("2.5"), "2", True],
    "options.Color": COLOURS,
}
HAYSTACKS = {**TEXTS, "options.Color": COLOURS, "custom_fields.season": ["summer", "winter"]}
NULLABLE = ["vendor", "barcode", "price", "compare_at_price", "cost", "handle"]


def make_rows(rnd: random.Random, count: int) -> list[dict[str, Any]]:
    return [_row(rnd, number) for number in range(count)]


def _row(rnd: random.Random, number: int) -> dict[str, Any]:
    def maybe(values: list[Any]) -> Any:
        return None if rnd.random() < 0.25 else rnd.choice(values)

    entries = {name.partition(".")[2]: rnd.choice([*values, None]) for name, values in DOTTED.items()}
    created = rnd.choice(TIMES)
    return {
        "id": f"p{number}",
        "sku": f"S-{number:03}",
        "title": "Thing " + rnd.choice(WORDS),
        "status": rnd.choice(TEXTS["status"]),
        **{name: maybe(VENDORS if name == "vendor" else WORDS) for name in ("vendor", "barcode", "handle")},
        **{name: maybe(MONEY) for name in ("price", "compare_at_price", "cost")},
        "inventory_quantity": rnd.choice(COUNTS),
        "tags": rnd.sample(TAGS, rnd.randrange(4)),
        "custom_fields": {name: entries[name] for name in ("season", "rank of it") if rnd.random() < 0.8},
        "options": {"Color": rnd.choice(COLOURS)} if rnd.random() < 0.7 else {},
        "created_at": created,
        "updated_at": created,
    }


# ---- questions ----

ORDERED = ("lt", "lte", "gt", "gte")
LEAVES = (
    "text", "text", "number", "number", "time", "dotted", "tags", "null", "in", "between", "look", "look",
    "matches",
)  # fmt: skip
LOCAL_LEAVES = ("fields", "computed", "computed", "computed_in", "computed_null")


def make_question(rnd: random.Random, depth: int, *, local: bool = False) -> Question:
    """A random question.

    Args:
        rnd: Where it comes from.
        depth: How many levels of AND, OR and NOT it may have.
        local: Whether it may ask what a JSON filter cannot say.
    """
    if depth and rnd.random() < 0.6:
        kind = rnd.choice(("and", "and", "or", "or", "not"))
        if kind == "not":
            return "not", make_question(rnd, depth - 1, local=local)
        count = rnd.choice((2, 2, 2, 3))
        return kind, tuple(make_question(rnd, depth - 1, local=local) for _ in range(count))
    kind = rnd.choice(LOCAL_LEAVES if local and rnd.random() < 0.6 else LEAVES)
    leaf: Question = _LEAVES[kind](rnd)
    return leaf


def _text(rnd: random.Random) -> Question:
    name = rnd.choice(list(TEXTS))
    return "compare", name, rnd.choice(("eq", "ne", *ORDERED)), rnd.choice(TEXTS[name])


def _number(rnd: random.Random) -> Question:
    name = rnd.choice(list(NUMBERS))
    return "compare", name, rnd.choice(("eq", "ne", *ORDERED)), rnd.choice(NUMBERS[name])


def _time(rnd: random.Random) -> Question:
    return "compare", "created_at", rnd.choice(("eq", "ne", *ORDERED)), rnd.choice(TIMES)


def _dotted(rnd: random.Random) -> Question:
    name = rnd.choice(list(DOTTED))
    value = rnd.choice(DOTTED[name])
    ops = ("eq", "ne") if isinstance(value, bool) else ("eq", "ne", *ORDERED)
    return "compare", name, rnd.choice(ops), value


def _tags(rnd: random.Random) -> Question:
    if rnd.random() < 0.2:
        return "compare", "tags", rnd.choice(("eq", "ne")), tuple(rnd.sample(TAGS, rnd.randrange(3)))
    op = rnd.choice(("eq", "ne", "contains", "contains"))
    return ("look" if op == "contains" else "compare"), "tags", op, rnd.choice(TAGS)


def _null(rnd: random.Random) -> Question:
    return "null", rnd.choice([*NULLABLE, *DOTTED])


def _in(rnd: random.Random) -> Question:
    name, values = rnd.choice([*TEXTS.items(), *NUMBERS.items(), *DOTTED.items(), ("tags", TAGS)])
    return "in", name, tuple(rnd.choice(values) for _ in range(rnd.choice((0, 1, 2, 3, 3))))


def _between(rnd: random.Random) -> Question:
    name, values = rnd.choice([*TEXTS.items(), *NUMBERS.items(), ("created_at", TIMES)])
    low, high = sorted((rnd.choice(values), rnd.choice(values)))
    return "between", name, low, high


def _look(rnd: random.Random) -> Question:
    name = rnd.choice(list(HAYSTACKS))
    needle = rnd.choice(HAYSTACKS[name])
    start, end = sorted((rnd.randrange(len(needle) + 1), rnd.randrange(len(needle) + 1)))
    return "look", name, rnd.choice(("contains", "starts_with", "ends_with")), needle[start:end]


def _matches(rnd: random.Random) -> Question:
    return "matches", rnd.choice(list(HAYSTACKS)), rnd.choice(PATTERNS)


def _expression(rnd: random.Random, depth: int) -> Question:
    if not depth or rnd.random() < 0.2:
        return "field", rnd.choice([*NUMBERS, "custom_fields.rank of it"])
    left = _expression(rnd, depth - 1)
    right = rnd.choice((("constant", rnd.choice([*MONEY, *COUNTS])), _expression(rnd, depth - 1)))
    left, right = (left, right) if rnd.random() < 0.7 else (right, left)
    return rnd.choice("+-*/"), left, right


def _fields(rnd: random.Random) -> Question:
    names = rnd.choice([list(NUMBERS), list(TEXTS)])
    return (
        "fields",
        ("field", rnd.choice(names)),
        rnd.choice(("eq", "ne", *ORDERED)),
        ("field", rnd.choice(names)),
    )


def _computed(rnd: random.Random) -> Question:
    sides = [_expression(rnd, 2), rnd.choice((("constant", rnd.choice(MONEY)), _expression(rnd, 1)))]
    rnd.shuffle(sides)
    return "fields", sides[0], rnd.choice(("eq", "ne", *ORDERED)), sides[1]


def _computed_in(rnd: random.Random) -> Question:
    return (
        "computed_in",
        ("*", ("field", rnd.choice(list(NUMBERS))), ("constant", 2)),
        tuple(rnd.sample(MONEY, 3)),
    )


def _computed_null(rnd: random.Random) -> Question:
    return "computed_null", ("/", _expression(rnd, 1), ("field", rnd.choice(list(NUMBERS))))


_LEAVES = {
    "text": _text, "number": _number, "time": _time, "dotted": _dotted, "tags": _tags, "null": _null,
    "in": _in, "between": _between, "look": _look, "matches": _matches, "fields": _fields,
    "computed": _computed, "computed_in": _computed_in, "computed_null": _computed_null,
}  # fmt: skip


def operators(question: Question) -> list[str]:
    """What a question uses, for the count at the end of a simulation."""
    match question:
        case ("and" | "or") as kind, parts:
            return [kind, *(name for part in parts for name in operators(part))]
        case "not", part:
            return ["not", *operators(part)]
        case ("compare" | "look" | "fields") as kind, left, op, right:
            names = [f"{left} {op}" if left == "tags" else op]
            return names + _signs(left) + _signs(right) if kind == "fields" else names
        case ("computed_in" | "computed_null") as kind, side, *_:
            return [kind, *_signs(side)]
        case kind, *_:
            return [kind]
    raise AssertionError(question)


def _signs(side: Question) -> list[str]:
    op, *parts = side
    return [op, *(sign for part in parts for sign in _signs(part))] if op in {"+", "-", "*", "/"} else []


# ---- as F builds it ----


def built(question: Question) -> Condition:  # noqa: PLR0911
    match question:
        case "and", parts:
            return all_of(map(built, parts))
        case "or", parts:
            return any_of(map(built, parts))
        case "not", part:
            return ~built(part)
        case "compare", name, op, value:
            return _compared(F[name], op, value)
        case "fields", left, op, right:
            return _compared(_expressed(left), op, _expressed(right))
        case "null", name:
            return F[name].is_null()
        case "computed_null", side:
            return _expressed(side).is_null()
        case "in", name, values:
            return F[name].isin(values)
        case "computed_in", side, values:
            return _expressed(side).isin(values)
        case "between", name, low, high:
            return F[name].between(low, high)
        case "look", name, op, needle:
            condition: Condition = getattr(F[name], op)(needle)
            return condition
        case "matches", name, pattern:
            return F[name].matches(pattern)
    raise AssertionError(question)


def _compared(left: Any, op: str, right: Any) -> Any:
    compare = {
        "eq": lambda: left == right,
        "ne": lambda: left != right,
        "lt": lambda: left < right,
        "lte": lambda: left <= right,
        "gt": lambda: left > right,
        "gte": lambda: left >= right,
    }
    return compare[op]()


def _expressed(side: Question) -> Any:
    match side:
        case "field", name:
            return F[name]
        case "constant", value:
            return value
        case op, left, right:
            return _calculated(op, _expressed(left), _expressed(right))
    raise AssertionError(side)


def _calculated(op: str, left: Any, right: Any) -> Any:
    assert isinstance(left, Expression) or isinstance(right, Expression), "Python's own arithmetic"
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
    }[op]()


# ---- as somebody might write it ----


class Writer:
    """Writes questions as text, in spellings that vary."""

    def __init__(self, rnd: random.Random) -> None:
        self._rnd = rnd

    def write(self, question: Question, level: int = 0) -> str:
        text, binds = self._parts(question)
        return f"({text})" if binds <= level or self._rnd.random() < 0.1 else text

    def _parts(self, question: Question) -> tuple[str, int]:
        match question:
            case "and", parts:
                return self._word(" and ").join(self.write(part, 2) for part in parts), 2
            case "or", parts:
                return self._word(" or ").join(self.write(part, 1) for part in parts), 1
            case "not", ("null", name):
                return f"{self._name(name)}{self._word(' is not null ')}", 4
            case "not", ("in" | "between" | "look" | "matches", *_) as part if self._rnd.random() < 0.4:
                return self._leaf(part, self._word(" not ")), 4
            case "not", part:
                return f"{self._word('not ')}{self.write(part, 3)}", 3
            case _:
                return self._leaf(question, ""), 4

    def _leaf(self, question: Question, negation: str) -> str:  # noqa: PLR0911
        match question:
            case "compare", name, op, value:
                if op in {*ORDERED} and self._rnd.random() < 0.3 and not isinstance(value, tuple):
                    return f"{self._value(value)} {self._sign(_MIRRORED[op])} {self._name(name)}"
                return f"{self._name(name)}{self._space()}{self._sign(op)}{self._space()}{self._value(value)}"
            case "fields", left, op, right:
                return f"{self._side(left, 0)} {self._sign(op)} {self._side(right, 0)}"
            case "null", name:
                return f"{self._name(name)}{self._word(' is null')}"
            case "computed_null", side:
                return f"{self._side(side, 0)}{self._word(' is null')}"
            case "in", name, values:
                return f"{self._name(name)}{negation}{self._word(' in ')}({self._values(values)})"
            case "computed_in", side, values:
                return f"{self._side(side, 0)}{self._word(' in ')}({self._values(values)})"
            case "between", name, low, high:
                ends = f"{self._value(low)}{self._word(' and ')}{self._value(high)}"
                return f"{self._name(name)}{negation}{self._word(' between ')}{ends}"
            case "look", name, op, needle:
                return self._called(name, op, needle, negation)
            case "matches", name, pattern:
                return self._called(name, "matches", pattern, negation)
        raise AssertionError(question)

    def _called(self, name: str, op: str, text: str, negation: str) -> str:
        if negation or self._rnd.random() < 0.5:
            return f"{self._name(name)}{negation} {self._word(op)} {self._quoted(text)}"
        return f"{self._name(name)}.{self._word(op)}{self._space()}({self._quoted(text)})"

    def _side(self, side: Question, level: int) -> str:
        match side:
            case "field", name:
                return self._name(name)
            case "constant", value:
                return self._value(value)
            case op, left, right:
                binds = 1 if op in "+-" else 2
                text = f"{self._side(left, binds - 1)} {op} {self._side(right, binds)}"
                return f"({text})" if binds <= level or self._rnd.random() < 0.1 else text
        raise AssertionError(side)

    def _values(self, values: tuple[Any, ...]) -> str:
        return f",{self._space()}".join(map(self._value, values))

    def _value(self, value: Any) -> str:
        if isinstance(value, bool):
            return self._word("true" if value else "false")
        if isinstance(value, datetime):
            zone = timezone(timedelta(minutes=self._rnd.choice((0, 120, -330))))
            word = self._word("timestamp ") if self._rnd.random() < 0.5 else ""
            return word + json.dumps(value.astimezone(zone).isoformat())
        if isinstance(value, tuple):
            return "[" + ", ".join(map(self._quoted, value)) + "]"
        if isinstance(value, str):
            return self._quoted(value)
        zeros = "0" * self._rnd.randrange(3) if "." in str(value) else ""
        return f"{value}{zeros}"

    def _quoted(self, text: str) -> str:
        if self._rnd.random() < 0.5:
            return json.dumps(text, ensure_ascii=self._rnd.random() < 0.5)
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def _name(self, name: str) -> str:
        plain = re.fullmatch(r"[a-z_]+(\.[A-Za-z_]+)?", name)
        return name if plain and self._rnd.random() < 0.8 else f"`{name}`"

    def _sign(self, op: str) -> str:
        return self._rnd.choice({"eq": ("=", "=="), "ne": ("!=", "<>")}.get(op, (_SIGNS[op],)))

    def _word(self, word: str) -> str:
        return self._rnd.choice((word, word.upper(), word.title()))

    def _space(self) -> str:
        return self._rnd.choice(("", " ", "  ", "\n"))


_SIGNS = {"eq": "=", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_MIRRORED = {"lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}


# ---- as the API has it ----


def filter_of(question: Question) -> dict[str, Any]:  # noqa: PLR0911
    match question:
        case ("and" | "or") as kind, parts:
            return {kind: [filter_of(part) for part in parts]}
        case "not", ("null", name):
            return {name: {"is_null": False}}
        case "not", ("in", name, values):
            return {name: {"not_in": list(map(_json, values))}}
        case "not", part:
            return {"not": filter_of(part)}
        case "compare", name, "eq", value:
            return {name: _json(value)}
        case "compare", name, op, value:
            return {name: {op: _json(value)}}
        case "null", name:
            return {name: None}
        case "in", name, values:
            return {name: {"in": list(map(_json, values))}}
        case "between", name, low, high:
            return {name: {"gte": _json(low), "lte": _json(high)}}
        case "look", name, op, needle:
            return {name: {op: needle}}
        case "matches", name, pattern:
            return {name: {"matches": pattern}}
    raise AssertionError(question)


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


# ---- the oracle: Kleene's tables, and the simplest code that could say what a leaf means ----

Truth = bool | None


def oracle(question: Question, row: Mapping[str, Any]) -> Truth:  # noqa: PLR0911
    match question:
        case "and", parts:
            truths = [oracle(part, row) for part in parts]
            return False if False in truths else None if None in truths else True
        case "or", parts:
            truths = [oracle(part, row) for part in parts]
            return True if True in truths else None if None in truths else False
        case "not", part:
            truth = oracle(part, row)
            return None if truth is None else not truth
        case "compare", name, op, value:
            return _answer(op, _held(row, name), value, mixed="." in name)
        case "fields", left, op, right:
            sides = _worth(left, row), _worth(right, row)
            return _answer(op, *sides, mixed="custom_fields" in repr((left, right)))
        case "null", name:
            return _held(row, name) is None
        case "computed_null", side:
            return _worth(side, row) is None
        case "in", name, values:
            return oracle(("or", tuple(("compare", name, "eq", value) for value in values)), row)
        case "computed_in", side, values:
            return oracle(("or", tuple(("fields", side, "eq", ("constant", value)) for value in values)), row)
        case "between", name, low, high:
            return oracle(("and", (("compare", name, "gte", low), ("compare", name, "lte", high))), row)
        case "look", name, op, needle:
            return _looked(_held(row, name), op, needle)
        case "matches", name, pattern:
            held = _held(row, name)
            return (
                re.search(pattern.replace("$", r"\Z"), held, re.ASCII) is not None
                if isinstance(held, str)
                else None
            )
    raise AssertionError(question)


def _held(row: Mapping[str, Any], name: str) -> Any:
    column, dot, entry = name.partition(".")
    value = row[column]
    return value.get(entry) if dot else value


def _answer(op: str, value: Any, other: Any, *, mixed: bool) -> Truth:
    if value is None or other is None:
        return None
    if isinstance(value, list):
        same = other in value if isinstance(other, str) else tuple(value) == other
        return same is (op == "eq")
    if _kind(value) != _kind(other):
        assert mixed, (value, other)
        return {"eq": False, "ne": True}.get(op)
    if _kind(value) == "flag" and op in ORDERED:
        return None  # no flag is more than another
    answer: bool = _compared(value, op, other)
    return answer


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    return "number" if isinstance(value, int | Decimal) else type(value).__name__


def _looked(held: Any, op: str, needle: str) -> Truth:
    if isinstance(held, list):
        return needle in held
    if not isinstance(held, str):
        return None
    return {
        "contains": needle in held,
        "starts_with": held[: len(needle)] == needle,
        "ends_with": held[len(held) - len(needle) :] == needle if len(needle) <= len(held) else False,
    }[op]


def _worth(side: Question, row: Mapping[str, Any]) -> Any:
    match side:
        case "field", name:
            return _held(row, name)
        case "constant", value:
            return value
    op, *sides = side
    left, right = (_worth(part, row) for part in sides)
    if not (_kind(left) == _kind(right) == "number"):
        return None
    with localcontext(prec=34, rounding=ROUND_HALF_EVEN):
        try:
            return _compute(op, Decimal(left), Decimal(right))
        except DecimalException:
            return None


def _compute(op: str, left: Decimal, right: Decimal) -> Decimal:
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
    }[op]()

"""The JSON filter object, compiled to SQL.

NULL is SQL's own: a comparison with it is unknown, so is its negation, and only rows for which the condition
is true are found. Money and counts are compared as whole numbers, never through a float.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Final, NoReturn

import attrs

from bulkeditor.sandbox._http import Problem, Refusal
from bulkeditor.sandbox._json import JSON
from bulkeditor.sandbox._patterns import PatternError, compile_pattern
from bulkeditor.sandbox._rows import MONEY, MONEY_SCALE, TEXTS, parse_time, tag_needle, tags_key

_OPERATORS: Final = (
    "eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "contains", "starts_with", "ends_with", "matches",
    "is_null",
)  # fmt: skip
_COMPARE: Final = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_GROUPS: Final = ("and", "or", "not")
_MAX_NODES: Final = 400
_MAX_DEPTH: Final = 20
_MAX_LIST: Final = 1000
_INT64: Final = 2**63 - 1


@attrs.frozen
class Sql:
    """A condition: text with ``?``, its parameters, and whether it looks into the JSON documents."""

    text: str
    parameters: tuple[object, ...] = ()
    documents: bool = False

    def __and__(self, other: Sql) -> Sql:
        return _joined("AND", [self, other])


TRUE: Final = Sql("1")
_FALSE: Final = Sql("0")
_UNKNOWN: Final = Sql("NULL")


def compile_filter(value: JSON, *, operators: bool) -> Sql:
    """Compile a filter; ``operators=False`` is the documented reading with bare values only.

    Raises:
        Refusal: 400 ``invalid_filter``, naming the field.
    """
    if not isinstance(value, dict):
        _refuse(None, "The filter must be a JSON object.")
    return _Compiler(operators).group(value, 0)


def _refuse(field: str | None, message: str) -> NoReturn:
    name = None if field is None else field[:100]
    raise Refusal(
        400, "invalid_filter", message, field=name, problems=[Problem(name, "invalid_filter", message)]
    )


def _joined(word: str, parts: list[Sql]) -> Sql:
    if not parts:
        return TRUE if word == "AND" else _FALSE
    if len(parts) == 1:
        return parts[0]
    return Sql(
        "(" + f" {word} ".join(part.text for part in parts) + ")",
        tuple(parameter for part in parts for parameter in part.parameters),
        any(part.documents for part in parts),
    )


def _negated(part: Sql) -> Sql:
    return Sql(f"(NOT {part.text})", part.parameters, part.documents)


class _Compiler:
    def __init__(self, operators: bool) -> None:  # noqa: FBT001 -- private, one caller
        self._operators = operators
        self._nodes = 0

    def group(self, value: JSON, depth: int) -> Sql:
        if not isinstance(value, dict):
            _refuse(None, "Each part of and, or, not must be a JSON object.")
        if depth > _MAX_DEPTH:
            _refuse(None, f"The filter is nested deeper than {_MAX_DEPTH} levels.")
        return _joined("AND", [self._entry(name, item, depth) for name, item in value.items()])

    def _entry(self, name: str, value: JSON, depth: int) -> Sql:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            _refuse(name, f"The filter has more than {_MAX_NODES} conditions.")
        if name in _GROUPS:
            return self._group_entry(name, value, depth)
        field = _field(name)
        if not isinstance(value, dict):
            return field.operate("eq", value)
        if not self._operators:
            _refuse(name, f"{name}: this server filters by equality only; give the value itself.")
        if not value:
            _refuse(name, f"{name}: no operator is given.")
        for operator in value:
            if operator not in _OPERATORS:
                _refuse(name, f"{name}: {operator[:50]!r} is no operator. Known: {', '.join(_OPERATORS)}.")
        return _joined("AND", [field.operate(operator, operand) for operator, operand in value.items()])

    def _group_entry(self, name: str, value: JSON, depth: int) -> Sql:
        if not self._operators:
            _refuse(name, f"{name}: this server filters by equality only.")
        if name == "not":
            return _negated(self.group(value, depth + 1))
        if not isinstance(value, list):
            _refuse(name, f"{name}: give a list of filters.")
        return _joined("AND" if name == "and" else "OR", [self.group(part, depth + 1) for part in value])


class _Field:
    """One filterable field: how its operators read in SQL."""

    sql = ""
    what = "a value"
    texts = False
    documents = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.sql = f"p.{name}"

    def operate(self, operator: str, operand: JSON) -> Sql:  # noqa: PLR0911 -- one line for each operator
        match operator:
            case "eq":
                return self.is_null() if operand is None else self.equals(operand)
            case "ne":
                return _negated(self.operate("eq", operand))
            case "in":
                return self.among(operand)
            case "not_in":
                return _negated(self.among(operand))
            case "is_null":
                if not isinstance(operand, bool):
                    self.refuse("is_null", "true or false")
                return self.is_null() if operand else _negated(self.is_null())
            case "contains" | "starts_with" | "ends_with" | "matches":
                return self.text_operator(operator, operand)
            case _:
                return _UNKNOWN if operand is None else self.compare(_COMPARE[operator], operand)

    def refuse(self, operator: str, wanted: str | None = None) -> NoReturn:
        _refuse(self.name, f"{self.name}: {operator} needs {wanted or self.what} here.")

    def is_null(self) -> Sql:
        return Sql(f"({self.sql} IS NULL)")

    def equals(self, operand: JSON) -> Sql:
        return self.compare("=", operand)

    def among(self, operand: JSON) -> Sql:
        if not isinstance(operand, list):
            self.refuse("in", "a list")
        if len(operand) > _MAX_LIST:
            self.refuse("in", f"a list of at most {_MAX_LIST} values")
        # x IN (…, NULL) is unknown where nothing matches, as in SQL.
        return _joined("OR", [_UNKNOWN if item is None else self.equals(item) for item in operand])

    def compare(self, sign: str, operand: JSON) -> Sql:
        raise NotImplementedError

    def text_operator(self, operator: str, operand: JSON) -> Sql:
        del operand
        _refuse(self.name, f"{self.name}: {operator} works on text only.")


def _text_match(name: str, operator: str, haystack: str, needle: str) -> Sql:
    """Exact, case-sensitive; blobs, because SQLite's text functions stop at NUL and LIKE folds case."""
    if operator == "matches":
        try:
            compile_pattern(needle)
        except PatternError as error:
            _refuse(name, f"{name}: matches cannot read its pattern: {error}.")
        return Sql(f"matches({haystack}, ?)", (needle,))
    blob = needle.encode()
    if operator == "contains":
        return Sql(f"(instr(CAST({haystack} AS BLOB), ?) > 0)", (blob,))
    if not blob:
        return Sql(f"({haystack} IS NOT NULL OR NULL)")
    part = f"1, {len(blob)}" if operator == "starts_with" else f"-{len(blob)}"
    # SQLite's substr of an empty blob is NULL, which would make "unknown" out of "no".
    return Sql(
        f"(CASE WHEN {haystack} IS NOT NULL THEN "
        f"coalesce(substr(CAST({haystack} AS BLOB), {part}), x'') = ? END)",
        (blob,),
    )


class _Text(_Field):
    what = "text"

    def compare(self, sign: str, operand: JSON) -> Sql:
        if not isinstance(operand, str):
            self.refuse(sign)
        return Sql(f"({self.sql} {sign} ?)", (operand,))

    def among(self, operand: JSON) -> Sql:
        # One IN list, so that an index serves it.
        if isinstance(operand, list) and operand and all(isinstance(item, str | None) for item in operand):
            if len(operand) > _MAX_LIST:
                self.refuse("in", f"a list of at most {_MAX_LIST} values")
            return Sql(f"({self.sql} IN ({', '.join('?' * len(operand))}))", tuple(operand))
        return super().among(operand)

    def text_operator(self, operator: str, operand: JSON) -> Sql:
        if not isinstance(operand, str):
            self.refuse(operator)
        return _text_match(self.name, operator, self.sql, operand)


class _Number(_Field):
    """A whole number in the column that stands for ``value * 10**scale``."""

    what = "a number"

    def __init__(self, name: str, scale: int) -> None:
        super().__init__(name)
        self._scale = scale

    def compare(self, sign: str, operand: JSON) -> Sql:
        scaled = _number(operand, self).scaleb(self._scale)
        # A value between two representable ones equals none; for an order it falls to the side that keeps it
        # exact.
        low, high = scaled.to_integral_value(ROUND_FLOOR), scaled.to_integral_value(ROUND_CEILING)
        if low != high and sign == "=":
            return Sql(f"({self.sql} IS NULL AND NULL)")
        key = int(low if sign in {">", "<="} else high)
        if abs(key) > _INT64:
            key = _INT64 if key > 0 else -_INT64
        return Sql(f"({self.sql} {sign} ?)", (key,))


def _number(operand: JSON, field: _Field) -> Decimal:
    if isinstance(operand, str) and field.name in MONEY:
        # Money travels as text in one reading, so a filter may name it as text.
        try:
            operand = Decimal(operand)
        except InvalidOperation:
            field.refuse("a comparison")
    if isinstance(operand, bool) or not isinstance(operand, int | Decimal):
        field.refuse("a comparison")
    value = Decimal(operand)
    if not value.is_finite():
        field.refuse("a comparison")
    # Beyond every stored value, and far too long to scale digit by digit.
    return value if value.adjusted() <= 30 else Decimal(10).scaleb(30).copy_sign(value)  # noqa: PLR2004


class _Time(_Field):
    what = "an RFC 3339 time with an offset"

    def compare(self, sign: str, operand: JSON) -> Sql:
        moment = parse_time(operand) if isinstance(operand, str) else None
        if moment is None:
            self.refuse(sign)
        return Sql(f"({self.sql} {sign} ?)", (moment,))


class _Tags(_Field):
    """A bare text means that tag among others; a list means exactly these tags in this order."""

    what = "a tag or a list of tags"

    def is_null(self) -> Sql:
        return _FALSE

    def equals(self, operand: JSON) -> Sql:
        if isinstance(operand, list):
            tags = [tag for tag in operand if isinstance(tag, str)]
            if len(tags) != len(operand):
                self.refuse("eq")
            return Sql("(p.tags = ?)", (tags_key(tags),))
        return self.text_operator("contains", operand)

    def compare(self, sign: str, operand: JSON) -> Sql:
        del operand
        _refuse("tags", f"tags: {sign} does not work on a list.")

    def text_operator(self, operator: str, operand: JSON) -> Sql:
        if operator != "contains":
            _refuse("tags", f"tags: {operator} does not work on a list; use contains with a whole tag.")
        if not isinstance(operand, str):
            self.refuse(operator)
        return Sql("(instr(p.tags, ?) > 0)", (tag_needle(operand),))


class _Dotted(_Field):
    """A value inside custom_fields or options, looked up in the document by its exact name."""

    what = "text, a number, true or false"

    def __init__(self, name: str, column: str, key: str) -> None:
        super().__init__(name)
        self._source = f"FROM json_each(d.body, '$.{column}') AS e WHERE e.key = ?"
        self._key = key

    def _lookup(self, condition: Sql, types: str, *, otherwise: str) -> Sql:
        # Another type: known to be different, but in no order with it.
        text = (
            f"(SELECT CASE WHEN e.type IN ({types}) THEN {condition.text} WHEN e.type = 'null' THEN NULL "
            f"ELSE {otherwise} END {self._source})"
        )
        return Sql(text, (*condition.parameters, self._key), documents=True)

    def is_null(self) -> Sql:
        return Sql(
            f"(NOT EXISTS (SELECT 1 {self._source} AND e.type <> 'null'))", (self._key,), documents=True
        )

    def compare(self, sign: str, operand: JSON) -> Sql:
        otherwise = "0" if sign == "=" else "NULL"
        if isinstance(operand, bool):
            if sign != "=":
                self.refuse(sign, "text or a number")
            return self._lookup(
                Sql("e.type = ?", ("true" if operand else "false",)), "'true', 'false'", otherwise="0"
            )
        if isinstance(operand, str):
            return self._lookup(Sql(f"e.value {sign} ?", (operand,)), "'text'", otherwise=otherwise)
        if isinstance(operand, int | Decimal):
            # Numbers of any size and shape may stand in custom fields; SQLite reads them as int or double,
            # and so must the other side be read. Money never takes this way.
            number = operand if isinstance(operand, int) and abs(operand) <= _INT64 else float(operand)
            return self._lookup(Sql(f"e.value {sign} ?", (number,)), "'integer', 'real'", otherwise=otherwise)
        return self.refuse(sign)

    def text_operator(self, operator: str, operand: JSON) -> Sql:
        if not isinstance(operand, str):
            self.refuse(operator, "text")
        return self._lookup(_text_match(self.name, operator, "e.value", operand), "'text'", otherwise="NULL")


_KINDS: Final[dict[str, Callable[[str], _Field]]] = {
    **dict.fromkeys(("id", "sku", *TEXTS), _Text),
    **dict.fromkeys(MONEY, lambda name: _Number(name, MONEY_SCALE)),
    "inventory_quantity": lambda name: _Number(name, 0),
    **dict.fromkeys(("created_at", "updated_at"), _Time),
    "tags": _Tags,
}


def _field(name: str) -> _Field:
    kind = _KINDS.get(name)
    if kind is not None:
        return kind(name)
    column, dot, key = name.partition(".")
    if dot and key and column in {"custom_fields", "options"}:
        return _Dotted(name, column, key)
    return _refuse(name, f"{name[:100]!r} is no field to filter by.")

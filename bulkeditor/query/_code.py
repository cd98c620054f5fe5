"""Python text made from a condition's tree: names and constants are slots in it, never part of it.

NULL is handled by construction. NOT is pushed to the leaves while the text is made, and what is made answers
only "definitely true": a leaf whose value is missing is neither definitely true nor, negated, definitely
false. AND and OR of "definitely true" are then plain ``and`` and ``or``, which is SQL's three-valued logic.

A leaf has two ways. The quick one stands in the text and is taken for the types that rows nearly always hold;
the slow one is a call that knows them all, and every error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from bulkeditor.query._calculator import Calculator
from bulkeditor.query._compare import Where, number_of
from bulkeditor.query._read import TAGS, entry_reader, extra_reader, tags_of
from bulkeditor.query._schema import PRODUCT_SCHEMA
from bulkeditor.query._values import Value, kind_of

Verdict: TypeAlias = Callable[..., bool | None]
"""What a leaf says of the values it is given."""

# The operator that holds exactly when the first does not, where both values are there and have an order.
_OPPOSITE: Final[Mapping[str, str]] = MappingProxyType(
    {"eq": "ne", "ne": "eq", "lt": "gte", "gte": "lt", "gt": "lte", "lte": "gt"}
)
_SIGNS: Final[Mapping[str, str]] = MappingProxyType(
    {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
)
_METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {"contains": "{1} in {0}", "starts_with": "{0}.startswith({1})", "ends_with": "{0}.endswith({1})"}
)
_IS_NUMBER: Final = "type(v := {}) is int or type(v) is Decimal and v.is_finite()"
_GUARDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "text": "type(v := {}) is str",
        "number": _IS_NUMBER,
        "flag": "type(v := {}) is bool",
        "time": "type(v := {}) is datetime and v.tzinfo is not None",
    }
)
_FIXED: Final[Mapping[str, object]] = MappingProxyType(
    {
        "AttributeError": AttributeError,
        "KeyError": KeyError,
        "TypeError": TypeError,
        "type": type,
        "bool": bool,
        "int": int,
        "list": list,
        "str": str,
        "datetime": datetime,
        "Decimal": Decimal,
    }
)


class Code:
    """The text of one expression, and what its slots hold.

    Args:
        model: Whether rows are models; otherwise they are plain data.
    """

    def __init__(self, *, model: bool) -> None:
        self._model = model
        self._slots: dict[str, object] = dict(_FIXED)
        self._fields: dict[str, str] = {}
        self._calculator = Calculator()
        self._operations: dict[str, str] = {}

    def bind(self, value: object) -> str:
        """A slot that holds a value."""
        name = f"s{len(self._slots)}"
        self._slots[name] = value
        return name

    def raw(self, name: str) -> str:
        """What the row ``row`` holds for a field; tags may be None."""
        if name not in self._fields:
            self._fields[name] = self._source(name)
        return self._fields[name]

    def _source(self, name: str) -> str:
        column, dot, entry = name.partition(".")
        if not self._model:
            source = f"row[{self.bind(column)}]"
        elif column in PRODUCT_SCHEMA.fields:
            source = f"row.{column}"  # one of our own words
        else:
            source = f"{self.bind(extra_reader(column))}(row)"
        return f"{self.bind(entry_reader(entry, name))}({source})" if dot else source

    def read(self, name: str) -> str:
        """The value of a field."""
        return f"{self.bind(tags_of)}({self.raw(name)})" if name == TAGS else self.raw(name)

    def number(self, where: Where, source: str) -> str:
        """A value as a number, or None; what is neither raises."""
        return f"{self.bind(partial(number_of, where))}({source})"

    def calculation(self, left: str, op: str, right: str) -> str:
        """An operation on two numbers, either of which may be None."""
        if op not in self._operations:
            self._operations[op] = self.bind(self._calculator.operation(op))
        return f"{self._operations[op]}({left}, {right})"

    def leaf(self, verdict: Verdict, *operands: str, negated: bool) -> str:
        """A leaf with its slow way alone.

        Args:
            verdict: What it says of the operands' values.
            operands: Their text.
            negated: Whether to ask for "definitely false".
        """
        return f"({self.bind(verdict)}({', '.join(operands)}) is {not negated})"

    def comparison(self, verdict: Verdict, source: str, op: str, constant: Value, *, negated: bool) -> str:
        """A value against a constant.

        Args:
            verdict: What it says of the value.
            source: The value's text.
            op: How they are compared.
            constant: The constant.
            negated: Whether to ask for "definitely false".
        """
        kind = kind_of(constant)
        if kind == "list":
            return self.leaf(verdict, source, negated=negated)
        if kind == "text" and op == ("ne" if negated else "eq"):
            # What equals a text is one: the type is only looked at where it does not.
            return (
                f"((v := {source}) == {self.bind(constant)} or type(v) is not str and "
                f"v is not None and {self.bind(verdict)}(v) is {not negated})"
            )
        return self.guarded(verdict, source, kind, self._test(op, constant, negated=negated), negated=negated)

    def among_tags(self, verdict: Verdict, name: str, tag: str, *, negated: bool, inside: bool) -> str:
        """Whether a tag is among a row's tags.

        Args:
            verdict: What it says of the tags.
            name: The field.
            tag: The tag.
            negated: Whether to ask for "definitely false".
            inside: Whether the tag should be among them.
        """
        test = f"{self.bind(tag)} {'in' if inside is not negated else 'not in'} v"
        slow = f"{self.bind(verdict)}({self.bind(tags_of)}(v)) is {not negated}"
        return f"({test} if type(v := {self.raw(name)}) is list else {slow})"

    def pair(self, verdict: Verdict, left: str, op: str, right: str, *, negated: bool) -> str:
        """A computed value or a field against another.

        Args:
            verdict: What it says of the two values.
            left: The text of one.
            op: How they are compared.
            right: The text of the other.
            negated: Whether to ask for "definitely false".
        """
        if op not in _SIGNS:
            return self.leaf(verdict, left, right, negated=negated)
        test = f"v {_SIGNS[_OPPOSITE[op] if negated else op]} w"
        guard = f"type(v := {left}) is type(w := {right}) is Decimal and v.is_finite() and w.is_finite()"
        return f"({test} if {guard} else {self.bind(verdict)}(v, w) is {not negated})"

    def guarded(self, verdict: Verdict, source: str, kind: str, test: str, *, negated: bool) -> str:
        """A leaf with both ways.

        Args:
            verdict: What it says of the value.
            source: The value's text.
            kind: The kind of value that takes the quick way.
            test: The quick way, as text about ``v``.
            negated: Whether to ask for "definitely false".
        """
        slow = f"v is not None and {self.bind(verdict)}(v) is {not negated}"
        return f"({test} if {_GUARDS[kind].format(source)} else {slow})"

    def _test(self, op: str, constant: Value, *, negated: bool) -> str:
        slot = self.bind(constant)
        if op in _SIGNS:
            return f"v {_SIGNS[_OPPOSITE[op] if negated else op]} {slot}"
        return f"{'not ' if negated else ''}{_METHODS[op].format('v', slot)}"

    def define(self, body: str, **more: object) -> Callable[..., Any]:
        """Make the function ``run`` out of its text.

        Args:
            body: The text; ``SLOTS`` in its parameter list becomes the slots.
            more: Further slots.
        """
        namespace = {**self._slots, **more}
        # As defaults of parameters the slots are locals of the function, the fastest names there are.
        source = body.replace("SLOTS", ", ".join(f"{name}={name}" for name in namespace))
        namespace["__builtins__"] = {}
        exec(source, namespace)  # noqa: S102 -- our own text; what users wrote is in the slots alone
        run: Callable[..., Any] = namespace["run"]  # type: ignore[assignment]  # made by the line above
        return run


__all__ = ["Code", "Verdict"]

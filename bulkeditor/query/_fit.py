"""Whether what a condition compares can be compared, by what a schema says of its fields."""

from __future__ import annotations

from collections.abc import Iterator

from bulkeditor.errors import FieldError
from bulkeditor.query._operands import FieldRef, Operand, holds
from bulkeditor.query._schema import Schema
from bulkeditor.query._values import ORDERED, TEXTUAL, Value, kind_of, parse_time, to_text


def constant_misfit(schema: Schema, left: Operand, op: str, value: Value) -> Iterator[FieldError]:
    """What an operand can never be compared with, as a row would show."""
    held = left.kind(schema)
    if held is None:
        return
    wanted = kind_of(value)
    fits = {
        "text": wanted == "text",
        "number": wanted == "number",
        "flag": wanted == "flag",
        "time": wanted == "time" or (isinstance(value, str) and parse_time(value) is not None),
        "list": wanted in {"text", "list"} and op not in ORDERED | {"starts_with", "ends_with", "matches"},
    }[held]
    if not fits or (op in TEXTUAL | {"matches"} and held not in {"text", "list"}):
        message = f"it holds {_held(schema, left)} and cannot be compared with {to_text(value)}"
        if held == "time" and isinstance(value, str):
            message += '; a time has a zone, as in "2024-06-01T00:00:00Z"'
        yield FieldError(field=left.label, message=message, code="incompatible_types")


def pair_misfit(schema: Schema, left: Operand, op: str, right: Operand) -> Iterator[FieldError]:
    """As :func:`constant_misfit`, where both sides come from the row."""
    kinds = left.kind(schema), right.kind(schema)
    if None in kinds:
        return
    if op in TEXTUAL:
        fits = kinds == ("text", "text") or (op == "contains" and kinds == ("list", "text"))
    else:
        fits = kinds[0] == kinds[1] or set(kinds) == {"text", "time"}
    if not fits or (op in ORDERED and kinds[0] in {"list", "flag"}):
        message = (
            f"it holds {_held(schema, left)} and cannot be compared with {right}, {_held(schema, right)}"
        )
        yield FieldError(field=left.label, message=message, code="incompatible_types")


def _held(schema: Schema, operand: Operand) -> str:
    named = schema.fields.get(operand.name) if isinstance(operand, FieldRef) else None
    return holds(named or operand.kind(schema))


__all__ = ["constant_misfit", "pair_misfit"]

"""How the Service Layer writes and reads values: plain JSON, numbers as numbers, errors with a number."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from bulkeditor.testing._standin import Answer
from bulkeditor.testing.vendors._sap.odata import ODataError, Prop, Row


def wire(prop: Prop, value: object, *, version: str) -> object:
    """A value as it is sent; days have a time in v2.

    Args:
        prop: Its property.
        value: The value.
        version: ``v1`` or ``v2``.
    """
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d" if version == "v1" else "%Y-%m-%dT00:00:00Z")
    if isinstance(value, Decimal) and prop.type == "Double":
        # A JSON number has no zeros at its end to tell.
        return float(value) if float(value) == value else value
    return value


def read_value(name: str, prop: Prop, value: object) -> object:
    """A value that was sent, checked against its type.

    Raises:
        ODataError: It does not fit.
    """
    if value is None:
        return None
    if prop.type == "DateTime":
        found = re.match(r"\d{4}-\d\d-\d\d", str(value))
        if found:
            return datetime.fromisoformat(found[0]).replace(tzinfo=UTC)
    elif prop.type in ("Double", "Int32"):
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole or (isinstance(value, Decimal) and prop.type == "Double"):
            return Decimal(str(value)) if prop.type == "Double" else value
    elif isinstance(value, str):
        return value
    raise ODataError(400, f"Value '{value}' of property '{name}' is invalid: it is {prop.type}", "-1000")


def body_of(content: bytes) -> Mapping[str, object]:
    """The body of a request; numbers are exact.

    Raises:
        ODataError: It is no JSON object.
    """
    try:
        found: object = json.loads(content, parse_float=Decimal)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ODataError(400, "Invalid JSON content", "-1000")
    return cast("Mapping[str, object]", found)


def values_of(props: Mapping[str, Prop], given: Mapping[str, object], type_name: str) -> Row:
    """The simple values of a body, read.

    Raises:
        ODataError: A property is not there, read-only, or its value does not fit.
    """
    found: Row = {}
    for name, value in given.items():
        if name.startswith(("odata.", "@odata.")):
            continue
        if name not in props:
            raise ODataError(400, f"Property '{name}' of '{type_name}' is invalid", "-1000")
        if props[name].read_only:
            raise ODataError(400, f"Property '{name}' of '{type_name}' is read-only", "-1000")
        found[name] = read_value(name, props[name], value)
    return found


def error_answer(error: ODataError) -> Answer:
    """An error as the Service Layer tells it."""
    code = int(error.code or "-1000")
    body = {"error": {"code": code, "message": {"lang": "en-us", "value": error.message}}}
    return Answer(status=error.status, body=body, headers=error.headers)


__all__ = ["body_of", "error_answer", "read_value", "values_of", "wire"]

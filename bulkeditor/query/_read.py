"""How a field's value is found in a row: plain data or a model, dotted names, missing tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from bulkeditor.errors import NotLoadedError
from bulkeditor.query._schema import PRODUCT_SCHEMA
from bulkeditor.query._values import invalid, kind_of

Read: TypeAlias = Callable[[str], object]
"""Gives the value that a row has for a field."""

TAGS = "tags"
"""The one field that is never missing: a row without tags has none, and ``NOT tags.contains(…)`` holds."""


def reader(row: object) -> Read:
    """A function from names to the values of one row.

    Args:
        row: A model, or plain data.

    Raises:
        NotLoadedError: By the function, where the row lacks a field.
    """

    def read(name: str) -> object:
        column, dot, entry = name.partition(".")
        if isinstance(row, Mapping):
            value = _item(cast("Mapping[str, object]", row), column)
        elif column in PRODUCT_SCHEMA.fields:
            value = getattr(row, column)
        else:
            value = extra_reader(column)(row)
        if dot:
            return entry_reader(entry, name)(value)
        return tags_of(value) if column == TAGS else value

    return read


def _item(row: Mapping[str, object], column: str) -> object:
    if column not in row:
        if column == TAGS:
            return None
        raise NotLoadedError(column, model="row")
    return row[column]


def tags_of(value: object) -> object:
    """Tags, none where there is no value."""
    return [] if value is None else value


def extra_reader(column: str) -> Callable[[Any], object]:
    """Read a field that the models do not know; getattr would find methods as well."""

    def read(row: Any) -> object:
        extra: Mapping[str, object] = row.extra
        if column not in extra:
            raise NotLoadedError(column, model=type(row).__name__)
        return extra[column]

    return read


def entry_reader(entry: str, name: str) -> Callable[[object], object]:
    """Read an entry of a field that holds several; an absent one is NULL."""

    def read(entries: object) -> object:
        if entries is None:
            return None
        if not isinstance(entries, Mapping):
            raise invalid(
                name, f"the field holds {kind_of(entries)}, which has no entries", code="incompatible_types"
            )
        return cast("Mapping[str, object]", entries).get(entry)

    return read


__all__ = ["TAGS", "Read", "entry_reader", "extra_reader", "reader", "tags_of"]

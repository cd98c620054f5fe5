"""The field map: our names, where each stands in the other system's rows, and how it is read and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias, cast

import attrs

from bulkeditor.connectors._convert import Converter, DateTime, Money, Quantity, Raw, Tags, Text
from bulkeditor.errors import ConfigurationError

BROKEN: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What functions that a connector gave for a field raise for a value that they cannot read; converters raise
the first alone."""

MISSING: Final = object()
"""What a path leads to where there is nothing."""

Source: TypeAlias = str | Callable[[Mapping[str, object]], object]
"""A path (``prices.0.amount``), or a function of the row."""

_RAW: Final = Raw()
_KNOWN: Final[Mapping[str, Converter]] = MappingProxyType(
    {
        **dict.fromkeys(("price", "compare_at_price", "cost"), Money()),
        **dict.fromkeys(
            (
                "barcode",
                "category",
                "description",
                "handle",
                "id",
                "product_type",
                "sku",
                "status",
                "title",
                "vendor",
            ),
            Text(),
        ),
        **dict.fromkeys(("created_at", "updated_at"), DateTime()),
        "inventory_quantity": Quantity(),
        "tags": Tags(),
    }
)


@attrs.frozen
class Field:
    """Where one of our fields stands in the other system.

    Args:
        source: Path in its rows, or a function of the row; a function can only be read.
        converter: Reads and writes the value.
    """

    source: Source
    converter: Converter = _RAW

    def read(self, row: Mapping[str, object]) -> object:
        """Our value; :data:`MISSING` where the row does not hold it, None where it holds null.

        Raises:
            ValueError: The value cannot be read.
        """
        found = self.source(row) if callable(self.source) else lookup(row, self.source)
        return found if found is MISSING or found is None else self.converter.read(found)

    def typed(self, value: object) -> object:
        """A value that somebody gave, as it would be read; as it is, where it could not be."""
        try:
            return None if value is None else self.converter.read(value)
        except BROKEN:
            return value

    def write(self, value: object) -> object:
        """What the system takes for our value."""
        return None if value is None else self.converter.write(value)


@attrs.frozen
class _Function(Converter):
    function: Callable[..., object]

    def read(self, value: object) -> object:
        return self.function(value)


def field(
    source: Source,
    type: type[Converter] | Converter | Callable[..., object] | None = None,  # noqa: A002 - reads best
) -> Field:
    """Declare where a field stands and what it is.

    Args:
        source: Path in the row (``prices.0.amount``), or a function of the row.
        type: ``be.Money``, ``be.Text`` … or one of these with arguments (``be.Money(decimal=",")``), or a
            function of the value that raises ValueError for what it cannot read. None = as it is.
    """
    return Field(source, _converter(type))


def _converter(given: type[Converter] | Converter | Callable[..., object] | None) -> Converter:
    if given is None:
        return _RAW
    if isinstance(given, Converter):
        return given
    if isinstance(given, type) and issubclass(given, Converter):
        return given()
    return _Function(cast("Callable[..., object]", given))


def known_converter(name: str) -> Converter | None:
    """The converter of a field that every shop knows: prices, stock, texts, times; None for others."""
    return _KNOWN.get(name)


def fields(declared: Mapping[str, Field | str]) -> Mapping[str, Field]:
    """A declared map with a :class:`Field` for each; a path alone gets the converter of a field so named."""
    return {
        name: entry if isinstance(entry, Field) else Field(entry, _KNOWN.get(name, _RAW))
        for name, entry in declared.items()
    }


def lookup(row: object, path: str) -> object:
    """What stands at a path: names and list positions between dots; a key that holds the dots itself wins."""
    found = _member(row, path)
    if found is not MISSING or "." not in path:
        return found
    here = row
    for part in path.split("."):
        here = _member(here, part)
        if here is MISSING or here is None:
            break
    return here


def _member(value: object, part: str) -> object:
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).get(part, MISSING)
    if isinstance(value, list | tuple) and part.isdecimal():
        items = cast("Sequence[object]", value)
        return items[int(part)] if int(part) < len(items) else MISSING
    return MISSING


def put(body: dict[str, object], path: str, value: object) -> None:
    """Set what stands at a path of names, making the objects on the way.

    Raises:
        ConfigurationError: Something that is no object stands in the way.
    """
    *way, last = path.split(".")
    here = body
    for part in way:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigurationError(f"The field map writes to {path!r}, but {part!r} is a value already.")
        here = cast("dict[str, object]", inner)
    here[last] = value


__all__ = ["BROKEN", "MISSING", "Field", "Source", "field", "fields", "known_converter", "lookup", "put"]

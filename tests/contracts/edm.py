"""An OData service's metadata (EDMX), by pyodata, with the marks that pyodata leaves out."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final
from xml.etree import ElementTree as ET

import attrs
from pyodata.v2.model import Config, EntityType, MetadataBuilder, PolicyIgnore, StructType

_MINUTES: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?"
_LITERALS: Final[Mapping[str, str]] = {
    "Edm.String": r"'(?:[^']|'')*'",
    "Edm.Boolean": r"true|false",
    "Edm.Decimal": r"-?\d+(?:\.\d+)?[mM]?",
    "Edm.Double": r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[dD]?",
    "Edm.Int16": r"-?\d+",
    "Edm.Int32": r"-?\d+",
    "Edm.Int64": r"-?\d+[lL]?",
    "Edm.Guid": r"guid'[0-9a-fA-F-]{36}'",
    "Edm.Time": r"time'PT[0-9HMS.]+'",
    "Edm.DateTime": rf"datetime'{_MINUTES}'",
    "Edm.DateTimeOffset": rf"datetimeoffset'{_MINUTES}(?:Z|[+-]\d\d:\d\d)'",
}
_TEXT_DATE: Final = r"'\d{4}-\d\d-\d\d'"
# JSON of OData 2: numbers with fractions and long integers are strings.
_JSON_TEXTS: Final[Mapping[str, str]] = {
    "Edm.Decimal": r"-?\d+(?:\.\d+)?",
    "Edm.Int64": r"-?\d+",
    "Edm.Guid": r"[0-9a-fA-F-]{36}",
    "Edm.Time": r"PT[0-9HMS.]+",
    "Edm.DateTime": r"/Date\(-?\d+\)/",
    "Edm.DateTimeOffset": r"/Date\(-?\d+(?:[+-]\d{4})?\)/",
}
_SAMPLES: Final[Mapping[str, Any]] = {
    "Edm.String": "X",
    "Edm.Boolean": False,
    "Edm.Decimal": "1",
    "Edm.Double": 1.5,
    "Edm.Int16": 1,
    "Edm.Int32": 1,
    "Edm.Int64": "1",
    "Edm.Guid": "123e4567-e89b-12d3-a456-426614174000",
    "Edm.Time": "PT11H00M00S",
    "Edm.DateTime": "/Date(1767225600000)/",
    "Edm.DateTimeOffset": "/Date(1767225600000+0000)/",
}
_TEXT_SAMPLES: Final[Mapping[str, Any]] = {
    "Edm.Decimal": 1.5,
    "Edm.Int64": 1,
    "Edm.Time": "11:00:00",
    "Edm.DateTime": "2026-01-31",
}


@attrs.frozen(kw_only=True)
class Property:
    """A property of a type: its wire form, and who may write it."""

    name: str
    kind: str
    collection: bool
    max_length: int | None
    precision: int | None
    scale: int | None
    creatable: bool
    updatable: bool
    filterable: bool
    sortable: bool
    etag: bool


@attrs.frozen(kw_only=True)
class Kind:
    """An entity type or a complex type."""

    name: str
    keys: tuple[str, ...]
    properties: Mapping[str, Property]
    links: Mapping[str, tuple[str, bool]]
    """Navigation properties: the type they lead to, and whether to many."""

    @property
    def guarded(self) -> bool:
        """Whether a change needs ``If-Match``."""
        return any(each.etag for each in self.properties.values())


class Metadata:
    """Entity sets and types of a service.

    Args:
        edmx: The document.
        text_dates: Whether dates are texts such as 2026-01-31, as in Business One, and numbers are numbers.
        sets: Further entity sets, to the name of their type; for trimmed documents.
    """

    def __init__(self, edmx: bytes, *, text_dates: bool, sets: Mapping[str, str]) -> None:
        self.text_dates = text_dates
        logging.getLogger("pyodata.model").setLevel(logging.ERROR)  # it warns of each annotation
        config = Config(default_error_policy=PolicyIgnore())
        self._schema = MetadataBuilder(edmx, config=config).build()
        root = ET.fromstring(edmx)
        self._marks = dict(_marks(root))
        self.enums = dict(_enums(root))
        self.functions = {
            node.get("Name", ""): {part.get("Name") for part in _children(node, "Parameter")}
            for node in _all(root, "FunctionImport")
        }
        self.sets = {each.name: each for each in self._schema.entity_sets}
        self._types = {
            **{name: each.entity_type_info.name for name, each in self.sets.items()},
            **sets,
        }
        self._kinds: dict[str, Kind] = {}

    def of_set(self, name: str) -> Kind | None:
        """The type of an entity set; None when there is no such set."""
        return self.kind(self._types[name]) if name in self._types else None

    def allows(self, name: str, method: str) -> bool:
        """Whether an entity set may be written in a way, as its marks say."""
        found = self.sets.get(name)
        if found is None:
            return name in self._types
        return {
            "POST": found.creatable,
            "PATCH": found.updatable,
            "MERGE": found.updatable,
            "PUT": found.updatable,
            "DELETE": found.deletable,
        }.get(method, True)

    def kind(self, name: str) -> Kind:
        """A type by its name without namespace."""
        if name not in self._kinds:
            self._kinds[name] = self._built(name)
        return self._kinds[name]

    def _built(self, name: str) -> Kind:
        try:
            found: StructType = self._schema.entity_type(name)
        except KeyError:
            found = self._schema.complex_type(name)
        entity = isinstance(found, EntityType)
        links = {
            link.name: (link.to_role.entity_type_info.name, link.to_role.multiplicity == "*")
            for link in (found.nav_proprties if entity else ())
        }
        return Kind(
            name=name,
            keys=tuple(each.name for each in found.key_proprties) if entity else (),
            properties={each.name: self._property(name, each) for each in found.proprties()},
            links=links,
        )

    def _property(self, owner: str, found: Any) -> Property:
        marks = self._marks.get((owner, found.name), {})
        writable = marks.get("Writable", "true") == "true"
        return Property(
            name=found.name,
            kind=re.sub(r"^Collection\((.*)\)$", r"\1", marks.get("Type", "")),
            collection=marks.get("Type", "").startswith("Collection("),
            max_length=_number(marks.get("MaxLength")),
            precision=_number(marks.get("Precision")),
            scale=_number(marks.get("Scale")),
            creatable=found.creatable and writable,
            updatable=found.updatable and writable,
            filterable=found.filterable,
            sortable=found.sortable,
            etag=marks.get("ConcurrencyMode") == "Fixed",
        )

    # Values

    def literal_problem(self, each: Property, text: str) -> str | None:
        """What is wrong with a literal of a URL."""
        if text == "null":
            return None
        form = _LITERALS.get(each.kind)
        if form is None:
            return f"{each.name} is of {each.kind}, which cannot be compared"
        if each.kind.startswith("Edm.Date") and self.text_dates:
            form = f"{form}|{_TEXT_DATE}"
        if not re.fullmatch(form, text):
            return f"{text} is no literal of {each.kind}, which {each.name} is"
        held = text[1:-1].replace("''", "'") if each.kind == "Edm.String" else ""
        if each.max_length is not None and len(held) > each.max_length:
            return f"{text} is longer than {each.max_length}, which {each.name} holds"
        return None

    def value_problem(self, each: Property, value: object) -> str | None:
        """What is wrong with a value in JSON."""
        if value is None:
            return None
        if each.kind in self.enums:
            members = self.enums[each.kind]
            return None if value in members else f"{value!r} is none of {', '.join(sorted(members)[:6])} …"
        if self._fits(each, value):
            return None
        return f"{value!r} is no {each.kind}" + (f"({each.precision},{each.scale})" if each.precision else "")

    def sample(self, kind: Kind) -> dict[str, Any]:
        """A row with every property."""
        row: dict[str, Any] = {}
        for each in kind.properties.values():
            if each.collection:
                row[each.name] = []
            elif each.kind in self.enums:
                row[each.name] = min(self.enums[each.kind])
            else:
                samples = {**_SAMPLES, **_TEXT_SAMPLES} if self.text_dates else _SAMPLES
                row[each.name] = samples.get(each.kind)
        return row

    def _fits(self, each: Property, value: object) -> bool:
        text = value if isinstance(value, str) else None
        number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        if self.text_dates and each.kind in _TEXT_SAMPLES:
            return (
                number if each.kind in {"Edm.Decimal", "Edm.Int64"} else bool(re.match(r"\d\d", text or ""))
            )
        match each.kind:
            case "Edm.String":
                fits = text is not None and len(text) <= (each.max_length or len(text))
            case "Edm.Boolean":
                fits = isinstance(value, bool)
            case "Edm.Int16" | "Edm.Int32" | "Edm.Byte":
                fits = isinstance(value, int) and number
            case "Edm.Double":
                fits = number or bool(re.fullmatch(_LITERALS[each.kind], text or ""))
            case kind if kind in _JSON_TEXTS:
                fits = bool(re.fullmatch(_JSON_TEXTS[kind], text or ""))
                fits = fits and (kind != "Edm.Decimal" or _within(Decimal(text or "0"), each))
            case _:
                fits = True
        return fits


def _within(value: Decimal, each: Property) -> bool:
    if each.precision is None:
        return True
    scale = each.scale or 0
    shifted = value.scaleb(scale)
    return shifted == shifted.to_integral_value() and abs(shifted) < Decimal(10) ** each.precision


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _all(root: ET.Element, tag: str) -> Iterator[ET.Element]:
    return (node for node in root.iter() if node.tag.rpartition("}")[2] == tag)


def _children(node: ET.Element, tag: str) -> Iterator[ET.Element]:
    return (child for child in node if child.tag.rpartition("}")[2] == tag)


def _marks(root: ET.Element) -> Iterator[tuple[tuple[str, str], Mapping[str, str]]]:
    for tag in ("EntityType", "ComplexType"):
        for kind in _all(root, tag):
            for part in _children(kind, "Property"):
                yield (kind.get("Name", ""), part.get("Name", "")), part.attrib


def _enums(root: ET.Element) -> Iterator[tuple[str, frozenset[str]]]:
    for schema in _all(root, "Schema"):
        for node in _children(schema, "EnumType"):
            members = frozenset(part.get("Name", "") for part in _children(node, "Member"))
            yield f"{schema.get('Namespace')}.{node.get('Name')}", members


__all__ = ["Kind", "Metadata", "Property"]

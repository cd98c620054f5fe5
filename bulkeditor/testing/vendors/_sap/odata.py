"""What the OData services of SAP have in common: entity sets, addresses and query options.

Written from OData 2.0, "URI conventions" (https://www.odata.org/documentation/odata-version-2-0/). How rows,
errors and pages look is each service's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Final, TypeAlias, cast
from urllib.parse import unquote

import attrs

Row: TypeAlias = dict[str, object]
Literal: TypeAlias = tuple[str, object]
"""What kind of literal it is in an address (``string``, ``number``, ``datetime`` …), and its value."""
Filter: TypeAlias = Callable[[Mapping[str, object]], bool]


class ODataError(Exception):
    """A request that the service refuses.

    Args:
        status: HTTP status.
        message: In the service's words.
        code: In the service's words.
        headers: More header fields.
    """

    def __init__(
        self, status: int, message: str, code: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers = headers or {}


@attrs.frozen
class Prop:
    """A property of an entity.

    Args:
        type: Its EDM type without the namespace: ``String``, ``Decimal``, ``DateTime`` …
        size: Most characters of a String, most digits of a Decimal.
        scale: Digits after the point.
        read_only: Whether only the system sets it.
    """

    type: str = "String"
    size: int | None = None
    scale: int = 0
    read_only: bool = False


@attrs.frozen
class Link:
    """A navigation property.

    Args:
        target: The set that it leads to.
        on: The property that both sides have in common.
        many: Whether it leads to several.
    """

    target: str
    on: str
    many: bool = True


@attrs.frozen(kw_only=True)
class EntitySet:
    """A set of entities.

    Args:
        name: Its name in the address.
        type: The name of its entity type.
        keys: The properties of its key.
        props: All properties.
        links: Navigation properties.
        verbs: Methods that it allows besides GET.
        etag: Whether a change needs ``If-Match``.
    """

    name: str
    type: str
    keys: tuple[str, ...]
    props: Mapping[str, Prop]
    links: Mapping[str, Link] = attrs.field(factory=dict[str, Link])
    verbs: frozenset[str] = frozenset()
    etag: bool = False


@attrs.frozen
class Address:
    """A resource path, taken apart.

    Args:
        name: The entity set or function.
        key: The key's values by name; a key of one value has the name ``""``. None for the whole set.
        link: A navigation property behind it.
    """

    name: str
    key: Mapping[str, Literal] | None
    link: str | None


_ADDRESS: Final = re.compile(r"(?P<name>[$\w]+)(?:\((?P<key>.*)\))?(?:/(?P<link>[$\w]+))?", re.DOTALL)
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<typed>(?:datetimeoffset|datetime|time|guid)'[^']*')|(?P<string>'(?:[^']|'')*')"
    r"|(?P<number>-?\d+(?:\.\d+)?[MmDdLlFf]?(?!\w))|(?P<name>[A-Za-z_]\w*)|(?P<sign>[(),=]))"
)


def address_of(raw: str) -> Address:
    """Take a resource path apart, percent encoding and doubled quotes included.

    Raises:
        ODataError: It is none.
    """
    found = _ADDRESS.fullmatch(unquote(raw))
    if found is None:
        raise ODataError(400, f"Malformed URI literal syntax in '{unquote(raw)}'")
    key = found["key"]
    return Address(found["name"], None if key is None else _key_of(key), found["link"])


def _key_of(text: str) -> Mapping[str, Literal]:
    tokens = _Tokens(text)
    found: dict[str, Literal] = {}
    while True:
        name = ""
        if tokens.kind == "name" and tokens.after == "=":
            name = tokens.take()
            tokens.expect("=")
        found[name] = tokens.literal()
        if tokens.kind == "end":
            return found
        tokens.expect(",")


class _Tokens:
    """The tokens of an expression, with what comes next in view."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(text))
        self._at = 0

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, str]]:
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if found is None:
                raise ODataError(400, f"Syntax error at position {place} in '{text}'")
            kind = str(found.lastgroup)
            yield kind, found[kind]
            place = found.end()
        yield "end", ""

    @property
    def kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def text(self) -> str:
        return self._tokens[self._at][1]

    @property
    def after(self) -> str:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)][1]

    def take(self) -> str:
        text = self.text
        self._at += 1
        return text

    def expect(self, text: str) -> None:
        if self.kind not in ("sign", "name") or self.take() != text:
            raise ODataError(400, f"'{text}' is expected in '{self._text}'")

    def literal(self) -> Literal:
        kind, text = self.kind, self.take()
        if kind == "string":
            return "string", text[1:-1].replace("''", "'")
        if kind == "number":
            return "number", Decimal(text.rstrip("MmDdLlFf"))
        if kind == "typed":
            name, _, value = text.partition("'")
            return name, _time(value[:-1]) if name.startswith("datetime") else value[:-1]
        if text in ("true", "false"):
            return "boolean", text == "true"
        if text == "null":
            return "null", None
        raise ODataError(400, f"A literal is expected in '{self._text}', not '{text}'")


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ODataError(400, f"Invalid date and time '{text}'") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


# Filters

_COMPARE: Final[Mapping[str, Callable[[int], bool]]] = {
    "eq": lambda order: order == 0,
    "ne": lambda order: order != 0,
    "gt": lambda order: order > 0,
    "ge": lambda order: order >= 0,
    "lt": lambda order: order < 0,
    "le": lambda order: order <= 0,
}


class FilterReader:
    """Reads ``$filter``.

    Args:
        props: What may be named.
        kinds: The kinds of literal that a type takes: ``{"DateTime": ("datetime",)}``.
        functions: Functions of two texts: name to a function of property's value and the other text.
    """

    def __init__(
        self,
        props: Mapping[str, Prop],
        kinds: Mapping[str, tuple[str, ...]],
        functions: Mapping[str, Callable[[str, str], bool]],
    ) -> None:
        self._props, self._kinds, self._functions = props, kinds, functions

    def read(self, text: str) -> Filter:
        """The filter.

        Raises:
            ODataError: It cannot be read, names what is not there, or compares what does not fit.
        """
        tokens = _Tokens(text)
        found = self._either(tokens)
        if tokens.kind != "end":
            raise ODataError(400, f"Invalid token '{tokens.text}' in '{text}'")
        return found

    def _either(self, tokens: _Tokens) -> Filter:
        parts = [self._both(tokens)]
        while tokens.text == "or":
            tokens.take()
            parts.append(self._both(tokens))
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _both(self, tokens: _Tokens) -> Filter:
        parts = [self._one(tokens)]
        while tokens.text == "and":
            tokens.take()
            parts.append(self._one(tokens))
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _one(self, tokens: _Tokens) -> Filter:
        if tokens.text == "(" and tokens.kind == "sign":
            tokens.take()
            inner = self._either(tokens)
            tokens.expect(")")
            return inner
        if tokens.text == "not":
            tokens.take()
            denied = self._one(tokens)
            return lambda row: not denied(row)
        if tokens.after == "(":
            return self._function(tokens)
        return self._comparison(tokens)

    def _comparison(self, tokens: _Tokens) -> Filter:
        name, prop = self._name(tokens)
        word = tokens.take()
        if word not in _COMPARE:
            raise ODataError(400, f"Invalid token '{word}' after '{name}'")
        kind, value = tokens.literal()
        if kind not in (*self._kinds[prop.type], "null"):
            raise ODataError(400, f"Invalid parametertype used at function '{word}': {name} is {prop.type}")
        if prop.type.startswith("DateTime") and isinstance(value, str):
            value = _time(value)
        holds = _COMPARE[word]
        return lambda row: _compared(row[name], value, holds, word)

    def _function(self, tokens: _Tokens) -> Filter:
        function = tokens.take()
        if function not in self._functions:
            raise ODataError(400, f"Function '{function}' is not supported")
        holds = self._functions[function]
        tokens.expect("(")
        # substringof names the part first, the others the property.
        turned = tokens.kind == "string"
        other = tokens.literal() if turned else None
        if turned:
            tokens.expect(",")
        name, _ = self._name(tokens)
        if other is None:
            tokens.expect(",")
            other = tokens.literal()
        tokens.expect(")")
        if tokens.text == "eq" and tokens.after == "true":
            tokens.take()
            tokens.take()
        text = str(other[1])
        return lambda row: holds(str(row[name] or ""), text)

    def _name(self, tokens: _Tokens) -> tuple[str, Prop]:
        name = tokens.take()
        if name not in self._props or self._props[name].type not in self._kinds:
            raise ODataError(400, f"Property '{name}' not found in the entity type")
        return name, self._props[name]


def _compared(held: object, value: object, holds: Callable[[int], bool], word: str) -> bool:
    if held is None or value is None:
        return holds(0 if held is value else 1) if word in ("eq", "ne") else False
    one, other = cast("tuple[int, int]", (held, value))
    return holds((one > other) - (one < other))


def ordering(text: str, props: Mapping[str, Prop]) -> Sequence[tuple[str, bool]]:
    """``$orderby``: property names, each with whether it descends.

    Raises:
        ODataError: A property is not there.
    """
    found: list[tuple[str, bool]] = []
    for part in filter(None, text.split(",")):
        name, _, way = part.strip().partition(" ")
        if name not in props or way.strip() not in ("", "asc", "desc"):
            raise ODataError(400, f"Property '{name}' not found in the entity type")
        found.append((name, way.strip() == "desc"))
    return found


def ordered(rows: Iterable[Row], order: Sequence[tuple[str, bool]]) -> list[Row]:
    """Rows in an order; nulls come first."""
    found = list(rows)
    for name, descending in reversed(order):
        found.sort(key=partial(_rank, name), reverse=descending)
    return found


def _rank(name: str, row: Row) -> tuple[bool, object]:
    value = row[name]
    # The second part is never compared between a null and something else.
    return value is not None, "" if value is None else value


def count_of(options: Mapping[str, str], name: str) -> int | None:
    """``$top`` or ``$skip``.

    Raises:
        ODataError: It is no number.
    """
    text = options.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise ODataError(400, f"Invalid value '{text}' for {name}")
    return int(text)


def edmx(namespace: str, sets: Iterable[EntitySet]) -> bytes:
    """The service's ``$metadata``, without its links."""
    types: list[str] = []
    names: list[str] = []
    for entities in sets:
        keys = "".join(f'<PropertyRef Name="{key}"/>' for key in entities.keys)
        props = "".join(
            f'<Property Name="{name}" Type="Edm.{prop.type}"/>' for name, prop in entities.props.items()
        )
        kind = entities.type.rpartition(".")[2]
        types.append(f'<EntityType Name="{kind}"><Key>{keys}</Key>{props}</EntityType>')
        names.append(f'<EntitySet Name="{entities.name}" EntityType="{entities.type}"/>')
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"><edmx:DataServices'
        ' m:DataServiceVersion="2.0" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        f'<Schema Namespace="{namespace}" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">{"".join(types)}'
        f'<EntityContainer Name="{namespace}_Entities" m:IsDefaultEntityContainer="true">{"".join(names)}'
        "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    ).encode()


__all__ = [
    "Address",
    "EntitySet",
    "Filter",
    "FilterReader",
    "Link",
    "Literal",
    "ODataError",
    "Prop",
    "Row",
    "address_of",
    "count_of",
    "edmx",
    "ordered",
    "ordering",
]

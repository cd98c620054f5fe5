"""The forms of the Klaviyo stand-in's requests and answers: JSON:API, errors, filters, shapes.

https://developers.klaviyo.com/en/reference/api_overview
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeGuard, cast

import attrs

from bulkeditor.testing._standin import Answer, Entry

MEDIA: Final = "application/vnd.api+json"
REVISION: Final = "2026-07-15"
MOST_CUSTOM_BYTES: Final = 100_000
_MOST_BODY: Final = 5_000_000
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_FILTER_NAME: Final = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*")
_FILTER_VALUE: Final = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,()\[\]]+)\s*")

Resource: TypeAlias = dict[str, Any]


class RefusedError(Exception):
    """A request, or one row of a job, that Klaviyo refuses.

    Args:
        code: Its name of the problem.
        detail: Its sentence.
        status: HTTP status.
        title: What it calls such problems.
        pointer: Where in the body.
        parameter: Which query parameter.
        meta: What else it says.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int = 400,
        title: str = "Invalid input.",
        pointer: str | None = None,
        parameter: str | None = None,
        meta: Mapping[str, object] = _NO_HEADERS,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.title = title
        self.pointer = pointer
        self.parameter = parameter
        self.meta = meta

    def told(self) -> Resource:
        """The error object, as it stands in an answer or in a finished job."""
        source: dict[str, object] = {"pointer": self.pointer or "/data"}
        if self.parameter is not None:
            source = {"parameter": self.parameter}
        return {
            "id": str(uuid.uuid4()),
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "source": source,
        }

    def answer(self) -> Answer:
        """The whole answer."""
        error = {**self.told(), "status": self.status, "links": {}, "meta": dict(self.meta)}
        return Answer(status=self.status, body={"errors": [error]})


def missing(kind: str, identity: str) -> RefusedError:
    """There is no such thing."""
    return RefusedError(
        "not_found", f"A {kind} with id {identity} does not exist.", status=404, title="Not found."
    )


def moment(value: datetime) -> str:
    """A time as Klaviyo writes it."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


# Requests --------------------------------------------------------------------------------------------------


def observe_headers(entry: Entry) -> None:
    """Check what every request has to carry.

    Raises:
        RefusedError: The revision or a media type is wrong, or the body too large; the codes are unverified.
    """
    if entry.headers.get("revision") != REVISION:
        given = entry.headers.get("revision")
        raise RefusedError("invalid", f"The revision header {given!r} is not {REVISION}.")
    accepted = entry.headers.get("accept", "*/*")
    if not any(kind in accepted for kind in (MEDIA, "application/json", "application/*", "*/*")):
        raise RefusedError(
            "not_acceptable", f"{accepted} cannot be satisfied.", status=406, title="Not acceptable."
        )
    if len(entry.body) > _MOST_BODY:
        detail = "The payload exceeds the maximum allowed size."
        raise RefusedError("payload_too_large", detail, status=413, title="Payload too large.")
    media = entry.headers.get("content-type", "").split(";")[0].strip()
    if entry.body and media != MEDIA:
        raise RefusedError(
            "unsupported_media_type",
            f'Unsupported media type "{media}" in request.',
            status=415,
            title="Unsupported media type.",
        )


def data_of(entry: Entry, kind: str) -> Mapping[str, Any]:
    """The resource object in the body of a request.

    Raises:
        RefusedError: It is none, or of another type.
    """
    try:
        body = entry.json()
    except ValueError as error:
        raise RefusedError("invalid", f"JSON parse error: {error}") from error
    data = body.get("data") if is_object(body) else None
    if not is_object(data):
        raise RefusedError("invalid", "The payload provided in the request is invalid.", pointer="/data")
    return checked_resource(data, kind, "/data")


def checked_resource(data: Mapping[str, Any], kind: str, pointer: str) -> Mapping[str, Any]:
    """A resource object of a type, with nothing in it that JSON:API does not know."""
    if data.get("type") != kind:
        raise RefusedError("invalid", f"{data.get('type')!r} is not {kind!r}.", pointer=f"{pointer}/type")
    for name in data:
        if name not in ("type", "id", "attributes", "relationships", "meta"):
            raise RefusedError(
                "invalid", f"'{name}' is not a valid field for the resource '{kind}'.", pointer=pointer
            )
    return data


def list_in(holder: object, name: str, most: int, pointer: str) -> list[Mapping[str, Any]]:
    """The resources of a job: ``{name: {"data": […]}}``.

    Raises:
        RefusedError: There are none, or too many.
    """
    inner = holder.get(name) if is_object(holder) else None
    rows = inner.get("data") if is_object(inner) else None
    if not isinstance(rows, list) or not rows:
        raise RefusedError("invalid", f"The field {name} is required.", pointer=f"{pointer}/{name}")
    found = cast("list[Mapping[str, Any]]", rows)
    if len(found) > most:
        raise RefusedError(
            "invalid",
            f"The maximum number of {name} per request is {most}, and {len(found)} were given.",
            pointer=f"{pointer}/{name}/data",
        )
    return found


# Shapes ----------------------------------------------------------------------------------------------------


def is_text(value: object) -> bool:
    """Whether it is a string."""
    return isinstance(value, str)


def is_number(value: object) -> bool:
    """Whether it is a number."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_bool(value: object) -> bool:
    """Whether it is true or false."""
    return isinstance(value, bool)


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether it is an object."""
    return isinstance(value, Mapping)


def is_texts(value: object) -> bool:
    """Whether it is a list of strings."""
    return isinstance(value, list) and all(map(is_text, cast("list[object]", value)))


@attrs.frozen(kw_only=True)
class Shape:
    """Which attributes a resource has.

    Args:
        kind: Its type.
        types: Name to what its value must be.
        required: What cannot be left out.
        filled: What cannot be null.
    """

    kind: str
    types: Mapping[str, Callable[[object], bool]]
    required: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()

    def check(self, given: object, pointer: str) -> dict[str, Any]:
        """The attributes, when they are right.

        Args:
            given: What came.
            pointer: Where it stood.

        Raises:
            RefusedError: A name is unknown or missing, or a value is of the wrong type.
        """
        if not is_object(given):
            raise RefusedError("invalid", "The field attributes is required.", pointer=pointer)
        values = dict(given)
        for name, value in values.items():
            here = f"{pointer}/{name}"
            if name not in self.types:
                detail = f"'{name}' is not a valid field for the resource '{self.kind}'."
                raise RefusedError("invalid", detail, pointer=here)
            null = value is None and name not in self.filled
            if not null and not self.types[name](value):
                raise RefusedError("invalid", f"Invalid value for the field {name}.", pointer=here)
        for name in sorted(self.required - values.keys()):
            raise RefusedError("invalid", f"The field {name} is required.", pointer=f"{pointer}/{name}")
        return values


# Filters ---------------------------------------------------------------------------------------------------


@attrs.frozen
class Condition:
    """One condition of a filter."""

    operator: str
    field: str
    value: object


def conditions(text: str, allowed: Mapping[str, Sequence[str]]) -> list[Condition]:
    """What a filter asks for; several are joined by commas or stand in ``and(…)``.

    Args:
        text: The query parameter.
        allowed: Field to the operators that it can be filtered by.

    Raises:
        RefusedError: It is none of the documented forms.
    """
    found, rest = _several(text, allowed)
    if rest:
        raise _bad_filter(f"Unexpected {rest!r}.")
    return found


def _several(text: str, allowed: Mapping[str, Sequence[str]]) -> tuple[list[Condition], str]:
    found: list[Condition] = []
    while True:
        name = _FILTER_NAME.match(text)
        if name is None or not text[name.end() :].startswith("("):
            raise _bad_filter(f"Expected a function in {text!r}.")
        operator, text = name.group(1), text[name.end() + 1 :]
        if operator == "and":
            inner, text = _several(text, allowed)
            found += inner
        else:
            condition, text = _one(operator, text)
            if operator not in allowed.get(condition.field, ()):
                raise _bad_filter(f"{operator} on {condition.field} is not a filter of this endpoint.")
            found.append(condition)
        if not text.startswith(")"):
            raise _bad_filter("A ) is missing.")
        text = text[1:].lstrip()
        if not text.startswith(","):
            return found, text
        text = text[1:]


def _one(operator: str, text: str) -> tuple[Condition, str]:
    field = _FILTER_NAME.match(text)
    if field is None or not text[field.end() :].startswith(","):
        raise _bad_filter(f"{operator} needs a field and a value.")
    text = text[field.end() + 1 :].lstrip()
    if not text.startswith("["):
        value, text = _value(text)
        return Condition(operator, field.group(1), value), text
    values: list[object] = []
    text = text[1:]
    while not text.lstrip().startswith("]"):
        value, text = _value(text.removeprefix(","))
        values.append(value)
    return Condition(operator, field.group(1), values), text.lstrip()[1:]


def _value(text: str) -> tuple[object, str]:
    match = _FILTER_VALUE.match(text)
    if match is None:
        raise _bad_filter(f"Expected a value in {text!r}.")
    word, rest = match.group(1), text[match.end() :]
    if word[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", word[1:-1]), rest
    return {"true": True, "false": False}.get(word, word), rest


def _bad_filter(detail: str) -> RefusedError:
    return RefusedError("invalid", f"Invalid filter provided. {detail}", parameter="filter")


__all__ = [
    "MEDIA",
    "MOST_CUSTOM_BYTES",
    "REVISION",
    "Condition",
    "RefusedError",
    "Resource",
    "Shape",
    "checked_resource",
    "conditions",
    "data_of",
    "is_bool",
    "is_number",
    "is_object",
    "is_text",
    "is_texts",
    "list_in",
    "missing",
    "moment",
    "observe_headers",
]

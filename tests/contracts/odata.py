"""An OData service's metadata as a contract: every name and every literal of a request has to be in it.

Judged are: the entity set and its key, ``$select``, ``$expand``, ``$orderby`` and ``$filter`` (names, and
whether literals fit their types), unknown query names, bodies (names, types, what may be written), the marks
that forbid a write, ``If-Match`` where the type has an etag, the CSRF token and cookies where a vendor wants
them, and everything once more inside of a ``$batch``. Answers may hold more than the metadata.
"""

from __future__ import annotations

import email.policy
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import attrs
import httpx

from tests.contracts.contract import VendorContract, media_type
from tests.contracts.edm import Kind, Metadata, Property
from tests.contracts.filters import Filter, FilterError

_WRITES: Final = {"POST", "PUT", "PATCH", "MERGE", "DELETE"}
_OPTIONS: Final = frozenset(
    {"$filter", "$orderby", "$top", "$skip", "$select", "$expand", "$inlinecount", "$format", "$skiptoken"}
)
_SEGMENT: Final = re.compile(r"(\$?\w+)(?:\((.*)\))?")
_KEY_PART: Final = re.compile(r"(?:(\w+)=)?((?:[A-Za-z]*'(?:[^']|'')*')|[^',]+)(?:,|$)")


@attrs.frozen(kw_only=True)
class _Target:
    """What a path leads to."""

    set: str
    kind: Kind
    keyed: bool
    problems: tuple[str, ...]


class ODataContract(VendorContract):
    """One service.

    Args:
        edmx: Its metadata.
        mount: Where the service's root is.
        headers: What every request has to carry, each with what it has to look like, whole.
        csrf: Whether a write carries ``X-CSRF-Token``.
        cookies: Cookies that every request carries, but for the one that logs in.
        text_dates: Whether dates are texts such as 2026-01-31 and decimals are numbers (Business One).
        sets: Further entity sets, to the name of their type; for trimmed documents.
        custom: What further properties are called, a regular expression: those that an account adds itself.
        query: Further query names.
    """

    def __init__(
        self,
        edmx: bytes,
        *,
        mount: str,
        headers: Mapping[str, str] | None = None,
        csrf: bool = False,
        cookies: Iterable[str] = (),
        text_dates: bool = False,
        sets: Mapping[str, str] | None = None,
        custom: str = r"(?!)",
        query: Iterable[str] = (),
    ) -> None:
        super().__init__(mount)
        self._custom = re.compile(custom)
        self.metadata = Metadata(edmx, text_dates=text_dates, sets=sets or {})
        self._headers = dict(headers or {})
        self._csrf = csrf
        self._cookies = frozenset(cookies)
        self._options = _OPTIONS | frozenset(query)

    @classmethod
    def read(cls, file: Path, **options: Any) -> ODataContract:
        """From an EDMX file."""
        return cls(file.read_bytes(), **options)

    def operation(self, request: httpx.Request) -> str | None:
        path = self.below_mount(request)
        if path is None:
            return None
        if path in {"/", "/$metadata", "/$batch"}:
            return f"{request.method} {path}"
        first = _SEGMENT.fullmatch(unquote(path.split("/")[1]))
        if first is None:
            return None
        name = first[1]
        if name in self.metadata.functions or self.metadata.of_set(name) is not None:
            return f"{request.method} {name}{'()' if first[2] is not None else ''}"
        return None

    def request_problems(self, request: httpx.Request) -> Iterator[str]:
        path = self.below_mount(request) or ""
        yield from self._outer_problems(path, request)
        if path == "/$batch":
            yield from self._batch_problems(request)
        elif path not in {"/", "/$metadata"}:
            yield from self._inner_problems(path, request)

    def response_problems(self, request: httpx.Request, response: httpx.Response) -> Iterator[str]:
        path = self.below_mount(request) or ""
        if response.status_code >= 400:
            yield from self._error_problems(response)
        elif path == "/$batch":
            if media_type(response.headers) != "multipart/mixed":
                yield f"a batch is answered with {media_type(response.headers)!r}"
        elif response.content and media_type(response.headers) == "application/json":
            target = self._target(path)
            if target is not None:
                for index, row in enumerate(rows_of(response.json())):
                    yield from self._row_problems(target.kind, row, f"[{index}]")

    # Replies

    def sample(self, entity_set: str, **values: Any) -> dict[str, Any]:
        """A row of an entity set, with every property.

        Args:
            entity_set: Its name.
            values: What some properties hold.
        """
        kind = self.metadata.of_set(entity_set)
        assert kind is not None, f"there is no entity set {entity_set}"
        unknown = values.keys() - kind.properties.keys() - kind.links.keys()
        assert not unknown, f"{entity_set} has no {', '.join(sorted(unknown))}"
        return {**self.metadata.sample(kind), **values}

    # The request itself

    def _outer_problems(self, path: str, request: httpx.Request) -> Iterator[str]:
        login = path.strip("/") in self.metadata.functions and path == "/Login"
        for name, form in self._headers.items():
            value = request.headers.get(name)
            if value is None:
                yield f"the header {name} is missing"
            elif not re.fullmatch(form, value):
                yield f"the header {name} is not of the form {form}"
        if not login:
            sent = {part.partition("=")[0].strip() for part in request.headers.get("cookie", "").split(";")}
            yield from (f"the cookie {name} is missing" for name in sorted(self._cookies - sent))
        if self._csrf and request.method in _WRITES:
            token = request.headers.get("x-csrf-token", "")
            if token.lower() in {"", "fetch", "required"}:
                yield "a write needs the token that was fetched, in X-CSRF-Token"

    def _inner_problems(self, path: str, request: httpx.Request) -> Iterator[str]:
        if (function := path.strip("/")) in self.metadata.functions:
            yield from self._call_problems(function, request)
            return
        target = self._target(path)
        if target is None:
            yield f"{path} leads nowhere"
            return
        yield from target.problems
        yield from self._query_problems(target, request)
        if request.method in _WRITES:
            yield from self._write_problems(target, request)
        elif "json" not in request.headers.get("accept", "") and ("$format", "json") not in _query(request):
            yield "neither Accept nor $format asks for JSON"

    def _call_problems(self, function: str, request: httpx.Request) -> Iterator[str]:
        known = self.metadata.functions[function]
        body = json.loads(request.content) if request.content else {}
        yield from (f"{function} has no parameter {name}" for name in body if name not in known)

    def _target(self, path: str) -> _Target | None:
        """Where a path leads to, step by step."""
        segments = [_SEGMENT.fullmatch(unquote(part)) for part in path.split("/")[1:]]
        if not segments or not segments[0]:
            return None
        kind = self.metadata.of_set(segments[0][1])
        if kind is None:
            return None
        problems, keyed = list(self._key_problems(kind, segments[0][2])), segments[0][2] is not None
        for segment in segments[1:]:
            name = segment[1] if segment else ""
            if name in kind.links:
                kind, keyed = self.metadata.kind(kind.links[name][0]), not kind.links[name][1]
            elif name not in kind.properties and name not in {"$count", "$value"}:
                problems.append(f"{kind.name} has no {name}")
        return _Target(set=segments[0][1], kind=kind, keyed=keyed, problems=tuple(problems))

    def _key_problems(self, kind: Kind, text: str | None) -> Iterator[str]:
        if text is None:
            return
        parts = [(match[1], match[2]) for match in _KEY_PART.finditer(text)]
        if len(kind.keys) == 1 and len(parts) == 1 and not parts[0][0]:
            parts = [(kind.keys[0], parts[0][1])]
        given = dict(parts)
        if given.keys() != set(kind.keys):
            yield f"the key of {kind.name} is {', '.join(kind.keys)}, not {text}"
            return
        for name, value in given.items():
            if problem := self.metadata.literal_problem(kind.properties[name], value):
                yield problem

    # The query

    def _query_problems(self, target: _Target, request: httpx.Request) -> Iterator[str]:
        pairs = _query(request)
        counted = Counter(name for name, _ in pairs)
        yield from (f"{name} is no query parameter" for name in counted if name not in self._options)
        yield from (f"{name} is given {count} times" for name, count in counted.items() if count > 1)
        given = dict(pairs)
        for name in ("$top", "$skip"):
            if name in given and not given[name].isdigit():
                yield f"{name} is {given[name]!r}"
        if given.get("$inlinecount", "none") not in {"allpages", "none"}:
            yield f"$inlinecount is {given['$inlinecount']!r}"
        for path in _listed(given.get("$expand")):
            if self._linked(target.kind, path) is None:
                yield f"$expand: {target.kind.name} has no {path}"
        expanded = set(_listed(given.get("$expand")))
        for path in _listed(given.get("$select")):
            yield from self._selected_problems(target.kind, path, expanded)
        for part in _listed(given.get("$orderby")):
            name, _, way = part.partition(" ")
            found = self._found(target.kind, name)
            if found is None or way not in {"", "asc", "desc"}:
                yield f"$orderby: {part!r} is no property of {target.kind.name} with its direction"
            elif not found.sortable:
                yield f"$orderby: {name} is not sortable"
        if "$filter" in given:
            yield from self._filter_problems(target.kind, given["$filter"])

    def _selected_problems(self, kind: Kind, path: str, expanded: set[str]) -> Iterator[str]:
        if path == "*" or path in kind.links or self._known(kind, path):
            head = path.rpartition("/")[0]
            if head and not any(each == head or each.startswith(head + "/") for each in expanded):
                yield f"$select: {path} is not expanded"
        else:
            yield f"$select: {kind.name} has no {path}"

    def _filter_problems(self, kind: Kind, text: str) -> Iterator[str]:
        def misfit(name: str, literal: str) -> str | None:
            found = self._found(kind, name)
            assert found is not None
            if not found.filterable:
                return f"{name} is not filterable"
            return self.metadata.literal_problem(found, literal)

        try:
            found = Filter(text)
        except FilterError as error:
            yield f"$filter: {error} ({text})"
            return
        for problem in found.problems(lambda name: self._found(kind, name) is not None, misfit):
            yield f"$filter: {problem}"

    def _known(self, kind: Kind, path: str) -> bool:
        return self._found(kind, path) is not None or bool(self._custom.fullmatch(path.rpartition("/")[2]))

    def _linked(self, kind: Kind, path: str) -> Kind | None:
        for name in path.split("/"):
            if name not in kind.links:
                return None
            kind = self.metadata.kind(kind.links[name][0])
        return kind

    def _found(self, kind: Kind, path: str) -> Property | None:
        head, _, name = path.rpartition("/")
        owner = self._linked(kind, head) if head else kind
        return owner.properties.get(name) if owner else None

    # The body

    def _write_problems(self, target: _Target, request: httpx.Request) -> Iterator[str]:
        method = request.method
        if not self.metadata.allows(target.set, method):
            yield f"{target.set} does not allow {method}"
        if method == "POST" and target.keyed:
            yield "a POST goes to an entity set"
        if method != "POST":
            if not target.keyed:
                yield f"a {method} goes to one entity"
            if target.kind.guarded and "if-match" not in request.headers:
                yield "If-Match is missing, and the type has an etag"
        if method == "DELETE":
            return
        if media_type(request.headers) != "application/json":
            yield f"the content type is {media_type(request.headers)!r}"
        body = json.loads(request.content) if request.content else None
        if not isinstance(body, dict):
            yield "the body is no object"
            return
        yield from self._body_problems(target.kind, body, "", new=method == "POST")

    def _body_problems(self, kind: Kind, body: Mapping[str, Any], where: str, *, new: bool) -> Iterator[str]:
        for name, value in body.items():
            place = f"{where}{name}"
            if name in kind.links:
                inner = self.metadata.kind(kind.links[name][0])
                for index, row in enumerate(_many(value)):
                    yield from self._body_problems(inner, row, f"{place}[{index}].", new=new)
            elif name not in kind.properties:
                if not self._custom.fullmatch(name):
                    yield f"{kind.name} has no property {place}"
            else:
                each = kind.properties[name]
                key = name in kind.keys
                if not key and not (each.creatable if new else each.updatable):
                    yield f"{place} cannot be written"
                yield from self._value_problems(each, value, place, new=new)

    def _value_problems(self, each: Property, value: object, place: str, *, new: bool) -> Iterator[str]:
        if each.kind.startswith("Edm.") or each.kind in self.metadata.enums:
            if problem := self.metadata.value_problem(each, value):
                yield f"{place}: {problem}"
            return
        inner = self.metadata.kind(each.kind.rpartition(".")[2])
        if each.collection != isinstance(value, list):
            yield f"{place} is {'a' if each.collection else 'no'} list"
            return
        for index, row in enumerate(_many(value)):
            yield from self._body_problems(inner, row, f"{place}[{index}].", new=new)

    # A batch

    def _batch_problems(self, request: httpx.Request) -> Iterator[str]:
        if media_type(request.headers) != "multipart/mixed":
            yield f"a batch is multipart/mixed, not {media_type(request.headers)!r}"
            return
        count = 0
        for changeset, inner in batched(request):
            count += 1
            if changeset == (inner.method == "GET"):
                where = "in" if changeset else "outside of"
                yield f"part {count}: a {inner.method} stands {where} a changeset"
            wrapped = httpx.Request(
                inner.method,
                httpx.URL("https://vendor.invalid").join(
                    inner.url if inner.url.startswith(("/", "http")) else f"{self.mount}/{inner.url}"
                ),
                headers=inner.headers,
                content=inner.body,
            )
            if self.operation(wrapped) is None:
                yield f"part {count}: {inner.method} {inner.url} is no operation of the document"
                continue
            self.seen[f"$batch {self.operation(wrapped)}"] += 1
            path = self.below_mount(wrapped) or ""
            yield from (f"part {count}: {problem}" for problem in self._inner_problems(path, wrapped))
        if not count:
            yield "the batch is empty"

    # The answer

    def _row_problems(self, kind: Kind, row: Mapping[str, Any], where: str) -> Iterator[str]:
        for name, value in row.items():
            if name in kind.links:
                if isinstance(value, dict) and "__deferred" in value:
                    continue
                inner = self.metadata.kind(kind.links[name][0])
                for index, each in enumerate(_many(value)):
                    yield from self._row_problems(inner, each, f"{where}.{name}[{index}]")
            elif name in kind.properties:
                each = kind.properties[name]
                yield from (
                    problem
                    for problem in self._value_problems(each, value, f"{where}.{name}", new=True)
                    if "cannot be written" not in problem
                )

    @staticmethod
    def _error_problems(response: httpx.Response) -> Iterator[str]:
        if media_type(response.headers) != "application/json":
            return
        error = response.json().get("error")
        message = error.get("message") if isinstance(error, dict) else None
        if not isinstance(message, dict) or "value" not in message or "code" not in error:
            yield 'an error is {"error": {"code": …, "message": {"value": …}}}'


@attrs.frozen
class Part:
    """One request inside of a batch."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def batched(request: httpx.Request) -> Iterator[tuple[bool, Part]]:
    """The requests of a batch, each with whether it stands in a changeset."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=email.policy.HTTP).parsebytes(head + request.content)
    for part in message.iter_parts():
        if part.get_content_type() == "multipart/mixed":
            for inner in part.iter_parts():
                yield True, _parsed(inner.get_payload(decode=True))
        else:
            yield False, _parsed(part.get_payload(decode=True))


def _parsed(raw: bytes) -> Part:
    head, _, body = raw.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    method, url, _ = (*first.split(" ", 2), "")[:3]
    headers = {
        name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    return Part(method, url.strip(), headers, body.strip())


def rows_of(body: Any) -> list[Mapping[str, Any]]:
    """The rows of an answer: of OData 2 (``d``), of 3 (``value``), or one entity."""
    inner = body.get("d", body) if isinstance(body, dict) else body
    if isinstance(inner, dict):
        for name in ("results", "value"):
            if isinstance(inner.get(name), list):
                return inner[name]
    return _many(inner)


def _many(value: Any) -> list[Any]:
    if isinstance(value, dict) and isinstance(value.get("results"), list):
        value = value["results"]
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _query(request: httpx.Request) -> list[tuple[str, str]]:
    return parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []


__all__ = ["ODataContract", "Part", "batched", "rows_of"]

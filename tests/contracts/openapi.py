"""A vendor's OpenAPI document as a contract, by openapi-core and what openapi-core does not look at.

Requests are closed: a property that the document does not name is a breach. Answers are open, as vendors add
to them. Besides, each request has to carry every header that the document requires (openapi-core is content
with a default), its credential in the form that the vendor wants, and no query name that is not documented;
and what an operation's text says about sizes ("up to 100 … per request", "payload size is 5MB") is held to.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import attrs
import httpx
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.paths.finders import APICallPathFinder
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.contracts.contract import VendorContract, media_type
from tests.contracts.samples import Samples

_HOST = "https://vendor.invalid"
# The service itself, whatever its document says of it: where a CSRF token is fetched.
_ROOT = "service root"
_NOTHING: Mapping[str, Any] = {"parameters": ()}
_MOST = re.compile(r"up to ([\d,]+) [\w ]+ per request")
_BYTES = re.compile(r"payload size is (\d+)MB")
# What says which properties an object has.
_SHAPES = {"properties", "additionalProperties", "allOf", "oneOf", "anyOf"}


class OpenAPIContract(VendorContract):
    """One document.

    Args:
        document: The decoded document.
        mount: What stands in the path before the document's paths.
        authorization: What the credential's header has to look like, whole; the header is ``Authorization``.
        headers: Further headers that every request has to carry, each with what it has to look like.
        write_headers: What requests that are no GET have to carry besides.
        query: Query names that hold for every operation although the document does not say so.
        assigned: Properties that the document demands in requests although the vendor gives them out.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        mount: str = "",
        authorization: str,
        headers: Mapping[str, str] | None = None,
        write_headers: Mapping[str, str] | None = None,
        query: Iterable[str] = (),
        assigned: Iterable[str] = (),
    ) -> None:
        super().__init__(mount)
        # Where the vendor's servers are is no question of a stand-in's; the credential is judged below.
        self.document = {**document, "servers": [{"url": _HOST}]}
        self.document.pop("security", None)
        wanted = {"Authorization": authorization, **(headers or {})}
        self._headers = {name.lower(): form for name, form in wanted.items()}
        self._write_headers = {name.lower(): form for name, form in (write_headers or {}).items()}
        self._everywhere = frozenset(query)
        self._closed = OpenAPI.from_dict(
            _for_requests(self.document, frozenset(assigned)),
            config=Config(additional_properties_default_policy="forbid"),
        )
        self._open = OpenAPI.from_dict(
            self.document, config=Config(additional_properties_default_policy="allow")
        )
        self._finder = APICallPathFinder(self._closed.spec)

    @classmethod
    def read(cls, file: Path, **options: Any) -> OpenAPIContract:
        """From a JSON file."""
        return cls(json.loads(file.read_bytes()), **options)

    def operation(self, request: httpx.Request) -> str | None:
        if request.method == "GET" and self.below_mount(request) == "/":
            return _ROOT
        found = self._found(request)
        return found and found["operationId"]

    def request_problems(self, request: httpx.Request) -> Iterator[str]:
        operation = self._found(request) or _NOTHING
        yield from self._header_problems(operation, request)
        yield from self._query_problems(operation, request)
        if operation is _NOTHING:
            return
        if "requestBody" not in operation and request.content:
            yield "a body is sent, but none is documented"
        yield from _size_problems(operation.get("description", ""), request)
        for error in self._closed.iter_request_errors(self._asked(request)):
            yield from _told(error)

    def response_problems(self, request: httpx.Request, response: httpx.Response) -> Iterator[str]:
        if self._found(request) is None:
            return
        for error in self._open.iter_response_errors(self._asked(request), _Answered.of(response)):
            yield from _told(error)

    # Replies

    def reply(self, operation: str, status: int = 200, **changed: Any) -> httpx.Response:
        """An answer built from the document, of its own examples where it has any.

        Args:
            operation: The ``operationId``.
            status: Which of the documented answers.
            changed: Top-level properties of the body to hold something else.
        """
        described = self._described(operation, status)
        content = described.get("content")
        if not content:
            return httpx.Response(status)
        kind, media = next(iter(content.items()))
        body = self._samples.of(media["schema"])
        return httpx.Response(status, content=json.dumps({**body, **changed}), headers={"Content-Type": kind})

    def _described(self, operation: str, status: int) -> Mapping[str, Any]:
        for item in self.document["paths"].values():
            for node in item.values():
                if isinstance(node, dict) and node.get("operationId") == operation:
                    answers = node["responses"]
                    found = answers.get(str(status)) or answers.get(f"{status // 100}XX")
                    return self._resolve(found["$ref"]) if "$ref" in found else found
        raise KeyError(operation)

    @cached_property
    def _samples(self) -> Samples:
        return Samples(self._resolve)

    def _resolve(self, reference: str) -> Mapping[str, Any]:
        node: Any = self.document
        for part in reference.removeprefix("#/").split("/"):
            node = node[unquote(part).replace("~1", "/").replace("~0", "~")]
        return node

    # How

    def _found(self, request: httpx.Request) -> Mapping[str, Any] | None:
        path = self.below_mount(request)
        if path is None:
            return None
        try:
            found = self._finder.find(request.method.lower(), _HOST + path)
        except PathError:
            return None
        with found.operation.resolve() as resolved, found.path.resolve() as item:
            parameters = (*item.contents.get("parameters", ()), *resolved.contents.get("parameters", ()))
            return {**resolved.contents, "parameters": [self._parameter(each) for each in parameters]}

    def _parameter(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._resolve(node["$ref"]) if "$ref" in node else node

    def _header_problems(self, operation: Mapping[str, Any], request: httpx.Request) -> Iterator[str]:
        required = {
            each["name"].lower()
            for each in operation["parameters"]
            if each["in"] == "header" and each.get("required")
        }
        forms = self._headers if request.method == "GET" else {**self._headers, **self._write_headers}
        for name in sorted(required | forms.keys()):
            value = request.headers.get(name)
            if value is None:
                yield f"the header {name} is missing"
            elif not re.fullmatch(form := forms.get(name, ".*"), value):
                # What a credential holds is not shown.
                yield f"the header {name} is not of the form {form}"

    def _query_problems(self, operation: Mapping[str, Any], request: httpx.Request) -> Iterator[str]:
        known = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        known |= self._everywhere
        given = Counter(name for name, _ in _query(request))
        yield from (f"{name} is no query parameter" for name in given if name not in known)
        yield from (f"{name} is given {count} times" for name, count in given.items() if count > 1)

    def _asked(self, request: httpx.Request) -> _Asked:
        return _Asked(
            path=self.below_mount(request) or "",
            method=request.method.lower(),
            content_type=media_type(request.headers),
            body=request.content or None,
            parameters=RequestParameters(
                query=ImmutableMultiDict(_query(request)), header=Headers(list(request.headers.items()))
            ),
        )


@attrs.define(kw_only=True)
class _Asked:
    """A request, as openapi-core wants to see it."""

    path: str
    method: str
    content_type: str
    body: bytes | None
    parameters: RequestParameters
    host_url: str = _HOST


@attrs.frozen(kw_only=True)
class _Answered:
    """An answer, as openapi-core wants to see it."""

    status_code: int
    content_type: str
    headers: Headers
    data: bytes

    @classmethod
    def of(cls, response: httpx.Response) -> _Answered:
        return cls(
            status_code=response.status_code,
            content_type=media_type(response.headers),
            headers=Headers(list(response.headers.items())),
            data=response.content,
        )


def _query(request: httpx.Request) -> list[tuple[str, str]]:
    return parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)


def _for_requests(node: Any, assigned: frozenset[str]) -> Any:
    """The document with objects of any shape left open, and nothing demanded that the vendor assigns."""
    if isinstance(node, list):
        return [_for_requests(each, assigned) for each in node]
    if not isinstance(node, dict):
        return node
    copied = {name: _for_requests(value, assigned) for name, value in node.items()}
    if node.get("type") == "object" and not node.keys() & _SHAPES:
        copied["additionalProperties"] = True
    if isinstance(node.get("required"), list):
        copied["required"] = [name for name in node["required"] if name not in assigned]
        if not copied["required"]:
            del copied["required"]
    return copied


def _size_problems(text: str, request: httpx.Request) -> Iterator[str]:
    """What the text of an operation says about sizes; the schema does not."""
    if found := _MOST.search(text):
        most = int(found[1].replace(",", ""))
        longest = max(_lengths(json.loads(request.content or b"null")), default=0)
        if longest > most:
            yield f"a list of {longest}, and there may be up to {most} in one request"
    if (found := _BYTES.search(text)) and len(request.content) > int(found[1]) * 1_000_000:
        yield f"{len(request.content)} bytes, and there may be {found[1]} MB"


def _lengths(value: Any) -> Iterator[int]:
    if isinstance(value, list):
        yield len(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _lengths(each)


def _told(error: BaseException) -> list[str]:
    """An error, down to where a value does not fit."""
    cause = error.__cause__
    details = getattr(cause, "schema_errors", ()) or getattr(error, "schema_errors", ())
    where = getattr(error, "name", type(error).__name__)
    if details:
        return [f"{where}: {each.json_path}: {each.message[:300]}" for each in details]
    return [f"{error}: {cause}" if cause else str(error)]


__all__ = ["OpenAPIContract"]

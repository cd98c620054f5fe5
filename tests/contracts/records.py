"""NetSuite's record facts and operations as a contract, by jsonschema and a table of operations.

There is no public OpenAPI document: each account has its own. What stands in the shared facts is transcribed
from NetSuite's record browser: names and types of records, and which methods, query names and headers the
REST service has. Requests are closed but for custom fields (``cust…``); answers are open.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import attrs
import httpx
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.contracts.contract import VendorContract, media_type
from tests.contracts.samples import Samples

_ROOT: Final = "urn:netsuite:records"
_UUID: Final = r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CUSTOM: Final = "^cust"
_PART: Final = {"recordType": r"[A-Za-z_]+", "externalId": r"[^/]+"}
_ID: Final = r"(?:eid(?::|%3A))?[^/:]+"


@attrs.frozen
class _Operation:
    facts: Mapping[str, Any]
    pattern: re.Pattern[str]

    @property
    def name(self) -> str:
        return self.facts["op"]


class NetSuiteContract(VendorContract):
    """Records and operations of one release.

    Args:
        records: The JSON schema of records.
        operations: The table of operations.
        authorization: What the credential's header has to look like, whole.
        also: Further operations in the form of the table, from the guide (``anonymous``: no credential).
        unknown_records: Record types that the facts do not hold; their bodies are not judged.
    """

    def __init__(
        self,
        records: Mapping[str, Any],
        operations: Mapping[str, Any],
        *,
        authorization: str = r"(Bearer \S+|OAuth .+)",
        also: Iterable[Mapping[str, Any]] = (),
        unknown_records: Iterable[str] = (),
    ) -> None:
        super().__init__("/services/rest")
        self._records = records
        self._closed = _closed(records)
        self._authorization = authorization
        self._unknown = frozenset(unknown_records)
        self._limit: int = operations["query_defaults"]["limit"]
        self._operations = [
            _Operation(facts, re.compile(_pattern(facts["path"])))
            for facts in (*operations["operations"], *also)
        ]

    @classmethod
    def read(cls, folder: Path, **options: Any) -> NetSuiteContract:
        """From the folder of the facts."""
        records = json.loads((folder / "record-facts-2026.1.schema.json").read_bytes())
        operations = json.loads((folder / "operations-facts.json").read_bytes())
        return cls(records, operations, **options)

    def operation(self, request: httpx.Request) -> str | None:
        found = self._found(request)
        return found and found[0].name

    def request_problems(self, request: httpx.Request) -> Iterator[str]:
        found = self._found(request)
        assert found is not None
        operation, parts = found
        yield from self._header_problems(operation, request)
        yield from self._query_problems(operation, request)
        if request.content:
            yield from self._body_problems(operation, parts, request)
        elif request.method in {"POST", "PATCH", "PUT"}:
            yield "the body is missing"

    def response_problems(self, request: httpx.Request, response: httpx.Response) -> Iterator[str]:
        found = self._found(request)
        assert found is not None
        operation, parts = found
        if response.status_code >= 400:
            yield from self.problems("nsError", response.json())
        elif operation.name in {"list", "suiteql"}:
            yield from self.problems("inventoryItemCollection", _without_rows(response.json()))
        elif operation.name == "get":
            yield from self.problems(parts["recordType"], response.json())
        elif operation.name == "sublist":
            yield from self.problems(f"{parts['sublist']}Collection", response.json())
        elif wanted := operation.facts.get("success"):
            if not str(wanted).startswith(str(response.status_code)):
                yield f"the facts say {wanted}"
            elif "Location" in str(wanted) and "location" not in response.headers:
                yield "the header Location is missing"

    def problems(self, record: str, value: object, *, closed: bool = False) -> list[str]:
        """What is wrong with a record."""
        source = self._closed if closed else self._records
        # In paths, letter case does not matter.
        names = {name.lower(): name for name in source["$defs"]}
        if record.lower() not in names:
            return [] if record in self._unknown else [f"the facts do not know the record {record}"]
        registry: Registry = Registry().with_resource(_ROOT, Resource(source, DRAFT202012))
        validator = Draft202012Validator(
            {"$ref": f"{_ROOT}#/$defs/{names[record.lower()]}"}, registry=registry
        )
        return [f"{each.json_path}: {each.message[:300]}" for each in validator.iter_errors(value)]

    def sample(self, record: str) -> Any:
        """A record built from the facts."""
        return Samples(lambda target: self._records["$defs"][target.rpartition("/")[2]]).of(
            self._records["$defs"][record]
        )

    # How

    def _found(self, request: httpx.Request) -> tuple[_Operation, dict[str, str]] | None:
        path = self.below_mount(request)
        if path is None:
            return None
        batch = "type=collection" in request.headers.get("content-type", "")
        for operation in self._operations:
            match = operation.pattern.fullmatch(path)
            fits = operation.name.startswith("batch") == batch or request.method == "DELETE"
            if match and fits and operation.facts["method"] == request.method:
                return operation, match.groupdict()
        return None

    def _header_problems(self, operation: _Operation, request: httpx.Request) -> Iterator[str]:
        credential = request.headers.get("authorization", "")
        if not operation.facts.get("anonymous") and not re.fullmatch(self._authorization, credential):
            yield "the header Authorization is missing or of another form"
        for name, wanted in operation.facts.get("headers", {}).items():
            if request.headers.get(name) != wanted:
                yield f"the header {name} has to be {wanted!r}, not {request.headers.get(name)!r}"
        if (key := request.headers.get("x-netsuite-idempotency-key")) is not None:
            if not re.fullmatch(_UUID, key):
                yield "X-NetSuite-Idempotency-Key is a UUID"
            if request.headers.get("prefer") != "respond-async":
                yield "X-NetSuite-Idempotency-Key is for asynchronous requests only"
        given = request.headers.get("content-type", "")
        if wanted := operation.facts.get("content_type"):
            if given != wanted:
                yield f"the content type has to be {wanted!r}, not {given!r}"
        elif request.content and "form" not in operation.facts and media_type(request.headers)[-4:] != "json":
            yield f"the content type is {given!r}"
        strict = request.headers.get("x-netsuite-propertynamevalidation") == "Error"
        if operation.name in {"update", "batch update"} and not strict:
            yield "without X-NetSuite-PropertyNameValidation: Error a mistyped name is only warned of"

    def _query_problems(self, operation: _Operation, request: httpx.Request) -> Iterator[str]:
        query = request.url.query.decode("ascii")
        if "+" in query:
            yield "a space in the query has to be %20, not +"
        given = parse_qsl(query, keep_blank_values=True)
        known = operation.facts.get("query", ())
        yield from (f"{name} is no query parameter" for name, _ in given if name not in known)
        counted = Counter(name for name, _ in given)
        yield from (f"{name} is given {count} times" for name, count in counted.items() if count > 1)
        values = dict(given)
        limit = int(values.get("limit", self._limit))
        if not 1 <= limit <= self._limit:
            yield f"limit is {limit}, the most is {self._limit}"
        elif int(values.get("offset", 0)) % limit:
            yield f"offset {values['offset']} is no multiple of limit {limit}"

    def _body_problems(
        self, operation: _Operation, parts: Mapping[str, str], request: httpx.Request
    ) -> Iterator[str]:
        if wanted := operation.facts.get("form"):
            given = dict(parse_qsl(request.content.decode("ascii"), keep_blank_values=True))
            if given.keys() != set(wanted):
                yield f"the form holds {', '.join(sorted(given))}, not {', '.join(sorted(wanted))}"
            return
        body = json.loads(request.content)
        if operation.name == "suiteql":
            if not isinstance(body, dict) or body.keys() != {"q"} or not isinstance(body["q"], str):
                yield 'the body of a query is {"q": "…"}'
            return
        if not operation.name.startswith("batch"):
            yield from self.problems(parts["recordType"], body, closed=True)
            return
        items = body.get("items") if isinstance(body, dict) else None
        if not isinstance(items, list) or body.keys() != {"items"}:
            yield 'the body of a batch is {"items": […]}'
            return
        if len(items) > (most := operation.facts["max_records"]):
            yield f"{len(items)} records, the most is {most}"
        for index, item in enumerate(items):
            found = self.problems(parts["recordType"], item, closed=True)
            yield from (f"items[{index}] {problem}" for problem in found)


def _pattern(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: f"(?P<{match[1]}>{_PART.get(match[1], _ID)})", path)


def _closed(node: Any) -> Any:
    """The schema with no names but its own, custom fields, and what marks a record in a batch."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    copied = {name: _closed(value) for name, value in node.items()}
    if "properties" in node and node.get("type") == "object":
        for name, each in node["properties"].items():
            if each.get("readOnly"):
                del copied["properties"][name]
        copied["patternProperties"] = {_CUSTOM: True}
        copied["additionalProperties"] = False
    return copied


def _without_rows(body: Any) -> Any:
    """A page of SuiteQL has rows of its own shape; what stands around them is that of any list."""
    return {**body, "items": []} if isinstance(body, dict) else body


__all__ = ["NetSuiteContract"]

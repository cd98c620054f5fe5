"""Checks HTTP traffic against openapi.yaml: the client's requests and the server's answers alike.

    from tests.contract.validator import Contract, ValidatingTransport

    contract = Contract.load()
    client = httpx.Client(transport=ValidatingTransport(httpx.HTTPTransport(), contract))

A breach is an AssertionError that names the operation and each problem. Every exchange is also counted
(``contract.seen``), so that a test can prove that something was checked at all.
"""

import json
import re
from collections import Counter
from datetime import date, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_ROOT = "urn:bulkeditor:openapi"
_METHODS = ("get", "put", "post", "patch", "delete")

formats = FormatChecker(())


@formats.checks("date-time", ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@formats.checks("date", ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@formats.checks("uri", ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def load_document() -> dict[str, Any]:
    """openapi.yaml, as it is shipped inside the package."""
    return yaml.safe_load(files("bulkeditor.api").joinpath("openapi.yaml").read_text("utf-8"))


class ContractError(AssertionError):
    """An exchange that the document does not allow."""


class Operation:
    """One operation of the document with everything that its requests and answers must be."""

    def __init__(
        self, path: str, method: str, node: dict[str, Any], parameters: list[dict[str, Any]]
    ) -> None:
        self.name: str = node["operationId"]
        self.path = path
        self.method = method.upper()
        self.node = node
        self.parameters = parameters
        names = re.compile(r"\{(\w+)\}")
        literal = [re.escape(part) for part in names.split(path)[::2]]
        groups = [f"(?P<{name}>[^/]+)" for name in names.findall(path)]
        self.pattern = re.compile("".join(a + b for a, b in zip(literal, [*groups, ""], strict=True)))


class Contract:
    """The document, ready to judge exchanges."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._registry: Registry = Registry().with_resource(_ROOT, Resource(document, DRAFT202012))
        self.seen: Counter[tuple[str, int]] = Counter()
        self.operations = [
            Operation(path, method, item[method], self._parameters(item, item[method]))
            for path, item in document["paths"].items()
            for method in _METHODS
            if method in item
        ]
        # A literal segment wins over a parameter, as in the server's routing.
        self.operations.sort(key=lambda operation: operation.path.count("{"))

    @classmethod
    def load(cls) -> "Contract":
        return cls(load_document())

    # ---- what is judged ----

    def find(self, method: str, raw_path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a request, and the values in its path; None when the document has none."""
        for operation in self.operations:
            match = operation.pattern.fullmatch(raw_path)
            if match and operation.method == method:
                return operation, {name: unquote(value) for name, value in match.groupdict().items()}
        return None

    def check_request(self, request: httpx.Request) -> list[str]:
        """Everything that is wrong with a request; its content must have been read."""
        raw_path, _, query = request.url.raw_path.decode("ascii").partition("?")
        found = self.find(request.method, raw_path)
        if found is None:
            return [f"{request.method} {raw_path} is no operation of the document"]
        operation, arguments = found
        problems = [
            *self._check_parameters(operation, arguments, query, request.headers),
            *self._check_security(operation, request.headers),
            *self._check_body(operation, request),
        ]
        return [f"{operation.name}: {problem}" for problem in problems]

    def check_response(self, request: httpx.Request, response: httpx.Response) -> list[str]:
        """Everything that is wrong with an answer; its content must have been read."""
        raw_path = request.url.raw_path.decode("ascii").partition("?")[0]
        found = self.find(request.method, raw_path)
        if found is None:
            return [f"{request.method} {raw_path} is no operation of the document"]
        operation = found[0]
        self.seen[operation.name, response.status_code] += 1
        described = operation.node["responses"].get(str(response.status_code))
        if described is None:
            return [f"{operation.name}: the status {response.status_code} is not documented"]
        described = self.resolve(described)
        problems = [*self._check_headers(described, response), *self._check_content(described, response)]
        return [f"{operation.name} → {response.status_code}: {problem}" for problem in problems]

    def check(self, request: httpx.Request, response: httpx.Response) -> None:
        """Raise for a breach on either side."""
        problems = [*self.check_request(request), *self.check_response(request, response)]
        if problems:
            raise ContractError("\n".join(problems))

    # ---- how ----

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference within the document."""
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def problems(self, schema: dict[str, Any], value: object) -> list[str]:
        """What is wrong with a value, for a schema of the document."""
        validator = Draft202012Validator(_rooted(schema), registry=self._registry, format_checker=formats)
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def _parameters(self, item: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            self.resolve(parameter)
            for parameter in (*item.get("parameters", ()), *node.get("parameters", ()))
        ]

    def _check_parameters(
        self, operation: Operation, arguments: dict[str, str], query: str, headers: httpx.Headers
    ) -> list[str]:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
        given = dict(pairs)
        problems = [
            f"{name} is given twice" for name, count in Counter(n for n, _ in pairs).items() if count > 1
        ]
        known = {parameter["name"] for parameter in operation.parameters if parameter["in"] == "query"}
        problems += [f"{name} is no parameter" for name in given if name not in known]
        sources = {"query": given, "path": arguments, "header": headers}
        for parameter in operation.parameters:
            name, source = parameter["name"], sources[parameter["in"]]
            if name in source:
                problems += [
                    f"{name}{problem[1:]}" for problem in self._check_parameter(parameter, source[name])
                ]
            elif parameter.get("required"):
                problems.append(f"{name} is missing")
        return problems

    def _check_parameter(self, parameter: dict[str, Any], text: str) -> list[str]:
        if "content" in parameter:
            return self._check_json(parameter["content"]["application/json"]["schema"], text.encode())
        return self.problems(parameter["schema"], self._typed(parameter["schema"], text))

    def _typed(self, schema: dict[str, Any], text: str) -> object:
        wanted = self.resolve(schema).get("type")
        if wanted == "integer" and re.fullmatch(r"-?[0-9]+", text):
            return int(text)
        if wanted == "number" and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            return float(text)
        return text

    def _check_security(self, operation: Operation, headers: httpx.Headers) -> list[str]:
        if operation.node.get("security") == []:
            return []
        if "x-api-key" in headers or headers.get("authorization", "").startswith("Bearer "):
            return []
        return ["neither X-API-Key nor Authorization: Bearer is sent"]

    def _check_body(self, operation: Operation, request: httpx.Request) -> list[str]:
        body = operation.node.get("requestBody")
        if body is None:
            return ["a body is sent, but none is documented"] if request.content else []
        if not request.content:
            return ["the body is missing"] if body["required"] else []
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in body["content"]:
            return [f"the content type {kind!r} is not documented"]
        schema = body["content"][kind]["schema"]
        if kind == "application/x-www-form-urlencoded":
            return self.problems(
                schema, dict(parse_qsl(request.content.decode("ascii"), keep_blank_values=True))
            )
        return self._check_json(schema, request.content)

    def _check_headers(self, described: dict[str, Any], response: httpx.Response) -> list[str]:
        problems: list[str] = []
        for name, reference in described.get("headers", {}).items():
            header = self.resolve(reference)
            if name in response.headers:
                value = self._typed(header["schema"], response.headers[name])
                problems += [f"{name}{problem[1:]}" for problem in self.problems(header["schema"], value)]
            elif header.get("required"):
                problems.append(f"the header {name} is missing")
        documented = {name.lower() for name in described.get("headers", {})}
        ours = {"location", "retry-after", "www-authenticate"}
        for name in response.headers:
            if (name in ours or name.startswith(("x-", "idempotency"))) and name not in documented:
                problems.append(f"the header {name} is not documented")
        return problems

    def _check_content(self, described: dict[str, Any], response: httpx.Response) -> list[str]:
        content = described.get("content")
        if content is None:
            return ["a body came, but none is documented"] if response.content else []
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in content:
            return [f"the content type {kind!r} is not documented"]
        return self._check_json(content[kind]["schema"], response.content)

    def _check_json(self, schema: dict[str, Any], raw: bytes) -> list[str]:
        try:
            value = json.loads(raw)
        except ValueError as error:
            return [f"$: no JSON ({error})"]
        return self.problems(schema, value)


def _rooted(node: Any) -> Any:
    """The same schema with references that are absolute, so that they hold outside the document."""
    if isinstance(node, dict):
        return {
            key: f"{_ROOT}{value}"
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else _rooted(value)
            for key, value in node.items()
        }
    return [_rooted(item) for item in node] if isinstance(node, list) else node


class ValidatingTransport(httpx.BaseTransport):
    """Passes every exchange on, and judges it.

    Args:
        inner: What really sends.
        contract: The document.
        requests: Whether requests are judged; off where a test sends a bad one on purpose.
        responses: Whether answers are judged; off where a fault sends a bad one on purpose.
    """

    def __init__(
        self, inner: httpx.BaseTransport, contract: Contract, *, requests: bool = True, responses: bool = True
    ) -> None:
        self._inner = inner
        self._judge = _Judge(contract, requests=requests, responses=responses)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self._judge.request(request)
        response = self._inner.handle_request(request)
        response.request = request
        response.read()
        self._judge.response(request, response)
        return response

    def close(self) -> None:
        self._inner.close()


class AsyncValidatingTransport(httpx.AsyncBaseTransport):
    """As :class:`ValidatingTransport`, for an AsyncClient."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        contract: Contract,
        *,
        requests: bool = True,
        responses: bool = True,
    ) -> None:
        self._inner = inner
        self._judge = _Judge(contract, requests=requests, responses=responses)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self._judge.request(request)
        response = await self._inner.handle_async_request(request)
        response.request = request
        await response.aread()
        self._judge.response(request, response)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Judge:
    def __init__(self, contract: Contract, *, requests: bool, responses: bool) -> None:
        self._contract = contract
        self._requests = requests
        self._responses = responses

    def request(self, request: httpx.Request) -> None:
        if self._requests and (problems := self._contract.check_request(request)):
            raise ContractError("\n".join(problems))

    def response(self, request: httpx.Request, response: httpx.Response) -> None:
        if self._responses and (problems := self._contract.check_response(request, response)):
            raise ContractError("\n".join(problems))

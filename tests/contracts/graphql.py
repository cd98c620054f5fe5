"""A vendor's GraphQL schema as a contract, by graphql-core and what graphql-core does not look at.

A request's document is validated and its variables are coerced; the answer's data is executed once more over
the schema, so that a missing, a superfluous or an ill-typed value shows. Besides:

* a mutation whose text says that an idempotency key is required carries ``@idempotent``, with a key;
* ``changeFromQuantity`` is given wherever an input type has it: its null skips the vendor's check, and its
  absence is an error, and both are nullable to the schema;
* a list never asks for more than the vendor hands out (``first``/``last``), and inputs hold no more either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import httpx
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLResolveInfo,
    GraphQLScalarType,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    execute_sync,
    get_argument_values,
    get_directive_values,
    get_named_type,
    get_nullable_type,
    get_operation_ast,
    get_variable_values,
    parse,
    validate,
    visit,
)

from tests.contracts.contract import VendorContract, media_type

_MOST: Final = 250
_DEMANDS_KEY: Final = re.compile(r"idempotency key is required")


def _decimal_text(value: Any) -> Any:
    """A decimal number in a string: what Money and Decimal are on the wire."""
    try:
        fine = isinstance(value, str) and Decimal(value).is_finite()
    except InvalidOperation:
        fine = False
    if not fine:
        raise GraphQLError(f"{value!r} is no decimal number in a string")
    return value


def _time_text(value: Any) -> Any:
    if not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is None:
        raise GraphQLError(f"{value!r} is no time with a zone")
    return value


_SCALARS: Final[Mapping[str, tuple[Callable[[Any], Any], str]]] = {
    "Money": (_decimal_text, "12.50"),
    "Decimal": (_decimal_text, "12.50"),
    "DateTime": (_time_text, "2026-01-31T00:00:00Z"),
}
_EXAMPLES: Final[Mapping[str, Any]] = {"String": "text", "Int": 1, "Float": 1.5, "Boolean": True}


class GraphQLContract(VendorContract):
    """One schema at one address.

    Args:
        sdl: The schema in the schema definition language.
        path: Where requests are posted to, a regular expression for the whole path.
        headers: What every request has to carry, each with what it has to look like.
    """

    def __init__(self, sdl: str, *, path: str, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.schema = build_schema(sdl)
        self._path = re.compile(path)
        self._headers = headers
        for name, (check, _) in _SCALARS.items():
            scalar = self.schema.type_map.get(name)
            if isinstance(scalar, GraphQLScalarType):
                scalar.coerce_input_value = scalar.coerce_output_value = check

    @classmethod
    def read(cls, file: Path, **options: Any) -> GraphQLContract:
        """From a file."""
        return cls(file.read_text("utf-8"), **options)

    @cached_property
    def keyed(self) -> frozenset[str]:
        """Mutations that demand an idempotency key, by their own texts."""
        mutations = self.schema.mutation_type
        fields = mutations.fields if mutations else {}
        return frozenset(
            name for name, field in fields.items() if _DEMANDS_KEY.search(field.description or "")
        )

    def operation(self, request: httpx.Request) -> str | None:
        if request.method != "POST" or not self._path.fullmatch(request.url.path):
            return None
        try:
            asked = _Asked.of(request)
            node = asked.operation
        except (ValueError, GraphQLError):
            return "unreadable"
        if node is None:
            return "unreadable"
        # By the first field at the top: that is what the vendor's documentation calls the operation.
        first = node.selection_set.selections[0]
        return first.name.value if isinstance(first, FieldNode) else "unreadable"

    def request_problems(self, request: httpx.Request) -> Iterator[str]:
        yield from self._header_problems(request)
        try:
            asked = _Asked.of(request)
        except (ValueError, GraphQLError) as error:
            yield f"the body is no GraphQL request: {error}"
            return
        problems = [error.message for error in validate(self.schema, asked.document)]
        yield from problems
        if problems or asked.operation is None:
            if asked.operation is None:
                yield "the document holds no such operation"
            return
        coerced = get_variable_values(
            self.schema, asked.operation.variable_definitions or (), dict(asked.variables)
        )
        if isinstance(coerced, list):
            yield from (error.message for error in coerced)
            return
        declared = {each.variable.name.value for each in asked.operation.variable_definitions or ()}
        yield from (f"${name} is sent, but not declared" for name in asked.variables if name not in declared)
        yield from self._argument_problems(asked, coerced)

    def response_problems(self, request: httpx.Request, response: httpx.Response) -> Iterator[str]:
        if response.status_code != 200:
            return
        body = response.json()
        if not isinstance(body, dict) or not body.keys() & {"data", "errors"}:
            yield "neither data nor errors"
            return
        yield from self._error_problems(body)
        data = body.get("data")
        if data is None:
            return
        result = self._executed(_Asked.of(request), data)
        yield from (f"{error.path}: {error.message}" for error in result.errors or ())
        if not result.errors:
            yield from _differences(data, result.data)

    # Replies

    def reply(self, request: httpx.Request, values: Mapping[str, Any] | None = None) -> httpx.Response:
        """An answer built from the schema, for the very fields that a request asks for.

        Args:
            request: The request.
            values: What fields hold, by ``Type.field``; lists have one element unless they are given here.
        """
        result = self._executed(_Asked.of(request), {}, {"PageInfo.hasNextPage": False, **(values or {})})
        assert not result.errors, result.errors
        cost = {"requestedQueryCost": 1, "actualQueryCost": 1, "throttleStatus": _THROTTLE}
        return httpx.Response(200, json={"data": result.data, "extensions": {"cost": cost}})

    def _executed(
        self, asked: _Asked, data: Any, invented: Mapping[str, Any] | None = None
    ) -> ExecutionResult:
        def resolve(source: Any, info: GraphQLResolveInfo, **_: Any) -> Any:
            if invented is None:
                key = info.path.key
                return source.get(key) if isinstance(source, dict) else None
            name = f"{info.parent_type.name}.{info.field_name}"
            if name in invented:
                return invented[name]
            if isinstance(source, dict) and info.field_name in source:
                return source[info.field_name]
            return self._sample(info.return_type, asked, info)

        def concrete(value: Any, info: GraphQLResolveInfo, abstract: Any) -> str:
            if isinstance(value, dict) and "__typename" in value:
                return value["__typename"]
            return self._meant(abstract, info)

        return execute_sync(
            self.schema,
            asked.document,
            data,
            variable_values=dict(asked.variables),
            operation_name=asked.name,
            field_resolver=resolve,
            type_resolver=concrete,
        )

    def _sample(self, kind: Any, asked: _Asked, info: GraphQLResolveInfo) -> Any:
        nullable = get_nullable_type(kind)
        if isinstance(nullable, GraphQLList):
            # An answer that went well has no errors in it.
            return [] if "rror" in info.field_name else [self._sample(nullable.of_type, asked, info)]
        if isinstance(nullable, GraphQLEnumType):
            return next(iter(nullable.values))
        if isinstance(nullable, GraphQLScalarType):
            if nullable.name == "ID":
                return f"gid://shopify/{info.parent_type.name}/1"
            return _EXAMPLES.get(nullable.name) or _SCALARS.get(nullable.name, (None, "text"))[1]
        return {}

    def _meant(self, abstract: Any, info: GraphQLResolveInfo) -> str:
        """The concrete type that a selection asks about, where the answer does not say."""
        possible = {kind.name for kind in self.schema.get_possible_types(abstract)}
        for node in info.field_nodes:
            for selection in node.selection_set.selections if node.selection_set else ():
                condition = getattr(selection, "type_condition", None)
                if condition is not None and condition.name.value in possible:
                    return condition.name.value
        return min(possible)

    # How

    def _header_problems(self, request: httpx.Request) -> Iterator[str]:
        if media_type(request.headers) != "application/json":
            yield f"the content type is {media_type(request.headers)!r}"
        for name, form in self._headers.items():
            value = request.headers.get(name)
            if value is None:
                yield f"the header {name} is missing"
            elif not re.fullmatch(form, value):
                yield f"the header {name} is not of the form {form}"

    def _argument_problems(self, asked: _Asked, variables: Any) -> Iterator[str]:
        found: list[str] = []
        info = TypeInfo(self.schema)
        outer = self

        class Fields(Visitor):
            def enter_field(self, node: FieldNode, *_: Any) -> None:
                field = info.get_field_def()
                if field is None:
                    return
                values = get_argument_values(field, node, variables)
                found.extend(outer._field_problems(node, field.args, values, variables))

        visit(asked.document, TypeInfoVisitor(info, Fields()))
        yield from found

    def _field_problems(
        self,
        node: FieldNode,
        arguments: Mapping[str, GraphQLArgument],
        values: Mapping[str, Any],
        variables: Any,
    ) -> Iterator[str]:
        name = node.name.value
        if name in self.keyed:
            directive = self.schema.get_directive("idempotent")
            given = directive and get_directive_values(directive, node, variables)
            if not given or not str(given["key"]).strip():
                yield f"{name} needs @idempotent(key:)"
        for argument in ("first", "last"):
            if isinstance(values.get(argument), int) and values[argument] > _MOST:
                yield f"{name}({argument}: {values[argument]}) is more than {_MOST}"
        for argument, value in values.items():
            yield from self._input_problems(arguments[argument].type, value, f"{name}.{argument}")

    def _input_problems(self, kind: GraphQLInputType, value: Any, where: str) -> Iterator[str]:
        if isinstance(value, list):
            if len(value) > _MOST:
                yield f"{where} holds {len(value)} inputs, more than {_MOST}"
            for index, each in enumerate(value):
                yield from self._input_problems(kind, each, f"{where}[{index}]")
        named = get_named_type(kind)
        if isinstance(named, GraphQLInputObjectType) and isinstance(value, dict):
            if "changeFromQuantity" in named.fields and "changeFromQuantity" not in value:
                yield f"{where}.changeFromQuantity is not given; null says that nothing is compared"
            for name, each in value.items():
                yield from self._input_problems(named.fields[name].type, each, f"{where}.{name}")

    @staticmethod
    def _error_problems(body: Mapping[str, Any]) -> Iterator[str]:
        for error in body.get("errors", ()):
            if not isinstance(error, dict) or not isinstance(error.get("message"), str):
                yield f"an error without a message: {error!r}"


class _Asked:
    """A GraphQL request, taken apart."""

    def __init__(self, document: DocumentNode, name: str | None, variables: Mapping[str, Any]) -> None:
        self.document = document
        self.name = name
        self.variables = variables

    @classmethod
    def of(cls, request: httpx.Request) -> _Asked:
        body = json.loads(request.content)
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            raise GraphQLError("there is no query")
        if unknown := body.keys() - {"query", "variables", "operationName"}:
            raise ValueError(f"{', '.join(sorted(unknown))} is not part of a GraphQL request")
        return cls(parse(body["query"]), body.get("operationName"), body.get("variables") or {})

    @property
    def operation(self) -> OperationDefinitionNode | None:
        return get_operation_ast(self.document, self.name)


def _differences(sent: Any, executed: Any, where: str = "data") -> Iterator[str]:
    if isinstance(sent, dict) and isinstance(executed, dict):
        yield from (f"{where}.{name} was not asked for" for name in sent if name not in executed)
        yield from (f"{where}.{name} is missing" for name in executed if name not in sent)
        for name in sent.keys() & executed.keys():
            yield from _differences(sent[name], executed[name], f"{where}.{name}")
    elif isinstance(sent, list) and isinstance(executed, list):
        for index, (one, other) in enumerate(zip(sent, executed, strict=True)):
            yield from _differences(one, other, f"{where}[{index}]")
    elif sent != executed:
        yield f"{where} is {sent!r}, and the schema makes {executed!r} of it"


_THROTTLE: Final = {"maximumAvailable": 2000, "currentlyAvailable": 1999, "restoreRate": 100}

__all__ = ["GraphQLContract"]

"""A stand-in for a Shopify shop: the Admin GraphQL API over real HTTP, executed against type definitions.

It holds a catalog with stock at two locations, answers ``POST /admin/api/2026-10/graphql.json``, runs bulk
operations, counts the cost of queries, and refuses what Shopify refuses: a token that is none, a scope that
is missing, a field that does not exist, a query that costs too much, a stock change without ``@idempotent``
or ``changeFromQuantity``. Shopify does not publish what long lists cost, nor when it uses which code of
``userErrors``; there the stand-in is as strict as the published texts.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import parse_qs

import attrs
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    execute_sync,  # pyright: ignore[reportUnknownVariableType] - its middleware is untyped
    get_operation_ast,
    parse,
    validate,
)

from bulkeditor.http import Clock
from bulkeditor.testing._standin import Answer, Entry, StandIn
from bulkeditor.testing.vendors._shopify.bulk import Bulk
from bulkeditor.testing.vendors._shopify.context import SCOPES, Context, resolve
from bulkeditor.testing.vendors._shopify.cost import MOST, Bucket, Costs
from bulkeditor.testing.vendors._shopify.mutations import Mutations
from bulkeditor.testing.vendors._shopify.queries import Queries
from bulkeditor.testing.vendors._shopify.schema import VERSION, schema
from bulkeditor.testing.vendors._shopify.shop import Shop
from bulkeditor.testing.vendors._shopify.stock import Remembered
from bulkeditor.testing.vendors._shopify.words import change, in_our_words, take_in

_ROUTE: Final = re.compile(r"/admin/api/(?P<version>[\d-]+|unstable)/graphql\.json")
_TOKENS: Final = "/admin/oauth/access_token"
_HEAD: Final = "x-shopify-access-token"
_LIFETIME: Final = 86399


class Shopify(StandIn):
    """A Shopify shop.

    Args:
        clock: Its time.
    """

    client_id = "stand-in-client-8e1f"
    client_secret = "shpss_stand-in-5b20c7"  # noqa: S105 - of a stand-in
    access_token = "shpat_stand-in-91d4aa"  # noqa: S105 - as above

    plain_paths = (_TOKENS, "/storage/")

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self.shop = Shop(self.clock.now)
        self.version = VERSION
        """The API version that answers, whichever is asked for: Shopify falls forward without a word."""
        self.scopes = SCOPES
        self.restore_rate = 100
        """Points a second: 100 on the standard plan."""
        self.bulk = Bulk(lambda: self.base_url, self.clock.now, self._run)
        self._bucket = Bucket(self.clock.now, 20 * self.restore_rate, self.restore_rate)
        self._remembered = Remembered()
        self._tokens: dict[str, bool] = {}
        self._refresh: set[str] = set()
        self._numbers = itertools.count(1)

    # What a test does ---------------------------------------------------------------------------------------

    def seed(self, records: Iterable[Mapping[str, object]]) -> None:
        """Take in variants in our words; ``product`` groups them, without it each has a product of its own.

        Args:
            records: ``inventory_levels`` may hold a number or the states for each location's name,
                ``custom_fields`` values of metafields in the namespace ``custom``.
        """
        for record in records:
            take_in(self.shop, record)

    def edit(self, key: str, values: Mapping[str, object], *, changed_at: datetime | None = None) -> None:
        """Change a variant as somebody at the shop would."""
        variant = self.shop.variant(key) or take_in(self.shop, {"sku": key})
        change(self.shop, variant, values, changed_at)

    def remove(self, key: str) -> None:
        """Delete a variant, and a product that has no other."""
        variant = self.shop.variant(key)
        assert variant is not None, f"there is no {key}"
        variant.product.holds.remove(variant)
        if not variant.product.holds:
            self.shop.products.remove(variant.product)

    def holds(self, key: str) -> Mapping[str, object] | None:
        """A variant in our words."""
        variant = self.shop.variant(key)
        return None if variant is None else in_our_words(variant)

    def expire(self) -> None:
        """Every token that was handed out is dead; the custom app's own one never dies."""
        self._tokens = dict.fromkeys(self._tokens, False)

    def secrets(self) -> Iterable[str]:
        """All credentials."""
        return (self.client_secret, self.access_token, *self._tokens, *self._refresh)

    def fail_next_bulk(self) -> None:
        """The next bulk operation fails half-way."""
        self.bulk.fails = True

    def refresh_token(self) -> str:
        """A refresh token, good for one use."""
        token = f"shprt_stand-in-{next(self._numbers)}-77aa"
        self._refresh.add(token)
        return token

    def throttled(self, retry_after: float) -> Answer:
        """Status 200, with the points that are missing: they are there after so many seconds."""
        wanted = max(1, math.ceil(retry_after * self.restore_rate))
        status = {**self._bucket.status(), "currentlyAvailable": 0}
        return _throttled(wanted, status, self.version)

    # Requests -----------------------------------------------------------------------------------------------

    def route(self, entry: Entry) -> str:
        """GraphQL has one path for everything: what is asked for tells the questions apart."""
        return f"{entry.path} {entry.body.partition(b'variables')[0].decode(errors='replace')[:400]}"

    def handle(self, entry: Entry) -> Answer:
        """Answer one request."""
        if entry.path.startswith("/storage/"):
            return self.bulk.store(entry)
        if entry.path == _TOKENS:
            return self._token(entry)
        if not self._known(entry.headers.get(_HEAD, "")):
            text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return Answer(status=401, body={"errors": text})
        if _ROUTE.fullmatch(entry.path) is None or entry.method != "POST":
            return Answer(status=404, body={"errors": "Not Found"})
        answer = self._graphql(entry)
        return attrs.evolve(answer, headers={**answer.headers, "X-Shopify-API-Version": self.version})

    def _known(self, token: str) -> bool:
        return token == self.access_token or self._tokens.get(token, False)

    def _token(self, entry: Entry) -> Answer:
        # https://shopify.dev/docs/apps/build/authentication-authorization: a form, or JSON.
        if entry.headers.get("content-type", "").startswith("application/json"):
            form = cast("dict[str, Any]", entry.json())
        else:
            form = {name: values[0] for name, values in parse_qs(entry.body.decode()).items()}
        known = form.get("client_id") == self.client_id and form.get("client_secret") == self.client_secret
        if self.strikes("refuse_login", entry) or not known:
            return Answer(status=401, body={"error": "invalid_client"})
        more: dict[str, object] = {}
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self._refresh:
                return Answer(status=400, body={"error": "invalid_grant"})
            self._refresh.discard(str(form["refresh_token"]))
            more = {"refresh_token": self.refresh_token(), "refresh_token_expires_in": 7776000}
        elif form.get("grant_type") != "client_credentials":
            return Answer(status=400, body={"error": "unsupported_grant_type"})
        token = f"shpat_stand-in-{next(self._numbers)}-3c9e"
        self._tokens[token] = True
        scope = ",".join(sorted(self.scopes))
        return Answer(body={"access_token": token, "scope": scope, "expires_in": _LIFETIME, **more})

    def _graphql(self, entry: Entry) -> Answer:
        if not entry.headers.get("content-type", "").startswith("application/json"):
            return Answer(status=415, body={"errors": "Unsupported Media Type"})
        try:
            body = cast("dict[str, Any]", entry.json())
            query = body["query"]
            variables = cast("dict[str, object]", body.get("variables") or {})
            read = _read(query, body.get("operationName"))
        except (ValueError, KeyError, TypeError):
            return Answer(status=400, body={"errors": {"query": "Required parameter missing or invalid"}})
        return self._answered(entry, read, variables)

    def _answered(self, entry: Entry, read: _Read, variables: Mapping[str, object]) -> Answer:
        if read.operation is None:
            return Answer(body={"errors": read.errors})
        cost = Costs(schema(), read.document, variables).of(read.operation)
        if cost > MOST:
            return Answer(body={"errors": [_too_expensive(cost)]})
        if not self._bucket.take(cost):
            return _throttled(cost, self._bucket.status(), self.version)
        context = self._context(entry)
        answer = self._executed(context, read.document, read.operation, variables)
        status = self._bucket.status()
        answer["extensions"] = {
            "cost": {"requestedQueryCost": cost, "actualQueryCost": cost, "throttleStatus": status},
            **({"search": context.searches} if context.searches else {}),
        }
        return Answer(body=answer)

    def _context(self, entry: Entry) -> Context:
        return Context(
            shop=self.shop,
            entry=entry,
            strikes=lambda kind: self.strikes(kind, entry),
            refused=self.refused,
            scopes=self.scopes,
        )

    def _run(self, context: Context, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
        """Answer a document of a bulk operation."""
        read = _read(query)
        if read.operation is None:
            return {"errors": read.errors}
        return self._executed(context, read.document, read.operation, variables)

    def _executed(
        self,
        context: Context,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, object],
    ) -> dict[str, Any]:
        changes = operation.operation.value == "mutation"
        root = Mutations(context, self._remembered, self.bulk) if changes else Queries(context, self.bulk)
        result = execute_sync(
            schema(),
            document,
            root_value=root,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name.value if operation.name else None,
            field_resolver=resolve,
            type_resolver=_kind,
        )
        answer: dict[str, Any] = {} if result.data is None and result.errors else {"data": result.data}
        if result.errors:
            answer["errors"] = [_formatted(one) for one in result.errors]
        return answer


@attrs.frozen
class _Read:
    """A document that was read; without an operation where it is refused."""

    document: DocumentNode
    operation: OperationDefinitionNode | None
    errors: list[dict[str, object]]


_NOTHING: Final = DocumentNode(definitions=())


def _read(query: str, name: str | None = None) -> _Read:
    try:
        document = parse(query)
    except GraphQLSyntaxError as error:
        return _Read(_NOTHING, None, [_formatted(error)])
    errors: list[dict[str, object]] = [_formatted(error) for error in validate(schema(), document)]
    operation = get_operation_ast(document, name)
    if operation is None and not errors:
        errors = [{"message": "No operation was named, and there is not just one."}]
    return _Read(document, None if errors else operation, errors)


def _kind(value: Any, *_: object) -> str:
    return cast("str", value.typename)


def _formatted(error: GraphQLError) -> dict[str, object]:
    found = cast("dict[str, Any]", dict(error.formatted))
    if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
        raise error.original_error
    if "extensions" not in found and error.message.startswith("Cannot query field"):
        found["extensions"] = {"code": "undefinedField"}
    elif "extensions" not in found and error.message.startswith("Variable"):
        found["extensions"] = {"code": "INVALID_VARIABLE"}
    return found


def _too_expensive(cost: int) -> dict[str, object]:
    return {
        "message": f"Query cost is {cost}, which exceeds the single query max cost limit ({MOST}).",
        "extensions": {
            "code": "MAX_COST_EXCEEDED",
            "cost": cost,
            "maxCost": MOST,
            "documentation": "https://shopify.dev/api/usage/rate-limits",
        },
    }


def _throttled(cost: int, status: Mapping[str, object], version: str) -> Answer:
    return Answer(
        body={
            "errors": [
                {
                    "message": "Throttled",
                    "extensions": {
                        "code": "THROTTLED",
                        "documentation": "https://shopify.dev/api/usage/rate-limits",
                    },
                }
            ],
            "extensions": {
                "cost": {
                    "requestedQueryCost": cost,
                    "actualQueryCost": None,
                    "throttleStatus": dict(status),
                }
            },
        },
        headers={"X-Shopify-API-Version": version},
    )


__all__ = ["Shopify"]

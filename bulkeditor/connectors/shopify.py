"""Shopify's Admin GraphQL API: variants by SKU, their prices, costs, metafields, and stock at each location.

https://shopify.dev/docs/api/admin-graphql/2026-10. Unverified, since no shop was at hand: tokens by client
credentials, that a change of stock moves ``updatedAt`` of the inventory item, and that
``inventorySetQuantities`` writes nothing when it answers no group of adjustments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeGuard, cast

from bulkeditor.connectors._chunks import chunks
from bulkeditor.connectors._classify import Problem
from bulkeditor.connectors._convert import DateTime, Money, Number, Text
from bulkeditor.connectors._declare import Capabilities, Limits
from bulkeditor.connectors._fields import Field, field
from bulkeditor.connectors._settings import secret, setting
from bulkeditor.connectors._shopify import bulk, graphql
from bulkeditor.connectors._shopify.writing import Work
from bulkeditor.connectors._types import Action, Batch, Query, Reading, Records, StockLevel, Writing
from bulkeditor.connectors.base import Connector, first_page
from bulkeditor.errors import ConfigurationError, VendorError
from bulkeditor.http import Auth, Exchange, Request, Response, Sleep
from bulkeditor.http.auth import APIKey, Attempt, OAuth2, Token

_HEADER: Final = "X-Shopify-Access-Token"
_TOO_EXPENSIVE: Final = "MAX_COST_EXCEEDED"
_SKUS_AT_ONCE: Final = 50
_SPARE: Final = 10
_BULK_ROWS: Final = 10_000
# SKUs from which on it is cheaper to read the whole catalog in bulk than to search for them.
_MANY: Final = 500
_NO_METAFIELDS: Final[Mapping[str, str]] = MappingProxyType({})
_SCOPES: Final = ("read_products", "write_products", "read_inventory", "write_inventory", "read_locations")
# Lists in which a read looks for variants, one after the other: a price moves the variant's time, a cost or
# the stock that of its inventory item.
_LISTS: Final = ("productVariants", "inventoryItems")


class ClientCredentials(OAuth2):
    """Tokens of 24 hours for an organisation's own app; they travel in Shopify's header."""

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:  # noqa: ARG002 - the protocol's
        """Add the token."""
        return request.with_header(_HEADER, token.value.reveal())


def changed_at(row: Mapping[str, Any]) -> str:
    """When a variant or its inventory item was changed last."""
    times: list[str] = [row["updatedAt"], row["inventoryItem"]["updatedAt"]]
    return max(times, key=datetime.fromisoformat)


class Status(Text):
    """``active``, ``draft``, ``archived``: in capitals at Shopify."""

    def read(self, value: object) -> str:
        """In small letters."""
        return Text.read(self, value).lower()

    def write(self, value: object) -> object:
        """In capitals."""
        return Text.read(self, value).upper()


def stock_levels(row: Mapping[str, Any]) -> list[StockLevel]:
    """Stock at each location."""
    number = Number().read
    found: list[StockLevel] = []
    for node in row["inventoryItem"]["inventoryLevels"]["nodes"]:
        named = {each["name"]: number(each["quantity"]) for each in node["quantities"]}
        found.append(
            StockLevel(
                location=node["location"]["id"],
                on_hand=named.get("on_hand"),
                reserved=named.get("committed"),
                available=named.get("available"),
                incoming=named.get("incoming"),
            )
        )
    return found


class Shopify(Connector):
    """A shop; its records are variants.

    Settings:
        shop: ``my-shop``, or ``my-shop.myshopify.com``; not needed where ``base_url`` is given.
        access_token: Of a custom app (``shpat_…``).
        client_id: Of an app of the shop's own organisation, instead of a token.
        client_secret: Its secret.
        location: Whose stock is meant where a change names none; a shop with one location needs none.
        metafields: Our field names to metafields of variants: ``namespace.key``, or ``namespace.key:type``
            where they have no definition.
        bulk: Read everything, and write thousands of prices, by bulk operations.
    """

    name = "shopify"
    cursor = "updated_at"
    # Searches run on an index that lags.
    # https://shopify.dev/docs/api/usage/search-syntax
    look_back = timedelta(minutes=5)
    reads = {
        "sku": "sku",
        "id": "id",
        "product_id": field("product.id", Text),
        "barcode": "barcode",
        "compare_at_price": field("compareAtPrice", Money),
        "cost": field("inventoryItem.unitCost.amount", Money),
        "created_at": "createdAt",
        "handle": "product.handle",
        "inventory_levels": field(stock_levels),
        "inventory_quantity": "inventoryQuantity",
        "price": "price",
        "product_type": "product.productType",
        "status": field("product.status", Status),
        "tags": "product.tags",
        "title": "product.title",
        "updated_at": field(changed_at, DateTime),
        "variant_title": field("title", Text),
        "vendor": "product.vendor",
    }
    writes = {
        "price": field("price", Money(as_text=True)),
        "compare_at_price": field("compareAtPrice", Money(as_text=True)),
        "barcode": "barcode",
        "cost": field("inventoryItem.cost", Money(as_text=True)),
        "inventory_quantity": "inventoryQuantity",
        "product_type": "product.productType",
        "status": field("product.status", Status),
        "tags": "product.tags",
        "title": "product.title",
        "vendor": "product.vendor",
    }
    aliases = {"available": "inventory_quantity", "compareAtPrice": "compare_at_price", "unitCost": "cost"}
    capabilities = Capabilities(
        by_key=True,
        deletions="full_scan",
        delta="inventory_quantity",
        per_location="inventory_quantity",
        compare_and_swap="inventory_quantity",
    )
    # https://shopify.dev/docs/api/usage/limits: inputs and lists of at most 250, queries of at most 1,000
    # points.
    limits = Limits(batch_size=250, page_size=100, concurrency=4)
    refusals: ClassVar[Mapping[int | str, Action]] = {
        402: "fatal",  # frozen: its owner has to pay
        404: "fatal",  # no such shop
        423: "fatal",  # locked
        430: "retry",
        "THROTTLED": "retry",
        "ACCESS_DENIED": "fatal",
        "SHOP_INACTIVE": "fatal",
        "INTERNAL_SERVER_ERROR": "unknown",
        "partial_data": "unknown",
        "graphql_error": "fatal",
        "CHANGE_FROM_QUANTITY_STALE": "conflict",
        "PRODUCT_DOES_NOT_EXIST": "skip_row",
        "PRODUCT_VARIANT_DOES_NOT_EXIST": "skip_row",
        "IDEMPOTENCY_CONCURRENT_REQUEST": "unknown",
        "INTERNAL_ERROR": "retry",
        "SERVICE_UNAVAILABLE": "retry",
    }
    errors_in_success = True
    # Where results of bulk operations lie; they never get the token.
    hosts = ("storage.googleapis.com", "shopify-staged-uploads.storage.googleapis.com")

    shop: str | None = setting(default=None)
    access_token: str | None = secret(default=None)
    client_id: str | None = setting(default=None)
    client_secret: str | None = secret(default=None)
    location: str | None = setting(default=None)
    metafields: Mapping[str, str] = setting(default=_NO_METAFIELDS)
    bulk: bool = setting(default=False)

    # Configuration -----------------------------------------------------------------------------------------

    def address(self) -> str | None:
        """The shop's address."""
        if self.has("base_url") or not self.has("shop"):
            return super().address()
        name = self.value("shop")
        return f"https://{name}" if "." in name else f"https://{name}.myshopify.com"

    def authenticate(self) -> Auth:
        """The token of a custom app, or tokens by client credentials."""
        if not self.has("access_token") and self.has("client_id", "client_secret"):
            return ClientCredentials(
                self.value("client_id"), self.secret("client_secret"), "/admin/oauth/access_token"
            )
        self.need("access_token")
        return APIKey(self.secret("access_token"), header=_HEADER)

    def read_fields(self) -> Mapping[str, Field]:
        """The fields of the class, and the metafields that are set."""
        return {**super().read_fields(), **self._custom}

    def written_fields(self) -> Mapping[str, Field]:
        """As :meth:`read_fields`."""
        return {**super().written_fields(), **self._custom}

    @cached_property
    def _custom(self) -> Mapping[str, Field]:
        return {name: field(f"{alias}.value", Text) for name, (alias, *_) in self.known_metafields.items()}

    @cached_property
    def known_metafields(self) -> Mapping[str, tuple[str, str, str, str | None]]:
        """Our names to the alias in a row, namespace, key and type.

        Raises:
            ConfigurationError: One is not ``namespace.key``.
        """
        found: dict[str, tuple[str, str, str, str | None]] = {}
        for at, (name, declared) in enumerate(sorted(self.metafields.items())):
            place, _, kind = declared.partition(":")
            namespace, _, key = place.partition(".")
            if not namespace or not key or '"' in place:
                raise ConfigurationError(
                    f"shopify: the metafield {name!r} is {declared!r}; write namespace.key."
                )
            found[name] = (f"metafield{at}", namespace, key, kind or None)
        return found

    def batch_limit(self) -> int:
        """As configured; bulk operations take more."""
        if not self.bulk:
            return super().batch_limit()
        return min(self.batch_size or _BULK_ROWS, _BULK_ROWS)

    def many(self, count: int) -> bool:
        """Whether so many SKUs are looked up by a bulk operation."""
        return self.bulk and count > _MANY

    # Reading -----------------------------------------------------------------------------------------------

    def read(self, query: Query) -> Reading:
        """Variants that changed since, all of them, or those with some SKUs."""
        if query.keys and self.many(len(query.keys)):
            # All are read; the session leaves out those that nobody asked for.
            yield from bulk.read(self, query, self.selection(query, bulk=True))
        elif query.keys:
            for some in chunks(query.keys, _SKUS_AT_ONCE):
                search = graphql.by_skus(some)
                yield from self._lists(query, _LISTS[:1], search)
        elif query.since is not None:
            since = cast("datetime", query.since).astimezone(UTC).replace(microsecond=0)
            search = f"updated_at:>='{DateTime().write(since)}'"
            yield from self._lists(query, _LISTS, search)
        elif self.bulk:
            yield from bulk.read(self, query, self.selection(query, bulk=True))
        else:
            yield from self._lists(query, _LISTS[:1], None, whole=True)

    def selection(self, query: Query, *, bulk: bool = False) -> str:
        """What a query selects of a variant."""
        wanted = [name for name in self.read_fields() if query.wants(name)]
        metafields = [
            graphql.metafield(alias, namespace, key)
            for name, (alias, namespace, key, _) in self.known_metafields.items()
            if name in wanted
        ]
        return graphql.variant(wanted, metafields, bulk=bulk)

    def _lists(
        self, query: Query, lists: Sequence[str], search: str | None, *, whole: bool = False
    ) -> Reading:
        selection = self.selection(query)
        documents = {
            "productVariants": graphql.variants(selection),
            "inventoryItems": graphql.items(selection),
        }
        at, after = cast("int", query.resume.get("list", 0)), query.resume.get("after")
        size = query.page_size or cast("int", self.limits.page_size)
        if query.keys:
            # What a page costs goes by what is asked for, and not by what comes.
            size = min(size, len(query.keys) + _SPARE)
        while at < len(lists):
            variables = {"first": size, "after": after, "query": search}
            try:
                response = yield self.ask(documents[lists[at]], variables, lists[at])
            except VendorError as error:
                if error.code != _TOO_EXPENSIVE or size == 1:
                    raise
                size = max(1, size // 2)
                continue
            body = self.answer(response, lists[at])
            rows = list(_variants(body))
            yield from self._rest_of_levels(rows)
            after = body["pageInfo"]["endCursor"] if body["pageInfo"]["hasNextPage"] else None
            at += after is None
            yield Records(
                rows,
                resume={"list": at, "after": after} if at < len(lists) else None,
                complete=whole and at == len(lists),
            )
            if at < len(lists) and (pause := _until_affordable(response.json())):
                yield Sleep(pause)

    def _rest_of_levels(self, rows: Sequence[Mapping[str, Any]]) -> Exchange[None]:
        """The further pages of locations that a list inside of a list has."""
        for row in rows:
            levels = row["inventoryItem"].get("inventoryLevels")
            while levels is not None and levels["pageInfo"]["hasNextPage"]:
                variables = {"id": row["inventoryItem"]["id"], "after": levels["pageInfo"]["endCursor"]}
                response = yield self.ask(graphql.MORE_LEVELS, variables, "inventoryItem")
                more = self.answer(response, "inventoryItem")["inventoryLevels"]
                levels["nodes"].extend(more["nodes"])
                levels["pageInfo"] = more["pageInfo"]

    # Writing -----------------------------------------------------------------------------------------------

    def write(self, batch: Batch) -> Writing:
        """Prices, costs and metafields product by product, the products themselves, then stock."""
        return Work(self, batch).outcomes()

    # Checking ----------------------------------------------------------------------------------------------

    def probes(self) -> Mapping[str, Exchange[str]]:
        """The shop, the version of its API, the scopes of the token, and a first page."""
        return {"shop": self._shop(), "scopes": self._granted(), "read": first_page(self)}

    def _shop(self) -> Exchange[str]:
        response = yield self.ask(graphql.SHOP, {}, "shop")
        shop = self.answer(response, "shop")
        return f"{shop['name']}, in {shop['currencyCode']}"

    def _granted(self) -> Exchange[str]:
        response = yield self.ask(graphql.SCOPES, {}, "currentAppInstallation")
        granted = {each["handle"] for each in self.answer(response, "currentAppInstallation")["accessScopes"]}
        # Whoever may write may read.
        granted |= {scope.replace("write_", "read_") for scope in granted if scope.startswith("write_")}
        missing = [scope for scope in _SCOPES if scope not in granted]
        if missing:
            raise ConfigurationError(f"shopify: the token lacks the scopes {', '.join(missing)}.")
        return "all scopes are granted"

    # GraphQL -----------------------------------------------------------------------------------------------

    def ask(
        self,
        document: str,
        variables: Mapping[str, object],
        operation: str,
        *,
        write: bool = False,
        idempotent: bool | None = None,
    ) -> Request:
        """A GraphQL request.

        Args:
            document: Query or mutation.
            variables: Its variables.
            operation: The field at its top.
            write: Whether it changes something.
            idempotent: Whether it carries an idempotency key.
        """
        body = {"query": document, "variables": variables}
        return self.request(
            "POST", graphql.PATH, json=body, operation=operation, write=write, idempotent=idempotent
        )

    def answer(self, response: Response, operation: str) -> Any:
        """What a query's field holds.

        Raises:
            ConfigurationError: Another version of the API has answered.
            UnexpectedResponseError: There is no such field in the answer.
        """
        # A version that is no longer supported is answered by the oldest one that is, without a word.
        # https://shopify.dev/docs/api/usage/versioning
        version = response.headers.get("x-shopify-api-version", graphql.VERSION)
        if version != graphql.VERSION:
            raise ConfigurationError(
                f"shopify: version {graphql.VERSION} of the API was asked, and {version} has answered.",
                hint="Update bulkeditor.",
            )
        found = _inner(_inner(response.json(), "data"), operation)
        if found is None:
            raise response.unexpected(f"the answer holds no {operation}")
        return found

    def explain(self, body: object) -> Problem | None:
        """What errors at the top of an answer say; those inside of a payload are each row's own."""
        errors = _inner(body, "errors")
        if isinstance(errors, str):
            return Problem(None, errors)
        if not isinstance(errors, list) or not errors:
            return None
        error = cast("Sequence[object]", errors)[0]
        code, message = str(_inner(_inner(error, "extensions"), "code")), str(_inner(error, "message"))
        data = _inner(body, "data")
        if _is_object(data) and any(value is not None for value in data.values()):
            # Errors and data may come together: a part of it took effect.
            return Problem("partial_data", f"{code}: {message}")
        if code not in self.refusals and code != _TOO_EXPENSIVE:
            return Problem("graphql_error", f"{code}: {message}")
        return Problem(code, message, after=_until_affordable(body) if code == "THROTTLED" else None)


def _variants(connection: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The variants of a page, or those of a page of inventory items."""
    for node in connection["nodes"]:
        yield from node["variants"]["nodes"] if "variants" in node else (node,)


def _until_affordable(body: object) -> float:
    """Seconds until a request of the same cost is not refused; 0 where it can go out at once.

    https://shopify.dev/docs/api/usage/limits
    """
    cost = _inner(_inner(body, "extensions"), "cost")
    status = _inner(cost, "throttleStatus")
    wanted, there, rate = (
        Decimal(str(value or 0))
        for value in (
            _inner(cost, "requestedQueryCost"),
            _inner(status, "currentlyAvailable"),
            _inner(status, "restoreRate"),
        )
    )
    return float(max(Decimal(0), (wanted - there) / rate)) if rate else 0.0


def _is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether it is an object of JSON."""
    return isinstance(value, Mapping)


def _inner(value: object, name: str) -> object:
    return value.get(name) if _is_object(value) else None


__all__ = ["ClientCredentials", "Shopify", "Status", "changed_at", "stock_levels"]

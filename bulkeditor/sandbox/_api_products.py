"""Operations on products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from bulkeditor.sandbox._filters import TRUE, Sql, compile_filter
from bulkeditor.sandbox._http import (
    Answer,
    Call,
    Effect,
    Problem,
    Refusal,
    Route,
    no_content,
    not_found,
    ok,
    validation_failed,
)
from bulkeditor.sandbox._json import JSON, Doc, JSONError, decode, encode
from bulkeditor.sandbox._paging import Page, page_of
from bulkeditor.sandbox._products import Products
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._render import Renderer
from bulkeditor.sandbox._rows import FIELDS
from bulkeditor.sandbox._store import Store
from bulkeditor.sandbox._validate import check_create, check_update
from bulkeditor.sandbox._writer import Writer

MAX_ROWS: Final = 250
FEATURES: Final = ("expected", "atomic")
"""What the server can do beyond the documentation, as it says in ``Bulk-Editor-Features``."""


@attrs.frozen
class _Result:
    """What became of one row of a batch."""

    ident: JSON
    status: str
    problems: Sequence[Problem] = ()

    def to_json(self) -> Doc:
        return {
            "id": self.ident,
            "status": self.status,
            "errors": [problem.to_json() for problem in self.problems],
        }


class ProductRoutes:
    """Handlers for ``/api/v1/products``."""

    def __init__(
        self,
        store: Store,
        readings: Readings,
        products: Products,
        writer: Writer,
        renderer: Renderer,
        *,
        features: Sequence[str],
    ) -> None:
        self._store = store
        self._readings = readings
        self._products = products
        self._writer = writer
        self._renderer = renderer
        self._features = features

    def routes(self) -> list[Route]:
        """What this module answers."""
        base = "/api/v1/products"
        return [
            Route(
                name="products.list",
                method="GET",
                path=base,
                scope="read:products",
                handler=self.list_products,
                query=frozenset({"limit", "page", "filter", "fields"}),
                completion=False,
            ),
            Route(
                name="products.update",
                method="PUT",
                path=f"{base}/bulk",
                scope="write:products",
                handler=self.update,
                completion=False,
            ),
            Route(
                name="products.create",
                method="POST",
                path=base,
                scope="write:products",
                handler=self.create,
                relative=True,
            ),
            Route(
                name="products.get",
                method="GET",
                path=f"{base}/{{id}}",
                scope="read:products",
                handler=self.get,
                query=frozenset({"fields"}),
            ),
            Route(
                name="products.delete",
                method="DELETE",
                path=f"{base}/{{id}}",
                scope="write:products",
                handler=self.delete,
            ),
        ]

    # Reading

    def list_products(self, call: Call) -> Answer:
        """One page, in whatever shape the readings have."""
        page = page_of(call, self._readings)
        fields = self._renderer.fields(call)
        where = self._where(call)
        total = self._products.total(where)
        rows = self._renderer.many(self._bodies(where, page, total), fields)
        if self._features:
            call.headers_out += (("Bulk-Editor-Features", ", ".join(self._features)),)
        if self._readings.list_shape == "array":
            return Answer(status=200, body=rows)
        tail: Doc = {"page": page.number, "limit": page.limit}
        if self._readings.list_shape == "object" and self._readings.list_end == "total":
            tail["total"] = total
        return Answer(status=200, body=b'{"products":' + rows + b"," + encode(tail)[1:])

    def _where(self, call: Call) -> Sql:
        text = call.query.get("filter")
        if text is None or self._readings.filter == "ignored":
            return TRUE
        try:
            value = decode(text)
        except JSONError as error:
            message = f"The filter is not valid JSON: {error}."
            problem = Problem("filter", "invalid_filter", message)
            raise Refusal(400, "invalid_filter", message, field="filter", problems=[problem]) from None
        where = compile_filter(value, operators=self._readings.filter == "operators")
        return where if value else TRUE

    def _bodies(self, where: Sql, page: Page, total: int) -> list[str]:
        index = page.index
        if self._readings.list_end == "empty_pages":
            # One empty page stands in the middle; what follows it comes one page later.
            middle = max(1, -(-total // page.limit) // 2)
            if index == middle:
                return []
            index -= index > middle
        start = index * page.limit
        if start >= total:
            return []
        if self._readings.order == "changing":
            # Each request sees the rows moved on by a few places.
            turn = self._store.number("listing")
            shift = int(self._store.token("listing", turn)[:8], 16) % min(total, page.limit)
            return self._products.rotated(where, shift, start, page.limit)
        return self._products.window(where, start, page.limit)

    def get(self, call: Call) -> Answer:
        """One product."""
        fields = self._renderer.fields(call)
        body = self._products.body(call.arguments["id"])
        if body is None:
            raise not_found("product", call.arguments["id"])
        return Answer(status=200, body=self._renderer.one(body, fields))

    # Writing

    def create(self, call: Call) -> Answer:
        """Add a product."""
        row = call.json()
        if not isinstance(row, dict):
            raise validation_failed([Problem(None, "invalid_type", "The body must be a JSON object")])
        if "inventory_quantity" in row:
            call.require("write:inventory")
        values, problems = check_create(row, money_text=self._readings.money == "string")
        if problems:
            raise validation_failed(problems)
        doc = self._writer.create(values)
        ident = str(doc["id"])
        call.effects.append(Effect(kind="product.created", id=ident, after=values))
        location = ("Location", f"/api/v1/products/{ident}")
        return Answer(status=201, body=self._renderer.values(doc), headers=(location,))

    def delete(self, call: Call) -> Answer:
        """Remove a product."""
        ident = call.arguments["id"]
        found = self._products.find(ident)
        if found is None:
            raise not_found("product", ident)
        self._writer.delete(*found)
        call.effects.append(Effect(kind="product.deleted", id=ident, before={"sku": found[1]["sku"]}))
        return no_content()

    def update(self, call: Call) -> Answer:
        """Change up to 250 products, each on its own, or with ``atomic`` all or none."""
        rows, atomic = self._rows(call)
        if any("inventory_quantity" in row for row in rows):
            call.require("write:inventory")
        if not atomic:
            rows = self._cut(call, rows)
        results = [self._update_row(call, row) for row in rows]
        if atomic and (problems := _problems(results)):
            # Raised inside the transaction: what the good rows have written goes with it.
            message = "The batch was to be all or nothing, and some rows cannot be written."
            raise Refusal(422, "batch_rejected", message, field=problems[0].field, problems=problems)
        counts: Doc = {
            status: sum(result.status == status for result in results)
            for status in ("updated", "unchanged", "failed")
        }
        if self._readings.bulk_reply == "no_content":
            return no_content()
        if self._readings.bulk_reply == "counts":
            return ok(counts)
        return ok({"results": [result.to_json() for result in results], **counts})

    def _cut(self, call: Call, rows: list[Doc]) -> list[Doc]:
        """The rows that a fault or a reading leaves over."""
        if call.fault is not None and call.fault.partial_batch is not None:
            rows = rows[: call.fault.partial_batch]
        if self._readings.bulk_reply == "drops_row" and len(rows) > 1:
            del rows[len(rows) // 2]
        return rows

    def _rows(self, call: Call) -> tuple[list[Doc], bool]:
        body = call.object(("products", "atomic") if "atomic" in self._features else ("products",))
        rows, atomic = body.get("products"), body.get("atomic", False)
        if not isinstance(atomic, bool):
            raise validation_failed([Problem("atomic", "invalid_type", "atomic must be true or false")])
        if not isinstance(rows, list):
            raise validation_failed(
                [Problem("products", "required", "products must be a list of 1 to 250 rows")]
            )
        if not 1 <= len(rows) <= MAX_ROWS:
            code = "too_many" if rows else "required"
            raise validation_failed(
                [Problem("products", code, f"products has {len(rows)} rows; 1 to 250 are allowed")]
            )
        problems: list[Problem] = []
        checked: list[Doc] = []
        for index, row in enumerate(rows):
            if isinstance(row, dict):
                checked.append(row)
            else:
                problems.append(Problem(f"products[{index}]", "invalid_type", "Each row must be an object"))
        if problems:
            raise validation_failed(problems)
        return checked, atomic

    def _update_row(self, call: Call, row: Doc) -> _Result:
        ident = row.get("id")
        given = {name: value for name, value in row.items() if name != "id"}
        expected = given.pop("expected", {}) if "expected" in self._features else {}
        values, problems = check_update(given, money_text=self._readings.money == "string")
        if not isinstance(ident, str):
            code = "required" if ident is None else "invalid_type"
            return _Result(
                None, "failed", [Problem("id", code, "Each row needs the product's id as text"), *problems]
            )
        found = self._products.find(ident)
        if found is None:
            problems.insert(0, Problem("id", "not_found", f"There is no product with id {ident[:100]!r}"))
        else:
            problems += self._changed(found[1], expected)
        if found is None or problems:
            return _Result(ident, "failed", problems)
        before, after = self._writer.update(*found, values)
        if not after:
            return _Result(ident, "unchanged")
        call.effects.append(Effect(kind="product.updated", id=ident, before=before, after=after))
        return _Result(ident, "updated")

    def _changed(self, doc: Doc, expected: JSON) -> Iterator[Problem]:
        """Where the product is otherwise than the row expects."""
        if not isinstance(expected, dict):
            yield Problem("expected", "invalid_type", "expected must be an object of fields and values")
            return
        for name, value in expected.items():
            if name not in FIELDS:
                yield Problem(f"expected.{name[:100]}", "unknown_field", "This is no field of a product")
            elif not self._products.holds(doc, name, value):
                yield Problem(name, "changed", f"{name} is no longer as the row expects it")


def _problems(results: Sequence[_Result]) -> list[Problem]:
    """Every row's problems, named as fields of the batch."""
    found: list[Problem] = []
    for index, result in enumerate(results):
        for problem in result.problems:
            path = f"products[{index}].{problem.field}" if problem.field else f"products[{index}]"
            found.append(Problem(path, problem.code, problem.message))
    return found

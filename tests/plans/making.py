"""Plans of any rows, made as files are: so that a test says which rows, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from bulkeditor import UNSET, FieldError, PlanDocument, PlanRow, Sandbox

_numbers = count(1)


def held(sandbox: Sandbox, product: str, field: str) -> Any:
    """What the shop holds in a field, as a plan would see it."""
    row = sandbox.products.get(product)
    assert row is not None
    column, dot, entry = field.partition(".")
    value = row[column].get(entry, UNSET) if dot else row[column]
    money = column in ("price", "compare_at_price", "cost") and value is not None
    return Decimal(value) if money else value


def document(
    shop: str, rows: Iterable[PlanRow], *, ident: str | None = None, title: str | None = None
) -> PlanDocument:
    return PlanDocument(
        id=ident or f"plan_{next(_numbers)}",
        shop=shop,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        rows=tuple(rows),
        title=title,
    )


class Making:
    """Makes plans of one sandbox's shop."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox

    def row(self, product: str, field: str, after: Any, **more: Any) -> PlanRow:
        money = field in ("price", "compare_at_price", "cost") and after is not None
        more.setdefault("before", held(self.sandbox, product, field) if "before" not in more else None)
        return PlanRow(product=product, field=field, after=Decimal(after) if money else after, **more)

    def document(self, *rows: PlanRow | tuple[str, str, Any], **more: Any) -> PlanDocument:
        made = [row if isinstance(row, PlanRow) else self.row(*row) for row in rows]
        return document(self.sandbox.base_url, made, **more)

    def __call__(self, shop: Any, *rows: PlanRow | tuple[str, str, Any], **more: Any) -> Any:
        """A plan of these rows in the hands of a client."""
        plan = self.document(*rows, **more)
        path = self.folder / f"{plan.id}.json"
        plan.save(path)
        return shop.load_plan(path)


def problem(field: str, code: str = "invalid") -> FieldError:
    return FieldError(field=field, message=f"{field} would be refused", code=code)


def contents(sandbox: Sandbox) -> dict[str, bytes]:
    """Every product to the last byte, but for the time of its last change; keys in order."""
    encoder = msgspec.json.Encoder(decimal_format="number", order="deterministic")
    return {
        row["id"]: encoder.encode({name: value for name, value in row.items() if name != "updated_at"})
        for row in sandbox.products.rows()
    }


def statuses(run: Any) -> dict[tuple[str, str], str]:
    return {(outcome.row.product, outcome.row.field): outcome.status for outcome in run.report}


def codes(run: Any) -> dict[tuple[str, str], str | None]:
    return {(outcome.row.product, outcome.row.field): outcome.code for outcome in run.report}


def writes(sandbox: Sandbox) -> list[Mapping[str, Any]]:
    """The effects of every write, one entry for each request."""
    return [
        {effect.id: effect.after for effect in entry.effects}
        for entry in sandbox.journal
        if entry.method == "PUT" and entry.effects
    ]


def body(request: Any) -> Any:
    return json.loads(request.content)

"""How a run of a plan stands in the ledger: its options, its rows, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import attrs

from bulkeditor.engine import NEW, Put, own_space
from bulkeditor.errors import FieldError
from bulkeditor.models import JSON
from bulkeditor.plans._decide import Numbered, OnError, OnStale, RowResult
from bulkeditor.plans._exact import freeze, thaw
from bulkeditor.plans._rows import PlanRow

ROWS: Final = "rows"
"""The space of a run that holds the plan's rows, product by product; they never change."""


@attrs.frozen(kw_only=True)
class Given:
    """What a run was started with; the input of the workflow.

    Args:
        plan: The plan's id.
        title: What the plan is called.
        shop: The shop's address.
        rows: How many rows it has.
        products: How many products they are about.
        columns: The product fields to read.
        on_stale: What happens to products that are no longer as the plan saw them.
        on_error: What a refusal means for other rows.
        ids: The products, where they are few or must be written together; else None.
        undoes: The run that this one takes back.
        undoable_for: Seconds after its end in which it can be taken back.
    """

    plan: str
    title: str | None = None
    shop: str
    rows: int
    products: int
    columns: Sequence[str]
    on_stale: OnStale
    on_error: OnError
    ids: Sequence[str] | None = None
    undoes: str | None = None
    undoable_for: float

    def to_json(self) -> JSON:
        """The input of the run."""
        return cast("JSON", attrs.asdict(self))

    @classmethod
    def of(cls, given: JSON) -> Given:
        """The options that stand in a run's input."""
        values = cast("dict[str, Any]", given)
        ids = values["ids"]
        return cls(
            **{**values, "columns": tuple(values["columns"]), "ids": None if ids is None else tuple(ids)}
        )


def state_of(rows: Iterable[PlanRow]) -> Iterator[Put]:
    """The state that a run begins with: the rows of each product under its id."""
    products: dict[str, list[Numbered]] = {}
    for number, row in enumerate(rows):
        products.setdefault(row.product, []).append(Numbered(number, row))
    space = own_space(NEW, ROWS)
    for product, numbered in products.items():
        first = numbered[0].row
        entry: JSON = {"sku": first.sku, "title": first.title, "rows": [_row(item) for item in numbered]}
        yield Put(space=space, key=product, value=entry)


def _row(item: Numbered) -> JSON:
    row, problem = item.row, item.row.problem
    said: JSON = None if problem is None else [problem.message, problem.field, problem.code]
    return [item.number, row.field, freeze(row.before), freeze(row.after), row.reason, said]


def rows_of(product: str, entry: JSON) -> tuple[Numbered, ...]:
    """The rows of one product from its entry."""
    held = cast("Mapping[str, Any]", entry)
    return tuple(_numbered(product, held, row) for row in held["rows"])


def _numbered(product: str, held: Mapping[str, Any], row: Sequence[Any]) -> Numbered:
    number, field, before, after, reason, said = row
    return Numbered(
        number,
        PlanRow(
            product=product,
            sku=held["sku"],
            title=held["title"],
            field=field,
            before=thaw(field, before),
            after=thaw(field, after),
            reason=reason,
            problem=None if said is None else FieldError(message=said[0], field=said[1], code=said[2]),
        ),
    )


def result_to_json(result: RowResult) -> JSON:
    """What became of a row, for the ledger: only what there is to say."""
    values: list[JSON] = [
        result.number, result.status, result.verified, result.code, result.message, freeze(result.found)
    ]  # fmt: skip
    while values[-1] is None:
        values.pop()
    return values


def result_of(values: JSON, fields: Mapping[int, str]) -> RowResult:
    """What became of a row, from the ledger.

    Args:
        values: As :func:`result_to_json` wrote them.
        fields: The field of each row.
    """
    number, status, verified, code, message, found, *_ = (*cast("list[Any]", values), None, None, None)
    return RowResult(
        number=number,
        status=status,
        verified=verified,
        code=code,
        message=message,
        found=thaw(fields[number], found),
    )


def columns_to_json(columns: Mapping[str, JSON]) -> JSON:
    """Whole columns of a product as exact texts."""
    return {name: freeze(value) for name, value in columns.items()}


def columns_of(values: JSON) -> dict[str, JSON]:
    """Whole columns from their texts."""
    texts = cast("Mapping[str, str]", values)
    return {name: cast("JSON", thaw(name, text)) for name, text in texts.items()}


__all__ = [
    "ROWS",
    "Given",
    "columns_of",
    "columns_to_json",
    "result_of",
    "result_to_json",
    "rows_of",
    "state_of",
]

"""How a run of a plan stands in the ledger: its options, its rows, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

import attrs

from bulkeditor.engine import NEW, Put, own_space
from bulkeditor.models import JSON, UNSET
from bulkeditor.plans._codec import pack_row, pack_value, unpack_row, unpack_value
from bulkeditor.plans._decide import Numbered, OnError, OnStale, RowResult
from bulkeditor.plans._rows import PlanRow

ROWS: Final = "rows"
"""The space of a run that holds the plan's rows, product by product; they never change."""


_NOTHING_SAID: Final[tuple[Any, ...]] = (None, None, pack_value("", UNSET))
"""Code, message and found value of a result that has none."""


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
        at: When it begins, ISO 8601; None = at once.
        revert_at: When a temporary change ends; None for one that stays.
        number: Its place among those that were scheduled: of two that begin at the same moment, the later
            one lies above.
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
    undoable_for: int
    at: str | None = None
    revert_at: str | None = None
    number: int = 0

    @property
    def begins(self) -> datetime | None:
        """When it begins; None = at once."""
        return None if self.at is None else datetime.fromisoformat(self.at)

    @property
    def ends(self) -> datetime | None:
        """When a temporary change ends; None for one that stays."""
        return None if self.revert_at is None else datetime.fromisoformat(self.revert_at)

    def to_json(self) -> JSON:
        """The input of the run."""
        return cast("JSON", attrs.asdict(self))

    @classmethod
    def of(cls, given: JSON) -> Given:
        """The options that stand in a run's input."""
        return cls(**cast("dict[str, Any]", given))


def state_of(rows: Iterable[PlanRow]) -> Iterator[Put]:
    """The state that a run begins with: the rows of each product under its id."""
    products: dict[str, list[JSON]] = {}
    for number, row in enumerate(rows):
        products.setdefault(row.product, []).append([number, cast("JSON", pack_row(row))])
    space = own_space(NEW, ROWS)
    return (Put(space=space, key=product, value=entry) for product, entry in products.items())


def rows_of(entry: JSON) -> tuple[Numbered, ...]:
    """The rows of one product from its entry."""
    return tuple(Numbered(number, unpack_row(row)) for number, row in cast("list[Any]", entry))


def result_to_json(result: RowResult) -> JSON:
    """What became of a row, for the ledger: only what there is to say."""
    values: list[JSON] = [result.number, result.status, result.verified, result.code, result.message]
    if result.found is not UNSET:
        return [*values, pack_value("", result.found)]
    while values[-1] is None:
        values.pop()
    return values


def result_of(values: JSON) -> RowResult:
    """What became of a row, from the ledger."""
    given = cast("list[Any]", values)
    number, status, verified, *said = given
    code, message, found, *_ = (*said, *_NOTHING_SAID[len(said) :])
    return RowResult(
        number=number,
        status=status,
        verified=verified,
        code=code,
        message=message,
        found=unpack_value("", found),
    )


def columns_to_json(columns: Mapping[str, JSON]) -> JSON:
    """Whole columns of a product, nothing lost."""
    return {name: pack_value(name, value) for name, value in columns.items()}


def columns_of(values: JSON) -> dict[str, JSON]:
    """Whole columns as they were."""
    packed = cast("Mapping[str, JSON]", values)
    return {name: cast("JSON", unpack_value(name, value)) for name, value in packed.items()}


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

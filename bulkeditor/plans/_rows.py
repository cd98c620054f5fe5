"""Rows of a plan: one for each field of each product that would change."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import attrs

from bulkeditor.errors import FieldError
from bulkeditor.models import JSON, UNSET, UnsetType

OutcomeStatus = Literal["updated", "unchanged", "skipped", "stale", "failed", "unknown", "pending"]
"""What became of a row. ``stale``: the product was no longer as the plan saw it, and was left alone.
``unknown``: sent, no answer came, and reading could not tell; never sent again blindly. ``pending``: the run
goes on and has not come to it yet."""

OUTCOMES: Final[tuple[OutcomeStatus, ...]] = (
    "updated", "unchanged", "skipped", "stale", "failed", "unknown", "pending",
)  # fmt: skip

Value: TypeAlias = JSON | UnsetType
"""Money is Decimal. UNSET: there is no such entry (only names with a dot: ``custom_fields.season``)."""

PRICES: Final = frozenset({"price", "compare_at_price", "cost"})

_GROUP: Final[Mapping[str, str]] = MappingProxyType(dict.fromkeys(sorted(PRICES), "price"))


def group_of(field: str) -> str:
    """Fields of a product that stand or fall together: its prices do, every other field stands alone."""
    return _GROUP.get(field, field)


@attrs.frozen(kw_only=True)
class PlanRow:
    """One change of one field of one product, in absolute values.

    Args:
        product: The product's id.
        sku: Its SKU, to be shown.
        title: Its title, to be shown.
        field: ``price``, ``tags``, ``custom_fields.season`` …
        before: What the plan saw.
        after: What it shall be.
        reason: Which rule made it so, in words: ``-20 %, ending .99 (down)``.
        problem: Why the server is expected to refuse it; None when it should take it.
    """

    product: str
    field: str
    before: Value
    after: Value
    sku: str | None = None
    title: str | None = None
    reason: str = ""
    problem: FieldError | None = None


@attrs.frozen(kw_only=True)
class SkippedRow:
    """A product, or one field of it, that a rule was about and did not change.

    Args:
        product: The product's id; None for a row that could not be read.
        sku: Its SKU.
        field: The field; None = the whole product.
        code: Machine-readable: ``blank_cost``, ``no_ending``, ``unreadable`` …
        reason: The same in a sentence.
    """

    product: str | None
    sku: str | None = None
    field: str | None = None
    code: str
    reason: str


@attrs.frozen(kw_only=True)
class ChangeOutcome:
    """What became of one row of a plan.

    Args:
        row: The row.
        status: What became of it.
        code: Machine-readable name of the reason.
        message: The reason in a sentence.
        found: What the product held instead, where it was stale.
        verified: Whether it was read afterwards and is as wanted.
    """

    row: PlanRow
    status: OutcomeStatus
    code: str | None = None
    message: str | None = None
    found: Value = UNSET
    verified: bool = False


__all__ = [
    "OUTCOMES",
    "PRICES",
    "ChangeOutcome",
    "OutcomeStatus",
    "PlanRow",
    "SkippedRow",
    "Value",
    "group_of",
]

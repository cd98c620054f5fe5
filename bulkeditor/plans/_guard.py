"""What stands between a plan and its first write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import attrs

from bulkeditor.plans._draft import Draft
from bulkeditor.plans._rows import PlanRow

OnViolation = Literal["stop", "skip_row"]
"""``stop``: the plan can be looked at, not applied. ``skip_row``: what violates it is left out."""


@attrs.frozen(kw_only=True)
class Violation:
    """What a guard objects to.

    Args:
        guard: The guard, in words.
        message: What is wrong, with the values.
        product: The product's id; None = the plan as a whole.
        sku: Its SKU.
        field: The field; None = the whole product.
    """

    guard: str
    message: str
    product: str | None = None
    sku: str | None = None
    field: str | None = None

    def __str__(self) -> str:
        place = self.sku or self.product
        head = f"{self.guard}: {place}: " if place else f"{self.guard}: "
        return head + self.message


@attrs.frozen
class Objection:
    """Why a product must not become so.

    Args:
        message: What is wrong, with the values.
        field: The field; None = the whole product.
    """

    message: str
    field: str | None = None


@runtime_checkable
class Guard(Protocol):
    """A limit on what a plan may do; ``str(guard)`` says it in words."""

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it looks at."""
        ...

    @property
    def on_violation(self) -> OnViolation:
        """What happens where it objects."""
        ...

    def check(self, row: Draft, /) -> Objection | None:
        """What is wrong with one product that the plan changes.

        Args:
            row: The product as it would be; ``row.original`` is what the shop holds.
        """
        ...

    def check_plan(self, rows: Sequence[PlanRow], /) -> str | None:
        """What is wrong with the plan as a whole.

        Args:
            rows: All of its rows.
        """
        ...


__all__ = ["Guard", "Objection", "OnViolation", "Violation"]

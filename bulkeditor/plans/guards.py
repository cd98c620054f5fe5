"""Guards: limits that a plan must keep. One that it does not keep stops it before the first write.

    shop.plan(..., guards=[be.guards.floor("cost"), be.guards.max_change(percent=40)])

A plan that violates a guard can be looked at (``plan.violations``), and ``apply`` refuses it with a
:class:`~bulkeditor.errors.GuardError`. With ``on_violation="skip_row"`` a guard takes the rows that it
objects to out of the plan instead, and they are listed in ``plan.skipped``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Literal

import attrs

from bulkeditor.api._filters import condition_of
from bulkeditor.models import Money, money
from bulkeditor.plans._amounts import exact, refused
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._guard import Guard, Objection, OnViolation, Violation
from bulkeditor.plans._rows import PRICES, PlanRow
from bulkeditor.query import Condition

_NOTHING: Final = frozenset[str]()


@attrs.frozen(kw_only=True)
class _Guard:
    """What guards share: nothing to object to."""

    on_violation: OnViolation = "stop"

    def __attrs_post_init__(self) -> None:
        if self.on_violation not in {"stop", "skip_row"}:
            raise refused("on_violation", f"must be stop or skip_row, got {self.on_violation!r:.60}")

    @property
    def reads(self) -> frozenset[str]:
        return _NOTHING

    def check(self, row: Draft, /) -> Objection | None:
        del row
        return None

    def check_plan(self, rows: Sequence[PlanRow], /) -> str | None:
        del rows
        return None


@attrs.frozen(kw_only=True)
class _Limit(_Guard):
    """A price that must not fall below, or rise above, an amount or another price."""

    side: Literal["floor", "ceiling"]
    limit: Decimal | str
    field: str

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.field, self.limit} if isinstance(self.limit, str) else {self.field})

    def check(self, row: Draft, /) -> Objection | None:
        new = row.amount(self.field)
        limit = row.amount(self.limit) if isinstance(self.limit, str) else self.limit
        if new is None or limit is None:
            return None
        if new >= limit if self.side == "floor" else new <= limit:
            return None
        name = f"the {self.limit} of {limit}" if isinstance(self.limit, str) else str(limit)
        word = "below" if self.side == "floor" else "above"
        return Objection(f"{self.field} {new} is {word} {name}", self.field)

    def __str__(self) -> str:
        return f"{self.field} {'>=' if self.side == 'floor' else '<='} {self.limit}"


@attrs.frozen(kw_only=True)
class _MaxChange(_Guard):
    percent: Decimal | None
    amount: Decimal | None
    field: str

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.field})

    def check(self, row: Draft, /) -> Objection | None:
        old, new = row.original.amount(self.field), row.amount(self.field)
        if old is None or new is None:
            return None
        context = exact()
        change = abs(context.subtract(new, old))
        if self.amount is not None and change > self.amount:
            return Objection(f"{self.field} {old} → {new} changes it by {change}", self.field)
        if self.percent is None or context.multiply(change, Decimal(100)) <= context.multiply(
            abs(old), self.percent
        ):
            return None
        share = f"changes it by {change / abs(old):.1%}" if old else "is any percentage"
        return Objection(f"{self.field} {old} → {new} {share}", self.field)

    def __str__(self) -> str:
        limits = [f"{self.percent:f} %"] if self.percent is not None else []
        limits += [str(self.amount)] if self.amount is not None else []
        return f"{self.field} changes by at most {' and '.join(limits)}"


@attrs.frozen(kw_only=True)
class _Size(_Guard):
    unit: Literal["rows", "products"]
    least: int | None = None
    most: int | None = None

    def check_plan(self, rows: Sequence[PlanRow], /) -> str | None:
        size = len(rows) if self.unit == "rows" else len({row.product for row in rows})
        fits = (self.least is None or size >= self.least) and (self.most is None or size <= self.most)
        return None if fits else f"the plan has {size:,} {self.unit}"

    def __str__(self) -> str:
        limit = f"at most {self.most:,}" if self.most is not None else f"at least {self.least:,}"
        return f"{limit} {self.unit}"


@attrs.frozen(kw_only=True)
class _Above(_Guard):
    """A price that must be above another amount; a product without that amount is let through."""

    other: str | None

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"price"} if self.other is None else {"price", self.other})

    def check(self, row: Draft, /) -> Objection | None:
        new = row.amount("price")
        other = Decimal() if self.other is None else row.amount(self.other)
        if new is None or other is None or new > other:
            return None
        return Objection(
            f"price {new} is not above " + (f"the {self.other} of {other}" if self.other else "0"), "price"
        )

    def __str__(self) -> str:
        return f"price > {self.other or 0}"


@attrs.frozen(kw_only=True)
class _Require(_Guard):
    condition: Condition
    text: str

    @property
    def reads(self) -> frozenset[str]:
        return self.condition.columns

    def check(self, row: Draft, /) -> Objection | None:
        if self.condition.matches(row):
            return None
        held = ", ".join(f"{name} = {row[name]}" for name in sorted(self.condition.fields))
        return Objection(f"it would have {held}")

    def __str__(self) -> str:
        return self.text


def floor(limit: Money, *, field: str = "price", on_violation: OnViolation = "stop") -> Guard:
    """A price must not fall below something.

    Args:
        limit: The name of another price (``"cost"``), or an amount. A product without that other price is
            let through; add ``require(F.cost != None)`` where it must not be.
        field: The price that is limited.
        on_violation: ``stop`` or ``skip_row``.

    Raises:
        InvalidInputError: The limit is neither a price's name nor an amount.
    """
    return _Limit(side="floor", limit=_limit(limit), field=_price(field), on_violation=on_violation)


def ceiling(limit: Money, *, field: str = "price", on_violation: OnViolation = "stop") -> Guard:
    """A price must not rise above something; see :func:`floor`."""
    return _Limit(side="ceiling", limit=_limit(limit), field=_price(field), on_violation=on_violation)


def max_change(
    *,
    percent: Money | None = None,
    amount: Money | None = None,
    field: str = "price",
    on_violation: OnViolation = "stop",
) -> Guard:
    """A price must not change by more than this, up or down. Of both limits, both count.

    A price that was blank, or becomes blank, is let through.

    Args:
        percent: Share of the old price; any change of a price of 0 is more.
        amount: In the shop's currency.
        field: The price that is limited.
        on_violation: ``stop`` or ``skip_row``.

    Raises:
        InvalidInputError: Neither limit is given, or one is negative.
    """
    limits = {
        name: None if value is None else money(value, name)
        for name, value in {"percent": percent, "amount": amount}.items()
    }
    if limits["percent"] is None and limits["amount"] is None:
        raise refused("max_change", "needs a limit", "Give percent=, amount= or both.")
    for name, value in limits.items():
        if value is not None and value < 0:
            raise refused(name, f"must not be negative, got {value}", code="negative")
    return _MaxChange(
        percent=limits["percent"], amount=limits["amount"], field=_price(field), on_violation=on_violation
    )


def max_rows(count: int) -> Guard:
    """A plan must not have more rows; a row is one field of one product.

    Args:
        count: The largest number.
    """
    return _Size(unit="rows", most=_count(count))


def min_rows(count: int) -> Guard:
    """A plan must have so many rows at least: against a filter that finds nothing.

    Args:
        count: The smallest number.
    """
    return _Size(unit="rows", least=_count(count))


def max_products(count: int) -> Guard:
    """A plan must not change more products.

    Args:
        count: The largest number.
    """
    return _Size(unit="products", most=_count(count))


def must_stay_above_cost(*, on_violation: OnViolation = "stop") -> Guard:
    """The price must be above the cost, not equal to it; a product without a cost is let through.

    Args:
        on_violation: ``stop`` or ``skip_row``.
    """
    return _Above(other="cost", on_violation=on_violation)


def no_zero_price(*, on_violation: OnViolation = "stop") -> Guard:
    """The price must be above 0.

    Args:
        on_violation: ``stop`` or ``skip_row``.
    """
    return _Above(other=None, on_violation=on_violation)


def require(
    condition: Condition | str, *, text: str | None = None, on_violation: OnViolation = "stop"
) -> Guard:
    """Every product that the plan changes must satisfy a condition afterwards.

    Args:
        condition: The condition or its text; where a missing value leaves it unknown, it is not satisfied.
        text: What it is about, in words; None = the condition's own text.
        on_violation: ``stop`` or ``skip_row``: all rows of the product are left out.

    Raises:
        InvalidInputError: It is malformed, or names a field that products do not have.
    """
    wanted = condition_of(condition)
    if wanted is None:
        raise refused("condition", "is empty")
    return _Require(condition=wanted, text=text or str(wanted), on_violation=on_violation)


def _limit(limit: Money) -> Decimal | str:
    return limit if isinstance(limit, str) and limit in PRICES else money(limit, "limit")


def _price(field: str) -> str:
    if field not in PRICES:
        raise refused("field", f"must be one of {', '.join(sorted(PRICES))}, got {field!r:.60}")
    return field


def _count(count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise refused("count", f"must be a whole number from 0 on, got {count!r:.60}")
    return count


__all__ = [
    "Guard",
    "Objection",
    "OnViolation",
    "Violation",
    "ceiling",
    "floor",
    "max_change",
    "max_products",
    "max_rows",
    "min_rows",
    "must_stay_above_cost",
    "no_zero_price",
    "require",
]

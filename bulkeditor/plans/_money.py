"""Rules for prices: set, relative, on cost, with an ending."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal

import attrs

from bulkeditor.models import Money, money
from bulkeditor.plans._amounts import Ending, EndingMode, exact, refused, rounded_ratio
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._rule import Changes, Skip

Kind = Literal["set", "clear", "percentage", "fixed", "markup", "margin", "keep"]

_ALL: Final = Decimal(100)
_WORDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "set": "= {:f}",
        "clear": "cleared",
        "percentage": "{:+f} %",
        "fixed": "{:+f}",
        "markup": "{:f} % markup on cost",
        "margin": "{:f} % margin on cost",
        "keep": "",
    }
)


@attrs.frozen
class MoneyRule:
    """One change of one price; made by :data:`price`, :data:`cost` and :data:`compare_at`.

    Args:
        field: The price that it changes.
        kind: How.
        value: The amount or the percentage.
        ends: How the result shall end.
    """

    field: str
    kind: Kind
    value: Decimal = Decimal()
    ends: Ending | None = None

    @property
    def source(self) -> str:
        """The field that the new amount is computed from."""
        return "cost" if self.kind in {"markup", "margin"} else self.field

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it reads or changes."""
        return frozenset({self.field, self.source})

    def ending(self, text: str, *, mode: EndingMode = "nearest") -> MoneyRule:
        """The same with prices that end so.

        Args:
            text: ``.99``; ``9.95``; ``95`` for whole amounts, as of a currency without decimals.
            mode: ``down``: never above the computed price; ``up``: never below it; ``nearest``: a tie goes
                up; ``replace``: the digits in front stay.

        Returns:
            The rule. A product whose price has no such ending (``.99`` below 0.50) is skipped.

        Raises:
            InvalidInputError: The text is no ending, or there is no such mode.
        """
        return attrs.evolve(self, ends=Ending(text, mode))

    def apply(self, row: Draft, /) -> Changes | Skip:
        """The new price, or why there is none."""
        if self.kind == "clear":
            return {self.field: None}
        old = self.value if self.kind == "set" else row.amount(self.source)
        if old is None:
            return Skip(f"blank_{self.source}", f"The product has no {self.source}", self.field)
        new = self._computed(old, row)
        if self.ends is None or new < 0:
            return {self.field: new}
        ended = self.ends.apply(new, row.places_like())
        if ended is None:
            return Skip("no_ending", f"No price up to {new} ends in {self.ends.text}", self.field)
        return {self.field: ended}

    def _computed(self, old: Decimal, row: Draft) -> Decimal:
        context = exact()
        if self.kind in {"set", "keep"}:
            return old
        if self.kind == "fixed":
            return row.rounded(context.add(old, self.value), old)
        if self.kind == "margin":
            places = row.places_like(old)
            return rounded_ratio(context.multiply(old, _ALL), context.subtract(_ALL, self.value), places)
        share = context.multiply(old, context.add(_ALL, self.value))
        return row.rounded(share.scaleb(-2, context), old)

    def __str__(self) -> str:
        parts = [_WORDS[self.kind].format(self.value), "" if self.ends is None else str(self.ends)]
        return f"{self.field}: {', '.join(filter(None, parts))}"


@attrs.frozen
class MoneyField:
    """Rules that change one price.

    Args:
        field: The field's name.
    """

    field: str

    def set(self, amount: Money) -> MoneyRule:
        """The same price for all.

        Args:
            amount: In the shop's currency, not negative.
        """
        value = money(amount, self.field)
        if value < 0:
            raise refused(self.field, f"must not be negative, got {value}", code="negative")
        return MoneyRule(self.field, "set", value)

    def clear(self) -> MoneyRule:
        """No price."""
        return MoneyRule(self.field, "clear")

    def percentage(self, percent: Money) -> MoneyRule:
        """A change relative to what it is; rounded half up, as the server's own price adjustment.

        Args:
            percent: -20 is 20 % less.

        Raises:
            InvalidInputError: More than 100 % less.
        """
        value = money(percent, "percent")
        if value < -_ALL:
            raise refused("percent", f"of {value} makes every price negative", "Give -100 or more.")
        return MoneyRule(self.field, "percentage", value)

    def fixed(self, amount: Money) -> MoneyRule:
        """An amount more or less.

        Args:
            amount: In the shop's currency; ``"-2.50"`` is 2.50 less.
        """
        return MoneyRule(self.field, "fixed", money(amount, "amount"))

    def ending(self, text: str, *, mode: EndingMode = "nearest") -> MoneyRule:
        """What it is, with another ending; see :meth:`MoneyRule.ending`."""
        return MoneyRule(self.field, "keep").ending(text, mode=mode)


@attrs.frozen
class PriceField(MoneyField):
    """Rules that change the price."""

    def markup(self, percent: Money) -> MoneyRule:
        """So much on top of the cost: 50 % on a cost of 10 is 15.

        A product without a cost is skipped.

        Args:
            percent: Share of the cost.

        Raises:
            InvalidInputError: Less than -100 %.
        """
        value = money(percent, "percent")
        if value < -_ALL:
            raise refused("percent", f"of {value} makes every price negative", "Give -100 or more.")
        return MoneyRule(self.field, "markup", value)

    def margin(self, percent: Money) -> MoneyRule:
        """A price of which so much is profit: 50 % on a cost of 10 is 20.

        A product without a cost is skipped.

        Args:
            percent: Share of the price, below 100.

        Raises:
            InvalidInputError: 100 % or more: no price is high enough for that.
        """
        value = money(percent, "percent")
        if value >= _ALL:
            raise refused(
                "percent", f"of {value} is no margin: it is a share of the price, so it stays below 100",
                f"If you mean {value} % on top of the cost, use markup({value}).",
            )  # fmt: skip
        return MoneyRule(self.field, "margin", value)


price: Final = PriceField("price")
"""Rules that change the price."""

cost: Final = MoneyField("cost")
"""Rules that change the cost."""

__all__ = ["MoneyField", "MoneyRule", "PriceField", "cost", "price"]

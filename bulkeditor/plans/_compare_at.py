"""Rules for the compare-at price: the price before a reduction."""

from __future__ import annotations

from typing import Final, Literal

import attrs

from bulkeditor.plans._draft import Draft
from bulkeditor.plans._money import MoneyField
from bulkeditor.plans._rule import Changes, Skip

COMPARE_AT: Final = "compare_at_price"


@attrs.frozen
class CompareAtRule:
    """A change of the compare-at price that looks at the price; made by :data:`compare_at`.

    Args:
        kind: How.
    """

    kind: Literal["set_if_blank", "swap"]

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it reads or changes."""
        return frozenset({"price", COMPARE_AT})

    def apply(self, row: Draft, /) -> Changes | Skip:
        """The new prices, or why there are none."""
        held = row.amount(COMPARE_AT)
        if self.kind == "swap":
            if held is None:
                return Skip(f"blank_{COMPARE_AT}", f"The product has no {COMPARE_AT}", COMPARE_AT)
            return {"price": held, COMPARE_AT: row.amount("price")}
        if held is not None:
            return {}
        old = row.original.amount("price")
        if old is None:
            return Skip("blank_price", "The product has no price", COMPARE_AT)
        return {COMPARE_AT: old}

    def __str__(self) -> str:
        if self.kind == "swap":
            return f"{COMPARE_AT}: swapped with price"
        return f"{COMPARE_AT}: = old price, where blank"


@attrs.frozen
class CompareAtField(MoneyField):
    """Rules that change the compare-at price."""

    def set_if_blank(self) -> CompareAtRule:
        """The old price, where there is no compare-at price yet.

        It is the price that the shop holds before the plan, wherever the rule stands among the others.
        """
        return CompareAtRule("set_if_blank")

    def swap(self) -> CompareAtRule:
        """Price and compare-at price change places: the end of a sale. Skipped where there is none."""
        return CompareAtRule("swap")


compare_at: Final = CompareAtField(COMPARE_AT)
"""Rules that change the compare-at price."""

__all__ = ["CompareAtField", "CompareAtRule", "compare_at"]

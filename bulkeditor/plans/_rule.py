"""What an update of a plan is: a pure rule from a product to its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

import attrs

from bulkeditor.plans._draft import Draft
from bulkeditor.plans._rows import Value


@attrs.frozen
class Skip:
    """Why a rule leaves a product alone.

    Args:
        code: Machine-readable: ``blank_cost`` …
        reason: The same in a sentence.
        field: The field that stays as it is; None = the whole product.
    """

    code: str
    reason: str
    field: str | None = None


Changes: TypeAlias = Mapping[str, Value]
"""New values by field name. An entry is ``custom_fields.season``; UNSET takes it away."""


@runtime_checkable
class Rule(Protocol):
    """One update of a plan. Each one sees what the ones before it made.

    ``str(rule)`` says in words what it does.
    """

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it reads or changes."""
        ...

    def apply(self, row: Draft, /) -> Changes | Skip:
        """The changes of one product, or why there are none; the same for the same product, always.

        Args:
            row: The product, as the rules before this one left it; ``row.original`` is what the shop holds.

        Raises:
            ArithmeticError: The product is skipped, with this as its reason.
        """
        ...


@attrs.frozen
class Custom:
    """A rule that somebody wrote; see :func:`rule`.

    Args:
        compute: From a product to its changes.
        reads: Names of the fields that it reads or changes.
        text: What it does, in words.
    """

    compute: Callable[[Draft], Changes | Skip]
    reads: frozenset[str]
    text: str

    def apply(self, row: Draft, /) -> Changes | Skip:
        """The changes of one product."""
        return self.compute(row)

    def __str__(self) -> str:
        return self.text


def rule(
    *, reads: Iterable[str], text: str | None = None
) -> Callable[[Callable[[Draft], Changes | Skip]], Custom]:
    """Make a rule out of a function.

        @be.plans.rule(reads=["price", "cost"])
        def twice_the_cost(row):
            return {"price": row.rounded(row["cost"] * 2)}

    Args:
        reads: Names of the fields that it reads or changes; others are not loaded.
        text: What it does, in words; None = the function's name.
    """
    names = frozenset(name.partition(".")[0] for name in reads)

    def decorate(compute: Callable[[Draft], Changes | Skip]) -> Custom:
        return Custom(compute, names, text or compute.__name__.replace("_", " "))

    return decorate


__all__ = ["Changes", "Custom", "Rule", "Skip", "rule"]

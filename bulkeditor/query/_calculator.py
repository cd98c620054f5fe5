"""Arithmetic on decimals, the same whatever the caller's own decimal context is."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Final, TypeAlias

Number: TypeAlias = Decimal | int
Operation: TypeAlias = Callable[[Number | None, Number | None], Decimal | None]

DIGITS: Final = 34
"""Significant digits of a computed number, as in IEEE's decimal128."""


class Calculator:
    """The four operations, in a context of their own.

    What has no value (a division by zero, a result beyond 10^999) is None: unknown.
    """

    def __init__(self) -> None:
        # Signals that are not trapped would hand on NaN and infinities.
        context = Context(
            prec=DIGITS,
            rounding=ROUND_HALF_EVEN,
            Emin=-999,
            Emax=999,
            clamp=0,
            traps=[DivisionByZero, InvalidOperation, Overflow],
        )
        self._operations: dict[str, Operation] = {
            "+": _guarded(context.add),
            "-": _guarded(context.subtract),
            "*": _guarded(context.multiply),
            "/": _guarded(context.divide),
        }

    def operation(self, op: str) -> Operation:
        """One operation as a function of two values.

        Args:
            op: Its sign.
        """
        return self._operations[op]


def _guarded(apply: Callable[[Number, Number], Decimal]) -> Operation:
    def compute(left: Number | None, right: Number | None) -> Decimal | None:
        if left is None or right is None:
            return None
        try:
            return apply(left, right)
        except ArithmeticError:
            return None

    return compute


__all__ = ["DIGITS", "Calculator", "Number"]

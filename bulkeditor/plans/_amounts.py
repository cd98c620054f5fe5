"""Exact arithmetic of prices: one rounding, half up; endings; decimals of currencies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from types import MappingProxyType
from typing import Final, Literal, cast

import attrs

from bulkeditor.errors import FieldError, InvalidInputError

EndingMode = Literal["down", "nearest", "up", "replace"]

_MODES: Final = ("down", "nearest", "up", "replace")
_ENDING: Final = re.compile(r"(\d{0,6})(?:\.(\d{1,6}))?", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z]{3}", re.ASCII)

# ISO 4217: the currencies whose minor unit is not a hundredth.
_NO_DECIMALS: Final = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
)  # fmt: skip
_MINOR_UNITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(_NO_DECIMALS, 0),
        **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
        **dict.fromkeys(("CLF", "UYW"), 4),
    }
)


def refused(field: str, message: str, hint: str | None = None, *, code: str = "invalid") -> InvalidInputError:
    """One clear error for one argument.

    Args:
        field: Which argument.
        message: What is wrong with it; the sentence goes on after its name.
        hint: What to give instead.
        code: Machine-readable name of the problem.
    """
    return InvalidInputError(
        f"{field} {message}.", errors=[FieldError(field=field, message=message, code=code)], hint=hint
    )


def minor_units(currency: str | None) -> int | None:
    """How many decimals a currency has.

    Args:
        currency: Its code of ISO 4217 (``EUR``, ``JPY``, ``KWD``); None = not known.

    Raises:
        InvalidInputError: It is no such code.
    """
    if currency is None:
        return None
    given = cast("object", currency)
    if not isinstance(given, str) or not _CODE.fullmatch(given):
        raise refused(
            "currency", f"must be a code of three letters, got {given!r:.60}", "Give 'EUR', 'JPY' …"
        )
    return _MINOR_UNITS.get(given.upper(), 2)


def exact() -> Context:
    """A context in which sums and products of sane amounts lose no digit, whatever the program has set."""
    return Context(prec=150, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])


def decimals_of(amount: Decimal) -> int:
    """How many digits stand behind the point."""
    return max(0, -cast("int", amount.as_tuple().exponent))


def rounded(amount: Decimal, places: int) -> Decimal:
    """Rounded half up: a tie goes away from zero.

    Args:
        amount: Any sane amount.
        places: Decimals of the result.
    """
    context = exact()
    # plus() takes the sign off a zero.
    return context.plus(context.quantize(amount, Decimal(1).scaleb(-places)))


def rounded_ratio(dividend: Decimal, divisor: Decimal, places: int) -> Decimal:
    """A quotient, rounded half up once: never by way of a number that was rounded already.

    Args:
        dividend: Any sane amount.
        divisor: Positive.
        places: Decimals of the result.
    """
    context = exact()
    whole, rest = context.divmod(abs(dividend).scaleb(places, context), divisor)
    if context.add(rest, rest) >= divisor:
        whole = context.add(whole, Decimal(1))
    return whole.scaleb(-places, context).copy_sign(dividend if whole else whole)


@attrs.frozen
class Ending:
    """How prices shall end.

    Args:
        text: ``.99``: the decimals; ``9.99``: the last digit before the point as well; ``95``: whole amounts
            whose last two digits are these.
        mode: ``down``: the next lower one, ``up``: the next higher, ``nearest``: whichever is nearer (a tie
            goes up), ``replace``: the digits in front stay.

    Raises:
        InvalidInputError: The text is no ending, or there is no such mode.
    """

    text: str
    mode: EndingMode = "nearest"

    def __attrs_post_init__(self) -> None:
        given = cast("object", self.text)
        if not isinstance(given, str) or not given or not _ENDING.fullmatch(given):
            raise refused("ending", f"must be digits such as '.99', '9.95' or '95', got {given!r:.60}")
        if self.mode not in _MODES:
            raise refused("mode", f"must be one of {', '.join(_MODES)}, got {self.mode!r:.60}")

    def apply(self, amount: Decimal, places: int) -> Decimal | None:
        """The amount with this ending.

        Args:
            amount: A price that is not negative.
            places: Decimals of the result.

        Returns:
            None when there is none: 0.50 has no price below it that ends in .99.

        Raises:
            InvalidInputError: The ending has more decimals than prices have.
        """
        whole, _, fraction = self.text.partition(".")
        if len(fraction) > places:
            raise refused(
                "ending", f"{self.text!r} has more decimals than the currency, which has {places}",
                "Give whole digits, such as '95'." if places == 0 else None,
            )  # fmt: skip
        context = exact()
        offset, step = Decimal(f"{whole or 0}.{fraction or 0}"), Decimal(10) ** len(whole)
        steps, rest = context.divmod(context.subtract(amount, offset), step)
        if rest < 0:  # divmod cuts towards zero
            steps -= 1
        below = context.add(offset, context.multiply(steps, step))
        chosen = self._choose(amount, below, below if below == amount else context.add(below, step), step)
        return None if chosen < 0 else context.quantize(chosen, Decimal(1).scaleb(-places))

    def _choose(self, amount: Decimal, below: Decimal, above: Decimal, step: Decimal) -> Decimal:
        if self.mode == "down":
            return below
        if self.mode == "up":
            return above
        context = exact()
        if self.mode == "replace":
            front = context.subtract(amount, context.remainder(amount, step))
            return below if below >= front else above
        nearer = context.subtract(amount, below) < context.subtract(above, amount)
        return below if nearer and below >= 0 else above

    def __str__(self) -> str:
        return f"ending {self.text} ({self.mode})"


__all__ = [
    "Ending",
    "EndingMode",
    "decimals_of",
    "exact",
    "minor_units",
    "refused",
    "rounded",
    "rounded_ratio",
]

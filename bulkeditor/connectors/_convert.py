"""Converters: from what systems send to exact, typed values and back.

Each raises ``ValueError`` with a sentence for what it cannot read; the record then carries the problem.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, cast

import attrs

from bulkeditor.errors import ConfigurationError

_PLAIN: Final = re.compile(r"[+-]?\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
# SAP's OData V2: milliseconds since 1970, with an offset in minutes that is information only.
_ODATA_DATE: Final = re.compile(r"/Date\((-?\d{1,18})(?:[+-]\d{1,4})?\)/", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TOO_LARGE: Final = 40


class Converter:
    """Reads one kind of value, and writes it back.

    A subclass overrides :meth:`read`, and :meth:`write` where the wire form differs.
    """

    def read(self, value: object) -> object:
        """Our value of what the system sent; never called with null.

        Raises:
            ValueError: It cannot be read; the text says why.
        """
        return value

    def write(self, value: object) -> object:
        """What the system takes for our value; never called with None."""
        return value


@attrs.frozen
class Raw(Converter):
    """Whatever came, as it is."""


@attrs.frozen
class Text(Converter):
    """Text; whole numbers become their digits, so ids beyond 2^53 and leading zeros survive."""

    def read(self, value: object) -> str:
        """Text, or the digits of a whole number."""
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise ValueError(f"expected text, got {value!r:.60}")


@attrs.frozen(kw_only=True)
class Number(Converter):
    """An exact number, a Decimal.

    Args:
        decimal: The decimal mark in texts: ``"."``, or ``","`` where the system writes ``12,50``.
        group: The mark between thousands, where the system writes one; it must stand between groups of three.
        as_text: Write it as text instead of a JSON number.
    """

    decimal: Literal[".", ","] = "."
    group: str = ""
    as_text: bool = False

    def __attrs_post_init__(self) -> None:
        if self.group and (self.group == self.decimal or any(mark in "+-0123456789" for mark in self.group)):
            raise ConfigurationError(
                f"group is {self.group!r:.60}, which cannot be told from the rest of a number.",
                hint=f"The decimal mark is {self.decimal!r}; between thousands stands another mark, or none.",
            )

    def read(self, value: object) -> Decimal:
        """An exact number; NaN, infinity and absurd sizes are refused."""
        number = self._number(value)
        if not number.is_finite() or abs(number.adjusted()) > _TOO_LARGE:
            raise ValueError(f"{value!r:.60} is no number to calculate with")
        return number

    def write(self, value: object) -> object:
        """The number, or its text in the system's notation."""
        number = self.read(value) if not isinstance(value, str) else _ours(value)
        return format(number, "f").replace(".", self.decimal) if self.as_text else number

    def _number(self, value: object) -> Decimal:
        if isinstance(value, Decimal):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        if isinstance(value, float):
            # The shortest text that reads back to the same float: the digits that somebody wrote.
            return Decimal(repr(value))
        if isinstance(value, str):
            return self._from_text(value)
        raise ValueError(f"expected a number, got {value!r:.60}")

    def _from_text(self, value: str) -> Decimal:
        text = value.strip()
        # SAP writes the sign behind the number.
        if text.endswith("-"):
            text = "-" + text[:-1]
        if self.group and self.group in text:
            mark = re.escape(self.group)
            if not re.fullmatch(
                rf"[+-]?\d{{1,3}}(?:{mark}\d{{3}})+(?:{re.escape(self.decimal)}\d*)?", text, re.ASCII
            ):
                raise ValueError(f"{value!r:.60} is no number grouped by {self.group!r}")
            text = text.replace(self.group, "")
        if self.decimal == ",":
            if "." in text:
                thousands = "" if self.group else "; if it stands between thousands, declare group='.'"
                raise ValueError(f"{value!r:.60} has a point, and the decimal mark is a comma{thousands}")
            text = text.replace(",", ".")
        if not _PLAIN.fullmatch(text):
            raise ValueError(f"{value!r:.60} is no number{self._undeclared(text)}")
        try:
            return Decimal(text)
        except InvalidOperation as error:
            raise ValueError(f"{value!r:.60} is no number") from error

    def _undeclared(self, text: str) -> str:
        """What may have to be declared for a text with a comma, where a point is the decimal mark."""
        if "," not in text:
            return ""
        if "." in text and not self.group:
            return "; if the comma stands between thousands, declare group=','"
        return ", and its decimal mark is not declared to be a comma"


def _ours(text: str) -> Decimal:
    """A number in our own notation, whatever the system's is."""
    return Number().read(text)


@attrs.frozen(kw_only=True)
class Money(Number):
    """An exact amount, a Decimal; the arguments as for :class:`Number`."""


@attrs.frozen(kw_only=True)
class Quantity(Number):
    """A whole number of pieces, an int: ``"12.000"`` is 12, ``"12.5"`` is a problem."""

    def read(self, value: object) -> int:  # type: ignore[override]  # whole numbers are ints in our models
        """A whole number."""
        number = Number.read(self, value)
        if number != number.to_integral_value():
            raise ValueError(f"{value!r:.60} is no whole number")
        return int(number)

    def write(self, value: object) -> object:
        """The number, or its text."""
        whole = self.read(value if not isinstance(value, str) else _ours(value))
        return str(whole) if self.as_text else whole


@attrs.frozen(kw_only=True)
class Boolean(Converter):
    """True or false.

    Args:
        true: Texts that mean true, in any letter case; the first is written. Empty = JSON's own.
        false: Texts that mean false.
    """

    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()

    def read(self, value: object) -> bool:
        """A JSON boolean, 0, 1 or a declared text; without any: true/false, T/F, Y/N, yes/no, 1/0."""
        if isinstance(value, bool):
            return value
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        if isinstance(value, str):
            word = value.strip().casefold()
            if word in _folded(self.true or ("true", "t", "y", "yes", "1")):
                return True
            if word in _folded(self.false or ("false", "f", "n", "no", "0")):
                return False
        raise ValueError(f"expected true or false, got {value!r:.60}")

    def write(self, value: object) -> object:
        """A JSON boolean, or the first declared text."""
        words = self.true if value else self.false
        return words[0] if words else bool(value)


def _folded(words: Sequence[str]) -> list[str]:
    return [word.casefold() for word in words]


@attrs.frozen(kw_only=True)
class DateTime(Converter):
    """An aware time, in UTC.

    Args:
        zone: The zone of times that carry none; without it they are a problem, because a guess may be hours
            off.
        unit: What a bare number counts since 1970: ``"s"`` or ``"ms"``; None = numbers are a problem.
        format: For texts that are not ISO 8601, as ``datetime.strptime`` has it.
    """

    zone: tzinfo | None = None
    unit: Literal["s", "ms"] | None = None
    format: str | None = None

    def read(self, value: object) -> datetime:
        """ISO 8601, ``/Date(…)/`` of OData, the declared format, or a number of the declared unit."""
        if isinstance(value, datetime):
            return self._aware(value)
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and self.unit is not None:
            scale = 1_000_000 if self.unit == "s" else 1_000
            return _since_epoch(int(value * scale))
        if not isinstance(value, str):
            raise ValueError(f"expected a time, got {value!r:.60}")  # noqa: TRY004 - the one error of converters
        text = value.strip()
        found = _ODATA_DATE.fullmatch(text)
        if found:
            return _since_epoch(int(found[1]) * 1_000)
        try:
            time = datetime.fromisoformat(text) if self.format is None else _parsed(text, self.format)
        except ValueError as error:
            raise ValueError(f"{value!r:.60} is no time") from error
        return self._aware(time)

    def write(self, value: object) -> object:
        """ISO 8601 in UTC, or the declared format in the declared zone."""
        time = self._aware(value) if isinstance(value, datetime) else DateTime(zone=self.zone).read(value)
        if self.format:
            return time.astimezone(self.zone or UTC).strftime(self.format)
        return time.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _aware(self, time: datetime) -> datetime:
        if time.tzinfo is None:
            if self.zone is None:
                raise ValueError(f"the time {time.isoformat()} has no zone; declare DateTime(zone=…)")
            time = time.replace(tzinfo=self.zone)
        return time.astimezone(UTC)


def _parsed(text: str, form: str) -> datetime:
    return datetime.strptime(text, form)  # noqa: DTZ007 - the caller looks at its zone


def _since_epoch(microseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise ValueError("the time lies outside of the years 1 to 9999") from error


@attrs.frozen(kw_only=True)
class Tags(Converter):
    """A list of texts.

    Args:
        separator: Between the tags, where the system keeps them in one text.
    """

    separator: str = ","

    def read(self, value: object) -> list[str]:
        """A list of texts, or one text that is split."""
        if isinstance(value, str):
            return [tag for part in value.split(self.separator) if (tag := part.strip())]
        if isinstance(value, list | tuple):
            tags = list(cast("Sequence[object]", value))
            if all(isinstance(tag, str) for tag in tags):
                return cast("list[str]", tags)
        raise ValueError(f"expected a list of texts, got {value!r:.60}")


__all__ = ["Boolean", "Converter", "DateTime", "Money", "Number", "Quantity", "Raw", "Tags", "Text"]

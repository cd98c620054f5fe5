"""Values of plans as text: on a screen that a hostile title must not take over, and in files."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Final

from bulkeditor.models import UNSET, encode
from bulkeditor.plans._rows import Value

BLANK: Final = "(blank)"
ABSENT: Final = "(absent)"

# What a terminal or a browser would act on instead of showing it: control characters (escape sequences begin
# with one), marks that turn the direction of writing round, line separators, and half characters.
_ACTIVE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def on_screen(value: Value) -> str:
    """A value as it is shown: one line, nothing in it that a terminal or a browser acts on."""
    if value is UNSET:
        return ABSENT
    if value is None:
        return BLANK
    if isinstance(value, str):
        return safe(value) if value else '""'
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return safe(", ".join(map(str, value))) if value else "[]"
    return safe(in_file(value) or "")


def in_file(value: Value) -> str | None:
    """A value as exact text: amounts with every digit, lists and objects as JSON; None stays None."""
    if value is UNSET:
        return ABSENT
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    return encode(value).decode()


def safe(text: str) -> str:
    r"""A text with what a screen would act on spelled out: ``\x1b``, ``\n``."""
    return _ACTIVE.sub(lambda match: repr(match[0])[1:-1], text)


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes: two for a Chinese sign, none for an accent on its own."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def cut(text: str, width: int) -> str:
    """A text that takes at most so many columns; an ellipsis stands where it was cut."""
    if width_of(text) <= width:
        return text
    used = 0
    for index, char in enumerate(text):
        used += _width(char)
        if used > width - 1:
            return f"{text[:index]}…"
    return text


def padded(text: str, width: int, *, right: bool = False) -> str:
    """A text filled up with blanks to so many columns.

    Args:
        text: The text.
        width: Columns of the terminal.
        right: Fill up on its left, as numbers are.
    """
    gap = " " * (width - width_of(text))
    return gap + text if right else text + gap


__all__ = ["ABSENT", "BLANK", "cut", "in_file", "on_screen", "padded", "safe", "width_of"]

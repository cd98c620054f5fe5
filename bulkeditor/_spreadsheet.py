"""Text that a spreadsheet would run, or eat, and the apostrophe that keeps it from doing so."""

from __future__ import annotations

import re
from typing import Final

# What spreadsheets run or eat; OWASP's list (https://owasp.org/www-community/attacks/CSV_Injection) with the
# full-width signs, and text that is only white space, which would read as an empty cell.
_RUNS: Final = r"(?:\s*\Z|\s*[=+\-@＝＋－＠]|[\t\r\n])"  # noqa: RUF001 - the full-width signs are meant
_NEEDS_GUARD: Final = re.compile(r"'*" + _RUNS)
_NEEDS_ESCAPE: Final = re.compile(r"'+" + _RUNS)
_GUARDED_CODE: Final = re.compile(r"'+[0-9]")
# Zeros and digits that are cut off, powers of ten, days of the year.
_FRAGILE_CODE: Final = re.compile(
    r"0[0-9]|[0-9]{12}|[0-9]+[eE][0-9]+\Z|[0-9]{1,4}[-/][0-9]{1,2}(?:[-/][0-9]{1,4})?\Z"
)


def guard(text: str, *, formulas: bool = True, code: bool = False, zeros: bool = False) -> str:
    """Write a text so that a spreadsheet shows it, and :func:`unguard` gives it back.

    Args:
        text: The text; an empty one becomes a lone apostrophe, which says "empty on purpose".
        formulas: Guard what a spreadsheet would run. Otherwise only what could be taken for a guard.
        code: The text is a barcode or SKU, which are read without an apostrophe before a digit.
        zeros: Guard also digits that a spreadsheet would shorten or take for a date (Shopify does it with
            barcodes).
    """
    if (_NEEDS_GUARD if formulas or not text.strip() else _NEEDS_ESCAPE).match(text):
        return "'" + text
    if code and (_GUARDED_CODE.match(text) or (zeros and _FRAGILE_CODE.match(text))):
        return "'" + text
    return text


def unguard(text: str, *, code: bool = False) -> str:
    """Take the apostrophe off that :func:`guard`, Shopify or a spreadsheet put before a text."""
    if text.startswith("'") and (_NEEDS_ESCAPE.match(text) or (code and _GUARDED_CODE.match(text))):
        return text[1:]
    return text


__all__ = ["guard", "unguard"]

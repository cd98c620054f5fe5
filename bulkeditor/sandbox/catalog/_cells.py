"""The content of single cells: prices, quantities, states, tags."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, Literal

from bulkeditor._spreadsheet import unguard
from bulkeditor.sandbox.catalog._report import Refused, Remark

DecimalMark = Literal[".", ","]

_QUANTITY_LIMIT: Final = 10**12
_WHOLE_DIGITS: Final = 15
_DECIMALS: Final = 12
# No number is longer; on longer text the patterns below would take quadratic time.
_LONGEST: Final = 64

_PLAIN: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_CURRENCY: Final = re.compile(r"^(?:[$€£¥₹]|[A-Z]{3}\b)|(?:[$€£¥₹]|\b[A-Z]{3})$")
_GAPS: Final = re.compile(r"(?<=[0-9])[\s'’](?=[0-9])")  # noqa: RUF001 - Swiss thousands
_COMMA_GROUPS: Final = re.compile(r"([+-]?[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3})(\.[0-9]+)?")
_DOT_GROUPS: Final = re.compile(r"([+-]?[0-9]{1,3}(?:\.[0-9]{3})+)(,[0-9]+)?")
_COMMA_DECIMAL: Final = re.compile(r"[+-]?[0-9]*,[0-9]+")
_COMMA_SHOWS: Final = re.compile(r"[0-9]*,(?:[0-9]{1,2}|[0-9]{4,})\D*\Z|\.[0-9]{3},")
_DOT_SHOWS: Final = re.compile(r"[0-9]*\.(?:[0-9]{1,2}|[0-9]{4,})\D*\Z|,[0-9]{3}\.")

RUINED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,2}")

_STATUSES: Final = ("active", "draft", "archived")
TRUE_WORDS: Final = frozenset({"true", "yes", "1", "t", "y"})
FALSE_WORDS: Final = frozenset({"false", "no", "0", "f", "n"})


def decimal_mark(text: str) -> DecimalMark | None:
    """Which decimal mark a price shows beyond doubt; ``None`` if it shows none."""
    if len(text) > _LONGEST:
        return None
    if _COMMA_SHOWS.search(text):
        return ","
    return "." if _DOT_SHOWS.search(text) else None


def money(text: str, column: str, mark: DecimalMark | None) -> tuple[Decimal, Remark | None]:
    """Read a price; every decimal is kept, nothing is guessed.

    Args:
        text: The cell.
        column: Its header, for the message.
        mark: The decimal mark that the rest of the file shows, where it shows only one.

    Raises:
        Refused: It is no price, or could be two.
    """
    found = text.strip()
    if len(found) > _LONGEST:
        raise Refused([Remark("bad_number", "this is no number", column, found)])
    bare = _CURRENCY.sub("", unguard(found, code=True).strip()).strip()
    value, reading = _number(bare, found, column, mark)
    if value < 0:
        raise Refused([Remark("negative", "the price is negative", column, found)])
    sign, digits, exponent = value.as_tuple()
    del sign
    if isinstance(exponent, int) and (len(digits) + exponent > _WHOLE_DIGITS or -exponent > _DECIMALS):
        raise Refused([Remark("bad_number", "the number has too many digits for a price", column, found)])
    if reading is None and bare != found:
        reading = "currency_sign", "the currency sign or apostrophe was left out"
    return value, None if reading is None else Remark(*reading, column, found)


def _number(
    bare: str, found: str, column: str, mark: DecimalMark | None
) -> tuple[Decimal, tuple[str, str] | None]:
    text = _GAPS.sub("", bare)
    gaps = ("thousands_separator", "the thousands separator was left out") if text != bare else None
    ambiguous = re.fullmatch(r"[+-]?[0-9]{1,3}[.,][0-9]{3}", text)
    if ambiguous and "," in text and mark is None:
        raise Refused(
            [
                Remark(
                    "ambiguous_number",
                    "is the comma a decimal mark or a thousands separator? No other price of the file tells; "
                    "write the price with a decimal point",
                    column,
                    found,
                )
            ]
        )
    if _PLAIN.fullmatch(text) and not (ambiguous and mark == ","):
        return _plain(text), gaps
    if _COMMA_DECIMAL.fullmatch(text) and not (ambiguous and mark == "."):
        return _plain(text.replace(",", ".")), ("decimal_comma", "the comma was read as the decimal mark")
    for groups, separator in ((_COMMA_GROUPS, ","), (_DOT_GROUPS, ".")):
        match = groups.fullmatch(text)
        if match:
            whole, rest = match.group(1).replace(separator, ""), (match.group(2) or "").replace(",", ".")
            return _plain(whole + rest), ("thousands_separator", "the thousands separator was left out")
    raise Refused([Remark("bad_number", "this is no number", column, found)])


def _plain(text: str) -> Decimal:
    value = Decimal(text)
    # 1E+3 and 1000 are one price; only the second is a price's spelling.
    return value if value.as_tuple().exponent in range(-100, 1) else Decimal(f"{value:f}")


def exact(text: str) -> Decimal:
    """A number of a JSON text, with every decimal."""
    return Decimal(text)


def quantity(text: str, column: str) -> tuple[int, Remark | None]:
    """Read a whole number of pieces; negative is oversold.

    Raises:
        Refused: It is none.
    """
    found = text.strip()
    if len(found) > _LONGEST:
        raise Refused([Remark("bad_number", "this is no whole number", column, found)])
    bare = unguard(found, code=True).replace("\u2212", "-")
    match = re.fullmatch(r"([+-]?[0-9]{1,16})(?:\.0*)?", bare, re.ASCII)
    remark = None
    if match is None:
        grouped = re.fullmatch(r"[+-]?[0-9]{1,3}(?:([,.\s'’])[0-9]{3})(?:\1[0-9]{3})*", bare, re.ASCII)  # noqa: RUF001
        if grouped is None:
            raise Refused([Remark("bad_number", "this is no whole number", column, found)])
        match = re.fullmatch(r"(.+)", re.sub(r"[^0-9+-]", "", bare))
        remark = Remark("thousands_separator", "the thousands separator was left out", column, found)
    value = int(match.group(1)) if match else 0
    if abs(value) > _QUANTITY_LIMIT:
        raise Refused([Remark("bad_number", "the quantity is beyond a million million", column, found)])
    return value, remark


def status_of(text: str, column: str) -> tuple[str, Remark | None]:
    """Read a status in any case.

    Raises:
        Refused: It is none that is known.
    """
    word = text.strip().lower()
    if word in _STATUSES:
        return word, None
    if word == "unlisted":
        reason = "unlisted products are sold, only not shown in lists: read as active"
        return "active", Remark("status_unlisted", reason, column, text)
    raise Refused(
        [Remark("bad_status", "the status is none of active, draft, archived", column, text.strip())]
    )


def split_tags(text: str) -> list[str]:
    """Split Shopify's comma-separated tags; a tag with a comma of its own stands in quotes."""
    tags: list[str] = []
    position = 0
    while position <= len(text):
        quoted = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:,|\Z)').match(text, position)
        if quoted:
            tags.append(quoted.group(1).replace('""', '"'))
            position = quoted.end() if text[quoted.end() - 1] == "," else len(text) + 1
            continue
        end = text.find(",", position)
        end = len(text) if end < 0 else end
        if tag := text[position:end].strip():
            tags.append(tag)
        position = end + 1
    return tags


def join_tags(tags: list[str]) -> str:
    """Write tags as Shopify does; :func:`split_tags` gives them back."""
    return ", ".join(
        '"' + tag.replace('"', '""') + '"'
        if "," in tag or tag != tag.strip() or not tag or tag[0] == '"'
        else tag
        for tag in tags
    )

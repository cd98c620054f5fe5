"""The server's own rules for what may be written to a product, with the documented messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from bulkeditor.sandbox._http import Problem
from bulkeditor.sandbox._json import JSON, Doc
from bulkeditor.sandbox._rows import MONEY, MONEY_LIMIT, MONEY_SCALE, QUANTITY_LIMIT, decimals, plain

STATUSES: Final = ("active", "draft", "archived")
READ_ONLY: Final = ("id", "created_at", "updated_at")
MAX_TAGS: Final = 250
MAX_TAG_LENGTH: Final = 255
MAX_ENTRIES: Final = 250
MIN_TITLE: Final = 3

SKU_REQUIRED: Final = "SKU is required"
PRICE_POSITIVE: Final = "Price must be positive"
TITLE_SHORT: Final = "Title must be at least 3 characters"


def check_update(row: Mapping[str, JSON], *, money_text: bool) -> tuple[Doc, list[Problem]]:
    """The values to write and what is wrong with the row; only the fields given are looked at.

    ``money_text`` accepts prices as text, for the reading in which money travels so.
    """
    values: Doc = {}
    problems: list[Problem] = []
    for name, value in row.items():
        check = _CHECKS.get(name)
        if check is None:
            problems.append(_unwritable(name))
            continue
        if money_text and name in MONEY and isinstance(value, str):
            value = money_from_text(value)  # noqa: PLW2901 -- the rest of the loop means the amount
        outcome = check(name, value)
        if isinstance(outcome, Problem):
            problems.append(outcome)
        else:
            values[name] = outcome[0]
    return values, problems


def check_create(row: Mapping[str, JSON], *, money_text: bool) -> tuple[Doc, list[Problem]]:
    """As :func:`check_update`, with SKU and title required."""
    complete = {"sku": None, "title": None, **row}
    return check_update(complete, money_text=money_text)


def _unwritable(name: str) -> Problem:
    if name in READ_ONLY:
        return Problem(name, "read_only", f"{name} is set by the server")
    return Problem(name[:100], "unknown_field", f"{name[:100]!r} is no writable field of a product")


def money_from_text(value: str) -> JSON:
    """An amount written as text; the text itself where it is none."""
    digits = value.removeprefix("-").replace(".", "", 1)
    return Decimal(value) if digits.isascii() and digits.isdigit() and value[-1] != "." else value


# A check answers with the value to store, in a tuple of one (None is a value), or with the problem.
_Outcome = tuple[JSON] | Problem


def _bad_text(name: str, value: str) -> Problem | None:
    if "\x00" in value:
        return Problem(name, "invalid_character", f"{name} holds a NUL character")
    return None


def _sku(name: str, value: JSON) -> _Outcome:
    if value is None or (isinstance(value, str) and not value.strip()):
        return Problem(name, "required", SKU_REQUIRED)
    return _text(name, value)


def _title(name: str, value: JSON) -> _Outcome:
    if value is None or (isinstance(value, str) and len(value) < MIN_TITLE):
        return Problem(name, "too_short", TITLE_SHORT)
    return _text(name, value)


def _text(name: str, value: JSON) -> _Outcome:
    if value is None:
        return (None,)
    if not isinstance(value, str):
        return Problem(name, "invalid_type", f"{name} must be text")
    return _bad_text(name, value) or (value,)


def _status(name: str, value: JSON) -> _Outcome:
    if value not in STATUSES:
        return Problem(name, "invalid_value", f"status must be one of {', '.join(STATUSES)}")
    return (value,)


def _money(name: str, value: JSON) -> _Outcome:  # noqa: PLR0911 -- one line for each rule
    if value is None:
        return (None,)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return Problem(name, "invalid_type", f"{name} must be a number or null")
    if value < 0:
        return Problem(
            name, "negative", PRICE_POSITIVE if name == "price" else f"{name} must not be negative"
        )
    if value >= MONEY_LIMIT:
        return Problem(name, "too_large", f"{name} must be below {MONEY_LIMIT:,f}")
    if isinstance(value, Decimal):
        if decimals(value) > MONEY_SCALE:
            return Problem(name, "too_precise", f"{name} has more than {MONEY_SCALE} decimals")
        # -0.0 is a zero with a sign that no price has.
        return (abs(plain(value)),)
    return (value,)


def _quantity(name: str, value: JSON) -> _Outcome:
    if isinstance(value, Decimal) and abs(value) <= QUANTITY_LIMIT and value == int(value):
        # JSON knows one kind of number: 5.0 is the integer 5.
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return Problem(name, "invalid_type", f"{name} must be a whole number")
    if abs(value) > QUANTITY_LIMIT:
        return Problem(name, "too_large", f"{name} is beyond ±{QUANTITY_LIMIT:,}")
    return (value,)


def _tags(name: str, value: JSON) -> _Outcome:  # noqa: PLR0911 -- one line for each rule
    if value is None:
        return ([],)
    if not isinstance(value, list):
        return Problem(name, "invalid_type", "tags must be a list of texts")
    if len(value) > MAX_TAGS:
        return Problem(name, "too_many", f"at most {MAX_TAGS} tags are allowed")
    for tag in value:
        if not isinstance(tag, str):
            return Problem(name, "invalid_type", "tags must be a list of texts")
        if not tag.strip():
            return Problem(name, "invalid_value", "a tag must not be blank")
        if len(tag) > MAX_TAG_LENGTH:
            return Problem(name, "too_long", f"a tag has at most {MAX_TAG_LENGTH} characters")
        if bad := _bad_text(name, tag):
            return bad
    return (value,)


def _custom_fields(name: str, value: JSON) -> _Outcome:
    if value is None:
        return (None,)
    if not isinstance(value, dict):
        return Problem(name, "invalid_type", "custom_fields must be an object")
    if len(value) > MAX_ENTRIES:
        return Problem(name, "too_many", f"at most {MAX_ENTRIES} custom fields are allowed")
    for key, item in value.items():
        if not key or len(key) > MAX_TAG_LENGTH:
            return Problem(
                name, "invalid_value", f"a custom field's name has 1 to {MAX_TAG_LENGTH} characters"
            )
        if isinstance(item, str) and (bad := _bad_text(f"{name}.{key}", item)):
            return bad
    return (value,)


def _options(name: str, value: JSON) -> _Outcome:
    if value is None:
        return ({},)
    if not isinstance(value, dict):
        return Problem(name, "invalid_type", "options must be an object of name and text")
    if len(value) > MAX_ENTRIES:
        return Problem(name, "too_many", f"at most {MAX_ENTRIES} options are allowed")
    for key, item in value.items():
        if not key or not isinstance(item, str):
            return Problem(name, "invalid_type", "options must be an object of name and text")
        if bad := _bad_text(f"{name}.{key}", item):
            return bad
    return (value,)


_CHECKS: Final[Mapping[str, Callable[[str, JSON], _Outcome]]] = {
    "sku": _sku,
    "title": _title,
    "status": _status,
    "tags": _tags,
    "inventory_quantity": _quantity,
    "custom_fields": _custom_fields,
    "options": _options,
    **dict.fromkeys(("handle", "vendor", "product_type", "category", "barcode"), _text),
    **dict.fromkeys(sorted(MONEY), _money),
}

WRITABLE: Final = tuple(_CHECKS)

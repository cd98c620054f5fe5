"""A product as a document (the JSON it is listed as) and as columns (what it is filtered by)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Final

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.sandbox._json import JSON, Doc

MONEY: Final = frozenset({"price", "compare_at_price", "cost"})
TEXTS: Final = ("title", "handle", "vendor", "product_type", "category", "status", "barcode")
FIELDS: Final = (
    "id", "sku", "title", "handle", "vendor", "product_type", "category", "status", "tags", "price",
    "compare_at_price", "cost", "inventory_quantity", "custom_fields", "options", "barcode", "created_at",
    "updated_at",
)  # fmt: skip

# Parts of a catalog row that are kept elsewhere, or spread over the document.
_NOT_STORED: Final = frozenset({"extra", "levels", "analytics"})

MONEY_SCALE: Final = 6
MONEY_LIMIT: Final = Decimal(10) ** 12
QUANTITY_LIMIT: Final = 10**12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def money_key(value: Decimal | int | None) -> int | None:
    """Millionths as a whole number: exact, and in the same order as the money."""
    if value is None:
        return None
    scaled = Decimal(value).scaleb(MONEY_SCALE)
    return int(scaled.to_integral_value(ROUND_FLOOR))


def plain(value: Decimal) -> Decimal:
    """The same number with its decimals, but without an exponent (1E+3 becomes 1000)."""
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else value


def decimals(value: Decimal | int) -> int:
    """How many digits stand behind the point."""
    exponent = Decimal(value).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def tags_key(tags: Iterable[str]) -> bytes:
    """Tags in one blob in which a tag between separators can be searched without false hits."""
    return b"\x1f" + b"".join(_tag_key(tag) + b"\x1f" for tag in tags)


def tag_needle(tag: str) -> bytes:
    """What to search for in a :func:`tags_key`."""
    return b"\x1f" + _tag_key(tag) + b"\x1f"


def _tag_key(tag: str) -> bytes:
    return tag.replace("\x1e", "\x1e0").replace("\x1f", "\x1e1").encode()


def to_us(value: datetime) -> int:
    """Microseconds since 1970."""
    return (value - _EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """The aware UTC time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)


def time_text(value: int | None) -> str | None:
    """RFC 3339 in UTC with Z; milliseconds only where there are any."""
    if value is None:
        return None
    moment = from_us(value)
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.removesuffix("+00:00") + "Z"


def parse_time(text: str) -> int | None:
    """Microseconds of an RFC 3339 time with an offset; None when it is none."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or len(text) < len("2024-06-01T00:00Z"):
            return None
        # Shown in UTC later on, so it must exist there: 9999-12-31T23:59-23:59 does not.
        return to_us(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def columns(ord_: int, doc: Doc, created: int, updated: int) -> tuple[object, ...]:
    """The row of the products table for a document."""
    get: Any = doc.get
    return (
        ord_, get("id"), get("sku"), get("title"), get("handle"), get("vendor"), get("product_type"),
        get("category"), get("status"), tags_key(get("tags")), money_key(get("price")),
        money_key(get("compare_at_price")), money_key(get("cost")), get("inventory_quantity"), get("barcode"),
        created, updated,
    )  # fmt: skip


def new_doc(values: Mapping[str, JSON], ident: str, now: str) -> Doc:
    """A complete document: absent fields get the value of an empty one."""
    doc: Doc = {
        "id": ident,
        "sku": values.get("sku"),
        "title": values.get("title"),
        "handle": values.get("handle"),
        "vendor": values.get("vendor"),
        "product_type": values.get("product_type"),
        "category": values.get("category"),
        "status": values.get("status") or "active",
        "tags": values.get("tags") or [],
        "price": values.get("price"),
        "compare_at_price": values.get("compare_at_price"),
        "cost": values.get("cost"),
        "inventory_quantity": values.get("inventory_quantity") or 0,
        "custom_fields": values.get("custom_fields") or {},
        "options": values.get("options") or {},
        "barcode": values.get("barcode"),
        "created_at": values.get("created_at") or now,
        "updated_at": values.get("updated_at") or values.get("created_at") or now,
    }
    for name, value in values.items():
        if name not in doc:
            doc[name] = value
    return doc


def loaded_doc(row: Mapping[str, Any], number: int, now: str) -> Doc:
    """The document of a catalog row, whose money may be text and whose times may be datetimes."""
    values: dict[str, Any] = {**(row.get("extra") or {}), **row}
    for name in _NOT_STORED:
        values.pop(name, None)
    for name in ("created_at", "updated_at"):
        moment = values.get(name)
        if isinstance(moment, datetime):
            values[name] = time_text(to_us(moment))
    for name in MONEY:
        if values.get(name) is not None:
            values[name] = _loaded_money(values[name], name, number)
    return new_doc(values, str(row.get("id") or f"product_id_{number}"), now)


def _loaded_money(value: Any, name: str, number: int) -> Decimal | None:
    if value == "":
        return None
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            money = plain(Decimal(value))
            if money.is_finite() and abs(money) < MONEY_LIMIT:
                return money
        except InvalidOperation:
            pass
    message = f"{value!r} is no amount of money"
    raise InvalidInputError(
        f"Catalog row {number}: {name}: {message}.",
        errors=[FieldError(field=name, message=message, code="invalid_type")],
        hint="Give a Decimal, an int or a plain decimal text below 10^12.",
    )

"""One row of a catalog: a product as the API speaks of it, with what else its source said."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias, Union, cast

import attrs

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.sandbox.catalog import _cells
from bulkeditor.sandbox.catalog._columns import RECORD_FIELDS
from bulkeditor.sandbox.catalog._report import Refused, Remark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

JSON: TypeAlias = Union[str, int, float, Decimal, bool, list["JSON"], dict[str, "JSON"], None]  # noqa: UP007 - recursive


def _text_or_none(value: str | None) -> str | None:
    return value or None


@attrs.frozen(kw_only=True)
class CatalogRow:
    """One product of a catalog: in a shop's files, one variant.

    Args:
        sku: Case-sensitive text; ``00042`` keeps its zeros.
        title: The product's title.
        handle: Groups the variants of one product; an empty text is the same as ``None``, here and below.
        vendor: Who makes it.
        product_type: The shop's own word for what it is.
        category: A taxonomy's word for what it is.
        status: ``active``, ``draft`` or ``archived``.
        tags: In the order of the source.
        price: With every decimal of the source; ``None`` when it has none.
        compare_at_price: The price before a reduction.
        cost: What it costs the shop.
        inventory_quantity: Pieces in stock; negative is oversold.
        options: Option name to this variant's value, in order.
        barcode: With leading zeros.
        custom_fields: Any JSON.
        extra: What else the source said: ``description``, ``image_src`` and so on, and columns that are not
            known by their headers. ``images`` lists further images.
        id: The product's id, if it has one already.
        created_at: When it was made, with a time zone.
        levels: Pieces on hand by location, if known.
    """

    sku: str
    title: str
    handle: str | None = attrs.field(default=None, converter=_text_or_none)
    vendor: str | None = attrs.field(default=None, converter=_text_or_none)
    product_type: str | None = attrs.field(default=None, converter=_text_or_none)
    category: str | None = attrs.field(default=None, converter=_text_or_none)
    status: str = "active"
    tags: list[str] = attrs.field(factory=list[str])
    price: Decimal | None = None
    compare_at_price: Decimal | None = None
    cost: Decimal | None = None
    inventory_quantity: int = 0
    options: dict[str, str] = attrs.field(factory=dict[str, str])
    barcode: str | None = attrs.field(default=None, converter=_text_or_none)
    custom_fields: dict[str, JSON] = attrs.field(factory=dict[str, JSON])
    extra: dict[str, JSON] = attrs.field(factory=dict[str, JSON])
    id: str | None = None
    created_at: datetime | None = None
    levels: dict[str, int] | None = None

    def to_record(self) -> dict[str, object]:
        """The row as a plain dict; ``id``, ``created_at`` and ``levels`` only if they are known."""
        record: dict[str, object] = {name: getattr(self, name) for name in _ALWAYS}
        record.update({name: value for name in _OPTIONAL if (value := getattr(self, name)) is not None})
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> CatalogRow:
        """Make a row from a plain dict, as :meth:`to_record`, the sandbox or a JSON file gives it.

        Args:
            record: Field to value. Money may be a number or text. Unknown fields go into ``extra``;
                ``updated_at``, which says nothing about the product, is left out.

        Raises:
            InvalidInputError: A field cannot be read; all that are wrong are named.
        """
        try:
            row, _ = build(record)
        except Refused as refused:
            errors = [FieldError(field=r.column, message=r.reason, code=r.code) for r in refused.remarks]
            raise InvalidInputError(f"The record is no catalog row: {refused}.", errors=errors) from refused
        return row


_ALWAYS = (
    "sku",
    "title",
    "handle",
    "vendor",
    "product_type",
    "category",
    "status",
    "tags",
    "price",
    "compare_at_price",
    "cost",
    "inventory_quantity",
    "options",
    "barcode",
    "custom_fields",
    "extra",
)
_OPTIONAL = ("id", "created_at", "levels")


def generated_sku(handle: str | None, title: str, options: Mapping[str, str]) -> str:
    """An SKU for a row without one: the same for the same handle (or title) and option values, always.

    The readable part may be shared by two variants (``a-b`` + ``c``, ``a`` + ``b-c``); the hash differs.
    """
    words = [handle or title, *options.values()]
    readable = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")[:60]
    exact = "\x1f".join([handle or title, *(f"{name}\x1e{value}" for name, value in options.items())])
    suffix = sha256(exact.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{readable}-{suffix}" if readable else suffix


def build(record: Mapping[str, object]) -> tuple[CatalogRow, list[Remark]]:
    """Make a row from a plain dict; also return what was read otherwise than it stands.

    Raises:
        Refused: With a remark for each field that is wrong.
    """
    builder = _Builder(record)
    row = builder.row()
    if row is None:
        raise Refused(builder.faults)
    return row, builder.notes


def _whole_numbers(value: object) -> dict[str, int] | None:
    if not isinstance(value, dict):
        return None
    items = cast("dict[str, object]", value).items()
    found = {key: count for key, count in items if isinstance(count, int) and not isinstance(count, bool)}
    return found if len(found) == len(items) else None


class _Builder:
    def __init__(self, record: Mapping[str, object]) -> None:
        self._record = record
        self.faults: list[Remark] = []
        self.notes: list[Remark] = []

    def row(self) -> CatalogRow | None:
        get = self._record.get
        levels = self._levels(get("levels"))
        sku, title, handle = self._text("sku"), self._text("title"), self._text("handle")
        options = {name: str(value) for name, value in self._mapping("options").items() if value is not None}
        if not (sku or "").strip() and not (title or "").strip() and not handle:
            self.faults.append(
                Remark("no_identity", "the record has neither SKU nor title nor handle", "sku")
            )
        if not (sku or "").strip():
            sku = generated_sku(handle, title or "", options)
            self.notes.append(Remark("generated_sku", "no SKU: one was generated", "sku", sku))
        if title is None or not title.strip():
            title = handle or sku
            self.notes.append(
                Remark("generated_title", "no title: the handle or SKU stands for it", "title", title)
            )
        row = CatalogRow(
            sku=sku or "",
            title=title or "",
            handle=handle,
            vendor=self._text("vendor"),
            product_type=self._text("product_type"),
            category=self._text("category"),
            status=self._status(get("status")),
            tags=self._tags(get("tags")),
            price=self._money("price"),
            compare_at_price=self._money("compare_at_price"),
            cost=self._money("cost"),
            inventory_quantity=self._quantity(get("inventory_quantity"), levels),
            options=options,
            barcode=self._text("barcode"),
            custom_fields=self._mapping("custom_fields"),
            extra=self._extra(),
            id=self._text("id"),
            created_at=self._time(get("created_at")),
            levels=levels,
        )
        return None if self.faults else row

    def _wrong(self, code: str, column: str, reason: str, value: object) -> None:
        """Take down a fault."""
        self.faults.append(Remark(code, reason, column, str(value)))

    def _text(self, name: str) -> str | None:
        value = self._record.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        self._wrong("bad_type", name, "text was expected", value)
        return None

    def _mapping(self, name: str) -> dict[str, JSON]:
        value = self._record.get(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return dict(cast("dict[str, JSON]", value))
        self._wrong("bad_type", name, "an object was expected", value)
        return {}

    def _read(self, parse: Callable[[], tuple[object, Remark | None]]) -> object:
        try:
            value, remark = parse()
        except Refused as refused:
            self.faults.extend(refused.remarks)
            return None
        if remark:
            self.notes.append(remark)
        return value

    def _status(self, value: object) -> str:
        if value is None or value == "":
            return "active"
        return cast("str", self._read(lambda: _cells.status_of(str(value), "status")) or "active")

    def _tags(self, value: object) -> list[str]:
        if value is None:
            return []
        if isinstance(value, str):
            return _cells.split_tags(value)
        if isinstance(value, (list, tuple)):
            return [str(tag) for tag in cast("Iterable[object]", value)]
        self._wrong("bad_type", "tags", "a list or a comma-separated text was expected", value)
        return []

    def _money(self, name: str) -> Decimal | None:
        value = self._record.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
            self._wrong("bad_type", name, "a number or its text was expected", value)
            return None
        return cast("Decimal | None", self._read(lambda: _cells.money(str(value), name, None)))

    def _quantity(self, value: object, levels: Mapping[str, int] | None) -> int:
        if value is None or value == "":
            return sum(levels.values()) if levels else 0
        if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
            self._wrong("bad_type", "inventory_quantity", "a whole number was expected", value)
            return 0
        return cast("int", self._read(lambda: _cells.quantity(str(value), "inventory_quantity")) or 0)

    def _levels(self, value: object) -> dict[str, int] | None:
        if value is None:
            return None
        levels = _whole_numbers(value)
        if levels is None:
            self._wrong("bad_type", "levels", "an object of location to whole number was expected", value)
        return levels

    def _time(self, value: object) -> datetime | None:
        if value is None or value == "":
            return None
        try:
            time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError:
            self._wrong("bad_time", "created_at", "this is no RFC 3339 time", value)
            return None
        if time.tzinfo is None:
            self._wrong("bad_time", "created_at", "the time has no zone: add Z or an offset", value)
            return None
        return time.astimezone(UTC)

    def _extra(self) -> dict[str, JSON]:
        extra = {key: value for key, value in self._mapping("extra").items() if value != ""}
        for key, value in self._record.items():
            if key not in RECORD_FIELDS and key not in {"extra", "updated_at"} and value not in (None, ""):
                extra.setdefault(key, cast("JSON", value))
        return extra

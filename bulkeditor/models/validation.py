"""Checks of product data before it is sent: the documented three, and what else a server would refuse.

Nothing here raises for bad data: problems come back as a list, all at once, each naming its field.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

import attrs
from msgspec import UNSET

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models._base import Model, did_you_mean
from bulkeditor.models._changes import PriceAdjustment, ProductCreate, ProductUpdate, Updates
from bulkeditor.models._inputs import money, plain_json
from bulkeditor.models._product import Product
from bulkeditor.models._vocabulary import Status

ProductData: TypeAlias = Product | ProductUpdate | ProductCreate | Updates | Mapping[str, Any]
"""Product data as a model or as plain data."""

SKU_REQUIRED: Final = "SKU is required"
PRICE_POSITIVE: Final = "Price must be positive"
TITLE_TOO_SHORT: Final = "Title must be at least 3 characters"

MAX_TAGS: Final = 250
MAX_TAG_LENGTH: Final = 255
MAX_ENTRIES: Final = 250
MAX_DECIMALS: Final = 6
MONEY_LIMIT: Final = Decimal(10) ** 12
QUANTITY_LIMIT: Final = 10**12
Check: TypeAlias = Callable[[str, object], Iterator[FieldError]]

_MIN_TITLE: Final = 3
_READ_ONLY: Final = frozenset({"id", "created_at", "updated_at"})
_STATUSES: Final = (Status.ACTIVE, Status.DRAFT, Status.ARCHIVED)


def validate_product(product: ProductData) -> list[str]:
    """The documented check of a whole product, with the documented messages.

    Args:
        product: The product; a field that is absent counts as missing.

    Returns:
        ``SKU is required``, ``Price must be positive``, ``Title must be at least 3 characters``: those that
        apply, in this order. A price of 0 is accepted, as the documented code does.

    Raises:
        NotLoadedError: A :class:`~bulkeditor.models.Product` was read without one of the three fields, so
            nobody can say whether it is missing.
    """
    if isinstance(product, Product):
        # Reading the attributes, instead of what is loaded, is what raises.
        fields: Mapping[str, object] = {"sku": product.sku, "price": product.price, "title": product.title}
    else:
        fields = _given(product)
    messages: list[str] = []
    if _is_blank(fields.get("sku")):
        messages.append(SKU_REQUIRED)
    if _is_negative(fields.get("price")):
        messages.append(PRICE_POSITIVE)
    if _is_short(fields.get("title")):
        messages.append(TITLE_TOO_SHORT)
    return messages


def validate_create(product: ProductData) -> tuple[FieldError, ...]:
    """Check the data of a new product.

    Args:
        product: A ProductCreate, or plain data; SKU and title must be there.

    Returns:
        One entry for each problem, in the order of the fields; empty when the server should accept it.
    """
    fields = _given(product)
    missing = {name: None for name in ("sku", "title") if name not in fields}
    return tuple(_problems({**missing, **fields}, _CHECKS))


def validate_update(changes: ProductData, *, job: bool = False) -> tuple[FieldError, ...]:
    """Check what is to be changed; only the fields given are looked at.

    Args:
        changes: A ProductUpdate, the Updates of a bulk job, or plain data.
        job: Plain data is what a bulk job changes: ``price_adjustment`` may stand in it, ``id`` may not.

    Returns:
        One entry for each problem, in the order of the fields; empty when the server should accept it.
    """
    if job or isinstance(changes, Updates):
        return tuple(_problems(_given(changes), {**_CHECKS, "price_adjustment": _adjustment}))
    return tuple(_problems(_given(changes), {"id": _id, **_CHECKS}))


def _given(product: ProductData) -> Mapping[str, object]:
    if isinstance(product, Mapping):
        return {name: value for name, value in product.items() if value is not UNSET}
    if isinstance(product, Model):
        return {name: value for name, value in product.to_dict().items() if name not in _READ_ONLY - {"id"}}
    if isinstance(product, ProductUpdate | ProductCreate | Updates):  # pyright: ignore[reportUnnecessaryIsInstance] - callers are not all typed
        values = ((field.name, getattr(product, field.name)) for field in attrs.fields(type(product)))
        return {name: value for name, value in values if value is not UNSET}
    raise TypeError(f"expected product data as a model or a mapping, got {type(product).__name__}")


def _problems(fields: Mapping[str, object], checks: Mapping[str, Check]) -> Iterator[FieldError]:
    for name, value in fields.items():
        if name in checks:
            yield from _checked(checks[name], name, value)
        elif name in _READ_ONLY:
            yield FieldError(field=name, message=f"{name} is set by the server", code="read_only")
        else:
            message = f"There is no field {str(name)!r:.80} to write.{did_you_mean(str(name), checks)}"
            yield FieldError(field=str(name), message=message, code="unknown_field")


def _checked(check: Check, name: str, value: object) -> Iterator[FieldError]:
    try:
        yield from check(name, value)
    except InvalidInputError as error:
        # The converters of the models refuse with the same words wherever a value is given.
        for problem in error.errors:
            yield attrs.evolve(
                problem, message=f"{problem.message}. {error.hint}" if error.hint else problem.message
            )


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_short(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) < _MIN_TITLE)


def _is_negative(value: object) -> bool:
    try:
        return value is not None and money(cast("Any", value)) < 0
    except InvalidInputError:
        return False  # no number at all is another problem than the documented one


def _id(name: str, value: object) -> Iterator[FieldError]:
    if not isinstance(value, str) or not value.strip():
        yield FieldError(field=name, message="The id must be the text that the server gave", code="required")


def _sku(name: str, value: object) -> Iterator[FieldError]:
    if _is_blank(value):
        yield FieldError(field=name, message=SKU_REQUIRED, code="required")
    else:
        yield from _text(name, value)


def _title(name: str, value: object) -> Iterator[FieldError]:
    if _is_short(value):
        yield FieldError(field=name, message=TITLE_TOO_SHORT, code="too_short")
    else:
        yield from _text(name, value)


def _text(name: str, value: object) -> Iterator[FieldError]:
    if value is None:
        return
    if not isinstance(value, str):
        fix = "; write it as text, or leading zeros are lost" if isinstance(value, int) else ""
        yield FieldError(field=name, message=f"{name} must be text{fix}", code="invalid_type")
    elif "\x00" in value:
        yield FieldError(field=name, message=f"{name} holds a NUL character", code="invalid_character")


def _status(name: str, value: object) -> Iterator[FieldError]:
    if value not in _STATUSES:
        guess = did_you_mean(value, _STATUSES) if isinstance(value, str) else ""
        yield FieldError(
            field=name, message=f"status must be one of {', '.join(_STATUSES)}.{guess}", code="invalid_value"
        )


def _money(name: str, value: object) -> Iterator[FieldError]:
    if value is None:
        return
    amount = money(cast("Any", value), name)
    if amount < 0:
        message = PRICE_POSITIVE if name == "price" else f"{name} must not be negative"
        yield FieldError(field=name, message=message, code="negative")
    elif amount >= MONEY_LIMIT:
        yield FieldError(field=name, message=f"{name} must be below {MONEY_LIMIT:,f}", code="too_large")
    elif -cast("int", amount.as_tuple().exponent) > MAX_DECIMALS:
        yield FieldError(
            field=name, message=f"{name} has more than {MAX_DECIMALS} decimals", code="too_precise"
        )


def _quantity(name: str, value: object) -> Iterator[FieldError]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield FieldError(field=name, message=f"{name} must be a whole number (int)", code="invalid_type")
    elif abs(value) > QUANTITY_LIMIT:
        yield FieldError(field=name, message=f"{name} is beyond ±{QUANTITY_LIMIT:,}", code="too_large")


def _tags(name: str, value: object) -> Iterator[FieldError]:
    if value is None:
        return
    if not isinstance(value, list | tuple):
        yield FieldError(field=name, message="tags must be a list of texts", code="invalid_type")
        return
    tags = cast("Sequence[object]", value)
    if len(tags) > MAX_TAGS:
        yield FieldError(
            field=name, message=f"At most {MAX_TAGS} tags are allowed, not {len(tags)}", code="too_many"
        )
    for index, tag in enumerate(tags):
        place = f"{name}[{index}]"
        if not isinstance(tag, str):
            yield FieldError(field=place, message="A tag must be text", code="invalid_type")
        elif not tag.strip():
            yield FieldError(field=place, message="A tag must not be blank", code="invalid_value")
        elif len(tag) > MAX_TAG_LENGTH:
            yield FieldError(
                field=place,
                message=f"A tag has at most {MAX_TAG_LENGTH} characters, not {len(tag)}",
                code="too_long",
            )
        else:
            yield from _text(place, tag)


def _custom_fields(name: str, value: object) -> Iterator[FieldError]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield FieldError(field=name, message=f"{name} must be an object", code="invalid_type")
        return
    plain_json(cast("object", value), name)
    entries = cast("Mapping[str, object]", value)
    yield from _not_too_many(name, entries, "custom fields")
    for key, item in entries.items():
        if not key or len(key) > MAX_TAG_LENGTH:
            message = f"A custom field's name has 1 to {MAX_TAG_LENGTH} characters"
            yield FieldError(field=name, message=message, code="invalid_value")
        elif isinstance(item, str):
            yield from _text(f"{name}.{key}", item)


def _not_too_many(name: str, entries: Mapping[Any, object], what: str) -> Iterator[FieldError]:
    if len(entries) > MAX_ENTRIES:
        message = f"At most {MAX_ENTRIES} {what} are allowed, not {len(entries)}"
        yield FieldError(field=name, message=message, code="too_many")


def _options(name: str, value: object) -> Iterator[FieldError]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield FieldError(
            field=name, message="options must be an object of names and texts", code="invalid_type"
        )
        return
    entries = cast("Mapping[object, object]", value)
    yield from _not_too_many(name, entries, "options")
    for key, text in entries.items():
        if not isinstance(key, str) or not key or not isinstance(text, str):
            yield FieldError(
                field=f"{name}.{key}", message="An option has a name and a text", code="invalid_type"
            )
        else:
            yield from _text(f"{name}.{key}", text)


def _adjustment(name: str, value: object) -> Iterator[FieldError]:
    # PriceAdjustment checks itself when it is made; plain data is put through it.
    if isinstance(value, PriceAdjustment):
        return
    if not isinstance(value, Mapping) or set(cast("Mapping[object, object]", value)) != {"type", "value"}:
        yield FieldError(field=name, message="price_adjustment must hold type and value", code="invalid_type")
        return
    given = cast("Mapping[str, Any]", value)
    if given["type"] not in {PriceAdjustment.PERCENTAGE, PriceAdjustment.FIXED}:
        yield FieldError(
            field=f"{name}.type", message="type must be percentage or fixed", code="invalid_value"
        )
        return
    PriceAdjustment(type=given["type"], value=given["value"])


_CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "sku": _sku,
        "title": _title,
        "handle": _text,
        "vendor": _text,
        "product_type": _text,
        "category": _text,
        "status": _status,
        "tags": _tags,
        "price": _money,
        "compare_at_price": _money,
        "cost": _money,
        "inventory_quantity": _quantity,
        "custom_fields": _custom_fields,
        "options": _options,
        "barcode": _text,
    }
)

__all__ = ["validate_create", "validate_product", "validate_update"]

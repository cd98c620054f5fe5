"""What products are to become: updates of one, of many, and new ones."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import attrs
from msgspec import UNSET, UnsetType

from bulkeditor.models import _inputs as to
from bulkeditor.models._base import JSON
from bulkeditor.models._inputs import Money, refuse
from bulkeditor.models._structure import structure

_WHOLE: Final = Decimal(-100)


class _Sent:
    """Room for what is sent: a copy, checked when the object is made, so that encoding 250 checks nothing."""

    __slots__ = ("_body",)

    if TYPE_CHECKING:
        _body: dict[str, object]


@attrs.frozen(kw_only=True, repr=False)
class Change(_Sent):
    """The fields of a product that can be written; UNSET leaves a field as it is, None clears it."""

    title: str | UnsetType = attrs.field(default=UNSET, converter=to.to_text)
    handle: str | UnsetType | None = attrs.field(default=UNSET, converter=to.to_optional_text)
    vendor: str | UnsetType | None = attrs.field(default=UNSET, converter=to.to_optional_text)
    product_type: str | UnsetType | None = attrs.field(default=UNSET, converter=to.to_optional_text)
    category: str | UnsetType | None = attrs.field(default=UNSET, converter=to.to_optional_text)
    status: str | UnsetType = attrs.field(default=UNSET, converter=to.to_text)
    tags: list[str] | UnsetType = attrs.field(default=UNSET, converter=to.to_tags)
    price: Decimal | UnsetType | None = attrs.field(default=UNSET, converter=to.to_money)
    compare_at_price: Decimal | UnsetType | None = attrs.field(default=UNSET, converter=to.to_money)
    cost: Decimal | UnsetType | None = attrs.field(default=UNSET, converter=to.to_money)
    inventory_quantity: int | UnsetType = attrs.field(default=UNSET, converter=to.to_quantity)
    custom_fields: dict[str, JSON] | UnsetType = attrs.field(default=UNSET, converter=to.to_json_object)
    options: dict[str, str] | UnsetType = attrs.field(default=UNSET, converter=to.to_options)
    barcode: str | UnsetType | None = attrs.field(default=UNSET, converter=to.to_optional_text)

    def __attrs_post_init__(self) -> None:
        names = (field.name for field in attrs.fields(type(self)))
        given = {name: value for name in names if (value := getattr(self, name)) is not UNSET}
        for name in given.keys() & {"tags", "custom_fields", "options"}:
            given[name] = to.plain_json(given[name], name)
        object.__setattr__(self, "_body", {"id": given["id"], **given} if "id" in given else given)

    def __reduce__(self) -> tuple[object, ...]:
        return _remake, (type(self), self._body)

    def __repr__(self) -> str:
        given = (f"{name}={value!r}" for name, value in self._body.items())
        return f"{type(self).__name__}({', '.join(given)})"


def _remake(kind: type[Change], given: Mapping[str, Any]) -> Change:
    return kind(**given)


body_of: Final = cast("Callable[[Change], dict[str, object]]", attrgetter("_body"))
"""What is sent for a change."""


@attrs.frozen(kw_only=True, repr=False, field_transformer=to.named)
class ProductUpdate(Change):
    """Changes of one product. A field left out (UNSET) stays as it is; None clears it.

    The product is found by ``id``, or by ``sku`` when no id is given. With an id, ``sku`` is a field to set.

    Args:
        id: The server's identifier.
        sku: Stock keeping unit.
        title: At least three characters.
        handle: The name in the shop's web addresses.
        vendor: Who makes it.
        product_type: The shop's own classification.
        category: Category.
        status: ``active``, ``draft`` or ``archived``.
        tags: All labels; they replace the ones that are there.
        price: In the shop's currency.
        compare_at_price: In the shop's currency.
        cost: In the shop's currency.
        inventory_quantity: Pieces in stock.
        custom_fields: Fields that the shop defined.
        options: Names and values of the options.
        barcode: EAN, UPC, ISBN …

    Raises:
        InvalidInputError: A value cannot be sent as it is, or neither id nor sku is given.
    """

    id: str | UnsetType = attrs.field(default=UNSET, converter=to.to_key)
    sku: str | UnsetType = attrs.field(default=UNSET, converter=to.to_key)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.id and not self.sku:
            refuse("id", "neither id nor sku is given", "Give the id or the sku of the product to change.")

    @property
    def changes(self) -> dict[str, object]:
        """The fields to change, without the one that finds the product."""
        key = "id" if self.id else "sku"
        return {name: value for name, value in self._body.items() if name != key}


@attrs.frozen(kw_only=True, field_transformer=to.named)
class PriceAdjustment:
    """A change of price relative to the old one.

    Args:
        type: ``percentage`` or ``fixed``.
        value: -20 with ``percentage`` is 20 % less; -2.50 with ``fixed`` is 2.50 of the shop's currency less.

    Raises:
        InvalidInputError: More than 100 % less, or the value is not an exact number.
    """

    PERCENTAGE: ClassVar[str] = "percentage"
    FIXED: ClassVar[str] = "fixed"

    type: str = attrs.field(converter=to.to_word)
    value: Decimal = attrs.field(converter=to.money)

    def __attrs_post_init__(self) -> None:
        if self.type == self.PERCENTAGE and self.value < _WHOLE:
            refuse("value", f"{self.value} % makes every price negative", "Give -100 or more.")

    @classmethod
    def percentage(cls, value: Money) -> "PriceAdjustment":
        """Percent of the old price.

        Args:
            value: -20 is 20 % less.
        """
        return cls(type=cls.PERCENTAGE, value=value)

    @classmethod
    def fixed(cls, value: Money) -> "PriceAdjustment":
        """A fixed amount.

        Args:
            value: In the shop's currency; negative is less.
        """
        return cls(type=cls.FIXED, value=value)


def _to_adjustment(
    value: PriceAdjustment | UnsetType, field: to.Field | None = None
) -> PriceAdjustment | UnsetType:
    given = cast("object", value)
    if isinstance(given, Mapping):
        return structure(cast("Mapping[str, object]", given), PriceAdjustment)
    if not isinstance(given, PriceAdjustment | UnsetType):
        refuse(
            field.name if field else "price_adjustment",
            f"expected a PriceAdjustment, got {given!r:.60}",
            "Give PriceAdjustment.percentage(-20) or PriceAdjustment.fixed('-2.50').",
        )
    return given


@attrs.frozen(kw_only=True, repr=False, field_transformer=to.named)
class Updates(Change):
    """What a bulk job changes on every product it is about. A field left out stays as it is; None clears it.

    Args:
        title: At least three characters.
        handle: The name in the shop's web addresses.
        vendor: Who makes it.
        product_type: The shop's own classification.
        category: Category.
        status: ``active``, ``draft`` or ``archived``.
        tags: All labels; they replace the ones that are there.
        price: In the shop's currency.
        compare_at_price: In the shop's currency.
        cost: In the shop's currency.
        inventory_quantity: Pieces in stock.
        custom_fields: Fields that the shop defined.
        options: Names and values of the options.
        barcode: EAN, UPC, ISBN …
        price_adjustment: A change relative to each product's old price.

    Raises:
        InvalidInputError: A value cannot be sent as it is, nothing is to be changed, or both ``price`` and
            ``price_adjustment`` are given.
    """

    price_adjustment: PriceAdjustment | UnsetType = attrs.field(default=UNSET, converter=_to_adjustment)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.price is not UNSET and self.price_adjustment is not UNSET:
            refuse("price_adjustment", "it contradicts price", "Give price or price_adjustment, not both.")
        if not self.changes:
            refuse("updates", "nothing is to be changed", "Give at least one field.")

    @property
    def changes(self) -> dict[str, object]:
        """The fields to change."""
        return dict(self._body)


@attrs.frozen(kw_only=True, repr=False, field_transformer=to.named)
class ProductCreate(Change):
    """A new product.

    Args:
        sku: Stock keeping unit: text, leading zeros count.
        title: At least three characters.
        handle: The name in the shop's web addresses; the server makes one when it is left out.
        vendor: Who makes it.
        product_type: The shop's own classification.
        category: Category.
        status: ``active``, ``draft`` or ``archived``.
        tags: Labels.
        price: In the shop's currency.
        compare_at_price: In the shop's currency.
        cost: In the shop's currency.
        inventory_quantity: Pieces in stock.
        custom_fields: Fields that the shop defined.
        options: Names and values of the options.
        barcode: EAN, UPC, ISBN …

    Raises:
        InvalidInputError: A value cannot be sent as it is.
    """

    sku: str = attrs.field(converter=to.to_word)
    title: str = attrs.field(converter=to.to_word)


__all__ = ["PriceAdjustment", "ProductCreate", "ProductUpdate", "Updates"]

"""Which fields there are, and what each holds: for checks, pushdown, and reading times out of text."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from bulkeditor.errors import FieldError, InvalidInputError

KINDS: Final = ("text", "number", "integer", "time", "flag", "list", "object")
"""What a field may hold."""


def _frozen(fields: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(fields))


@attrs.frozen(kw_only=True)
class Schema:
    """The fields of one kind of row.

    Args:
        name: What a row is, for messages (``product``).
        fields: Field names and the kind of value each holds: ``text``, ``number``, ``integer``, ``time``,
            ``flag``, ``list`` (of text) or ``object`` (its entries are reached by dotted names).

    Raises:
        InvalidInputError: A kind is none of these.
    """

    name: str
    fields: Mapping[str, str] = attrs.field(converter=_frozen)

    def __attrs_post_init__(self) -> None:
        for field, kind in self.fields.items():
            if kind not in KINDS:
                raise InvalidInputError(
                    f"{field}: a {self.name} cannot hold {kind!r}.", hint=f"Use one of {', '.join(KINDS)}."
                )

    def problem(self, field: str, *, otherwise: str = "") -> FieldError | None:
        """What is wrong with a field's name; None when it is known.

        Args:
            field: The name, dotted below an ``object`` field.
            otherwise: Advice where no known name resembles it.
        """
        column, dot, entry = field.partition(".")
        kind = self.fields.get(column)
        if kind is None:
            guess = difflib.get_close_matches(column, self.fields, n=1)
            advice = f"did you mean {guess[0] + dot + entry!r}?" if guess else otherwise
            message = f"a {self.name} has no field {column!r}{'; ' if advice else ''}{advice}"
        elif dot and kind != "object":
            message = f"{column!r} has no entries to name after a dot"
        elif dot and not entry:
            message = f"a name is missing after the dot of {field!r}"
        else:
            return None
        return FieldError(field=field, message=message, code="unknown_field")


PRODUCT_SCHEMA: Final = Schema(
    name="product",
    fields={
        "id": "text",
        "sku": "text",
        "title": "text",
        "handle": "text",
        "vendor": "text",
        "product_type": "text",
        "category": "text",
        "status": "text",
        "tags": "list",
        "price": "number",
        "compare_at_price": "number",
        "cost": "number",
        "inventory_quantity": "integer",
        "custom_fields": "object",
        "options": "object",
        "barcode": "text",
        "created_at": "time",
        "updated_at": "time",
    },
)
"""The fields of a product."""

__all__ = ["PRODUCT_SCHEMA", "Schema"]

"""The rows of an update as they were given, made ready to be sent one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

import attrs

from bulkeditor.api._check import check_update
from bulkeditor.api._compare import differences
from bulkeditor.api._outcomes import OutcomeStatus, RowOutcome
from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import UNSET, Product, ProductUpdate, encode, structure

Given = ProductUpdate | Mapping[str, object]

_NAMES: Final = frozenset(field.name for field in attrs.fields(ProductUpdate) if field.init)


@attrs.define(eq=False)
class Row:
    """One row on its way: what was given, what is sent, and what became of it.

    Args:
        index: Place among the rows given.
        given: What was given.
        id: The product, once known.
        sku: The SKU that it was given by.
        wanted: Values by field that the product shall hold afterwards.
        content: The row as it is sent.
        clears: Whether the custom fields are to be emptied: merging an empty object in would change nothing.
        outcome: What became of it.
        verify: Whether the product must be read afterwards whatever the reply says.
        held: The product as it was read last, after the row had been sent.
        repeated: Whether the reply is to a repeat: the row may have been written by a request before it.
    """

    index: int
    given: Given
    id: str | None = None
    sku: str | None = None
    wanted: dict[str, object] = attrs.field(factory=dict)
    content: bytes = b""
    clears: bool = False
    outcome: RowOutcome | None = None
    verify: bool = False
    held: Product | None = None
    repeated: bool = False

    def differences(self, product: Product) -> list[FieldError]:
        """Where a product is not as the row wants it; empty when it is."""
        return differences(self.wanted, product)

    def overtaken(self, product: Product) -> bool:  # noqa: ARG002 - for rows that know what they saw
        """Whether somebody else has changed the product since, so that it must not be sent again."""
        return False

    def end(
        self,
        status: OutcomeStatus,
        *,
        code: str | None = None,
        message: str | None = None,
        errors: Iterable[FieldError] = (),
        verified: bool = False,
    ) -> None:
        """Set what became of the row."""
        self.outcome = RowOutcome(
            index=self.index,
            status=status,
            id=self.id,
            sku=self.sku,
            code=code,
            message=message,
            errors=tuple(errors),
            verified=verified,
            row=self.given,
        )

    @property
    def open(self) -> bool:
        """Whether it is still to be sent."""
        return self.outcome is None

    def freeze(self) -> None:
        """Encode the row as it will be sent; one that JSON cannot hold fails alone."""
        cleared = {"custom_fields": None} if self.clears else {}
        try:
            self.content = encode({"id": self.id, **self.wanted, **cleared})
        except InvalidInputError as error:
            self.end("failed", code="not_json", message=str(error))


def read_rows(rows: Iterable[object], *, verify: bool) -> list[Row]:
    """Check each row; a bad one gets its outcome here, the others go on.

    Args:
        rows: Updates or mappings.
        verify: Whether every product is read afterwards.

    Raises:
        InvalidInputError: ``rows`` is one row instead of a list of them.
    """
    if not _many(rows):
        raise InvalidInputError(
            f"update takes a list of rows, got one {type(rows).__name__}.", hint="Write [row]."
        )
    return [_read(index, given, verify=verify) for index, given in enumerate(rows)]


def _many(rows: object) -> bool:
    return isinstance(rows, Iterable) and not isinstance(rows, str | bytes | Mapping | ProductUpdate)


def _read(index: int, given: object, *, verify: bool) -> Row:
    row = Row(index, cast("Given", given))
    try:
        update = _update(given)
        check_update(update)
    except InvalidInputError as error:
        row.id, row.sku = _named(given, "id"), _named(given, "sku")
        errors = error.errors or (FieldError(message=error.message),)
        row.end(
            "failed", code=errors[0].code, message="; ".join(item.message for item in errors), errors=errors
        )
        return row
    row.id = update.id or None
    row.sku = update.sku or None
    row.wanted = dict(update.changes)
    row.verify = verify or bool(row.wanted.keys() & {"tags", "custom_fields"})
    if not row.wanted:
        row.end(
            "skipped", code="nothing_to_change", message="The row names a product and no field to change."
        )
    return row


def _update(given: object) -> ProductUpdate:
    if isinstance(given, ProductUpdate):
        return given
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"a row must be a ProductUpdate or a mapping, got {type(given).__name__}.")
    row = cast("Mapping[str, object]", given)
    if not _NAMES.issuperset(row):
        return structure(row, ProductUpdate)  # it names what is unknown, and the nearest known name
    try:
        return ProductUpdate(**{name: value for name, value in row.items() if value is not UNSET})  # type: ignore[arg-type]  # converters check each value
    except InvalidInputError:
        # The constructor stops at the first problem; this names them all.
        return structure(row, ProductUpdate)


def _named(given: object, name: str) -> str | None:
    value: object = None
    if isinstance(given, Mapping):
        value = cast("Mapping[str, object]", given).get(name)
    elif isinstance(given, ProductUpdate):
        value = getattr(given, name)
    return value if isinstance(value, str) else None


__all__ = ["Given", "Row", "read_rows"]

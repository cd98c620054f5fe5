"""Check rows by the product's rules before they are sent."""

from __future__ import annotations

from collections.abc import Sequence

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import ProductCreate, ProductUpdate, Updates
from bulkeditor.models.validation import validate_create, validate_update


def check_update(changes: ProductUpdate | Updates) -> None:
    """Refuse changes that the server would refuse.

    Raises:
        InvalidInputError: One entry in ``errors`` for each problem.
    """
    _refuse(validate_update(changes))


def check_create(product: ProductCreate) -> None:
    """Refuse a new product that the server would refuse.

    Raises:
        InvalidInputError: One entry in ``errors`` for each problem.
    """
    _refuse(validate_create(product))


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise InvalidInputError("; ".join(map(str, errors)), errors=errors)


__all__ = ["check_create", "check_update"]

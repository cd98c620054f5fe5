"""What a caller gives as a filter, as a condition and as the query parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from bulkeditor.api._request import refused
from bulkeditor.models import encode
from bulkeditor.query import Condition


def condition_of(given: object) -> Condition | None:
    """A filter as a condition, its names checked; ``None`` for none, and for an empty one.

    Args:
        given: A condition, the API's JSON filter as a mapping, or ``None``.

    Raises:
        InvalidInputError: It is something else, malformed, or names a field that products do not have.
    """
    if given is None:
        return None
    if isinstance(given, Condition):
        condition = given
    elif isinstance(given, Mapping):
        if not given:
            return None
        condition = Condition.from_filter(cast("Mapping[str, object]", given))
    else:
        problem = f"must be a condition (F.vendor == 'X') or an object ({{'vendor': 'X'}}), got {given!r}"
        raise refused("filter", problem, code="invalid_filter")
    condition.check()
    return condition


def filter_param(pushed: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """The ``filter`` query parameter; none when nothing is to be filtered."""
    return (("filter", encode(pushed).decode()),) if pushed else ()


__all__ = ["condition_of", "filter_param"]

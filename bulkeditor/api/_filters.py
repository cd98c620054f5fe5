"""What a caller gives as a filter, as a condition and as the query parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, cast

from bulkeditor.api._request import refused
from bulkeditor.models import encode
from bulkeditor.query import Condition, parse_condition

Filter: TypeAlias = Condition | Mapping[str, object] | str
"""A condition (``F.vendor == "X"``), the API's JSON filter (``{"vendor": "X"}``), or a condition's text."""


def condition_of(given: object) -> Condition | None:
    """A filter as a condition, its names checked; ``None`` for none, and for an empty one.

    Args:
        given: A condition, its text, the API's JSON filter as a mapping, or ``None``.

    Raises:
        InvalidInputError: It is something else, malformed, or names a field that products do not have.
    """
    if given is None:
        return None
    if isinstance(given, Condition):
        condition = given
    elif isinstance(given, str):
        condition = parse_condition(given)
    elif isinstance(given, Mapping):
        if not given:
            return None
        condition = Condition.from_filter(cast("Mapping[str, object]", given))
    else:
        problem = (
            "must be a condition (F.vendor == 'X'), its text ('vendor = \"X\"') "
            f"or an object ({{'vendor': 'X'}}), got {given!r:.60}"
        )
        raise refused("filter", problem, code="invalid_filter")
    condition.check()
    return condition


def filter_param(pushed: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """The ``filter`` query parameter; none when nothing is to be filtered."""
    return (("filter", encode(pushed).decode()),) if pushed else ()


__all__ = ["Filter", "condition_of", "filter_param"]

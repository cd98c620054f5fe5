"""A sequence in parts, for systems that take only so much at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(values: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """The values in parts, in their order.

    Args:
        values: The values.
        most: How many a part holds at most.
    """
    for start in range(0, len(values), most):
        yield values[start : start + most]


__all__ = ["chunks"]

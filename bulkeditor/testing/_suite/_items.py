"""The items of the suite: each test belongs to one, and an item can be declared absent with a reason."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import pytest

from bulkeditor.testing._modes import MODES

T = TypeVar("T", bound=Callable[..., None])

ITEMS: Final = (
    "config",
    "check",
    "both_modes",
    "incremental",
    "ties",
    "repeated_page",
    "empty_page",
    "throttle",
    "expiry",
    "partial_batch",
    "timeout",
    "resume",
    "unchanged",
    "tombstones",
    "secrets",
    "ledger",
    "exact_values",
    "by_key",
)
"""What the suite looks at; where a system lacks one, ``absent`` says why."""


def item(name: str) -> Callable[[T], T]:
    """Say which item a test belongs to; one that takes a ``mode`` runs in both.

    Args:
        name: One of :data:`ITEMS`.
    """
    assert name in ITEMS, name

    def mark(test: T) -> T:
        @functools.wraps(test)
        def run(self: Any, *args: Any, **kwargs: Any) -> None:
            self.need(name)
            test(self, *args, **kwargs)

        run.item = name  # type: ignore[attr-defined]  # read by those who run one item alone
        if "mode" in inspect.signature(test).parameters:
            return cast("T", pytest.mark.parametrize("mode", MODES)(run))
        return cast("T", run)

    return mark


__all__ = ["ITEMS", "item"]

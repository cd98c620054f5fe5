"""What a connector declares of its system: limits, capabilities, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

import attrs

from bulkeditor.connectors._types import Action
from bulkeditor.errors import ConfigurationError
from bulkeditor.http import RateLimit

Deletions: TypeAlias = Literal["none", "tombstones", "full_scan"]
"""How deletions become known: not at all; the system names them; a complete scan no longer finds them."""

CursorOrder: TypeAlias = Literal["ascending", "none"]
"""Whether a read comes in the order of the cursor."""

NO_ACTIONS: Final[Mapping[int | str, Action]] = MappingProxyType({})
NO_TIME: Final = timedelta()


DIRECTIONS: Final = ("bidirectional", "inbound", "outbound")
FREQUENCIES: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "realtime": timedelta(),
        "every_minute": timedelta(minutes=1),
        "every_5_minutes": timedelta(minutes=5),
        "every_15_minutes": timedelta(minutes=15),
        "every_30_minutes": timedelta(minutes=30),
        "hourly": timedelta(hours=1),
        "every_6_hours": timedelta(hours=6),
        "every_12_hours": timedelta(hours=12),
        "daily": timedelta(days=1),
        "weekly": timedelta(days=7),
    }
)


def one_of(what: str, value: object, choices: Collection[str]) -> None:
    """Refuse a declaration that is none of its choices.

    Raises:
        ConfigurationError: It is none of them; the text names them.
    """
    if value not in choices:
        raise ConfigurationError(f"{what} is {value!r:.60}; choose from {', '.join(choices)}.")


def ensure_declared(name: str, order: object, refusals: Mapping[int | str, object]) -> None:
    """Refuse a connector class whose declarations are misspelt.

    Args:
        name: The class, for the text.
        order: Its ``cursor_order``.
        refusals: Its ``refusals``.

    Raises:
        ConfigurationError: One is none of its choices.
    """
    one_of(f"{name}.cursor_order", order, get_args(CursorOrder))
    for code, action in refusals.items():
        one_of(f"{name}.refusals[{code!r}]", action, get_args(Action))


def _names(given: Collection[str]) -> frozenset[str]:
    return frozenset((given,) if isinstance(given, str) else given)


@attrs.frozen(kw_only=True)
class Limits:
    """What a system allows.

    Args:
        rate: Requests in a time.
        concurrency: Requests at once.
        batch_size: Changes in one request; 1 = each change is a request of its own.
        batch_bytes: Bytes of one request's body.
        page_size: Rows of a page.
    """

    rate: RateLimit | None = None
    concurrency: int = 10
    batch_size: int = 1
    batch_bytes: int | None = None
    page_size: int | None = None


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a system can do, beyond the fields that ``reads`` and ``writes`` name.

    Args:
        by_key: ``read`` observes ``query.keys``: then unknown outcomes are settled by reading, and unchanged
            and conflicting writes are found before they are sent.
        create: A change to a key that is not there makes a new record.
        delete: Records can be deleted.
        deletions: How deletions become known.
        delta: Fields of ours that are moved by a difference.
        per_location: Fields of ours that are kept for each place.
        compare_and_swap: Fields of ours whose ``expected`` value the system itself compares as it writes.
        purchase_orders: ``create_purchase_order`` is there.
        idempotent: A write that carries ``batch.idempotency_key`` can be sent again without a second effect.
    """

    by_key: bool = False
    create: bool = False
    delete: bool = False
    deletions: Deletions = "none"
    delta: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    per_location: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    compare_and_swap: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    purchase_orders: bool = False
    idempotent: bool = False

    def __attrs_post_init__(self) -> None:
        one_of("Capabilities.deletions", self.deletions, get_args(Deletions))


__all__ = [
    "DIRECTIONS",
    "FREQUENCIES",
    "NO_ACTIONS",
    "NO_TIME",
    "Capabilities",
    "CursorOrder",
    "Deletions",
    "Limits",
    "ensure_declared",
    "one_of",
]

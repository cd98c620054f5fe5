"""Stock at several places: which of them count, and how they become one number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

import attrs

from bulkeditor.connectors._types import StockLevel
from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import structure

TotalRule: TypeAlias = Literal["sum_all_locations"]
AvailableRule: TypeAlias = Literal["exclude_reserved"]


@attrs.frozen(kw_only=True)
class LocationRule:
    """One place in a configuration.

    Args:
        id: Its id.
        name: Its name, for people.
        sync_enabled: Whether its stock counts.
    """

    id: str
    name: str = ""
    sync_enabled: bool = True


@attrs.frozen(kw_only=True)
class SyncRules:
    """How the stock of several places becomes one number.

    Args:
        total_inventory: ``sum_all_locations``: the sum of what lies on hand at every enabled place.
        available_inventory: ``exclude_reserved``: what lies on hand, less what is reserved.
    """

    total_inventory: TotalRule = "sum_all_locations"
    available_inventory: AvailableRule = "exclude_reserved"


@attrs.frozen(kw_only=True)
class MultiLocation:
    """The documented JSON of multi-location inventory.

    Args:
        locations: The places.
        sync_rules: How they become one number.
    """

    locations: tuple[LocationRule, ...]
    sync_rules: SyncRules = attrs.field(factory=SyncRules)

    def __attrs_post_init__(self) -> None:
        ids = [rule.id for rule in self.locations]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            message = f"{', '.join(map(repr, twice))} is there more than once"
            raise InvalidInputError(
                f"locations: {message}.", errors=[FieldError(field="locations", message=message)]
            )

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> MultiLocation:
        """Read the JSON as it stands.

        Args:
            config: ``{"locations": […], "sync_rules": {…}}``.

        Raises:
            InvalidInputError: Keys are unknown or missing, or values cannot work; each is named.
        """
        return structure(dict(config), cls)

    def counts(self, location: str) -> bool:
        """Whether the stock of a place counts; one that is not configured does not."""
        return any(rule.id == location and rule.sync_enabled for rule in self.locations)

    def total(self, levels: Iterable[StockLevel]) -> Decimal:
        """Pieces on hand at all places that count.

        Args:
            levels: Stock at each place.
        """
        return sum((level.on_hand or Decimal() for level in levels if self.counts(level.location)), Decimal())

    def available(self, levels: Iterable[StockLevel]) -> Decimal:
        """Pieces left to sell at all places that count: on hand, less reserved.

        A place that only says what is available is taken at its word.

        Args:
            levels: Stock at each place.
        """
        return sum((_available(level) for level in levels if self.counts(level.location)), Decimal())


def _available(level: StockLevel) -> Decimal:
    if level.on_hand is None:
        return level.available or Decimal()
    return level.on_hand - (level.reserved or Decimal())


__all__ = ["LocationRule", "MultiLocation", "SyncRules"]

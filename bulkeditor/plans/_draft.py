"""A product while rules work on it: what the shop holds, and what the rules made of it so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, cast

from bulkeditor.errors import NotLoadedError
from bulkeditor.models import JSON, UNSET, Product
from bulkeditor.plans._amounts import decimals_of, rounded
from bulkeditor.plans._exact import column_of, column_value
from bulkeditor.plans._rows import Value

_MIN_PLACES: Final = 2
_MAX_PLACES: Final = 6


class Draft(Mapping[str, Value]):
    """The fields of one product by name, as rules and guards see them. Immutable.

    ``row["price"]`` is a Decimal or None; a field that the server left out is None (``tags`` is ``[]``,
    ``custom_fields`` is ``{}``). ``row["custom_fields.season"]`` is UNSET where there is no such entry.

    Args:
        values: The fields by name.
        original: What the shop holds; None = these values.
        places: Decimals of the shop's currency; None = not known.
    """

    __slots__ = ("_values", "original", "places")

    def __init__(
        self, values: Mapping[str, Value], original: Draft | None = None, places: int | None = None
    ) -> None:
        self._values = values
        self.original: Draft = self if original is None else original
        self.places = places

    @classmethod
    def of(cls, product: Product, columns: frozenset[str], places: int | None = None) -> Draft:
        """A product as it was read.

        Args:
            product: The product.
            columns: Names of the fields that rules may read.
            places: Decimals of the currency, where it is known.
        """
        return cls({name: column_value(product, name) for name in columns}, places=places)

    def __getitem__(self, name: str) -> Value:
        try:
            return self._values[name]
        except KeyError:
            column, dot, entry = name.partition(".")
            if not dot or column not in self._values:
                raise NotLoadedError(column, model="row") from None
        return cast("Mapping[str, Value]", self._values[column]).get(entry, UNSET)

    def __contains__(self, name: object) -> bool:
        """Whether a field was loaded; an entry is there with its column, absent or not."""
        return isinstance(name, str) and column_of(name) in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def amount(self, name: str) -> Decimal | None:
        """A field that holds money.

        Args:
            name: ``price``, ``compare_at_price`` or ``cost``.

        Returns:
            The amount; None when it is blank, or is none.
        """
        value = self[name]
        return value if isinstance(value, Decimal) else None

    def rounded(self, amount: Decimal, like: Decimal | None = None) -> Decimal:
        """An amount as a price of this shop, rounded half up.

        Args:
            amount: Any amount.
            like: A price whose decimals count where the currency is not known.

        Returns:
            It, with as many decimals as the currency has. Without a currency: as many as ``like``, at least
            two and at most six; that is how the server rounds.
        """
        return rounded(amount, self.places_like(like))

    def places_like(self, like: Decimal | None = None) -> int:
        """How many decimals a price gets; see :meth:`rounded`."""
        if self.places is not None:
            return self.places
        return min(_MAX_PLACES, max(_MIN_PLACES, 0 if like is None else decimals_of(like)))

    def changed(self, changes: Mapping[str, Value]) -> Draft:
        """The product with some fields changed.

        Args:
            changes: Values by field name; UNSET under a dotted name takes the entry away.
        """
        values = dict(self._values)
        for name, value in changes.items():
            column, dot, entry = name.partition(".")
            if not dot:
                values[name] = value
                continue
            entries = dict(cast("Mapping[str, JSON]", values[column]))
            if value is UNSET:
                entries.pop(entry, None)
            else:
                entries[entry] = value
            values[column] = entries
        return Draft(values, self.original, self.places)

    def __repr__(self) -> str:
        return f"<Draft of {self._values.get('id', '?')}>"


__all__ = ["Draft"]

"""How the demo checks the job: which rows it may touch, and what each must hold afterwards.

Nothing here asks the client or the server what the new price is: it is computed a third time, exactly.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from bulkeditor import Condition, Product

Equalities = dict[str, str]
"""A filter of nothing but ANDed equalities: what every server is able to evaluate."""

DEMO_FILTER: Equalities = {"product_type": "T-Shirt", "vendor": "Premium Brand"}
_MARKS = ("vendor", "product_type")
_OTHER_MARKS = ("category", "status")
SURVEYED = ("price", *_MARKS, *_OTHER_MARKS)
"""The fields that a survey reads."""
# The job's own traces; everything else about a row must stay as it was.
_MAY_CHANGE = frozenset({"price", "updated_at"})


@attrs.define
class Survey:
    """What one listing of the catalog tells: how many rows, and how they group.

    Args:
        total: Rows.
        unpriced: Rows without a price, which no percentage can change.
        groups: Rows with a price above zero, by (vendor, product_type).
        others: The same rows by category and by status, for catalogs that know neither vendor nor type.
    """

    total: int = 0
    unpriced: int = 0
    groups: Counter[tuple[str | None, str | None]] = attrs.field(factory=Counter)
    others: dict[str, Counter[str]] = attrs.field(
        factory=lambda: {mark: Counter[str]() for mark in _OTHER_MARKS}
    )

    def add(self, product: Product) -> None:
        """Count one row."""
        self.total += 1
        if product.price is None:
            self.unpriced += 1
        elif product.price > 0:
            self.groups[product.vendor or None, product.product_type or None] += 1
            for mark, counter in self.others.items():
                counter[getattr(product, mark) or ""] += 1

    def choose(self) -> Equalities | None:
        """The filter for the largest group that plain equalities can express.

        A blank cannot be told by equality, so a group with one blank is asked for by its other mark, and
        one with neither by category, or by status at last. ``None`` when no row has a price to change.
        """
        if (
            all(value in self._values(mark) for mark, value in DEMO_FILTER.items())
            and (self.groups[DEMO_FILTER["vendor"], DEMO_FILTER["product_type"]])
        ):
            return dict(DEMO_FILTER)
        # By size, then by name, so that one catalog always gives one filter.
        ranked = sorted(self.groups.items(), key=lambda item: (-item[1], str(item[0])))
        for group, _ in ranked:
            named = {mark: value for mark, value in zip(_MARKS, group, strict=True) if value}
            if named:
                return named
        for mark, counter in self.others.items():
            value = max(
                (name for name in counter if name), key=lambda name: (counter[name], name), default=None
            )
            if value:
                return {mark: value}
        return None

    def _values(self, mark: str) -> set[str | None]:
        return {group[_MARKS.index(mark)] for group in self.groups}


@attrs.frozen
class Row:
    """What is kept of a row that the job may change: little enough for a large group.

    Args:
        id: The product.
        sku: Its SKU.
        title: Its title.
        price: Its price.
        rest: Digest of every other field, except when it was updated.
    """

    id: str
    sku: str
    title: str
    price: Decimal | None
    rest: bytes


@attrs.frozen
class Snapshot:
    """The catalog at one moment: rows inside the filter, and a fingerprint of all the others.

    Args:
        inside: Rows that the filter takes, by id.
        outside: How many it does not take.
        fingerprint: Sum of the digests of those, so that neither order nor memory matters.
    """

    inside: dict[str, Row]
    outside: int
    fingerprint: int


def take_snapshot(products: Iterable[Product], condition: Condition) -> Snapshot:
    """Read the whole catalog once; rows outside the filter are not kept.

    Args:
        products: All rows, each with all its fields.
        condition: What the job's filter takes, evaluated here and not by the server.
    """
    inside: dict[str, Row] = {}
    outside = fingerprint = 0
    for product in products:
        if condition.matches(product):
            inside[product.id] = Row(
                product.id, product.sku, product.title, product.price, _digest(product, _MAY_CHANGE)
            )
        else:
            outside += 1
            fingerprint += int.from_bytes(_digest(product, frozenset()), "big")
    return Snapshot(inside, outside, fingerprint)


def _digest(product: Product, without: frozenset[str]) -> bytes:
    content = sorted((name, value) for name, value in product.to_dict().items() if name not in without)
    return hashlib.blake2b(repr(content).encode(), digest_size=16).digest()


def exact_price(before: Decimal, percent: Decimal) -> Decimal:
    """The price after a change of ``percent``, not rounded: ``before * (100 + percent) / 100``."""
    return (before * (100 + percent)).scaleb(-2)


def minor_unit(price: Decimal) -> Decimal:
    """The smallest step of a price as it is written: a cent, or finer where it has more decimals."""
    exponent = price.as_tuple().exponent
    return Decimal(1).scaleb(min(-2, exponent if isinstance(exponent, int) else 0))


@attrs.frozen
class Verdict:
    """What the comparison of two snapshots says.

    Args:
        changed: Rows whose new price is the exact one within one minor unit.
        kept: Rows that rightly stayed as they were: without a price, or too cheap for a change to show.
        wrong: A sentence for each row that does not hold.
        outside_intact: Whether all rows outside the filter are what they were.
    """

    changed: int
    kept: int
    wrong: tuple[str, ...]
    outside_intact: bool


def compare(before: Snapshot, after: Snapshot, percent: Decimal) -> Verdict:
    """Judge every row of the catalog after a price job.

    Args:
        before: Taken before the job.
        after: Taken after it.
        percent: What the job was asked to do: -20 means 20 % off.
    """
    changed = kept = 0
    wrong = [f"{row.sku}: was not in the filter before" for row in _new(before, after)]
    for row in before.inside.values():
        problem = _problem(row, after.inside.get(row.id), percent)
        if problem:
            wrong.append(f"{row.sku}: {problem}")
        elif after.inside[row.id].price == row.price:
            kept += 1
        else:
            changed += 1
    intact = (before.outside, before.fingerprint) == (after.outside, after.fingerprint)
    return Verdict(changed, kept, tuple(wrong), intact)


def _new(before: Snapshot, after: Snapshot) -> Iterator[Row]:
    return (row for id_, row in after.inside.items() if id_ not in before.inside)


def _problem(before: Row, after: Row | None, percent: Decimal) -> str | None:
    if after is None:
        return "is gone"
    if after.rest != before.rest:
        return "a field other than the price changed"
    if before.price is None or after.price is None:
        return None if before.price is after.price else f"{before.price} became {after.price}"
    return _wrong_price(before.price, after.price, percent)


def _wrong_price(before: Decimal, after: Decimal, percent: Decimal) -> str | None:
    exact, unit = exact_price(before, percent), minor_unit(before)
    if after == before and abs(exact - before) > unit / 2:
        return f"is unchanged at {before}; {exact.normalize():f} was due"
    if abs(after - exact) > unit:
        return f"{before} became {after}; {exact.normalize():f} was due"
    return None

"""A restore, which is a plan: where the shop differs from a backup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import attrs

from bulkeditor.api._filters import Filter, condition_of
from bulkeditor.api._lists import Listing
from bulkeditor.api._paging import Walk
from bulkeditor.api._request import name_list
from bulkeditor.api.products import listing, matches
from bulkeditor.errors import PlanError
from bulkeditor.models import JSON, Product
from bulkeditor.plans._backup import Backup
from bulkeditor.plans._build import Planned, rows_between
from bulkeditor.plans._document import PlanDocument
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._exact import CUSTOM
from bulkeditor.plans._gather import Gathering, Origin
from bulkeditor.plans._planner import SHOWN
from bulkeditor.plans._rows import PlanRow, SkippedRow
from bulkeditor.plans._values import check_fields


class Restorer:
    """Reads nothing itself: it says what to list, and takes the shop's products page by page.

    Args:
        backup: What the shop shall be like again.
        fields: Names of the fields to bring back; ``None`` = all that the file holds.
        filter: Which products, as they are in the shop now; where one is not there any more, as in the file.
        shop: The shop's address.
        any_shop: Take a backup of another shop.

    Raises:
        InvalidInputError: A field or the filter is wrong; the text names it.
        PlanError: The backup is of another shop.
    """

    def __init__(
        self,
        backup: Backup,
        *,
        fields: Iterable[str] | None,
        filter: Filter | None,  # noqa: A002 - the API's own name
        shop: str,
        any_shop: bool = False,
    ) -> None:
        if backup.shop is not None and backup.shop != shop and not any_shop:
            raise PlanError(
                f"{backup.name} is a backup of {backup.shop}, not of {shop}.",
                hint="Pass any_shop=True if both are the same shop: products must have the same ids.",
            )
        self._backup = backup
        self._left = dict(backup.products)
        self._names = _chosen(backup, fields)
        self._condition = condition_of(filter)
        self._gathering = Gathering()

    @property
    def listing(self) -> Listing[Product]:
        """What to read: the whole list, because only that tells what is not there any more."""
        needed = () if self._condition is None else self._condition.columns
        columns = {name.partition(".")[0] for name in self._names}
        return listing(fields=sorted(SHOWN.union(columns, needed)))

    def take(self, products: Iterable[Product]) -> None:
        """Compare some products of the shop."""
        for product in products:
            wanted = self._left.pop(product.id, None)
            if self._condition is not None and not matches(self._condition, product):
                continue
            if wanted is None:
                reason = "It is not in the backup; it stays as it is."
                self._gathering.skip(_skipped(product, "not_in_backup", reason))
                continue
            self._gathering.add(Planned(rows=list(self._compare(product, wanted))))

    def document(self, walk: Walk[Product], origin: Origin) -> PlanDocument:
        """The plan, once everything was read; the arguments are those of the planner's."""
        listed = {problem.id for problem in walk.problems}
        for problem in self._backup.problems:
            self._gathering.note(problem)
        for wanted in self._left.values():
            if wanted.id in listed or not (self._condition is None or matches(self._condition, wanted)):
                continue
            reason = "It is in the backup and not in the shop; nothing is created."
            if walk.missing:
                reason = "It is in the backup and was on no page of a list that changed while it was read."
            self._gathering.note(_skipped(wanted, "not_in_shop", reason))
        self._gathering.end(walk)
        return self._gathering.document(
            attrs.evolve(origin, title=origin.title or f"Restore of {self._backup.name}"),
            filter="" if self._condition is None else str(self._condition),
            updates=[f"as in {self._backup.name}"],
        )

    def _compare(self, product: Product, wanted: Product) -> Iterator[PlanRow]:
        # A field that one side could not read is no field that differs.
        readable = [name for name in self._names if _readable(product, wanted, name)]
        columns = frozenset({name.partition(".")[0] for name in readable}) | SHOWN
        before, after = Draft.of(product, columns), Draft.of(wanted, columns)
        names = [entry for name in readable for entry in _entries(name, before, after)]
        target = before.changed({name: after[name] for name in names})
        reason = (f"as in {self._backup.name}",)
        return rows_between(before, target, dict.fromkeys(names, reason))


def _skipped(product: Product, code: str, reason: str) -> SkippedRow:
    sku = cast("str | None", getattr(product, "sku", None))
    return SkippedRow(product=product.id, sku=sku, code=code, reason=reason)


def _chosen(backup: Backup, fields: Iterable[str] | None) -> tuple[str, ...]:
    if fields is None:
        return backup.columns
    names = name_list(fields, "fields", "field names")
    check_fields(names, "fields")
    for name in names:
        if name.partition(".")[0] not in backup.columns:
            raise PlanError(f"{backup.name} holds no {name.partition('.')[0]}.")
    return tuple(names)


def _readable(product: Product, wanted: Product, name: str) -> bool:
    column = name.partition(".")[0]
    # What the server leaves out is empty; what it sent and nobody could read stands in extra.
    there = column in product.loaded or column not in product.extra
    return there and column in wanted.loaded


def _entries(name: str, before: Draft, after: Draft) -> Iterable[str]:
    if name != CUSTOM:
        return (name,)
    both = {**cast("dict[str, JSON]", before[CUSTOM]), **cast("dict[str, JSON]", after[CUSTOM])}
    return (f"{CUSTOM}.{entry}" for entry in both)


__all__ = ["Restorer"]

"""A plan: what would change, in absolute values, and where it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs

from bulkeditor.errors import FieldError, GuardError, PlanError
from bulkeditor.plans._cells import safe
from bulkeditor.plans._guard import Violation
from bulkeditor.plans._rows import PlanRow, SkippedRow
from bulkeditor.plans._rule import Rule
from bulkeditor.plans._table import Column, Table, Tabular

if TYPE_CHECKING:
    from bulkeditor.plans._diff import PlanDiff

_SHOWN: Final = 10
_FEW: Final = 5


@attrs.frozen(kw_only=True)
class Counts:
    """Where the products that were read have gone: each is counted once.

    Args:
        planned: Products with at least one row.
        unchanged: Products that are as the rules want them.
        skipped: Products that the rules were about, and of which nothing changes; and rows that could not be
            read.
        moved: Rows that came twice because others changed the listing while it was read; not counted again.
        missing: Products that the server counts and that were on no page.
    """

    planned: int = 0
    unchanged: int = 0
    skipped: int = 0
    moved: int = 0
    missing: int = 0

    @property
    def read(self) -> int:
        """Rows that came: the sum of planned, unchanged and skipped."""
        return self.planned + self.unchanged + self.skipped


@attrs.frozen(kw_only=True, repr=False, str=False)
class PlanDocument(Tabular):
    """A plan, without a shop to apply it to.

    Args:
        id: Its identity; applying it twice is one run.
        shop: The address of the shop that it belongs to.
        created_at: When it was made: aware.
        filter: Which products, in words; empty = all.
        updates: The rules, in words.
        guards: The limits, in words.
        currency: The shop's currency, where it was given.
        title: What it is called.
        rows: What would change: one row for each field of each product.
        skipped: What the rules were about and did not change.
        violations: What guards object to; a plan that has any cannot be applied.
        counts: Where the products that were read have gone.
        rules: The rules themselves, to make the plan anew: ``shop.plan(filter=plan.filter,
            updates=plan.rules)``. Empty where there are none (a restore), or where the plan comes from a file
            and one of them is code of somebody's own.
    """

    id: str
    shop: str
    created_at: datetime
    filter: str = ""
    updates: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    currency: str | None = None
    title: str | None = None
    rows: tuple[PlanRow, ...] = ()
    skipped: tuple[SkippedRow, ...] = ()
    violations: tuple[Violation, ...] = ()
    counts: Counts = Counts()
    rules: tuple[Rule, ...] = attrs.field(default=(), eq=False)

    @property
    def by_field(self) -> Mapping[str, int]:
        """How many rows there are of each field, the most frequent first."""
        return MappingProxyType(dict(Counter(row.field for row in self.rows).most_common()))

    @property
    def problems(self) -> tuple[PlanRow, ...]:
        """Rows that the server is expected to refuse."""
        return tuple(row for row in self.rows if row.problem is not None)

    def table(self) -> Table:
        """Every row, with every column."""
        rows = self.rows
        return Table(
            (
                Column(name="product", cells=[row.product for row in rows], kind="code", rank=8),
                Column(name="sku", cells=[row.sku for row in rows], kind="code"),
                Column(name="title", cells=[row.title for row in rows], rank=6),
                Column(name="field", cells=[row.field for row in rows]),
                Column(name="before", cells=[row.before for row in rows], kind="value"),
                Column(name="after", cells=[row.after for row in rows], kind="value"),
                Column(name="reason", cells=[row.reason for row in rows], rank=5),
                Column(name="problem", cells=[_message(row) for row in rows], rank=4),
            )
        )

    def summary(self) -> Sequence[str]:
        """What stands above the rows, line by line."""
        fields = ", ".join(f"{count:,} {field}" for field, count in self.by_field.items())
        counts = self.counts
        parts = [
            f"{counts.planned:,} planned",
            f"{counts.unchanged:,} unchanged",
            f"{counts.skipped:,} skipped",
        ]
        lines = [
            f"{self.title or 'Plan'}: {len(self.rows):,} rows" + (f" ({fields})" if fields else ""),
            f"products: {counts.read:,} read = {' + '.join(parts)}",
        ]
        lines += [f"filter: {self.filter}"] if self.filter else []
        return [safe(line) for line in (*lines, *(f"update: {update}" for update in self.updates))]

    def remarks(self) -> Sequence[str]:
        """What stands below the rows, line by line."""
        lines = [
            *_first("expected to be refused", [f"{name_of(row)}: {_message(row)}" for row in self.problems]),
            *_first("skipped", [f"{row.sku or row.product or '?'}: {row.reason}" for row in self.skipped]),
            *_first("against the guards", list(map(str, self.violations))),
        ]
        if self.counts.moved:
            lines.append(f"came twice, because the listing changed while it was read: {self.counts.moved:,}")
        if self.counts.missing:
            lines.append(f"counted by the server and on no page: {self.counts.missing:,}")
        return [safe(line) for line in lines]

    def diff(self, other: PlanDocument) -> PlanDiff:
        """What is different in another plan.

        Args:
            other: The other plan, such as one of today.
        """
        from bulkeditor.plans._diff import compare  # noqa: PLC0415 - it stands above this module

        return compare(self, other)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the plan to a file: JSON with a checksum, exact amounts; whole or not at all.

        Args:
            path: The file, such as ``sale.plan.json``; one that is there is replaced.

        Raises:
            OSError: It cannot be written.
        """
        from bulkeditor.plans._file import write_plan  # noqa: PLC0415 - it stands above this module

        write_plan(self, path)

    @staticmethod
    def load(path: str | PathLike[str]) -> PlanDocument:
        """Read a plan that was saved; ``shop.load_plan(path)`` gives one that can be applied.

        Args:
            path: The file.

        Raises:
            PlanFileError: It is no plan, was edited or cut off, or was written by a newer version.
            OSError: It cannot be read.
        """
        from bulkeditor.plans._file import read_plan  # noqa: PLC0415 - it stands above this module

        return read_plan(path)

    def check_shop(self, shop: str) -> None:
        """Do nothing when the plan belongs to this shop.

        Args:
            shop: The shop's address.

        Raises:
            PlanError: It was made for another one.
        """
        if shop != self.shop:
            raise PlanError(
                f"The plan {self.id} was made for {self.shop}, not for {shop}.",
                hint="Make a plan of this shop; or load it with any_shop=True when both are the same shop.",
            )

    def raise_for_violations(self) -> None:
        """Do nothing when every guard is kept.

        Raises:
            GuardError: Some are not; the text names the first of them with their products and values.
        """
        if not self.violations:
            return
        lines = "".join(f"\n  {violation}" for violation in self.violations[:_SHOWN])
        more = len(self.violations) - _SHOWN
        lines += f"\n  … and {more} more\n" if more > 0 else "\n"
        raise GuardError(
            f"The plan violates its guards in {len(self.violations)} places:{lines}",
            errors=[
                FieldError(
                    field=".".join(filter(None, (violation.sku or violation.product, violation.field)))
                    or None,
                    message=f"{violation.guard}: {violation.message}",
                    code="guard",
                )
                for violation in self.violations
            ],
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}: {len(self.rows)} rows, {self.counts.planned} products>"


def name_of(row: PlanRow) -> str:
    """A row in a few words: its product and its field."""
    return f"{row.sku or row.product}.{row.field}"


def _message(row: PlanRow) -> str | None:
    return None if row.problem is None else row.problem.message


def _first(what: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  … and {len(lines) - _FEW:,} more"] if len(lines) > _FEW else []
    return [f"{len(lines):,} {what}:", *(f"  {line}" for line in lines[:_FEW]), *more]


__all__ = ["Counts", "PlanDocument", "name_of"]

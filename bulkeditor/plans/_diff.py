"""How two plans differ."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from bulkeditor.models import UNSET
from bulkeditor.plans._document import PlanDocument
from bulkeditor.plans._exact import identical
from bulkeditor.plans._rows import PlanRow, Value
from bulkeditor.plans._table import Column, Table, Tabular


@attrs.frozen(repr=False, str=False)
class PlanDiff(Tabular):
    """What is different in a second plan.

    Args:
        added: Rows that only the second has.
        removed: Rows that only the first has.
        changed: Rows of the same field of the same product with other values: the first's and the second's.
    """

    added: tuple[PlanRow, ...]
    removed: tuple[PlanRow, ...]
    changed: tuple[tuple[PlanRow, PlanRow], ...]

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.added or self.removed or self.changed)

    def table(self) -> Table:
        """Every difference, with every column."""
        rows: list[tuple[str, PlanRow | None, PlanRow | None]] = [
            *(("changed", old, new) for old, new in self.changed),
            *(("added", None, row) for row in self.added),
            *(("removed", row, None) for row in self.removed),
        ]
        shown = [row for _, old, new in rows if (row := old or new) is not None]
        first, second = [old for _, old, _ in rows], [new for _, _, new in rows]
        return Table(
            (
                Column(name="difference", cells=[what for what, _, _ in rows]),
                Column(name="product", cells=[row.product for row in shown], kind="code", rank=8),
                Column(name="sku", cells=[row.sku for row in shown], kind="code"),
                Column(name="field", cells=[row.field for row in shown]),
                _values("before", first, rank=5),
                _values("after", first),
                _values("new_before", second, rank=5),
                _values("new_after", second),
            )
        )

    def summary(self) -> Sequence[str]:
        """What stands above the rows, line by line."""
        sizes = (len(self.added), len(self.removed), len(self.changed))
        return ["{:,} rows added, {:,} removed, {:,} changed".format(*sizes)]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary()[0]}>"


def _values(name: str, rows: Sequence[PlanRow | None], *, rank: int = 0) -> Column:
    """Values of one plan's rows; absent where it has none."""
    attribute = name.removeprefix("new_")
    cells: list[Value] = [UNSET if row is None else getattr(row, attribute) for row in rows]
    return Column(name=name, cells=cells, kind="value", rank=rank)


def compare(first: PlanDocument, second: PlanDocument) -> PlanDiff:
    """How two plans differ in what they do; why they do it does not count.

    Args:
        first: The plan to start from.
        second: The other one.
    """
    old = {(row.product, row.field): row for row in first.rows}
    new = {(row.product, row.field): row for row in second.rows}
    both = [(row, new[key]) for key, row in old.items() if key in new]
    return PlanDiff(
        added=tuple(row for key, row in new.items() if key not in old),
        removed=tuple(row for key, row in old.items() if key not in new),
        changed=tuple(
            (one, other)
            for one, other in both
            if not identical(one.field, one.before, other.before)
            or not identical(one.field, one.after, other.after)
        ),
    )


__all__ = ["PlanDiff", "compare"]

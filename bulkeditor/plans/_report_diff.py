"""How two runs differ."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from bulkeditor.plans._report import RunReport
from bulkeditor.plans._rows import ChangeOutcome
from bulkeditor.plans._table import Column, Table, Tabular


@attrs.frozen(repr=False, str=False)
class RunDiff(Tabular):
    """Rows that ended otherwise in a second run.

    Args:
        changed: Pairs of outcomes of the same field of the same product; None where a run had no such row.
    """

    changed: tuple[tuple[ChangeOutcome | None, ChangeOutcome | None], ...]

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.changed)

    def table(self) -> Table:
        """Every difference, with every column."""
        rows = [there.row for one, other in self.changed if (there := one or other) is not None]
        first, second = [one for one, _ in self.changed], [other for _, other in self.changed]
        return Table(
            (
                Column(name="product", cells=[row.product for row in rows], kind="code", rank=8),
                Column(name="sku", cells=[row.sku for row in rows], kind="code"),
                Column(name="field", cells=[row.field for row in rows]),
                Column(name="outcome", cells=[None if item is None else item.status for item in first]),
                Column(
                    name="message", cells=[None if item is None else item.message for item in first], rank=5
                ),
                Column(name="new_outcome", cells=[None if item is None else item.status for item in second]),
                Column(
                    name="new_message",
                    cells=[None if item is None else item.message for item in second],
                    rank=5,
                ),
            )
        )

    def summary(self) -> Sequence[str]:
        """What stands above the rows, line by line."""
        return [f"{len(self.changed):,} rows ended otherwise"]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary()[0]}>"


def compare_reports(first: RunReport, second: RunReport) -> RunDiff:
    """Rows that ended otherwise in a second run.

    Args:
        first: The report to start from.
        second: The other one.
    """
    old = {(outcome.row.product, outcome.row.field): outcome for outcome in first}
    new = {(outcome.row.product, outcome.row.field): outcome for outcome in second}
    pairs = [(old.get(key), new.get(key)) for key in {**old, **new}]
    return RunDiff(
        tuple((one, other) for one, other in pairs if (one and one.status) != (other and other.status))
    )


__all__ = ["RunDiff", "compare_reports"]

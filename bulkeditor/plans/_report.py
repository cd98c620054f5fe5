"""What became of each row of a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self, overload

import attrs

from bulkeditor.engine import RunStatus
from bulkeditor.errors import FieldError, PlanStoppedError, UnbalancedRunError, UpdateFailedError
from bulkeditor.plans._cells import safe
from bulkeditor.plans._document import name_of
from bulkeditor.plans._rows import OUTCOMES, ChangeOutcome, OutcomeStatus
from bulkeditor.plans._table import Column, Table, Tabular

if TYPE_CHECKING:
    from bulkeditor.plans._report_diff import RunDiff

_SHOWN: Final = 10
_BAD: Final = frozenset({"skipped", "stale", "failed", "unknown", "pending"})

NOT_REACHED: Final = frozenset({"under_way", "stopped", "not_reached"})
"""Codes of rows that no step has accounted for yet."""


@attrs.frozen(kw_only=True)
class RunHead:
    """Which run a report is about.

    Args:
        id: Its id in the store.
        plan: The plan's id.
        title: What the plan is called.
        shop: The shop's address.
        undoes: The run that it took back; None for a plan that was applied.
        status: Where it stood.
        created_at: When it was started: aware.
        finished_at: When it ended; None when it had not.
        stopped: Whether it ended before its first write, because of rows that are stale, gone or refused.
    """

    id: str
    plan: str
    title: str | None = None
    shop: str
    undoes: str | None = None
    status: RunStatus
    created_at: datetime
    finished_at: datetime | None = None
    stopped: bool = False


@attrs.frozen(kw_only=True, repr=False)
class Balance:
    """The proof that every row of a plan has exactly one outcome.

    Args:
        planned: Rows of the plan.
        counts: How many of them ended in which way.
        lost: Rows of a run that is over which no step has accounted for.
        doubled: Rows that more than one step has accounted for.
    """

    planned: int
    counts: Mapping[OutcomeStatus, int]
    lost: int = 0
    doubled: int = 0

    @property
    def balanced(self) -> bool:
        """Whether planned is the sum of the outcomes, each from one step."""
        return self.planned == sum(self.counts.values()) and not self.lost and not self.doubled

    def check(self) -> None:
        """Do nothing when it is balanced.

        Raises:
            UnbalancedRunError: It is not.
        """
        if not self.balanced:
            raise UnbalancedRunError(f"The run does not balance: {self}.")

    def __repr__(self) -> str:
        return f"<Balance {self}>"

    def __str__(self) -> str:
        parts = " + ".join(f"{count} {status}" for status, count in self.counts.items() if count) or "0"
        text = f"{self.planned} planned = {parts}"
        if self.lost or self.doubled:
            text += f"; {self.lost} lost, {self.doubled} doubled"
        return text


class RunReport(Tabular, Sequence[ChangeOutcome]):
    """What became of each row of a plan, in the plan's order: exactly one outcome for each row.

    ``report.updated``, ``.stale``, ``.failed`` … are reports of just these rows.

    Args:
        run: Which run it is about.
        outcomes: The outcomes.
        balance: Their proof.
    """

    def __init__(self, run: RunHead, outcomes: Sequence[ChangeOutcome], balance: Balance) -> None:
        self.run = run
        self.outcomes = tuple(outcomes)
        self.balance = balance

    def only(self, *statuses: OutcomeStatus) -> Self:
        """A report of the rows that ended in one of these ways."""
        chosen = [outcome for outcome in self.outcomes if outcome.status in statuses]
        return type(self)(self.run, chosen, self.balance)

    @property
    def updated(self) -> Self:
        """Rows that changed their product."""
        return self.only("updated")

    @property
    def unchanged(self) -> Self:
        """Rows whose product was as wanted before."""
        return self.only("unchanged")

    @property
    def skipped(self) -> Self:
        """Rows that were not written, because of other rows, or because the run ended before."""
        return self.only("skipped")

    @property
    def pending(self) -> Self:
        """Rows that a run which goes on has not come to yet."""
        return self.only("pending")

    @property
    def stale(self) -> Self:
        """Rows whose product was no longer as the plan saw it, and was left alone."""
        return self.only("stale")

    @property
    def failed(self) -> Self:
        """Rows that were refused, or that did not take effect."""
        return self.only("failed")

    @property
    def unknown(self) -> Self:
        """Rows of which nobody can say whether they took effect."""
        return self.only("unknown")

    @property
    def ok(self) -> bool:
        """Whether every product is as its row wants it."""
        return not self._bad()

    def _bad(self) -> list[ChangeOutcome]:
        return [outcome for outcome in self.outcomes if outcome.status in _BAD]

    @property
    def stopped(self) -> bool:
        """Whether nothing was written, because of rows that are stale, gone or refused."""
        return self.run.stopped

    @property
    def counts(self) -> Mapping[OutcomeStatus, int]:
        """How many rows ended in which way."""
        counter = Counter(outcome.status for outcome in self.outcomes)
        return MappingProxyType({status: counter[status] for status in OUTCOMES})

    def raise_for_failures(self) -> None:
        """Do nothing when every row was updated or was so already.

        Raises:
            UpdateFailedError: Some were not; the text names the first of them.
        """
        bad, counts = self._bad(), self.counts
        if bad:
            raise UpdateFailedError(
                f"{self._headline()}{_lines(bad)}\n",
                errors=[_error_of(outcome) for outcome in bad],
                failed=counts["failed"],
                skipped=counts["skipped"] + counts["stale"] + counts["pending"],
                unknown=counts["unknown"],
                hint="run.report.failed, .stale, .skipped, .unknown and .pending have them all.",
            )

    def raise_if_stopped(self) -> None:
        """Do nothing when the run came to its writes.

        Raises:
            PlanStoppedError: It did not; the text names the first of the rows that stopped it.
        """
        if self.stopped:
            bad = [outcome for outcome in self._bad() if outcome.code not in NOT_REACHED]
            raise PlanStoppedError(
                f"Nothing was written, because of {len(bad)} rows of the plan:{_lines(bad)}\n",
                run=self.run.id,
                errors=[_error_of(outcome) for outcome in bad],
            )

    # To be shown, kept and compared

    def table(self) -> Table:
        """Every row with what became of it, with every column."""
        return _table(self.outcomes)

    def summary(self) -> Sequence[str]:
        """What stands above the rows, line by line."""
        what = f"taking back {self.run.undoes}" if self.run.undoes else self.run.title or self.run.plan
        return [safe(f"{what}: {self.run.status}"), self._headline()]

    def to_text(self, *, width: int | None = None, rows: int = 10) -> str:
        """The table as text; where some rows are not as wanted, of these alone.

        Args:
            width: Columns of the terminal; None = as many as this one has.
            rows: How many rows to show.
        """
        return self._telling().to_text(width=width, rows=rows)

    def to_html(self, *, rows: int = 20) -> str:
        """The table as HTML; where some rows are not as wanted, of these alone.

        Args:
            rows: How many rows to show.
        """
        return self._telling().to_html(rows=rows)

    def _telling(self) -> Tabular:
        return _Telling(self.summary(), self._bad() or self.outcomes)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the report to a file: JSON with a checksum, exact values; whole or not at all.

        Args:
            path: The file, such as ``sale.run.json``; one that is there is replaced.

        Raises:
            OSError: It cannot be written.
        """
        from bulkeditor.plans._report_file import write_report  # noqa: PLC0415 - it stands above this module

        write_report(self, path)

    @staticmethod
    def load(path: str | PathLike[str]) -> RunReport:
        """Read a report that was saved.

        Args:
            path: The file.

        Raises:
            PlanFileError: It is no report, was edited or cut off, or was written by a newer version.
            OSError: It cannot be read.
        """
        from bulkeditor.plans._report_file import load_report  # noqa: PLC0415 - it stands above this module

        return load_report(path)

    def diff(self, other: RunReport) -> RunDiff:
        """Rows that ended otherwise in another run.

        Args:
            other: The other run's report: a second attempt, or the undo.
        """
        from bulkeditor.plans._report_diff import compare_reports  # noqa: PLC0415 - it stands above this module

        return compare_reports(self, other)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[ChangeOutcome]:
        return iter(self.outcomes)

    @overload
    def __getitem__(self, index: int) -> ChangeOutcome: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ChangeOutcome]: ...
    def __getitem__(self, index: int | slice) -> ChangeOutcome | Sequence[ChangeOutcome]:
        return self.outcomes[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunReport):
            return NotImplemented
        return (self.run, self.outcomes, self.balance) == (other.run, other.outcomes, other.balance)

    def __hash__(self) -> int:
        return hash(self.run)

    def _headline(self) -> str:
        parts = [f"{count:,} {status}" for status, count in self.counts.items() if count]
        rows = "1 row" if len(self) == 1 else f"{len(self):,} rows"
        return f"{rows}: {', '.join(parts)}" if parts else rows

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._headline()}>"


@attrs.frozen(str=False)
class _Telling(Tabular):
    """The rows of a report that are worth a look, below the counts of all."""

    lines: Sequence[str]
    outcomes: Sequence[ChangeOutcome]

    def table(self) -> Table:
        # The message says it better than its code, and leaves room for it.
        columns = _table(self.outcomes).columns
        return Table(tuple(column for column in columns if column.name not in {"code", "verified"}))

    def summary(self) -> Sequence[str]:
        return self.lines


def _table(outcomes: Sequence[ChangeOutcome]) -> Table:
    rows = [outcome.row for outcome in outcomes]
    return Table(
        (
            Column(name="product", cells=[row.product for row in rows], kind="code", rank=8),
            Column(name="sku", cells=[row.sku for row in rows], kind="code"),
            Column(name="title", cells=[row.title for row in rows], rank=6),
            Column(name="field", cells=[row.field for row in rows]),
            Column(name="before", cells=[row.before for row in rows], kind="value", rank=3),
            Column(name="after", cells=[row.after for row in rows], kind="value"),
            Column(name="outcome", cells=[outcome.status for outcome in outcomes]),
            Column(name="code", cells=[outcome.code for outcome in outcomes], rank=7),
            Column(name="message", cells=[outcome.message for outcome in outcomes], rank=5),
            Column(name="verified", cells=[outcome.verified for outcome in outcomes], rank=9),
        )
    )


def _error_of(outcome: ChangeOutcome) -> FieldError:
    """What is wrong with a row, as an error of its field."""
    return FieldError(
        field=name_of(outcome.row),
        message=outcome.message or f"It was {outcome.status}.",
        code=outcome.code or outcome.status,
    )


def _lines(bad: Sequence[ChangeOutcome]) -> str:
    lines = [
        safe(f"{name_of(outcome.row)}: {outcome.status}: {outcome.message or outcome.code}")
        for outcome in bad[:_SHOWN]
    ]
    more = [f"… and {len(bad) - _SHOWN:,} more"] if len(bad) > _SHOWN else []
    return "".join(f"\n  {line}" for line in (*lines, *more))


__all__ = ["NOT_REACHED", "Balance", "RunHead", "RunReport"]

"""What became of each row of a plan: read from the ledger, balanced against the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any, Final, Self, cast, overload

import attrs

from bulkeditor.engine import Ledger, RunRow, Step, own_space
from bulkeditor.errors import FieldError, PlanStoppedError, UnbalancedRunError, UpdateFailedError
from bulkeditor.models import JSON
from bulkeditor.plans._decide import Numbered, RowResult, show
from bulkeditor.plans._rows import OUTCOMES, ChangeOutcome, OutcomeStatus
from bulkeditor.plans._stored import ROWS, result_of, rows_of

_SHOWN: Final = 10
_BAD: Final = frozenset({"skipped", "stale", "failed", "unknown"})

NOT_REACHED: Final = frozenset({"under_way", "stopped", "not_reached"})
"""Codes of rows that no step has accounted for yet."""


@attrs.frozen(kw_only=True)
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

    def __str__(self) -> str:
        parts = " + ".join(f"{count} {status}" for status, count in self.counts.items() if count) or "0"
        text = f"{self.planned} planned = {parts}"
        if self.lost or self.doubled:
            text += f"; {self.lost} lost, {self.doubled} doubled"
        return text


class RunReport(Sequence[ChangeOutcome]):
    """What became of each row of a plan, in the plan's order: exactly one outcome for each row.

    ``report.updated``, ``.stale``, ``.failed`` … are reports of just these rows.

    Args:
        outcomes: The outcomes.
        balance: Their proof.
        stopped: Whether the run ended before its first write, because of rows that are stale, gone or
            refused.
    """

    def __init__(self, outcomes: Sequence[ChangeOutcome], balance: Balance, *, stopped: bool = False) -> None:
        self.outcomes = tuple(outcomes)
        self.balance = balance
        self.stopped = stopped

    def only(self, *statuses: OutcomeStatus) -> Self:
        """A report of the rows that ended in one of these ways."""
        return type(self)(
            [outcome for outcome in self.outcomes if outcome.status in statuses],
            self.balance,
            stopped=self.stopped,
        )

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
        """Rows that were not written, because of other rows, or because the run has not come to them."""
        return self.only("skipped")

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
        return all(outcome.status not in _BAD for outcome in self.outcomes)

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
        bad = [outcome for outcome in self.outcomes if outcome.status in _BAD]
        if not bad:
            return
        counts = self.counts
        raise UpdateFailedError(
            f"{self._headline()}{_lines(bad)}\n",
            errors=[error_of(outcome) for outcome in bad],
            failed=counts["failed"],
            skipped=counts["skipped"] + counts["stale"],
            unknown=counts["unknown"],
            hint="run.report.failed, .stale and .unknown have them all.",
        )

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

    def _headline(self) -> str:
        parts = [f"{count} {status}" for status, count in self.counts.items() if count]
        rows = "1 row" if len(self) == 1 else f"{len(self)} rows"
        return f"{rows}: {', '.join(parts)}" if parts else rows

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._headline()}>"

    def __str__(self) -> str:
        return self._headline() + _lines([item for item in self.outcomes if item.status in _BAD])

    def _repr_html_(self) -> str:
        return self.html()

    def html(self) -> str:
        """A table of the rows that are not as wanted; of all rows when there are none of those."""
        bad = [outcome for outcome in self.outcomes if outcome.status in _BAD]
        cells = "".join(map(_html, (bad or self.outcomes)[:_SHOWN]))
        names = "".join(f"<th>{name}</th>" for name in ("product", "field", "before", "after", "outcome", ""))
        return (
            f"<p>{escape(self._headline())}</p><table><thead><tr>{names}</tr></thead>"
            f"<tbody>{cells}</tbody></table>"
        )


def name_of(outcome: ChangeOutcome) -> str:
    """A row in a few words: its product and its field."""
    row = outcome.row
    return f"{row.sku or row.product}.{row.field}"


def error_of(outcome: ChangeOutcome) -> FieldError:
    """What is wrong with a row, as an error of its field."""
    return FieldError(
        field=name_of(outcome),
        message=outcome.message or f"It was {outcome.status}.",
        code=outcome.code or outcome.status,
    )


def _lines(bad: Sequence[ChangeOutcome]) -> str:
    lines = "".join(
        f"\n  {name_of(outcome)}: {outcome.status}: {outcome.message or outcome.code}"
        for outcome in bad[:_SHOWN]
    )
    return lines + (f"\n  … and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else "")


def _html(outcome: ChangeOutcome) -> str:
    row = outcome.row
    cells = (
        row.sku or row.product, row.field, show(row.before), show(row.after), outcome.status,
        outcome.message or "",
    )  # fmt: skip
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def stopped_error(run: str, report: RunReport) -> PlanStoppedError:
    """The error of a run that ended before its first write.

    Args:
        run: Its id.
        report: What became of its rows.
    """
    bad = [outcome for outcome in report if outcome.status in _BAD and outcome.code not in NOT_REACHED]
    return PlanStoppedError(
        f"Nothing was written, because of {len(bad)} rows of the plan:{_lines(bad)}\n",
        run=run,
        errors=[error_of(outcome) for outcome in bad],
    )


# Reading it from the ledger


def read_report(ledger: Ledger, run: RunRow) -> RunReport:
    """What became of each row of a run, as far as it has come.

    Args:
        ledger: Where the run stands.
        run: The run.
    """
    rows = {
        item.number: item for _, entry in ledger.entries(own_space(run.id, ROWS)) for item in rows_of(entry)
    }
    found: dict[int, RowResult] = {}
    doubled = 0
    stopped = False
    for _, result in ledger.results(run.id):
        stopped = stopped or _stopped(result)
        for item in _results(result):
            doubled += item.number in found
            found[item.number] = item
    left = [number for number in rows if number not in found]
    lost = 0 if run.status != "done" or stopped else len(left)
    under_way = _under_way(ledger, run) if left else frozenset[int]()
    for number in left:
        found[number] = _left(number, run, stopped=stopped, sent=number in under_way)
    outcomes = [_outcome(rows[number], found[number]) for number in sorted(rows)]
    counts = Counter(outcome.status for outcome in outcomes)
    balance = Balance(
        planned=_planned(run),
        counts=MappingProxyType({status: counts[status] for status in OUTCOMES}),
        lost=lost,
        doubled=doubled,
    )
    return RunReport(outcomes, balance, stopped=stopped)


def _planned(run: RunRow) -> int:
    return int(cast("dict[str, Any]", run.input)["rows"])


def _results(result: JSON) -> Iterable[RowResult]:
    rows = result.get("rows", ()) if isinstance(result, dict) else ()
    return (result_of(values) for values in cast("list[JSON]", rows))


def _stopped(result: JSON) -> bool:
    return isinstance(result, dict) and result.get("stopped") is True


def _under_way(ledger: Ledger, run: RunRow) -> frozenset[int]:
    """Numbers of rows whose write was begun and not finished."""
    begun = [step for step, attempts in ledger.unfinished(run.id) if attempts]
    return frozenset(number for step in begun for number in _numbers(step))


def _numbers(step: Step) -> Iterable[int]:
    if step.kind not in {"write", "clear", "restore", "mend"}:
        return ()
    params = cast("dict[str, Any]", step.params)
    products = params.get("cleared", params)["products"]
    return (number for values in products for number in values[-1])


def _left(number: int, run: RunRow, *, stopped: bool, sent: bool) -> RowResult:
    if sent:
        message = "It was sent, and the run has not seen the answer yet; resume() settles it."
        return RowResult(number=number, status="unknown", code="under_way", message=message)
    if stopped:
        message = "Nothing was written, because other rows of the plan could not be."
        return RowResult(number=number, status="skipped", code="stopped", message=message)
    if run.status == "done":
        message = "No step of the run accounts for it."
        return RowResult(number=number, status="unknown", code="lost", message=message)
    message = "The run has not come to it."
    return RowResult(number=number, status="skipped", code="not_reached", message=message)


def _outcome(item: Numbered, result: RowResult) -> ChangeOutcome:
    return ChangeOutcome(
        row=item.row,
        status=result.status,
        code=result.code,
        message=result.message,
        found=result.found,
        verified=result.verified,
    )


__all__ = ["NOT_REACHED", "Balance", "RunReport", "error_of", "name_of", "read_report", "stopped_error"]

# Generated from ../_async by scripts/unasync.py; change that, not this.
"""The report of an update: outcomes that can be sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self, TypeAlias

from bulkeditor.api._outcomes import Outcomes, RowOutcome
from bulkeditor.api._rows import Given

Resend: TypeAlias = Callable[[Sequence[Given], bool], "UpdateReport"]
"""Sends rows again; with True, only after reading what they became."""


class UpdateReport(Outcomes):
    """What became of each row of an update, in the order given: exactly one outcome for each row.

    ``report.failed``, ``.updated``, ``.unknown`` … are reports of just these rows.

    Args:
        outcomes: The outcomes.
        resend: Sends rows again.
    """

    def __init__(self, outcomes: Sequence[RowOutcome], resend: Resend) -> None:
        super().__init__(outcomes)
        self._resend = resend

    def _selected(self, outcomes: Sequence[RowOutcome]) -> Self:
        return type(self)(outcomes, self._resend)

    def retry(self) -> UpdateReport:
        """Send the rows of this report again, as they were given: ``report.failed.retry()``.

        Rows whose outcome is unknown are read first; what is as wanted by now is not sent again.

        Returns:
            A report of these rows alone; ``index`` counts within them.
        """
        read_first = any(outcome.status == "unknown" for outcome in self.outcomes)
        return self._resend([outcome.row for outcome in self.outcomes], read_first)


__all__ = ["UpdateReport"]

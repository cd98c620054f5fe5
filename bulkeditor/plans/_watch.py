"""Watch a run while it goes on: how far it is, and what stopped it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import attrs

from bulkeditor.engine import Context, Done, Handler, RunRow, RunStatus, Step, Workflow
from bulkeditor.errors import BulkEditorError
from bulkeditor.http import Exchange
from bulkeditor.models import JSON
from bulkeditor.plans._report import NOT_REACHED, RunReport

_GOOD: Final = frozenset({"updated", "unchanged"})


@attrs.frozen(kw_only=True)
class RunProgress:
    """How far a run is.

    Args:
        run: Its id.
        status: Where it stands.
        rows: Rows of the plan.
        done: Rows that have their outcome.
        failed: Rows among them that are not as the plan wants them.
    """

    run: str
    status: RunStatus
    rows: int
    done: int
    failed: int

    @classmethod
    def of(cls, run: RunRow, report: RunReport) -> RunProgress:
        """How far a run is by its report.

        Args:
            run: The run.
            report: What became of its rows.
        """
        reached = [outcome for outcome in report if outcome.code not in NOT_REACHED]
        return cls(
            run=run.id,
            status="running",
            rows=len(report),
            done=len(reached),
            failed=sum(outcome.status not in _GOOD for outcome in reached),
        )

    @property
    def progress(self) -> float:
        """Percent of the rows."""
        return 100 * self.done / self.rows if self.rows else 100.0


class Watched:
    """A workflow that tells how far it is, and remembers what its last failed step raised.

    Args:
        workflow: The workflow.
        progress: Where the run stands now.
        show: Called after each step; None = nobody.
    """

    def __init__(
        self, workflow: Workflow, progress: RunProgress, show: Callable[[RunProgress], object] | None
    ) -> None:
        self.failure: BulkEditorError | None = None
        self._workflow = workflow
        self._progress = progress
        self._show = show
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The workflow's name."""
        return self._workflow.name

    @property
    def version(self) -> int:
        """The workflow's version."""
        return self._workflow.version

    def first(self, input: JSON) -> Sequence[Step]:  # noqa: A002 - the engine's own word
        """The workflow's first steps."""
        return self._workflow.first(input)

    def handler(self, kind: str) -> Handler:
        """The workflow's handler, watched."""
        carry_out = self._workflow.handler(kind)

        def handle(ctx: Context, step: Step) -> Exchange[Done]:
            try:
                done = yield from carry_out(ctx, step)
            except BulkEditorError as error:
                self.failure = error
                raise
            self._count(done.result)
            return done

        return handle

    def _count(self, result: JSON) -> None:
        rows: Sequence[Any] = (
            cast("dict[str, Any]", result).get("rows", ()) if isinstance(result, dict) else ()
        )
        bad = sum(row[1] not in _GOOD for row in rows)
        with self._lock:
            self._progress = attrs.evolve(
                self._progress,
                done=min(self._progress.done + len(rows), self._progress.rows),
                failed=self._progress.failed + bad,
            )
            if self._show is not None and rows:
                self._show(self._progress)


__all__ = ["RunProgress", "Watched"]

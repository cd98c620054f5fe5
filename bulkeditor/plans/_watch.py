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


class Watch:
    """What is seen of a run while it goes on.

    Args:
        show: Called with how far it is, after each step that has told what became of rows.
        progress: How far it is now.
    """

    def __init__(self, show: Callable[[RunProgress], object] | None, progress: RunProgress | None) -> None:
        self.failure: BulkEditorError | None = None
        """What its last failed step raised."""
        self._show = show
        self._progress = progress
        self._lock = threading.Lock()

    def saw(self, result: JSON) -> None:
        """Take in what a step has left behind."""
        rows: Sequence[Any] = (
            cast("dict[str, Any]", result).get("rows", ()) if isinstance(result, dict) else ()
        )
        with self._lock:
            now = self._progress
            if now is None or not rows:
                return
            bad = sum(row[1] not in _GOOD for row in rows)
            done = min(now.done + len(rows), now.rows)
            self._tell(attrs.evolve(now, done=done, failed=now.failed + bad))

    def ended(self, status: RunStatus) -> None:
        """Take in where the run stands after its last step."""
        with self._lock:
            if self._progress is not None:
                self._tell(attrs.evolve(self._progress, status=status))

    def _tell(self, progress: RunProgress) -> None:
        self._progress = progress
        if self._show is not None:
            self._show(progress)


class Watched:
    """A workflow that is watched.

    Args:
        workflow: The workflow.
        watch: Who watches it.
    """

    def __init__(self, workflow: Workflow, watch: Watch) -> None:
        self._workflow = workflow
        self._watch = watch

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
                self._watch.failure = error
                raise
            self._watch.saw(done.result)
            return done

        return handle


__all__ = ["RunProgress", "Watch", "Watched"]

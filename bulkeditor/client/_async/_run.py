"""Runs: plans that are being applied, or were."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from bulkeditor.client._async._core import AsyncCore
from bulkeditor.client._progress import of_run, showing
from bulkeditor.client._store import asked_async
from bulkeditor.engine import AsyncWorker, RunRow, RunStatus, StepPolicy
from bulkeditor.errors import BulkEditorError, NotUndoableError, RunFailedError
from bulkeditor.plans._account import read_ended, read_report
from bulkeditor.plans._apply import ApplyWorkflow, workflows
from bulkeditor.plans._report import Balance, RunReport
from bulkeditor.plans._restore import half_cleared
from bulkeditor.plans._schedule import cancel_schedule, check_not_cancelled, due_runs, end_now, next_time
from bulkeditor.plans._stored import Given
from bulkeditor.plans._undo import start_undo, undoable_until
from bulkeditor.plans._watch import RunProgress, Watch, Watched
from bulkeditor.plans._zones import moment

LEASE = 10.0
"""Seconds after which the step of a process that was killed can be taken up."""

UNDOABLE_FOR = timedelta(days=30)

NAP = 1.0
"""Seconds between two ticks."""


class AsyncRun:
    """One application of a plan: what became of each row, and the way back.

    What it says is how the run stood when it was read last; :meth:`refresh` reads it again.
    """

    def __init__(self, core: AsyncCore, row: RunRow, report: RunReport | None = None) -> None:
        self._core = core
        self._row = row
        self._given = Given.of(row.input)
        self._report = report

    @property
    def id(self) -> str:
        """Its id in the store."""
        return self._row.id

    @property
    def plan(self) -> str:
        """The plan's id."""
        return self._given.plan

    @property
    def title(self) -> str | None:
        """What the plan is called."""
        return self._given.title

    @property
    def undoes(self) -> str | None:
        """The run that this one takes back; None for a plan that is applied."""
        return self._given.undoes

    @property
    def status(self) -> RunStatus:
        """``running`` or ``waiting`` while it goes on, ``done``, ``failed``, or ``cancelled``."""
        return self._row.status

    @property
    def error(self) -> str | None:
        """Why it failed."""
        return self._row.error

    @property
    def created_at(self) -> datetime:
        """When it was started (UTC)."""
        return self._row.created_at

    @property
    def finished_at(self) -> datetime | None:
        """When it ended (UTC)."""
        return self._row.finished_at

    @property
    def at(self) -> datetime | None:
        """When it was scheduled to begin (UTC); None for a plan that was applied at once."""
        return self._given.begins

    @property
    def revert_at(self) -> datetime | None:
        """When a temporary change is to end (UTC); None for one that stays."""
        return self._given.ends

    @property
    def undoable_until(self) -> datetime | None:
        """Until when it can be taken back (UTC); None before its end, and for a temporary change."""
        return undoable_until(self._row)

    @property
    def report(self) -> RunReport:
        """What became of each row of the plan: exactly one outcome for each."""
        if self._report is None:
            self._report = read_report(self._core.store.ledger, self._row)
        return self._report

    @property
    def ended(self) -> RunReport | None:
        """What became of each row at the end of a temporary change: its row says what is shown again.

        ``stale``: somebody else has changed it meanwhile, and it was left alone. None before the end.
        """
        return read_ended(self._core.store.ledger, self._row)

    @property
    def ledger(self) -> Balance:
        """The proof that every row is accounted for: planned = the sum of the outcomes.

        Raises:
            UnbalancedRunError: It is not.
        """
        balance = self.report.balance
        balance.check()
        return balance

    async def refresh(self) -> AsyncRun:
        """Read how the run stands now.

        Returns:
            This run.
        """
        self._row, self._report = await asked_async(lambda: _read(self._core, self.id))
        return self

    async def resume(self, *, progress: bool | Callable[[RunProgress], object] = False) -> AsyncRun:
        """Carry the run on where it stopped, in whatever process; does nothing when it is done.

        A batch that was under way is read back first: what arrived is not sent again. Of a scheduled run
        what is due is done; the times that it was scheduled for are not waited for.

        Args:
            progress: True shows a bar in a terminal or a notebook; a callable is called after each step.

        Returns:
            This run, as it stands then.

        Raises:
            AuthenticationError: The credential is refused; the run stands and can be resumed. Likewise other
                errors that concern every request.
            PlanStoppedError: It ended before its first write, as the plan's options ask for.
            PlanError: It was scheduled, and cancelled before it began.
        """
        self._row, self._report = await carry_on(self._core, self.id, progress=progress)
        return self

    async def undo(
        self,
        *,
        fields: Collection[str] | None = None,
        products: Collection[str] | None = None,
        undoable_for: timedelta = UNDOABLE_FOR,
        progress: bool | Callable[[RunProgress], object] = False,
    ) -> AsyncRun:
        """Take back what this run wrote, where nobody has changed it since.

        Products that were changed since are left alone and stale in the new run's report; prices of one
        product stand or fall together. Called twice it is one run.

        Args:
            fields: Only these: ``["price"]``, ``["custom_fields.season"]``; ``custom_fields`` means each of
                them. None = all.
            products: Only the products with these ids; None = all.
            undoable_for: How long the undo can be taken back in turn.
            progress: As for :meth:`resume`.

        Returns:
            The run that took back; ``undo()`` of it is the first one again.

        Raises:
            NotUndoableError: This run has not ended, or :attr:`undoable_until` is over; or it is a temporary
                change, which ends itself.
            InvalidInputError: The run has no row of a field or product that was named.
            ReadOnlyError: The client is read-only.
        """
        core = self._core
        core.refuse_read_only("run.undo()")
        await self.refresh()
        report, row = self.report, self._row
        run = await asked_async(
            lambda: start_undo(
                core.store.ledger,
                ApplyWorkflow(core.session.facts, core.policy),
                row,
                report,
                fields=fields,
                products=products,
                undoable_for=undoable_for,
            )
        )
        row, report = await carry_on(core, run, progress=progress)
        return AsyncRun(core, row, report)

    async def cancel(self) -> AsyncRun:
        """End the run before its next step; what it has written stays, and can be taken back.

        A scheduled run that has not begun never begins.

        Returns:
            This run.

        Raises:
            NotUndoableError: It is in the middle of taking a custom field away, which resume() completes; or
                it is a temporary change that has begun, which revert() ends.
        """
        ledger = self._core.store.ledger
        await asked_async(lambda: cancel_schedule(ledger, ledger.get(self.id)))
        if await asked_async(lambda: half_cleared(ledger, self.id)):
            raise NotUndoableError(
                f"The run {self.id} has cleared custom fields that are still to be written back.",
                run=self.id,
                hint="Call resume(): it completes that.",
            )
        await asked_async(lambda: ledger.cancel(self.id))
        return await self.refresh()

    async def revert(self, *, progress: bool | Callable[[RunProgress], object] = False) -> AsyncRun:
        """End a temporary change now, before its time.

        Args:
            progress: As for :meth:`resume`.

        Returns:
            This run; :attr:`ended` says what became of each row.

        Raises:
            NotUndoableError: It has not begun, or is no temporary change.
            ReadOnlyError: The client is read-only.
        """
        self._core.refuse_read_only("run.revert()")
        ledger = self._core.store.ledger
        await asked_async(lambda: end_now(ledger, ledger.get(self.id)))
        return await self.resume(progress=progress)

    def __repr__(self) -> str:
        what = f"undoes {self.undoes}" if self.undoes else f"applies {self.title or self.plan}"
        return f"<{type(self).__name__} {self.id} {what}: {self.status}>"

    def __str__(self) -> str:
        return str(self.report)

    def _repr_html_(self) -> str:
        return self.report.to_html()


class AsyncRuns:
    """``shop.runs``: the runs that the client's store holds."""

    def __init__(self, core: AsyncCore) -> None:
        self._core = core

    async def list(self, *, status: RunStatus | None = None) -> builtins.list[AsyncRun]:
        """The runs of this shop, newest first.

        Args:
            status: Only those that stand so; None = all.
        """
        rows = await asked_async(lambda: _rows(self._core, status))
        return [AsyncRun(self._core, row) for row in rows]

    async def get(self, run_id: str) -> AsyncRun:
        """One run.

        Args:
            run_id: Its id.

        Raises:
            RunNotFoundError: The store has no such run.
        """
        row, report = await asked_async(lambda: _read(self._core, run_id))
        return AsyncRun(self._core, row, report)

    async def resume_all(self) -> builtins.list[AsyncRun]:
        """Carry on every run of this shop that is not done, one after another: killed ones and failed ones.

        A run that stops with an error does not keep the others from going on; cancelled ones stay so.

        Returns:
            These runs; ``.status`` and ``.error`` say how each of them ended.
        """
        rows = await asked_async(lambda: _rows(self._core, None))
        open_ = [row for row in rows if row.status not in {"done", "cancelled"}]
        runs = [AsyncRun(self._core, row) for row in reversed(open_)]
        for run in runs:
            try:
                await run.resume()
            except BulkEditorError:
                await run.refresh()
        return runs

    async def tick(self) -> builtins.list[AsyncRun]:
        """Carry on what is due in this shop's runs.

        That is beginnings and ends of scheduled plans, and what a process that died has left. Call it as
        often as you like, from as many processes as you like. A run that stops with an error does not keep
        the others from going on; one that was scheduled is tried again by the next tick.

        Returns:
            The runs that were carried on, in the order of their times; ``.status`` and ``.error`` say how
            each of them stands.

        Raises:
            ReadOnlyError: The client is read-only.
        """
        core = self._core
        core.refuse_read_only("runs.tick()")
        carried: dict[str, AsyncRun] = {}
        tried: dict[str, int] = {}
        shop = core.session.config.base_url
        while due := await asked_async(lambda: due_runs(core.store.ledger, ApplyWorkflow.NAME, shop, tried)):
            for row in due:
                tried[row.id] = row.done
                run = carried.setdefault(row.id, AsyncRun(core, row))
                try:
                    await run.resume()
                except BulkEditorError:
                    await run.refresh()
        return builtins.list(carried.values())

    async def serve(self, *, until: datetime | None = None) -> None:
        """Carry on what is due again and again: :meth:`tick`, each second.

        Args:
            until: When to stop: aware. None = never; Ctrl-C, or cancelling the task, ends it.

        Raises:
            InvalidInputError: ``until`` has no time zone.
            ReadOnlyError: The client is read-only.
        """
        end = None if until is None else moment(until, tz=None, name="until")
        clock = self._core.session.config.clock
        ledger = self._core.store.ledger
        while True:
            await self.tick()
            left = NAP if end is None else (end - ledger.now()).total_seconds()
            if left <= 0:
                return
            await clock.asleep(min(left, NAP))


def _rows(core: AsyncCore, status: RunStatus | None) -> list[RunRow]:
    shop = core.session.config.base_url
    rows = core.store.ledger.runs(workflow=ApplyWorkflow.NAME, status=status)
    return [row for row in rows if Given.of(row.input).shop == shop]


def _read(core: AsyncCore, run: str) -> tuple[RunRow, RunReport]:
    ledger = core.store.ledger
    row = ledger.get(run)
    return row, read_report(ledger, row)


async def carry_on(
    core: AsyncCore, run: str, *, progress: bool | Callable[[RunProgress], object]
) -> tuple[RunRow, RunReport]:
    """Carry a run on to its end.

    Args:
        core: The shop.
        run: Its id.
        progress: As the caller gave it.

    Returns:
        How it stands then, and what became of its rows.
    """
    core.refuse_read_only("a run")
    ledger = core.store.ledger
    await asked_async(lambda: check_not_cancelled(ledger, run))
    await asked_async(lambda: ledger.resume(run))
    row = await asked_async(lambda: ledger.get(run))
    with showing(progress, of_run) as show:
        # Nobody asks how far it is: then the report is read once, in the end.
        began = (
            None if show is None else RunProgress.of(row, (await asked_async(lambda: _read(core, run)))[1])
        )
        watch = Watch(show, began)
        worker = AsyncWorker(
            ledger,
            core.session,
            [Watched(workflow, watch) for workflow in workflows(core.session.facts, core.policy)],
            lanes=core.tuning.concurrency,
            policy=StepPolicy(lease=LEASE, retry=core.policy, patience=_patience(core)),
        )
        # Repeats are waited for, but not the times that a plan was scheduled for.
        await worker.run(run, until=next_time(Given.of(row.input), ledger.now()))
        row, report = await asked_async(lambda: _read(core, run))
        watch.ended(row.status)
    if row.status == "failed":
        raise _failure(watch, row, report)
    report.raise_if_stopped()
    return row, report


def _patience(core: AsyncCore) -> float:
    """Seconds that a server may ask for; with more the run stops, and can be resumed."""
    return max(core.policy.max_delay / 1000, 0.001)


def _failure(watch: Watch, row: RunRow, report: RunReport) -> BulkEditorError:
    error = watch.failure
    if error is None:
        error = RunFailedError(f"The run {row.id} has failed: {row.error}", run=row.id)
    error.add_note(f"Run {row.id}: {report.balance}. shop.runs.get({row.id!r}).resume() goes on.")
    return error


__all__ = ["LEASE", "UNDOABLE_FOR", "AsyncRun", "AsyncRuns", "carry_on"]

"""Plans of one shop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from uuid import uuid4

import attrs

from bulkeditor.api._lookup import find
from bulkeditor.client._async._core import AsyncCore
from bulkeditor.client._async._layers import beneath_layers
from bulkeditor.client._async._run import UNDOABLE_FOR, AsyncRun, AsyncRuns, carry_on
from bulkeditor.client._store import asked_async
from bulkeditor.plans._apply import ApplyWorkflow
from bulkeditor.plans._backup_restore import Restorer
from bulkeditor.plans._decide import OnError, OnStale
from bulkeditor.plans._document import PlanDocument
from bulkeditor.plans._gather import Origin
from bulkeditor.plans._planner import Planner
from bulkeditor.plans._schedule import OnOverlap, Times, check_overlap_option, start_schedule
from bulkeditor.plans._start import check_atomic, check_options, check_rows, start_apply
from bulkeditor.plans._wanted import WantedRows
from bulkeditor.plans._watch import RunProgress


@attrs.frozen(kw_only=True, repr=False, str=False)
class AsyncPlan(PlanDocument):
    """A plan that can be applied to its shop."""

    _core: AsyncCore = attrs.field(eq=False, alias="core")

    @classmethod
    def of(cls, core: AsyncCore, document: PlanDocument) -> AsyncPlan:
        """A document in the hands of a shop."""
        values = {field.name: getattr(document, field.name) for field in attrs.fields(PlanDocument)}
        return cls(core=core, **values)

    async def apply(
        self,
        *,
        on_stale: OnStale = "skip",
        on_error: OnError = "best_effort",
        attempt: int = 1,
        undoable_for: timedelta = UNDOABLE_FOR,
        progress: bool | Callable[[RunProgress], object] = False,
    ) -> AsyncRun:
        """Write the plan's rows where the shop still is as the plan saw it.

        It runs on the client's store. With ``store="shop.db"`` a run that was killed goes on where it
        stopped when this is called again, or by ``shop.runs.get(id).resume()`` in another process: the same
        plan applied twice is one run.

        Args:
            on_stale: ``skip``: rows whose product has changed are left alone, prices of one product together.
                ``fail``: every row is looked at first, and one that has changed keeps all from being written.
                ``force``: they are overwritten, and their outcome says what was there.
            on_error: ``best_effort``: what the server refuses fails alone. ``reject_rows``: a product is
                written whole or not at all. ``all_or_nothing``: all products or none, where the server can.
            attempt: Another number applies the same plan once more.
            undoable_for: How long the run can be taken back.
            progress: True shows a bar in a terminal or a notebook; a callable is called after each step.

        Returns:
            The run: ``.report`` has one outcome for each row, ``.undo()`` takes it back.

        Raises:
            GuardError: The plan violates its guards. In this case and the following ones nothing was written.
            PlanError: It was made for another shop, contradicts itself, was applied with other options, or
                was taken back since.
            PlanStoppedError: With ``fail`` or ``all_or_nothing``: rows are stale, gone or refused.
            UnsupportedByServerError: ``all_or_nothing``, and the server writes row by row.
            InvalidInputError: An option does not exist, or all or nothing does not fit into one request.
            ReadOnlyError: The client is read-only.
            AuthenticationError: The credential was refused on the way; the run can be resumed. Likewise other
                errors that concern every request.
        """
        core = self._core
        core.refuse_read_only("plan.apply()")
        self.check_shop(core.session.config.base_url)
        self.raise_for_violations()
        check_options(on_stale, on_error, undoable_for)
        check_rows(self.rows)
        if on_error == "all_or_nothing":
            await core.run(check_atomic(self.rows, core.session.facts))
        run = await asked_async(
            lambda: start_apply(
                core.store.ledger,
                ApplyWorkflow(core.session.facts, core.policy),
                self,
                on_stale=on_stale,
                on_error=on_error,
                attempt=attempt,
                undoable_for=undoable_for,
            )
        )
        row, report = await carry_on(core, run, progress=progress)
        return AsyncRun(core, row, report)

    async def schedule(
        self,
        *,
        at: datetime | None = None,
        revert_at: datetime | None = None,
        tz: str | None = None,
        on_overlap: OnOverlap = "layer",
        on_stale: OnStale = "skip",
        on_error: OnError = "best_effort",
        undoable_for: timedelta = UNDOABLE_FOR,
    ) -> AsyncRun:
        """Let the plan begin at a time, and end at another: a sale.

        It stands in the client's store and begins when somebody carries on what is due there at or after its
        time: ``shop.runs.tick()`` or ``shop.runs.serve()``, in this process or any other. So the client needs
        a store: ``store="shop.db"``. Scheduling the same plan for the same times twice is one run.

        With ``revert_at`` the change is a layer above what is there. Where several lie on one field, the one
        that began last shows; the end of one takes that one off and shows what is below. Permanent changes,
        scheduled or applied, change what is below all layers; an edit that somebody makes directly in the
        shop meanwhile stays, and ends the layers of that field.

        Args:
            at: When it begins: aware, or naive together with ``tz``. None = now.
            revert_at: When it ends; None = it stays.
            tz: IANA name of the zone that naive times are meant in (``Europe/Berlin``). A time that a clock
                change skips moves forward by as much; one that comes twice is the first, unless it has
                ``fold=1``.
            on_overlap: ``layer``: as above. ``refuse``: another scheduled plan that changes one of its fields
                in the same time is an error.
            on_stale: As for :meth:`apply`; compared when it begins.
            on_error: As for :meth:`apply`. The end restores whatever it can.
            undoable_for: How long a change that stays can be taken back.

        Returns:
            The run: ``.report`` says what became of each row at the beginning, ``.ended`` at the end;
            ``.cancel()`` before it begins, ``.revert()`` ends it early.

        Raises:
            OverlapError: It overlaps others, and ``on_overlap="refuse"``.
            GuardError: The plan violates its guards.
            PlanError: It was made for another shop, contradicts itself, or is scheduled with other options.
            InvalidInputError: A time is over, has no zone, or an unknown one; the end is before the
                beginning; or an option does not exist.
            UnsupportedByServerError: ``all_or_nothing``, and the server writes row by row.
            ConfigurationError: The client has no store.
            MissingExtraError: There is no time zone data on this machine.
            ReadOnlyError: The client is read-only.
        """
        core = self._core
        core.refuse_read_only("plan.schedule()")
        core.store.check_kept("plan.schedule()")
        self.check_shop(core.session.config.base_url)
        self.raise_for_violations()
        check_options(on_stale, on_error, undoable_for)
        check_overlap_option(on_overlap)
        check_rows(self.rows)
        ledger = core.store.ledger
        times = Times.of(at, revert_at, tz=tz, now=ledger.now())
        if on_error == "all_or_nothing":
            await core.run(check_atomic(self.rows, core.session.facts))
        run = await asked_async(
            lambda: start_schedule(
                ledger,
                ApplyWorkflow(core.session.facts, core.policy),
                self,
                times,
                on_overlap=on_overlap,
                on_stale=on_stale,
                on_error=on_error,
                undoable_for=undoable_for,
            )
        )
        return await AsyncRuns(core).get(run)


async def build_plan(core: AsyncCore, planner: Planner | Restorer, *, title: str | None) -> AsyncPlan:
    """Read what a plan is about, and make it.

    Args:
        core: The shop.
        planner: Says what to read, and takes it.
        title: What the plan is called.
    """
    walk = planner.listing.walk()
    below = await beneath_layers(core)
    async with aclosing(core.pages(walk)) as pages:
        async for page in pages:
            planner.take(below(page.items))
    return AsyncPlan.of(core, planner.document(walk, _origin(core, title)))


async def build_plan_from_rows(core: AsyncCore, rows: WantedRows, *, title: str | None) -> AsyncPlan:
    """Read the products that rows of absolute values are about, and make the plan.

    Args:
        core: The shop.
        rows: What the products shall be.
        title: What the plan is called.
    """
    end = core.end()
    by_id = await core.run_until(end, find("id", rows.ids, fields=rows.columns))
    by_sku = await core.run_until(end, find("sku", rows.skus, fields=rows.columns))
    document = rows.document(
        by_id.rows, by_sku.rows, _origin(core, title), uncertain=by_id.uncertain | by_sku.uncertain
    )
    return AsyncPlan.of(core, document)


def _origin(core: AsyncCore, title: str | None) -> Origin:
    return Origin(
        id=f"plan_{uuid4().hex[:16]}", shop=core.session.config.base_url, now=core.now(), title=title
    )


__all__ = ["AsyncPlan", "build_plan", "build_plan_from_rows"]

"""An applied plan and its undo, killed at every request and inside every transaction."""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Iterable
from typing import Any, cast

import attrs
import pytest

from bulkeditor import (
    UNSET,
    AsyncBulkEditor,
    AsyncPlan,
    AsyncRun,
    BulkEditor,
    Plan,
    PlanDocument,
    PlanRow,
    Sandbox,
)
from bulkeditor.plans._account import read_report
from bulkeditor.plans._apply import ApplyWorkflow
from bulkeditor.plans._codec import pack_row, unpack_row
from bulkeditor.testing import CrashTest, Rig, Scenario
from tests.plans.making import Making, document, problem

SHARE = float(os.environ.get("BULKEDITOR_CRASH_SHARE", "0.02"))


@attrs.define
class Applying(Scenario):
    """A plan with rows of every fate, applied; with ``undo``, taken back as well."""

    undo: bool = False
    on_stale: str = "skip"
    on_error: str = "best_effort"
    products: int = 12

    def kinds(self) -> Collection[type]:
        return {ApplyWorkflow}

    def stands_late_writes(self, idempotency_key: str) -> bool:
        # Once it is taken back, the shop is as the first batch expects it: a late copy of that applies again.
        return not self.undo or idempotency_key == "honoured"

    def prepare(self, sandbox: Sandbox) -> Any:
        with sandbox.connect() as shop:
            shop.products.update(
                [{"id": f"product_id_{n}", "custom_fields": {"season": "summer", "other": n}} for n in (3, 4)]
            )
            making = Making(cast("Any", None), sandbox)
            rows = [
                making.row("product_id_1", "price", "11.00"),
                making.row("product_id_1", "compare_at_price", "15.00"),
                making.row("product_id_1", "tags", ["b", "a"]),
                making.row("product_id_2", "inventory_quantity", 7),
                making.row("product_id_3", "custom_fields.season", UNSET),
                making.row("product_id_3", "custom_fields.new", None),
                making.row("product_id_4", "custom_fields.season", "winter"),
                making.row("product_id_5", "title", "x", problem=problem("title")),
                making.row("product_id_5", "vendor", "Acme"),
                making.row("product_id_6", "price", "1.00"),
                making.row("product_id_6", "cost", "1.00"),
                making.row("product_id_7", "vendor", "Acme"),
                making.row("product_id_8", "vendor", "Acme"),
            ]
            if self.on_stale == "skip":
                shop.products.update([{"id": "product_id_6", "cost": "77.00"}])
            shop.products.update([{"id": "product_id_7", "vendor": "Acme"}])
            if self.on_stale == "skip":
                shop.products.delete("product_id_8")
        return [pack_row(row) for row in rows]

    def plan(self, rig: Rig, prepared: Any) -> PlanDocument:
        rows: Iterable[PlanRow] = map(unpack_row, prepared)
        return document(rig.base_url, rows, ident="plan_crash")

    def options(self) -> Any:
        return {"on_stale": self.on_stale, "on_error": self.on_error}

    def drive(self, rig: Rig, prepared: Any) -> str:
        with BulkEditor(
            rig.base_url, api_key=rig.api_key, transport=rig.transport, store=rig.ledger, clock=rig.clock,
            concurrency=1,
        ) as shop:  # fmt: skip
            # Once the undo is done, applying the plan again would be refused.
            known = rig.ledger.find("apply/plan_crash/1")
            plan = Plan.of(shop._core, self.plan(rig, prepared))
            run = plan.apply(**self.options()) if known is None else shop.runs.get(known.id).resume()
            return run.undo().id if self.undo else run.id

    async def drive_async(self, rig: Rig, prepared: Any) -> str:
        async with AsyncBulkEditor(
            rig.base_url, api_key=rig.api_key, transport=rig.async_transport, store=rig.ledger,
            clock=rig.clock, concurrency=1,
        ) as shop:  # fmt: skip
            known = rig.ledger.find("apply/plan_crash/1")
            plan = AsyncPlan.of(shop._core, self.plan(rig, prepared))
            run = await (plan.apply(**self.options()) if known is None else resumed(shop, known.id))
            return (await run.undo()).id if self.undo else run.id

    def outcomes(self, ledger: Any, run: str) -> Iterable[tuple[str, Any]]:
        report = read_report(ledger, ledger.get(run))
        report.balance.check()
        for outcome in report:
            yield f"{outcome.row.product}.{outcome.row.field}", outcome.status


async def resumed(shop: AsyncBulkEditor, run: str) -> AsyncRun:
    return await (await shop.runs.get(run)).resume()


def killed(test: CrashTest, share: float, seed: int) -> None:
    """Kill at a share of all places.

    Not held as zombies: a write that reaches the shop after the undo of its run, when the product is again as
    it was before, is told from a right one by nothing but an idempotency key.
    """
    rnd = random.Random(seed)
    for cut in rnd.sample(list(test.cuts), max(4, round(len(test.cuts) * share))):
        test.kill_at(cut.number, *([rnd.randint(1, len(test.cuts))] if rnd.random() < 1 / 3 else []))


WAYS = [("honoured", "blocking"), ("ignored", "asyncio")]
if SHARE >= 1:
    WAYS += [("honoured", "asyncio"), ("ignored", "blocking")]


@pytest.mark.parametrize(("idempotency_key", "mode"), WAYS)
def test_applying_killed_everywhere(idempotency_key: str, mode: Any) -> None:
    with CrashTest(Applying(), idempotency_key=idempotency_key, mode=mode) as test:
        test.everywhere(SHARE, seed=1)


@pytest.mark.parametrize(("idempotency_key", "mode"), WAYS)
def test_taking_back_killed_everywhere(idempotency_key: str, mode: Any) -> None:
    with CrashTest(Applying(undo=True), idempotency_key=idempotency_key, mode=mode) as test:
        killed(test, SHARE, seed=2)


@pytest.mark.parametrize(
    "options",
    [{"on_stale": "fail"}, {"on_stale": "force", "on_error": "reject_rows"}],
    ids=["fail", "force-reject_rows"],
)
def test_killed_everywhere_with_other_options(options: Any) -> None:
    with CrashTest(Applying(undo=True, **options), idempotency_key="ignored") as test:
        killed(test, SHARE, seed=3)


@pytest.mark.parametrize(
    "readings",
    [{"bulk_reply": "no_content"}, {"bulk_reply": "drops_row"}, {"custom_fields_update": "replace"}],
    ids=lambda readings: "-".join(*readings.items()),
)
def test_killed_everywhere_under_other_readings(readings: Any) -> None:
    with CrashTest(Applying(undo=True), idempotency_key="ignored", readings=readings) as test:
        killed(test, SHARE, seed=4)


def test_killed_for_real() -> None:
    with CrashTest(Applying(undo=True), idempotency_key="ignored") as test:
        answers = [cut for cut in test.cuts if cut.place == "answer"]
        rnd = random.Random(5)
        for cut in rnd.sample(answers, max(1, round(len(answers) * SHARE))):
            test.kill_process_at(cut.number)


def test_two_processes_at_once() -> None:
    with CrashTest(Applying(), idempotency_key="ignored") as test:
        test.together()

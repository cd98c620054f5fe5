"""Sales that begin, overlap and end, killed at every request and inside every transaction."""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, cast

import attrs
import pytest

from bulkeditor import UNSET, AsyncBulkEditor, AsyncPlan, BulkEditor, Plan, PlanRow, Sandbox
from bulkeditor.client._sync._run import LEASE
from bulkeditor.plans._account import read_ended, read_report
from bulkeditor.plans._apply import ApplyWorkflow
from bulkeditor.plans._codec import pack_row, unpack_row
from bulkeditor.testing import CrashTest, Rig, Scenario
from tests.plans.making import Making, document, problem

HOUR = 1 / 24
SHARE = float(os.environ.get("BULKEDITOR_CRASH_SHARE", "0.02"))


@attrs.define
class Sales(Scenario):
    """Two sales, one within the other, a permanent change and a foreign hand while both are in force."""

    on_stale: str = "skip"
    products: int = 12
    moves_time: bool = True

    def kinds(self) -> Collection[type]:
        return {ApplyWorkflow}

    def stands_late_writes(self, idempotency_key: str) -> bool:
        return idempotency_key == "honoured"

    def prepare(self, sandbox: Sandbox) -> Any:
        making = Making(cast("Any", None), sandbox)
        outer = [
            making.row("product_id_1", "price", "11.00"),
            making.row("product_id_1", "tags", ["sale"]),
            making.row("product_id_2", "custom_fields.season", "winter"),
            making.row("product_id_2", "custom_fields.material", UNSET),
            making.row("product_id_3", "price", "1.00", before="0.01"),
            making.row("product_id_4", "title", "x", problem=problem("title")),
            making.row("product_id_4", "vendor", "Acme"),
            making.row("product_id_5", "price", "12.00"),
        ]
        inner = [
            making.row("product_id_1", "price", "9.00"),
            making.row("product_id_2", "custom_fields.season", None),
        ]
        stays = [making.row("product_id_1", "price", "20.00"), making.row("product_id_6", "vendor", "Acme")]
        if self.on_stale == "force":
            outer = [row for row in outer if row.field != "title"]
        return {
            "start": sandbox.clock.now().isoformat(),
            "plans": {
                name: [pack_row(row) for row in rows]
                for name, rows in (("outer", outer), ("inner", inner), ("stays", stays))
            },
        }

    def document(self, rig: Rig, prepared: Any, name: str) -> Any:
        rows: Iterable[PlanRow] = map(unpack_row, prepared["plans"][name])
        return document(rig.base_url, rows, ident=f"plan_{name}")

    def times(self, prepared: Any, first: float, last: float) -> dict[str, Any]:
        start = datetime.fromisoformat(prepared["start"])
        return {
            "at": start + timedelta(days=first), "revert_at": start + timedelta(days=last),
            "on_stale": self.on_stale,
        }  # fmt: skip

    def move(self, rig: Rig, prepared: Any, day: float) -> None:
        moment = datetime.fromisoformat(prepared["start"]) + timedelta(days=day)
        clock: Any = rig.clock
        # After a death the clock may be there already; but leases run out in any case.
        clock.advance(max(LEASE + 1, (moment - clock.now()).total_seconds()))

    def drive(self, rig: Rig, prepared: Any) -> str:
        with BulkEditor(
            rig.base_url, api_key=rig.api_key, transport=rig.transport, store=rig.ledger, clock=rig.clock,
            concurrency=1,
        ) as shop:  # fmt: skip
            core = shop._core
            known = rig.ledger.find(self.key(prepared))
            if known is None or known.done == 0:
                Plan.of(core, self.document(rig, prepared, "outer")).schedule(**self.times(prepared, 1, 5))
                Plan.of(core, self.document(rig, prepared, "inner")).schedule(**self.times(prepared, 2, 4))
            for day in (1, 2, 4, 5):
                for moment in (day, day + HOUR):  # once more, when the lease of a process that died is over
                    self.move(rig, prepared, moment)
                    shop.runs.tick()
                if day == 2:
                    shop.products.update([{"id": "product_id_5", "price": "13.00"}])
                    Plan.of(core, self.document(rig, prepared, "stays")).apply()
        return self.outer(rig, prepared)

    async def drive_async(self, rig: Rig, prepared: Any) -> str:
        async with AsyncBulkEditor(
            rig.base_url, api_key=rig.api_key, transport=rig.async_transport, store=rig.ledger,
            clock=rig.clock, concurrency=1,
        ) as shop:  # fmt: skip
            core = shop._core
            known = rig.ledger.find(self.key(prepared))
            if known is None or known.done == 0:
                outer = AsyncPlan.of(core, self.document(rig, prepared, "outer"))
                await outer.schedule(**self.times(prepared, 1, 5))
                inner = AsyncPlan.of(core, self.document(rig, prepared, "inner"))
                await inner.schedule(**self.times(prepared, 2, 4))
            for day in (1, 2, 4, 5):
                for moment in (day, day + HOUR):
                    self.move(rig, prepared, moment)
                    await shop.runs.tick()
                if day == 2:
                    await shop.products.update([{"id": "product_id_5", "price": "13.00"}])
                    await AsyncPlan.of(core, self.document(rig, prepared, "stays")).apply()
        return self.outer(rig, prepared)

    def key(self, prepared: Any) -> str:
        times = self.times(prepared, 1, 5)
        return f"schedule/plan_outer/{times['at'].isoformat()}/{times['revert_at'].isoformat()}/0"

    def outer(self, rig: Rig, prepared: Any) -> str:
        run = rig.ledger.find(self.key(prepared))
        assert run is not None
        return run.id

    def outcomes(self, ledger: Any, run: str) -> Iterable[tuple[str, Any]]:
        for row in ledger.runs():
            for name, report in (("begins", read_report(ledger, row)), ("ends", read_ended(ledger, row))):
                if report is None:
                    continue
                report.balance.check()
                for outcome in report:
                    where = f"{row.input['plan']} {name}: {outcome.row.product}.{outcome.row.field}"
                    yield where, [outcome.status, outcome.code, str(outcome.row.after)]


@pytest.mark.parametrize(
    "readings",
    [{"bulk_reply": "no_content"}, {"custom_fields_update": "replace"}],
    ids=lambda readings: "-".join(*readings.items()),
)
def test_sales_killed_under_other_readings(readings: Any) -> None:
    """Under the default readings they are killed everywhere, with every other kind of run: tests/crash."""
    rnd = random.Random(2)
    with CrashTest(Sales(on_stale="force"), idempotency_key="ignored", readings=readings) as test:
        for cut in rnd.sample(list(test.cuts), max(4, round(len(test.cuts) * SHARE))):
            test.kill_at(cut.number, *([rnd.randint(1, len(test.cuts))] if rnd.random() < 1 / 3 else []))

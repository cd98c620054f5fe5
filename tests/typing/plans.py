"""Plans, schedules and backups from a user's point of view, as two type checkers see them."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

import bulkeditor as be
from bulkeditor import F
from bulkeditor.plans import BackupReport


def blocking(shop: be.BulkEditor) -> None:
    plan = shop.plan(filter=F.vendor == "Acme", updates=[be.price.percentage(-20), be.tags.add("sale")])
    assert_type(plan, be.Plan)
    run = plan.apply(on_stale="skip")
    assert_type(run, be.Run)
    assert_type(run.undo(), be.Run)
    assert_type(run.report.stale, be.RunReport)
    sale = plan.schedule(
        at=datetime(2026, 11, 27, 9),  # noqa: DTZ001 - meant in the zone that follows
        revert_at=datetime(2026, 11, 30, 23, 59),  # noqa: DTZ001
        tz="Europe/Berlin",
        on_overlap="refuse",
    )
    assert_type(sale, be.Run)
    assert_type(sale.ended, be.RunReport | None)
    assert_type(sale.revert_at, datetime | None)
    assert_type(shop.runs.tick(), list[be.Run])
    assert_type(shop.backup("shop.jsonl.gz"), BackupReport)
    assert_type(shop.restore("shop.jsonl.gz", fields=["price"], filter=F.status == "active"), be.Plan)


async def asynchronous(shop: be.AsyncBulkEditor) -> None:
    plan = await shop.plan(updates=be.price.set("9.99"), all_products=True)
    assert_type(plan, be.AsyncPlan)
    sale = await plan.schedule(tz="Europe/Berlin")
    assert_type(sale, be.AsyncRun)
    assert_type(await sale.revert(), be.AsyncRun)
    assert_type(await shop.runs.tick(), list[be.AsyncRun])
    assert_type(await shop.backup("shop.csv"), BackupReport)
    assert_type(await shop.restore("shop.csv"), be.AsyncPlan)

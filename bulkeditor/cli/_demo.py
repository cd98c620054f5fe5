"""The main job, from end to end: 20 % off for a part of a catalog, and the proof that it was done.

Written as a program of your own would be: it uses the public client and nothing else, and believes nobody.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

import bulkeditor as be
from bulkeditor.cli._audit import (
    SURVEYED,
    Equalities,
    Row,
    Snapshot,
    Survey,
    Verdict,
    compare,
    exact_price,
    take_snapshot,
)
from bulkeditor.cli._catalog import Catalog
from bulkeditor.cli._endpoint import Received, WebhookEndpoint
from bulkeditor.cli._screen import Column, Screen, one_line

if TYPE_CHECKING:
    from bulkeditor.sandbox.catalog import ImportReport

PERCENT = Decimal(-20)
_SAMPLES = 5
_PROBLEMS_SHOWN = 10
_MISSED_SHOWN = 5
_ENDINGS = frozenset({be.EventName.BULK_JOB_COMPLETED, be.EventName.BULK_JOB_FAILED})


@attrs.frozen(kw_only=True)
class DemoResult:
    """How the demo ended.

    Args:
        problems: A sentence for each thing that did not hold; none means success.
        products: Rows in the catalog.
        filter: What the job was asked to change.
        matched: Rows that the filter takes.
        changed: Rows that hold the exact new price.
        kept: Rows inside the filter that rightly stayed as they were.
        outside: Rows outside the filter.
        seconds: How long everything took.
    """

    problems: tuple[str, ...]
    products: int = 0
    filter: Equalities | None = None
    matched: int = 0
    changed: int = 0
    kept: int = 0
    outside: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return not self.problems


def run_demo(
    sandbox: be.Sandbox,
    screen: Screen,
    *,
    catalog: Catalog | None = None,
    webhook_timeout: float = 10.0,
    job_timeout: float = 600.0,
) -> DemoResult:
    """Run the demo against a sandbox and tell about it.

    Args:
        sandbox: The server, running.
        screen: Where to tell.
        catalog: What the server was filled from, to tell about it.
        webhook_timeout: Seconds to wait for the webhook once the job has ended.
        job_timeout: Seconds to wait for the job.

    Returns:
        What was found; it also stands on the screen.
    """
    demo = _Demo(screen, webhook_timeout, job_timeout)
    start = time.monotonic()
    demo.introduce(sandbox, catalog)
    with sandbox.connect() as shop:
        result = demo.run(shop)
    result = attrs.evolve(result, seconds=time.monotonic() - start)
    demo.summarise(result)
    return result


class _Demo:
    """One run: each method is a step, and tells what it found."""

    def __init__(self, screen: Screen, webhook_timeout: float, job_timeout: float) -> None:
        self._screen = screen
        self._webhook_timeout = webhook_timeout
        self._job_timeout = job_timeout

    def run(self, shop: be.BulkEditor) -> DemoResult:
        """All steps, up to the first that makes the next ones pointless."""
        survey = self._survey(shop)
        chosen = survey.choose()
        if chosen is None:
            what = (
                "No product has a price that could change."
                if survey.total
                else "The catalog holds no products."
            )
            return DemoResult(problems=(what,), products=survey.total)
        condition = be.Condition.from_filter(chosen)
        self._preview(shop, condition)
        before = take_snapshot(shop.products.list(), condition)
        unpriced = sum(row.price is None for row in before.inside.values())
        job_problems = self._run_job(shop, chosen, unpriced)
        after = take_snapshot(shop.products.list(), condition)
        verdict = compare(before, after, PERCENT)
        return DemoResult(
            problems=(*job_problems, *self._judge(before, after, verdict)),
            products=survey.total,
            filter=chosen,
            matched=len(before.inside),
            changed=verdict.changed,
            kept=verdict.kept,
            outside=before.outside,
        )

    def introduce(self, sandbox: be.Sandbox, catalog: Catalog | None) -> None:
        """Where the server is, and what became of the files it was filled from."""
        self._screen.line("Bulk Product Editor: 20 % off for a part of a catalog, and the proof", bold=True)
        self._screen.heading("1. The catalog")
        self._screen.fact("server", f"{sandbox.base_url} (real HTTP, on this machine only)")
        if catalog is not None:
            self._screen.fact("catalog", catalog.origin)
            for report in catalog.reports:
                self._imported(report)

    def _imported(self, report: ImportReport) -> None:
        told = str(report).removeprefix(report.file)
        self._screen.fact("import", Path(report.file).name + told)
        missed = [*report.problems, *report.skipped]
        for problem in missed[:_MISSED_SHOWN]:
            self._screen.line(f"    {one_line(str(problem))}")
        if len(missed) > _MISSED_SHOWN:
            self._screen.line(f"    … and {len(missed) - _MISSED_SHOWN:,} more")

    def _survey(self, shop: be.BulkEditor) -> Survey:
        survey, start = Survey(), time.monotonic()
        # Only what is needed: a field that was not asked for raises instead of reading as nothing.
        for product in shop.products.list(fields=SURVEYED):
            survey.add(product)
        took = time.monotonic() - start
        self._screen.fact("read", f"{count(survey.total, 'product')} over HTTP in {took:.2f} s")
        if survey.unpriced:
            self._screen.fact("unpriced", f"{count(survey.unpriced, 'product')} without a price")
        return survey

    def _preview(self, shop: be.BulkEditor, condition: be.Condition) -> None:
        self._screen.heading(f"2. Preview of {PERCENT.normalize():f} %")
        self._screen.fact("filter", str(condition))
        rows = [
            (row.sku, row.title, plain(row.price), plain(exact_price(row.price, PERCENT).normalize()))
            for row in islice(
                shop.products.list(filter=condition, fields=["sku", "title", "price"]), _SAMPLES
            )
            if row.price is not None
        ]
        columns = (Column("SKU", shrinks=True), Column("title", shrinks=True))
        self._screen.table((*columns, Column("price", right=True), Column("exactly", right=True)), rows)

    def _run_job(self, shop: be.BulkEditor, chosen: Equalities, unpriced: int) -> list[str]:
        self._screen.heading("3. The bulk job")
        secret = be.Secret(secrets.token_urlsafe(32))
        with WebhookEndpoint(secret) as endpoint:
            webhook = shop.webhooks.create(events=sorted(_ENDINGS), endpoint=endpoint.url, secret=secret)
            try:
                return self._watch_job(shop, chosen, endpoint, unpriced)
            finally:
                shop.webhooks.delete(webhook.id)

    def _watch_job(
        self, shop: be.BulkEditor, chosen: Equalities, endpoint: WebhookEndpoint, unpriced: int
    ) -> list[str]:
        start = time.monotonic()
        try:
            job = shop.bulk_jobs.create(
                operation="update",
                filter=chosen,
                updates=be.Updates(price_adjustment=be.PriceAdjustment.percentage(PERCENT)),
            )
            # Rows without a price make a job end with errors; every row is judged below, so go on.
            job = shop.bulk_jobs.wait(
                job.id, progress=self._progress, timeout=self._job_timeout, allow_errors=True
            )
        except be.JobError as error:
            self._screen.held(False, error.message)
            return [error.message]
        self._screen.fact("job", f"{job.id} {job.status} after {time.monotonic() - start:.2f} s")
        if job.error_count:
            self._screen.fact("row errors", f"{count(job.error_count, 'row')} refused by the server")
        problems = self._judge_webhook(job, endpoint.wait_for(_ENDINGS, job.id, self._webhook_timeout))
        if (job.error_count or 0) != unpriced:
            problems.append(f"The job refused {job.error_count} rows; {unpriced} have no price to change.")
            self._screen.held(False, problems[-1])
        return problems

    def _progress(self, job: be.Job) -> None:
        done, total = job.processed_products or 0, job.total_products or 0
        self._screen.progress(done / total if total else float(job.terminal), f"{done:,}/{total:,} rows")

    def _judge_webhook(self, job: be.Job, received: Received | None) -> list[str]:
        if received is None:
            problem = f"No webhook about the job came within {self._webhook_timeout:g} s."
            self._screen.held(False, problem)
            return [problem]
        problems = [f"A webhook is not genuine: {received.problem}"] if received.problem else []
        self._screen.held(
            not problems, problems[0] if problems else f"webhook {received.event}, signature verified"
        )
        told = (received.data.get("total_products"), received.data.get("failed_updates"))
        if told != (job.total_products, job.error_count or 0):
            problems.append(f"The webhook tells of {told[0]} rows and {told[1]} errors, the job of others.")
            self._screen.held(False, problems[-1])
        return problems

    def _judge(self, before: Snapshot, after: Snapshot, verdict: Verdict) -> list[str]:
        self._screen.heading("4. Every row, read back and computed again")
        self._samples(before, after)
        problems = list(verdict.wrong)
        if not verdict.changed:
            problems.append("No row was changed.")
        right = f"{count(verdict.changed, 'row')} at the exact price, within one minor unit"
        wrong = f"{count(len(problems), 'problem')} with the rows in the filter"
        self._screen.held(not problems, wrong if problems else right)
        if verdict.kept:
            self._screen.held(
                True, f"{count(verdict.kept, 'row')} rightly as before: no price, or too low to change"
            )
        if not verdict.outside_intact:
            problems.append("Rows outside the filter changed.")
        outside = f"{count(before.outside, 'row')} outside the filter, every field as before"
        if not before.outside:
            outside = "no row is outside the filter, so none could be touched by mistake"
        self._screen.held(verdict.outside_intact, outside if verdict.outside_intact else problems[-1])
        return problems

    def _samples(self, before: Snapshot, after: Snapshot) -> None:
        rows: list[tuple[str, str, str, str, str]] = []
        for row in _spread(list(before.inside.values()), _SAMPLES):
            now = after.inside.get(row.id)
            exact = "" if row.price is None else plain(exact_price(row.price, PERCENT).normalize())
            rows.append((row.sku, row.title, plain(row.price), plain(now.price) if now else "gone", exact))
        columns = (Column("SKU", shrinks=True), Column("title", shrinks=True))
        prices = (Column("before", right=True), Column("after", right=True), Column("exactly", right=True))
        self._screen.table((*columns, *prices), rows)

    def summarise(self, result: DemoResult) -> None:
        """The end of the story: what was done, or what went wrong; and how to go on."""
        screen = self._screen
        if not result.ok:
            tell_failed(screen, result.problems)
            return
        screen.heading("Done")
        screen.line(
            f"  {result.changed:,} of {count(result.products, 'product')} reduced by 20 %, every row proved, "
            f"in {result.seconds:.1f} s."
        )
        screen.heading("Go on")
        screen.line("  python -m bulkeditor demo --catalog products_export.csv   the same on your own export")
        screen.line(
            "  python -m bulkeditor sandbox                              the server alone, to try things on"
        )
        screen.line(
            "  docs/first-steps.md                                       the same in Python, line by line"
        )


def tell_failed(screen: Screen, problems: Sequence[str]) -> None:
    """How a demo ends that found problems: the first of them, and how many there are."""
    screen.heading(f"Failed: {count(len(problems), 'problem')}")
    for problem in problems[:_PROBLEMS_SHOWN]:
        screen.held(False, problem)
    if len(problems) > _PROBLEMS_SHOWN:
        screen.line(f"  … and {len(problems) - _PROBLEMS_SHOWN} more")


def plain(price: Decimal | None) -> str:
    """A price as it stands, without an exponent."""
    return "none" if price is None else f"{price:f}"


def count(number: int, noun: str) -> str:
    """A number with its noun: ``1 row``, ``1,000 rows``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _spread(rows: list[Row], size: int) -> list[Row]:
    """Rows from the whole length of a list, its first among them."""
    step = max(1, len(rows) // size)
    return rows[::step][:size]

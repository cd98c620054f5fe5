"""Faults on the way: nothing is written twice, nothing is lost, nothing stops silently."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bulkeditor import F, RetryPolicy, Sandbox
from bulkeditor.errors import (
    InvalidInputError,
    JobTimeoutError,
    OutcomeUnknownError,
    PaginationError,
    RateLimitError,
    ServerError,
    TransportError,
    UnexpectedResponseError,
)

QUICK = RetryPolicy(base_delay=1, max_delay=5, rate_limit_delay=1)
LOST: list[dict[str, Any]] = [
    {"drop": True},
    {"drop": True, "after_commit": True},
    {"status": 503},
    {"status": 503, "after_commit": True},
    {"status": 500, "after_commit": True},
    {"html": True, "after_commit": True},
    {"status": 200, "html": True, "after_commit": True},
    {"truncate": 20},
]


@pytest.fixture(params=["honoured", "ignored"])
def keyed(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(products=60, readings={"idempotency_key": request.param}) as server:
        yield server
        server.assert_no_duplicate_effects()


def identify(fault: dict[str, Any]) -> str:
    return "-".join(f"{name}={value}" for name, value in fault.items())


def writes(sandbox: Sandbox, route: str) -> list[Any]:
    return [
        entry for entry in sandbox.journal if entry.route == route and entry.effects and not entry.replayed
    ]


@pytest.mark.parametrize("known", [False, True], ids=["first-write", "later-write"])
@pytest.mark.parametrize("fault", LOST, ids=identify)
class TestLostAnswers:
    """Each way to lose an answer, with keys honoured and ignored, known to be so or not."""

    def client(self, connect: Any, sandbox: Sandbox, *, known: bool) -> Any:
        shop = connect(sandbox, retry=QUICK)
        if known:
            shop.products.update([{"id": "product_id_9", "title": "Learn"}])
        return shop

    def test_update(self, connect: Any, keyed: Sandbox, fault: dict[str, Any], known: bool) -> None:
        shop = self.client(connect, keyed, known=known)
        keyed.faults.add("PUT /products/bulk", times=1, **fault)
        report = shop.products.update([{"id": f"product_id_{n}", "price": f"{n}.05"} for n in range(1, 5)])
        assert [outcome.status for outcome in report] == ["updated"] * 4
        assert [keyed.products.get(f"product_id_{n}")["price"] for n in range(1, 5)] == [  # type: ignore[index]
            Decimal(f"{n}.05") for n in range(1, 5)
        ]
        assert len(writes(keyed, "products.update")) == 1 + known

    def test_job(self, connect: Any, keyed: Sandbox, fault: dict[str, Any], known: bool) -> None:
        shop = self.client(connect, keyed, known=known)
        keyed.faults.add("POST /bulk-jobs", times=1, **fault)
        before = {
            row["id"]: row["price"] for row in keyed.products.rows() if row["vendor"] == "Premium Brand"
        }
        updates = {"price_adjustment": {"type": "percentage", "value": -20}}
        try:
            job = shop.bulk_jobs.create(filter={"vendor": "Premium Brand"}, updates=updates)
        except OutcomeUnknownError:
            # Not there after a lost answer: it may still come, so nobody repeats it.
            assert "after_commit" not in fault
            assert len(writes(keyed, "bulk_jobs.create")) == 0
            return
        shop.bulk_jobs.wait(job.id, timeout=20)
        assert len(writes(keyed, "bulk_jobs.create")) == 1
        for name, price in before.items():
            now = keyed.products.get(name)
            assert now is not None
            assert abs(now["price"] - price * Decimal("0.8")) <= Decimal("0.005"), (
                "discounted twice, or not at all"
            )

    def test_webhook(self, connect: Any, keyed: Sandbox, fault: dict[str, Any], known: bool) -> None:
        shop = self.client(connect, keyed, known=known)
        keyed.faults.add("POST /webhooks", times=1, **fault)
        try:
            shop.webhooks.create(events=["product.updated"], endpoint="http://127.0.0.1:9/hook")
        except OutcomeUnknownError:
            assert "after_commit" not in fault
            return
        assert len(shop.webhooks.list().all()) == 1

    def test_adjustment(self, connect: Any, keyed: Sandbox, fault: dict[str, Any], known: bool) -> None:
        shop = self.client(connect, keyed, known=known)
        row = {"product_id": "product_id_1", "location_id": "warehouse_1"}
        (before,) = shop.inventory.levels(**row)
        keyed.faults.add("POST /inventory/adjustments", times=1, **fault)
        try:
            (outcome,) = shop.inventory.adjust([{**row, "delta": -3}])
        except OutcomeUnknownError:
            pass
        else:
            assert outcome.status == "updated"
        (after,) = shop.inventory.levels(**row)
        assert before.on_hand - after.on_hand in (0, 3)
        assert len(writes(keyed, "inventory.adjust")) <= 1

    def test_delete(self, connect: Any, keyed: Sandbox, fault: dict[str, Any], known: bool) -> None:
        shop = self.client(connect, keyed, known=known)
        keyed.faults.add("DELETE /products/{id}", times=1, **fault)
        shop.products.delete("product_id_7")
        assert keyed.products.get("product_id_7") is None
        assert len(writes(keyed, "products.delete")) == 1

    def test_create(self, connect: Any, keyed: Sandbox, fault: dict[str, Any], known: bool) -> None:
        shop = self.client(connect, keyed, known=known)
        count = keyed.products.count()
        keyed.faults.add("POST /products", times=1, **fault)
        try:
            made = shop.products.create({"sku": "NEW-1", "title": "New thing", "price": "3.50"})
        except OutcomeUnknownError:
            assert "after_commit" not in fault
            assert keyed.products.count() == count
            return
        assert made.sku == "NEW-1"
        assert keyed.products.count() == count + 1


def test_half_a_batch_before_the_answer_is_lost(connect: Any, keyed: Sandbox) -> None:
    keyed.faults.add("PUT /products/bulk", partial_batch=2, drop=True, times=1)
    shop = connect(keyed, retry=QUICK)
    report = shop.products.update([{"id": f"product_id_{n}", "price": n} for n in range(1, 6)])
    assert report.ok
    assert [len(entry.effects) for entry in writes(keyed, "products.update")] == [2, 3]


def test_half_a_batch_that_is_passed_off_as_the_whole(connect: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("PUT /products/bulk", partial_batch=2, times=1)
    report = connect(sandbox).products.update([{"id": f"product_id_{n}", "price": n} for n in range(1, 6)])
    assert [outcome.status for outcome in report] == ["updated", "updated", "failed", "failed", "failed"]
    assert {outcome.code for outcome in report.failed} == {"not_applied"}
    again = report.failed.retry()
    assert len(again) == 3
    assert again.ok


def test_unknown_rows_are_read_before_they_are_sent_again(connect: Any, sandbox: Sandbox) -> None:
    shop = connect(sandbox, retry=RetryPolicy(max_retries=0))
    sandbox.faults.add("PUT /products/bulk", drop=True, after_commit=True, times=1)
    reading = sandbox.faults.add("GET /products", status=503)
    report = shop.products.update([{"id": "product_id_1", "price": "3.03"}])
    assert [outcome.status for outcome in report] == ["unknown"]
    assert reading.hits
    sandbox.faults.clear()
    again = report.unknown.retry()
    assert [outcome.status for outcome in again] == ["unchanged"]
    assert len(writes(sandbox, "products.update")) == 1


def test_a_gateway_that_is_down_is_an_error_with_everything_in_it(connect: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("*", html=True)
    shop = connect(sandbox, retry=RetryPolicy(max_retries=1, base_delay=1))
    with pytest.raises(ServerError) as caught:
        shop.products.get("product_id_1")
    assert caught.value.status == 502
    assert "HTML" in str(caught.value)


def test_a_web_page_in_place_of_the_list(connect: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("GET /products", html=True, status=200)
    with pytest.raises(UnexpectedResponseError, match="base_url"):
        connect(sandbox).products.list().first()


def test_a_list_that_breaks_off_goes_on_where_it_was(connect: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("GET /products", skip=2, times=1, truncate=True)
    sandbox.faults.add("GET /products", skip=2, times=2, status=503)
    shop = connect(sandbox, retry=QUICK)
    ids = [item.id for item in shop.products.list(limit=10)]
    assert len(ids) == len(set(ids)) == 60
    pages = [entry for entry in sandbox.journal if entry.route == "products.list" and entry.fault is None]
    assert len(pages) == 6


def test_a_list_that_fails_can_be_resumed(connect: Any, sandbox: Sandbox) -> None:
    shop = connect(sandbox, retry=RetryPolicy(max_retries=0), read_ahead=0)
    sandbox.faults.add("GET /products", skip=3, times=1, status=503)
    pager = shop.products.list(limit=10)
    pages: list[Any] = []
    with pytest.raises(ServerError):
        pages.extend(pager.pages())
    # list.extend() keeps what came before the error.
    seen = [item.id for page in pages for item in page]
    assert len(seen) == 30
    seen += [item.id for item in pager.resume(pages[-1].next_token)]
    assert len(seen) == len(set(seen)) == 60


def test_a_page_that_repeats_stops_with_an_error(connect: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("GET /products", skip=2, times=1, repeat_page=True)
    with pytest.raises(PaginationError, match="repeats the page before it"):
        connect(sandbox, read_ahead=0).products.list(limit=10).all()


def test_429_is_waited_out_and_then_said(connect: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("GET /products", status=429, retry_after="0.05", times=1)
    shop = connect(sandbox)
    assert shop.products.list().first() is not None
    sandbox.faults.add("GET /products", status=429, retry_after=9999)
    with pytest.raises(RateLimitError) as caught:
        shop.products.list().first()
    assert caught.value.retry_after == 9999


def test_nobody_there(connect: Any, sandbox: Sandbox) -> None:
    shop = connect(sandbox, retry=RetryPolicy(max_retries=1, base_delay=1))
    sandbox.stop()
    with pytest.raises(TransportError) as caught:
        shop.products.update([{"id": "product_id_1", "price": 1}])
    assert not caught.value.sent
    sandbox.start()


def test_batches_side_by_side_under_faults(connect: Any, keyed: Sandbox) -> None:
    keyed.faults.add("PUT /products/bulk", skip=1, times=1, drop=True, after_commit=True)
    keyed.faults.add("PUT /products/bulk", skip=1, times=1, status=503)
    shop = connect(keyed, retry=QUICK, concurrency=4)
    big = "x" * 60_000
    rows = [{"id": f"product_id_{n}", "barcode": f"{big}{n}"} for n in range(1, 61)]
    report = shop.products.update(rows)
    assert report.ok
    assert len([entry for entry in keyed.journal if entry.route == "products.update"]) >= 5
    assert all(keyed.products.get(row["id"])["barcode"] == row["barcode"] for row in rows)  # type: ignore[index]


def test_the_deadline_holds_for_the_whole_update(connect: Any, sandbox: Sandbox) -> None:
    big = "x" * 60_000
    rows = [{"id": f"product_id_{n}", "barcode": f"{big}{n}"} for n in range(1, 61)]
    sandbox.faults.add("PUT /products/bulk", skip=1, latency=1.0)
    shop = connect(sandbox, deadline=0.4, concurrency=1, retry=QUICK)
    report = shop.products.update(rows)
    assert len(report) == 60
    counts = report.counts
    assert counts["updated"] > 0
    assert counts["updated"] + counts["unknown"] + counts["failed"] == 60
    assert counts["unknown"] > 0


def test_waiting_is_not_cut_short_by_the_deadline_of_a_call(connect: Any, sandbox: Sandbox) -> None:
    shop = connect(sandbox, deadline=1)
    sandbox.faults.add(job_stall=True)
    job = shop.bulk_jobs.create(filter={"vendor": "Premium Brand"}, updates={"title": "New title"})
    with pytest.raises(JobTimeoutError):
        shop.bulk_jobs.wait(job.id, timeout=1.2)
    sandbox.faults.clear()
    assert shop.bulk_jobs.wait(job.id, timeout=20).succeeded


def test_a_token_belongs_to_the_whole_filter_and_not_to_the_fields() -> None:
    with Sandbox(products=30) as server, server.connect() as shop:
        dear = shop.products.list(filter=F.price > 15, limit=10)
        token = next(iter(dear.pages())).next_token
        assert token is not None
        with pytest.raises(InvalidInputError, match="another listing"):
            shop.products.list(filter=F.price <= 15, limit=10).resume(token).all()
        fewer = shop.products.list(filter=F.price > 15, limit=10, fields=["id"]).resume(token).all()
        assert [p.id for p in fewer] == [p.id for p in dear.resume(token).all()]

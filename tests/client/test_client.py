"""The client itself: how it is made, changed, closed, and what it gives away of itself."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
import warnings
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import bulkeditor as be
from bulkeditor import AsyncBulkEditor, BulkEditor, F, Hooks, RetryPolicy, Sandbox, Secret
from bulkeditor.client import Page
from bulkeditor.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidInputError,
    JobFailedError,
    KeyRotationWarning,
    NotLoadedError,
    PaginationError,
    PermissionDeniedError,
    ReadOnlyError,
    UpdateFailedError,
)

URL = "https://editor.example.com"
KEY = "be_live_canary"
MAKERS: list[Any] = [BulkEditor, AsyncBulkEditor]
VARIABLES = ("BULKEDITOR_BASE_URL", "BULKEDITOR_API_KEY", "BULKEDITOR_ACCESS_TOKEN")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


# Made


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("options", "variables", "text"),
    [
        ({}, {}, "address is missing.*BULKEDITOR_BASE_URL"),
        ({"base_url": URL}, {}, "credential is missing.*BULKEDITOR_API_KEY or BULKEDITOR_ACCESS_TOKEN"),
        ({"base_url": URL, "api_key": "a", "access_token": "b"}, {}, "api_key and access_token were given"),
        ({"base_url": URL, "api_key": "a", "auth": be.auth.APIKey("b")}, {}, "api_key and auth were given"),
        ({"base_url": URL}, {"BULKEDITOR_API_KEY": "a", "BULKEDITOR_ACCESS_TOKEN": "b"}, "are both set"),
        ({"base_url": "editor.example.com", "api_key": "a"}, {}, "base_url must be an http or https address"),
        ({"base_url": "ftp://x", "api_key": "a"}, {}, "base_url must be"),
        ({"base_url": URL + "?x=1", "api_key": "a"}, {}, "query or a fragment"),
        ({"api_key": "a"}, {"BULKEDITOR_BASE_URL": "nonsense"}, "BULKEDITOR_BASE_URL must be"),
        ({"base_url": "https://u:pw@x.example", "api_key": "a"}, {}, "user name or password"),
        (
            {"base_url": URL, "api_key": "a", "concurrency": 0},
            {},
            "concurrency must be a whole number from 1",
        ),
        ({"base_url": URL, "api_key": "a", "read_ahead": -1}, {}, "read_ahead must be"),
        ({"base_url": URL, "api_key": "a", "timeout": 0}, {}, "timeout"),
        ({"base_url": URL, "api_key": ""}, {}, "empty"),
    ],
)
def test_options_that_cannot_work_are_refused(
    make: Any, options: dict[str, Any], variables: dict[str, str], text: str, environment: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    with pytest.raises(ConfigurationError, match=text):
        make(**options)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("name", ["BULKEDITOR_API_KEY", "BULKEDITOR_ACCESS_TOKEN"])
def test_the_environment_is_enough(make: Any, name: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BULKEDITOR_BASE_URL", URL + "/")
    environment.setenv(name, KEY)
    shop = make()
    assert shop.session.config.base_url == URL
    expected = be.auth.APIKey if "KEY" in name else be.auth.Bearer
    assert isinstance(shop.session.config.auth, expected)


@pytest.mark.parametrize("given", [URL, URL + "/", URL + "/api/v1", URL + "/api/v1/", f" {URL} "])
def test_the_address_may_end_as_it_is_often_copied(given: str) -> None:
    assert BulkEditor(given, api_key=KEY).session.config.base_url == URL


def test_a_prefix_stays() -> None:
    assert BulkEditor(URL + "/shop/api/v1", api_key=KEY).session.config.base_url == URL + "/shop"


@pytest.mark.parametrize("make", MAKERS)
def test_no_credential_shows(make: Any) -> None:
    shop = make(URL, api_key=Secret(KEY))
    shown = f"{shop!r} {shop} {vars(shop)} {shop.session!r} {shop.session.config!r} {vars(shop.products)}"
    assert KEY not in shown
    assert repr(shop) == f"<{make.__name__} {URL}>"
    assert repr(shop.with_options(read_only=True)) == f"<{make.__name__} {URL}, read-only>"
    with pytest.raises(TypeError):
        pickle.dumps(shop)


# Changed and closed


def test_options_can_be_changed_over_the_same_connections(connect: Any, sandbox: Sandbox) -> None:
    shop = connect(sandbox)
    careful = shop.with_options(read_only=True, timeout=5, retry=RetryPolicy(max_retries=0), concurrency=2)
    with pytest.raises(ReadOnlyError):
        careful.products.update([{"id": "product_id_1", "price": 1}])
    assert careful.products.get("product_id_1").id == "product_id_1"
    assert shop.products.update([{"id": "product_id_1", "price": 1}]).ok
    with pytest.raises(ConfigurationError, match="'api_key' is not an option that can be changed"):
        shop.with_options(api_key="x")
    close(careful)
    assert shop.products.get("product_id_1").price == 1


def close(shop: Any) -> None:
    (shop.aclose if hasattr(getattr(shop, "_target", shop), "aclose") else shop.close)()


def test_a_closed_client_says_so(connect: Any, sandbox: Sandbox) -> None:
    shop = connect(sandbox)
    close(shop)
    close(shop)
    with pytest.raises(ConfigurationError, match="closed"):
        shop.products.get("product_id_1")


def test_a_client_of_a_sandbox_of_its_own_ends_it() -> None:
    before = threading.active_count()
    with BulkEditor.sandbox(products=5, read_only=True, readings={"money": "string"}) as shop:
        assert len(shop.products.list().all()) == 5
        address = shop.session.config.base_url
        with pytest.raises(ReadOnlyError):
            shop.products.update([{"id": "product_id_1", "price": 1}])
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)
    assert threading.active_count() == before


def test_the_same_for_asyncio() -> None:
    async def use() -> int:
        async with AsyncBulkEditor.sandbox(products=5) as shop:
            return len([item async for item in shop.products.list()])

    assert asyncio.run(use()) == 5


def test_a_catalog_of_ones_own(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.export_csv(tmp_path / "products_export.csv")
    with BulkEditor.sandbox(catalog=tmp_path / "products_export.csv") as shop:
        assert len(shop.products.list().all()) == 60


def test_options_that_cannot_work_leave_no_sandbox_running() -> None:
    before = threading.active_count()
    with pytest.raises(ConfigurationError):
        BulkEditor.sandbox(products=2, timeout=-1)
    assert threading.active_count() == before


def test_a_client_that_was_dropped_is_complained_about(sandbox: Sandbox) -> None:
    shop = sandbox.connect()
    shop.products.get("product_id_1")
    dropped = [shop]
    del shop
    with pytest.warns(ResourceWarning):
        dropped.clear()
    gc.collect()


# Seen


def test_the_raw_responses_of_a_block(shop: Any) -> None:
    with shop.responses() as seen:
        shop.products.get("product_id_1")
        shop.products.update([{"id": "product_id_1", "price": 3}])
    shop.products.get("product_id_2")
    assert [response.request.operation for response in seen] == ["products.get", "products.update"]
    assert seen[0].status == 200
    assert seen[0].request_id
    assert seen[0].json()["id"] == "product_id_1"


def test_hooks_are_told(connect: Any, sandbox: Sandbox) -> None:
    told: list[Any] = []
    shop = connect(sandbox, hooks=Hooks(on_response=(told.append,)))
    shop.products.get("product_id_1")
    assert [(event.operation, event.status) for event in told] == [("products.get", 200)]


def test_flows_of_ones_own_run_in_the_session(blocking: BulkEditor) -> None:
    from bulkeditor.api import products  # noqa: PLC0415 - as a user would

    assert blocking.session.run(products.get("product_id_1")).id == "product_id_1"


# Listing


def test_first_is_one_request(shop: Any, sandbox: Sandbox) -> None:
    assert shop.products.list(limit=10).first().id == "product_id_1"
    assert len(sandbox.journal) == 1
    assert shop.products.list(filter={"vendor": "nobody"}).first() is None
    text = 'vendor = "Premium Brand" AND price < cost * 10'
    found = shop.products.list(filter=text).all()
    assert found
    assert found == shop.products.list(filter=be.query.parse_condition(text)).all()


def test_pages_know_where_they_stand(shop: Any) -> None:
    pages = list(shop.products.list(limit=25).pages())
    assert all(isinstance(page, Page) for page in pages)
    assert [(page.number, len(page), page.has_next, page.total) for page in pages] == [
        (1, 25, True, 60),
        (2, 25, True, 60),
        (3, 10, False, 60),
    ]
    assert pages[2].next_token is None
    assert pages[0][0].id == "product_id_1"


def test_an_iteration_that_ends_early_leaves_nothing_behind(connect: Any, sandbox: Sandbox) -> None:
    shop = connect(sandbox, read_ahead=4)
    sandbox.faults.add("GET /products", latency=0.03)
    pages = shop.products.list(limit=5).pages()
    for page in pages:
        if page.number == 3:
            break
    pages.close()
    gc.collect()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("bulkeditor")]


def test_reading_ahead_is_quicker_where_the_server_is_slow(connect: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("GET /products", latency=0.02)
    shop = connect(sandbox, read_ahead=4)
    assert len(shop.products.list(limit=5).all()) == 60


def test_a_listing_can_be_iterated_again(shop: Any) -> None:
    pager = shop.products.list(limit=25)
    assert len(list(pager)) == len(list(pager)) == 60


def test_a_page_past_the_end_is_an_error(shop: Any) -> None:
    with pytest.raises(PaginationError, match=r"page 9 is past the end.*last page is 3"):
        shop.products.list(limit=25, page=9).all()
    assert len(shop.products.list(limit=25, page=3).all()) == 10


def test_wrong_arguments_are_refused_where_they_stand(shop: Any, sandbox: Sandbox) -> None:
    for arguments in ({"limit": 0}, {"fields": ["prise"]}, {"filter": "vendor"}, {"filter": {"prise": 1}}):
        with pytest.raises(InvalidInputError):
            shop.products.list(**arguments)
    assert len(sandbox.journal) == 0


def test_a_field_that_was_not_asked_for_is_not_loaded(shop: Any) -> None:
    row = shop.products.list(fields=["sku"], filter=F.vendor == "Premium Brand").first()
    assert row.sku
    with pytest.raises(NotLoadedError, match="vendor"):
        _ = row.vendor


# Writing


def test_a_report_is_pleasant_and_can_be_raised(shop: Any) -> None:
    report = shop.products.update([{"id": "product_id_1", "price": "1.10"}, {"sku": "nope", "price": 1}])
    assert str(report).splitlines()[0] == "2 rows: 1 updated, 1 failed"
    assert report.counts["updated"] == 1
    with pytest.raises(UpdateFailedError, match="No product has the SKU 'nope'"):
        report.raise_for_failures()
    again = report.failed.retry()
    assert [outcome.code for outcome in again] == ["unknown_sku"]
    assert len(report.updated.retry()) == 1


def test_rows_are_verified_when_asked(shop: Any) -> None:
    report = shop.products.update([{"id": f"product_id_{n}", "price": n} for n in range(1, 20)], verify=True)
    assert all(outcome.verified for outcome in report)


def test_a_key_without_the_scope_is_told_which(connect: Any, sandbox: Sandbox) -> None:
    shop = connect(sandbox, api_key=sandbox.create_key(["read:products", "write:products"]))
    report = shop.products.update(
        [{"id": "product_id_1", "inventory_quantity": 4}, {"id": "product_id_2", "price": 4}]
    )
    assert [outcome.status for outcome in report] == ["failed", "updated"]
    assert report[0].code == "missing_scope"
    with pytest.raises(PermissionDeniedError) as caught:
        shop.products.update([{"id": "product_id_1", "inventory_quantity": 4}])
    assert caught.value.required_scope == "write:inventory"


def test_a_wrong_key_is_an_error_and_no_report(connect: Any, sandbox: Sandbox) -> None:
    with pytest.raises(AuthenticationError):
        connect(sandbox, api_key="wrong").products.update([{"id": "product_id_1", "price": 1}])


# Jobs, analytics, keys


def test_a_job_with_failed_rows(shop: Any) -> None:
    shop.products.update(
        [{"id": "product_id_1", "price": None, "vendor": "Mixed"}, {"id": "product_id_2", "vendor": "Mixed"}]
    )
    job = shop.bulk_jobs.create(
        filter=F.vendor == "Mixed", updates={"price_adjustment": {"type": "percentage", "value": -10}}
    )
    seen: list[Any] = []
    with pytest.raises(JobFailedError, match="1 of its rows failed"):
        shop.bulk_jobs.wait(job.id, progress=seen.append)
    assert seen[-1].terminal
    assert shop.bulk_jobs.wait(job.id, allow_errors=True).error_count == 1
    (error,) = shop.bulk_jobs.errors(job.id)
    assert error.product_id == "product_id_1"
    assert [item.id for item in shop.bulk_jobs.list(status="completed")] == [job.id]


def test_a_job_in_the_future_can_be_cancelled(shop: Any, sandbox: Sandbox) -> None:
    when = sandbox.clock.now() + timedelta(days=3)
    job = shop.bulk_jobs.create(operation="delete", filter={"vendor": "Premium Brand"}, schedule=when)
    assert not job.terminal
    assert shop.bulk_jobs.cancel(job.id).status == "cancelled"
    assert sandbox.products.count() == 60
    with pytest.raises(InvalidInputError, match="past"):
        shop.bulk_jobs.create(operation="delete", all_products=True, schedule=when - timedelta(days=4))
    with pytest.raises(InvalidInputError, match="time zone"):
        shop.bulk_jobs.create(operation="delete", all_products=True, schedule=datetime(2030, 1, 1))  # noqa: DTZ001


def test_every_product_needs_a_word(shop: Any, sandbox: Sandbox) -> None:
    with pytest.raises(InvalidInputError, match="all_products=True"):
        shop.bulk_jobs.create(operation="delete")
    shop.bulk_jobs.wait(shop.bulk_jobs.create(operation="delete", all_products=True).id)
    assert sandbox.products.count() == 0


def test_progress_is_shown_on_stderr(shop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    job = shop.bulk_jobs.create(filter={"vendor": "Premium Brand"}, updates={"title": "New title"})
    shop.bulk_jobs.wait(job.id, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "100 %" in shown.err
    assert "completed" in shown.err


def test_analytics_of_some_days(shop: Any) -> None:
    rows = shop.analytics.products(start=date(2024, 1, 1), end=date(2024, 1, 31), limit=25).all()
    assert len({row.product_id for row in rows}) == len(rows)
    with pytest.raises(InvalidInputError, match="end 2024-01-01 is before start"):
        shop.analytics.products(start=date(2024, 2, 1), end=date(2024, 1, 1))
    with pytest.raises(InvalidInputError, match="must be a date"):
        shop.analytics.products(start="2024-01-01")


def test_webhooks_from_cradle_to_grave(shop: Any) -> None:
    hook = shop.webhooks.create(events=["product.updated"], endpoint="http://127.0.0.1:9/hook", secret="mine")
    assert hook.secret.reveal() == "mine"
    assert shop.webhooks.update(hook.id, enabled=False).enabled is False
    assert shop.webhooks.get(hook.id).enabled is False
    rotated = shop.webhooks.rotate_secret(hook.id, overlap_seconds=60)
    assert rotated.secret.reveal() != "mine"
    assert rotated.previous_expires_at is not None
    assert shop.webhooks.deliveries(hook.id).all() == []
    assert shop.webhooks.get(hook.id).disabled_reason == "manual"
    made_up = shop.webhooks.test(hook.id, event="product.deleted", data={"sku": "TS-1"})
    assert (made_up.status, made_up.payload["data"]["sku"], made_up.log) == ("pending", "TS-1", [])
    assert [one.id for one in shop.webhooks.deliveries(hook.id)] == [made_up.id]
    with pytest.raises(be.InvalidInputError, match="exploded"):
        shop.webhooks.test(hook.id, event="product.exploded")
    revived = shop.webhooks.update(hook.id, enabled=True)
    assert (revived.enabled, revived.disabled_at, revived.failing_since) == (True, None, None)
    shop.webhooks.delete(hook.id)
    with pytest.raises(be.NotFoundError):
        shop.webhooks.get(hook.id)


def test_old_keys_are_warned_of_and_rotated(connect: Any) -> None:
    with Sandbox(products=1) as sandbox:
        shop = connect(sandbox)
        sandbox.clock.advance("91d")
        with pytest.warns(KeyRotationWarning, match="days old"):
            shop.keys.list().all()
        fresh = shop.keys.rotate()
        assert fresh.key is not None
        renewed = connect(sandbox, api_key=fresh.key)
        with warnings.catch_warnings():
            warnings.simplefilter("error", KeyRotationWarning)
            assert [key.id for key in renewed.keys.list() if key.id == fresh.id] == [fresh.id]
        with pytest.raises(AuthenticationError):
            shop.products.list().first()

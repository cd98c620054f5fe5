"""Signed bytes to typed events."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from django.http.request import HttpHeaders
from starlette.datastructures import Headers as StarletteHeaders
from werkzeug.datastructures import Headers as WerkzeugHeaders

import bulkeditor as be
from bulkeditor import webhooks
from bulkeditor.errors import InvalidInputError, MalformedDataError, NotLoadedError, WebhookVerificationError
from bulkeditor.sandbox._webhooks import RETRIES
from bulkeditor.webhooks._decode import MAX_AGE
from tests.webhooks.conftest import COMPLETED, NOW, SECRET, encode, headers_for


def unwrap(payload, *, headers=None, secrets=(SECRET,), now=NOW, msg_id=None, **options):
    body = encode(payload)
    if headers is None:
        headers = headers_for(body, msg_id=msg_id, now=now)
    return webhooks.unwrap(body, headers, secrets=list(secrets), now=now, **options)


# ---- events ----


def test_the_documented_example_is_a_typed_event():
    event = unwrap(COMPLETED)
    match event:
        case webhooks.BulkJobCompleted(data=result):
            assert result.successful_updates == 148
            assert result.execution_time == "5.5 seconds"
            assert result.duration == timedelta(seconds=5.5)
        case _:
            pytest.fail(f"{event!r} is of another class")
    assert event.name == "bulk_job.completed" == be.EventName.BULK_JOB_COMPLETED
    assert event.timestamp == event.version == datetime(2024, 6, 1, 0, 5, 30, tzinfo=UTC)
    assert event.entity == "bulk_job/job_123"
    assert event.id == "sha256:" + hashlib.sha256(encode(COMPLETED)).hexdigest()
    assert event.signed_by == "0"
    assert not event.extra


PRODUCT = {"id": "p1", "sku": "007", "price": 12.50, "updated_at": "2024-06-01T00:05:00Z", "season": "x"}
EVENTS = {
    "product.created": (
        webhooks.ProductCreated,
        {"product_id": "p1", "sku": "007", "product": PRODUCT},
        "product/p1",
    ),
    "product.updated": (
        webhooks.ProductUpdated,
        {"product_id": "p1", "sku": "007", "changes": {"price": "12.50"}},
        "product/p1",
    ),
    "product.deleted": (webhooks.ProductDeleted, {"product_id": "p1", "sku": "007"}, "product/p1"),
    "bulk_job.started": (
        webhooks.BulkJobStarted,
        {"job_id": "j1", "operation": "update", "total_products": 3},
        "bulk_job/j1",
    ),
    "bulk_job.completed": (webhooks.BulkJobCompleted, COMPLETED["data"], "bulk_job/job_123"),
    "bulk_job.failed": (webhooks.BulkJobFailed, {"job_id": "j1", "error": "All failed"}, "bulk_job/j1"),
    "inventory.updated": (
        webhooks.InventoryUpdated,
        {"product_id": "p1", "sku": "007", "location_id": "w1", "on_hand": 5, "inventory_quantity": 9},
        "inventory/product/p1/w1",
    ),
}


@pytest.mark.parametrize("name", be.EventName.ALL)
def test_every_event_has_a_class_of_its_own(name):
    kind, data, entity = EVENTS[name]
    event = unwrap({"event": name, "timestamp": "2024-06-01T00:05:30Z", "data": {**data, "new": [1.10]}})
    assert type(event) is kind
    assert event.name == name
    assert event.entity == entity
    assert event.data.extra == {"new": [Decimal("1.10")]}


def test_money_is_exact_and_only_what_changed_is_loaded():
    event = unwrap(
        b'{"event": "product.updated", "timestamp": "2024-06-01T00:05:30Z", "data": '
        b'{"product_id": "p1", "changes": {"price": 10.10, "cost": null, "season": "s"}}}'
    )
    changes = event.data.changes
    assert str(changes.price) == "10.10"
    assert changes.cost is None
    assert changes.loaded == {"price", "cost"}
    assert changes.extra == {"season": "s"}
    with pytest.raises(NotLoadedError):
        changes.title  # noqa: B018
    with pytest.raises(NotLoadedError):
        event.data.sku  # noqa: B018


def test_the_version_of_a_product_is_its_updated_at_where_it_is_sent():
    created = {"event": "product.created", "timestamp": "2024-06-01T00:05:30Z"}
    event = unwrap({**created, "data": {"product_id": "p1", "product": PRODUCT}})
    assert event.version == datetime(2024, 6, 1, 0, 5, tzinfo=UTC)
    assert unwrap({**created, "data": {"product_id": "p1"}}).version == event.timestamp
    ahead = {**PRODUCT, "updated_at": "9999-01-01T00:00:00Z"}
    assert unwrap({**created, "data": {"product_id": "p1", "product": ahead}}).version == event.timestamp


def test_an_event_of_tomorrow_is_an_unknown_event():
    event = unwrap(
        {"event": "order.paid", "timestamp": "2024-06-01T02:05:30+02:00", "data": {"total": 9.90}, "v": 2}
    )
    assert isinstance(event, webhooks.UnknownEvent)
    assert (event.name, event.data, event.entity) == ("order.paid", {"total": Decimal("9.90")}, None)
    assert event.extra == {"v": 2}


def test_a_field_of_another_shape_costs_that_field_only():
    event = unwrap(
        {
            "event": "inventory.updated",
            "timestamp": "2024-06-01T00:05:30Z",
            "data": {"product_id": 17, "location_id": "w1", "on_hand": "many", "available": "3"},
        }
    )
    assert event.data.product_id == "17"
    assert event.data.available == 3
    assert event.data.extra == {"on_hand": "many"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff",
        b"{}",
        b'{"event": "product.created"}',
        b'{"event": 7, "timestamp": "2024-06-01T00:05:30Z", "data": {}}',
        b'{"event": "product.created", "timestamp": "2024-06-01T00:05:30", "data": {}}',
        b'{"event": "product.created", "timestamp": 1717200330, "data": {}}',
        b'{"event": "product.created", "timestamp": "2024-06-01T00:05:30Z", "data": []}',
        b'{"event": "product.created", "timestamp": "2024-06-01T00:05:30Z"}',
        b'{"event": "later", "timestamp": "2024-06-01T00:05:30Z", "data": [1e999999999999999999999]}',
        b'{"event": "later", "timestamp": "2024-06-01T00:05:30Z", "data": ' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body)[:40],
)
def test_a_genuine_body_that_is_no_event_is_one_kind_of_error(body):
    try:
        event = unwrap(body)
    except MalformedDataError as error:
        assert "400" in str(error)  # noqa: PT017 -- huge exponents may be read as well
    else:
        assert isinstance(event, webhooks.UnknownEvent)


def test_events_compare_and_hash_by_what_they_say():
    one, other = unwrap(COMPLETED), unwrap(COMPLETED)
    assert one == other
    assert len({one, other, unwrap({**COMPLETED, "event": "later"})}) == 2


# ---- refetch ----


def test_what_an_event_is_about_is_read_again(sandbox_shop):
    common = {"id": "e1", "timestamp": NOW}
    product = be.models.ProductReference(product_id="product_id_1")
    assert webhooks.ProductDeleted(data=product, **common).refetch(sandbox_shop).id == "product_id_1"
    job = sandbox_shop.bulk_jobs.create(filter={"sku": "PT-1"}, updates=be.Updates(tags=["x"]))
    report = be.models.JobReport(job_id=job.id)
    assert webhooks.BulkJobStarted(data=report, **common).refetch(sandbox_shop).id == job.id
    level = be.models.StockChange(sku="PT-1", location_id="warehouse_1")
    assert webhooks.InventoryUpdated(data=level, **common).refetch(sandbox_shop).product_id == "product_id_1"


def test_with_an_asynchronous_client_it_is_awaited(sandbox):
    async def main():
        async with sandbox.connect_async() as shop:
            product = be.models.ProductReference(product_id="product_id_2")
            event = webhooks.ProductDeleted(id="e1", timestamp=NOW, data=product)
            assert (await event.refetch(shop)).id == "product_id_2"
            level = be.models.StockChange(product_id="product_id_2", location_id="nowhere")
            assert await webhooks.InventoryUpdated(id="e2", timestamp=NOW, data=level).refetch(shop) is None

    asyncio.run(main())


@pytest.fixture(scope="module")
def sandbox():
    with be.Sandbox(products=5, seed=1) as server:
        yield server


@pytest.fixture
def sandbox_shop(sandbox):
    with sandbox.connect() as shop:
        yield shop


# ---- verification ----


@pytest.mark.parametrize(
    "dress",
    [
        dict,
        lambda headers: list(headers.items()),
        lambda headers: [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        lambda headers: (
            {"HTTP_" + k.upper().replace("-", "_"): v for k, v in headers.items()}
            | {"wsgi.url_scheme": "http", "REQUEST_METHOD": "POST"}
        ),
        lambda headers: {k.upper(): v for k, v in headers.items()},
    ],
    ids=["mapping", "pairs", "ASGI", "WSGI", "upper case"],
)
@pytest.mark.parametrize("msg_id", [None, "msg_1"])
def test_headers_may_come_in_any_form(dress, msg_id):
    body = encode(COMPLETED)
    event = unwrap(body, headers=dress(headers_for(body, msg_id=msg_id)))
    assert event.id == (msg_id or "sha256:" + hashlib.sha256(body).hexdigest())


def test_framework_headers_are_accepted_as_they_are():
    body = encode(COMPLETED)
    headers = headers_for(body, msg_id="msg_1")
    environ = {"HTTP_" + k.upper().replace("-", "_"): v for k, v in headers.items()}
    for made in (
        httpx.Headers(headers),
        StarletteHeaders(headers),
        WerkzeugHeaders(headers),
        HttpHeaders(environ),
    ):
        assert unwrap(body, headers=made).id == "msg_1"


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_part_of_the_standard_headers_is_refused(missing):
    headers = headers_for(encode(COMPLETED), msg_id="msg_1")
    del headers[missing]
    with pytest.raises(WebhookVerificationError):
        unwrap(COMPLETED, headers=headers)


def test_the_documented_signature_is_needed_whatever_else_is_there():
    headers = headers_for(encode(COMPLETED), msg_id="msg_1")
    del headers["X-Webhook-Signature"]
    with pytest.raises(WebhookVerificationError, match="missing"):
        unwrap(COMPLETED, headers=headers)


def test_a_header_that_was_sent_twice_is_refused():
    pairs = list(headers_for(encode(COMPLETED), msg_id="msg_1").items())
    for pair in pairs:
        with pytest.raises(WebhookVerificationError, match="twice"):
            unwrap(COMPLETED, headers=[*pairs, pair])


@pytest.mark.parametrize("headers", [None, 7, "X-Webhook-Signature: 0", ["ab", "abc"], [None]])
def test_what_are_no_headers_is_explained(headers):
    body = encode(COMPLETED)
    with pytest.raises(TypeError, match="mapping or pairs"):
        webhooks.unwrap(body, headers, secrets=SECRET, now=NOW)


def test_which_secret_matched_is_reported():
    current = webhooks.SigningSecret("current", id="2024-06")
    previous = webhooks.SigningSecret("previous", not_after=NOW + timedelta(hours=1))
    secrets = [current, previous]
    body = encode(COMPLETED)
    for secret, label in (("current", "2024-06"), ("previous", "1")):
        for msg_id in (None, "msg_1"):
            headers = headers_for(body, secret=secret, msg_id=msg_id)
            assert unwrap(body, headers=headers, secrets=secrets).signed_by == label
    later = NOW + timedelta(hours=1, seconds=1)
    with pytest.raises(WebhookVerificationError):
        unwrap(body, headers=headers_for(body, secret="previous"), secrets=secrets, now=later)
    assert "current" not in repr(current)


def test_without_any_secret_in_force_nothing_is_genuine():
    over = webhooks.SigningSecret(SECRET, not_after=NOW - timedelta(seconds=1))
    for secrets in ([], [over], [None], [""]):
        with pytest.raises(WebhookVerificationError, match="No webhook secret"):
            unwrap(COMPLETED, secrets=secrets)


def test_an_end_without_a_zone_is_refused():
    with pytest.raises(InvalidInputError, match="not_after"):
        webhooks.SigningSecret(SECRET, not_after=NOW.replace(tzinfo=None))
    with pytest.raises(InvalidInputError, match="now"):
        webhooks.unwrap(b"{}", {}, SECRET, now=NOW.replace(tzinfo=None))


# ---- the window of the payload's own time ----


@pytest.mark.parametrize(
    ("seconds", "fresh"),
    [(0, True), (-300, True), (-301, False), (4 * 86_400, True), (4 * 86_400 + 1, False)],
)
def test_the_window_covers_retries_and_has_two_sides(seconds, fresh):
    now = datetime(2024, 6, 1, 0, 5, 30, tzinfo=UTC) + timedelta(seconds=seconds)
    if fresh:
        assert unwrap(COMPLETED, now=now).data.job_id == "job_123"
    else:
        with pytest.raises(WebhookVerificationError, match="timestamp lies more than"):
            unwrap(COMPLETED, now=now)


def test_the_window_covers_every_retry_of_the_sandbox():
    assert sum(RETRIES) < MAX_AGE


def test_the_window_can_be_changed():
    with pytest.raises(WebhookVerificationError, match="10 seconds in the past"):
        unwrap(COMPLETED, max_age=10)
    before = datetime(2024, 6, 1, tzinfo=UTC)
    with pytest.raises(WebhookVerificationError, match="20 seconds in the future"):
        unwrap(COMPLETED, now=before, max_ahead=20)
    assert unwrap(COMPLETED, now=before, max_ahead=330)


@pytest.mark.parametrize("body", ["{}", {"event": "x"}, bytearray(b"{}"), None, json.loads("[]")])
def test_a_body_that_is_not_the_raw_bytes_is_explained(body):
    with pytest.raises(TypeError, match="raw bytes"):
        webhooks.unwrap(body, {}, secrets=SECRET)

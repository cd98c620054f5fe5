"""Webhooks, delivered to a real endpoint and checked with hmac alone."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox import sample_event
from tests.sandbox.conftest import Http

EVENTS = [
    "product.created",
    "product.updated",
    "product.deleted",
    "bulk_job.started",
    "bulk_job.completed",
    "bulk_job.failed",
    "inventory.updated",
]


def subscribe(http, receiver, *events, **more):
    body = {"events": list(events) or EVENTS, "endpoint": receiver.url, **more}
    answer = http.post("/api/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def deliveries(http, webhook):
    return http.get(f"/api/v1/webhooks/{webhook['id']}/deliveries").json()["deliveries"]


def hexdigest(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(key, headers, body):
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_a_delivery_is_signed_over_its_raw_body(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated", secret="your_webhook_secret")
    assert webhook["secret"] == "your_webhook_secret"
    http.update({"id": "product_id_1", "vendor": "Neu"})
    receiver.wait(1)
    headers, body = receiver.requests[0]
    assert headers["x-webhook-signature"] == hexdigest("your_webhook_secret", body)
    assert headers["webhook-signature"] == standard(b"your_webhook_secret", headers, body)
    assert int(headers["webhook-timestamp"]) == int(sandbox.clock.now().timestamp())
    assert headers["content-type"] == "application/json"
    sandbox.settle()
    delivery = deliveries(http, webhook)[0]
    assert headers["webhook-id"] == delivery["id"]
    assert delivery["payload"] == json.loads(body)
    assert (delivery["status"], delivery["attempts"], delivery["response_status"]) == ("delivered", 1, 204)
    assert delivery["delivered_at"] is not None
    assert delivery["next_attempt_at"] is None


def test_a_whsec_secret_is_base64_for_the_standard_signature(http, receiver):
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    subscribe(http, receiver, secret=secret)
    http.update({"id": "product_id_1", "vendor": "Neu"})
    receiver.wait(1)
    headers, body = receiver.requests[0]
    assert headers["webhook-signature"] == standard(b"0123456789abcdef01234567", headers, body)
    assert headers["x-webhook-signature"] == hexdigest(secret, body)


def test_without_an_identity_only_the_documented_header_is_sent(serve, receiver):
    for options in ({"readings": {"event_identity": "without"}}, {"completions": False}):
        sandbox, http = serve(**options)
        _, secret = sandbox.add_webhook(receiver.url)
        http.update({"id": "product_id_1", "vendor": "Neu"})
        receiver.wait(1)
        headers, body = receiver.requests.pop()
        assert headers["x-webhook-signature"] == hexdigest(secret, body)
        assert not [name for name in headers if name.startswith("webhook-")]


def test_each_event_says_what_happened(serve, receiver):
    row = {"sku": "A", "title": "Alpha", "price": "10.00", "inventory_quantity": 5}
    _sandbox, http = serve(catalog=[row], clock="frozen")
    subscribe(http, receiver)
    new = http.post("/api/v1/products", json={"sku": "B", "title": "Beta", "price": 1.5}).json()
    http.update({"id": "product_id_1", "price": 12.5, "inventory_quantity": 7})
    http.delete(f"/api/v1/products/{new['id']}")
    http.job(updates={"price_adjustment": {"type": "percentage", "value": -20}})
    bodies = receiver.wait(7)
    assert receiver.events() == [
        "product.created",
        "inventory.updated",
        "product.updated",
        "product.deleted",
        "bulk_job.started",
        "product.updated",
        "bulk_job.completed",
    ]
    data = [body["data"] for body in bodies]
    assert (data[0]["product_id"], data[0]["product"]) == (new["id"], new)
    assert data[1] == {
        "product_id": "product_id_1",
        "sku": "A",
        "location_id": "warehouse_1",
        "on_hand": 7,
        "reserved": 0,
        "available": 7,
        "inventory_quantity": 7,
    }
    assert data[2] == {
        "product_id": "product_id_1",
        "sku": "A",
        "changes": {"price": 12.5, "inventory_quantity": 7},
    }
    assert data[3] == {"product_id": new["id"], "sku": "B"}
    assert data[4] == {"job_id": "job_1", "operation": "update", "total_products": 1}
    assert data[6] == {
        "job_id": "job_1",
        "operation": "update",
        "total_products": 1,
        "successful_updates": 1,
        "failed_updates": 0,
        "execution_time": "0.0 seconds",
    }
    assert all(body["timestamp"].endswith("Z") for body in bodies)


def test_a_failed_job_says_why(serve, receiver):
    _sandbox, http = serve(catalog=[{"sku": "A", "title": "Alpha"}])
    subscribe(http, receiver, "bulk_job.failed")
    http.job(updates={"price_adjustment": {"type": "percentage", "value": 1}})
    assert receiver.wait(1)[0]["data"]["error"]


def test_only_what_is_subscribed_and_enabled_is_delivered(http, sandbox, receiver):
    webhook = subscribe(http, receiver, "product.deleted")
    http.update({"id": "product_id_1", "vendor": "v"})
    http.patch(f"/api/v1/webhooks/{webhook['id']}", json={"enabled": False})
    http.delete("/api/v1/products/product_id_1")
    changed = http.patch(
        f"/api/v1/webhooks/{webhook['id']}", json={"enabled": True, "events": ["product.updated"]}
    ).json()
    assert (changed["enabled"], changed["events"]) == (True, ["product.updated"])
    http.update({"id": "product_id_2", "vendor": "v"})
    receiver.wait(1)
    sandbox.settle()
    assert [body["data"]["product_id"] for body in receiver.bodies()] == ["product_id_2"]


def test_a_refused_request_emits_nothing(http, sandbox, receiver):
    webhook = subscribe(http, receiver)
    http.update({"id": "product_id_1", "price": -1})
    http.post("/api/v1/products", json={"sku": "x"})
    sandbox.settle()
    assert deliveries(http, webhook) == []


def test_failures_are_retried_with_growing_pauses_until_given_up(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated")
    receiver.answers = [500] * 20
    http.update({"id": "product_id_1", "vendor": "v"})
    receiver.wait(1)
    sandbox.settle()
    first = deliveries(http, webhook)[0]
    assert (first["status"], first["attempts"], first["response_status"]) == ("pending", 1, 500)
    assert first["next_attempt_at"] > first["created_at"]
    sandbox.clock.advance("5s")
    assert len(receiver.requests) == 2
    sandbox.clock.advance("29s")
    assert len(receiver.requests) == 2
    sandbox.clock.advance("1s")
    assert len(receiver.requests) == 3
    sandbox.clock.advance("30d")
    last = deliveries(http, webhook)[0]
    assert (last["status"], last["attempts"], last["next_attempt_at"]) == ("failed", 9, None)
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    stamps = [int(headers["webhook-timestamp"]) for headers, _ in receiver.requests]
    assert stamps == sorted(set(stamps))


def test_a_retry_that_succeeds_ends_it(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated")
    receiver.answers = [503]
    http.update({"id": "product_id_1", "vendor": "v"})
    receiver.wait(1)
    sandbox.settle()
    sandbox.clock.advance("1d")
    assert len(receiver.requests) == 2
    assert deliveries(http, webhook)[0]["status"] == "delivered"


def test_an_endpoint_that_is_gone_disables_the_webhook_at_once(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated")
    receiver.answers = [410]
    http.update(*({"id": f"product_id_{number}", "vendor": "v"} for number in (1, 2, 3)))
    receiver.wait(1)
    sandbox.settle()
    state = health(http, webhook)
    assert (state["enabled"], state["disabled_reason"]) == (False, "gone")
    assert state["disabled_at"] == state["failing_since"] is not None
    # The one that was refused has failed; the others wait, however long.
    sandbox.clock.advance("30d")
    assert len(receiver.requests) == 1
    assert [(one["status"], one["attempts"]) for one in deliveries(http, webhook)] == [
        ("pending", 0),
        ("pending", 0),
        ("failed", 1),
    ]
    assert {one["next_attempt_at"] for one in deliveries(http, webhook)} == {None}
    http.patch(f"/api/v1/webhooks/{webhook['id']}", json={"enabled": True})
    bodies = receiver.wait(3)
    assert [body["data"]["product_id"] for body in bodies[1:]] == ["product_id_2", "product_id_3"]
    assert health(http, webhook)["disabled_reason"] is None


def health(http, webhook):
    return http.get(f"/api/v1/webhooks/{webhook['id']}").json()


def test_an_endpoint_that_takes_nothing_for_all_attempts_is_disabled(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook, other = (
        subscribe(http, receiver, "product.updated"),
        subscribe(http, receiver, "product.deleted"),
    )
    receiver.answers = [500] * 30
    began = sandbox.clock.now()
    http.update({"id": "product_id_1", "vendor": "v"})
    receiver.wait(1)
    sandbox.settle()
    assert health(http, webhook)["failing_since"][:19] == began.isoformat()[:19]
    # Later events fail beside it, and do not disable it earlier.
    sandbox.clock.advance("20h")
    http.update({"id": "product_id_2", "vendor": "v"})
    sandbox.settle()
    sandbox.clock.advance("24h 35m 34s")
    assert health(http, webhook)["enabled"] is True
    assert deliveries(http, webhook)[-1]["attempts"] == 8
    sandbox.clock.advance("1s")
    state = health(http, webhook)
    assert (state["enabled"], state["disabled_reason"]) == (False, "failing")
    assert [one["status"] for one in deliveries(http, webhook)] == ["pending", "failed"]
    sandbox.clock.advance("30d")
    attempts = deliveries(http, webhook)[0]["attempts"]
    http.update({"id": "product_id_3", "vendor": "not told"})
    receiver.answers = []
    http.patch(f"/api/v1/webhooks/{webhook['id']}", json={"enabled": True})
    sandbox.settle()
    assert [(one["status"], one["attempts"]) for one in deliveries(http, webhook)] == [
        ("delivered", attempts + 1),
        ("failed", 9),
    ]
    assert (health(http, webhook)["enabled"], health(http, webhook)["failing_since"]) == (True, None)
    assert health(http, other)["enabled"] is True


def test_one_success_is_enough_to_go_on(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated")
    receiver.answers = [500] * 8
    http.update({"id": "product_id_1", "vendor": "v"})
    receiver.wait(1)
    sandbox.clock.advance("44h")
    assert health(http, webhook)["failing_since"] is not None
    receiver.answers = [200, 500]
    http.update({"id": "product_id_2", "vendor": "v"})
    sandbox.settle()
    assert health(http, webhook)["failing_since"] is None
    sandbox.clock.advance("10d")
    assert deliveries(http, webhook)[-1]["status"] == "failed"
    assert health(http, webhook)["enabled"] is True


def test_what_is_switched_off_waits_and_says_so(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated")
    receiver.answers = [500]
    http.update({"id": "product_id_1", "vendor": "v"})
    receiver.wait(1)
    sandbox.settle()
    http.patch(f"/api/v1/webhooks/{webhook['id']}", json={"enabled": False})
    assert health(http, webhook)["disabled_reason"] == "manual"
    sandbox.clock.advance("1d")
    again = http.post(f"/api/v1/webhooks/{webhook['id']}/deliveries/delivery_1/redeliver")
    assert again.json()["status"] == "pending"
    sandbox.settle()
    assert len(receiver.requests) == 1
    http.patch(f"/api/v1/webhooks/{webhook['id']}", json={"enabled": True})
    receiver.wait(2)
    sandbox.settle()
    assert deliveries(http, webhook)[0]["status"] == "delivered"


def test_every_attempt_stands_in_the_log(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated")
    receiver.answers = [500, 302]
    http.update({"id": "product_id_1", "vendor": "v"})
    receiver.wait(1)
    sandbox.settle()
    sandbox.clock.advance("1m")
    [delivery] = deliveries(http, webhook)
    assert [(entry["response_status"], entry["error"]) for entry in delivery["log"]] == [
        (500, None),
        (302, "redirects are not followed"),
        (204, None),
    ]
    assert (delivery["response_status"], delivery["error"]) == (204, None)
    first, second, third = (datetime.fromisoformat(entry["at"]) for entry in delivery["log"])
    assert (second - first, third - second) == (timedelta(seconds=5), timedelta(seconds=30))
    for _ in range(25):
        http.post(f"/api/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}/redeliver")
        sandbox.settle()
    [delivery] = deliveries(http, webhook)
    assert (delivery["attempts"], len(delivery["log"])) == (28, 20)
    assert delivery["status"] == "delivered"


def test_a_made_up_event_is_sent_on_request(serve, receiver):
    _sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "inventory.updated", "product.updated", secret="s")
    path = f"/api/v1/webhooks/{webhook['id']}/test"
    answer = http.post(path)
    assert (answer.status_code, answer.json()["event"]) == (202, "inventory.updated")
    [body] = receiver.wait(1)
    headers, raw = receiver.requests[0]
    assert body == answer.json()["payload"]
    assert headers["x-webhook-signature"] == hexdigest("s", raw)
    assert headers["webhook-signature"] == standard(b"s", headers, raw)
    for event in EVENTS:
        sent = http.post(path, json={"event": event, "data": {"sku": "MINE"}}).json()
        assert (sent["event"], sent["payload"]["data"]["sku"]) == (event, "MINE")
    assert [one["event"] for one in receiver.wait(8)[1:]] == EVENTS
    for wrong, field in (({"event": "nope"}, "event"), ({"data": []}, "data"), ({"x": 1}, "x")):
        refused = http.post(path, json=wrong)
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, field)
    assert http.post("/api/v1/webhooks/webhook_99/test").status_code == 404
    assert http.products(filter={"sku": "MINE"}) == []


def test_a_made_up_event_has_the_members_of_a_real_one(serve, receiver):
    """Each sample holds the names that the real event of its kind holds."""
    sandbox, http = serve(
        catalog=[{"sku": "A", "title": "Alpha", "price": "10.00"}, {"sku": "B", "title": "B"}]
    )
    webhook = subscribe(http, receiver)
    new = http.post("/api/v1/products", json={"sku": "C", "title": "Gamma"}).json()
    http.update({"id": "product_id_1", "inventory_quantity": 7})
    http.delete(f"/api/v1/products/{new['id']}")
    http.job(updates={"tags": ["x"]})
    http.job(filter={"sku": "B"}, updates={"price_adjustment": {"type": "percentage", "value": 1}})
    sandbox.settle()
    real = {body["event"]: set(body["data"]) for body in receiver.bodies()}
    assert set(real) == set(EVENTS)
    for event in EVENTS:
        sent = http.post(f"/api/v1/webhooks/{webhook['id']}/test", json={"event": event}).json()
        assert set(sent["payload"]["data"]) == real[event]
        assert json.loads(sample_event(event))["data"].keys() == real[event]


def test_a_sample_can_be_posted_by_hand():
    at = datetime(2024, 6, 1, 0, 5, 30, tzinfo=UTC)
    body = json.loads(sample_event("bulk_job.completed", {"job_id": "job_123"}, at=at))
    assert (body["event"], body["timestamp"]) == ("bulk_job.completed", "2024-06-01T00:05:30Z")
    assert body["data"]["job_id"] == "job_123"
    with pytest.raises(InvalidInputError, match="no event"):
        sample_event("product.exploded")
    with pytest.raises(InvalidInputError, match="zone"):
        sample_event("product.updated", at=at.replace(tzinfo=None))


def test_events_of_one_product_leave_in_the_order_of_its_changes(serve, receiver):
    sandbox, http = serve(clock="frozen", products=3)
    subscribe(http, receiver, "product.updated")

    def change(worker):
        with Http(base_url=sandbox.base_url, headers={"X-API-Key": sandbox.api_key}) as own:
            for number in range(15):
                own.update({"id": "product_id_1", "title": f"Title {worker} {number}"})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(4)))
    sandbox.settle()
    bodies = receiver.bodies()
    assert len(bodies) == 60
    stamps = [datetime.fromisoformat(body["timestamp"]) for body in bodies]
    assert len(set(stamps)) == 60
    assert stamps == sorted(stamps)
    committed = [
        effect.after["title"] for entry in sandbox.journal for effect in entry.effects if effect.after
    ]
    assert [body["data"]["changes"]["title"] for body in bodies] == committed


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"status": 503}, 0),
        ({"drop": True}, 0),
        ({"status": 503, "after_commit": True}, 1),
        ({"drop": True, "after_commit": True}, 1),
        ({"partial_batch": 1, "status": 500}, 1),
    ],
)
def test_an_event_is_told_exactly_when_its_change_is_committed(http, sandbox, receiver, fault, told):
    subscribe(http, receiver, "product.updated")
    sandbox.faults.add("PUT /products/bulk", times=1, **fault)
    with contextlib.suppress(httpx.HTTPError):
        http.update({"id": "product_id_1", "vendor": "v"}, {"id": "product_id_2", "price": -1})
    sandbox.settle()
    assert len(receiver.requests) == told
    changed = sum(len(entry.effects) for entry in sandbox.journal if entry.method == "PUT")
    assert changed == told


def test_nobody_listening_is_a_failed_attempt(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated")
    receiver.close()
    http.update({"id": "product_id_1", "vendor": "v"})
    sandbox.settle()
    delivery = deliveries(http, webhook)[0]
    assert (delivery["status"], delivery["attempts"], delivery["response_status"]) == ("pending", 1, None)


def test_redelivery_repeats_the_payload_under_the_same_id(http, sandbox, receiver):
    webhook = subscribe(http, receiver, "product.updated")
    http.update({"id": "product_id_1", "vendor": "v"})
    receiver.wait(1)
    sandbox.settle()
    delivery = deliveries(http, webhook)[0]
    answer = http.post(f"/api/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}/redeliver")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    receiver.wait(2)
    (first, one), (second, two) = receiver.requests
    assert (first["webhook-id"], one) == (second["webhook-id"], two)
    sandbox.settle()
    assert deliveries(http, webhook)[0]["attempts"] == 2


def test_a_rotated_secret_overlaps_with_the_old_one(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated", secret="old-secret")
    path = f"/api/v1/webhooks/{webhook['id']}"
    rotated = http.post(f"{path}/rotate-secret", json={"overlap_seconds": 60})
    body = rotated.json()
    assert rotated.status_code == 200
    assert body["secret"] not in {None, "old-secret"}
    assert body["previous_expires_at"] > body["updated_at"]
    assert "secret" not in http.get(path).json()
    http.update({"id": "product_id_1", "vendor": "a"})
    receiver.wait(1)
    headers, raw = receiver.requests[0]
    assert headers["x-webhook-signature"] == hexdigest(body["secret"], raw)
    assert headers["webhook-signature"].split() == [
        standard(body["secret"].encode(), headers, raw),
        standard(b"old-secret", headers, raw),
    ]
    sandbox.clock.advance("60s")
    http.update({"id": "product_id_1", "vendor": "b"})
    receiver.wait(2)
    assert len(receiver.requests[1][0]["webhook-signature"].split()) == 1
    mine = http.post(f"{path}/rotate-secret", json={"secret": "mine"}).json()
    assert mine["secret"] == "mine"


def test_deleting_drops_what_is_pending(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook = subscribe(http, receiver, "product.updated")
    receiver.answers = [500]
    http.update({"id": "product_id_1", "vendor": "v"})
    receiver.wait(1)
    sandbox.settle()
    path = f"/api/v1/webhooks/{webhook['id']}"
    assert http.delete(path).status_code == 204
    sandbox.clock.advance("10d")
    assert len(receiver.requests) == 1
    for method, tail in (
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/deliveries"),
        ("POST", "/rotate-secret"),
        ("POST", "/deliveries/delivery_1/redeliver"),
    ):
        assert http.request(method, path + tail).status_code == 404


def test_webhook_faults(http, sandbox, receiver):
    webhook = subscribe(http, receiver, "product.updated", secret="s")
    sandbox.faults.add(webhook="product.updated", drop=True, times=1)
    http.update({"id": "product_id_1", "vendor": "lost"})
    sandbox.settle()
    assert (deliveries(http, webhook)[0]["status"], receiver.requests) == ("failed", [])
    sandbox.faults.add(webhook="product.*", duplicate=True, times=1)
    http.update({"id": "product_id_1", "vendor": "twice"})
    receiver.wait(2)
    assert receiver.requests[0][0]["webhook-id"] == receiver.requests[1][0]["webhook-id"]
    sandbox.settle()
    sandbox.faults.add(webhook="*", bad_signature=True, times=1)
    http.update({"id": "product_id_1", "vendor": "forged"})
    receiver.wait(3)
    headers, body = receiver.requests[2]
    assert headers["x-webhook-signature"] != hexdigest("s", body)
    assert headers["webhook-signature"] != standard(b"s", headers, body)


def test_webhooks_are_listed_without_secrets(http, receiver):
    subscribe(http, receiver)
    listed = http.get("/api/v1/webhooks").json()
    assert (listed["total"], [set(webhook) for webhook in listed["webhooks"]]) == (
        1,
        [
            {
                "id",
                "events",
                "endpoint",
                "enabled",
                "disabled_at",
                "disabled_reason",
                "failing_since",
                "created_at",
                "updated_at",
            }
        ],
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": []}, "events"),
        ({"events": ["nope"]}, "events[0]"),
        ({"events": "product.updated"}, "events"),
        ({"events": [{}]}, "events[0]"),
        ({"events": ["product.updated"] * 2}, "events"),
        ({"endpoint": "ftp://x/"}, "endpoint"),
        ({"endpoint": "/relative"}, "endpoint"),
        ({"endpoint": 5}, "endpoint"),
        ({"endpoint": "http://"}, "endpoint"),
        ({"endpoint": "http://x:99999/"}, "endpoint"),
        ({"endpoint": "http://[bad/"}, "endpoint"),
        ({"endpoint": "http://x/" + "y" * 2048}, "endpoint"),
        ({"endpoint": "http://x/a b"}, "endpoint"),
        ({"secret": ""}, "secret"),
        ({"secret": None}, "secret"),
        ({"secret": "s" * 256}, "secret"),
        ({"enabled": True}, "enabled"),
    ],
)
def test_a_bad_webhook_is_named(http, body, field):
    answer = http.post(
        "/api/v1/webhooks", json={"events": ["product.updated"], "endpoint": "http://x/", **body}
    )
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


def test_a_bad_change_changes_nothing(http, receiver):
    webhook = subscribe(http, receiver)
    path = f"/api/v1/webhooks/{webhook['id']}"
    for body in ({}, {"enabled": 1}, {"events": []}, {"enabled": False, "endpoint": "x"}, {"secret": "x"}):
        assert http.patch(path, json=body).status_code == 422
    for body in (
        {"overlap_seconds": -1},
        {"overlap_seconds": True},
        {"overlap_seconds": 10**9},
        {"secret": " "},
    ):
        assert http.post(f"{path}/rotate-secret", json=body).status_code == 422
    assert http.get(path).json()["enabled"] is True


def test_an_unknown_event_cannot_be_subscribed_from_python(sandbox):
    with pytest.raises(InvalidInputError, match=r"'product\.exploded' is no event"):
        sandbox.add_webhook("http://127.0.0.1:9/", ["product.exploded"])


def test_events_of_a_scheduled_job_carry_the_time_it_ran(serve, receiver):
    sandbox, http = serve(clock="frozen")
    subscribe(http, receiver, "bulk_job.completed")
    due = sandbox.clock.now() + timedelta(days=3)
    http.job(updates={"tags": ["x"]}, schedule=due.isoformat())
    sandbox.clock.advance("30d")
    assert receiver.bodies()[0]["timestamp"][:19] == due.isoformat()[:19]

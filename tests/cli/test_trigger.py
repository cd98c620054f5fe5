"""``trigger`` and ``events``: they talk to a running sandbox, and really do what they say."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator

import pytest

import bulkeditor as be
from bulkeditor.cli._state import StateFolder


@pytest.fixture
def sandbox() -> Iterator[be.Sandbox]:
    """A running server that the state folder knows."""
    rows = [
        {"sku": "A", "title": "Alpha"},
        {"sku": "B", "title": "Beta", "price": "10.00", "inventory_quantity": 3},
    ]
    with be.Sandbox(catalog=rows) as server, StateFolder.default().announced(server.base_url, server.api_key):
        yield server


@pytest.mark.parametrize("event", be.EventName.ALL)
def test_every_event_can_be_made_to_happen(run, sandbox, application, event):
    sandbox.add_webhook(application.url, [event], secret="s")
    before = list(sandbox.products.rows())
    result = run("trigger", event)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"{event}: ")
    [(headers, body)] = application.wait(1)
    assert json.loads(body)["event"] == event
    assert headers["x-webhook-signature"] == hmac.new(b"s", body, hashlib.sha256).hexdigest()
    sandbox.settle()
    assert len(application.requests) == 1
    if event in {"product.deleted", "bulk_job.started", "bulk_job.completed", "bulk_job.failed"}:
        assert list(sandbox.products.rows()) == before, "the catalog is as it was"


def test_it_is_done_to_the_product_that_is_named_with_the_data_that_is_given(run, sandbox):
    assert (
        run(
            "trigger", "product.updated", "--sku", "B", "--data", "title=Better", "--data", "price=7.50"
        ).exit_code
        == 0
    )
    product = sandbox.products.get("product_id_2")
    assert (product["title"], str(product["price"])) == ("Better", "7.50")
    assert run("trigger", "inventory.updated", "--sku", "B", "--data", "delta=-2").exit_code == 0
    assert sandbox.products.get("product_id_2")["inventory_quantity"] == 1
    assert run("trigger", "product.created", "--sku", "C", "--data", 'tags=["new"]').exit_code == 0
    assert [row["tags"] for row in sandbox.products.rows() if row["sku"] == "C"] == [["new"]]
    assert run("trigger", "bulk_job.completed", "--sku", "B", "--data", "vendor=Somebody").exit_code == 0
    sandbox.settle()
    assert sandbox.products.get("product_id_2")["vendor"] == "Somebody"
    assert run("trigger", "product.deleted", "--sku", "B").exit_code == 0
    assert sandbox.products.get("product_id_2") is None


def test_nobody_listening_is_told(run, sandbox):
    result = run("trigger", "product.updated")
    assert result.exit_code == 0
    assert "No webhook wants this event: python -m bulkeditor listen registers one.\n" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["product.exploded"], 2, "product.exploded"),
        (["product.updated", "--sku", "Z"], 1, "No product has SKU 'Z'"),
        (["product.updated", "--data", "price"], 1, "is not NAME=VALUE"),
        (["product.updated", "--data", "colour=red"], 1, "colour"),
        (["product.updated", "--data", "price=-1"], 1, "Price must be positive"),
        (["inventory.updated", "--data", "delta=x"], 1, "delta"),
        (["inventory.updated", "--data", "location_id=moon"], 1, "moon"),
        (
            ["product.updated", "--base-url", "https://editor.example.com", "--api-key", "k"],
            1,
            "trigger changes",
        ),
    ],
)
def test_mistakes_are_one_line(run, sandbox, arguments, code, says):
    result = run("trigger", *arguments)
    assert (result.exit_code, says in result.output) == (code, True), result.output
    assert [line.startswith("Error: ") for line in result.output.splitlines()][-1]
    if code == 1:
        assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["trigger", "product.updated"], ["events", "list"], ["events", "resend", "x"]]
)
def test_without_a_server_it_says_how_to_start_one(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.output == (
        "Error: No sandbox runs on this machine. Start one in another terminal: "
        "python -m bulkeditor listen --forward-to URL\n"
    )


# Made up


def test_a_made_up_event_is_posted_to_an_address(run, application):
    secret = StateFolder.default().secret().reveal()
    result = run("trigger", "bulk_job.completed", "--to", application.url, "--data", "job_id=job_123")
    assert (result.exit_code, result.output) == (0, f"bulk_job.completed → {application.url}: 200\n")
    [(headers, body)] = application.wait(1)
    event = json.loads(body)
    assert (event["event"], event["data"]["job_id"]) == ("bulk_job.completed", "job_123")
    be.webhooks.verify_signature(body, headers["x-webhook-signature"], secret)
    assert headers["webhook-id"].startswith("sample_")
    run("trigger", "product.deleted", "--to", application.url, "--sku", "TS-1", "--secret", "mine")
    headers, body = application.wait(2)[1]
    assert json.loads(body)["data"]["sku"] == "TS-1"
    be.webhooks.verify_signature(body, headers["x-webhook-signature"], "mine")


def test_a_made_up_event_that_is_not_taken_fails(run, application):
    application.answers = [401]
    result = run("trigger", "product.updated", "--to", application.url)
    assert (result.exit_code, result.output) == (1, f"product.updated → {application.url}: 401\n")
    result = run("trigger", "product.updated", "--to", "127.0.0.1:9/hooks")
    assert (result.exit_code, result.output) == (
        1,
        "Error: 127.0.0.1:9/hooks did not answer: Connection refused.\n",
    )


# The log


def test_events_are_listed_newest_first_and_sent_again(run, sandbox, application):
    first, _ = sandbox.add_webhook(application.url, ["product.updated"])
    sandbox.add_webhook(application.url, ["product.deleted"])
    assert run("events", "list").output == "No deliveries yet.\n"
    run("trigger", "product.updated")
    sandbox.settle()
    run("trigger", "product.deleted")
    sandbox.settle()
    application.answers = [500]
    run("trigger", "product.updated")
    sandbox.settle()
    lines = run("events", "list").output.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["delivery_3", "product.updated"],
        ["delivery_2", "product.deleted"],
        ["delivery_1", "product.updated"],
    ]
    assert [line.split()[3:6] for line in lines[1:]] == [
        ["pending", "1", "500"],
        ["delivered", "1", "200"],
        ["delivered", "1", "200"],
    ]
    assert len(run("events", "list", "--event", "product.updated", "--limit", "1").output.splitlines()) == 2
    result = run("events", "resend", "delivery_1")
    assert (result.exit_code, result.output) == (0, "delivery_1 (product.updated) is on its way again.\n")
    sent = application.wait(4)
    assert (sent[0][0]["webhook-id"], sent[0][1]) == (sent[3][0]["webhook-id"], sent[3][1])
    with sandbox.connect() as shop:
        sandbox.settle()
        assert [one.attempts for one in shop.webhooks.deliveries(first)] == [1, 2]


def test_a_delivery_that_is_not_there_is_named(run, sandbox):
    sandbox.add_webhook("http://127.0.0.1:9/")
    result = run("events", "resend", "delivery_7")
    assert (result.exit_code, result.output.startswith("Error: There is no delivery 'delivery_7'.")) == (
        1,
        True,
    )

"""How a user's own program sees the types of webhooks: checked by mypy --strict and by pyright, never run."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_never, assert_type

import bulkeditor as be
from bulkeditor import webhooks


def checking(body: bytes, headers: Mapping[str, str], environ: dict[str, object]) -> None:
    assert_type(be.webhooks.verify_signature(body, headers.get("X-Webhook-Signature"), "secret"), str)
    current = webhooks.SigningSecret("current", id="2024-06")
    previous = webhooks.SigningSecret("previous", not_after=datetime(2024, 7, 1, tzinfo=UTC))
    assert_type(webhooks.unwrap(body, headers, secrets=[current, previous]), webhooks.Event)
    assert_type(
        webhooks.unwrap(body, [(b"webhook-id", b"1")], secrets=["current", be.Secret("x")]), webhooks.Event
    )
    assert_type(webhooks.unwrap(body, environ, secrets=b"key"), webhooks.Event)


def every_event(event: webhooks.Event) -> str | None:
    match event:
        case webhooks.ProductCreated(data=created):
            assert_type(created.product, be.Product)
        case webhooks.ProductUpdated(data=changed):
            assert_type(changed.changes.price, Decimal | None)
        case webhooks.ProductDeleted(data=gone):
            assert_type(gone.product_id, str)
        case webhooks.BulkJobStarted() | webhooks.BulkJobCompleted() | webhooks.BulkJobFailed():
            assert_type(event.data.failed_updates, int | None)
        case webhooks.InventoryUpdated(data=stock):
            assert_type(stock.inventory_quantity, int | None)
        case webhooks.UnknownEvent(name=name):
            assert_type(name, str)
        case _:
            assert_never(event)
    assert_type(event.timestamp, datetime)
    assert_type(event.id, str)
    return event.entity


def refetching(shop: be.BulkEditor, event: webhooks.ProductUpdated, job: webhooks.BulkJobStarted) -> None:
    assert_type(event.refetch(shop), be.Product)
    assert_type(job.refetch(shop), be.Job)


async def refetching_async(
    shop: be.AsyncBulkEditor, event: webhooks.ProductUpdated, stock: webhooks.InventoryUpdated
) -> None:
    assert_type(await event.refetch(shop), be.Product)
    assert_type(await stock.refetch(shop), be.InventoryLevel | None)


def receiving(body: bytes, headers: Mapping[str, str]) -> None:
    receiver = webhooks.Receiver(secrets=["secret"], store="inbox.db")

    @receiver.on("inventory.updated")
    def restock(event: webhooks.InventoryUpdated) -> int:
        return event.data.on_hand

    @receiver.on(webhooks.BulkJobCompleted)
    async def ended(event: webhooks.BulkJobCompleted) -> None:
        assert_type(event.data.successful_updates, int | None)

    @receiver.on_stale
    def late(event: webhooks.Event, tx: sqlite3.Connection) -> None:
        del event, tx

    assert_type(
        restock(webhooks.InventoryUpdated(id="1", timestamp=datetime.now(UTC), data=be.models.StockChange())),
        int,
    )
    receipt = receiver.receive(body, headers)
    assert_type(receipt.status, int)
    assert_type(receipt.event, webhooks.Event | None)
    for letter in receiver.dead_letters():
        assert_type(letter.event, webhooks.Event)
    del ended, late

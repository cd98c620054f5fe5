"""Webhooks: verify what comes, read it as typed events, and receive it so that none is lost.

:func:`verify_signature` and :func:`unwrap` check and read one delivery; :class:`Receiver` is the whole
receiving side, with a durable inbox. Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkeditor.signature import SigningSecret
    from bulkeditor.webhooks._events import (
        BulkJobCompleted,
        BulkJobFailed,
        BulkJobStarted,
        Event,
        InventoryUpdated,
        ProductCreated,
        ProductDeleted,
        ProductUpdated,
        UnknownEvent,
        WebhookEvent,
    )
    from bulkeditor.webhooks._inbox import InboxEntry, InboxStore
    from bulkeditor.webhooks._postgres import PostgresInbox
    from bulkeditor.webhooks._receipt import Receipt
    from bulkeditor.webhooks._receiver import Receiver
    from bulkeditor.webhooks._sqlite import SQLiteInbox
    from bulkeditor.webhooks._unwrap import unwrap, verify_signature

_HOMES = {
    "bulkeditor.signature": ("SigningSecret",),
    "bulkeditor.webhooks._events": (
        "BulkJobCompleted",
        "BulkJobFailed",
        "BulkJobStarted",
        "Event",
        "InventoryUpdated",
        "ProductCreated",
        "ProductDeleted",
        "ProductUpdated",
        "UnknownEvent",
        "WebhookEvent",
    ),
    "bulkeditor.webhooks._inbox": ("InboxEntry", "InboxStore"),
    "bulkeditor.webhooks._postgres": ("PostgresInbox",),
    "bulkeditor.webhooks._receipt": ("Receipt",),
    "bulkeditor.webhooks._receiver": ("Receiver",),
    "bulkeditor.webhooks._sqlite": ("SQLiteInbox",),
    "bulkeditor.webhooks._unwrap": ("unwrap", "verify_signature"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(home), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'bulkeditor.webhooks' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "BulkJobCompleted",
    "BulkJobFailed",
    "BulkJobStarted",
    "Event",
    "InboxEntry",
    "InboxStore",
    "InventoryUpdated",
    "PostgresInbox",
    "ProductCreated",
    "ProductDeleted",
    "ProductUpdated",
    "Receipt",
    "Receiver",
    "SQLiteInbox",
    "SigningSecret",
    "UnknownEvent",
    "WebhookEvent",
    "unwrap",
    "verify_signature",
]

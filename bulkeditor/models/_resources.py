"""Webhooks, inventory, analytics and API keys, as the API answers with them."""

from typing import ClassVar

import attrs

from bulkeditor._secret import Secret
from bulkeditor.models._base import JSON, Model, Timestamp, absent


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Webhook(Model):
    """One webhook: which events go where.

    Args:
        id: The server's identifier.
        events: Names of the events; see :class:`EventName`.
        endpoint: The address that receives them.
        enabled: Whether it is in use.
        disabled_at: Since when it is not (UTC); None when it is.
        disabled_reason: ``manual``, ``gone`` (the endpoint answered 410) or ``failing`` (it took nothing for
            too long); None when it is in use.
        failing_since: Since when the endpoint has taken nothing (UTC); None when the last attempt succeeded.
        created_at: When it was created (UTC).
        updated_at: When it was last changed (UTC).
    """

    __shown__: ClassVar[tuple[str, ...]] = ("id", "endpoint", "enabled")

    id: str = attrs.field(factory=absent)
    events: list[str] = attrs.field(factory=absent)
    endpoint: str = attrs.field(factory=absent)
    enabled: bool = attrs.field(factory=absent)
    disabled_at: Timestamp | None = attrs.field(factory=absent)
    disabled_reason: str | None = attrs.field(factory=absent)
    failing_since: Timestamp | None = attrs.field(factory=absent)
    created_at: Timestamp | None = attrs.field(factory=absent)
    updated_at: Timestamp | None = attrs.field(factory=absent)


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class WebhookSecret(Webhook):
    """A webhook with its secret, which the server shows only when it is new.

    Args:
        secret: What deliveries are signed with; ``secret.reveal()`` gives the text.
        previous_expires_at: Until when the secret before it stays valid (UTC); None when there is none.
    """

    secret: Secret = attrs.field(factory=absent)
    previous_expires_at: Timestamp | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Delivery(Model):
    """One event on its way to one webhook.

    Args:
        id: The server's identifier.
        webhook_id: The webhook.
        event: Name of the event.
        status: ``pending``, ``delivered`` or ``failed``.
        attempts: How many times it was sent.
        response_status: HTTP status of the last attempt's answer; None when none came.
        error: Why the last attempt failed, in words; None when it did not, or its status says it.
        created_at: When the event happened (UTC).
        delivered_at: When it arrived (UTC).
        next_attempt_at: When it is sent again (UTC).
        payload: What is sent.
        log: The latest attempts, oldest first: ``at``, ``response_status``, ``error``.
    """

    __shown__: ClassVar[tuple[str, ...]] = ("id", "event", "status", "attempts")

    id: str = attrs.field(factory=absent)
    webhook_id: str = attrs.field(factory=absent)
    event: str = attrs.field(factory=absent)
    status: str = attrs.field(factory=absent)
    attempts: int = attrs.field(factory=absent)
    response_status: int | None = attrs.field(factory=absent)
    error: str | None = attrs.field(factory=absent)
    created_at: Timestamp | None = attrs.field(factory=absent)
    delivered_at: Timestamp | None = attrs.field(factory=absent)
    next_attempt_at: Timestamp | None = attrs.field(factory=absent)
    payload: dict[str, JSON] = attrs.field(factory=absent)
    log: list[dict[str, JSON]] = attrs.field(factory=absent)


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Location(Model):
    """One place that holds stock.

    Args:
        id: The server's identifier.
        name: Name shown to people.
        sync_enabled: Whether its stock counts in ``inventory_quantity``.
    """

    __shown__: ClassVar[tuple[str, ...]] = ("id", "name", "sync_enabled")

    id: str = attrs.field(factory=absent)
    name: str = attrs.field(factory=absent)
    sync_enabled: bool = attrs.field(factory=absent)


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class InventoryLevel(Model):
    """The stock of one product at one location, in pieces.

    Args:
        product_id: The product.
        sku: Its stock keeping unit.
        location_id: The location.
        on_hand: Pieces that are there.
        reserved: Pieces that are promised.
        available: ``on_hand`` - ``reserved``.
        updated_at: When it was last changed (UTC).
    """

    __identity__: ClassVar[tuple[str, ...]] = ("product_id", "sku", "location_id")
    __shown__: ClassVar[tuple[str, ...]] = ("product_id", "sku", "location_id", "on_hand", "available")

    product_id: str = attrs.field(factory=absent)
    sku: str | None = attrs.field(factory=absent)
    location_id: str = attrs.field(factory=absent)
    on_hand: int = attrs.field(factory=absent)
    reserved: int = attrs.field(factory=absent)
    available: int = attrs.field(factory=absent)
    updated_at: Timestamp | None = attrs.field(factory=absent)


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ProductAnalytics(Model):
    """How often one product was looked at and bought within the dates that were asked for.

    Args:
        product_id: The product.
        sku: Its stock keeping unit.
        sessions: Visits.
        pageviews: Views of its page.
        conversions: Purchases.
    """

    __identity__: ClassVar[tuple[str, ...]] = ("product_id", "sku")
    __shown__: ClassVar[tuple[str, ...]] = ("product_id", "sku", "sessions", "pageviews", "conversions")

    product_id: str | None = attrs.field(factory=absent)
    sku: str | None = attrs.field(factory=absent)
    sessions: int = attrs.field(factory=absent)
    pageviews: int = attrs.field(factory=absent)
    conversions: int = attrs.field(factory=absent)


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ApiKey(Model):
    """One API key.

    Args:
        id: The server's identifier.
        name: Name shown to people.
        scopes: Its permissions; see :class:`Scope`.
        created_at: When it was created (UTC).
        age_days: Its age in whole days; keys should be rotated every 90.
        last_used_at: When it was last used (UTC).
        expires_at: When it stops working (UTC); None for never.
        key: The key itself, which the server shows only when it is new; otherwise None.
    """

    __shown__: ClassVar[tuple[str, ...]] = ("id", "name", "scopes", "age_days")

    id: str = attrs.field(factory=absent)
    name: str = attrs.field(factory=absent)
    scopes: list[str] = attrs.field(factory=absent)
    created_at: Timestamp | None = attrs.field(factory=absent)
    age_days: int | None = attrs.field(factory=absent)
    last_used_at: Timestamp | None = attrs.field(factory=absent)
    expires_at: Timestamp | None = attrs.field(factory=absent)
    key: Secret | None = None


__all__ = [
    "ApiKey",
    "Delivery",
    "InventoryLevel",
    "Location",
    "ProductAnalytics",
    "Webhook",
    "WebhookSecret",
]

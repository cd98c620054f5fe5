"""The typed events: one class for each name, made to be told apart by ``match``."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, overload
from urllib.parse import quote

import attrs

from bulkeditor.models import (
    JSON,
    ChangedProduct,
    CreatedProduct,
    InventoryLevel,
    Job,
    JobReport,
    Model,
    Product,
    ProductReference,
    StockChange,
)
from bulkeditor.models._base import RowSource

if TYPE_CHECKING:
    from bulkeditor.client import AsyncBulkEditor, BulkEditor

# What stands in the payload beside fields that only a later version knows.
_ENVELOPE: Final = frozenset({"event", "timestamp", "data"})


@attrs.frozen(kw_only=True, repr=False, slots=False)
class WebhookEvent:
    """What every event has.

    Args:
        id: ``webhook-id``, where the server sends one; ``None`` = the event is known by its body.
        timestamp: When it happened, by the server's clock.
        signed_by: Which secret matched: its ``id``, or its place in the list.
        body: The raw bytes that were signed.
    """

    _id: str | None = attrs.field(alias="id")
    timestamp: datetime
    signed_by: str = attrs.field(default="", eq=False)
    body: bytes = b"{}"

    rank: ClassVar[int] = 1
    """Orders events of one entity that bear the same time: nothing precedes a creation or follows an end."""

    @property
    def id(self) -> str:
        """The delivery's identity: ``webhook-id``, or else ``sha256:`` and the hash of the body.

        The same at each attempt, so it is the key for effects that must happen once.
        """
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}" if self._id is None else self._id

    @property
    def identified(self) -> bool:
        """Whether the server gave the id."""
        return self._id is not None

    @property
    def extra(self) -> Mapping[str, JSON]:
        """Fields of the payload, beside ``data``, that this version does not know; decoded when asked for."""
        return MappingProxyType(RowSource(self.body, single=True).unknown_fields(0, _ENVELOPE))

    @property
    def entity(self) -> str | None:
        """What the event is about, as one text; events of one entity are handled in order.

        None when that is not known: such an event stands alone.
        """
        return None

    @property
    def version(self) -> datetime:
        """How new the state is that the event tells of; an older one than was handled already is stale."""
        return self.timestamp

    def __repr__(self) -> str:
        when, data = self.timestamp.isoformat(), getattr(self, "data", None)
        return f"{type(self).__name__}(id={self.id!r}, timestamp={when}, data={data!r:.200})"


@attrs.frozen(kw_only=True, repr=False, slots=False)
class _ProductEvent(WebhookEvent):
    data: ProductReference = attrs.field(hash=False)

    @property
    def entity(self) -> str | None:
        """The product."""
        return _product(self.data)

    @overload
    def refetch(self, shop: BulkEditor) -> Product: ...
    @overload
    def refetch(self, shop: AsyncBulkEditor) -> Awaitable[Product]: ...
    def refetch(self, shop: BulkEditor | AsyncBulkEditor) -> Product | Awaitable[Product]:
        """The product as it is now.

        Args:
            shop: A client. Of one for asyncio the result is awaited.

        Raises:
            NotFoundError: It is gone.
            NotLoadedError: The event does not name its ``product_id``.
        """
        return shop.products.get(self.data.product_id)


@attrs.frozen(kw_only=True, repr=False, slots=False)
class ProductCreated(_ProductEvent):
    """``product.created``.

    Args:
        data: The new product.
    """

    name: ClassVar[Literal["product.created"]] = "product.created"
    rank: ClassVar[int] = 0
    data: CreatedProduct = attrs.field(hash=False)

    @property
    def version(self) -> datetime:
        """The product's ``updated_at``, or the event's time where that is missing or earlier."""
        return _updated_at(getattr(self.data, "product", None), self.timestamp)


@attrs.frozen(kw_only=True, repr=False, slots=False)
class ProductUpdated(_ProductEvent):
    """``product.updated``.

    Args:
        data: What changed.
    """

    name: ClassVar[Literal["product.updated"]] = "product.updated"
    data: ChangedProduct = attrs.field(hash=False)

    @property
    def version(self) -> datetime:
        """The ``updated_at`` among the changes, or the event's time where that is missing or earlier."""
        return _updated_at(getattr(self.data, "changes", None), self.timestamp)


@attrs.frozen(kw_only=True, repr=False, slots=False)
class ProductDeleted(_ProductEvent):
    """``product.deleted``.

    Args:
        data: Which product it was.
    """

    name: ClassVar[Literal["product.deleted"]] = "product.deleted"
    rank: ClassVar[int] = 2


@attrs.frozen(kw_only=True, repr=False, slots=False)
class _JobEvent(WebhookEvent):
    data: JobReport = attrs.field(hash=False)

    @property
    def entity(self) -> str | None:
        """The job."""
        ident: str | None = getattr(self.data, "job_id", None)
        return None if ident is None else f"bulk_job/{_quoted(ident)}"

    @overload
    def refetch(self, shop: BulkEditor) -> Job: ...
    @overload
    def refetch(self, shop: AsyncBulkEditor) -> Awaitable[Job]: ...
    def refetch(self, shop: BulkEditor | AsyncBulkEditor) -> Job | Awaitable[Job]:
        """The job as it is now.

        Args:
            shop: A client. Of one for asyncio the result is awaited.

        Raises:
            NotFoundError: The server does not know it any more.
            NotLoadedError: The event does not name its ``job_id``.
        """
        return shop.bulk_jobs.get(self.data.job_id)


@attrs.frozen(kw_only=True, repr=False, slots=False)
class BulkJobStarted(_JobEvent):
    """``bulk_job.started``.

    Args:
        data: The job; how far it came is not known yet.
    """

    name: ClassVar[Literal["bulk_job.started"]] = "bulk_job.started"
    rank: ClassVar[int] = 0


@attrs.frozen(kw_only=True, repr=False, slots=False)
class BulkJobCompleted(_JobEvent):
    """``bulk_job.completed``: the job ran to its end; single products may have failed.

    Args:
        data: The job, with what became of it.
    """

    name: ClassVar[Literal["bulk_job.completed"]] = "bulk_job.completed"


@attrs.frozen(kw_only=True, repr=False, slots=False)
class BulkJobFailed(_JobEvent):
    """``bulk_job.failed``.

    Args:
        data: The job, with ``error``.
    """

    name: ClassVar[Literal["bulk_job.failed"]] = "bulk_job.failed"


@attrs.frozen(kw_only=True, repr=False, slots=False)
class InventoryUpdated(WebhookEvent):
    """``inventory.updated``.

    Args:
        data: The stock of one product at one location.
    """

    name: ClassVar[Literal["inventory.updated"]] = "inventory.updated"
    data: StockChange = attrs.field(hash=False)

    @property
    def entity(self) -> str | None:
        """The product at the location."""
        product = _product(self.data)
        location: str | None = getattr(self.data, "location_id", None)
        return None if product is None else f"inventory/{product}/{_quoted(location or '')}"

    @property
    def version(self) -> datetime:
        """``updated_at``, or the event's time where that is missing or earlier."""
        return _updated_at(self.data, self.timestamp)

    @overload
    def refetch(self, shop: BulkEditor) -> InventoryLevel | None: ...
    @overload
    def refetch(self, shop: AsyncBulkEditor) -> Awaitable[InventoryLevel | None]: ...
    def refetch(
        self, shop: BulkEditor | AsyncBulkEditor
    ) -> InventoryLevel | Awaitable[InventoryLevel | None] | None:
        """The stock as it is now, or None when there is none of this product at the location.

        Args:
            shop: A client. Of one for asyncio the result is awaited.

        Raises:
            UnsupportedByServerError: The server has only the documented API.
        """
        ident: str | None = getattr(self.data, "product_id", None)
        sku: str | None = getattr(self.data, "sku", None)
        location: str | None = getattr(self.data, "location_id", None)
        return shop.inventory.levels(
            product_id=ident, sku=None if ident else sku, location_id=location
        ).first()


@attrs.frozen(kw_only=True, repr=False, slots=False)
class UnknownEvent(WebhookEvent):
    """An event that this version of the library does not know.

    Args:
        name: Its name, as sent.
        data: Its data, as sent.
    """

    name: str
    data: JSON = attrs.field(hash=False)


Event: TypeAlias = (
    ProductCreated
    | ProductUpdated
    | ProductDeleted
    | BulkJobStarted
    | BulkJobCompleted
    | BulkJobFailed
    | InventoryUpdated
    | UnknownEvent
)
"""Any event; ``match`` on the classes, or compare ``event.name``."""


def _product(data: Model) -> str | None:
    """Names a product by its id, or by its SKU where only that is sent."""
    ident: str | None = getattr(data, "product_id", None)
    if ident is not None:
        return f"product/{_quoted(ident)}"
    sku: str | None = getattr(data, "sku", None)
    return None if sku is None else f"sku/{_quoted(sku)}"


def _quoted(ident: str) -> str:
    # Separators within an id would let two entities share one name; and the text must fit any database.
    return quote(ident, safe="", errors="replace")


def _updated_at(source: Product | StockChange | None, told_at: datetime) -> datetime:
    value: datetime | None = getattr(source, "updated_at", None)
    # Nobody tells of what is still to come; a time in the future would make all later events stale.
    return told_at if value is None else min(value, told_at)


__all__ = [
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
]

"""What the webhook events are about: the ``data`` of each."""

from datetime import timedelta
from typing import ClassVar

import attrs

from bulkeditor.models._base import Model, absent
from bulkeditor.models._job import parse_execution_time
from bulkeditor.models._product import Product
from bulkeditor.models._resources import InventoryLevel


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ProductReference(Model):
    """Which product an event is about.

    Args:
        product_id: The server's identifier of the product.
        sku: Its stock keeping unit.
    """

    __identity__: ClassVar[tuple[str, ...]] = ("product_id", "sku")
    __shown__: ClassVar[tuple[str, ...]] = ("product_id", "sku")

    product_id: str = attrs.field(factory=absent)
    sku: str | None = attrs.field(factory=absent)


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class CreatedProduct(ProductReference):
    """A new product.

    Args:
        product: All of it.
    """

    product: Product = attrs.field(factory=absent)


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ChangedProduct(ProductReference):
    """What changed in a product.

    Args:
        changes: A product in which only the changed fields are loaded, with their new values:
            ``changes.loaded`` names them.
    """

    changes: Product = attrs.field(factory=absent)


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class JobReport(Model):
    """Where a bulk job stands; how far it came is sent once it has ended.

    Args:
        job_id: The server's identifier of the job.
        operation: ``update`` or ``delete``.
        total_products: How many products the job is about.
        successful_updates: Products changed.
        failed_updates: Products that failed.
        execution_time: How long it took, a text for people (``"5.5 seconds"``); :attr:`duration` reads it.
        error: Why it failed, in a sentence.
    """

    __identity__: ClassVar[tuple[str, ...]] = ("job_id",)
    __shown__: ClassVar[tuple[str, ...]] = ("job_id", "operation", "successful_updates", "failed_updates")

    job_id: str = attrs.field(factory=absent)
    operation: str | None = attrs.field(factory=absent)
    total_products: int | None = attrs.field(factory=absent)
    successful_updates: int | None = attrs.field(factory=absent)
    failed_updates: int | None = attrs.field(factory=absent)
    execution_time: str | None = attrs.field(factory=absent)
    error: str | None = attrs.field(factory=absent)

    @property
    def duration(self) -> timedelta | None:
        """``execution_time`` as a time; None where there is none that can be read with certainty."""
        return parse_execution_time(getattr(self, "execution_time", None))


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class StockChange(InventoryLevel):
    """The stock of one product at one location, after a change.

    Args:
        inventory_quantity: The product's stock over all locations that count.
    """

    inventory_quantity: int | None = attrs.field(factory=absent)


__all__ = ["ChangedProduct", "CreatedProduct", "JobReport", "ProductReference", "StockChange"]

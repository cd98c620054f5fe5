"""What lies below the temporary changes of one shop."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bulkeditor.client._async._core import AsyncCore
from bulkeditor.client._store import asked_async
from bulkeditor.models import Product
from bulkeditor.plans._layers_state import beneath, space_of


async def beneath_layers(core: AsyncCore) -> Callable[[Iterable[Product]], Iterable[Product]]:
    """Shows products as they would be without anything temporary.

    Args:
        core: The shop.
    """
    if core.store.blank:
        return _as_they_are
    space = space_of(core.session.config.base_url)
    entries = await asked_async(lambda: dict(core.store.ledger.entries(space)))

    def below(products: Iterable[Product]) -> Iterable[Product]:
        """The products as they are beneath their layers."""
        return (beneath(product, entries.get(product.id)) for product in products)

    return below if entries else _as_they_are


def _as_they_are(products: Iterable[Product]) -> Iterable[Product]:
    return products


__all__ = ["beneath_layers"]

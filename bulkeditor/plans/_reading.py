"""Read products for a run: one page of the listing at a time, or by their ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import attrs

from bulkeditor.api._batch import Reader, by_id
from bulkeditor.api._lookup import Found
from bulkeditor.api._page import Page
from bulkeditor.api._token import digest
from bulkeditor.api.products import listing
from bulkeditor.http import Exchange
from bulkeditor.models import Product

FEW: Final = 3
"""Plans of so many products look them up by their ids, without a look at the listing."""


@attrs.frozen(kw_only=True, eq=False)
class ListPage:
    """One page of the products as a run reads them.

    Args:
        products: What is on it.
        token: Where to read it again.
        next: Where to go on; None at the end.
        left: Pages still to come; None when the server does not say.
        mark: Tells this page from others by what is on it.
    """

    products: Sequence[Product] = ()
    token: str | None = None
    next: str | None = None
    left: int | None = None
    mark: str | None = None


def read_page(columns: Iterable[str], token: str | None) -> Exchange[ListPage]:
    """Read the next page that has products on it; an empty one at the end.

    Args:
        columns: The fields to load.
        token: Where to read; None = from the start.
    """
    walk = listing(fields=["id", *columns]).walk(token)
    while (asked := walk.ask()) is not None:
        answer = yield from asked
        for page in walk.take(answer):
            return _list_page(page, walk.pages_left)
    return ListPage()


def _list_page(page: Page[Product], left: int | None) -> ListPage:
    # A row without an id is about no product that a plan could mean.
    products = [product for product in page.items if hasattr(product, "id")]
    return ListPage(
        products=products,
        token=page.token,
        next=page.next_token,
        left=left,
        mark=digest(product.id for product in products),
    )


def near(token: str | None) -> Reader:
    """Reads products back where they were read before; only those that are not there are looked up.

    Args:
        token: The page of the listing on which they were.
    """
    if token is None:
        return by_id

    def read(ids: Sequence[str], fields: Collection[str]) -> Exchange[Found]:
        there: dict[str, tuple[Product, ...]] = {}
        if len(ids) > 1:
            page = yield from read_page(fields, token)
            there = {product.id: (product,) for product in page.products}
        rest = [product for product in ids if product not in there]
        found = (yield from by_id(rest, fields)) if rest else Found(rows={})
        return attrs.evolve(found, rows={**there, **found.rows})

    return read


__all__ = ["FEW", "ListPage", "near", "read_page"]

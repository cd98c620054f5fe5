"""Products: list, get, create, delete. Updates of many are in ``_bulk``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from bulkeditor.api import _answers
from bulkeditor.api._check import check_create
from bulkeditor.api._compare import differences, plain
from bulkeditor.api._filters import Filter, condition_of, filter_param
from bulkeditor.api._lists import MAX_LIMIT, Listing, by_id, check_fields, check_limit, collect, unchanged
from bulkeditor.api._request import ask, build, ensure_text
from bulkeditor.api._settle import delete_once, post
from bulkeditor.errors import NotFoundError, NotLoadedError, UnsupportedByServerError
from bulkeditor.http import Exchange, RetryPolicy
from bulkeditor.models import Product, ProductCreate, structure
from bulkeditor.query import Condition

ALWAYS: Final = frozenset({"id", "sku"})
"""Fields that are always asked for: pages are compared and rows named by them."""

_EMPTY: Final[Mapping[str, Callable[[], object]]] = {"tags": list, "custom_fields": dict, "options": dict}


def listing(
    *,
    filter: Filter | None = None,  # noqa: A002 - the API's own name
    fields: Iterable[str] | None = None,
    limit: int = MAX_LIMIT,
    page: int | None = None,
) -> Listing[Product]:
    """The products that satisfy a filter.

    The server is sent the part of the filter that every server can do (ANDed equalities); the whole filter is
    evaluated here on what comes. ``id``, ``sku`` and the fields that the filter reads are asked for as well,
    and taken off again.

    Args:
        filter: A condition, its text, or the API's JSON filter.
        fields: Names of the fields to load; ``None`` = all.
        limit: Page size, 1 to 250.
        page: Page to begin with, as the server counts; ``None`` = the first.

    Raises:
        InvalidInputError: An argument is wrong; nothing was sent.
    """
    check_limit(limit, page)
    wanted = check_fields(fields, Product)
    condition = condition_of(filter)
    params = filter_param(condition.pushdown()) if condition is not None else ()
    asked: frozenset[str] | None = None
    if wanted is not None:
        needed = ALWAYS if condition is None else ALWAYS | condition.columns
        names = (*wanted, *sorted(needed.difference(wanted)))
        params = (*params, ("fields", ",".join(names)))
        asked = frozenset(names)
    return Listing(
        operation="products.list",
        model=Product,
        plural="products",
        key=by_id,
        limit=limit,
        page=page,
        params=params,
        selects="" if condition is None else str(condition),
        fields=asked,
        keep=_keeper(condition, asked.difference(wanted) if wanted is not None and asked is not None else ()),
    )


def _keeper(condition: Condition | None, surplus: Collection[str]) -> Callable[[Product], Product | None]:
    if condition is None and not surplus:
        return unchanged

    def keep(item: Product) -> Product | None:
        if condition is not None and not matches(condition, item):
            return None
        for name in surplus:
            unload(item, name)
        return item

    return keep


def matches(condition: Condition, item: Product) -> bool:
    """Whether a condition holds for a product; a field that the server left out is empty."""
    try:
        return condition.matches(item)
    except NotLoadedError:
        # It was asked for and did not come: the server leaves empty fields out.
        empty: dict[str, object] = {
            name: _EMPTY[name]() if name in _EMPTY else None for name in condition.columns - item.loaded
        }
        return condition.matches(item.replace(**empty))


def unload(item: Product, name: str) -> None:
    """Empty one field of a row that nobody else holds yet."""
    # The model is frozen for its users; this row was decoded a moment ago and is not theirs yet.
    try:
        object.__delattr__(item, name)
    except AttributeError:
        return


def get(product_id: str, *, fields: Iterable[str] | None = None) -> Exchange[Product]:
    """One product.

    Args:
        product_id: Its id.
        fields: Names of the fields to load; ``None`` = all.

    Raises:
        NotFoundError: There is no such product.
    """
    ensure_text(product_id, "product_id")
    wanted = check_fields(fields, Product)
    params = () if wanted is None else (("fields", ",".join(wanted)),)
    try:
        response = yield from ask(build("products.get", path={"id": product_id}, params=params))
    except UnsupportedByServerError:
        return (yield from _get_from_list(product_id, wanted))
    except NotFoundError as error:
        if error.code is not None:
            raise
        # No code: a web server that does not know the route answers just so.
        return (yield from _get_from_list(product_id, wanted))
    product = _answers.one(response, Product)
    if wanted is not None:
        for name in product.loaded.difference(wanted):
            unload(product, name)
    return product


def _get_from_list(product_id: str, wanted: tuple[str, ...] | None) -> Exchange[Product]:
    """The documented way: the list, filtered by id."""
    walk = listing(filter={"id": product_id}, fields=wanted).walk()
    while (asked := walk.ask()) is not None:
        answer = yield from asked
        for page in walk.take(answer):
            for product in page:
                return product
    raise NotFoundError(
        f"There is no product with the id {product_id!r}.",
        status=404,
        code="not_found",
        operation="products.get",
    )


def create(product: ProductCreate | Mapping[str, object], *, honoured: bool) -> Exchange[Product]:
    """Create one product.

    Args:
        product: Its fields; ``sku`` and ``title`` are required.
        honoured: Whether the server is known to honour idempotency keys.

    Raises:
        InvalidInputError: A field is wrong; nothing was sent.
        OutcomeUnknownError: The answer was lost and the list does not tell whether it was created.
        UnsupportedByServerError: The server has only the documented API.
    """
    new = product if isinstance(product, ProductCreate) else structure(product, ProductCreate)
    check_create(new)
    return (
        yield from post(
            build("products.create", body=new),
            read=lambda response: _answers.one(response, Product),
            finder=_Created(new),
            honoured=honoured,
            instead="New products cannot be made through the documented API; create them in the shop.",
        )
    )


class _Created:
    """Finds a product by its SKU; new is one that was not there before and holds what was sent."""

    def __init__(self, new: ProductCreate) -> None:
        self._new = new
        self._wanted = plain(new)
        self._known: frozenset[str] = frozenset()

    def before(self) -> Exchange[None]:
        self._known = frozenset(item.id for item in (yield from self._rows()))

    def after(self) -> Exchange[Sequence[Product]]:
        rows = yield from self._rows()
        return [row for row in rows if row.id not in self._known and not differences(self._wanted, row)]

    def _rows(self) -> Exchange[list[Product]]:
        return (yield from collect(listing(filter={"sku": self._new.sku}).walk()))


def delete(product_id: str, *, policy: RetryPolicy) -> Exchange[None]:
    """Delete one product.

    Raises:
        NotFoundError: There is no such product.
        OutcomeUnknownError: No answer came.
        UnsupportedByServerError: The server has only the documented API.
    """
    ensure_text(product_id, "product_id")
    request = build("products.delete", path={"id": product_id})
    yield from delete_once(
        request, policy=policy, instead="Use bulk_jobs.create(operation='delete', filter={'sku': '…'})."
    )


__all__ = ["ALWAYS", "create", "delete", "get", "listing", "matches", "unload"]

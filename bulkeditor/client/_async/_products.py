"""Products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bulkeditor.api import products as flows
from bulkeditor.api._bulk import BulkUpdate
from bulkeditor.api._filters import Filter
from bulkeditor.api._lists import MAX_LIMIT
from bulkeditor.api._rows import Given
from bulkeditor.client._async._core import AsyncCore
from bulkeditor.client._async._pager import AsyncPager
from bulkeditor.client._async._report import AsyncUpdateReport
from bulkeditor.models import Product, ProductCreate


class AsyncProducts:
    """``shop.products``: list, get, create, update, delete."""

    def __init__(self, core: AsyncCore) -> None:
        self._core = core

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own name
        fields: Iterable[str] | None = None,
        limit: int = MAX_LIMIT,
        page: int | None = None,
    ) -> AsyncPager[Product]:
        """The products that satisfy a filter; nothing is sent before the result is iterated.

        What the server cannot filter by is filtered here, on what it sends.

        Args:
            filter: A condition (``F.vendor == "X"``), its text (``'vendor = "X"'``), or the API's JSON filter
                (``{"vendor": "X"}``).
            fields: Names of the fields to load; ``None`` = all. Reading another one raises NotLoadedError.
            limit: Page size, 1 to 250.
            page: Page to begin with, as the server counts; ``None`` = the first.

        Returns:
            A pager: iterate it for products, ``.pages()`` for pages, ``.first()``, ``.to_pandas()`` …

        Raises:
            InvalidInputError: An argument is wrong; the text names it.
        """
        return AsyncPager(
            self._core, lambda: flows.listing(filter=filter, fields=fields, limit=limit, page=page)
        )

    async def get(self, product_id: str, *, fields: Iterable[str] | None = None) -> Product:
        """One product. On a server that has only the documented API, it is read from the list.

        Args:
            product_id: Its id.
            fields: Names of the fields to load; ``None`` = all.

        Raises:
            NotFoundError: There is no such product.
        """
        return await self._core.run(flows.get(product_id, fields=fields))

    async def create(self, product: ProductCreate | Mapping[str, object]) -> Product:
        """Create one product.

        Args:
            product: Its fields; ``sku`` and ``title`` are required.

        Raises:
            InvalidInputError: A field is wrong; nothing was sent.
            OutcomeUnknownError: No answer came, and the list does not tell whether it was created.
            UnsupportedByServerError: The server has only the documented API.
        """
        core = self._core
        return await core.run(flows.create(product, honoured=core.honoured))

    async def update(self, rows: Iterable[Given], *, verify: bool = False) -> AsyncUpdateReport:
        """Change many products, in requests of at most 250 rows, several at a time.

        A bad row fails alone. Rows that the reply does not mention, and tags and custom fields, are read
        back. A request whose answer is lost is read back before any of its rows is sent again.

        Args:
            rows: Updates, or mappings with ``id`` or ``sku`` and the fields to change; None clears a field.
                ``tags`` is the full list; ``custom_fields`` are merged with what the product has.
            verify: Read every product afterwards, and compare.

        Returns:
            A report with exactly one outcome for each row, in the order given.

        Raises:
            InvalidInputError: ``rows`` is not a list of rows.
            AuthenticationError: The credential was refused; nothing was written. Likewise other errors that
                concern every request.
        """
        return await self._update(rows, verify=verify)

    async def _update(
        self, rows: Iterable[Given], *, verify: bool, read_first: bool = False
    ) -> AsyncUpdateReport:
        core = self._core
        work = BulkUpdate(rows, policy=core.policy, verify=verify, read_first=read_first)
        end = core.end()
        await core.run_until(end, work.prepare())
        await core.run_side_by_side(end, work.batches())
        await core.run_until(end, work.read_back())

        async def resend(again: Sequence[Given], read_first: bool) -> AsyncUpdateReport:  # noqa: FBT001 - private
            return await self._update(again, verify=verify, read_first=read_first)

        return AsyncUpdateReport(work.outcomes(), resend)

    async def delete(self, product_id: str) -> None:
        """Delete one product.

        Args:
            product_id: Its id.

        Raises:
            NotFoundError: There is no such product.
            UnsupportedByServerError: The server has only the documented API.
        """
        await self._core.run(flows.delete(product_id, policy=self._core.policy))


__all__ = ["AsyncProducts"]

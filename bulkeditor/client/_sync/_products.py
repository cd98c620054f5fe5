# Generated from ../_async by scripts/unasync.py; change that, not this.
"""Products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bulkeditor.api import products as flows
from bulkeditor.api._bulk import BulkUpdate
from bulkeditor.api._filters import Filter
from bulkeditor.api._lists import MAX_LIMIT
from bulkeditor.api._rows import Given
from bulkeditor.client._sync._core import Core
from bulkeditor.client._sync._pager import Pager
from bulkeditor.client._sync._report import UpdateReport
from bulkeditor.models import Product, ProductCreate


class Products:
    """``shop.products``: list, get, create, update, delete."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own name
        fields: Iterable[str] | None = None,
        limit: int = MAX_LIMIT,
        page: int | None = None,
    ) -> Pager[Product]:
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
        return Pager(
            self._core, lambda: flows.listing(filter=filter, fields=fields, limit=limit, page=page)
        )

    def get(self, product_id: str, *, fields: Iterable[str] | None = None) -> Product:
        """One product. On a server that has only the documented API, it is read from the list.

        Args:
            product_id: Its id.
            fields: Names of the fields to load; ``None`` = all.

        Raises:
            NotFoundError: There is no such product.
        """
        return self._core.run(flows.get(product_id, fields=fields))

    def create(self, product: ProductCreate | Mapping[str, object]) -> Product:
        """Create one product.

        Args:
            product: Its fields; ``sku`` and ``title`` are required.

        Raises:
            InvalidInputError: A field is wrong; nothing was sent.
            OutcomeUnknownError: No answer came, and the list does not tell whether it was created.
            UnsupportedByServerError: The server has only the documented API.
        """
        core = self._core
        return core.run(flows.create(product, honoured=core.honoured))

    def update(self, rows: Iterable[Given], *, verify: bool = False) -> UpdateReport:
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
        return self._update(rows, verify=verify)

    def _update(
        self, rows: Iterable[Given], *, verify: bool, read_first: bool = False
    ) -> UpdateReport:
        core = self._core
        work = BulkUpdate(rows, policy=core.policy, verify=verify, read_first=read_first)
        end = core.end()
        core.run_until(end, work.prepare())
        core.run_side_by_side(end, work.batches())
        core.run_until(end, work.read_back())

        def resend(again: Sequence[Given], read_first: bool) -> UpdateReport:  # noqa: FBT001 - private
            return self._update(again, verify=verify, read_first=read_first)

        return UpdateReport(work.outcomes(), resend)

    def delete(self, product_id: str) -> None:
        """Delete one product.

        Args:
            product_id: Its id.

        Raises:
            NotFoundError: There is no such product.
            UnsupportedByServerError: The server has only the documented API.
        """
        self._core.run(flows.delete(product_id, policy=self._core.policy))


__all__ = ["Products"]

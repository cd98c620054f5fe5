# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyarrow ships no types.
"""A listing to iterate: items, pages, the first one, data frames."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from bulkeditor.api._lists import Listing
from bulkeditor.api._page import Page
from bulkeditor.api._paging import Walk
from bulkeditor.client._async._core import AsyncCore
from bulkeditor.models import Model, RowProblem

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs] - pyarrow ships no types

M = TypeVar("M", bound=Model)


class AsyncPager(Generic[M]):
    """A listing of the server; nothing is sent before it is iterated.

    Iterating gives the items, page after page; each iteration reads the listing anew. Items that come twice,
    because others changed the listing in the meantime, are given once.
    """

    def __init__(self, core: AsyncCore, listing: Callable[[], Listing[M]], token: str | None = None) -> None:
        self._core = core
        # Built at once, so that wrong arguments are refused where they were written.
        self._listing = listing()
        self._token = token
        self._walk: Walk[M] | None = None
        self._start()

    def _start(self) -> Walk[M]:
        self._walk = self._listing.walk(self._token)
        return self._walk

    async def __aiter__(self) -> AsyncGenerator[M, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    async def pages(self) -> AsyncGenerator[Page[M], None]:
        """The pages that hold rows, in order; a page may be empty when the filter drops all of its rows.

        Yields:
            Pages with ``items``, ``number``, ``has_next``, ``token`` and ``next_token``.

        Raises:
            PaginationError: The server's pages have no end, or the page asked for is past it.
        """
        async with aclosing(self._core.pages(self._start())) as pages:
            async for page in pages:
                yield page

    async def first(self) -> M | None:
        """The first item, or ``None``; one request where the first page holds a match."""
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                if page.items:
                    return page.items[0]
        return None

    async def all(self) -> list[M]:
        """Every item, in a list."""
        return [item async for item in self]

    def resume(self, token: str) -> AsyncPager[M]:
        """The same listing from the page that a token names (``page.token``, ``page.next_token``).

        Raises:
            InvalidInputError: The token is damaged, or belongs to a listing with another filter or limit.
        """
        return AsyncPager(self._core, lambda: self._listing, token)

    @property
    def moved(self) -> int:
        """Rows that came twice in the last iteration, because others changed the listing."""
        return self._walk.moved if self._walk is not None else 0

    @property
    def missing(self) -> int:
        """Rows that the server counts and that the last iteration did not see."""
        return self._walk.missing if self._walk is not None else 0

    @property
    def problems(self) -> Sequence[RowProblem]:
        """Rows of the last iteration that could not be read."""
        return tuple(self._walk.problems) if self._walk is not None else ()

    async def to_pandas(self) -> pd.DataFrame:
        """Every item as a pandas data frame; amounts stay Decimal, times are aware.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from bulkeditor.notebook._frames import to_pandas  # noqa: PLC0415 - pandas is an extra

        return to_pandas(await self.all(), self._listing.model)

    async def to_polars(self) -> pl.DataFrame:
        """Every item as a polars data frame; amounts are decimals, times are UTC, tags are lists.

        Raises:
            MissingExtraError: polars is not installed.
        """
        from bulkeditor.notebook._frames import to_polars  # noqa: PLC0415 - polars is an extra

        return to_polars(await self.all(), self._listing.model)

    async def to_arrow(self) -> pa.Table:
        """Every item as an Arrow table; amounts are decimals, times are UTC, tags are lists.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        from bulkeditor.notebook._frames import to_arrow  # noqa: PLC0415 - pyarrow is an extra

        return to_arrow(await self.all(), self._listing.model)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._listing.operation}>"


__all__ = ["AsyncPager"]

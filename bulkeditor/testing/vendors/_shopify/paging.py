"""Connections: pages with cursors that hold the place in the order, not a number of rows."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import attrs

from bulkeditor.testing.vendors._shopify.search import Facts, Search

T = TypeVar("T")

MOST: Final = 250
"""https://shopify.dev/docs/api/usage/pagination-graphql: up to 250 at a time."""


@attrs.frozen
class Edge(Generic[T]):
    """One record with its cursor."""

    cursor: str
    node: T


@attrs.frozen(kw_only=True)
class PageInfo:
    """Where a page stands in the whole."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@attrs.frozen
class Connection(Generic[T]):
    """A page of records."""

    edges: Sequence[Edge[T]]
    page_info: PageInfo

    @property
    def nodes(self) -> list[T]:
        """The records alone."""
        return [edge.node for edge in self.edges]


@attrs.define(kw_only=True)
class Paging(Generic[T]):
    """How a list is cut into pages.

    Args:
        key: Where a record stands in the order: a sortable value and its number.
        whole: A bulk operation: everything, whatever ``first`` says.
        empty: A page without rows, with more to follow, is ordered.
    """

    key: Callable[[T], tuple[Any, int]]
    whole: bool = False
    empty: bool = False

    def cut(
        self,
        rows: Sequence[T],
        *,
        first: int | None = None,
        last: int | None = None,
        after: str | None = None,
        before: str | None = None,
        reverse: bool = False,
    ) -> Connection[T]:
        """One page.

        Raises:
            ValueError: Shopify refuses such arguments.
        """
        found = sorted(rows, key=self._place, reverse=reverse)
        if self.whole:
            first, last = len(found), None
        elif first is None and last is None:
            raise ValueError("you must provide one of first or last")
        for given in (first, last):
            if given is not None and not self.whole and not 0 <= given <= MOST:
                raise ValueError(f"Page size must be between 0 and {MOST}")
        began = found
        for cursor, later in ((after, True), (before, False)):
            if cursor is not None:
                mark = _opened(cursor)
                found = [row for row in found if (self._place(row) > mark) == (later is not reverse)]
                found = [row for row in found if self._place(row) != mark]
        if self.empty:
            return self._nothing(found, after)
        page = found[:first] if last is None else found[-last:] if last else []
        info = PageInfo(
            has_next_page=bool(page) and page[-1] is not found[-1],
            has_previous_page=bool(page) and page[0] is not began[0],
            start_cursor=self._cursor(page[0]) if page else None,
            end_cursor=self._cursor(page[-1]) if page else None,
        )
        return Connection([Edge(self._cursor(row), row) for row in page], info)

    def _nothing(self, rows: Sequence[T], after: str | None) -> Connection[T]:
        mark = ["", 0] if after is None else list(_opened(after))
        cursor = _sealed(*mark, again=True)
        info = PageInfo(
            has_next_page=bool(rows),
            has_previous_page=after is not None,
            start_cursor=None,
            end_cursor=cursor,
        )
        return Connection([], info)

    def _place(self, row: T) -> tuple[str, int]:
        value, number = self.key(row)
        return _sortable(value), number

    def _cursor(self, row: T) -> str:
        return _sealed(*self._place(row))


def _sortable(value: object) -> str:
    return f"{value:020d}" if isinstance(value, int) else str(value)


def _sealed(value: object, number: object, *, again: bool = False) -> str:
    body = {"last_id": number, "last_value": value, **({"again": True} if again else {})}
    return base64.b64encode(json.dumps(body).encode()).decode()


def _opened(cursor: str) -> tuple[str, int]:
    try:
        body: dict[str, Any] = json.loads(base64.b64decode(cursor, validate=True))
        return str(body["last_value"]), int(body["last_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"Invalid cursor: {cursor!r}") from error


def found(rows: Sequence[T], query: str | None, facts: Callable[[T], Facts]) -> tuple[list[T], Search | None]:
    """Those of some records that a search finds, and the search with its warnings.

    Raises:
        ValueError: The search cannot be read.
    """
    if not query or not rows:
        return list(rows), None
    search = Search(query, frozenset(facts(rows[0])))
    test = search.test()
    return [row for row in rows if test(facts(row))], search


__all__ = ["MOST", "Connection", "Edge", "PageInfo", "Paging", "found"]

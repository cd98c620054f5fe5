"""Ways through pages, to ``yield from`` in ``read()``.

Each takes a function that makes the request for a place, so that it serves GET and POST alike. An empty page
ends
nothing: what ends a read is what the system says, or, where it says nothing, two empty pages in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from bulkeditor.connectors._fields import MISSING, lookup
from bulkeditor.connectors._types import Query, Reading, Records
from bulkeditor.http import Request, Response

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector

Rows: TypeAlias = str | Callable[[object], Sequence[object]]
"""Where the rows of a body are: a path (empty = the body itself), or a function of the body."""

_ENOUGH: Final = 2


def rows_of(response: Response, where: Rows) -> Sequence[object]:
    """The rows of an answer.

    Raises:
        UnexpectedResponseError: They are not there, or no list.
    """
    body: object = response.json()
    found = where(body) if callable(where) else lookup(body, where) if where else body
    if not isinstance(found, list | tuple):
        raise response.unexpected(
            f"the answer holds no list at {where!r}" if where else "the answer is no list"
        )
    return cast("Sequence[object]", found)


def next_links(
    request: Callable[[str], Request],
    first: str,
    query: Query,
    *,
    rows: Rows,
    next: str | Callable[[Response], str | None],  # noqa: A002 - the field's word
    complete: bool = False,
) -> Reading:
    """Follow the link to the next page that each page carries.

    Args:
        request: Makes the request for a link: ``self.get``, or with :meth:`Connector.link` where links are
            relative.
        first: The first page.
        query: Knows where to go on.
        rows: Where the rows are.
        next: Where the link is: a path, or a function of the answer (for ``Link`` headers).
        complete: Whether the end of this read has seen everything there is.
    """
    url: str | None = _text(query.resume.get("url")) or first
    while url is not None:
        response = yield request(url)
        found = rows_of(response, rows)
        url = _following(response, next)
        yield Records(found, resume={"url": url}, complete=complete and url is None)


def cursors(
    request: Callable[[str | None], Request],
    query: Query,
    *,
    rows: Rows,
    next: str | Callable[[Response], str | None],  # noqa: A002 - as above
    complete: bool = False,
) -> Reading:
    """Hand back the cursor that each page carries.

    Args:
        request: Makes the request for a cursor; None for the first page.
        query: Knows where to go on.
        rows: Where the rows are.
        next: Where the cursor of the next page is; nothing there ends the read.
        complete: As for :func:`next_links`.
    """
    after: str | None = _text(query.resume.get("after"))
    while True:
        response = yield request(after)
        found = rows_of(response, rows)
        after = _following(response, next)
        yield Records(found, resume={"after": after}, complete=complete and after is None)
        if after is None:
            return


def offsets(
    request: Callable[[int], Request],
    query: Query,
    *,
    rows: Rows,
    size: int | None = None,
    total: str | None = None,
    more: str | None = None,
    complete: bool = False,
) -> Reading:
    """Ask for rows from a position on.

    Args:
        request: Makes the request for a position.
        query: Knows where to go on.
        rows: Where the rows are.
        size: By how much to go on, for systems that want a multiple of the page; None = by the rows that
            came.
        total: Where the number of all rows is.
        more: Where it says whether more follows.
        complete: As for :func:`next_links`.
    """
    at = _number(query.resume.get("offset"), 0)
    empty = 0
    while True:
        response = yield request(at)
        found = rows_of(response, rows)
        empty = 0 if found else empty + 1
        at += size or len(found)
        # Without a size an empty page leads nowhere: the same question again.
        ended = _ended(response, at, _ENOUGH if size is None and empty else empty, total, more)
        yield Records(found, resume=None if ended else {"offset": at}, complete=complete and ended)
        if ended:
            return


def numbers(
    request: Callable[[int], Request],
    query: Query,
    *,
    rows: Rows,
    first: int = 1,
    pages: str | None = None,
    more: str | None = None,
    complete: bool = False,
) -> Reading:
    """Ask for pages by their numbers.

    Args:
        request: Makes the request for a page.
        query: Knows where to go on.
        rows: Where the rows are.
        first: Number of the first page.
        pages: Where the number of pages is.
        more: Where it says whether more follows.
        complete: As for :func:`next_links`.
    """
    number = _number(query.resume.get("page"), first)
    empty = 0
    while True:
        response = yield request(number)
        found = rows_of(response, rows)
        empty = 0 if found else empty + 1
        number += 1
        ended = _ended(response, number - first, empty, pages, more)
        yield Records(found, resume=None if ended else {"page": number}, complete=complete and ended)
        if ended:
            return


def odata(
    connector: Connector,
    first: str,
    query: Query,
    *,
    headers: Mapping[str, str] | None = None,
    complete: bool = False,
) -> Reading:
    """Follow an OData service: ``d.results`` and ``d.__next`` of V2, ``value`` and ``@odata.nextLink`` of V4.

    Args:
        connector: Makes the requests.
        first: The first page.
        query: Knows where to go on.
        headers: Further headers of each request.
        complete: As for :func:`next_links`.
    """
    root = first.partition("?")[0].rpartition("/")[0] + "/"

    def request(url: str) -> Request:
        return connector.get(connector.link(url, root), headers=headers or {})

    return next_links(request, first, query, rows=_odata_rows, next=_odata_next, complete=complete)


def _odata_rows(body: object) -> Sequence[object]:
    for path in ("d.results", "value", "d"):
        found = lookup(body, path)
        if isinstance(found, list):
            return cast("list[object]", found)
    return cast("Sequence[object]", None)  # no list: rows_of() says so


def _odata_next(response: Response) -> str | None:
    for path in ("d.__next", "@odata.nextLink", "odata.nextLink"):
        link = _following(response, path)
        if link is not None:
            return link
    return None


def _ended(response: Response, reached: int, empty: int, total: str | None, more: str | None) -> bool:
    body: object = response.json()
    if more is not None and (says := lookup(body, more)) is not MISSING:
        return not says
    if total is not None and (number := _number(lookup(body, total), -1)) >= 0:
        return reached >= number
    return empty >= _ENOUGH


def _following(response: Response, where: str | Callable[[Response], str | None]) -> str | None:
    """The link or cursor of the next page; None where the system says that there is none.

    Raises:
        UnexpectedResponseError: It says something else, which must not pass for the end.
    """
    if callable(where):
        return where(response)
    found = lookup(response.json(), where)
    if found is MISSING or found is None or found is False or found == "":
        return None
    text = _text(found)
    if text is None:
        raise response.unexpected(f"the next page is no text at {where!r}, but {found!r:.60}")
    return text


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _number(value: object, otherwise: int) -> int:
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return otherwise


__all__ = ["Rows", "cursors", "next_links", "numbers", "odata", "offsets", "rows_of"]

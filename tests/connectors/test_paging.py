"""Ways through pages: where they end, where they go on, and what an empty page means."""

from urllib.parse import parse_qs, urlsplit

import pytest

import bulkeditor as be
from bulkeditor.connectors import Connector, Query, Records, paging
from bulkeditor.http import Response

PAGES = [["a"], [], ["b", "c"], ["d"]]


class Reader(Connector):
    name = "reader"
    base_url: str | None = "https://x.test/api"


def drive(flow, answer):
    """Run a read against a function of (path, parameters); the pages, and how often it was asked."""
    pages, asked = [], 0
    step = next(flow)
    try:
        while True:
            if isinstance(step, Records):
                pages.append(step)
                step = next(flow)
                continue
            asked += 1
            assert asked < 50
            url = urlsplit(step.path)
            params = {name: values[0] for name, values in parse_qs(url.query).items()}
            content = be.models.encode(answer(url.path, params))
            step = flow.send(Response(status=200, headers={}, content=content, request=step))
    except StopIteration:
        return pages, asked


def links(path, params):
    at = int(params.get("page", 0))
    following = f"/items?page={at + 1}" if at + 1 < len(PAGES) else None
    return {
        "rows": PAGES[at],
        "next": following,
        "more": following is not None,
        "total": 4,
        "pages": len(PAGES),
    }


def offsets(path, params):
    everything = [row for page in PAGES for row in page]
    at = int(params["at"])
    return {"rows": everything[at : at + 2], "total": str(len(everything)), "more": at + 2 < len(everything)}


def plain_offsets(path, params):
    return {"rows": offsets(path, params)["rows"]}


reader = Reader()


def walk(name, query):
    asked = {
        "next_links": lambda: paging.next_links(
            reader.get, "/items?page=0", query, rows="rows", next="next", complete=True
        ),
        "cursors": lambda: paging.cursors(
            lambda after: reader.get(reader.url("/items", page=after)),
            query,
            rows="rows",
            next=lambda response: (response.json()["next"] or "=").rpartition("=")[2] or None,
            complete=True,
        ),
        "numbers": lambda: paging.numbers(
            lambda number: reader.get(reader.url("/items", page=number)),
            query,
            rows="rows",
            first=0,
            more="more",
            complete=True,
        ),
        "numbers by count": lambda: paging.numbers(
            lambda number: reader.get(reader.url("/items", page=number)),
            query,
            rows="rows",
            first=0,
            pages="pages",
            complete=True,
        ),
    }
    return asked[name]()


@pytest.mark.parametrize("name", ["next_links", "cursors", "numbers", "numbers by count"])
def test_every_row_comes_and_only_the_last_page_is_the_end(name):
    pages, asked = drive(walk(name, Query()), links)
    assert [page.rows for page in pages] == PAGES
    assert asked == 4
    assert [page.complete for page in pages] == [False, False, False, True]
    assert not any((pages[-1].resume or {}).values())


@pytest.mark.parametrize("name", ["next_links", "cursors", "numbers", "numbers by count"])
def test_a_walk_goes_on_where_a_page_says(name):
    pages, _ = drive(walk(name, Query()), links)
    for count, page in enumerate(pages[:-1], start=1):
        rest, _ = drive(walk(name, Query(resume=page.resume)), links)
        assert [later.rows for later in rest] == PAGES[count:]


@pytest.mark.parametrize("ending", [{"total": "total"}, {"more": "more"}, {}, {"size": 2}])
def test_offsets(ending):
    def flow(query):
        return paging.offsets(
            lambda at: reader.get(reader.url("/items", at=at)), query, rows="rows", complete=True, **ending
        )

    answer = offsets if "total" in ending or "more" in ending else plain_offsets
    pages, asked = drive(flow(Query()), answer)
    assert [row for page in pages for row in page.rows] == ["a", "b", "c", "d"]
    assert [page.complete for page in pages][-1]
    # Without a word of the system, empty pages are the end: one where the next question would be the same,
    # else two.
    assert asked == {"total": 2, "more": 2, "size": 4}.get(next(iter(ending), ""), 3)
    rest, _ = drive(flow(Query(resume=pages[0].resume)), answer)
    assert [row for page in rest for row in page.rows] == ["c", "d"]


def test_numbers_without_a_word_end_after_two_empty_pages():
    def answer(path, params):
        at = int(params["page"]) - 1
        return PAGES[at] if at < len(PAGES) else []

    flow = paging.numbers(lambda number: reader.get(reader.url("/items", page=number)), Query(), rows="")
    pages, asked = drive(flow, answer)
    assert [row for page in pages for row in page.rows] == ["a", "b", "c", "d"]
    assert asked == 6


@pytest.mark.parametrize(
    ("wrap", "link"),
    [
        (
            lambda rows, link: {"d": {"results": rows, **({"__next": link} if link else {})}},
            "https://x.test/api/srv/Items?$skiptoken=1",
        ),
        (lambda rows, link: {"d": rows, **({"odata.nextLink": link} if link else {})}, "Items?$skip=1"),
        (lambda rows, link: {"value": rows, "@odata.nextLink": link}, "Items?$skip=1"),
        (lambda rows, link: {"value": rows, "odata.nextLink": link}, "/api/srv/Items?$skip=1"),
    ],
    ids=["V2", "V2 plain", "V4 relative", "V3 from the root"],
)
def test_odata(wrap, link):
    asked = []

    def answer(path, params):
        asked.append(path)
        return wrap([2], None) if len(asked) > 1 else wrap([1], link)

    flow = paging.odata(reader, "/srv/Items?$top=1", Query(), complete=True)
    pages, _ = drive(flow, answer)
    assert [page.rows for page in pages] == [[1], [2]]
    assert [path.removeprefix("/api") for path in asked] == ["/srv/Items", "/srv/Items"]


@pytest.mark.parametrize("body", [{"error": "x"}, {"rows": {"a": 1}}, [1], "text", None])
def test_an_answer_without_a_list_is_an_error_that_shows_it(body):
    flow = paging.next_links(reader.get, "/items", Query(), rows="rows", next="next")
    with pytest.raises(be.UnexpectedResponseError, match="holds no list at 'rows'"):
        drive(flow, lambda *_: body)


def test_urls():
    from datetime import UTC, datetime  # noqa: PLC0415 - beside its only use

    when = datetime(2026, 1, 1, tzinfo=UTC)
    assert reader.url("/a", since=when, none=None, flag=True, ids=["x", "y z"], n=3) == (
        "/a?since=2026-01-01T00%3A00%3A00Z&flag=true&ids=x%2Cy%20z&n=3"
    )
    assert reader.url("/a?b=1", c="&") == "/a?b=1&c=%26"
    assert reader.quoted("$custom:::$default:::a/b") == "%24custom%3A%3A%3A%24default%3A%3A%3Aa%2Fb"
    assert reader.link("https://y.test/z") == "https://y.test/z"
    assert reader.link("/api/items?x", "/srv/") == "/items?x"
    assert reader.link("/other", "/srv/") == "/other"
    assert reader.link("Items?x", "/srv/") == "/srv/Items?x"

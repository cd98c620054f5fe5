"""The walk over pages: every way a server may count and end them, and what each costs in requests."""

from __future__ import annotations

import itertools
import json
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bulkeditor.api import products
from bulkeditor.api._lists import Listing, collect
from bulkeditor.errors import InvalidInputError, PaginationError
from bulkeditor.http import Request

Pages = Sequence[Sequence[str]]


def server(
    pages: Pages,
    *,
    base: int = 1,
    echo: bool = True,
    total: int | None = None,
    has_next: bool = False,
    bare: bool = False,
    clamp: bool = False,
) -> Callable[[Request], Any]:
    """A server whose pages hold these ids."""

    def serve(request: Request) -> Any:
        number = int(dict(request.params).get("page", base))
        index = number - base
        if clamp:
            index = min(index, len(pages) - 1)
        rows = [{"id": name, "sku": name} for name in (pages[index] if 0 <= index < len(pages) else ())]
        if bare:
            return rows
        body: dict[str, Any] = {"products": rows}
        if echo:
            body |= {"page": number, "limit": len(pages[0]) if pages else 250}
        if total is not None:
            body["total"] = total
        if has_next:
            body["has_next"] = index + 1 < len(pages)
        return body

    return serve


def ids(drive: Any, serve: Callable[[Request], Any], **options: Any) -> list[str]:
    listing = products.listing(limit=options.pop("limit", 2), **options)
    return [item.id for item in drive(collect(listing.walk()), serve)]


THREE = (("a", "b"), ("c", "d"), ("e",))


@pytest.mark.parametrize("base", [0, 1])
def test_totals_with_an_echo_cost_one_request_a_page(drive: Any, base: int) -> None:
    assert ids(drive, server(THREE, base=base, total=5)) == list("abcde")
    assert drive.pages() == [None, str(base + 1), str(base + 2)]


@pytest.mark.parametrize("base", [0, 1])
def test_has_next_ends_it(drive: Any, base: int) -> None:
    assert ids(drive, server(THREE, base=base, has_next=True)) == list("abcde")
    assert len(drive.requests) == 3


@pytest.mark.parametrize("base", [0, 1])
def test_without_totals_the_end_is_two_empty_pages(drive: Any, base: int) -> None:
    assert ids(drive, server(THREE, base=base)) == list("abcde")
    assert len(drive.requests) == 5


def test_a_server_without_echo_that_counts_from_1_shows_its_first_page_twice(drive: Any) -> None:
    assert ids(drive, server(THREE, base=1, bare=True)) == list("abcde")
    assert drive.pages() == [None, "1", "2", "3", "4", "5"]


def test_a_server_without_echo_that_counts_from_0_loses_no_page(drive: Any) -> None:
    assert ids(drive, server(THREE, base=0, bare=True)) == list("abcde")
    assert drive.pages() == [None, "1", "2", "3", "4"]


def test_totals_without_echo_need_no_probe_when_the_first_page_is_all(drive: Any) -> None:
    assert ids(drive, server([("a", "b")], echo=False, total=2)) == ["a", "b"]
    assert drive.pages() == [None]


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("bare", [False, True])
def test_an_empty_page_in_the_middle_is_no_end(drive: Any, base: int, bare: bool) -> None:
    assert ids(drive, server([("a",), (), ("c",)], base=base, bare=bare), limit=1) == ["a", "c"]


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("bare", [False, True])
def test_an_empty_first_page_is_no_end(drive: Any, base: int, bare: bool) -> None:
    assert ids(drive, server([(), ("b",), ("c",)], base=base, bare=bare), limit=1) == ["b", "c"]


@pytest.mark.parametrize(("echo", "requests"), [(True, 2), (False, 3)])
def test_an_empty_listing_ends(drive: Any, echo: bool, requests: int) -> None:
    assert ids(drive, server([()], echo=echo)) == []
    assert len(drive.requests) == requests


def test_an_empty_listing_with_a_total_costs_one_request(drive: Any) -> None:
    assert ids(drive, server([()], total=0)) == []
    assert len(drive.requests) == 1


def test_a_last_page_that_repeats_for_ever_is_the_end_without_totals(drive: Any) -> None:
    assert ids(drive, server(THREE, clamp=True)) == list("abcde")
    assert len(drive.requests) == 4


def test_a_page_that_repeats_before_the_total_is_an_error(drive: Any) -> None:
    with pytest.raises(
        PaginationError, match="page 2 repeats the page before it, although the server counts 6"
    ):
        ids(drive, server([("a", "b"), ("a", "b"), ("c", "d")], total=6))


def test_a_server_that_ignores_page_is_an_error_with_totals_and_the_end_without(drive: Any) -> None:
    with pytest.raises(PaginationError):
        ids(drive, server([("a", "b")], clamp=True, total=4))
    assert ids(drive, server([("a", "b")], clamp=True)) == ["a", "b"]


def test_pages_that_go_round_in_circles_end_with_an_error(drive: Any) -> None:
    circle = [("a", "b"), ("c", "d")] * 40
    with pytest.raises(PaginationError, match="round in circles"):
        ids(drive, server(circle))


def test_a_server_that_promises_more_for_ever_is_not_believed_for_ever(drive: Any) -> None:
    def serve(request: Request) -> Any:
        return {"products": [], "page": int(dict(request.params).get("page", 1)), "has_next": True}

    with pytest.raises(PaginationError, match="empty pages in a row"):
        ids(drive, serve)


def test_rows_that_move_are_given_once_and_counted(drive: Any, caplog: pytest.LogCaptureFixture) -> None:
    walk = products.listing(limit=2).walk()
    with caplog.at_level(logging.WARNING, "bulkeditor"):
        rows = drive(collect(walk), server([("a", "b"), ("b", "c"), ("e",)], total=5))
    assert [row.id for row in rows] == ["a", "b", "c", "e"]
    assert (walk.moved, walk.missing) == (1, 1)
    assert "1 rows came twice (kept once), 1 of 5 never came" in caplog.text


def test_a_quiet_listing_says_nothing(drive: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "bulkeditor"):
        ids(drive, server(THREE, total=5))
    assert not caplog.records


def test_the_total_is_not_believed_beyond_the_data(drive: Any) -> None:
    walk = products.listing(limit=2).walk()
    assert len(drive(collect(walk), server(THREE, total=9))) == 5
    assert walk.missing == 4


def test_a_smaller_limit_of_the_server_is_followed(drive: Any) -> None:
    assert ids(drive, server(THREE, total=5), limit=250) == list("abcde")
    assert len(drive.requests) == 3


def test_rows_that_cannot_be_read_are_reported_and_counted(drive: Any) -> None:
    walk = products.listing(limit=2).walk()
    serve = server([("a", "b")], total=3)

    def broken(request: Request) -> Any:
        body = serve(request)
        body["products"].append("not a row")
        return body

    rows = drive(collect(walk), broken)
    assert [row.id for row in rows] == ["a", "b"]
    assert len(walk.problems) == 1
    assert walk.missing == 0
    assert walk.done


# Tokens


def walked(
    drive: Any, listing: Listing[Any], serve: Callable[[Request], Any], token: str | None = None
) -> list[Any]:
    walk = listing.walk(token)
    pages: list[Any] = []

    def flow() -> Any:
        while (asked := walk.ask()) is not None:
            pages.extend(walk.take((yield from asked)))

    drive(flow(), serve)
    return pages


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("bare", [False, True])
def test_each_token_resumes_exactly_there(drive: Any, base: int, bare: bool) -> None:
    listing = products.listing(limit=2)
    total = None if bare else 5
    serve = server(THREE, base=base, bare=bare, total=total)
    pages = walked(drive, listing, serve)
    rest = [[item.id for item in page] for page in pages]
    for position, page in enumerate(pages):
        again = walked(drive, listing, serve, page.token)
        assert [[item.id for item in p] for p in again] == rest[position:]
        if page.next_token is not None:
            after = walked(drive, listing, serve, page.next_token)
            assert [[item.id for item in p] for p in after] == rest[position + 1 :]
    assert [page.has_next for page in pages] == ([True, True, False] if total else [True, True, True])


def test_resuming_counts_no_row_as_missing(drive: Any) -> None:
    listing = products.listing(limit=2)
    pages = walked(drive, listing, server(THREE, total=5))
    walk = listing.walk(pages[0].next_token)
    drive(collect(walk), server(THREE, total=5))
    assert walk.missing == 0


def test_a_token_of_another_filter_is_refused(drive: Any) -> None:
    token = walked(drive, products.listing(limit=2), server(THREE, total=5))[0].next_token
    with pytest.raises(InvalidInputError, match="made by another listing"):
        products.listing(limit=2, filter={"vendor": "X"}).walk(token)
    with pytest.raises(InvalidInputError, match="limit=2, this listing has limit=3"):
        products.listing(limit=3).walk(token)


@pytest.mark.parametrize("token", ["", "nonsense", "é", "AAAA", "WzFd"])
def test_a_damaged_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidInputError, match="not a page token"):
        products.listing().walk(token)


# A page of one's own choice


@pytest.mark.parametrize("base", [0, 1])
def test_a_chosen_page_is_the_first_request(drive: Any, base: int) -> None:
    assert ids(drive, server(THREE, base=base, total=5), page=base + 1) == ["c", "d", "e"]
    assert drive.pages() == [str(base + 1), str(base + 2)]


@pytest.mark.parametrize(("base", "last"), [(0, 2), (1, 3)])
def test_a_page_past_the_end_names_the_last_one(drive: Any, base: int, last: int) -> None:
    with pytest.raises(PaginationError, match=rf"page 9 is past the end.*last page is {last} \(5 rows"):
        ids(drive, server(THREE, base=base, total=5), page=9)


def test_a_page_past_the_end_of_a_server_without_totals(drive: Any) -> None:
    with pytest.raises(PaginationError, match=r"page 9 is past the end.*no totals"):
        ids(drive, server(THREE, bare=True), page=9)


def test_page_1_of_an_empty_listing_is_no_error(drive: Any) -> None:
    assert ids(drive, server([()], total=0), page=1) == []


@pytest.mark.parametrize("page", [-1, 1.5, True, "2"])
def test_a_page_that_is_no_number_is_refused(page: Any) -> None:
    with pytest.raises(InvalidInputError, match="page must be"):
        products.listing(page=page)


# Reading ahead: answers in the order asked, requests in flight


@pytest.mark.parametrize("seed", range(40))
def test_reading_ahead_gives_what_reading_in_turn_gives(seed: int, drive: Any) -> None:
    rnd = random.Random(seed)
    size = rnd.choice([1, 2, 5])
    names = [f"p{number}" for number in range(rnd.choice([0, 1, 7, 20]))]
    pages = [tuple(names[start : start + size]) for start in range(0, len(names), size)] or [()]
    if rnd.random() < 0.3:
        pages.insert(rnd.randrange(len(pages) + 1), ())
    shape: dict[str, Any] = {"base": rnd.choice([0, 1]), "bare": rnd.random() < 0.4}
    if not shape["bare"] and rnd.random() < 0.7:
        shape["total"] = len(names)
    serve = server(pages, **shape)
    expected = ids(drive, serve, limit=size)
    assert expected == names, shape

    walk = products.listing(limit=size).walk()
    flight: list[Any] = []
    got: list[str] = []
    while not walk.done:
        while len(flight) < 4 and (asked := walk.ask()) is not None:
            flight.append(drive(asked, serve))
        if not flight:
            break
        for page in walk.take(flight.pop(0)):
            got += [item.id for item in page]
    assert got == names


def test_nothing_is_asked_ahead_of_the_first_page() -> None:
    walk = products.listing(limit=2).walk()
    assert walk.ask() is not None
    assert walk.ask() is None


def test_no_page_is_asked_for_beyond_the_total(drive: Any) -> None:
    serve = server(THREE, total=5)
    walk = products.listing(limit=2).walk()
    walk.take(drive(walk.ask(), serve))
    ahead = list(itertools.takewhile(lambda asked: asked is not None, (walk.ask() for _ in range(9))))
    assert len(ahead) == 2
    for asked in ahead:
        walk.take(drive(asked, serve))
    assert walk.done


# Arguments, fields, filters


def test_fields_that_are_needed_are_asked_for_and_taken_off_again(drive: Any) -> None:
    def serve(request: Request) -> Any:
        asked = dict(request.params)
        assert asked["fields"] == "price,id,sku,vendor"
        assert json.loads(asked["filter"]) == {"vendor": "X"}
        row = {"id": "1", "sku": "S", "price": 1.5, "vendor": "X"}
        return {"products": [row, {**row, "id": "2", "vendor": "Y"}], "total": 2}

    (row,) = drive(collect(products.listing(filter={"vendor": "X"}, fields=["price"]).walk()), serve)
    assert row.loaded == {"price"}


def test_only_equalities_are_sent_and_all_of_the_filter_is_evaluated(drive: Any) -> None:
    def serve(request: Request) -> Any:
        assert json.loads(dict(request.params)["filter"]) == {"vendor": "X"}
        rows = [
            {"id": "1", "sku": "a", "vendor": "X", "price": 5},
            {"id": "2", "sku": "b", "vendor": "X", "price": 50},
        ]
        return {"products": rows, "total": 2}

    listing = products.listing(filter={"vendor": "X", "price": {"lt": 10}})
    assert [row.id for row in drive(collect(listing.walk()), serve)] == ["1"]


def test_a_field_that_the_server_leaves_out_counts_as_empty(drive: Any) -> None:
    def serve(request: Request) -> Any:
        return {"products": [{"id": "1", "sku": "a"}], "total": 1}

    def matching(condition: dict[str, Any]) -> int:
        return len(drive(collect(products.listing(filter=condition).walk()), serve))

    assert matching({"cost": None}) == 1
    assert matching({"cost": {"lt": 5}}) == 0
    assert matching({"not": {"tags": "discontinued"}}) == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"limit": 0}, "limit must be a whole number from 1 to 250"),
        ({"limit": 251}, "limit must be"),
        ({"limit": "50"}, "limit must be"),
        ({"fields": "price"}, "fields must be a list of field names"),
        ({"fields": []}, "fields holds none"),
        ({"fields": ["prise"]}, "did you mean 'price'"),
        ({"filter": "vendor"}, "condition"),
        ({"filter": 7}, "filter must be a condition"),
        ({"filter": [{"vendor": "X"}]}, "filter must be a condition"),
        ({"filter": {"vendr": "X"}}, "vendor"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        products.listing(**arguments)

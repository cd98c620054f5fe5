"""Systems and callers that are not what they should be: nothing is lost, and every error is one of ours."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

import bulkeditor as be
from bulkeditor.connectors import (
    Batch,
    Bookmark,
    Capabilities,
    Change,
    Connector,
    DateTime,
    Limits,
    Outcomes,
    PlacedOrder,
    Problem,
    PurchaseLine,
    PurchaseOrder,
    Query,
    Reading,
    Records,
    Writing,
    field,
    paging,
    secret,
)
from bulkeditor.http import Exchange, RetryPolicy
from bulkeditor.testing import InstantClock

ADDRESS = "https://erp.example"


class Shop(Connector):
    name = "shop"
    reads = {"sku": "sku", "title": "title", "price": field("price", Decimal)}
    writes = reads
    capabilities = Capabilities(deletions="full_scan")
    limits = Limits(batch_size=10)

    def read(self, query: Query) -> Reading:
        return paging.next_links(self.get, "/items", query, rows="rows", next="next", complete=True)

    def write(self, batch: Batch) -> Writing:
        yield self.post("/items", json=[{"sku": change.key, **self.payload(change)} for change in batch])
        yield Outcomes([change.outcome("updated") for change in batch])


class Dated(Shop):
    name = "dated"
    cursor = "at"
    look_back = timedelta(days=1)


class Wire:
    """Answers as told, and remembers what it was asked."""

    def __init__(self, answer: Callable[[int], object]) -> None:
        self.answer = answer
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answer(len(self.asked))
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def session(wire: Wire, kind: type[Connector] = Shop, **options: Any) -> Any:
    options.setdefault("clock", InstantClock())
    return kind(base_url=ADDRESS).open(transport=httpx.MockTransport(wire), **options)


def rows(*found: object) -> Wire:
    return Wire(lambda _: {"rows": list(found), "next": None})


# Reading ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [{"href": "/items?page=2"}, ["/items?page=2"], True, 2.5])
def test_a_next_page_that_cannot_be_followed_is_no_end_of_the_read(link):
    wire = Wire(lambda _: {"rows": [{"sku": "a"}], "next": link})
    with session(wire) as shop:
        with pytest.raises(be.UnexpectedResponseError, match="the next page is no text at 'next'"):
            list(shop.read(known=["a", "b"]))
        assert shop.ledger.inferred == 0


def test_the_usual_port_in_a_next_link_is_the_same_host():
    wire = Wire(lambda n: {"rows": [{"sku": f"k{n}"}], "next": f"{ADDRESS}:443/items?p" if n == 1 else None})
    with session(wire) as shop:
        assert [record.key for record in shop.read()] == ["k1", "k2"]


@pytest.mark.parametrize("link", [f"{ADDRESS}:444/x", f"{ADDRESS}.evil/x", "https://u:p@erp.example/x"])
def test_another_port_host_or_user_is_another_host(link):
    wire = Wire(lambda _: {"rows": [{"sku": "a"}], "next": link})
    with session(wire) as shop, pytest.raises(be.ConfigurationError, match="nothing was sent there"):
        list(shop.read())
    assert len(wire.asked) == 1


def test_empty_pages_without_end_are_stopped():
    wire = Wire(lambda n: {"rows": [], "next": f"/items?page={n}"})
    with session(wire) as shop, pytest.raises(be.PaginationError, match="1000 empty pages came in a row"):
        list(shop.read())
    assert len(wire.asked) == 1001


@pytest.mark.parametrize("cursor", [{"a": 1}, [1], True])
def test_a_cursor_that_has_no_order_is_a_problem_of_its_row(cursor):
    with session(rows({"sku": "a", "at": cursor}, {"sku": "b", "at": cursor}), Dated) as shop:
        found = list(shop.read())
        assert [record.key for record in found] == ["a", "b"]
        assert all("no time, number or text" in record.problems[0].message for record in found)
        assert shop.bookmark is None


def test_a_number_among_cursors_that_are_texts_does_not_become_the_bookmark():
    with session(
        rows({"sku": "a", "at": "x7"}, {"sku": "b", "at": 3}, {"sku": "c", "at": "x8"}), Dated
    ) as shop:
        assert [bool(record.problems) for record in shop.read()] == [False, True, False]
        assert shop.bookmark.cursor == "x8"


def test_looking_back_from_the_first_day_of_all_ends_there():
    wire = rows({"sku": "a", "at": "0001-01-01T00:00:00Z"})
    with session(wire, Dated) as shop:
        assert [record.key for record in shop.read()] == ["a"]
        assert list(shop.read(since=shop.bookmark)) == []


def test_a_key_that_only_looks_the_same_is_reported():
    with session(rows({"sku": "\u00e9"}, {"sku": "e\u0301"}, {"sku": "f"})) as shop:
        assert [[p.code for p in r.problems] for r in shop.read()] == [[], ["case_differs"], []]


class Careless(Shop):
    name = "careless"

    def read(self, query: Query) -> Reading:
        response = yield self.get("/items")
        yield Records(response.json()["rows"], deleted=["gone", "", None])


def test_an_answer_that_a_connector_trips_over_is_an_error_of_ours():
    for body in ({}, {"rows": None}, {"rows": "abc"}, []):
        wire = Wire(lambda _, body=body: body)
        with session(wire, Careless) as shop, pytest.raises(be.UnexpectedResponseError, match="careless"):
            list(shop.read())


def test_a_deletion_without_a_key_is_a_dead_letter():
    with session(rows({"sku": "a"}), Careless) as shop:
        assert [(record.key, record.deleted) for record in shop.read()] == [("a", False), ("gone", True)]
        assert [letter.code for letter in shop.dead_letters] == ["no_key", "no_key"]
        assert shop.ledger.balanced


class Strict(Dated):
    name = "strict"
    reads = {**Shop.reads, "at": field("at", DateTime)}


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"since": "2026"}, "since must be a time"),
        ({"since": date(2026, 1, 1)}, "since must be a time"),
        ({"since": 5}, "since must be a time"),
        ({"until": object()}, "until must be a time"),
        ({"page_size": 0}, "page_size must be 1 or more"),
        ({"known": "abc"}, "known is a list of texts"),
        ({"keys": [None]}, "keys is a list of texts"),
    ],
)
def test_a_wish_that_would_be_misread_is_refused(wish, problem):
    wire = rows()
    with session(wire, Strict) as shop, pytest.raises(be.InvalidInputError, match=problem):
        list(shop.read(**wish))
    assert wire.asked == []


# Going on --------------------------------------------------------------------------------------------------


def first_token(kind: type[Connector] = Dated, **wish: Any) -> Any:
    wire = Wire(lambda n: {"rows": [{"sku": f"k{n}", "at": "2026-01-02T00:00:00Z"}], "next": f"/items?p={n}"})
    with session(wire, kind) as shop:
        pages = shop.pages(**wish)
        token = next(pages).resume
        pages.close()
    return json.loads(json.dumps(token))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: 5,
        lambda _: "x",
        lambda _: {"nope": 1},
        lambda token: token | {"place": 5},
        lambda token: token | {"of": None},
        lambda token: token | {"high": {"time": "garbage"}},
        lambda token: token | {"high": {"time": "2026-01-01T00:00:00"}},
        lambda token: token | {"high": {"number": "garbage"}},
        lambda token: token | {"until": {"number": "NaN"}},
        lambda token: token | {"until": {"number": True}},
    ],
)
def test_a_broken_resume_is_refused_before_anything_is_sent(spoil):
    wire = rows()
    with session(wire, Dated) as shop, pytest.raises(be.InvalidInputError, match="resume of a page"):
        list(shop.pages(resume=spoil(first_token())))
    assert wire.asked == []


@pytest.mark.parametrize("other", [{"since": datetime(2026, 1, 1, tzinfo=UTC)}, {"fields": ["sku"]}])
def test_a_read_is_not_gone_on_with_as_another_one(other):
    wire = rows()
    with session(wire, Dated) as shop, pytest.raises(be.InvalidInputError, match="belongs to another read"):
        list(shop.pages(resume=first_token(), **other))
    with (
        session(wire) as shop,
        pytest.raises(be.InvalidInputError, match="another read than this one of shop"),
    ):
        list(shop.pages(resume=first_token()))
    assert wire.asked == []


def test_a_resume_that_was_bent_to_another_host_leads_nowhere():
    wire = rows()
    token = first_token() | {"place": {"url": "https://evil.example/"}}
    with session(wire, Dated) as shop, pytest.raises(be.ConfigurationError, match=r"evil\.example"):
        list(shop.pages(resume=token))
    assert wire.asked == []


@pytest.mark.parametrize(
    "data",
    [
        5,
        {},
        {"cursor": {"time": "garbage"}, "seen": []},
        {"cursor": {"time": "2026-01-01T00:00:00"}, "seen": []},
        {"cursor": {"number": "NaN"}, "seen": []},
        {"cursor": {"number": "x"}, "seen": []},
        {"cursor": {"number": True}, "seen": []},
    ],
)
def test_what_is_no_bookmark_is_refused(data):
    with pytest.raises(be.InvalidInputError, match="no bookmark"):
        Bookmark.from_json(data)


# Writing ---------------------------------------------------------------------------------------------------


def test_one_change_that_is_given_twice_has_two_outcomes(mode):
    wire = Wire(lambda _: {})
    opened = mode(Shop(base_url=ADDRESS), transport=httpx.MockTransport(wire))
    change = Change(key="a", values={"title": "x"})
    outcomes = opened.write([change, Change(key="b", values={"title": "y"}), change])
    assert [(outcome.change.key, outcome.status) for outcome in outcomes] == [
        ("a", "updated"),
        ("b", "updated"),
        ("a", "updated"),
    ]
    assert opened.session.written.balanced


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"key": None}, "no_key"),
        ({"key": 5}, "no_key"),
        ({"key": b"a"}, "no_key"),
        ({"key": "\ud800"}, "unwritable_value"),
        ({"values": None}, "unwritable_value"),
        ({"values": ["title"]}, "unwritable_value"),
        ({"values": {"title": "\ud800"}}, "unwritable_value"),
        ({"expected": {"nope": 1}}, "unsupported"),
    ],
)
def test_a_change_that_is_none_does_not_keep_the_others(bad, code):
    wire = Wire(lambda _: {})
    with session(wire) as shop:
        change = Change(**{"key": "a", "values": {"title": "x"}, **bad})
        outcomes = shop.write([change, Change(key="ok", values={"title": "y"})])
        assert [(outcome.status, outcome.code) for outcome in outcomes] == [
            ("dead_lettered", code),
            ("updated", None),
        ]
    assert [json.loads(request.content) for request in wire.asked] == [[{"sku": "ok", "title": "y"}]]


def test_what_is_no_change_is_named():
    with session(Wire(lambda _: {})) as shop, pytest.raises(be.InvalidInputError, match=r"changes\[1\]"):
        shop.write([Change(key="a", values={"title": "x"}), {"key": "b"}])


class Moved(Shop):
    name = "moved"
    capabilities = Capabilities(delta={"inventory_quantity"})


@pytest.mark.parametrize("value", ["x", 1.5, True, Decimal("NaN"), None])
def test_a_difference_that_is_no_number_is_not_sent(value):
    wire = Wire(lambda _: {})
    with session(wire, Moved) as shop:
        outcome = shop.write([Change(key="a", delta={"inventory_quantity": value})])[0]
    assert (outcome.status, outcome.code, wire.asked) == ("dead_lettered", "unwritable_value", [])


class Looking(Shop):
    name = "looking"
    reads = {**Shop.reads, "kind": field("kind", lambda value: value["code"])}
    writes = reads
    capabilities = Capabilities(by_key=True)


def test_a_function_of_a_field_that_fails_for_a_change_keeps_no_other_one():
    # Decimal raises no ValueError, and the function a TypeError.
    with session(rows({"sku": "a", "price": "1", "kind": {"code": "x"}}), Looking) as shop:
        outcomes = shop.write(
            [
                Change(key="a", values={"price": "much"}),
                Change(key="b", values={"kind": 5}),
                Change(key="c", values={"title": "y"}),
            ]
        )
    assert [outcome.status for outcome in outcomes] == ["updated"] * 3


def test_a_time_without_a_zone_is_written_only_where_one_is_declared():
    naive = datetime(2026, 7, 1, 12)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="no zone"):
        DateTime().write(naive)
    with pytest.raises(ValueError, match="is no time"):
        DateTime().write("yesterday")
    assert DateTime(zone=UTC).write(naive) == DateTime().write("2026-07-01T14:00:00+02:00")


class Wordy(Shop):
    name = "wordy"
    errors_in_success = True
    refusals = {"slow": "retry"}

    def explain(self, body: object) -> Problem | None:
        return Problem("slow", after=body["after"]) if isinstance(body, dict) else None


@pytest.mark.parametrize("after", [10**9, "1e300", "nan", -1, "soon", [], None])
def test_an_absurd_pause_is_not_waited_for(after):
    clock = InstantClock()
    before = clock.monotonic()
    with session(Wire(lambda _: {"after": after}), Wordy, clock=clock) as shop:
        outcome = shop.write([Change(key="a", values={"title": "x"})])[0]
    assert (outcome.status, outcome.code, outcome.retryable) == ("failed", "slow", True)
    assert clock.monotonic() - before < 600


@pytest.mark.parametrize(("status", "outcome"), [(408, "unknown"), (423, "failed"), (425, "failed")])
def test_a_refusal_that_passes_condemns_no_row(status, outcome):
    wire = Wire(lambda _: httpx.Response(status, json={}))
    with session(wire, retry=RetryPolicy(max_retries=0)) as shop:
        outcomes = shop.write([Change(key=key, values={"title": "x"}) for key in "ab"])
    assert [found.status for found in outcomes] == [outcome, outcome]
    assert len(wire.asked) == 1


class Ordering(Careless):
    name = "ordering"
    capabilities = Capabilities(purchase_orders=True)

    def create_purchase_order(self, order: PurchaseOrder) -> Exchange[PlacedOrder]:
        response = yield self.post("/orders", json={"supplier": order.supplier})
        return PlacedOrder(id=response.json()["id"])


def test_an_order_whose_answer_cannot_be_read_is_unknown_and_not_sent_again(mode):
    wire = Wire(lambda _: {"ok": True})
    opened = mode(Ordering(base_url=ADDRESS), transport=httpx.MockTransport(wire))
    order = PurchaseOrder(supplier="7", lines=(PurchaseLine(key="a", quantity=1),))
    with pytest.raises(be.OutcomeUnknownError, match="nobody can tell whether the order was taken"):
        opened.create_purchase_order(order)
    assert len(wire.asked) == 1


def test_a_probe_that_breaks_hides_no_other(mode):
    wire = Wire(lambda _: {"ok": True})
    opened = mode(Ordering(base_url=ADDRESS), transport=httpx.MockTransport(wire))
    found = {row.capability: (row.ok, row.code) for row in opened.check()}
    assert found["read"] == (False, "KeyError")
    assert found["purchase_orders"] == (None, None)


# Secrets ---------------------------------------------------------------------------------------------------


class Guarded(Shop):
    name = "guarded"
    token: str | None = secret(default=None)


def test_only_a_reference_to_the_environment_shows_in_a_configuration():
    assert Guarded(token="${TOKEN}").config()["token"] == "${TOKEN}"
    assert Guarded(token="${A}hunter2${B}").config()["token"] == "***"

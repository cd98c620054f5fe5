"""Writes whose answer was lost: settled by reading where that is possible, and never repeated blindly."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from bulkeditor import ApiKey
from bulkeditor.api import inventory, keys, products, webhooks
from bulkeditor.errors import (
    ConflictError,
    InvalidInputError,
    KeyRotationWarning,
    NotFoundError,
    OutcomeUnknownError,
    RequestTimeoutError,
    TransportError,
    UnexpectedResponseError,
    UnsupportedByServerError,
)
from bulkeditor.http import Request, RetryPolicy

POLICY = RetryPolicy(max_retries=2)
NOW = datetime(2024, 6, 1, tzinfo=UTC)
LOST = RequestTimeoutError("no answer came in time.")
NEW = {"sku": "N-1", "title": "New thing", "price": "3.50"}


@attrs.define
class Server:
    """Plays collections: products, webhooks, keys, stock."""

    rows: list[dict[str, Any]] = attrs.field(factory=list)
    fate: Callable[[int], Any] = lambda attempt: None
    commits: bool = True
    writes: list[Any] = attrs.field(factory=list)
    readable: bool = True

    def __call__(self, request: Request) -> Any:
        plural = {"products.list": "products", "webhooks.list": "webhooks", "keys.list": "api_keys"}
        if request.operation in plural:
            return {plural[request.operation]: self.rows, "total": len(self.rows)} if self.readable else LOST
        if request.operation == "inventory.levels":
            return {"levels": self.rows, "total": len(self.rows)} if self.readable else LOST
        body = json.loads(request.content) if request.content else {}
        self.writes.append(body)
        failure = self.fate(len(self.writes))
        row = {"id": f"id_{len(self.rows)}", **body, "created_at": NOW.isoformat()}
        if failure is None or self.commits:
            if request.method == "POST":
                self.rows.append(row)
            elif request.method == "DELETE":
                if not self.rows:
                    return NotFoundError("no such thing", status=404, code="not_found")
                self.rows.clear()
        return failure if failure is not None else {**row, "key": "be_live_x"}


def once(failure: Any) -> Callable[[int], Any]:
    return lambda attempt: failure if attempt == 1 else None


def make_product(drive: Any, server: Server, **options: Any) -> Any:
    return drive(products.create(NEW, honoured=False, **options), server)


# Products


def test_a_lost_product_is_found_by_its_sku(drive: Any) -> None:
    server = Server(fate=once(LOST))
    assert make_product(drive, server).id == "id_0"
    assert len(server.writes) == 1


def test_a_product_that_was_there_before_is_not_taken_for_it(drive: Any) -> None:
    server = Server(rows=[{"id": "old", **NEW}], fate=once(LOST), commits=False)
    with pytest.raises(OutcomeUnknownError):
        make_product(drive, server)
    assert len(server.writes) == 1


def test_a_new_product_with_other_values_is_not_taken_for_it(drive: Any) -> None:
    server = Server(commits=False)

    def other(attempt: int) -> Any:
        server.rows.append({"id": "other", **NEW, "price": 4})
        return LOST

    server.fate = other
    with pytest.raises(OutcomeUnknownError):
        make_product(drive, server)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_no_failure_is_proof_that_nothing_happened(drive: Any, refuse: Any, status: int) -> None:
    request = Request(method="POST", path="/", operation="products.create")
    server = Server(fate=once(refuse(request, status)), commits=False)
    with pytest.raises(OutcomeUnknownError):
        make_product(drive, server)
    assert len(server.writes) == 1


def test_a_product_that_the_server_keeps_in_another_form_is_not_made_twice(drive: Any, refuse: Any) -> None:
    request = Request(method="POST", path="/", operation="products.create")
    server = Server(commits=False)

    def trimmed(attempt: int) -> Any:
        server.rows.append({"id": f"id_{attempt}", **NEW, "title": "NEW THING"})
        return refuse(request, 503)

    server.fate = trimmed
    with pytest.raises(OutcomeUnknownError):
        make_product(drive, server)
    assert len(server.rows) == 1


@pytest.mark.parametrize(
    "failure",
    [
        UnexpectedResponseError("the body is not JSON", status=200),
        ConflictError("still running", status=409, code="idempotency_in_progress"),
        TransportError("the connection broke off", sent=True),
    ],
)
def test_these_are_lost_answers_too(drive: Any, failure: Exception) -> None:
    server = Server(fate=once(failure))
    assert make_product(drive, server).id == "id_0"
    assert len(server.writes) == 1


def test_what_was_never_sent_is_raised_as_it_is(drive: Any) -> None:
    with pytest.raises(TransportError, match="no connection"):
        make_product(drive, Server(fate=once(TransportError("no connection", sent=False)), commits=False))


def test_when_reading_fails_the_outcome_is_unknown(drive: Any) -> None:
    server = Server()

    def fail(attempt: int) -> Any:
        server.readable = False
        return LOST

    server.fate = fail
    with pytest.raises(OutcomeUnknownError) as caught:
        make_product(drive, server)
    assert caught.value.idempotency_key == drive.requests[1].idempotency_key


def test_a_server_known_to_honour_keys_is_not_read_before(drive: Any) -> None:
    drive(products.create(NEW, honoured=True), Server())
    assert drive.operations() == ["products.create"]


def test_a_new_product_is_checked_before_it_is_sent(drive: Any) -> None:
    with pytest.raises(InvalidInputError, match="Title must be at least 3 characters"):
        drive(products.create({"sku": "a", "title": "x"}, honoured=True), Server())
    with pytest.raises(InvalidInputError, match="title"):
        drive(products.create({"sku": "a"}, honoured=True), Server())
    assert drive.requests == []


# Deleting


def delete(drive: Any, server: Server) -> None:
    drive(products.delete("id_0", policy=POLICY), server)


@pytest.mark.parametrize("commits", [True, False])
def test_a_lost_deletion_is_repeated_until_it_is_gone(drive: Any, commits: bool) -> None:
    server = Server(rows=[{"id": "id_0"}], fate=once(LOST), commits=commits)
    delete(drive, server)
    assert server.rows == []
    assert len(server.writes) == 2


def test_not_found_at_once_is_an_error(drive: Any) -> None:
    with pytest.raises(NotFoundError):
        delete(drive, Server())


def test_a_deletion_without_any_answer_is_unknown(drive: Any) -> None:
    server = Server(rows=[{"id": "id_0"}], fate=lambda attempt: LOST, commits=False)
    with pytest.raises(OutcomeUnknownError):
        delete(drive, server)
    assert len(server.writes) == 3


@pytest.mark.parametrize("name", ["", " ", None, 7, ".", ".."])
def test_an_id_that_leads_elsewhere_is_refused(name: Any) -> None:
    with pytest.raises(InvalidInputError):
        next(products.delete(name, policy=POLICY))


# One product, on every server


@pytest.mark.parametrize(
    ("status", "code"), [(404, "route_not_found"), (405, "method_not_allowed"), (404, None)]
)
def test_get_falls_back_to_the_documented_list(
    drive: Any, refuse: Any, status: int, code: str | None
) -> None:
    def serve(request: Request) -> Any:
        if request.operation == "products.get":
            return refuse(request, status, code)
        return {"products": [{"id": "a", "sku": "s", "price": 2}, {"id": "b", "sku": "t", "price": 3}]}

    row = drive(products.get("b", fields=["price"]), serve)
    assert (row.price, row.loaded) == (3, {"price"})
    with pytest.raises(NotFoundError) as caught:
        drive(products.get("c"), serve)
    assert caught.value.code == "not_found"


def test_get_of_a_product_that_does_not_exist_costs_one_request(drive: Any, refuse: Any) -> None:
    with pytest.raises(NotFoundError):
        drive(products.get("c"), lambda request: refuse(request, 404, "not_found"))
    assert len(drive.requests) == 1


def test_get_takes_off_what_was_not_asked_for(drive: Any) -> None:
    row = drive(products.get("a", fields=["price"]), lambda request: {"id": "a", "sku": "s", "price": 2})
    assert row.loaded == {"price"}


# Webhooks


def make_hook(drive: Any, server: Server, **options: Any) -> Any:
    arguments: dict[str, Any] = {
        "events": ["product.updated"],
        "endpoint": "https://x.example/hook",
        "key": None,
    }
    flow = webhooks.create(**{**arguments, **options}, honoured=False)
    return drive(flow, server)


def test_the_secret_of_a_lost_webhook_is_known_because_it_was_made_here(drive: Any) -> None:
    server = Server(fate=once(LOST))
    hook = make_hook(drive, server)
    assert hook.id == "id_0"
    assert hook.secret.reveal() == server.writes[0]["secret"]
    assert len(hook.secret.reveal()) >= 32


def test_a_secret_of_ones_own_is_kept(drive: Any) -> None:
    assert make_hook(drive, Server(), key="mine").secret.reveal() == "mine"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"events": "product.updated"}, "events must be a list"),
        ({"events": ["product.update"]}, "'product.update' does not exist; there are product.created"),
        ({"events": []}, "events"),
        ({"endpoint": "ftp://x"}, "endpoint must be an http or https address"),
        ({"key": ""}, "secret must be"),
    ],
)
def test_wrong_webhooks_are_refused(drive: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        make_hook(drive, Server(), **options)
    assert drive.requests == []


def test_a_lost_change_of_a_webhook_is_settled_by_reading(drive: Any) -> None:
    held = {"id": "w", "events": ["product.updated"], "endpoint": "https://x", "enabled": False}

    def serve(request: Request) -> Any:
        return LOST if request.write else held

    def change(enabled: bool) -> Any:
        return drive(webhooks.update("w", events=None, endpoint=None, enabled=enabled), serve)

    assert change(enabled=False).enabled is False
    with pytest.raises(OutcomeUnknownError):
        change(enabled=True)


def test_a_lost_rotation_is_unknown_and_not_repeated(drive: Any) -> None:
    with pytest.raises(OutcomeUnknownError):
        drive(webhooks.rotate_secret("w", key=None, overlap_seconds=60, honoured=False), lambda request: LOST)
    assert len(drive.requests) == 1


# Keys


def make_key(drive: Any, server: Server) -> Any:
    flow = keys.create(name="ci", scopes=["read:products"], expires_at=None, honoured=False)
    return drive(flow, server)


def test_a_key_is_shown_once(drive: Any) -> None:
    key = make_key(drive, Server())
    assert key.key.reveal() == "be_live_x"
    assert "be_live_x" not in repr(key)


def test_a_key_whose_text_was_lost_is_named_so_that_it_can_be_revoked(drive: Any) -> None:
    server = Server(fate=once(LOST))
    with pytest.raises(OutcomeUnknownError, match=r"keys.revoke\('id_0'\)"):
        make_key(drive, server)
    assert len(server.writes) == 1


def list_keys(drive: Any, age: int) -> None:
    walk = keys.listing(now=NOW).walk()
    asked = walk.ask()
    assert asked is not None
    page = drive(asked, Server(rows=[{"id": "k", "name": "old", "age_days": age}]))
    assert len(walk.take(page)) == 1


@pytest.mark.parametrize("age", [90, 400])
def test_keys_of_90_days_are_warned_of(drive: Any, age: int) -> None:
    with pytest.warns(KeyRotationWarning, match=f"{age} days old"):
        list_keys(drive, age)


def test_keys_of_89_days_are_not(drive: Any) -> None:
    list_keys(drive, 89)


def test_the_age_is_counted_where_the_server_does_not() -> None:
    assert keys.age_days(ApiKey(id="k", created_at=NOW - timedelta(days=91)), NOW) == 91
    assert keys.age_days(ApiKey(id="k"), NOW) is None


def test_scopes_are_checked(drive: Any) -> None:
    flow = keys.create(name="ci", scopes=["read:product"], expires_at=None, honoured=True)
    with pytest.raises(InvalidInputError, match="'read:product' does not exist; there are read:products"):
        drive(flow, Server())


# Inventory

PLACE = {"product_id": "p1", "location_id": "w"}
ROW = {**PLACE, "on_hand": 5}


def level(**more: Any) -> dict[str, Any]:
    return {
        "product_id": "p1",
        "sku": "S",
        "location_id": "w",
        "on_hand": 5,
        "reserved": 0,
        "available": 5,
        **more,
    }


def test_a_lost_setting_of_stock_is_settled_by_reading(drive: Any) -> None:
    server = Server(rows=[level(), level(product_id="p2", sku="T")], fate=lambda attempt: LOST)
    rows = [ROW, {"sku": "T", "location_id": "w", "on_hand": 9}]
    outcomes = drive(inventory.set_levels(rows), server)
    assert [outcome.status for outcome in outcomes] == ["updated", "unknown"]
    assert outcomes[0].level.available == 5
    assert len(server.writes) == 1


def test_a_lost_adjustment_is_never_sent_twice(drive: Any) -> None:
    server = Server(fate=lambda attempt: LOST)
    with pytest.raises(OutcomeUnknownError):
        drive(inventory.adjust([{**PLACE, "delta": 1}], honoured=False), server)
    assert len(drive.requests) == 1


def test_rows_of_a_reply_are_outcomes(drive: Any) -> None:
    results = [
        {
            "product_id": "p1",
            "location_id": "w",
            "status": "updated",
            "errors": [],
            "level": level(on_hand=6),
        },
        {
            "location_id": "w",
            "status": "failed",
            "errors": [{"code": "unknown_sku", "message": "no such SKU"}],
        },
    ]
    rows = [{"sku": "S", "location_id": "w", "delta": 1}, {"sku": "?", "location_id": "w", "delta": 1}]
    good, bad = drive(inventory.adjust(rows, honoured=False), lambda request: {"results": results})
    assert (good.status, good.product_id, good.level.on_hand) == ("updated", "p1", 6)
    assert (bad.status, bad.errors[0].code, bad.ok) == ("failed", "unknown_sku", False)


def test_a_reply_without_rows_settles_nothing(drive: Any) -> None:
    (outcome,) = drive(inventory.set_levels([ROW]), lambda request: {"updated": 1})
    assert outcome.status == "unknown"


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({**ROW, "on_hand": 1.5}, r"levels\[0\].on_hand must be a whole number"),
        ({**ROW, "on_hand": True}, "whole number"),
        ({**ROW, "sku": "S"}, "either product_id or sku"),
        ({"location_id": "w", "on_hand": 1}, "either product_id or sku"),
        ({"product_id": "p1", "on_hand": 1}, r"levels\[0\].location_id"),
        ({**ROW, "onhand": 1}, "has no field 'onhand'"),
        ("row", "must be a mapping"),
    ],
)
def test_wrong_rows_of_stock_are_refused(drive: Any, row: Any, text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        drive(inventory.set_levels([row]), Server())
    assert drive.requests == []


def test_too_many_adjustments_are_refused(drive: Any) -> None:
    row = {"product_id": "p1", "location_id": "w", "delta": 1}
    with pytest.raises(InvalidInputError, match="251 rows, more than the 250 of one request"):
        drive(inventory.adjust([row] * 251, honoured=False), Server())
    with pytest.raises(InvalidInputError, match="must be a list of rows"):
        drive(inventory.adjust(row, honoured=False), Server())  # type: ignore[arg-type]


# What a server lacks


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_collection_that_is_not_there_is_a_missing_completion(drive: Any, refuse: Any, status: int) -> None:
    walk = webhooks.listing().walk()
    with pytest.raises(UnsupportedByServerError, match=r"does not offer webhooks\.list.*Settings"):
        drive(walk.ask(), lambda request: refuse(request, status))


def test_a_thing_that_is_not_there_is_not_a_missing_completion(drive: Any, refuse: Any) -> None:
    with pytest.raises(NotFoundError):
        drive(webhooks.get("w"), lambda request: refuse(request, 404, "not_found"))

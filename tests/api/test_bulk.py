"""Updates of many products: every row has one outcome, whatever the server answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

from bulkeditor import ProductUpdate
from bulkeditor.api import _bulk
from bulkeditor.api._bulk import BulkUpdate, split, update
from bulkeditor.api._outcomes import Outcomes
from bulkeditor.api._replies import reply_of, rows_of
from bulkeditor.api._rows import Row
from bulkeditor.errors import (
    AuthenticationError,
    FieldError,
    InvalidInputError,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitError,
    ReadOnlyError,
    RequestTimeoutError,
    TransportError,
    UpdateFailedError,
)
from bulkeditor.http import Request, Response, RetryPolicy

POLICY = RetryPolicy(max_retries=2)
LOST = RequestTimeoutError("no answer came in time.", operation="products.update")


@attrs.define
class Shop:
    """Plays the documented server: a list with equality filters, and a bulk update."""

    rows: dict[str, dict[str, Any]]
    put: Callable[[Shop, Request, list[dict[str, Any]]], Any] | None = None
    filters: bool = True
    puts: list[list[dict[str, Any]]] = attrs.field(factory=list)
    lists: int = 0

    def __call__(self, request: Request) -> Any:
        if request.operation == "products.list":
            return self.list(request)
        assert request.operation == "products.update"
        assert request.content is not None
        sent = json.loads(request.content)["products"]
        self.puts.append(sent)
        return self.put(self, request, sent) if self.put is not None else self.results(sent)

    def list(self, request: Request) -> Any:
        self.lists += 1
        params = dict(request.params)
        wanted = json.loads(params.get("filter", "{}")) if self.filters else {}
        found = [
            row for row in self.rows.values() if all(row.get(name) == value for name, value in wanted.items())
        ]
        limit, page = int(params["limit"]), int(params.get("page", 1))
        part = found[(page - 1) * limit : page * limit]
        return {"products": part, "page": page, "limit": limit, "total": len(found)}

    def write(self, sent: list[dict[str, Any]]) -> None:
        for row in sent:
            if row["id"] in self.rows:
                self.rows[row["id"]].update(row)

    def results(self, sent: list[dict[str, Any]]) -> Any:
        self.write(sent)
        return {"results": [{"id": row["id"], "status": "updated", "errors": []} for row in sent]}


def shop(count: int = 4, **options: Any) -> Shop:
    rows = {
        f"p{n}": {
            "id": f"p{n}",
            "sku": f"S-{n}",
            "title": "Shirt",
            "price": 10,
            "tags": [],
            "custom_fields": {"a": 1},
        }
        for n in range(count)
    }
    return Shop(rows, **options)


def run(drive: Any, server: Shop, rows: list[Any], **options: Any) -> Outcomes:
    return Outcomes(drive(update(rows, policy=options.pop("policy", POLICY), **options), server))


# Rows


def test_one_outcome_for_each_row_in_the_order_given(drive: Any) -> None:
    server = shop()
    rows = [
        ProductUpdate(id="p1", price="29.99"),
        {"id": "p2", "prise": 1},
        {"sku": "S-3", "title": "Trousers"},
        {"sku": "s-3", "title": "Trousers"},
        {"price": 1},
        {"id": "p1"},
        "not a row",
        {"id": "p0", "price": 3},
    ]
    report = run(drive, server, rows)
    assert [row.index for row in report] == list(range(8))
    assert [row.status for row in report] == [
        "updated",
        "failed",
        "updated",
        "failed",
        "failed",
        "skipped",
        "failed",
        "updated",
    ]
    assert [row.id for row in report] == ["p1", "p2", "p3", None, None, "p1", None, "p0"]
    assert "Did you mean 'price'" in (report[1].message or "")
    assert (report[3].code, report[4].errors[0].field) == ("unknown_sku", "id")
    assert (report[5].code, report[6].row) == ("nothing_to_change", "not a row")
    assert server.puts == [
        [{"id": "p1", "price": 29.99}, {"id": "p3", "title": "Trousers"}, {"id": "p0", "price": 3}]
    ]


def test_none_clears_and_absent_leaves(drive: Any) -> None:
    server = shop()
    run(drive, server, [{"id": "p1", "cost": None, "barcode": None}])
    assert server.puts == [[{"id": "p1", "cost": None, "barcode": None}]]


def test_money_keeps_every_digit(drive: Any) -> None:
    server = shop()
    drive(update([{"id": "p1", "price": "0.0121", "cost": "10.10"}], policy=POLICY), server)
    content = next(request.content for request in drive.requests if request.operation == "products.update")
    assert content == b'{"products":[{"id":"p1","price":0.0121,"cost":10.10}]}'


def test_a_second_row_for_the_same_product_fails_and_names_the_first(drive: Any) -> None:
    report = run(
        drive, shop(), [{"id": "p1", "price": 1}, {"sku": "S-1", "title": "New"}, {"id": "p1", "price": 2}]
    )
    assert [row.status for row in report] == ["updated", "failed", "failed"]
    assert {row.code for row in report.failed} == {"duplicate_row"}
    assert "Row 0 changes the same product (p1)" in (report[1].message or "")


def test_a_bad_first_row_does_not_stand_in_the_way_of_a_good_second(drive: Any) -> None:
    report = run(drive, shop(), [{"id": "p1", "price": -1}, {"id": "p1", "price": 2}])
    assert [row.status for row in report] == ["failed", "updated"]


def test_an_ambiguous_sku_names_the_products(drive: Any) -> None:
    server = shop()
    server.rows["p2"]["sku"] = "S-1"
    (row,) = run(drive, server, [{"sku": "S-1", "price": 1}])
    assert row.code == "ambiguous_sku"
    assert "p1, p2" in (row.message or "")
    assert server.puts == []


def test_with_an_id_the_sku_is_a_field_to_change(drive: Any) -> None:
    server = shop()
    (row,) = run(drive, server, [{"id": "p1", "sku": "NEW"}])
    assert row.status == "updated"
    assert server.rows["p1"]["sku"] == "NEW"
    assert server.lists == 0


@pytest.mark.parametrize("rows", [{"id": "p1"}, ProductUpdate(id="p1", price=1), "p1", b"p1", 7])
def test_one_row_instead_of_a_list_is_refused(rows: Any) -> None:
    with pytest.raises(InvalidInputError, match="takes a list of rows"):
        BulkUpdate(rows, policy=POLICY)


def test_no_rows_no_requests(drive: Any) -> None:
    assert len(run(drive, shop(), [])) == 0
    assert drive.requests == []


# Batches


def test_batches_by_count_and_bytes() -> None:
    rows = [Row(index=n, given={}, id=str(n), content=b"x" * 100) for n in range(10)]
    assert [len(batch) for batch in split(rows, max_rows=4)] == [4, 4, 2]
    assert [len(batch) for batch in split(rows, max_bytes=350)] == [3, 3, 3, 1]
    assert [len(batch) for batch in split(rows, max_bytes=10)] == [1] * 10


def test_no_request_is_larger_than_the_limit(drive: Any) -> None:
    server = shop(300)
    big = {"description": "x" * 9_000}
    run(drive, server, [{"id": f"p{n}", "custom_fields": big} for n in range(300)])
    sizes = [len(request.content) for request in drive.requests if request.operation == "products.update"]
    assert len(sizes) == 3
    assert max(sizes) <= _bulk.MAX_BYTES


def test_each_request_has_a_key_of_its_own_and_is_a_write(drive: Any) -> None:
    drive(update([{"id": f"p{n}", "price": 1} for n in range(300)], policy=POLICY), shop(300))
    puts = [request for request in drive.requests if request.operation == "products.update"]
    assert len({request.idempotency_key for request in puts}) == len(puts) == 2
    assert all(request.write and not request.idempotent for request in puts)


def test_rows_with_stock_stand_in_requests_of_their_own(drive: Any) -> None:
    server = shop()
    rows = [{"id": "p0", "price": 1}, {"id": "p1", "inventory_quantity": 5}, {"id": "p2", "price": 2}]

    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        if any("inventory_quantity" in row for row in sent):
            return PermissionDeniedError("no", required_scope="write:inventory", code="missing_scope")
        return self.results(sent)

    server.put = put
    report = run(drive, server, rows)
    assert [row.status for row in report] == ["updated", "failed", "updated"]
    assert report[1].code == "missing_scope"


# Tags and custom fields


def test_custom_fields_are_merged_here_and_sent_whole(drive: Any) -> None:
    server = shop()
    (row,) = run(drive, server, [{"id": "p1", "custom_fields": {"b": 2}}])
    assert server.puts == [[{"id": "p1", "custom_fields": {"a": 1, "b": 2}}]]
    assert row.status == "updated"
    assert row.verified


def test_an_empty_object_clears_the_custom_fields(drive: Any) -> None:
    server = shop()
    (row,) = run(drive, server, [{"sku": "S-1", "custom_fields": None}])
    assert server.puts == [[{"id": "p1", "custom_fields": None}]]
    assert row.ok


def test_tags_that_the_server_only_adds_to_are_reported(drive: Any) -> None:
    server = shop()
    server.rows["p1"]["tags"] = ["old"]

    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        for row in sent:
            row["tags"] = self.rows[row["id"]]["tags"] + row["tags"]
        return self.results(sent)

    server.put = put
    (row,) = run(drive, server, [{"id": "p1", "tags": ["new"]}])
    assert row.status == "failed"
    assert row.code == "not_applied"
    assert row.errors[0].field == "tags"
    assert "['old', 'new']" in row.errors[0].message


def test_a_product_without_the_id_is_found_out_before_its_custom_fields_are_overwritten(drive: Any) -> None:
    (row,) = run(drive, shop(), [{"id": "nope", "custom_fields": {"b": 2}}])
    assert (row.status, row.code) == ("failed", "unknown_id")


# Replies


@pytest.mark.parametrize("body", [{"updated": 4}, None, {"results": []}, {"ok": True}, []])
def test_without_outcomes_in_the_reply_the_rows_are_read_back_once(drive: Any, body: Any) -> None:
    server = shop(300)

    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        self.write([row for row in sent if row["id"] != "p7"])
        return body if body is not None else b""

    server.put = lambda self, request, sent: _reply(request, put(self, request, sent))
    report = run(drive, server, [{"id": f"p{n}", "price": 5} for n in range(300)])
    assert [row.index for row in report.failed] == [7]
    assert report[7].code == "not_applied"
    assert "should be 5, the server holds 10" in (report[7].message or "")
    assert all(row.verified for row in report.updated)
    assert server.lists <= 3


def _reply(request: Request, body: Any) -> Any:
    if not isinstance(body, bytes):
        return body
    return Response(status=204, headers={}, content=body, request=request)


def test_a_row_that_the_reply_leaves_out_is_read_back(drive: Any) -> None:
    server = shop()

    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        return self.results(sent[:1] + sent[2:])

    server.put = put
    report = run(drive, server, [{"id": f"p{n}", "price": 5} for n in range(3)])
    assert [row.status for row in report] == ["updated", "failed", "updated"]
    assert [row.verified for row in report] == [False, False, False]


def test_verify_reads_every_row_back(drive: Any) -> None:
    server = shop()

    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        reply = self.results(sent)
        self.rows["p1"]["price"] = 6
        return reply

    server.put = put
    report = run(drive, server, [{"id": "p0", "price": 5}, {"id": "p1", "price": 5}], verify=True)
    assert [row.status for row in report] == ["updated", "failed"]
    assert report[0].verified


def test_refused_rows_carry_the_servers_own_errors(drive: Any) -> None:
    errors = [{"code": "negative", "message": "Price must be positive", "field": "price"}]
    server = shop(
        put=lambda self, request, sent: {"results": [{"id": "p1", "status": "failed", "errors": errors}]}
    )
    (row,) = run(drive, server, [{"id": "p1", "price": 1}])
    assert row.code == "negative"
    assert str(row.errors[0]) == "price: Price must be positive"


def test_unchanged_stays_unchanged(drive: Any) -> None:
    server = shop(put=lambda self, request, sent: {"results": [{"id": "p1", "status": "unchanged"}]})
    (row,) = run(drive, server, [{"id": "p1", "price": 10}], verify=True)
    assert row.status == "unchanged"
    assert row.verified


# Refusals of a whole request


def test_a_refused_request_is_halved_until_the_bad_rows_stand_alone(drive: Any) -> None:
    bad = {"p3", "p11"}

    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        if any(row["id"] in bad for row in sent):
            return InvalidRequestError("bad row", status=422, code="validation_failed")
        return self.results(sent)

    server = shop(16, put=put)
    report = run(drive, server, [{"id": f"p{n}", "price": 5} for n in range(16)])
    assert {row.id for row in report.failed} == bad
    assert len(report.updated) == 14
    assert len(server.puts) <= 17


def test_rows_that_a_refusal_names_are_taken_out_at_once(drive: Any) -> None:
    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        bad = [n for n, row in enumerate(sent) if row["id"] in {"p3", "p11"}]
        if bad:
            errors = [
                FieldError(field=f"products[{n}].price", message="too dear", code="too_large") for n in bad
            ]
            return InvalidRequestError("bad rows", status=400, field_errors=errors)
        return self.results(sent)

    server = shop(16, put=put)
    report = run(drive, server, [{"id": f"p{n}", "price": 5} for n in range(16)])
    assert {row.id for row in report.failed} == {"p3", "p11"}
    assert report[3].errors[0].field == "price"
    assert len(server.puts) == 2


def test_a_request_that_is_too_large_is_split_by_bytes(drive: Any) -> None:
    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        assert request.content is not None
        if len(request.content) > 3000:
            return InvalidRequestError("too large", status=413, code="too_large")
        return self.results(sent)

    server = shop(20, put=put)
    rows = [{"id": f"p{n}", "title": "x" * (2500 if n == 0 else 100)} for n in range(20)]
    rows[9]["title"] = "y" * 4000
    report = run(drive, server, rows)
    assert [row.id for row in report.failed] == ["p9"]
    assert report[9].code == "too_large"


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("no", status=401, code="unauthenticated"),
        PermissionDeniedError("no", required_scope="write:products"),
        ReadOnlyError("no writes"),
        TransportError("no connection", sent=False),
        RateLimitError("slow down", status=429),
    ],
)
def test_an_error_that_concerns_every_request_is_raised_when_nothing_happened(
    drive: Any, error: Exception
) -> None:
    server = shop(put=lambda self, request, sent: error)
    with pytest.raises(type(error)):
        run(drive, server, [{"id": "p1", "price": 5}])


def test_an_error_after_something_was_written_is_an_outcome(drive: Any) -> None:
    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        if len(self.puts) == 2:
            return AuthenticationError("the key was revoked", status=401, code="unauthenticated")
        return self.results(sent)

    server = shop(700, put=put)
    report = run(drive, server, [{"id": f"p{n}", "price": 5} for n in range(700)])
    assert report.counts == {"updated": 250, "unchanged": 0, "failed": 250, "skipped": 200, "unknown": 0}
    assert report[300].code == "unauthenticated"
    assert "not sent, because another request was refused" in (report[699].message or "")
    assert len(server.puts) == 2


# Lost answers


def lose(
    times: int, *, apply: bool, error: Exception = LOST
) -> Callable[[Shop, Request, list[dict[str, Any]]], Any]:
    left = [times]

    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        if left[0]:
            left[0] -= 1
            if apply:
                self.write(sent)
            return error
        return self.results(sent)

    return put


@pytest.mark.parametrize("filters", [True, False])
def test_a_write_that_took_effect_is_not_sent_again(drive: Any, filters: bool) -> None:
    server = shop(put=lose(1, apply=True), filters=filters)
    report = run(drive, server, [{"id": "p1", "price": 5}, {"id": "p2", "title": "Hat"}])
    assert [row.status for row in report] == ["updated", "updated"]
    assert all(row.verified for row in report)
    assert len(server.puts) == 1


def test_a_write_that_took_no_effect_is_sent_again_after_reading_under_a_new_key(drive: Any) -> None:
    server = shop(put=lose(1, apply=False))
    report = run(drive, server, [{"id": "p1", "price": 5}])
    assert report[0].status == "updated"
    assert drive.operations() == ["products.update", "products.list", "products.update"]
    assert len(drive.pauses) == 1
    keys = [request.idempotency_key for request in drive.requests if request.write]
    assert keys[0] != keys[1]


def test_only_rows_that_are_not_as_wanted_are_sent_again(drive: Any) -> None:
    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        if len(self.puts) == 1:
            self.write(sent[:1])
            return LOST
        return self.results(sent)

    server = shop(put=put)
    report = run(drive, server, [{"id": f"p{n}", "price": 5} for n in range(3)])
    assert report.ok
    assert [[row["id"] for row in sent] for sent in server.puts] == [["p0", "p1", "p2"], ["p1", "p2"]]


def test_after_the_last_attempt_the_outcome_is_unknown(drive: Any) -> None:
    server = shop(put=lose(99, apply=False))
    (row,) = run(drive, server, [{"id": "p1", "price": 5}])
    assert (row.status, len(server.puts)) == ("unknown", 3)
    assert "no answer came" in (row.message or "")


def test_a_failure_of_the_servers_own_is_a_failure_not_a_mystery(drive: Any, refuse: Any) -> None:
    server = shop(put=lambda self, request, sent: refuse(request, 503, "unavailable"))
    (row,) = run(drive, server, [{"id": "p1", "price": 5}], policy=RetryPolicy(max_retries=0))
    assert (row.status, row.code, len(server.puts)) == ("failed", "unavailable", 1)


def test_when_reading_back_fails_as_well_the_outcome_is_unknown(drive: Any) -> None:
    server = shop(put=lose(99, apply=True))
    broken = TransportError("connection refused", sent=False)
    steps: Callable[[Request], Any] = lambda request: server(request) if request.write else broken  # noqa: E731
    report = Outcomes(drive(update([{"id": "p1", "price": 5}], policy=POLICY), steps))
    assert report[0].status == "unknown"
    assert "reading it back failed (connection refused)" in (report[0].message or "")


def test_an_answer_of_html_is_read_back(drive: Any) -> None:
    def put(self: Shop, request: Request, sent: list[dict[str, Any]]) -> Any:
        self.write(sent)
        return _reply(request, b"<html>Bad gateway</html>")

    (row,) = run(drive, shop(put=put), [{"id": "p1", "price": 5}])
    assert row.status == "updated"
    assert row.verified


def test_an_unknown_row_is_read_before_it_is_sent_again(drive: Any) -> None:
    server = shop()
    server.rows["p1"]["price"] = 5
    report = run(drive, server, [{"id": "p1", "price": 5}, {"id": "p2", "price": 5}], read_first=True)
    assert [row.status for row in report] == ["unchanged", "updated"]
    assert server.puts == [[{"id": "p2", "price": 5}]]


# The report


def mixed(drive: Any) -> Outcomes:
    return run(
        drive, shop(), [{"id": "p1", "price": 1}, {"id": "<b>", "price": -1}, {"sku": "nope", "price": 1}]
    )


def test_the_report_counts_and_selects(drive: Any) -> None:
    report = mixed(drive)
    assert report.counts == {"updated": 1, "unchanged": 0, "failed": 2, "skipped": 0, "unknown": 0}
    assert [row.index for row in report.failed] == [1, 2]
    assert not report.ok
    assert report.updated.ok
    assert len(report) == 3
    assert [row.index for row in report[1:]] == [1, 2]
    assert str(report).startswith("3 rows: 1 updated, 2 failed\n  row 1, <b>: failed: Price must be positive")
    assert repr(report.failed) == "<Outcomes 2 rows: 2 failed>"


def test_the_html_is_lean_and_escaped(drive: Any) -> None:
    html = mixed(drive)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert len(html) < 1000


def test_failures_can_be_raised(drive: Any) -> None:
    report = mixed(drive)
    with pytest.raises(UpdateFailedError) as caught:
        report.raise_for_failures()
    assert (caught.value.failed, caught.value.unknown) == (2, 0)
    assert caught.value.errors[0].message == "row 1: Price must be positive"
    report.updated.raise_for_failures()


def test_mappings_of_any_kind_are_rows(drive: Any) -> None:
    class Row(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            return {"id": "p1", "price": 4}[key]

        def __iter__(self) -> Any:
            return iter(("id", "price"))

        def __len__(self) -> int:
            return 2

    assert run(drive, shop(), [Row()])[0].status == "updated"


def test_a_row_that_json_cannot_hold_fails_alone(drive: Any) -> None:
    work = BulkUpdate([{"id": "a", "title": "abc\ud800"}], policy=RetryPolicy())
    drive(work.prepare(), lambda request: {"products": [], "total": 0})
    (outcome,) = work.outcomes()
    assert (outcome.status, outcome.code) == ("failed", "not_json")
    assert not drive.requests


def test_a_reply_that_contradicts_itself_about_a_row_is_read_back() -> None:
    results = [
        {"id": "a", "status": "failed"},
        {"id": "a", "status": "updated"},
        {"id": 7, "status": "updated"},
    ]
    request = Request(method="PUT", path="/", operation="products.update")
    response = Response(
        status=200, headers={}, content=json.dumps({"results": results}).encode(), request=request
    )
    rows = rows_of(response)
    assert rows["a"].status is None
    assert rows["7"].status == "updated"


def test_one_error_under_its_singular_name_is_an_error() -> None:
    reply = reply_of(
        {"id": "a", "status": "updated", "error": {"code": "locked", "message": "The row is locked"}}
    )
    assert (reply.status, reply.errors[0].code) == ("failed", "locked")

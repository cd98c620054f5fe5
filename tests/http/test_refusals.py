"""Reading refusals: the documented body, and what gateways, frameworks and strangers send instead."""

import copy
import inspect
import pickle
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkeditor import errors
from bulkeditor.errors import (
    APIError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)
from bulkeditor.http import Request, Response, refusal

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def refused(status, body=b"", scope="write:products", **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(method="POST", path="/x", operation="products.create", scope=scope)
    return refusal(Response(status=status, headers=fields, content=body, request=request), now=NOW)


def test_the_documented_body():
    error = refused(
        422,
        b'{"error": {"code": "validation_failed", "message": "2 fields are wrong", "request_id": "r-1",'
        b' "field": null,'
        b' "errors": [{"field": "price", "code": "negative", "message": "Price must be positive"},'
        b' {"field": "sku", "code": "required", "message": "SKU is required"}]}}',
    )
    assert type(error) is InvalidRequestError
    assert (error.status, error.code, error.request_id, error.operation) == (
        422,
        "validation_failed",
        "r-1",
        "products.create",
    )
    assert error.message == "2 fields are wrong"
    assert error.field_errors == (
        FieldError(field="price", code="negative", message="Price must be positive"),
        FieldError(field="sku", code="required", message="SKU is required"),
    )
    assert "price: Price must be positive" in str(error)


def test_where_an_answer_points_to_is_kept():
    assert refused(400).location is None
    error = refused(409, b'{"error": {"code": "sent_before"}}', location="/jobs/7")
    assert error.location == pickle.loads(pickle.dumps(error)).location == "/jobs/7"


def test_the_one_field_of_a_simple_refusal():
    error = refused(
        400, b'{"error": {"code": "invalid_filter", "message": "no such field", "field": "colour"}}'
    )
    assert error.field_errors == (FieldError(field="colour", message="no such field", code="invalid_filter"),)


def test_a_missing_scope_is_named():
    error = refused(
        403, b'{"error": {"code": "missing_scope", "message": "no", "required_scope": "write:inventory"}}'
    )
    assert type(error) is PermissionDeniedError
    assert error.required_scope == "write:inventory"
    assert "write:inventory" in str(error)
    assert refused(403).required_scope == "write:products"
    assert refused(403, b'{"error": {"code": "ip_blocked", "message": "no"}}').required_scope is None


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"error": "invalid_client", "error_description": "who?"}', "invalid_client", "who?"),
        (b'{"error": "invalid_client"}', "invalid_client", "invalid client"),
        (b'{"error": "Something went wrong"}', None, "Something went wrong"),
        (b'{"message": "no", "code": 17}', "17", "no"),
        (b'{"detail": "Not authenticated"}', None, "Not authenticated"),
        (b'{"type": "about:blank", "title": "Bad Request", "detail": "too long"}', "about:blank", "too long"),
        (b'"just text"', None, "just text"),
        (b"plain text\r\nin lines", None, "plain text in lines"),
        (b"", None, "bad request"),
        (b"null", None, "bad request"),
        (b"\xff\xfe\x00", None, "\ufffd\ufffd"),
        (b'{"error": {"message": ""}}', None, "bad request"),
        (b'{"error": null}', None, "bad request"),
    ],
)
def test_other_bodies(body, code, message):
    error = refused(400, body)
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b'{"errors": [{"field": "a", "message": "b"}]}', [("a", "b")]),
        (b'{"errors": {"a": ["b", "c"], "d": "e"}}', [("a", "b"), ("a", "c"), ("d", "e")]),
        (b'{"detail": [{"loc": ["body", "a", 0], "msg": "b"}]}', [("body.a.0", "b")]),
        (b'["b", "c"]', [(None, "b"), (None, "c")]),
        (b'{"errors": ["b"]}', [(None, "b")]),
        (b'{"errors": "b"}', []),
    ],
)
def test_fields_in_other_forms(body, fields):
    assert [(item.field, item.message) for item in refused(422, body).field_errors] == fields


def test_web_pages():
    page = b"<!DOCTYPE html><html><head><title> 404  Not\nFound </title>"
    error = refused(404, page)
    assert type(error) is UnexpectedResponseError
    assert "404  Not Found" in str(error)
    assert "base_url" in str(error)
    assert type(refused(502, page)) is ServerError
    assert type(refused(403, page)) is PermissionDeniedError
    assert type(refused(429, page)) is RateLimitError
    assert type(refused(404, b"x", content_type="text/html")) is UnexpectedResponseError
    assert type(refused(404, b'{"error": {"code": "not_found", "message": "no"}}')) is NotFoundError


@pytest.mark.parametrize("page", [b"\n <HTML>", b"<!-- for old browsers --><html>", b"<head>", b"<body>"])
def test_a_page_is_one_by_how_it_begins_whatever_the_status(page):
    assert type(refused(404, page)) is UnexpectedResponseError
    request = Request(method="GET", path="/x", operation="x")
    assert Response(status=200, headers={}, content=page, request=request).web_page
    assert not Response(status=200, headers={}, content=b'{"a": "<html>"}', request=request).web_page


def test_retry_after_is_kept():
    assert refused(429, retry_after="7").retry_after == 7
    assert refused(503, retry_after="Wed, 01 Jan 2025 00:00:30 GMT").retry_after == 30
    assert refused(429).retry_after is None


def test_long_answers_are_cut():
    assert len(refused(400, b'{"message": "' + b"x" * 100_000 + b'"}').message) <= 500
    many = b'{"errors": [' + b",".join([b'{"field":"a","message":"b"}'] * 5000) + b"]}"
    assert len(refused(400, many).field_errors) <= 100


@given(
    status=st.integers(300, 599),
    body=st.binary(max_size=200),
    kind=st.sampled_from(["", "text/html", "application/json"]),
)
def test_no_body_raises(status, body, kind):
    error = refused(status, body, content_type=kind)
    assert isinstance(error, APIError)
    assert str(error)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "errors",
                    "message",
                    "code",
                    "field",
                    "detail",
                    "loc",
                    "required_scope",
                    "request_id",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(status=st.sampled_from([400, 403, 404, 409, 422, 429, 500]), value=json_values)
def test_no_json_raises(status, value):
    error = refused(status, msgspec.json.encode(value))
    assert error.status == status
    assert pickle.loads(pickle.dumps(error)).field_errors == error.field_errors


# --- every error of the library travels between processes


def everything():
    for _, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, errors.BulkEditorError):
            yield cls


def made(cls):
    samples = {
        "status": 404 if issubclass(cls, APIError) else "failed",
        "extra": "sandbox",
        "feature": "the sandbox",
        "model": "Product",
        "job_id": "j-1",
        "space": "layers",
        "key": "p-1",
        "run": "run-1",
        "runs": ("run-1", "run-2"),
        "action": "retry",
    }
    values = {}
    for name, parameter in list(inspect.signature(cls.__init__).parameters.items())[2:]:
        if name in samples and parameter.default is inspect.Parameter.empty:
            values[name] = samples[name]
    if issubclass(cls, (APIError, errors.InvalidInputError)):
        values["hint"] = "do this"
    return cls("what happened", **values)


@pytest.mark.parametrize("cls", list(everything()), ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_errors_are_pickled_whole(cls, protocol):
    error = made(cls)
    error.add_note("a note")
    for twin in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is cls
        assert str(twin) == str(error)
        assert twin.args == error.args
        assert vars(twin) == vars(error)


def test_errors_of_real_calls_are_pickled(bench, reply, ask):
    body = b'{"error": {"message": "m", "errors": [{"field": "a", "message": "b", "code": "c"}]}}'
    session = bench.open(bench.serve([reply(422, body, {"X-Request-Id": "r"})]))
    with pytest.raises(InvalidRequestError) as caught:
        bench.run(session, ask())
    twin = pickle.loads(pickle.dumps(caught.value))
    assert (str(twin), twin.field_errors) == (str(caught.value), caught.value.field_errors)

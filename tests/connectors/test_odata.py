"""What both connectors to SAP stand on: literals, addresses, and batches taken apart as servers send them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkeditor.connectors import SAP, Change
from bulkeditor.connectors._sap import odata
from bulkeditor.errors import UnexpectedResponseError
from bulkeditor.http import Request, Response
from tests.contracts.odata import batched

CREATED = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n{"d": {"a": 1.10}}'
EMPTY = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
REFUSED = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n"
    b'{"error": {"code": "M3/305", "message": {"lang": "en", "value": "no such material"}}}'
)


@given(st.text(max_size=20))
def test_a_text_is_quoted_so_that_it_comes_back(value):
    literal = odata.text(value)
    assert literal[0] == literal[-1] == "'"
    assert re.sub("''", "", literal[1:-1]).count("'") == 0
    assert literal[1:-1].replace("''", "'") == value
    url = odata.address("A", filter=f"Product eq {literal}")
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == {
        "$filter": f"Product eq {literal}"
    }


def test_times_are_told_in_utc():
    berlin = timezone(timedelta(hours=1))
    moment = datetime(2026, 1, 15, 0, 30, 0, 123000, tzinfo=berlin)
    assert odata.moment(moment) == "datetimeoffset'2026-01-14T23:30:00.123000Z'"
    assert odata.milliseconds(moment) == f"/Date({int(datetime(2026, 1, 14, tzinfo=UTC).timestamp())}000)/"


def wrapped(content, boundary):
    head = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return b"--" + boundary + b"\r\n" + head + content + b"\r\n"


def changeset(content, inner, boundary):
    head = b"Content-Type: multipart/mixed; boundary=" + inner + b"\r\nContent-Length: 1\r\n\r\n"
    return b"--" + boundary + b"\r\n" + head + wrapped(content, inner) + b"--" + inner + b"--\r\n\r\n"


def answer(body, kind='multipart/mixed; boundary="outer"'):
    request = Request(method="POST", path="/$batch", operation="batch")
    return Response(status=202, headers={"content-type": kind}, content=body, request=request)


def three(ends=b"\r\n"):
    body = b"a preamble that nobody reads\r\n"
    body += changeset(EMPTY, b"outer2", b"outer")  # its boundary begins as the outer one does
    body += wrapped(REFUSED, b"outer")
    body += changeset(CREATED, b"inner", b"outer")
    return (body + b"--outer--\r\nand an epilogue\r\n").replace(b"\r\n", ends)


@pytest.mark.parametrize("ends", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
@pytest.mark.parametrize(
    "kind", ['multipart/mixed; boundary="outer"', "multipart/mixed;boundary=outer; charset=x"]
)
def test_answers_of_a_batch_in_their_order(ends, kind):
    found = odata.parts(answer(three(ends), kind), 3)
    assert [part.status for part in found] == [204, 400, 201]
    assert str(found[2].body["d"]["a"]) == "1.10"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (three(), "application/json"),
        (three(), "multipart/mixed"),
        (three()[:300], 'multipart/mixed; boundary="outer"'),
        (b"", 'multipart/mixed; boundary="outer"'),
    ],
    ids=["no multipart", "no boundary", "cut off", "empty"],
)
def test_an_answer_that_is_not_one_for_each_says_so(body, kind):
    with pytest.raises(UnexpectedResponseError, match="a batch of 3 operations"):
        odata.parts(answer(body, kind), 3)


@pytest.mark.parametrize(
    ("status", "told", "retryable"),
    [
        (204, "updated", False),
        (400, "dead_lettered", False),
        (404, "skipped", False),
        (412, "conflicted", True),
        (428, "dead_lettered", False),
        (429, "failed", True),
        (500, "unknown", False),
        (503, "failed", True),
    ],
)
def test_what_an_answer_says_of_its_change(status, told, retryable):
    change = Change(key="M-1", values={"price": 1})
    found = odata.outcome(SAP(), change, odata.Part(status=status, body=None))
    assert (found.status, found.retryable) == (told, retryable)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=1, max_size=5))
def test_a_batch_holds_each_write_in_a_changeset_of_its_own(values):
    operations = [
        odata.Operation(
            change=Change(key="k"),
            method="PATCH",
            path=f"A('{number}')",
            body={"name": name, "--batch_key": value},
            headers={"If-Match": 'W/"1"'},
        )
        for number, (name, value) in enumerate(values)
    ]
    request = odata.batch(SAP(), "/srv?sap-client=100", operations, "key")
    assert request.path == "/srv/$batch?sap-client=100"
    parts = list(batched(Seen(request)))
    assert [inside for inside, _ in parts] == [True] * len(values)
    assert [part.url for _, part in parts] == [operation.path for operation in operations]
    assert {part.headers["If-Match"] for _, part in parts} == {'W/"1"'}


class Seen:
    """A request as the contract's reader of batches wants it."""

    def __init__(self, request):
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.content = request.content

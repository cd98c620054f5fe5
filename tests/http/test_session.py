"""The driver, blocking and asyncio: what is sent, what comes back, what is repeated."""

import asyncio
import gc
import gzip
import logging
import socket
import threading
import warnings
import zlib

import httpx
import pytest

from bulkeditor.errors import (
    APIError,
    AuthenticationError,
    BulkEditorError,
    ConfigurationError,
    ConflictError,
    DeadlineExceededError,
    InvalidInputError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReadOnlyError,
    ServerError,
    TransportError,
    UnexpectedResponseError,
)
from bulkeditor.http import (
    APIKey,
    AsyncSession,
    Bearer,
    Hooks,
    Request,
    RetryPolicy,
    Session,
    SessionConfig,
    Sleep,
)


def test_what_goes_over_the_wire(bench, reply, ask):
    server = bench.serve([reply(body=b'{"a": 1}', headers={"X-Request-Id": "r-1"})])
    session = bench.open(server.url + "/prefix/", auth=APIKey("k-1"), user_agent="shop/2")
    response = bench.run(
        session, ask(params=(("filter", '{"vendor":"Ä & B"}'), ("page", "2")), headers={"X-Extra": "1"})
    )
    assert response.status == 200
    assert response.json() == {"a": 1}
    assert (response.request_id, response.attempts) == ("r-1", 1)
    assert 0 < response.elapsed < 5
    [seen] = server.requests
    assert seen.method == "GET"
    assert seen.target == "/prefix/api/v1/products?filter=%7B%22vendor%22%3A%22%C3%84%20%26%20B%22%7D&page=2"
    assert seen.headers["x-api-key"] == "k-1"
    assert seen.headers["x-extra"] == "1"
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["host"] == server.url.removeprefix("http://")
    assert seen.headers["user-agent"].startswith("shop/2 bulkeditor-python/")
    assert "idempotency-key" not in seen.headers


def test_a_write_carries_its_key_and_its_bytes(bench, reply, write):
    server = bench.serve([reply(201)])
    bench.run(bench.open(server, auth=Bearer("t-1")), write(headers={"Content-Type": "application/json"}))
    [seen] = server.requests
    assert seen.body == b'{"operation":"update"}'
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["idempotency-key"] == "key-1"
    assert seen.headers["authorization"] == "Bearer t-1"


def test_a_post_without_a_body_says_so(bench, reply, write):
    server = bench.serve([reply(204)])
    assert bench.run(bench.open(server), write(content=None)).content == b""
    assert server.requests[0].headers["content-length"] == "0"


def test_connections_are_kept(bench, reply, ask):
    server = bench.serve(lambda _: reply())
    session = bench.open(server)
    for _ in range(5):
        bench.run(session, ask())
    assert server.connections == 1


def test_a_flow_may_ask_sleep_and_catch(bench, reply):
    server = bench.serve([reply(404), reply(body=b"1"), reply(body=b"2")])
    session = bench.open(server)
    seen = []

    def flow():
        try:
            yield Request(method="GET", path="/a", operation="a")
        except NotFoundError as error:
            seen.append(error.status)
        first = yield Request(method="GET", path="/b", operation="b")
        nothing = yield Sleep(7.5)
        second = yield Request(method="GET", path="/c", operation="c")
        return first.content, nothing, second.content

    assert bench.run(session, flow()) == (b"1", None, b"2")
    assert seen == [404]
    assert bench.clock.slept == [7.5]


def test_a_flow_is_closed_whatever_happens(bench, reply):
    server = bench.serve(lambda _: reply(500))
    session = bench.open(server, retry=RetryPolicy(max_retries=0))
    closed = []

    def flow(problem=None):
        try:
            yield Request(method="GET", path="/a", operation="a")
        finally:
            closed.append(True)

    with pytest.raises(ServerError):
        bench.run(session, flow())

    def careless():
        try:
            yield Request(method="GET", path="/a", operation="a")
        except ServerError:
            raise KeyError("a bug of the flow's own") from None
        finally:
            closed.append(True)

    with pytest.raises(KeyError):
        bench.run(session, careless())
    assert len(closed) == 2


# --- refusals


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, UnexpectedResponseError),
        (304, UnexpectedResponseError),
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (402, APIError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, APIError),
        (409, ConflictError),
        (410, NotFoundError),
        (412, ConflictError),
        (413, InvalidRequestError),
        (418, APIError),
        (422, InvalidRequestError),
        (429, RateLimitError),
        (500, ServerError),
        (501, ServerError),
        (503, ServerError),
    ],
)
def test_a_status_becomes_its_error(  # noqa: PLR0917 - fixtures
    bench, reply, ask, no_retry, status, error
):
    server = bench.serve([reply(status, headers={"X-Request-Id": "r-9"})])
    with pytest.raises(BulkEditorError) as caught:
        bench.run(bench.open(server, retry=no_retry), ask(scope="read:products"))
    assert type(caught.value) is error
    assert caught.value.status == status
    assert caught.value.operation == "products.list"
    assert caught.value.request_id == "r-9"
    assert str(status) in str(caught.value)


def test_a_redirect_is_not_followed(bench, reply, ask):
    other = bench.serve(lambda _: reply())
    server = bench.serve([reply(302, headers={"Location": other.url + "/stolen"})])
    with pytest.raises(UnexpectedResponseError, match="stolen"):
        bench.run(bench.open(server, auth=APIKey("secret")), ask())
    assert other.requests == []


def test_credentials_go_to_the_configured_host_only(bench, reply, ask):
    other = bench.serve(lambda _: reply())
    server = bench.serve(lambda _: reply())
    session = bench.open(server, auth=APIKey("secret"))
    with pytest.raises(ConfigurationError, match="another host"):
        bench.run(session, ask(other.url + "/x"))
    assert other.requests == []
    bench.run(session, ask(other.url + "/x", authenticated=False))
    assert "x-api-key" not in other.requests[0].headers
    assert other.requests[0].headers["host"] == other.url.removeprefix("http://")
    with pytest.raises(ConfigurationError, match="another host"):
        bench.run(session, ask(other.url + "/x"))
    bench.run(session, ask(server.url + "/same"))
    assert server.requests[-1].headers["x-api-key"] == "secret"


# --- repeats


def test_a_read_is_repeated_until_it_succeeds(bench, reply, ask):
    server = bench.serve(
        [reply(503), reply(drop=True), reply(body=b"[", truncate=0, status=200), reply(body=b"ok")]
    )
    session = bench.open(server)
    response = bench.run(session, ask())
    assert (response.content, response.attempts) == (b"ok", 4)
    assert len(bench.clock.slept) == 3
    assert all(0 <= wait <= bound for wait, bound in zip(bench.clock.slept, (1, 2, 4), strict=True))


def test_retries_end_and_say_so(bench, reply, ask):
    server = bench.serve(lambda _: reply(503))
    with pytest.raises(ServerError) as caught:
        bench.run(bench.open(server), ask())
    assert len(server.requests) == 4
    assert "sent 4 times" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "fault", [{"drop": True}, {"status": 500}, {"status": 503}, {"body": b"[1]", "truncate": 1}]
)
@pytest.mark.parametrize("honoured", [True, False, None])
def test_a_lost_write_is_sent_twice_only_to_a_server_that_honours_keys(bench, reply, write, fault, honoured):
    """The server commits, then the answer is lost."""
    effects, keys = [], {}

    def script(seen):
        key = seen.headers["idempotency-key"]
        echo = {"Idempotency-Key": key} if honoured else {}
        if not honoured or key not in keys:
            effects.append(key)
        keys[key] = True
        if (
            key == "key-1"
            and len([item for item in server.requests if item.headers["idempotency-key"] == key]) == 1
        ):
            return reply(**fault)
        return reply(201, headers=echo)

    server = bench.serve(script)
    session = bench.open(server)
    if honoured is not None:
        # The server has shown what it does with keys.
        bench.run(session, write(idempotency_key="key-0"))
        assert session.facts.honours_idempotency is honoured
    if honoured:
        assert bench.run(session, write()).attempts == 2
    else:
        with pytest.raises((TransportError, ServerError)) as caught:
            bench.run(session, write())
        assert getattr(caught.value, "sent", True) is True
    assert effects.count("key-1") == 1
    bodies = {seen.body for seen in server.requests}
    assert bodies == {b'{"operation":"update"}'}


def test_one_success_without_the_echo_ends_the_trust_for_good(bench, reply, write):
    echo = {"Idempotency-Key": "key-1"}
    server = bench.serve([reply(headers=echo), reply(), reply(headers=echo)])
    session = bench.open(server)
    seen = []
    for _ in range(3):
        bench.run(session, write())
        seen.append(session.facts.honours_idempotency)
    assert seen == [True, False, False]
    assert bench.keep(session.with_config(timeout=1)).facts is session.facts


def test_a_refusal_or_a_foreign_echo_proves_nothing(bench, reply, write):
    server = bench.serve(
        [reply(400), reply(429, headers={"Retry-After": "0"}), reply(400, headers={"Idempotency-Key": "x"})]
    )
    session = bench.open(server)
    for _ in range(2):
        with pytest.raises(InvalidRequestError):
            bench.run(session, write())
    assert session.facts.honours_idempotency is None


def test_features_are_what_every_page_of_products_names(bench, reply, ask):
    def answer(status, features):
        return reply(status, headers={} if features is None else {"Bulk-Editor-Features": features})

    server = bench.serve(
        [
            answer(500, "gateway"),
            answer(200, "expected, Atomic ,"),
            answer(200, "expected"),
            answer(200, None),
        ]
    )
    session = bench.open(server, retry=RetryPolicy(max_retries=0))
    with pytest.raises(ServerError):
        bench.run(session, ask())
    seen = [session.facts.features]
    for _ in range(3):
        bench.run(session, ask())
        seen.append(session.facts.features)
    assert seen == [frozenset(), {"expected", "atomic"}, {"expected"}, frozenset()]


def test_a_write_that_never_left_is_repeated(bench, reply, write):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    session = bench.open(f"http://127.0.0.1:{port}")
    with pytest.raises(TransportError) as caught:
        bench.run(session, write())
    assert caught.value.sent is False
    assert len(bench.clock.slept) == 3


def test_a_refused_repeat_does_not_hide_that_the_first_may_have_been_applied(bench, reply, write):
    echo = {"Idempotency-Key": "key-1"}
    for refused in (reply(429, headers={"Retry-After": "999"}), reply(401), reply(403)):
        server = bench.serve([reply(201, headers=echo), reply(drop=True), refused])
        session = bench.open(server)
        bench.run(session, write())
        with pytest.raises(TransportError) as caught:
            bench.run(session, write())
        assert caught.value.sent is True
        assert len(server.requests) == 3


def test_a_repeat_that_cannot_connect_does_not_hide_it_either(bench, reply, write):
    echo = {"Idempotency-Key": "key-1"}
    server = bench.serve([reply(201, headers=echo)])
    session = bench.open(server, retry=RetryPolicy(max_retries=1))
    bench.run(session, write())

    def last(_seen):
        server._listener.close()
        return reply(drop=True)

    server.script = last
    with pytest.raises(TransportError) as caught:
        bench.run(session, write())
    assert caught.value.sent is True


def test_a_write_refused_with_429_is_repeated_without_a_key(bench, reply, write):
    server = bench.serve([reply(429, headers={"Retry-After": "3"}), reply(201)])
    response = bench.run(bench.open(server), write(idempotency_key=None))
    assert response.attempts == 2
    assert bench.clock.slept == [pytest.approx(3, abs=0.1)]


def test_a_long_retry_after_is_an_error_with_the_seconds(bench, reply, ask):
    server = bench.serve([reply(429, headers={"Retry-After": "3600"})])
    with pytest.raises(RateLimitError) as caught:
        bench.run(bench.open(server), ask())
    assert caught.value.retry_after == 3600
    assert bench.clock.slept == []


def test_a_write_still_running_under_its_key_is_waited_for(bench, reply, write):
    busy = reply(409, b'{"error":{"code":"idempotency_in_progress","message":"busy"}}', {"Retry-After": "1"})
    server = bench.serve([busy, busy, reply(201)])
    assert bench.run(bench.open(server), write()).attempts == 3
    server.script = lambda _: busy
    with pytest.raises(TransportError) as caught:
        bench.run(bench.open(server), write())
    assert caught.value.sent is True


def test_read_only_refuses_before_anything_is_sent(bench, reply, ask, write):
    server = bench.serve(lambda _: reply())
    session = bench.open(server, read_only=True)
    with pytest.raises(ReadOnlyError, match=r"bulk_jobs\.create"):
        bench.run(session, write())
    assert server.requests == []
    bench.run(session, ask())


# --- bodies


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_compressed_answers_are_unpacked(bench, reply, ask, coding):
    plain = b'{"text": "' + b"x" * 10_000 + b'"}'
    packed = gzip.compress(plain) if coding == "gzip" else zlib.compress(plain)
    server = bench.serve([reply(body=packed, headers={"Content-Encoding": coding})])
    assert bench.run(bench.open(server), ask()).content == plain
    assert coding in server.requests[0].headers["accept-encoding"]


def test_an_answer_that_unpacks_to_too_much_is_refused(bench, reply, ask):
    bomb = gzip.compress(b"x" * 5_000_000)
    server = bench.serve(lambda _: reply(body=bomb, headers={"Content-Encoding": "gzip"}))
    session = bench.open(server, max_body_bytes=100_000)
    with pytest.raises(UnexpectedResponseError, match="max_body_bytes"):
        bench.run(session, ask())
    server.script = lambda _: reply()
    assert bench.run(session, ask()).status == 200


def test_a_body_that_is_no_gzip_is_an_error_of_ours(bench, reply, ask, no_retry):
    server = bench.serve([reply(body=b"not gzip", headers={"Content-Encoding": "gzip"})])
    with pytest.raises(TransportError, match="decompressed"):
        bench.run(bench.open(server, retry=no_retry), ask())


def test_a_truncated_body_may_have_been_applied(bench, reply, write):
    server = bench.serve([reply(body=b"x" * 1000, truncate=500)])
    with pytest.raises(TransportError) as caught:
        bench.run(bench.open(server), write())
    assert caught.value.sent is True
    assert len(server.requests) == 1


def test_a_spooled_body_is_a_file(bench, reply, ask):
    body = bytes(range(256)) * 16_384
    server = bench.serve(lambda _: reply(body=body))
    session = bench.open(server, max_body_bytes=1000)
    response = bench.run(session, ask(spool=True))
    assert response.content == b""
    with response.file as file:
        assert file.read() == body


def test_the_refusal_of_a_spooled_request_is_read_as_usual(bench, reply, ask):
    server = bench.serve([reply(404, b'{"error":{"code":"not_found","message":"no such result"}}')])
    with pytest.raises(NotFoundError, match="no such result"):
        bench.run(bench.open(server), ask(spool=True))


@pytest.mark.parametrize("path", ["/a\nb", "/a\x00b", "http://[::1"])
def test_a_path_that_is_none_is_refused(bench, reply, ask, path):
    session = bench.open("http://127.0.0.1:9")
    with pytest.raises(InvalidInputError):
        bench.run(session, ask(path))


def test_a_header_that_cannot_be_sent_is_refused(bench, ask):
    session = bench.open("http://127.0.0.1:9")
    with pytest.raises(InvalidInputError, match="X-Note"):
        bench.run(session, ask(headers={"X-Note": "a\r\nX-Admin: 1"}))
    with pytest.raises(InvalidInputError, match="X-Note"):
        bench.run(session, ask(headers={"X-Note": "a "}))
    with pytest.raises(InvalidInputError, match="no name"):
        bench.run(session, ask(headers={"X Note": "a"}))
    with pytest.raises(InvalidInputError, match="no name"):
        bench.run(session, ask(headers={"X-Nöte": "a"}))
    with pytest.raises(InvalidInputError, match="Idempotency-Key"):
        bench.run(session, ask(idempotency_key="ä"))


# --- raw responses


def test_raw_responses_on_demand(bench, reply, ask):
    server = bench.serve([reply(503), reply(body=b"1"), reply(404), reply(body=b"2"), reply(body=b"3")])
    session = bench.open(server)
    derived = bench.keep(session.with_config(timeout=3))

    def work():
        bench.run(session, ask())
        with pytest.raises(NotFoundError):
            bench.run(derived, ask())
        # Side by side: which of the two arrives first is nobody's business.
        assert {r.content for r in bench.many(session, [ask(), ask()], 2)} == {b"2", b"3"}

    responses = bench.captured(session, work)
    assert [response.status for response in responses] == [200, 404, 200, 200]
    assert responses[0].attempts == 2
    server.script = lambda _: reply()
    bench.run(session, ask())
    assert len(responses) == 4


def test_raw_responses_of_another_client_are_not_mixed_in(bench, reply, ask):
    server = bench.serve(lambda _: reply())
    one, other = bench.open(server), bench.open(server)
    assert bench.captured(one, lambda: bench.run(other, ask())) == []


# --- hooks and logs


def test_hooks_are_told_everything_but_secrets(bench, reply, ask):
    events = []
    hooks = Hooks(
        on_request=(events.append,),
        on_response=(events.append,),
        on_retry=(events.append,),
        on_error=(events.append,),
    )
    server = bench.serve([reply(503), reply(404, headers={"X-Request-Id": "r-1"})])
    session = bench.open(server, hooks=hooks, auth=APIKey("canary"))
    with pytest.raises(NotFoundError):
        bench.run(session, ask(params=(("q", "private"),)))
    names = [type(event).__name__ for event in events]
    assert names == [
        "RequestEvent",
        "ResponseEvent",
        "RetryEvent",
        "RequestEvent",
        "ResponseEvent",
        "ErrorEvent",
    ]
    first, answered, retry, again, last, error = events
    assert (first.operation, first.method, first.path, first.attempt) == (
        "products.list",
        "GET",
        "/api/v1/products",
        1,
    )
    assert (answered.status, answered.attempt, answered.size) == (503, 1, 2)
    assert (retry.reason, retry.status, retry.attempt) == ("server_error", 503, 1)
    assert 0 <= retry.wait <= 1
    assert again.attempt == 2
    assert (last.status, last.request_id) == (404, "r-1")
    assert (type(error.error), error.attempts) == (NotFoundError, 2)
    assert error.elapsed >= retry.wait
    assert "canary" not in repr(events)
    assert "private" not in repr(events)


def test_a_broken_hook_breaks_nothing_and_is_named_once(bench, reply, ask, caplog):
    def broken(event):
        raise RuntimeError("metrics are down")

    heard = []
    server = bench.serve(lambda _: reply())
    session = bench.open(server, hooks=Hooks(on_response=(broken, heard.append)))
    for _ in range(3):
        assert bench.run(session, ask()).status == 200
    assert len(heard) == 3
    complaints = [
        record for record in caplog.records if record.name == "bulkeditor" and record.levelno >= logging.ERROR
    ]
    assert len(complaints) == 1
    assert "broken" in complaints[0].getMessage()


def test_hooks_add_up():
    one, two = Hooks(on_request=(print,)), Hooks(on_request=(repr,), on_error=(len,))
    assert (one | two).on_request == (print, repr)
    assert (one | two).on_error == (len,)


def test_the_log_is_structured(bench, reply, ask, caplog):
    caplog.set_level(logging.DEBUG, logger="bulkeditor")
    server = bench.serve([reply(503), reply(headers={"X-Request-Id": "r-7"})])
    bench.run(bench.open(server), ask())
    records = [record for record in caplog.records if record.name == "bulkeditor"]
    assert [record.levelname for record in records] == ["DEBUG", "WARNING", "DEBUG"]
    done = records[-1].__dict__
    assert (done["operation"], done["status"], done["request_id"], done["attempt"]) == (
        "products.list",
        200,
        "r-7",
        2,
    )
    assert done["duration"] > 0
    assert records[1].__dict__["reason"] == "server_error"


# --- sharing and closing


def test_derived_sessions_share_the_pool_which_closes_with_the_last(bench, reply, ask):
    server = bench.serve(lambda _: reply())
    session = bench.open(server)
    derived = bench.keep(session.with_config(timeout=5, read_only=True))
    bench.run(session, ask())
    bench.run(derived, ask())
    assert server.connections == 1
    bench.twin.close(session)
    assert bench.run(derived, ask()).status == 200
    with pytest.raises(ConfigurationError, match="closed"):
        bench.run(session, ask())
    with pytest.raises(ConfigurationError, match="closed"):
        session.with_config(timeout=1)
    bench.twin.close(derived)
    bench.twin.close(derived)
    with pytest.raises(ConfigurationError, match="closed"):
        bench.run(derived, ask())


def test_a_flow_given_to_a_closed_session_is_closed(bench, ask):
    session = bench.open("http://127.0.0.1:9")
    bench.twin.close(session)
    flow = ask()
    with pytest.raises(ConfigurationError):
        bench.run(session, flow)
    assert flow.gi_frame is None


def test_unknown_settings_are_named(bench):
    session = bench.open("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="time_out"):
        session.with_config(time_out=3)


def test_a_derived_session_keeps_its_user_agent(bench, reply, ask):
    server = bench.serve(lambda _: reply())
    session = bench.open(server, user_agent="shop/2")
    bench.run(bench.keep(session.with_config(timeout=5)), ask())
    plain = bench.open(server)
    bench.run(bench.keep(plain.with_config(timeout=5)), ask())
    agents = [seen.headers["user-agent"] for seen in server.requests]
    assert agents[0].count("bulkeditor-python") == 1
    assert agents[0].startswith("shop/2 ")
    assert agents[1].startswith("bulkeditor-python/")
    assert agents[1].count("bulkeditor-python") == 1


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"base_url": "editor.example.com"}, "base_url"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": ""}, "base_url"),
        ({"base_url": "http://"}, "base_url"),
        ({"base_url": "https://user:hunter2@x"}, "user name or password"),
        ({"base_url": "https://x?a=1"}, "query"),
        ({"base_url": "https://x", "timeout": 0}, "timeout"),
        ({"base_url": "https://x", "deadline": -1}, "deadline"),
        ({"base_url": "https://x", "timeout": "30"}, "timeout"),
        ({"base_url": "https://x", "timeout": float("nan")}, "timeout"),
        ({"base_url": "https://x", "max_connections": 0}, "max_connections"),
        ({"base_url": "https://x", "user_agent": "a\nb"}, "user_agent"),
        (
            {"base_url": "https://x", "transport": httpx.MockTransport(id), "http_client": object()},
            "exclude each other",
        ),
    ],
)
def test_settings_that_cannot_work(settings, named):
    with pytest.raises(ConfigurationError) as caught:
        SessionConfig(**settings)
    assert named in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_session_dropped_open_warns(ask):
    async def handler(request):
        return httpx.Response(200)

    def blocking():
        session = Session(
            SessionConfig(base_url="http://x", transport=httpx.MockTransport(lambda _: httpx.Response(200)))
        )
        session.run(ask())

    def looped():
        session = AsyncSession(SessionConfig(base_url="http://x", transport=httpx.MockTransport(handler)))
        asyncio.run(session.run(ask()))

    for work, method in ((blocking, "close"), (looped, "aclose")):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            work()
            gc.collect()
        assert [str(entry.message) for entry in caught if method in str(entry.message)]


# --- transports and clients of the caller's


def _handler(request):
    return httpx.Response(200, content=request.headers["x-api-key"].encode())


def test_a_transport_of_the_callers(bench, ask):
    transport = httpx.MockTransport(_handler)
    session = bench.open("http://x.test", transport=transport, auth=APIKey("k"))
    assert bench.run(session, ask()).content == b"k"
    derived = bench.keep(session.with_config(auth=APIKey("other")))
    assert bench.run(derived, ask()).content == b"other"


def test_a_client_of_the_callers_is_used_and_left_open(bench, ask):
    cls = httpx.Client if bench.name == "blocking" else httpx.AsyncClient
    client = cls(transport=httpx.MockTransport(_handler), auth=("user", "password"), cookies={"a": "b"})
    session = bench.open("http://x.test", http_client=client, auth=APIKey("k"))
    assert bench.run(session, ask()).content == b"k"
    bench.twin.close(session)
    assert not client.is_closed
    client.close() if bench.name == "blocking" else bench.twin.runner.run(client.aclose())


def test_a_client_of_the_other_kind_is_refused(bench):
    cls = httpx.AsyncClient if bench.name == "blocking" else httpx.Client
    with pytest.raises(ConfigurationError, match="http_client"):
        bench.open("http://x.test", http_client=cls(transport=httpx.MockTransport(_handler)))
    blocking, looped = httpx.HTTPTransport(verify=False), httpx.AsyncHTTPTransport(verify=False)
    with pytest.raises(ConfigurationError, match="transport"):
        bench.open("http://x.test", transport=looped if bench.name == "blocking" else blocking)


def test_an_exception_that_is_a_bug_passes_through(bench, ask):
    def handler(request):
        raise ZeroDivisionError

    session = bench.open("http://x.test", transport=httpx.MockTransport(handler))
    with pytest.raises(ZeroDivisionError):
        bench.run(session, ask())


def test_a_busy_pool_is_a_timeout_that_never_left(bench, reply, ask):
    gate = threading.Event()
    server = bench.serve(lambda _: reply(gate=gate))
    session = bench.open(server, max_connections=1, timeout=0.2, retry=RetryPolicy(max_retries=0))
    results = bench.together(session, [ask(), ask(), ask()])
    gate.set()
    assert all(isinstance(result, TransportError) for result in results)
    assert {result.sent for result in results} == {True, False}
    assert bench.run(session, ask()).status == 200


def test_the_environments_proxy_is_used(bench, reply, ask, monkeypatch):
    proxy = bench.serve(lambda _: reply(body=b"via"))
    direct = bench.serve(lambda _: reply(body=b"direct"))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert bench.run(bench.open(direct), ask()).content == b"via"
    assert proxy.requests[0].target.startswith(direct.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,*.internal")
    assert bench.run(bench.open(direct), ask()).content == b"direct"


def test_a_client_belongs_to_the_loop_of_its_first_call(reply):
    def handler(request):
        return httpx.Response(200)

    def flow():
        return (yield Request(method="GET", path="/", operation="x"))

    session = AsyncSession(SessionConfig(base_url="http://x", transport=httpx.MockTransport(handler)))
    with asyncio.Runner() as runner, asyncio.Runner() as other:
        runner.run(session.run(flow()))
        with pytest.raises(ConfigurationError, match="another event loop"):
            other.run(session.run(flow()))
        runner.close()
        with pytest.raises(ConfigurationError, match="loop that is closed"):
            other.run(session.run(flow()))
        with pytest.raises(ConfigurationError, match="loop that is closed"):
            other.run(session.aclose())


def test_deadline_errors_are_transport_errors():
    assert issubclass(DeadlineExceededError, TransportError)

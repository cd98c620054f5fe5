"""A canary credential, hunted through everything that may be printed, logged or stored."""

import copy
import io
import json
import logging
import pickle
import traceback

import httpx
import pytest

from bulkeditor.errors import BulkEditorError
from bulkeditor.http import APIKey, Bearer, Hooks, OAuth2, Request, RetryPolicy, SystemClock

CANARY = "canary-4f9c1d"


def credentials():
    return {
        "key": APIKey(CANARY),
        "bearer": Bearer(CANARY),
        "vault": APIKey(lambda: CANARY),
        "oauth": OAuth2("client", CANARY, "/oauth/token", refresh_token=CANARY),
    }


def exhibits(error):
    """Every way in which an exception becomes text."""
    yield "str", str(error)
    yield "repr", repr(error)
    yield "vars", repr(vars(error))
    yield "traceback", "".join(traceback.format_exception(error))
    chain, seen = [error], set()
    while chain:
        one = chain.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        # capture_locals prints the variables of every frame, as crash reporters do.
        shown = traceback.TracebackException.from_exception(one, capture_locals=True)
        yield "locals", "".join(shown.format())
        chain += [one.__cause__, one.__context__]
    if isinstance(error, BulkEditorError):
        yield "pickle", pickle.dumps(error).decode("latin-1")
        yield "copy", repr(vars(copy.copy(error)))


def hunt(error):
    for where, text in exhibits(error):
        assert CANARY not in text, f"{where}: …{text[max(0, text.find(CANARY) - 300) :][:400]}"


TOKEN = json.dumps({"access_token": CANARY, "expires_in": 3600, "refresh_token": CANARY}).encode()

FAULTS = {
    "refused": {
        "status": 401,
        "body": b'{"error": {"code": "unauthenticated", "message": "bad key canary-4f9c1d"}}',
    },
    "quoted": {
        "status": 400,
        "body": b'{"error": {"message": "m", "errors": [{"field": "f", "message": "canary-4f9c1d"}]}}',
    },
    "forbidden": {"status": 403, "body": b'{"message": "canary-4f9c1d may not"}'},
    "plain": {"status": 500, "body": b"canary-4f9c1d"},
    "page": {"status": 404, "body": b"<html><title>canary-4f9c1d</title>"},
    "dropped": {"drop": True},
    "truncated": {"body": b"xxxx", "truncate": 1},
    "silent": {"delay": 5},
    "redirect": {"status": 302, "headers": {"Location": "https://x/?k=canary-4f9c1d"}},
    "cookie": {"status": 500, "headers": {"Set-Cookie": "session=canary-4f9c1d"}},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["key", "bearer", "vault", "oauth"])
def test_no_failure_shows_the_credential(  # noqa: PLR0917 - fixtures
    bench, reply, ask, kind, fault, caplog
):
    caplog.set_level(logging.DEBUG)
    events = []
    hooks = Hooks(
        on_request=(events.append,),
        on_response=(events.append,),
        on_retry=(events.append,),
        on_error=(events.append,),
    )

    def script(seen):
        return reply(body=TOKEN) if seen.target == "/oauth/token" else reply(**FAULTS[fault])

    session = bench.open(
        bench.serve(script),
        auth=credentials()[kind],
        hooks=hooks,
        timeout=0.1,
        clock=SystemClock(),
        retry=RetryPolicy(max_retries=1, base_delay=1),
    )
    with pytest.raises(BulkEditorError) as caught:
        bench.run(session, ask())
    # The test's own frames hold the fault's body.
    error = caught.value.with_traceback(library_frames(caught.value.__traceback__))
    hunt(error)
    for event in events:
        assert CANARY not in repr(event)
    logged = io.StringIO()
    for record in caplog.records:
        logged.write(f"{record.getMessage()} {record.__dict__} {record.exc_text}\n")
    assert CANARY not in logged.getvalue()
    for thing in (session, session.config, session.config.auth, vars(session)):
        assert CANARY not in repr(thing)


def library_frames(tb):
    while tb is not None and "/tests/" in tb.tb_frame.f_code.co_filename:
        tb = tb.tb_next
    return tb


@pytest.mark.parametrize("status", [400, 500, 200])
def test_a_token_endpoint_that_misbehaves_shows_nothing(bench, reply, ask, status):
    bodies = {
        400: b'{"error": "invalid_client", "error_description": "canary-4f9c1d is unknown"}',
        500: b'{"access_token": "canary-4f9c1d"',
        200: b'{"access_token": "canary-4f9c1d\\n"}',
    }
    server = bench.serve(lambda _: reply(status, bodies[status]))
    session = bench.open(server, auth=OAuth2("client", CANARY, "/oauth/token"))
    with pytest.raises(BulkEditorError) as caught:
        bench.run(session, ask())
    hunt(caught.value.with_traceback(library_frames(caught.value.__traceback__)))


def test_a_dead_network_shows_nothing(bench, ask):
    session = bench.open("http://127.0.0.1:9", auth=APIKey(CANARY))
    with pytest.raises(BulkEditorError) as caught:
        bench.run(session, ask())
    hunt(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_bug_in_a_transport_shows_nothing_in_our_frames(bench, ask):
    def handler(request):
        raise ZeroDivisionError

    session = bench.open("http://x.test", auth=APIKey(CANARY), transport=httpx.MockTransport(handler))
    with pytest.raises(ZeroDivisionError) as caught:
        bench.run(session, ask())
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    for frame in shown.stack:
        if "/bulkeditor/" in frame.filename:
            assert CANARY not in repr(frame.locals), frame.filename


def test_a_request_that_cannot_be_built_shows_nothing(bench, ask):
    session = bench.open("http://127.0.0.1:9", auth=APIKey(CANARY))
    for flow in (ask(headers={"X-A": "ok", "X-B": "no\n"}), ask(idempotency_key="no\n"), ask("http://[::1")):
        with pytest.raises(BulkEditorError) as caught:
            bench.run(session, flow)
        hunt(caught.value)


def test_a_flow_that_fails_over_a_good_answer_shows_nothing(bench, reply):
    body = b'{"key": "canary-4f9c1d", "name": "ci", "broken"'
    server = bench.serve(lambda _: reply(201, body))
    session = bench.open(server, auth=APIKey(CANARY))

    def flow():
        response = yield Request(method="POST", path="/api/v1/api-keys", operation="keys.create", write=True)
        return response.json()

    with pytest.raises(BulkEditorError) as caught:
        bench.run(session, flow())
    shown = str(caught.value) + repr(vars(caught.value))
    assert CANARY not in shown
    assert '"name": "ci"' in shown


def test_a_closed_over_secret_does_not_travel():
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(APIKey(CANARY))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(OAuth2("c", CANARY, "/t"))

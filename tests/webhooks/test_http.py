"""The applications, over real HTTP: uvicorn for ASGI, the standard library's server for WSGI."""

import asyncio
import http.client
import io
import os
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import uvicorn
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import bulkeditor as be
from bulkeditor import webhooks
from bulkeditor.webhooks import _asgi, _receiver
from tests.webhooks.conftest import SECRET, Clock, Seen, encode, headers_for, stock

LIMIT = 10_000


def event(on_hand=1, **more):
    """A delivery of now, because the servers run by the real clock."""
    payload = {**stock("p1", on_hand, at=0), "timestamp": datetime.now(UTC).isoformat(), **more}
    body = encode(payload)
    return body, headers_for(body, now=datetime.now(UTC))


@contextmanager
def asgi_server(app):
    """A uvicorn on a port of its own; the application's lifespan begins and ends with it."""
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="auto", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            # It listens already: whoever connects is served as soon as the application has started.
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def wsgi_server(app):
    with make_server("127.0.0.1", 0, app, WSGIServer, QuietHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def post(port, body, headers, path="/hook", method="POST"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())
    finally:
        connection.close()


@pytest.fixture
def receiver(tmp_path):
    with webhooks.Receiver(
        secrets=[SECRET], store=tmp_path / "inbox.db", path="/hook", max_body=LIMIT, poll=60, workers=0
    ) as made:
        yield made


@pytest.fixture
def working(tmp_path):
    """A receiver whose workers run; its ``seen`` fills as events are handled."""
    made = webhooks.Receiver(secrets=[SECRET], store=tmp_path / "inbox.db", poll=60)
    made.seen = Seen()
    made.on("*", name="seen")(made.seen.add)
    yield made
    made.close()


SERVERS = {
    "asgi": lambda receiver: asgi_server(receiver.asgi),
    "wsgi": lambda receiver: wsgi_server(receiver.wsgi),
}


@pytest.mark.parametrize("kind", SERVERS)
def test_each_outcome_has_a_status_of_its_own(receiver, kind):
    body, headers = event()
    with SERVERS[kind](receiver) as port:
        assert post(port, body, headers)[:2] == (202, b'{"status":"accepted"}')
        assert post(port, body, headers)[:2] == (200, b'{"status":"duplicate"}')
        assert post(port, body, headers_for(body, secret="other"))[:2] == (401, b'{"status":"unverified"}')
        assert post(port, b"[]", headers_for(b"[]"))[:2] == (400, b'{"status":"malformed"}')
        big = b" " * (LIMIT + 1)
        assert post(port, big, headers_for(big))[:2] == (413, b'{"status":"too_large"}')
        assert post(port, body, headers, path="/hook/")[0] == 200
        assert post(port, body, headers, path="/elsewhere")[0] == 404
        for method in ("GET", "PUT", "DELETE"):
            status, _, answer = post(port, None, {}, method=method)
            assert (status, {name.lower(): value for name, value in answer.items()}["allow"]) == (405, "POST")
        assert post(port, b"", headers)[0] == 401
    assert receiver.counts()["pending"] == 1


@pytest.mark.parametrize("kind", SERVERS)
def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes(receiver, kind):
    with SERVERS[kind](receiver) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert b" 413 " in line.recv(100)


def test_a_chunked_body_is_cut_off_at_the_limit(receiver):
    with (
        asgi_server(receiver.asgi) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as line,
    ):
        line.sendall(b"POST /hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            line.sendall(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
        # The body has not ended.
        assert b" 413 " in line.recv(100)


def test_a_chunked_body_is_read(receiver):
    body, headers = event()
    with asgi_server(receiver.asgi) as port:
        assert post(port, iter([body[:7], body[7:]]), headers)[0] == 202


@pytest.mark.parametrize("kind", SERVERS)
def test_a_sender_that_breaks_off_leaves_nothing_behind(receiver, kind):
    body, headers = event()
    with SERVERS[kind](receiver) as port:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(
                f"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode()
            )
            line.sendall(body[:50])
        assert post(port, body, headers)[0] == 202


def test_a_body_that_trickles_is_given_up(receiver, monkeypatch):
    """Else anybody could hold connections and memory, a byte now and then."""
    monkeypatch.setattr(_asgi, "_BODY_WITHIN", 0.1)
    body, headers = event()
    with (
        asgi_server(receiver.asgi) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as line,
    ):
        line.sendall(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{")
        answer = line.recv(1000)
        assert b" 408 " in answer
        assert b"connection: close" in answer.lower()
        assert post(port, body, headers)[0] == 202


class SlowInbox(webhooks.SQLiteInbox):
    """Stores nothing before it is told to."""

    release = threading.Event()

    def add(self, arrival):
        assert self.release.wait(20)
        return super().add(arrival)


def test_an_answer_comes_in_time_however_long_the_disk_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(_receiver, "_ANSWER_WITHIN", 0.1)
    body, headers = event()
    store = SlowInbox(tmp_path / "inbox.db")
    receiver = webhooks.Receiver(secrets=[SECRET], store=store, workers=0)

    async def main():
        receipts = await asyncio.gather(*(receiver.receive_async(body, headers) for _ in range(20)))
        store.release.set()
        return {receipt.status for receipt in receipts}

    assert asyncio.run(main()) == {503}
    assert receiver.receive(body, headers).status == 200, "it was stored after all, once"
    receiver.close()


def test_a_sender_that_went_away_is_not_answered(receiver):
    body, headers = event()
    messages = [{"type": "http.request", "body": body[:50], "more_body": True}, {"type": "http.disconnect"}]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/hook",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive():
        return messages.pop(0)

    async def send(message):
        pytest.fail(f"{message} was sent to nobody")

    asyncio.run(receiver.asgi(scope, receive, send))
    assert not messages


def test_a_body_that_breaks_off_is_malformed_not_unverified(receiver):
    body, headers = event()
    answers = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/hook",
        "CONTENT_LENGTH": str(len(body) + 1),
        "wsgi.input": io.BytesIO(body),
        **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()},
    }
    receiver.wsgi(environ, lambda status, headers: answers.append(status))
    assert answers == ["400 Bad Request"]


@pytest.mark.parametrize("length", ["-1", "1e3", "\u0661", "", "x"])
def test_a_length_that_is_none_is_malformed(receiver, length):
    answers = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/hook",
        "CONTENT_LENGTH": length,
        "wsgi.input": io.BytesIO(),
    }
    receiver.wsgi(environ, lambda status, headers: answers.append(status))
    # Without a length there is no body, and an empty one has no signature.
    assert answers == ["400 Bad Request" if length else "401 Unauthorized"]


def test_a_chunked_body_is_read_where_the_wsgi_server_ends_it(receiver):
    body, headers = event()
    for content, status in ((body, "202 Accepted"), (b" " * (LIMIT + 1), "413 Request Entity Too Large")):
        answers = []
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/hook",
            "wsgi.input": io.BytesIO(content),
            "wsgi.input_terminated": True,
            **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()},
        }
        receiver.wsgi(environ, lambda status, headers: answers.append(status))  # noqa: B023 -- called at once
        assert answers[0][:3] == status[:3]


# ---- workers ----


@pytest.mark.parametrize("kind", SERVERS)
def test_what_is_stored_is_handled_afterwards(working, kind):
    with SERVERS[kind](working) as port:
        for number in range(3):
            assert post(port, *event(number))[0] == 202
        working.seen.wait(3)
        assert working.stop() is True
    assert [one.data.on_hand for one in working.seen] == [0, 1, 2]


def test_the_lifespan_handles_what_was_left_before_any_request(working):
    assert working.receive(*event()).status == 202
    with asgi_server(working.asgi):
        working.seen.wait(1)


def test_async_handlers_run_in_the_server_s_loop(working):
    loops = Seen()

    @working.on("*")
    async def handle(event):
        loops.add(asyncio.get_running_loop())

    async def app(scope, receive, send):
        if scope["type"] == "http":
            loops.add(asyncio.get_running_loop())
        await working.asgi(scope, receive, send)

    with asgi_server(app) as port:
        post(port, *event())
        loops.wait(2)
    assert loops[0] is loops[1]


def test_a_slow_handler_is_waited_for_at_the_end(working):
    began, release = threading.Event(), threading.Event()

    @working.on("*")
    def slow(event):
        began.set()
        release.wait(20)

    with asgi_server(working.asgi) as port:
        post(port, *event())
        assert began.wait(20)
        threading.Timer(0.2, release.set).start()
    assert working.counts()["done"] == 1


def test_handlers_that_block_do_not_hold_up_deliveries(tmp_path):
    """More of them than the event loop has threads of its own."""
    many = (os.cpu_count() or 1) + 8
    blocked, release = threading.Barrier(many + 1, timeout=20), threading.Event()
    with webhooks.Receiver(secrets=[SECRET], store=tmp_path / "inbox.db", workers=many) as receiver:
        receiver.stop()

        @receiver.on("*")
        def block(event):
            blocked.wait()
            release.wait(20)

        with asgi_server(receiver.asgi) as port:
            for number in range(many):
                body, headers = event(data={"product_id": f"p{number}", "location_id": "w"})
                assert post(port, body, headers)[0] == 202
            blocked.wait()
            assert post(port, *event())[0] == 202
            release.set()


def starlette_route(receiver):
    return Starlette(routes=[Route("/webhooks/bulk-editor", receiver.asgi)], lifespan=receiver.lifespan)


def starlette_mount(receiver):
    receiver.path = "/webhooks/bulk-editor"
    return Starlette(routes=[Mount("/webhooks", receiver.asgi)])


def fastapi_route(receiver):
    app = FastAPI(lifespan=receiver.lifespan)
    app.add_route("/webhooks/bulk-editor", receiver.asgi)
    return app


@pytest.mark.parametrize("make", [starlette_route, starlette_mount, fastapi_route])
def test_within_an_application_the_endpoint_needs_no_redirect(working, make):
    with asgi_server(make(working)) as port:
        assert post(port, *event(), path="/webhooks/bulk-editor")[0] == 202
        assert post(port, None, {}, path="/webhooks/bulk-editor", method="GET")[0] == 405
        working.seen.wait(1)


def test_within_a_wsgi_application(working):
    app = Flask("application")
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/webhooks/bulk-editor": working.wsgi})
    with wsgi_server(app) as port:
        assert post(port, *event(), path="/webhooks/bulk-editor")[0] == 202
        assert post(port, None, {}, path="/", method="GET")[0] == 404
        working.seen.wait(1)


def test_only_http_is_spoken(receiver):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(receiver.asgi({"type": "websocket"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1000}]


def test_a_worker_s_own_process_only_works(working):
    """`receiver.work()`, as in a process beside the servers; stopped by a signal handler or a thread."""
    assert working.receive(*event()).status == 202
    thread = threading.Thread(target=working.work)
    thread.start()
    working.seen.wait(1)
    working.receive(*event(2))
    working.seen.wait(2)
    working.stop()
    thread.join(20)
    assert not thread.is_alive()


# ---- the sandbox as sender ----


def test_each_event_of_the_sandbox_is_received_typed_and_in_order(tmp_path):
    clock = Clock()
    receiver = webhooks.Receiver(
        secrets=[SECRET], store=tmp_path / "inbox.db", poll=60, clock=clock, workers=0
    )
    receiver.on("*")(print)
    with receiver, be.Sandbox(products=10, seed=1) as sandbox, wsgi_server(receiver.wsgi) as port:
        sandbox.add_webhook(f"http://127.0.0.1:{port}/", secret=SECRET)
        clock.now = sandbox.clock.now()
        with sandbox.connect() as shop:
            product = shop.products.create({"sku": "NEW", "title": "A new one", "price": "9.90"})
            shop.products.update([{"id": product.id, "price": "8.80"}])
            shop.products.delete(product.id)
            shop.inventory.set([{"sku": "PT-1", "location_id": "warehouse_1", "on_hand": 41}])
            job = shop.bulk_jobs.create(filter={"sku": "PT-1"}, updates={"tags": ["x"]})
            shop.bulk_jobs.wait(job.id, timeout=30)
            sandbox.settle()
            receiver.process_pending()
            events = [entry.event for entry in receiver.events()]
            assert receiver.counts()["done"] == len(events)
            assert {event.name for event in events} == set(be.EventName.ALL) - {"bulk_job.failed"}
            assert not any(isinstance(event, webhooks.UnknownEvent) for event in events)
            new = [event for event in events if event.entity == f"product/{product.id}"]
            assert [type(event) for event in new] == [
                webhooks.ProductCreated,
                webhooks.ProductUpdated,
                webhooks.ProductDeleted,
            ]
            assert new[0].data.product.price == Decimal("9.90")
            assert new[1].data.changes.price == Decimal("8.80")
            assert new[1].data.changes.loaded == {"price"}
            [completed] = [event for event in events if isinstance(event, webhooks.BulkJobCompleted)]
            assert completed.data.duration is not None
            assert completed.refetch(shop).succeeded
            stock_of = {
                event.data.sku: event for event in events if isinstance(event, webhooks.InventoryUpdated)
            }
            assert stock_of["PT-1"].data.on_hand == stock_of["PT-1"].refetch(shop).on_hand == 41

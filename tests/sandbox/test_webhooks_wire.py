"""What a delivery does on the wire: faults that really happen there, and receivers of every temper."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import attrs
import pytest

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox import Sandbox

Answer = Callable[["Connection"], None]


@attrs.define
class Connection:
    """One connection as the receiver's socket saw it."""

    sock: socket.socket
    head: bytes = b""
    body: bytes = b""
    reset: bool = False
    times: list[float] = attrs.field(factory=list)

    @property
    def length(self) -> int:
        return int(self.headers["content-length"])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode().split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def read(self) -> None:
        """Read one request byte by byte, noting when the body's bytes came."""
        try:
            while not self.head.endswith(b"\r\n\r\n"):
                self.head += self._byte()
            self.head = self.head[:-4]
            while len(self.body) < self.length:
                self.body += self._byte()
                self.times.append(time.monotonic())
        except ConnectionResetError:
            self.reset = True

    def _byte(self) -> bytes:
        byte = self.sock.recv(1)
        if not byte:
            raise EOFError
        return byte

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)


def accept(connection: Connection) -> None:
    connection.read()
    if not connection.reset:
        connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")


def answering(data: bytes) -> Answer:
    def answer(connection: Connection) -> None:
        connection.read()
        connection.send(data)

    return answer


class Wire:
    """A receiver that speaks TCP: each connection is handled by the next of ``answers``, then accepted."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.answers: list[Answer] = []
        self.closing = threading.Event()
        self._done = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hooks"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self.closing.is_set():
                sock.close()
                return
            connection = Connection(sock)
            with sock, contextlib.suppress(OSError, EOFError):
                (self.answers.pop(0) if self.answers else accept)(connection)
            with self._done:
                self.connections.append(connection)
                self._done.notify_all()

    def wait(self, count: int) -> list[Connection]:
        with self._done:
            assert self._done.wait_for(lambda: len(self.connections) >= count, 20), self.connections
            return list(self.connections)

    def close(self) -> None:
        self.closing.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    it = Wire()
    yield it
    it.close()


class Bench:
    """A sandbox at a standing time, with one webhook for product.updated."""

    def __init__(self, sandbox: Sandbox, http: Any, url: str) -> None:
        self.sandbox = sandbox
        self.http = http
        made = http.post(
            "/api/v1/webhooks", json={"events": ["product.updated"], "endpoint": url, "secret": "s"}
        )
        assert made.status_code == 201, made.text
        self.path = f"/api/v1/webhooks/{made.json()['id']}"

    def change(self, vendor: str, product: int = 1) -> None:
        assert self.http.update({"id": f"product_id_{product}", "vendor": vendor}).json()["updated"] == 1

    def log(self) -> list[dict[str, Any]]:
        """Deliveries, oldest first, once nothing is due."""
        self.sandbox.settle()
        return self.http.get(f"{self.path}/deliveries").json()["deliveries"][::-1]

    def last(self) -> tuple[str, int | None, str | None]:
        """State of the latest delivery, and what its latest attempt found."""
        delivery = self.log()[-1]
        entry = delivery["log"][-1]
        assert (entry["response_status"], entry["error"]) == (
            delivery["response_status"],
            delivery["error"],
        )
        return delivery["status"], entry["response_status"], entry["error"]


@pytest.fixture
def bench(serve, wire) -> Bench:
    return Bench(*serve(clock="frozen", webhook_timeout=5), wire.url)


# Faults


def vendors(connections: list[Connection]) -> list[str]:
    return [re.findall(rb'"vendor":"(\w+)"', connection.body)[0].decode() for connection in connections]


def test_a_duplicate_is_sent_twice_under_one_id(bench, wire):
    rule = bench.sandbox.faults.add(webhook="product.updated", duplicate=True, times=1)
    bench.change("A")
    bench.change("B")
    first, second, third = wire.wait(3)
    assert (first.head, first.body) == (second.head, second.body)
    assert third.headers["webhook-id"] != first.headers["webhook-id"]
    assert [delivery["attempts"] for delivery in bench.log()] == [1, 1]
    assert rule.hits == 1


@pytest.mark.parametrize(("reorder", "order"), [(True, "BAC"), (1, "BAC"), (2, "BCA")])
def test_a_reordered_delivery_lets_others_pass(bench, wire, reorder, order):
    bench.sandbox.faults.add(webhook="*", reorder=reorder, times=1)
    for vendor in "ABC":
        bench.change(vendor)
    assert vendors(wire.wait(3)) == list(order)
    log = bench.log()
    assert [delivery["payload"]["data"]["changes"]["vendor"] for delivery in log] == list("ABC")
    assert {(delivery["status"], delivery["attempts"]) for delivery in log} == {("delivered", 1)}
    stamps = [datetime.fromisoformat(delivery["payload"]["timestamp"]) for delivery in log]
    assert stamps == sorted(set(stamps)), "the receiver can tell the true order, at a standing time, too"


def test_reordered_without_end_still_arrives(bench, wire):
    bench.sandbox.faults.add(webhook="*", reorder=True)
    bench.change("A")
    assert bench.log()[0]["status"] == "pending"
    assert wire.connections == []
    bench.sandbox.clock.advance("5s")
    assert vendors(wire.wait(1)) == ["A"]
    assert bench.last() == ("delivered", 204, None)


def test_a_dropped_delivery_is_lost_unnoticed_and_can_be_sent_again(bench, wire):
    bench.sandbox.faults.add(webhook="*", drop=True, times=1)
    bench.change("A")
    assert bench.last() == ("failed", None, "lost on the way (an injected fault)")
    bench.sandbox.clock.advance("30d")
    assert wire.connections == []
    webhook = bench.http.get(bench.path).json()
    assert (webhook["enabled"], webhook["failing_since"]) == (True, None)
    answer = bench.http.post(f"{bench.path}/deliveries/delivery_1/redeliver")
    assert answer.status_code == 202
    assert wire.wait(1)[0].headers["webhook-id"] == "delivery_1"
    assert bench.last() == ("delivered", 204, None)


def test_a_slow_delivery_comes_late_and_byte_by_byte(bench, wire):
    bench.sandbox.faults.add(webhook="*", latency=0.1, drip=0.001, times=1)
    began = time.monotonic()
    bench.change("A")
    [connection] = wire.wait(1)
    assert connection.times[0] - began >= 0.1
    assert connection.times[-1] - connection.times[0] >= 0.001 * (connection.length - 1)
    assert bench.last() == ("delivered", 204, None)


def test_a_reset_breaks_off_in_the_body_and_is_tried_again(bench, wire):
    bench.sandbox.faults.add(webhook="*", reset=True, times=1)
    bench.change("A")
    [broken] = wire.wait(1)
    assert broken.reset
    assert len(broken.body) < broken.length
    assert bench.last() == ("pending", None, "connection reset (an injected fault)")
    bench.sandbox.clock.advance("5s")
    whole = wire.wait(2)[1]
    assert len(whole.body) == whole.length
    assert whole.headers["webhook-id"] == broken.headers["webhook-id"]
    assert bench.last() == ("delivered", 204, None)


def test_a_reset_after_the_answer_makes_a_delivery_arrive_twice(bench, wire):
    bench.sandbox.faults.add(webhook="*", reset=True, after_commit=True, times=1)
    bench.change("A")
    [first] = wire.wait(1)
    assert len(first.body) == first.length
    assert bench.last() == ("pending", None, "connection reset (an injected fault)")
    bench.sandbox.clock.advance("5s")
    second = wire.wait(2)[1]
    assert (second.headers["webhook-id"], second.body) == (first.headers["webhook-id"], first.body)
    assert bench.last() == ("delivered", 204, None)


def test_a_rule_strikes_every_so_many(bench, wire):
    rule = bench.sandbox.faults.add(webhook="*", drop=True, skip=1, every=3)
    for vendor in "ABCDEFG":
        bench.change(vendor)
    assert "".join(vendors(wire.wait(5))) == "ACDFG"
    assert rule.hits == 2


@pytest.mark.parametrize(
    ("rule", "says"),
    [({"webhook": "*"}, "nothing to a delivery"), ({"webhook": "*", "drop": True, "every": 0}, "every=0")],
)
def test_a_rule_that_does_nothing_is_refused(bench, rule, says):
    with pytest.raises(InvalidInputError, match=says):
        bench.sandbox.faults.add(**rule)


# Receivers


def test_a_redirect_is_not_followed(bench, wire, receiver):
    wire.answers = [answering(f"HTTP/1.1 307 Moved\r\nLocation: {receiver.url}\r\n\r\n".encode())]
    bench.change("A")
    assert bench.last() == ("pending", 307, "redirects are not followed")
    assert receiver.requests == []


def silent(connection: Connection) -> None:
    connection.read()
    connection.sock.recv(1)


def dripping(connection: Connection) -> None:
    connection.read()
    connection.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.send(b"x")
        # Each byte comes well within the time for an answer; only a time for the whole ends this.
        time.sleep(0.02)


@pytest.mark.parametrize("answer", [silent, dripping])
def test_a_receiver_has_so_long_to_answer(serve, wire, answer):
    bench = Bench(*serve(clock="frozen", webhook_timeout=0.2), wire.url)
    wire.answers = [answer]
    began = time.monotonic()
    bench.change("A")
    assert bench.last() == ("pending", None, "no answer within 0.2 s")
    assert time.monotonic() - began < 8, "a wait that starts anew at each byte would never end"


def test_an_endless_answer_is_not_read_to_its_end(bench, wire):
    sent = []

    def endless(connection: Connection) -> None:
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.send(b"x" * 65536)
            sent.append(65536)

    wire.answers = [endless]
    bench.change("A")
    assert bench.last() == ("delivered", 200, None)
    wire.wait(1)
    # What the sender reads, and what the buffers of two sockets hold.
    assert sum(sent) < 32 * 1024 * 1024


def test_an_answer_whose_body_never_comes_counts_by_its_status(serve, wire):
    bench = Bench(*serve(clock="frozen", webhook_timeout=0.2), wire.url)

    def answer(connection: Connection) -> None:
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        connection.sock.recv(1)

    wire.answers = [answer]
    bench.change("A")
    assert bench.last() == ("delivered", 200, None)


@pytest.mark.parametrize(
    ("status", "retry_after", "wait"),
    [
        (503, "120", 120),
        (429, "61", 61),
        (503, "2", 5),  # its own first pause is longer
        (503, "999999999999999", 3600),  # nobody waits for ever
        (503, "-1", 5),
        (503, "soon\xe9", 5),
        (503, timedelta(seconds=600), 600),  # from now on, as a date
        (503, timedelta(seconds=-600), 5),
    ],
)
def test_a_receiver_is_given_the_time_that_it_asks_for(bench, wire, status, retry_after, wait):
    if isinstance(retry_after, timedelta):
        retry_after = format_datetime(datetime.now(UTC) + retry_after, usegmt=True)
    wire.answers = [
        answering(f"HTTP/1.1 {status} Busy\r\nRetry-After: {retry_after}\r\n\r\n".encode("latin-1"))
    ]
    bench.change("A")
    (delivery,) = bench.log()
    begin, due = (datetime.fromisoformat(delivery[name]) for name in ("created_at", "next_attempt_at"))
    assert (due - begin).total_seconds() == pytest.approx(wait, abs=20 if wait == 600 else 0.1)
    bench.sandbox.clock.advance(f"{wait + 1}s")
    assert bench.last()[0] == "delivered"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "Remote end closed connection without response"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "the answer is no HTTP: BadStatusLine"),
        (b"HTTP/1.1 2xx OK\r\n\r\n", "the answer is no HTTP: BadStatusLine"),
        (b"HTTP/1.1 204 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "the answer is no HTTP: LineTooLong"),
        (b"HTTP/1.1 204 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "the answer is no HTTP: HTTPException"),
    ],
)
def test_what_is_no_answer_is_a_failed_attempt(bench, wire, data, error):
    wire.answers = [answering(data)]
    bench.change("A")
    assert bench.last() == ("pending", None, error)


def test_a_receiver_that_refuses_before_it_has_read_is_heard(serve, wire):
    sandbox, http = serve(clock="frozen")
    hook = {"events": ["product.created"], "endpoint": wire.url}
    path = f"/api/v1/webhooks/{http.post('/api/v1/webhooks', json=hook).json()['id']}"

    def refuse(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.sock.shutdown(socket.SHUT_WR)
        while connection.sock.recv(65536):
            pass

    wire.answers = [refuse]
    row = {"sku": "BIG", "title": "Big", "custom_fields": {f"n{i}": "x" * 1000 for i in range(200)}}
    assert http.post("/api/v1/products", json=row).status_code == 201
    sandbox.settle()
    [delivery] = http.get(f"{path}/deliveries").json()["deliveries"]
    assert (delivery["status"], delivery["response_status"]) == ("pending", 413)


def test_a_receiver_that_answers_and_closes_in_the_middle_of_the_body_is_heard(bench, wire):
    def refuse(connection: Connection) -> None:
        while not connection.head.endswith(b"\r\n\r\n"):
            connection.head += connection.sock.recv(1)
        connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    # Slowly, so that the sender is still at it when the connection is closed, and its next bytes fail.
    bench.sandbox.faults.add(webhook="*", drip=0.002, times=1)
    wire.answers = [refuse]
    bench.change("A")
    assert bench.last() == ("pending", 413, None)


def test_tls_that_cannot_be_trusted_is_a_failed_attempt(serve, wire):
    bench = Bench(*serve(clock="frozen"), wire.url.replace("http://", "https://"))
    wire.answers = [lambda connection: connection.send(b"HTTP/1.1 400 Speak TLS\r\n\r\n")]
    bench.change("A")
    status, code, error = bench.last()
    assert (status, code) == ("pending", None)
    assert error.startswith("TLS: "), error


def test_nothing_that_is_a_secret_travels(bench, wire):
    bench.change("A")
    [connection] = wire.wait(1)
    assert sorted(connection.headers) == [
        "connection", "content-length", "content-type", "host", "user-agent", "webhook-id",
        "webhook-signature", "webhook-timestamp", "x-webhook-signature",
    ]  # fmt: skip
    assert bench.sandbox.api_key.encode() not in connection.head


# Where deliveries go


@pytest.fixture
def connects(monkeypatch) -> list[Any]:
    """Every address that the sender's process connects or looks up."""
    seen: list[Any] = []
    real = socket.getaddrinfo

    def looked_up(host: Any, *args: Any, **more: Any) -> Any:
        seen.append(host)
        return real(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return seen


@pytest.mark.parametrize("host", ["192.0.2.1", "hooks.example.com", "localhost.example.com", "[2001:db8::1]"])
def test_nothing_leaves_this_machine_unasked(serve, connects, host):
    bench = Bench(*serve(clock="frozen"), f"http://{host}:9/hooks")
    connects.clear()
    bench.change("A")
    status, code, error = bench.last()
    assert (status, code) == ("pending", None)
    assert "is not on this machine" in error
    assert not [seen for seen in connects if seen != "127.0.0.1"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1"])
def test_loopback_has_several_names(serve, wire, host):
    bench = Bench(*serve(clock="frozen"), f"http://{host}:{wire.port}/hooks")
    bench.change("A")
    assert bench.last() == ("delivered", 204, None)


def test_loopback_has_several_addresses(serve, wire):
    """127.0.0.2 is this machine as well: it is tried, and nobody listens there."""
    bench = Bench(*serve(clock="frozen"), f"http://127.0.0.2:{wire.port}/hooks")
    bench.change("A")
    assert bench.last() == ("pending", None, "Connection refused")


@pytest.mark.parametrize("hosts", [["0.0.0.0"], ["*"], "0.0.*"])
def test_other_hosts_are_named(serve, wire, hosts):
    bench = Bench(*serve(clock="frozen", webhook_hosts=hosts), f"http://0.0.0.0:{wire.port}/hooks")
    bench.change("A")
    assert bench.last() == ("delivered", 204, None)


def test_a_timeout_of_nothing_is_refused():
    with pytest.raises(InvalidInputError, match="webhook_timeout=0"):
        Sandbox(products=1, webhook_timeout=0)


# The sender's own mishaps


def test_an_attempt_under_way_ends_with_the_sandbox_and_goes_on_with_it(serve, wire):
    bench = Bench(*serve(clock="frozen", webhook_timeout=60), wire.url)
    reached = threading.Event()

    def hang(connection: Connection) -> None:
        connection.read()
        reached.set()
        connection.sock.recv(1)

    wire.answers = [hang]
    for vendor in "ABC":
        bench.change(vendor)
    assert reached.wait(5)
    bench.sandbox.stop()
    bench.sandbox.start()
    assert bench.sandbox._shop.timers.settle()
    bench.sandbox.clock.advance("5s")
    found = vendors(wire.wait(4))
    assert (found[0], sorted(found[1:])) == ("A", ["A", "B", "C"])


def test_a_mistake_of_the_sender_loses_nothing(bench, wire, monkeypatch, caplog):
    def broken(*_args: Any, **_more: Any) -> Any:
        raise RuntimeError("no such luck")

    with monkeypatch.context() as patch:
        patch.setattr(http.client, "HTTPResponse", broken)
        bench.change("A")
        assert bench.last() == ("pending", None, "the sender failed: RuntimeError")
    bench.sandbox.clock.advance("5s")
    assert bench.last() == ("delivered", 204, None)
    assert "delivering delivery_1 failed" in caplog.text


def test_redelivery_asked_for_during_an_attempt_is_a_new_attempt(bench, wire):
    reached, go_on = threading.Event(), threading.Event()

    def late(connection: Connection) -> None:
        connection.read()
        reached.set()
        go_on.wait(5)
        connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    wire.answers = [late]
    bench.change("A")
    assert reached.wait(5)
    assert bench.http.post(f"{bench.path}/deliveries/delivery_1/redeliver").status_code == 202
    go_on.set()
    first, second = wire.wait(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [entry["response_status"] for entry in bench.log()[0]["log"]] == [204, 204]

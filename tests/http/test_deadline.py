"""``deadline`` bounds a whole call: its repeats, its pauses, and a server that drips."""

import socket
import threading
import time

import httpx
import pytest

from bulkeditor.errors import (
    DeadlineExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
)
from bulkeditor.http import Request, RetryPolicy, Sleep, SystemClock


def timed(work):
    started = time.monotonic()
    with pytest.raises(TransportError) as caught:
        work()
    return caught.value, time.monotonic() - started


@pytest.mark.parametrize("part", ["headers", "body", "silence"])
def test_a_server_that_drips_is_cut_off(bench, reply, ask, part):
    dripping = {
        "headers": reply(headers={"X-Long": "x" * 2000}, drip=(1, 0.02)),
        "body": reply(body=b"x" * 2000, drip=(40, 0.02)),
        "silence": reply(delay=30),
    }[part]
    server = bench.serve(lambda _: dripping)
    # timeout alone would never fire: each single read is quick.
    session = bench.open(server, deadline=0.3, timeout=20, clock=SystemClock())
    error, took = timed(lambda: bench.run(session, ask()))
    assert type(error) is DeadlineExceededError
    assert error.sent is True
    assert isinstance(error, TimeoutError)
    assert took < 0.8
    server.script = lambda _: reply()
    assert bench.run(session, ask(), deadline=None).status == 200


def test_a_body_that_nobody_reads_is_cut_off(bench, write):
    """The server accepts the connection and never reads: the kernel's buffers fill, sending blocks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        session = bench.open(
            f"http://127.0.0.1:{listener.getsockname()[1]}", deadline=0.3, timeout=20, clock=SystemClock()
        )
        error, took = timed(lambda: bench.run(session, write(content=b"x" * 20_000_000)))
    assert type(error) is DeadlineExceededError
    assert took < 0.8


def test_a_slow_reader_is_cut_off(bench, write):
    """The server reads a little at a time: every single send succeeds."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def sip():
            connection, _ = listener.accept()
            with connection:
                while not stop.wait(0.01) and connection.recv(500_000):
                    pass

        thread = threading.Thread(target=sip)
        thread.start()
        try:
            session = bench.open(
                f"http://127.0.0.1:{listener.getsockname()[1]}", deadline=0.3, timeout=20, clock=SystemClock()
            )
            error, took = timed(lambda: bench.run(session, write(content=b"x" * 50_000_000)))
        finally:
            stop.set()
            thread.join()
    assert type(error) is DeadlineExceededError
    assert took < 0.8


def test_a_timeout_is_for_each_wait(bench, reply, ask, no_retry):
    server = bench.serve(lambda _: reply(delay=5))
    session = bench.open(server, timeout=0.2, retry=no_retry, clock=SystemClock())
    error, took = timed(lambda: bench.run(session, ask()))
    assert type(error) is RequestTimeoutError
    assert error.sent is True
    assert took < 0.6


def test_repeats_stop_where_the_next_would_be_late(bench, reply, ask):
    server = bench.serve(lambda _: reply(503, headers={"Retry-After": "4"}))
    session = bench.open(server, deadline=10, retry=RetryPolicy(max_retries=50))
    with pytest.raises(ServerError) as caught:
        bench.run(session, ask())
    assert bench.clock.slept == [4, 4]
    assert "deadline" in "".join(caught.value.__notes__)


def test_a_network_that_stays_down_ends_in_the_deadline(bench, reply, ask):
    server = bench.serve(lambda _: reply(drop=True))
    retry = RetryPolicy(max_retries=100, base_delay=60_000, max_delay=60_000)
    session = bench.open(server, deadline=10, retry=retry)
    with pytest.raises(DeadlineExceededError) as caught:
        bench.run(session, ask())
    assert caught.value.sent is True
    assert sum(bench.clock.slept) <= 10


def test_a_rate_limit_that_would_be_late_says_when(bench, reply, ask):
    server = bench.serve(lambda _: reply(429, headers={"Retry-After": "30"}))
    session = bench.open(server, deadline=10)
    with pytest.raises(RateLimitError) as caught:
        bench.run(session, ask())
    assert caught.value.retry_after == 30
    assert bench.clock.slept == []


def test_pauses_of_a_flow_count(bench, reply):
    server = bench.serve(lambda _: reply())
    session = bench.open(server, deadline=10)
    late = []

    def flow():
        yield Sleep(6)
        try:
            yield Sleep(6)
        except DeadlineExceededError as error:
            late.append(error.sent)
        yield Request(method="GET", path="/", operation="x")
        return "went on with what was left"

    assert bench.run(session, flow()) == "went on with what was left"
    assert late == [False]
    assert bench.clock.slept == [6]


def test_a_call_may_have_its_own_deadline(bench, reply, ask):
    server = bench.serve(lambda _: reply(503, headers={"Retry-After": "4"}))
    session = bench.open(server, deadline=3, retry=RetryPolicy(max_retries=2))
    with pytest.raises(ServerError):
        bench.run(session, ask(), deadline=None)
    assert bench.clock.slept == [4, 4]
    with pytest.raises(ServerError):
        bench.run(session, ask(), deadline=5)
    assert bench.clock.slept == [4, 4, 4]


def test_connecting_counts(bench, ask, no_retry):
    """A full backlog: the handshake is never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = []
        try:
            for _ in range(8):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(address)
                fillers.append(filler)
            session = bench.open(
                f"http://127.0.0.1:{address[1]}",
                deadline=0.3,
                timeout=20,
                retry=no_retry,
                clock=SystemClock(),
            )
            error, took = timed(lambda: bench.run(session, ask()))
        finally:
            for filler in fillers:
                filler.close()
    assert isinstance(error, DeadlineExceededError)
    assert error.sent is False
    assert took < 0.8


def test_with_a_transport_of_the_callers_the_deadline_shortens_each_attempt(bench, ask, no_retry):
    seen = []

    def handler(request):
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    session = bench.open(
        "http://x.test", transport=httpx.MockTransport(handler), deadline=5, timeout=30, retry=no_retry
    )
    bench.run(session, ask())
    assert all(4 < value <= 5 for value in seen[0].values())

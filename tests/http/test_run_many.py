"""Many exchanges at once: order, bounds, laziness, and nothing left behind."""

import contextvars
import threading
import time

import pytest

from bulkeditor.errors import InvalidInputError, NotFoundError, ServerError
from bulkeditor.http import Request, RetryPolicy, SystemClock

tenant = contextvars.ContextVar("tenant", default="nobody")


def flows(ask, count, pulled=None):
    for index in range(count):
        if pulled is not None:
            pulled.append(index)
        yield ask(f"/item/{index}")


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_results_come_in_the_order_given(bench, reply, ask, limit):
    # Early ones take longest.
    server = bench.serve(
        lambda seen: reply(body=seen.target.encode(), delay=0.03 if seen.target.endswith(("0", "3")) else 0.0)
    )
    found = bench.many(bench.open(server), flows(ask, 12), limit)
    assert [response.content.decode() for response in found] == [f"/item/{index}" for index in range(12)]
    assert server.connections <= limit


def test_refusals_are_results_and_bugs_are_not(bench, reply, ask):
    server = bench.serve(lambda seen: reply(404 if seen.target == "/item/1" else 200))
    session = bench.open(server)
    found = bench.many(session, flows(ask, 3), 2)
    assert [type(result).__name__ for result in found] == ["Response", "NotFoundError", "Response"]

    def buggy():
        yield Request(method="GET", path="/item/0", operation="x")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bench.many(session, [ask("/item/0"), buggy(), *flows(ask, 5)], 2)


def test_flows_are_pulled_as_results_are_taken(bench, reply, ask):
    server = bench.serve(lambda _: reply())
    pulled = []
    found = bench.many(bench.open(server), flows(ask, 100, pulled), 3, take=4)
    assert len(found) == 4
    assert len(pulled) <= 4 + 3 - 1


def test_an_exception_while_pulling_passes_through_and_cleans_up(bench, reply, ask):
    server = bench.serve(lambda _: reply(delay=0.01))
    session = bench.open(server)

    made = list(flows(ask, 2))

    def broken():
        yield from made
        raise KeyError("source")

    with pytest.raises(KeyError):
        bench.many(session, broken(), 3)
    assert [flow.gi_frame for flow in made] == [None, None]
    assert len(bench.many(session, flows(ask, 3), 3)) == 3


def test_nothing_at_all(bench, reply):
    assert bench.many(bench.open(bench.serve([])), [], 4) == []


def test_a_limit_below_one_is_refused(bench, reply, ask):
    with pytest.raises(InvalidInputError, match="limit"):
        bench.many(bench.open("http://127.0.0.1:9"), [ask()], 0)


def test_breaking_off_lets_go_of_calls_that_hang(bench, reply, ask):
    """The server holds the second answer for ever; the break is prompt and the flows are closed."""
    gate = threading.Event()
    server = bench.serve(lambda seen: reply(gate=gate) if seen.target != "/item/0" else reply())
    session = bench.open(server, timeout=60, clock=SystemClock())
    made = list(flows(ask, 4))
    started = time.monotonic()
    assert len(bench.many(session, made, 3, take=1)) == 1
    assert time.monotonic() - started < 2
    assert [flow.gi_frame for flow in made[:3]] == [None] * 3
    server.script = lambda _: reply()
    gate.set()
    assert bench.run(session, ask()).status == 200


def test_breaking_off_lets_go_of_calls_that_sleep(bench, reply, ask):
    server = bench.serve(
        lambda seen: reply() if seen.target == "/item/0" else reply(429, headers={"Retry-After": "60"})
    )
    session = bench.open(server, clock=SystemClock())
    # The first goes alone, or it would be held back by the others' 429 as well.
    bench.run(session, ask("/item/0"))

    started = time.monotonic()

    def give_up():
        raise LookupError

    def pulling():
        yield ask("/item/1")
        while not server.requests[1:]:
            time.sleep(0.001)
            if bench.name == "asyncio":
                break
        give_up()

    with pytest.raises(LookupError):
        bench.many(session, pulling(), 3)
    assert time.monotonic() - started < 2


def test_context_variables_are_the_callers(bench, reply):
    server = bench.serve(lambda _: reply())

    def flow():
        yield Request(method="GET", path="/", operation="x")
        return tenant.get()

    token = tenant.set("acme")
    try:
        assert bench.many(bench.open(server), [flow(), flow()], 2) == ["acme", "acme"]
    finally:
        tenant.reset(token)


def test_each_call_retries_by_itself(bench, reply, ask):
    failed = set()

    def script(seen):
        if seen.target not in failed:
            failed.add(seen.target)
            return reply(503)
        return reply()

    found = bench.many(bench.open(bench.serve(script)), flows(ask, 6), 3)
    assert [response.attempts for response in found] == [2] * 6


def test_many_threads_share_one_limit(bench, reply, ask):
    def script(seen):
        return reply(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "10"})

    session = bench.open(bench.serve(script), retry=RetryPolicy(max_retry_after=1000))
    results = bench.many(session, flows(ask, 2), 1)
    assert sum(isinstance(result, Exception) for result in results) == 1


def test_the_pool_is_not_the_limit(bench, reply, ask):
    server = bench.serve(lambda _: reply(delay=0.005))
    found = bench.many(bench.open(server, max_connections=2), flows(ask, 20), 8)
    assert [response.status for response in found] == [200] * 20
    assert server.connections <= 2


def test_errors_of_two_flows_are_two_errors(bench, reply, ask):
    server = bench.serve(lambda _: reply(500))
    found = bench.many(bench.open(server, retry=RetryPolicy(max_retries=0)), flows(ask, 2), 2)
    assert all(isinstance(error, ServerError) for error in found)
    assert found[0] is not found[1]
    assert not any(isinstance(error, NotFoundError) for error in found)

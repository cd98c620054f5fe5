"""Reading pages ahead: order, how far, when it starts, when it turns itself off."""

import threading
import time

import pytest

from bulkeditor.errors import ServerError
from bulkeditor.http import Request, RetryPolicy, SystemClock
from bulkeditor.http._read_ahead import Pace

SLOW = 0.02


class Pages:
    """A walk over numbered pages whose count is known after the first."""

    def __init__(self, total, *, known=True):
        self.total, self.known = total, known
        self.asked = self.taken = 0
        self.done = total == 0
        self.most = 0

    def ask(self):
        if self.asked > self.taken and not self.taken:
            return None  # how many there are is said by the first
        if self.known and self.asked >= self.total:
            return None
        number = self.asked
        self.asked += 1
        self.most = max(self.most, self.asked - self.taken)

        def flow():
            response = yield Request(method="GET", path=f"/page/{number}", operation="products.list")
            return number, response.content

        return flow()

    def take(self, result):
        number, content = result
        assert number == self.taken
        self.taken += 1
        self.done = self.taken >= self.total
        return [content]


def answering(reply, delay=SLOW):
    return lambda seen: reply(body=seen.target.encode(), delay=delay)


def expected(count):
    return [f"/page/{number}".encode() for number in range(count)]


@pytest.mark.parametrize("depth", [0, 1, 3, 8])
@pytest.mark.parametrize("total", [0, 1, 2, 9])
def test_pages_come_in_order_and_once(bench, reply, depth, total):
    server = bench.serve(answering(reply))
    walk = Pages(total)
    assert bench.ahead(bench.open(server), walk, depth) == expected(total)
    assert len(server.requests) == total
    assert walk.most <= depth + 1


def test_the_first_page_costs_one_request(bench, reply):
    server = bench.serve(answering(reply))
    assert bench.ahead(bench.open(server), Pages(50), 8, take=1) == expected(1)
    assert len(server.requests) == 1


def test_at_most_depth_and_one_pages_are_held(bench, reply):
    server = bench.serve(answering(reply))
    walk = Pages(20)
    held = []
    bench.ahead(bench.open(server), walk, 3, each=lambda _: held.append(walk.asked - walk.taken + 1))
    assert max(held) == 4


def test_reading_ahead_overlaps_the_waits(bench, reply):
    server = bench.serve(answering(reply))
    session = bench.open(server)
    started = time.perf_counter()
    bench.ahead(session, Pages(21), 0)
    alone = time.perf_counter() - started
    started = time.perf_counter()
    bench.ahead(session, Pages(21), 5)
    assert time.perf_counter() - started < alone / 2


def test_without_latency_no_thread_or_task_is_made(bench, reply):
    server = bench.serve(answering(reply, delay=0))
    session = bench.open(server)
    bench.run(session, iter_one())
    before = server.connections
    most = []
    walk = Pages(30)
    bench.ahead(session, walk, 4, each=lambda _: most.append(walk.asked - walk.taken))
    assert max(most) <= 4
    assert sorted(most)[len(most) // 2] == 0
    assert before == 1


def iter_one():
    return (yield Request(method="GET", path="/warm", operation="x"))


def test_the_walk_alone_decides_when_it_ends(bench, reply):
    """Reading ahead of an end that nobody knows asks for pages in vain; they are let go."""
    gate = threading.Event()

    def script(seen):
        beyond = int(seen.target.rpartition("/")[2]) >= 5
        return reply(gate=gate) if beyond else reply(body=seen.target.encode(), delay=SLOW)

    server = bench.serve(script)
    started = time.monotonic()
    assert bench.ahead(
        bench.open(server, timeout=60, clock=SystemClock()), Pages(5, known=False), 3
    ) == expected(5)
    assert time.monotonic() - started < 2
    gate.set()


def test_an_error_comes_at_its_page(bench, reply):
    def script(seen):
        return reply(500 if seen.target == "/page/6" else 200, body=seen.target.encode(), delay=SLOW)

    server = bench.serve(script)
    session = bench.open(server, retry=RetryPolicy(max_retries=0))
    seen = []
    with pytest.raises(ServerError):
        bench.ahead(session, Pages(30), 4, each=seen.append)
    assert seen == expected(6)
    assert len(server.requests) <= 6 + 1 + 4


def test_breaking_off_is_prompt_and_leaves_nothing(bench, reply):
    gate = threading.Event()

    def script(seen):
        return reply(gate=gate) if seen.target == "/page/3" else reply(body=seen.target.encode(), delay=SLOW)

    server = bench.serve(script)
    session = bench.open(server, timeout=60, clock=SystemClock())
    started = time.monotonic()
    assert bench.ahead(session, Pages(30), 4, take=2) == expected(2)
    assert time.monotonic() - started < 2
    gate.set()
    assert bench.run(session, iter_one()).status == 200


def test_a_walk_with_nothing_to_ask_ends(bench, reply):
    class Empty:
        done = False

        def ask(self):
            return None

        def take(self, result):
            raise AssertionError

    assert bench.ahead(bench.open(bench.serve([])), Empty(), 4) == []


# --- the pace, which knows no clock


def test_depth_nought_never_reads_ahead():
    pace = Pace(0)
    pace.alone(1.0, 0.0)
    assert not pace.worth


def test_computing_is_not_waiting():
    pace = Pace(4)
    pace.alone(0.100, 0.099)
    assert not pace.worth


def test_the_first_page_decides_and_later_two_in_a_row():
    pace = Pace(4)
    pace.alone(0.050, 0.001)
    assert pace.worth
    pace = Pace(4)
    for wall in (0.001, 0.050, 0.001, 0.050):
        pace.alone(wall, 0.0)
        assert not pace.worth
    pace.alone(0.050, 0.0)
    assert pace.worth


def test_what_does_not_help_is_turned_off_for_good():
    pace = Pace(2)
    pace.alone(0.050, 0.0)
    for _ in range(4):
        pace.together(0.049)
    assert not pace.worth
    pace.alone(0.050, 0.0)
    assert not pace.worth


def test_what_helps_stays_on():
    pace = Pace(2)
    pace.alone(0.050, 0.0)
    for _ in range(40):
        pace.together(0.026)
    assert pace.worth

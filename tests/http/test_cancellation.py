"""Cancelling a call at any moment harms neither the pool nor anybody else."""

import asyncio
import gc
import random
import socket
import threading

import httpx
import pytest

from bulkeditor.errors import BulkEditorError, TransportError
from bulkeditor.http import AsyncSession, Request, RetryPolicy, SessionConfig

POOL = 3


def get(path="/x"):
    def flow():
        return (yield Request(method="GET", path=path, operation="products.list"))

    return flow()


@pytest.fixture
def server(bench_servers, reply):
    """Answers in three pieces, so that there are several moments between them."""
    return bench_servers(lambda _: reply(body=b"x" * 300, drip=(200, 0.0)))


@pytest.fixture
def bench_servers(request):
    made = []

    def serve(script):
        from_conftest = request.getfixturevalue("server_class")
        made.append(from_conftest(script))
        return made[-1]

    yield serve
    for one in made:
        one.close()


async def serves(session, calls=POOL * 2):
    """As many calls at once as there are places, twice over: a lost place would make one wait for ever."""
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(session.run(get()) for _ in range(calls)))
    assert [answer.status for answer in answers] == [200] * calls


def settings(server, **more):
    return SessionConfig(base_url=server.url, max_connections=POOL, retry=RetryPolicy(max_retries=0), **more)


async def reached(server, count):
    """So many requests have come in."""
    while len(server.requests) < count:  # noqa: ASYNC110 - the server lives in other threads
        await asyncio.sleep(0.001)


async def quiet():
    """No task but this one is left."""
    for _ in range(200):
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if not left:
            await asyncio.sleep(0)  # callbacks of the last one
            return
        await asyncio.wait(left, timeout=0.05)
    raise AssertionError(f"tasks left: {left}")


def test_480_cancellations_at_every_step_poison_nothing(server):
    """After k turns of the loop, for every k that a call lives, cold and warm, alone and in company."""

    async def main():
        cancelled = completed = round_ = 0
        async with AsyncSession(settings(server)) as session:
            while cancelled < 480:
                round_ += 1
                # Co-prime, so that each moment meets each circumstance.
                turns, cold = round_ % 31, round_ % 7 == 0
                company = [asyncio.ensure_future(session.run(get())) for _ in range(round_ % 3)]
                if cold:
                    # A cold pool now and then, so that connecting is cut as well.
                    await session._pipe.client._transport.aclose()
                task = asyncio.ensure_future(session.run(get()))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    await task
                    completed += 1
                except asyncio.CancelledError:
                    cancelled += 1
                for one in company:
                    try:
                        await one
                    except BulkEditorError:
                        assert cold
                if round_ % 20 == 19:
                    await serves(session)
            await serves(session)
            await quiet()
            assert session._pipe.gate._value == POOL
        await quiet()
        return cancelled, completed

    _, completed = asyncio.run(main())
    assert completed > 0, "every call was cut short: the last moments of a call were never tried"
    gc.collect()


def test_480_random_cancellations_of_crowds_poison_nothing(server):
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - to repeat a failure
    rng = random.Random(seed)

    async def main():
        async with AsyncSession(settings(server)) as session:
            for _ in range(60):
                tasks = [asyncio.ensure_future(session.run(get())) for _ in range(8)]
                for task in rng.sample(tasks, 8):
                    for _ in range(rng.randrange(12)):
                        await asyncio.sleep(0)
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            await serves(session)
            await quiet()
            assert session._pipe.gate._value == POOL
            assert len(session._pipe.client._transport._pool.connections) <= POOL

    asyncio.run(main())
    gc.collect()


def test_a_cancelled_call_frees_its_place_at_once_even_when_the_server_is_silent(bench_servers, reply):
    silent = threading.Event()
    server = bench_servers(lambda seen: reply(gate=silent) if seen.target == "/silent" else reply())

    async def main():
        async with AsyncSession(settings(server, timeout=60)) as session:
            tasks = [asyncio.ensure_future(session.run(get("/silent"))) for _ in range(POOL)]
            await reached(server, POOL)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await serves(session)

    asyncio.run(main())
    silent.set()


def test_cancelling_is_prompt_while_waiting_for_a_place(bench_servers, reply):
    silent = threading.Event()
    server = bench_servers(lambda seen: reply(gate=silent))

    async def main():
        async with AsyncSession(settings(server, timeout=60)) as session:
            tasks = [asyncio.ensure_future(session.run(get())) for _ in range(POOL + 2)]
            await reached(server, POOL)
            async with asyncio.timeout(1):
                tasks[-1].cancel()
                with pytest.raises(asyncio.CancelledError):
                    await tasks[-1]
            silent.set()
            await asyncio.gather(*tasks[:-1])
            await serves(session)

    asyncio.run(main())


def test_closing_ends_the_calls_under_way(bench_servers, reply):
    silent = threading.Event()
    server = bench_servers(lambda seen: reply(gate=silent))

    async def main():
        session = AsyncSession(settings(server, timeout=60))
        task = asyncio.ensure_future(session.run(get()))
        await reached(server, 1)
        async with asyncio.timeout(0.7):  # well below the grace given to what cannot be interrupted
            await session.aclose()
            with pytest.raises(TransportError):
                await task
        await quiet()

    asyncio.run(main())
    silent.set()
    gc.collect()


def test_closing_ends_calls_in_a_transport_of_the_callers_too():
    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            await asyncio.Event().wait()

    async def main():
        session = AsyncSession(SessionConfig(base_url="http://x", transport=Hanging()))
        task = asyncio.ensure_future(session.run(get()))
        await asyncio.sleep(0.01)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bulkeditor.http._async_pipe._GRACE", 0.05)
            await session.aclose()
        with pytest.raises(TransportError):
            await task
        await quiet()

    asyncio.run(main())


def test_a_response_that_comes_after_the_cancellation_is_closed():
    """Over a transport of the caller's, which nobody can interrupt."""
    closed = []

    class Stream(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b"x"

        async def aclose(self):
            closed.append(True)

    async def main():
        go = asyncio.Event()

        class Slow(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request):
                await go.wait()
                return httpx.Response(200, stream=Stream())

        async with AsyncSession(SessionConfig(base_url="http://x", transport=Slow())) as session:
            task = asyncio.ensure_future(session.run(get()))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go.set()
            await quiet()

    asyncio.run(main())
    assert closed == [True]


def test_the_flow_of_a_cancelled_call_is_closed(server):
    async def main():
        async with AsyncSession(settings(server)) as session:
            for turns in range(12):
                flow = get()
                task = asyncio.ensure_future(session.run(flow))
                for _ in range(turns + 1):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert flow.gi_frame is None

    asyncio.run(main())


def test_a_cancelled_spooled_body_leaves_no_file(bench_servers, reply):
    server = bench_servers(lambda _: reply(body=b"x" * 3_000_000))

    def spooled():
        def flow():
            return (yield Request(method="GET", path="/", operation="x", spool=True))

        return flow()

    async def main():
        async with AsyncSession(settings(server)) as session:
            for turns in range(0, 60, 3):
                task = asyncio.ensure_future(session.run(spooled()))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                [result] = await asyncio.gather(task, return_exceptions=True)
                if not isinstance(result, BaseException):
                    result.file.close()
            await quiet()

    asyncio.run(main())
    gc.collect()  # a file left open warns here, and warnings are errors


def test_tls_handshakes_that_hang_are_let_go():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        async def main():
            config = SessionConfig(
                base_url=f"https://127.0.0.1:{port}",
                max_connections=1,
                retry=RetryPolicy(max_retries=0),
                timeout=60,
            )
            async with AsyncSession(config) as session:
                for _ in range(3):
                    task = asyncio.ensure_future(session.run(get()))
                    await asyncio.sleep(0.05)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    await quiet()
                    assert session._pipe.gate._value == 1

        asyncio.run(main())
    gc.collect()

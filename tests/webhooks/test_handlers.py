"""Handlers as strangers write them: what they raise, what they are, what they are called for."""

import asyncio
import functools
import logging
import threading

import pytest

import bulkeditor as be
from bulkeditor.errors import InvalidInputError, LeaseLostError
from tests.webhooks.conftest import COMPLETED, Seen, stock


class UnspeakableError(Exception):
    def __str__(self):
        raise ValueError


def raises(error):
    def handle(event):
        raise error

    return handle


async def exits(event):
    raise SystemExit(3)


async def cancels_itself(event):
    asyncio.current_task().cancel()
    await asyncio.sleep(0)


async def is_cancelled(event):
    raise asyncio.CancelledError


@pytest.mark.parametrize("tasks", [True, False], ids=["tasks", "threads"])
@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (raises(StopIteration()), "StopIteration"),
        (raises(StopAsyncIteration("over")), "StopAsyncIteration: over"),
        (raises(SystemExit(1)), "SystemExit: 1"),
        (raises(KeyboardInterrupt()), "KeyboardInterrupt"),
        (raises(GeneratorExit()), "GeneratorExit"),
        (raises(asyncio.CancelledError()), "CancelledError"),
        (raises(UnspeakableError()), "UnspeakableError: (its text cannot be had: ValueError)"),
        (raises(LeaseLostError("of an engine")), "LeaseLostError: of an engine"),
        (exits, "SystemExit: 3"),
        (cancels_itself, "CancelledError: It was cancelled."),
        (is_cancelled, "CancelledError: It was cancelled."),
    ],
)
def test_whatever_a_handler_raises_is_a_failure_and_the_worker_goes_on(
    make_receiver, deliver, handler, told, tasks
):
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=1, base_delay=0), poll=0.01)
    seen = Seen()
    receiver.on("bulk_job.completed", name="wild")(handler)
    receiver.on("inventory.updated", name="tame")(seen.add)

    def deliver_both():
        for payload in (COMPLETED, stock("a", 1, at=0)):
            assert deliver(receiver, payload).status == 202
        seen.wait(1)
        while receiver.counts()["pending"]:
            threading.Event().wait(0.01)

    async def main():
        async with receiver.lifespan(), asyncio.timeout(20):
            await asyncio.to_thread(deliver_both)

    if tasks:
        asyncio.run(main())
    else:
        receiver.start()
        deliver_both()
        assert receiver.stop()
    [letter] = receiver.dead_letters()
    assert letter.failures == 2
    assert letter.error.startswith(told)


def test_in_the_main_thread_the_program_may_be_asked_to_end(make_receiver, deliver, clock):
    """By a signal's handler, which calls sys.exit(): that is no failure of the handler it interrupts."""
    receiver = make_receiver()
    receiver.on("*", name="handle")(raises(SystemExit()))
    deliver(receiver, COMPLETED)
    with pytest.raises(SystemExit):
        receiver.process_pending()
    assert [entry.failures for entry in receiver.events("pending")] == [0]


class Called:
    """An object that is a handler."""

    def __init__(self):
        self.events = []

    async def __call__(self, event):
        await asyncio.sleep(0)
        self.events.append(event.id)


@pytest.mark.parametrize("shape", ["object", "around", "partial", "wrapped"])
@pytest.mark.parametrize("tasks", [True, False], ids=["tasks", "threads"])
def test_what_is_to_be_awaited_is_awaited(receiver, deliver, shape, tasks):
    """An event whose coroutine was made and never run would be lost."""
    called = Called()

    async def handle(event):
        await called(event)

    @functools.wraps(handle)
    def wrapped(event):
        return asyncio.run(handle(event))  # around a coroutine function, but none

    def around(event):
        return handle(event)

    handlers = {
        "object": called,
        "around": around,
        "partial": functools.partial(handle),
        "wrapped": wrapped,
    }
    receiver.on("*", name="handle")(handlers[shape])
    receipt = deliver(receiver, COMPLETED)
    taken = asyncio.run(receiver.process_pending_async()) if tasks else receiver.process_pending()
    assert (taken, called.events) == (1, [receipt.event.id])


def test_a_generator_is_no_handler(receiver):
    def generator(event):
        yield

    async def generating(event):
        yield

    for handler in (generator, generating):
        with pytest.raises(InvalidInputError, match="generator"):
            receiver.on("*")(handler)


def test_within_the_transaction_nothing_can_be_awaited(make_receiver, deliver):
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=0))

    async def handle(event, tx):
        pass

    @receiver.on("*")
    def around(event, tx):
        return handle(event, tx)

    deliver(receiver, COMPLETED)
    receiver.process_pending()
    assert ["coroutine" in letter.error for letter in receiver.dead_letters()] == [True]

    class Object:
        async def __call__(self, event, tx):
            pass

    with pytest.raises(InvalidInputError, match="coroutine"):
        receiver.on("*")(Object())


def test_a_function_that_is_registered_twice_is_called_once(receiver, deliver):
    calls = []

    @receiver.on("bulk_job.*", "bulk_job.completed")
    @receiver.on("*")
    def handle(event):
        calls.append("handle")

    for name in "ab":
        # One name, two functions: both are called.
        receiver.on("*" if name == "a" else "bulk_job.*", name="other")(
            lambda event, name=name: calls.append(name)
        )
    deliver(receiver, COMPLETED)
    receiver.process_pending()
    assert calls == ["handle", "a", "b"]


def test_a_receiver_without_handlers_takes_nothing(make_receiver, deliver):
    """One that only receives, and was not told so: its events are for those who have handlers."""
    receiver = make_receiver(poll=0.01)
    deliver(receiver, COMPLETED)
    assert receiver.process_pending() == 0
    assert receiver.counts()["pending"] == 1
    receiver.start()
    seen = Seen()
    receiver.on("*", name="late")(seen.add)
    seen.wait(1)
    assert receiver.stop()


# ---- order, handler by handler ----


@pytest.fixture
def pair(make_receiver):
    """A receiver with two handlers of which one can be told to fail, and what they were called for."""
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=0))
    calls = []
    failing = {"second"}

    def handler(name):
        def handle(event):
            if name in failing:
                raise RuntimeError(name)
            calls.append((name, event.data.on_hand))

        return handle

    for name in ("first", "second"):
        receiver.on("*", name=name)(handler(name))
    receiver.on_stale(handler("stale"))
    return receiver, calls, failing


def handle_all(receiver, deliver, *numbers):
    for on_hand in numbers:
        deliver(receiver, stock("a", on_hand, at=on_hand))
        receiver.process_pending()


def test_a_replay_calls_what_failed_of_each_dead_letter_in_order(pair, deliver):
    receiver, calls, failing = pair
    handle_all(receiver, deliver, 1, 2)
    assert calls == [("first", 1), ("first", 2)]
    failing.clear()
    for letter in reversed(list(receiver.dead_letters())):
        receiver.replay(letter.id)
    receiver.process_pending()
    assert calls[2:] == [("second", 1), ("second", 2)]
    assert receiver.counts()["done"] == 2


def test_no_handler_is_given_an_older_event_than_it_is_done_with(pair, deliver):
    receiver, calls, failing = pair
    handle_all(receiver, deliver, 3)
    failing.clear()
    handle_all(receiver, deliver, 1)
    assert calls == [("first", 3), ("second", 1)]
    failing.add("first")
    [letter] = receiver.dead_letters()
    receiver.replay(letter.id)
    receiver.process_pending()
    assert calls[2:] == [("second", 3)], "the first was done with it"


def test_what_is_too_late_for_each_handler_is_stale(pair, deliver):
    receiver, calls, failing = pair
    handle_all(receiver, deliver, 3)
    failing.clear()
    failing.add("first")
    [letter] = receiver.dead_letters()
    handle_all(receiver, deliver, 4)  # the first fails before the second is called
    assert [letter.event.data.on_hand for letter in receiver.dead_letters()] == [3, 4]
    failing.clear()
    receiver.replay(letter.id)
    receiver.process_pending()
    receiver.replay(next(receiver.dead_letters()).id)
    receiver.process_pending()
    handle_all(receiver, deliver, 1)
    assert calls == [("first", 3), ("second", 3), ("first", 4), ("second", 4), ("stale", 1)]


def test_one_function_may_handle_events_and_stale_ones(make_receiver, deliver):
    """The inbox notes of each which handlers are done; here they have one name."""
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=0))
    calls, failing = [], [True]

    def handle(event):
        calls.append(event.data.on_hand)

    receiver.on("*")(handle)
    receiver.on_stale(handle)

    @receiver.on_stale
    def fails(event):
        if failing:
            raise RuntimeError

    handle_all(receiver, deliver, 2, 1)
    [letter] = receiver.dead_letters()
    receiver.replay(letter.id, even_if_stale=True)
    receiver.process_pending()
    assert calls == [2, 1, 1]


# ---- what is logged ----


def test_a_failure_is_one_line_and_a_dead_letter_shows_where(make_receiver, deliver, caplog):
    caplog.set_level(logging.INFO, "bulkeditor.webhooks")
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=2, base_delay=0))
    receiver.on("*", name="handle")(raises(RuntimeError("first line\nsecond line")))
    receipt = deliver(receiver, COMPLETED)
    receiver.process_pending()
    *failures, last = caplog.records
    assert len(failures) == 2
    for record in failures:
        line = record.getMessage()
        assert receipt.event.id in line
        assert "RuntimeError: first line second line (test_handlers.py:" in line
        assert record.exc_info is None
        assert "\n" not in line
    assert "dead letter: RuntimeError: first line" in last.getMessage()
    assert "in handle" in logging.Formatter().format(last)

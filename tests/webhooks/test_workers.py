"""Workers that live long: leases, lost workers, interruptions, a database that goes away, stopping."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import bulkeditor as be
from bulkeditor import webhooks
from bulkeditor.errors import StoreError
from bulkeditor.webhooks._drive import Bell
from tests.webhooks.conftest import COMPLETED, SECRET, Seen, stock

LEASE = 0.4


@pytest.fixture
def real_inbox(kind, tmp_path, request):
    """Opens the one inbox of the test, by the real clock: leases run out by themselves."""
    if kind == "sqlite":
        return lambda: webhooks.SQLiteInbox(tmp_path / "inbox.db")
    url = request.getfixturevalue("postgres_url")
    return lambda: webhooks.PostgresInbox(url)


def test_the_lease_of_a_slow_handler_is_renewed(make_receiver, real_inbox, deliver):
    slow = make_receiver(store=real_inbox(), lease=LEASE)
    other = make_receiver(store=real_inbox(), lease=LEASE)
    began, release = threading.Event(), threading.Event()
    handled = []

    @slow.on("*")
    def handle(event):
        began.set()
        assert release.wait(20)
        handled.append("slow")

    other.on("*", name="other")(lambda event: handled.append("other"))
    deliver(slow, COMPLETED)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(slow.process_pending)
        assert began.wait(20)
        end = time.monotonic() + 3 * LEASE
        while time.monotonic() < end:
            assert other.process_pending() == 0, "somebody took over although the lease was renewed"
        release.set()
        assert working.result() == 1
    assert handled == ["slow"]
    assert other.process_pending() == 0


def test_a_worker_that_lost_its_lease_leaves_the_event_to_whoever_took_it(
    make_receiver, open_inbox, deliver, clock
):
    """As after a laptop was asleep: the handler goes on, but its end does not count."""
    first, second = make_receiver(store=open_inbox()), make_receiver(store=open_inbox())
    effects = []

    @first.on("*")
    def asleep(event):
        clock.advance(31)
        assert second.process_pending() == 1

    second.on("*", name="second")(lambda event: effects.append(event.id))
    receipt = deliver(first, COMPLETED)
    assert first.process_pending() == 1
    assert effects == [receipt.event.id]
    assert first.counts()["done"] == 1


def test_an_event_that_kills_its_worker_again_and_again_is_given_up(
    make_receiver, open_inbox, deliver, clock
):
    receiver = make_receiver(store=(store := open_inbox()))
    handled = []
    receiver.on("*", name="handle")(lambda event: handled.append(event.id))
    deliver(receiver, COMPLETED)
    for _ in range(20):
        assert store.claim(30)  # and then the process dies
        clock.advance(31)
    deliver(receiver, stock("p1", 1, at=0))
    receiver.process_pending()
    [letter] = receiver.dead_letters()
    assert "died 20 times" in letter.error
    assert len(handled) == 1, "the others go on"


def test_an_interruption_is_no_failure(make_receiver, deliver, clock):
    receiver = make_receiver()
    calls = []

    @receiver.on("*")
    def handle(event):
        calls.append(event.id)
        if len(calls) == 1:
            raise KeyboardInterrupt

    deliver(receiver, COMPLETED)
    with pytest.raises(KeyboardInterrupt):
        receiver.process_pending()
    assert receiver.process_pending() == 0, "until the lease has run out"
    clock.advance(31)
    receiver.process_pending()
    assert len(calls) == 2
    assert [entry.failures for entry in receiver.events("done")] == [0]


def test_what_is_due_and_held_is_not_asked_for_all_the_time(make_receiver, postgres_url, deliver):
    """A transaction that outlives its lease: its lane is due, and locked."""
    receiver = make_receiver(store=(store := webhooks.PostgresInbox(postgres_url)), lease=0.05, workers=2)
    asked, ask = [], store.next_due
    began, release = threading.Event(), threading.Event()
    store.next_due = lambda: (asked.append(1), ask())[1]

    @receiver.on("*")
    def handle(event, tx):
        began.set()
        assert release.wait(20)

    deliver(receiver, COMPLETED)
    receiver.start()
    assert began.wait(20)
    before = len(asked)
    threading.Event().wait(1)
    release.set()
    assert receiver.stop()
    assert len(asked) - before < 40
    assert receiver.counts()["done"] == 1


class Flaky:
    """Any inbox, but it is away as long as ``away`` is set."""

    def __init__(self, store):
        self._store = store
        self.away = False
        self.refused = threading.Event()

    def __getattr__(self, name):
        call = getattr(self._store, name)

        def attempt(*args, **options):
            if self.away and name != "close":
                self.refused.set()
                raise StoreError("The database is away.")
            return call(*args, **options)

        return attempt


def test_workers_outlive_a_database_that_goes_away(make_receiver, open_inbox, deliver):
    store = Flaky(open_inbox())
    receiver = make_receiver(store=store, poll=0.01)
    handled = threading.Event()
    receiver.on("*", name="handle")(lambda event: handled.set())
    store.away = True
    receiver.start()
    assert store.refused.wait(20)
    assert deliver(receiver, COMPLETED).status == 503
    store.away = False
    assert deliver(receiver, COMPLETED).status == 202
    assert handled.wait(20)
    assert receiver.stop()


def test_a_handler_that_never_ends_is_cancelled_and_its_event_waits(make_receiver, deliver):
    receiver = make_receiver()
    began, tasks = asyncio.Event(), []

    @receiver.on("*")
    async def handle(event):
        tasks.append(asyncio.current_task())
        began.set()
        await asyncio.Event().wait()

    async def main():
        deliver(receiver, COMPLETED)
        async with receiver.lifespan(), asyncio.timeout(20):
            await began.wait()
            assert await receiver.stop_async(timeout=0.01) is False
        assert tasks[0].cancelled()

    asyncio.run(main())
    assert receiver.counts()["pending"] == 1


def test_a_ring_between_looking_and_waiting_is_not_missed():
    """Else an event that comes at that moment would wait for the next look, a second later."""
    bell = Bell()
    seen = bell.count
    bell.ring()
    begin = time.monotonic()
    bell.wait(seen, 60)
    asyncio.run(bell.wait_async(seen, 60))
    assert time.monotonic() - begin < 20


def test_starting_twice_starts_once_and_stopping_ends_all(make_receiver, deliver):
    receiver = make_receiver(workers=3)
    before = threading.active_count()
    with receiver:
        receiver.start()
        assert threading.active_count() == before + 3
        handled = threading.Event()
        receiver.on("*", name="handle")(lambda event: handled.set())
        deliver(receiver, COMPLETED)
        assert handled.wait(20)
    assert threading.active_count() == before


def test_threads_and_tasks_are_never_both(make_receiver):
    receiver = make_receiver()

    async def main():
        receiver.start()
        await receiver.start_async()
        assert len(asyncio.all_tasks()) == 1
        assert receiver.stop()
        await receiver.start_async()
        receiver.start()
        assert len(asyncio.all_tasks()) == 2
        assert await receiver.stop_async()

    before = threading.active_count()
    asyncio.run(main())
    assert threading.active_count() == before


def test_several_workers_handle_several_entities_at_once(make_receiver, deliver):
    receiver = make_receiver(workers=2)
    both = threading.Barrier(2, timeout=20)
    seen = Seen()

    @receiver.on("inventory.updated")
    def handle(event):
        if event.data.on_hand == 1:
            both.wait()  # needs another one at the same time
        seen.add((event.data.product_id, event.data.on_hand))

    for on_hand in (1, 2):
        for product in ("a", "b"):
            deliver(receiver, stock(product, on_hand, at=on_hand))
    receiver.start()
    seen.wait(4)
    assert receiver.stop()
    for product in ("a", "b"):
        assert [on_hand for name, on_hand in seen if name == product] == [1, 2]


def test_the_retry_policy_of_the_documentation_is_taken_as_it_stands(make_receiver, deliver):
    """Delays in milliseconds, as in the documented JSON."""
    policy = be.RetryPolicy.from_config({"max_retries": 1, "backoff_strategy": "fixed", "base_delay": 0})
    receiver = make_receiver(retry=policy)

    @receiver.on("*")
    def handle(event):
        raise RuntimeError

    deliver(receiver, COMPLETED)
    assert receiver.process_pending() == 2
    assert [letter.failures for letter in receiver.dead_letters()] == [2]
    assert SECRET not in repr(list(receiver.dead_letters()))

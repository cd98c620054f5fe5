"""The receiver without HTTP: what is stored, who handles it, in which order, and what failing means."""

import asyncio
import itertools
import re
import sqlite3

import psycopg
import pytest

import bulkeditor as be
from bulkeditor import webhooks
from bulkeditor.errors import ConfigurationError, InvalidInputError
from tests.webhooks.conftest import COMPLETED, SECRET, encode, headers_for, stock

# ---- receiving ----


def test_each_outcome_has_a_status_of_its_own(make_receiver, deliver):
    receiver = make_receiver(max_body=1000)
    assert deliver(receiver, COMPLETED).status == 202
    assert deliver(receiver, COMPLETED).status == 200
    body = encode(COMPLETED)
    assert receiver.receive(body, headers_for(body, secret="forged")).status == 401
    assert deliver(receiver, b"no json").status == 400
    assert deliver(receiver, b" " * 1001).status == 413
    assert receiver.counts() == {"pending": 1, "done": 0, "stale": 0, "dead": 0}


@pytest.mark.parametrize(
    "store", ["/dev/null/inbox.db", "postgresql:///nothing?host=/dev/null"], ids=["sqlite", "postgres"]
)
def test_an_inbox_that_cannot_store_is_no_success(store, deliver, clock):
    receiver = webhooks.Receiver(secrets=[SECRET], store=store, clock=clock)
    receipt = deliver(receiver, COMPLETED)
    assert (receipt.status, receipt.ok) == (503, False)


def test_a_delivery_whose_identity_was_taken_off_is_recognised(receiver, deliver):
    assert deliver(receiver, COMPLETED, msg_id="msg_1").status == 202
    assert deliver(receiver, COMPLETED).status == 200
    # Two ids are two events for their sender, whatever they say.
    assert deliver(receiver, COMPLETED, msg_id="msg_2").status == 202


def test_a_delivery_that_came_without_its_identity_first_is_recognised(receiver, deliver):
    assert deliver(receiver, COMPLETED).status == 202
    assert deliver(receiver, COMPLETED, msg_id="msg_1").status == 200


def test_where_secrets_cannot_be_had_the_sender_comes_again(tmp_path, clock, deliver):
    def vault():
        raise ConnectionError("away")

    with webhooks.Receiver(secrets=vault, store=tmp_path / "inbox.db", clock=clock, workers=0) as receiver:
        receipt = deliver(receiver, COMPLETED)
    assert (receipt.status, receipt.ok, type(receipt.error)) == (503, False, ConnectionError)


def test_secrets_may_be_asked_for_at_each_delivery(tmp_path, clock):
    secrets = ["before"]
    with webhooks.Receiver(
        secrets=lambda: secrets, store=tmp_path / "inbox.db", clock=clock, workers=0
    ) as receiver:
        body = encode(COMPLETED)
        assert receiver.receive(body, headers_for(body, secret="after")).status == 401
        secrets.append("after")
        assert receiver.receive(body, headers_for(body, secret="after")).status == 202


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"secrets": []}, "secret"),
        ({"secrets": ""}, "secret"),
        ({"secrets": None}, "secret"),
        ({"retention": 60}, "retention"),
        ({"lease": 0}, "lease"),
        ({"max_body": -1}, "max_body"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message, tmp_path):
    with pytest.raises(ConfigurationError, match=message):
        webhooks.Receiver(**{"secrets": "s", "store": tmp_path / "inbox.db", **options})


# ---- handlers ----


def test_handlers_are_chosen_by_name_family_class_or_all(receiver, deliver):
    seen = []

    @receiver.on("bulk_job.completed")
    def by_name(event):
        seen.append(("name", event.data.job_id))

    @receiver.on("bulk_job.*")
    async def by_family(event):
        await asyncio.sleep(0)
        seen.append(("family", event.data.job_id))

    @receiver.on(webhooks.BulkJobCompleted, webhooks.BulkJobFailed)
    def by_class(event):
        seen.append(("class", event.data.job_id))

    @receiver.on("*")
    def for_all(event):
        seen.append(("all", event.name))

    @receiver.on("product.updated")
    def other(event):
        seen.append(("other", event.id))

    deliver(receiver, COMPLETED)
    deliver(receiver, {**COMPLETED, "event": "order.paid"})
    assert receiver.process_pending() == 2
    assert seen == [
        ("name", "job_123"),
        ("family", "job_123"),
        ("class", "job_123"),
        ("all", "bulk_job.completed"),
        ("all", "order.paid"),
    ]
    assert receiver.process_pending() == 0


def test_in_an_event_loop_handlers_are_awaited_there(receiver, deliver):
    loops = []

    @receiver.on("*")
    async def handle(event):
        loops.append(asyncio.get_running_loop())

    async def main():
        with pytest.raises(ConfigurationError, match="process_pending_async"):
            receiver.process_pending()
        body = encode(COMPLETED)
        assert (await receiver.receive_async(body, headers_for(body))).status == 202
        assert await receiver.process_pending_async() == 1
        assert loops == [asyncio.get_running_loop()]

    asyncio.run(main())


@pytest.mark.parametrize("name", ["product.update", "inventory.updatd", "products.*"])
def test_a_misspelt_event_is_refused(receiver, name):
    with pytest.raises(InvalidInputError, match=r"No event begins|Did you mean"):
        receiver.on(name)(print)


def test_handlers_have_names_of_their_own(receiver):
    receiver.on("*", name="one")(lambda event: None)
    receiver.on("*", name="two")(lambda event: None)
    with pytest.raises(InvalidInputError, match="already"):
        receiver.on("*", name="one")(lambda event: None)


def test_only_plain_functions_share_the_transaction(receiver):
    with pytest.raises(InvalidInputError, match="coroutine"):

        @receiver.on("*")
        async def handle(event, tx):
            pass


# ---- failing ----


def fail(*, times):
    """A handler that fails so often, and then notes the events."""
    seen = []

    def handle(event):
        handle.calls += 1
        if handle.calls <= times:
            raise RuntimeError(f"attempt {handle.calls}")
        seen.append(event)

    handle.calls = 0
    handle.seen = seen
    return handle


def test_a_failure_is_tried_again_after_growing_waits(make_receiver, deliver, clock):
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=3, base_delay=1000, max_delay=60_000))
    handle = fail(times=3)
    receiver.on("*", name="handle")(handle)
    deliver(receiver, COMPLETED)
    due = []  # seconds after the first attempt
    start = clock.now
    while not handle.seen:
        if receiver.process_pending():
            due.append((clock.now - start).total_seconds())
        clock.advance(0.125)
        assert len(due) < 9
    # Each wait is a random part of its bound, at least half of it: of 1, 2 and 4 seconds.
    gaps = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert [0.5 <= gap <= 1.125 for gap in gaps[:1]] == [True]
    assert [1 <= gap <= 2.125 for gap in gaps[1:2]] == [True]
    assert [2 <= gap <= 4.125 for gap in gaps[2:]] == [True]
    assert not list(receiver.dead_letters())


def test_an_event_that_fails_too_often_is_a_dead_letter_and_can_be_replayed(make_receiver, deliver):
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=2, base_delay=0))
    handle = fail(times=3)
    receiver.on("*", name="handle")(handle)
    receipt = deliver(receiver, COMPLETED)
    assert receiver.process_pending() == 3
    [letter] = receiver.dead_letters()
    assert (letter.id, letter.status, letter.failures) == (receipt.event.id, "dead", 3)
    assert letter.error == "RuntimeError: attempt 3"
    assert letter.event == receipt.event
    assert deliver(receiver, COMPLETED).status == 200, "it is there, so the sender need not come again"
    receiver.replay(letter.id)
    assert receiver.process_pending() == 1
    assert handle.seen == [receipt.event]
    assert receiver.counts()["done"] == 1
    for unknown in ("nonsense", "\x00"):
        with pytest.raises(InvalidInputError, match="no event"):
            receiver.replay(unknown)


def test_a_retry_calls_only_the_handlers_that_are_not_done(make_receiver, deliver):
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=1, base_delay=0))
    calls = []
    receiver.on("*", name="first")(lambda event: calls.append("first"))
    failing = fail(times=3)
    receiver.on("*", name="second")(failing)
    receiver.on("*", name="third")(lambda event: calls.append("third"))
    receipt = deliver(receiver, COMPLETED)
    assert receiver.process_pending() == 2
    assert calls == ["first"]
    receiver.replay(receipt.event.id)
    assert receiver.process_pending() == 2
    assert calls == ["first", "third"]
    # An event that is done is handled by all of them again when somebody asks for it.
    receiver.replay(receipt.event.id)
    receiver.process_pending()
    assert calls == ["first", "third", "first", "third"]


def test_a_failing_event_holds_back_its_entity_but_no_other(make_receiver, deliver, clock):
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=1, base_delay=60_000))
    seen = []

    @receiver.on("inventory.updated")
    def handle(event):
        seen.append((event.data.product_id, event.data.on_hand))
        if event.data.on_hand == 1:
            raise RuntimeError("cannot")

    for product, on_hand in (("a", 1), ("b", 5), ("a", 2), ("a", 3)):
        deliver(receiver, stock(product, on_hand, at=on_hand))
    receiver.process_pending()
    assert seen == [("a", 1), ("b", 5)]
    clock.advance(61)
    receiver.process_pending()
    # Given up, it holds nothing back any more.
    assert seen[2:] == [("a", 1), ("a", 2), ("a", 3)]
    assert [letter.event.data.on_hand for letter in receiver.dead_letters()] == [1]


# ---- order ----


def test_events_of_one_entity_are_handled_in_the_order_of_their_versions(receiver, deliver):
    seen = []
    receiver.on("*", name="handle")(lambda event: seen.append(event.data.on_hand))
    for on_hand in (3, 1, 4, 2):
        deliver(receiver, stock("a", on_hand, at=on_hand))
    receiver.process_pending()
    assert seen == [1, 2, 3, 4]


def test_what_comes_too_late_is_stale(receiver, deliver):
    seen, late = [], []
    receiver.on("*", name="handle")(lambda event: seen.append(event.data.on_hand))
    receiver.on_stale(lambda event: late.append(event.data.on_hand))
    for on_hand in (2, 1, 3):
        deliver(receiver, stock("a", on_hand, at=on_hand))
        receiver.process_pending()
    assert (seen, late) == ([2, 3], [1])
    [stale] = receiver.events("stale")
    receiver.replay(stale.id)
    receiver.process_pending()
    assert (seen, late) == ([2, 3], [1, 1])
    receiver.replay(stale.id, even_if_stale=True)
    receiver.process_pending()
    assert seen == [2, 3, 1]
    # That one was an exception: the newest version is what it was.
    deliver(receiver, stock("a", 7, at=2))
    receiver.process_pending()
    assert late == [1, 1, 7]


def test_nothing_precedes_a_beginning_or_follows_an_end_at_the_same_time(receiver, deliver):
    seen = []
    receiver.on("*", name="handle")(lambda event: seen.append(event.name))
    receiver.on_stale(lambda event: seen.append(f"stale {event.name}"))
    at = {"timestamp": "2024-06-01T00:05:30Z", "data": {"product_id": "a"}}
    for name in ("product.deleted", "product.created", "product.updated"):
        deliver(receiver, {"event": name, **at})
    receiver.process_pending()
    assert seen == ["product.created", "product.updated", "product.deleted"]
    deliver(
        receiver,
        {"event": "product.updated", "timestamp": at["timestamp"], "data": {"product_id": "a", "n": 1}},
    )
    receiver.process_pending()
    assert seen[3:] == ["stale product.updated"]


def test_equal_versions_are_handled_in_the_order_in_which_they_came(receiver, deliver):
    seen = []
    receiver.on("*", name="handle")(lambda event: seen.append(event.data.on_hand))
    for on_hand in (5, 1, 3):
        deliver(receiver, stock("a", on_hand, at=0))
    receiver.process_pending()
    assert seen == [5, 1, 3]


# ---- the shared transaction ----


def test_an_effect_in_the_inbox_s_database_happens_exactly_once(make_receiver, deliver, kind):
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=3, base_delay=0))
    attempts = []

    @receiver.on("*")
    def handle(event, tx):
        assert isinstance(tx, sqlite3.Connection if kind == "sqlite" else psycopg.Connection)
        tx.execute("CREATE TABLE IF NOT EXISTS effects (event TEXT)")
        tx.execute(f"INSERT INTO effects VALUES ('{event.id}')")
        attempts.append(tx.execute("SELECT count(*) FROM effects").fetchone()[0])
        if len(attempts) < 3:
            raise RuntimeError("after the effect")

    deliver(receiver, COMPLETED)
    receiver.process_pending()
    assert attempts == [1, 1, 1], "each failed attempt was rolled back"
    assert receiver.counts()["done"] == 1


def ends_in_words(tx):
    tx.execute("COMMIT")


def ends_by_method(tx):
    tx.commit()


def ends_by_block(tx):
    with tx:
        tx.execute("INSERT INTO effects VALUES ('x')")


def takes_back(tx):
    tx.execute("ROLLBACK")


@pytest.mark.parametrize("ending", [ends_in_words, ends_by_method, ends_by_block, takes_back])
def test_a_handler_that_ends_the_transaction_fails(make_receiver, deliver, ending):
    receiver = make_receiver(retry=be.RetryPolicy(max_retries=0))

    @receiver.on("*")
    def handle(event, tx):
        tx.execute("CREATE TABLE effects (event TEXT)")
        ending(tx)

    deliver(receiver, COMPLETED)
    receiver.process_pending()
    [letter] = receiver.dead_letters()
    assert re.search(
        "forbidden|ended the inbox's transaction|tried to end the inbox's transaction", letter.error
    ), letter.error


# ---- keeping ----


def test_what_was_handled_is_forgotten_after_the_retention(receiver, deliver, clock):
    receiver.on("*", name="handle")(lambda event: None)
    deliver(receiver, stock("a", 1, at=0))
    receiver.process_pending()
    clock.advance(7 * 86_400 + 1)
    assert deliver(receiver, stock("b", 1, at=7 * 86_400)).status == 202
    assert receiver.prune() == 1
    assert [entry.event.data.product_id for entry in receiver.events()] == ["b"]


def test_the_inbox_survives_its_process(make_receiver, deliver, tmp_path):
    first = make_receiver()
    deliver(first, COMPLETED)
    first.close()
    second = make_receiver()
    seen = []
    second.on("*", name="handle")(seen.append)
    assert deliver(second, COMPLETED).status == 200
    second.process_pending()
    assert [event.data.job_id for event in seen] == ["job_123"]

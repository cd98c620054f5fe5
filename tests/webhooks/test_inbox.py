"""The inbox: one suite for each database. Against a model, under races, and on what is on the disk."""

import hashlib
import os
import random
import shutil
import sqlite3
import string
import threading
import time
from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from bulkeditor.errors import ConfigurationError, LeaseLostError, StoreError
from bulkeditor.webhooks import PostgresInbox, SQLiteInbox, _postgres
from bulkeditor.webhooks._inbox import Arrival
from tests.webhooks.conftest import NOW, Clock

LEASE = 30


def arrival(event_id, entity="a", *, at=0, rank=1, identified=True, body=None):
    body = body if body is not None else f"body of {event_id}".encode()
    return Arrival(
        id=event_id,
        identified=identified,
        digest=hashlib.sha256(body).hexdigest(),
        name="inventory.updated",
        entity=entity,
        version=NOW + timedelta(seconds=at),
        rank=rank,
        body=body,
        signed_by="0",
    )


@pytest.fixture
def inbox(open_inbox):
    store = open_inbox()
    yield store
    store.close()


# ---- leases ----


def test_a_lane_is_held_by_one_and_lanes_do_not_wait_for_each_other(inbox):
    for event_id, entity in (("1", "a"), ("2", "a"), ("3", "b"), ("4", None), ("5", None)):
        assert inbox.add(arrival(event_id, entity))
    claims = [inbox.claim(LEASE) for _ in range(5)]
    assert [claim and claim.id for claim in claims] == ["1", "3", "4", "5", None]
    following = inbox.finish(claims[0], "done", claim_next=LEASE)
    assert following.id == "2"


def test_what_a_dead_worker_held_is_taken_over_when_its_lease_has_run_out(inbox, clock):
    inbox.add(arrival("1"))
    lost = inbox.claim(LEASE)
    clock.advance(LEASE - 1)
    assert inbox.claim(LEASE) is None
    assert inbox.next_due() == pytest.approx(1)
    clock.advance(1)
    found = inbox.claim(LEASE)
    assert (found.id, found.attempts, found.fence > lost.fence) == ("1", 2, True)
    effects = []
    for late in (
        lambda: inbox.finish(lost, "done", effects.append),
        lambda: inbox.record(lost, "handler", effects.append),
        lambda: inbox.retry(lost, "error", 0),
        lambda: inbox.bury(lost, "error"),
        lambda: inbox.renew(lost, LEASE),
    ):
        with pytest.raises(LeaseLostError):
            late()
    assert not effects, "whoever lost the lease does not even begin"
    assert inbox.finish(found, "done") is None
    assert inbox.next_due() is None


def test_a_lease_is_renewed(inbox, clock):
    inbox.add(arrival("1"))
    claim = inbox.claim(LEASE)
    for _ in range(3):
        clock.advance(LEASE - 1)
        inbox.renew(claim, LEASE)
        assert inbox.claim(LEASE) is None
    inbox.finish(claim, "done")


@pytest.mark.parametrize("how", ["finish", "bury", "retry"])
def test_a_renewal_that_comes_late_holds_nothing(inbox, clock, how):
    """It is under way while its holder ends: the next event must not wait for a lease of nobody."""
    for event_id in "12":
        inbox.add(arrival(event_id))
    claim = inbox.claim(LEASE)
    if how == "finish":
        inbox.finish(claim, "done")
    elif how == "bury":
        inbox.bury(claim, "error")
    else:
        inbox.retry(claim, "error", 1)
    with pytest.raises(LeaseLostError):
        inbox.renew(claim, LEASE)
    clock.advance(1)
    assert inbox.claim(LEASE).id == ("1" if how == "retry" else "2")


def test_who_was_slow_may_finish_if_nobody_took_over(inbox, clock):
    inbox.add(arrival("1"))
    claim = inbox.claim(LEASE)
    clock.advance(10 * LEASE)
    inbox.finish(claim, "done")
    assert inbox.counts()["done"] == 1


def test_an_effect_that_fails_leaves_nothing_behind(inbox):
    inbox.add(arrival("1"))
    claim = inbox.claim(LEASE)

    def effect(connection):
        connection.execute("CREATE TABLE effects (n INTEGER)")
        raise RuntimeError("no")

    for call in (
        lambda: inbox.finish(claim, "done", effect),
        lambda: inbox.record(claim, "handler", effect),
    ):
        with pytest.raises(RuntimeError):
            call()
    assert inbox.counts()["pending"] == 1
    assert not claim.handled
    inbox.finish(claim, "done", lambda connection: connection.execute("CREATE TABLE effects (n INTEGER)"))


def test_what_was_begun_is_brought_to_its_end_first(inbox, clock):
    """Its effects may be there although its worker died: an older event must not come after them."""
    for event_id, at in (("1", 1), ("3", 3)):
        inbox.add(arrival(event_id, at=at))
    inbox.finish(inbox.claim(LEASE), "done")
    assert inbox.claim(LEASE).id == "3"
    clock.advance(LEASE)
    inbox.add(arrival("2", at=2))
    taken = inbox.claim(LEASE)
    assert (taken.id, taken.attempts) == ("3", 2)
    older = inbox.finish(taken, "done", claim_next=LEASE)
    assert (older.id, older.stale) == ("2", True)


def test_a_handler_that_is_done_with_a_dead_letter_is_past_older_events(inbox):
    for event_id, at, done in (("3", 3, ["one of three"]), ("4", 4, ["another"]), ("1", 1, ["too old"])):
        inbox.add(arrival(event_id, at=at))
        claim = inbox.claim(LEASE)
        for handler in done:
            inbox.record(claim, handler)
        inbox.bury(claim, "the others failed")
    inbox.add(arrival("2", at=2))
    claim = inbox.claim(LEASE)
    assert (claim.stale, claim.passed) == (False, {"one of three", "another"})
    inbox.finish(claim, "done")
    # Somebody wants the older one: it is as it would have been then; by force nobody is past it.
    inbox.replay("3")
    claim = inbox.claim(LEASE)
    assert (claim.stale, claim.passed) == (False, {"another"})
    inbox.bury(claim, "once more")
    inbox.replay("1", even_if_stale=True)
    forced = inbox.claim(LEASE)
    assert (forced.id, forced.stale, forced.passed) == ("1", False, frozenset())


# ---- handlers within the transaction ----


def end(inbox, effect, event_id="1", entity="a"):
    inbox.add(arrival(event_id, entity))
    inbox.finish(inbox.claim(LEASE), "done", effect)


def test_how_a_handler_likes_its_rows_is_its_own_affair(inbox, kind):
    def effect(connection):
        if kind == "postgres":
            connection.row_factory = psycopg.rows.dict_row
        else:
            connection.row_factory = lambda cursor, row: dict(zip(cursor.description, row, strict=True))
            connection.text_factory = bytes

    end(inbox, effect)
    end(inbox, lambda connection: None, "2")
    assert inbox.counts()["done"] == 2
    assert [entry.id for entry in inbox.entries()] == ["1", "2"]


def test_a_handler_that_closes_the_connection_harms_itself_only(inbox):
    with pytest.raises((ConfigurationError, StoreError), match="clos"):
        end(inbox, lambda connection: connection.close())
    assert inbox.counts()["pending"] == 1
    end(inbox, lambda connection: None, "2", "b")
    assert inbox.counts()["done"] == 1


def test_a_lease_is_not_waited_for_while_its_holder_comes_to_the_end(postgres_url):
    """One thread renews all leases of a process: one that is locked must not hold up the others."""
    inbox, other = PostgresInbox(postgres_url), PostgresInbox(postgres_url)
    inbox.add(arrival("1"))
    claim = inbox.claim(LEASE)

    def effect(connection):
        with pytest.raises(LeaseLostError):
            other.renew(claim, LEASE)
        assert other.claim(LEASE) is None

    assert inbox.finish(claim, "done", effect) is None
    assert inbox.counts()["done"] == 1
    inbox.close()
    other.close()


# ---- answers in time ----


def test_a_locked_inbox_says_so_before_the_sender_goes_away(tmp_path):
    """Threads that wait for their turn and then for another process wait no longer in all."""
    inbox = SQLiteInbox(tmp_path / "inbox.db", busy_timeout=0.5)
    inbox.add(arrival("0"))
    other = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begin = time.monotonic()

    def add(number):
        with pytest.raises(StoreError, match=r"locked|held"):
            inbox.add(arrival(str(number)))
        return time.monotonic() - begin

    assert max(in_threads(6, add)) < 5
    other.execute("ROLLBACK")
    assert inbox.add(arrival("1"))
    other.close()
    inbox.close()


def test_a_locked_table_is_not_waited_for_without_end(postgres_url, monkeypatch):
    monkeypatch.setattr(_postgres, "_PATIENCE", 1)
    inbox = PostgresInbox(postgres_url)
    inbox.add(arrival("0"))
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE bulkeditor_inbox_events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="lock timeout"):
            inbox.add(arrival("1"))
    assert inbox.add(arrival("1"))
    inbox.close()


# ---- races: several openings of one inbox play several processes ----


def in_threads(count, call):
    """Calls in so many threads at once; gives what they gave, or raises what one raised."""
    results, errors = [], []
    ready = threading.Barrier(count)

    def run(number):
        ready.wait()
        try:
            results.append(call(number))
        except Exception as error:  # noqa: BLE001 -- raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def test_of_many_that_store_one_event_at_once_one_does(open_inbox):
    stores = [open_inbox() for _ in range(4)]
    for number in range(10):
        body = f"same {number}".encode()
        # Half of them bear the sender's id, half are known by their body alone.
        added = in_threads(
            8,
            lambda thread, body=body, number=number: stores[thread % 4].add(
                arrival(f"msg_{number}", body=body)
                if thread % 2
                else arrival("sha256:" + hashlib.sha256(body).hexdigest(), identified=False, body=body)
            ),
        )
        assert sum(added) == 1
    for store in stores:
        store.close()


def test_workers_and_senders_at_once_lose_nothing_and_keep_the_order(open_inbox, clock):
    """What comes while a lane is being finished is the race in which an event could stay behind."""
    entities, each = 6, 30
    stores = [open_inbox() for _ in range(3)]
    handled, working, overlaps = [], set(), []
    over = threading.Event()

    def send(store):
        for number in range(each):
            for entity in range(entities):
                store.add(arrival(f"{entity}-{number}", f"e{entity}", at=number))

    def work(store):
        claim = None
        while True:
            finishing = over.is_set()
            claim = claim or store.claim(LEASE)
            if claim is None:
                if finishing:
                    return
                continue
            if claim.lane in working:
                overlaps.append(claim)
            working.add(claim.lane)
            handled.append(claim.id)
            working.remove(claim.lane)
            claim = store.finish(claim, "done", claim_next=LEASE)

    def run(number):
        if number < 2:
            work(stores[number])
        else:
            send(stores[2])
            over.set()

    in_threads(3, run)
    assert not overlaps
    assert len(handled) == len(set(handled)) == entities * each
    for entity in range(entities):
        numbers = [int(name.split("-")[1]) for name in handled if name.startswith(f"{entity}-")]
        assert numbers == sorted(numbers)
    assert stores[0].counts()["done"] == entities * each
    for store in stores:
        store.close()


# ---- the model ----


class InboxMachine(RuleBasedStateMachine):
    """Any sequence of calls does to the inbox what it does to a few dicts."""

    claims = Bundle("claims")
    known = Bundle("known")

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.inbox = self.open(self.clock.seconds)
        self.events = {}  # id → {lane, order, status, failures, forced, handled}
        self.lanes = {}  # lane → {due, fence, newest, begun}

    def open(self, clock):
        return SQLiteInbox(":memory:", clock=clock)

    def teardown(self):
        self.inbox.close()

    def wake(self, lane):
        state = self.lanes.setdefault(lane, {"due": None, "fence": 0, "newest": None, "begun": None})
        if state["due"] is None:
            state["due"] = self.clock.now

    def waiting(self, lane):
        return sorted(
            (event["order"], name)
            for name, event in self.events.items()
            if event["lane"] == lane and event["status"] == "pending"
        )

    def advance(self, lane, event):
        state = self.lanes[lane]
        state["newest"] = max(filter(None, (state["newest"], event["order"][:2])))

    def free(self, lane):
        self.lanes[lane]["begun"] = None
        self.lanes[lane]["fence"] += 1
        self.lanes[lane]["due"] = self.clock.now if self.waiting(lane) else None

    @rule(
        target=known, name=st.sampled_from("abcdefghijkl"), entity=st.sampled_from("xy"), at=st.integers(0, 4)
    )
    def add(self, name, entity, at):
        new = name not in self.events
        assert self.inbox.add(arrival(name, entity, at=at)) is new
        if not new:
            return multiple()
        self.events[name] = {
            "lane": entity, "order": (at, 1, len(self.events)), "status": "pending",
            "failures": 0, "forced": False, "handled": set(),
        }  # fmt: skip
        self.wake(entity)
        return name

    @rule(target=claims)
    def claim(self):
        due = {lane for lane, state in self.lanes.items() if state["due"] and state["due"] <= self.clock.now}
        claim = self.inbox.claim(LEASE)
        return self.claimed(claim, due)

    def claimed(self, claim, due):
        if claim is None:
            assert not due
            return multiple()
        assert claim.lane in due
        state = self.lanes[claim.lane]
        state["fence"] += 1
        state["due"] = self.clock.now + timedelta(seconds=LEASE)
        name = state["begun"] or self.waiting(claim.lane)[0][1]
        state["begun"], event = name, self.events[name]
        assert (claim.id, claim.fence, claim.failures) == (name, state["fence"], event["failures"])
        older = state["newest"] is not None and event["order"][:2] < state["newest"]
        assert claim.stale is (older and not event["forced"])
        assert claim.handled == event["handled"]
        newer = [
            other["handled"]
            for other in self.events.values()
            if other["lane"] == claim.lane
            and other["status"] == "dead"
            and other["order"][:2] > event["order"][:2]
        ]
        assert claim.passed == (set() if event["forced"] else set().union(*newer))
        return claim

    def lost(self, claim):
        return self.lanes[claim.lane]["fence"] != claim.fence

    @rule(target=claims, claim=consumes(claims), go_on=st.booleans())
    def finish(self, claim, go_on):
        lease = LEASE if go_on else None
        status = "stale" if claim.stale else "done"
        if self.lost(claim):
            with pytest.raises(LeaseLostError):
                self.inbox.finish(claim, status, claim_next=lease)
            return multiple()
        following = self.inbox.finish(claim, status, claim_next=lease)
        event = self.events[claim.id]
        event |= {"status": status, "forced": False, "handled": set()}
        if status == "done":
            self.advance(claim.lane, event)
        self.free(claim.lane)
        if not go_on:
            assert following is None
            return multiple()
        due = {lane for lane, s in self.lanes.items() if s["due"] and s["due"] <= self.clock.now}
        return self.claimed(following, due)

    @rule(claim=consumes(claims), delay=st.integers(0, 60))
    def retry(self, claim, delay):
        if self.lost(claim):
            with pytest.raises(LeaseLostError):
                self.inbox.retry(claim, "error", delay)
            return
        self.inbox.retry(claim, "error\0\ud800", delay)
        self.events[claim.id]["failures"] += 1
        self.lanes[claim.lane]["fence"] += 1
        self.lanes[claim.lane]["due"] = self.clock.now + timedelta(seconds=delay)

    @rule(claim=consumes(claims))
    def bury(self, claim):
        if self.lost(claim):
            with pytest.raises(LeaseLostError):
                self.inbox.bury(claim, "error")
            return
        self.inbox.bury(claim, "error")
        event = self.events[claim.id]
        event |= {"status": "dead", "forced": False, "failures": event["failures"] + 1}
        self.free(claim.lane)

    @rule(claim=claims, handler=st.sampled_from("mn"))
    def record(self, claim, handler):
        if self.lost(claim):
            with pytest.raises(LeaseLostError):
                self.inbox.record(claim, handler)
            return
        # The claim stays in the bundle after it was used up; then its lane is nobody's.
        if self.events[claim.id]["status"] == "pending":
            self.inbox.record(claim, handler)
            self.events[claim.id]["handled"].add(handler)

    @rule(claim=claims)
    def renew(self, claim):
        if self.lost(claim):
            with pytest.raises(LeaseLostError):
                self.inbox.renew(claim, LEASE)
        else:
            self.inbox.renew(claim, LEASE)
            self.lanes[claim.lane]["due"] = self.clock.now + timedelta(seconds=LEASE)

    @rule(name=known, force=st.booleans())
    def replay(self, name, force):
        event = self.events[name]
        over = event["status"] != "pending"
        assert self.inbox.replay(name, even_if_stale=force) is over
        if over:
            event |= {"status": "pending", "failures": 0, "forced": force}
            self.wake(event["lane"])

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @invariant()
    def the_inbox_knows_the_same(self):
        statuses = [event["status"] for event in self.events.values()]
        counts = {name: statuses.count(name) for name in ("pending", "done", "stale", "dead")}
        assert self.inbox.counts() == counts
        dead = [entry.id for entry in self.inbox.entries("dead")]
        assert dead == [name for name, event in self.events.items() if event["status"] == "dead"]


EXAMPLES = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestModelOfSQLite = InboxMachine.TestCase
TestModelOfSQLite.settings = EXAMPLES


def test_the_model_holds_for_postgres(postgres_url):
    class PostgresMachine(InboxMachine):
        def open(self, clock):
            store = PostgresInbox(postgres_url, clock=clock)
            store.counts()  # makes the tables
            with psycopg.connect(postgres_url) as connection:
                connection.execute(
                    "TRUNCATE bulkeditor_inbox_events, bulkeditor_inbox_lanes, bulkeditor_inbox_handled"
                )
            return store

    case = PostgresMachine.TestCase()
    case.settings = settings(EXAMPLES, max_examples=10, phases=[Phase.generate, Phase.shrink])
    case.runTest()


# ---- on the disk ----


def test_commits_are_on_the_disk_before_they_count(tmp_path):
    inbox = SQLiteInbox(tmp_path / "inbox.db")
    inbox.add(arrival("1"))
    connection = inbox._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    inbox.close()
    with pytest.raises(ConfigurationError, match="closed"):
        inbox.add(arrival("2"))


def test_a_file_that_was_removed_takes_nothing_more(tmp_path, caplog):
    """A file without a name is gone when its process ends, and so is what was answered with 2xx."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    inbox = SQLiteInbox(folder / "inbox.db")
    inbox.add(arrival("1"))
    for file in list(folder.iterdir()):
        file.unlink()
    assert inbox.add(arrival("2"))
    assert "removed or replaced" in caplog.text
    shutil.rmtree(folder)
    with pytest.raises(StoreError):
        inbox.add(arrival("3"))
    inbox.close()
    folder.mkdir()
    again = SQLiteInbox(folder / "inbox.db")
    assert again.add(arrival("3"))
    again.close()


def test_the_inbox_may_live_in_the_application_s_database(tmp_path):
    path = tmp_path / "application.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "PRAGMA user_version = 7; CREATE TABLE orders (id); INSERT INTO orders VALUES (1)"
    )
    inbox = SQLiteInbox(path)
    inbox.add(arrival("1"))
    assert connection.execute("PRAGMA user_version").fetchone() == (7,)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE sql IS NOT NULL")}
    assert all(name == "orders" or name.startswith("bulkeditor_inbox_") for name in names)
    inbox.close()
    connection.close()


def test_an_inbox_of_a_newer_version_is_left_alone(open_inbox, kind, request, tmp_path):
    before = open_inbox()
    before.add(arrival("1"))
    before.close()
    if kind == "sqlite":
        connection = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    else:
        connection = psycopg.connect(request.getfixturevalue("postgres_url"), autocommit=True)
    connection.execute("UPDATE bulkeditor_inbox_schema SET version = 99")
    connection.close()
    with pytest.raises(ConfigurationError, match="newer version"):
        open_inbox().add(arrival("2"))


@pytest.mark.parametrize("attempt", range(5))
def test_several_processes_may_make_the_tables_at_once(open_inbox, attempt):
    stores = [open_inbox() for _ in range(6)]
    assert in_threads(6, lambda number: stores[number].add(arrival(str(number)))) == [True] * 6
    for store in stores:
        store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_connection_is_not_used_by_two_processes(open_inbox):
    """A server may open the inbox and then fork its workers."""
    inbox = open_inbox()
    inbox.add(arrival("parent"))

    def connections():
        return {id(inbox._connection)} if isinstance(inbox, SQLiteInbox) else set(map(id, inbox._idle))

    before = connections()
    child = os.fork()
    if not child:
        status = 1
        try:
            worked = inbox.add(arrival("child")) and not inbox.add(arrival("parent"))
            # The parent's are neither used nor closed, so they are still there beside the new one.
            status = 0 if worked and not before & connections() and len(inbox._orphans) == 1 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert connections() == before
    assert not inbox.add(arrival("child"))
    inbox.close()


def test_forgetting_keeps_dead_letters_and_the_newest_versions(inbox, clock):
    for event_id, entity in (("dead", "a"), ("done", "b"), ("old", None)):
        inbox.add(arrival(event_id, entity, at=10))
        claim = inbox.claim(LEASE)
        if event_id == "dead":
            inbox.bury(claim, "no")
        else:
            inbox.finish(claim, "done")
    clock.advance(100)
    assert inbox.prune(101) == 0
    assert inbox.prune(99) == 2
    assert [entry.id for entry in inbox.entries()] == ["dead"]
    inbox.add(arrival("waits", "c"))
    clock.advance(1000)
    assert inbox.prune(1) == 0
    assert inbox.claim(LEASE).id == "waits"


def test_a_dead_letter_of_long_ago_is_still_older_than_what_was_handled(inbox, clock):
    for event_id, at in (("dead", 1), ("done", 2)):
        inbox.add(arrival(event_id, at=at))
        claim = inbox.claim(LEASE)
        if event_id == "dead":
            inbox.bury(claim, "no")
        else:
            inbox.finish(claim, "done")
    clock.advance(100)
    assert inbox.prune(50) == 1
    inbox.replay("dead")
    assert inbox.claim(LEASE).stale


def test_an_entity_may_have_any_name(inbox):
    """Names come from the shop; an index of Postgres takes less than 3 KB."""
    rnd = random.Random(5)
    long = "".join(rnd.choices(string.ascii_letters, k=20_000))
    for event_id, entity in (("1", long + "a"), ("2", long + "b"), ("3", long + "a")):
        assert inbox.add(arrival(event_id, entity))
    claims = [inbox.claim(LEASE) for _ in range(3)]
    assert {claim and claim.id for claim in claims} == {"1", "2", None}
    assert inbox.entry("1").entity.startswith(long[:900])


def test_entries_come_in_pages(inbox):
    names = [str(number) for number in range(220)]
    for name in names:
        inbox.add(arrival(name))
    listing = inbox.entries()
    assert next(listing).id == "0"
    inbox.add(arrival("later"))  # nothing is locked meanwhile
    assert [entry.id for entry in listing] == [*names[1:], "later"]
    assert inbox.entry("7").entity == "a"
    assert inbox.entry("nonsense") is inbox.entry("\ud800") is None

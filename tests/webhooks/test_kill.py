"""A real receiver is killed with SIGKILL, again and again, under a load of deliveries.

``BULKEDITOR_KILL_DELIVERIES`` is how many (10,000 in ``nox -s webhooks_full``); the seed is printed.
"""

import http.client
import os
import queue
import random
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from bulkeditor import webhooks
from tests.webhooks.conftest import encode, headers_for
from tests.webhooks.receiver_process import SECRET, rows, tables

ROOT = Path(__file__).resolve().parents[2]
DELIVERIES = int(os.environ.get("BULKEDITOR_KILL_DELIVERIES", "300"))
SEED = int(os.environ.get("BULKEDITOR_KILL_SEED", "11"))
ENTITIES = max(5, DELIVERIES // 100)
KILLS = max(4, DELIVERIES // 200)
PROCESSES = int(os.environ.get("BULKEDITOR_KILL_PROCESSES", "1"))
SENDERS = 8
PATIENCE = 120 + DELIVERIES / 5
"""Seconds after which the whole is given up."""


class Process:
    """The receiver's process, under one port through all its lives."""

    def __init__(self, folder, store):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._arguments = [str(folder), str(self.port), str(store)]
        self._child = None
        self.start()

    def start(self):
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.webhooks.receiver_process", *self._arguments],
            cwd=ROOT,
        )

    def kill(self):
        assert self._child.poll() is None, "the receiver died by itself"
        self._child.send_signal(signal.SIGKILL)
        assert self._child.wait() == -signal.SIGKILL


class Load:
    """Sends every delivery until it is answered with 2xx, as a sender does, in no orderly way."""

    def __init__(self, ports, rnd):
        self._ports = ports
        self._rnd = rnd
        self._queue = queue.Queue()
        self._lock = threading.Lock()
        self.sent = {}  # event id → (entity, version)
        self.answers = Counter()
        self.accepted = 0
        self.errors = []
        deliveries = self._deliveries()
        # A few come when all others are handled, so they are older than what is known; but each entity's
        # newest is not among them.
        last = DELIVERIES - ENTITIES
        self.late = [one for one in deliveries if one[0] < last and self._rnd.random() < 0.03]
        for delivery in deliveries:
            if delivery not in self.late:
                self._queue.put(delivery)

    def _deliveries(self):
        start = datetime.now(UTC)
        made = []
        for number in range(DELIVERIES):
            version, entity = divmod(number, ENTITIES)
            payload = {
                "event": "inventory.updated",
                "timestamp": (start + timedelta(milliseconds=version)).isoformat(),
                "data": {"product_id": f"p{entity}", "location_id": "w", "on_hand": version},
            }
            body = encode(payload)
            msg_id = f"msg_{number}" if number % 2 else None
            event = webhooks.unwrap(body, headers_for(body, secret=SECRET, msg_id=msg_id, now=start), SECRET)
            self.sent[event.id] = (event.entity, version)
            made += [(number, body, msg_id)] * (2 if self._rnd.random() < 0.1 else 1)
        # Each comes up to so many places too early or too late, and so does its double.
        return sorted(made, key=lambda one: one[0] + self._rnd.uniform(0, 2 * ENTITIES))

    def run(self):
        threads = [threading.Thread(target=self._send_all, args=(number,)) for number in range(SENDERS)]
        for thread in threads:
            thread.start()
        return threads

    def finish(self):
        """Send what comes late, and end."""
        for delivery in [*self.late, *[None] * SENDERS]:
            self._queue.put(delivery)

    def _send_all(self, number):
        rnd = random.Random(f"{SEED} {number}")
        try:
            while delivery := self._queue.get():
                self._deliver(*delivery[1:], rnd)
        except BaseException as error:
            self.errors.append(error)
            raise

    def _deliver(self, body, msg_id, rnd):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status = self._attempt(
                body, headers_for(body, secret=SECRET, msg_id=msg_id, now=datetime.now(UTC)), rnd
            )
            with self._lock:
                self.answers[status] += 1
                self.accepted += status in {200, 202}
            if status in {200, 202}:
                return
            # A pause between attempts, as a sender makes; nothing is waited for.
            time.sleep(rnd.uniform(0.001, 0.05))
        raise TimeoutError("a delivery was never answered with 2xx")

    def _attempt(self, body, headers, rnd):
        """The answer's status, or what went wrong; at times the sender's own side breaks off."""
        connection = http.client.HTTPConnection("127.0.0.1", rnd.choice(self._ports), timeout=10)
        breaks = rnd.choice(["before the end", "before the answer"]) if rnd.random() < 0.05 else None
        try:
            connection.connect()
            # Closing resets the connection instead of ending it.
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if breaks == "before the end":
                connection.request(
                    "POST", "/", body[: len(body) // 2], headers | {"Content-Length": str(len(body))}
                )
                return breaks
            connection.request("POST", "/", body, headers)
            return breaks or connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()


def over(store):
    """How many events are handled, once the inbox is there."""
    try:
        found = rows(store, "SELECT count(*) FROM bulkeditor_inbox_events WHERE status <> 'pending'")
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
        return 0
    return found[0][0]


@pytest.fixture
def store(kind, tmp_path, request):
    """Where the inbox is, and the effects that share its transaction."""
    return tmp_path / "inbox.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")


def test_no_kill_loses_doubles_or_disorders_an_event(tmp_path, store):
    rnd = random.Random(SEED)
    print(f"seed {SEED}, {DELIVERIES} deliveries")  # noqa: T201 -- shown when it fails
    tables(tmp_path, store)
    processes = [Process(tmp_path, store) for _ in range(PROCESSES)]
    load = Load([process.port for process in processes], rnd)
    senders = load.run()
    # Counted in what was answered and what was handled; the last ones meet receivers with little to do.
    marks = sorted(rnd.uniform(0.02, 2) * DELIVERIES for _ in range(KILLS))
    early = len(load.sent) - len({one[0] for one in load.late})
    end = time.monotonic() + PATIENCE
    finishing = False
    try:
        while marks or any(sender.is_alive() for sender in senders) or over(store) < DELIVERIES:
            assert time.monotonic() < end, "it did not come to an end"
            assert not load.errors
            handled = over(store)
            if not finishing and handled >= early:
                finishing = True
                load.finish()
            if marks and load.accepted + handled >= marks[0]:
                marks.pop(0)
                victim = rnd.choice(processes)
                victim.kill()
                victim.start()
            time.sleep(rnd.uniform(0, 0.02))
    finally:
        for process in processes:
            process.kill()
        load.finish()
    check(tmp_path, store, load)
    report(tmp_path, store, load)


def check(folder, inside, load):
    outside = folder / "outside.db"
    # None lost: everything that was ever answered with 2xx is handled, or was found too old.
    handled = [row[0] for row in rows(inside, "SELECT event FROM effects")]
    stale = [row[0] for row in rows(inside, "SELECT event FROM stale")]
    assert sorted(handled + stale) == sorted(load.sent), "each event once, and once only"
    assert len(stale) >= len({one[0] for one in load.late}) > 0, "some came too late"
    assert dict(rows(inside, "SELECT status, count(*) FROM bulkeditor_inbox_events GROUP BY status")) == {
        status: len(events) for status, events in (("done", handled), ("stale", stale)) if events
    }
    totals = dict(rows(inside, "SELECT entity, handled FROM totals"))
    assert totals == Counter(load.sent[event][0] for event in handled)
    # Under the stable key the effect outside happened once as well, however often it was called.
    assert sorted(row[0] for row in rows(outside, "SELECT event FROM effects")) == sorted(handled)
    newest = Counter()
    for entity, version in load.sent.values():
        newest[entity] = max(newest[entity], version)
    for path in (inside, outside):
        order = {}
        for entity, version in rows(path, "SELECT entity, version FROM effects ORDER BY place"):
            order.setdefault(entity, []).append(version)
        assert set(order) == set(newest)
        for entity, versions in order.items():
            assert all(earlier < later for earlier, later in pairwise(versions)), f"{entity}: {versions}"
            assert versions[-1] == newest[entity], "the newest state is never the one that is left out"


def report(folder, store, load):
    calls = rows(folder / "outside.db", "SELECT count(*) FROM calls")[0][0]
    effects = rows(folder / "outside.db", "SELECT count(*) FROM effects")[0][0]
    stale = rows(store, "SELECT count(*) FROM stale")[0][0]
    print(  # noqa: T201 -- shown with -s, and when a later check fails
        f"{KILLS} kills of {PROCESSES} processes; "
        f"{sum(load.answers.values())} attempts: {dict(load.answers.most_common())}; "
        f"{effects} handled, {calls - effects} of them called again, {stale} stale"
    )

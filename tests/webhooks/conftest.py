"""A sender in a few lines (independent of the library's signer), a clock, and an inbox of each kind."""

import base64
import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from bulkeditor import webhooks

SECRET = "your_webhook_secret"
NOW = datetime(2024, 6, 1, 0, 6, tzinfo=UTC)
COMPLETED = {
    "event": "bulk_job.completed",
    "timestamp": "2024-06-01T00:05:30Z",
    "data": {
        "job_id": "job_123",
        "operation": "update",
        "total_products": 150,
        "successful_updates": 148,
        "failed_updates": 2,
        "execution_time": "5.5 seconds",
    },
}
"""The documentation's example."""


def encode(payload) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


def headers_for(body, *, secret=SECRET, msg_id=None, now=NOW):
    """What a sender sends: the documented header, and those of Standard Webhooks if it has ids."""
    key = secret.encode()
    headers = {"X-Webhook-Signature": hmac.new(key, body, hashlib.sha256).hexdigest()}
    if msg_id is not None:
        stamp = str(int(now.timestamp()))
        digest = hmac.new(key, f"{msg_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
        headers |= {
            "webhook-id": msg_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
    return headers


class Clock:
    """A time of day that only tests move."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now

    def seconds(self):
        return self.now.timestamp()

    def advance(self, seconds):
        self.now += timedelta(seconds=seconds)


class Seen(list):
    """What handlers saw; tests wait for it."""

    def __init__(self):
        super().__init__()
        self._changed = threading.Condition()

    def add(self, event):
        with self._changed:
            self.append(event)
            self._changed.notify_all()

    def wait(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self) >= count, timeout=20), f"{len(self)} of {count}"


@pytest.fixture
def clock():
    return Clock()


def stock(product, on_hand, at, location="warehouse_1"):
    """An inventory.updated payload; ``at`` is in seconds after NOW."""
    return {
        "event": "inventory.updated",
        "timestamp": (NOW + timedelta(seconds=at)).isoformat(),
        "data": {"product_id": product, "sku": product, "location_id": location, "on_hand": on_hand},
    }


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request):
    """Which database the inbox is in."""
    return request.param


@pytest.fixture
def open_inbox(kind, tmp_path, clock, request):
    """Opens the one inbox of the test; as often as there are processes to play."""
    if kind == "sqlite":
        return lambda: webhooks.SQLiteInbox(tmp_path / "inbox.db", clock=clock.seconds)
    url = request.getfixturevalue("postgres_url")
    return lambda: webhooks.PostgresInbox(url, clock=clock.seconds)


@pytest.fixture
def make_receiver(open_inbox, clock):
    """Makes receivers on the one inbox; closed at the end."""
    made = []

    def make(**options):
        store = options.pop("store", None) or open_inbox()
        receiver = webhooks.Receiver(secrets=[SECRET], store=store, clock=clock, **options)
        made.append(receiver)
        return receiver

    yield make
    for receiver in made:
        receiver.close()


@pytest.fixture
def receiver(make_receiver):
    return make_receiver()


@pytest.fixture
def deliver(clock):
    """Sends one delivery to a receiver."""

    def send(receiver, payload, *, msg_id=None):
        body = encode(payload)
        return receiver.receive(body, headers_for(body, msg_id=msg_id, now=clock.now))

    return send

"""Hostile deliveries mixed with genuine ones: no exception but ours, no false accept, no false refusal.

``BULKEDITOR_FUZZ_WEBHOOKS`` is how many of each (100,000 in ``nox -s webhooks_full``); the seed is printed.
"""

import base64
import hashlib
import hmac
import json
import os
import random
import string
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

import bulkeditor as be
from bulkeditor import webhooks
from bulkeditor.errors import MalformedDataError, WebhookVerificationError
from tests.webhooks.conftest import NOW, SECRET, headers_for

COUNT = int(os.environ.get("BULKEDITOR_FUZZ_WEBHOOKS", "2000"))
SEED = int(os.environ.get("BULKEDITOR_FUZZ_SEED", "7"))
PREVIOUS, EXPIRED, STRANGE = "the previous one", "the one before", "nobody's"
SECRETS = [
    webhooks.SigningSecret(SECRET, id="current"),
    webhooks.SigningSecret(PREVIOUS, not_after=NOW + timedelta(days=1)),
    webhooks.SigningSecret(EXPIRED, not_after=NOW - timedelta(seconds=1)),
    "",
]
LABELS = {SECRET: "current", PREVIOUS: "1"}
TEXTS = ["", "é", "\u0000", "\U0001f600", '"\\', "x" * 300, "</script>", "0", " 1", "null", "\u0661\u0662"]


class Fuzz:
    """Makes deliveries from a seed."""

    def __init__(self, seed):
        self.rnd = random.Random(seed)

    # genuine

    def value(self, depth=0):
        rnd = self.rnd
        simple = [
            lambda: rnd.choice(TEXTS),
            lambda: rnd.randrange(-(10**20), 10**20),
            lambda: rnd.choice([None, True, False]),
            lambda: round(rnd.uniform(-1e6, 1e6), rnd.randrange(6)),
            lambda: "".join(rnd.choices(string.printable, k=rnd.randrange(20))),
        ]
        nested = [
            lambda: [self.value(depth + 1) for _ in range(rnd.randrange(4))],
            lambda: {rnd.choice(TEXTS) + str(n): self.value(depth + 1) for n in range(rnd.randrange(4))},
        ]
        return rnd.choice(simple + nested if depth < 3 else simple)()

    def payload(self):
        rnd = self.rnd
        names = [
            "product_id",
            "sku",
            "job_id",
            "location_id",
            "on_hand",
            "product",
            "changes",
            "execution_time",
        ]
        return {
            "event": rnd.choice([*be.EventName.ALL, "order.paid", rnd.choice(TEXTS)]),
            # Within the window, in any zone.
            "timestamp": (NOW - timedelta(seconds=rnd.uniform(-290, 4 * 86_400 - 10))).isoformat(),
            "data": {name: self.value() for name in rnd.sample(names, rnd.randrange(len(names)))},
            **({rnd.choice(TEXTS): self.value()} if rnd.random() < 0.2 else {}),
        }

    def body(self):
        return json.dumps(self.payload(), ensure_ascii=self.rnd.random() < 0.5).encode()

    def signed(self, body, secret=SECRET):
        """The headers of a genuine delivery, in any of the harmless forms."""
        rnd = self.rnd
        msg_id = rnd.choice([None, f"msg_{rnd.randrange(10**9)}", "x" * 255, "~!@ #"])
        headers = headers_for(
            body, secret=secret, msg_id=msg_id, now=NOW + timedelta(seconds=rnd.randint(-300, 300))
        )
        digest = headers["X-Webhook-Signature"]
        headers["X-Webhook-Signature"] = rnd.choice(
            [digest, digest.upper(), f"sha256={digest}", f" {digest} "]
        )
        if msg_id is not None and rnd.random() < 0.3:
            headers["webhook-signature"] = f"v1a,eA== v1,AAAA {headers['webhook-signature']} v2,zz"
        return headers

    def dressed(self, headers):
        """The same headers as some framework holds them."""
        rnd = self.rnd
        others = {"Host": "x", "Content-Type": "application/json", "X-Forwarded-For": rnd.choice(TEXTS)}
        pairs = [*headers.items(), *others.items()]
        rnd.shuffle(pairs)
        form = rnd.randrange(5)
        if form == 0:
            return dict(pairs)
        if form == 1:
            return pairs
        if form == 2:
            return [(name.lower().encode("latin-1"), raw(value)) for name, value in pairs]
        if form == 3:
            return {"HTTP_" + name.upper().replace("-", "_"): value for name, value in pairs}
        return {name.swapcase(): value for name, value in pairs}

    def genuine(self):
        body = self.body()
        secret = self.rnd.choice([SECRET, PREVIOUS])
        headers = self.signed(body, secret)
        expected = headers.get("webhook-id") or "sha256:" + hashlib.sha256(body).hexdigest()
        return body, self.dressed(headers), expected, LABELS[secret]

    # hostile

    def garbage(self):
        rnd = self.rnd
        return rnd.choice(
            [
                *(None, "", " ", b"", b"\xff" * 64, "é" * 64, "\ud800" * 64, "\x00" * 64, "\u0661" * 64),
                *("0" * 64, "f" * 63, "f" * 65, "0 " * 32, "0x" + "0" * 62, ("0" * 64).encode("utf-16")),
                *("sha256=", "sha1=" + "0" * 40, "sha256=sha256=" + "0" * 64, "v1,", "v1,AAAA", ",,,,"),
                *([], ["0" * 64], {}, 0, 1.5, True, object(), "-1", "1e9", "9" * 400, "NaN"),
                *(" " * 5000, "0" * rnd.choice([1000, 4096, 4097, 1 << 20])),
                *(rnd.randbytes(64), rnd.randbytes(32).hex(), base64.b64encode(rnd.randbytes(32)).decode()),
            ]
        )

    def hostile(self):
        """A delivery that must be refused, and why."""
        rnd = self.rnd
        body = self.body()
        headers = self.signed(body)
        attack = rnd.choice(ATTACKS)
        body, headers = attack(self, body, headers)
        return body, headers if attack in UNDRESSED else self.dressed(headers), attack.__name__


def raw(value):
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def changed_body(fuzz, body, headers):
    place = fuzz.rnd.randrange(len(body))
    return body[:place] + bytes([body[place] ^ (1 << fuzz.rnd.randrange(8))]) + body[place + 1 :], headers


def cut_body(fuzz, body, headers):
    return body[: fuzz.rnd.randrange(len(body))], headers


def longer_body(fuzz, body, headers):
    return body + fuzz.rnd.choice([b" ", b"\x00", b"{}", b"\n"]), headers


def any_body(fuzz, body, headers):
    return fuzz.rnd.randbytes(fuzz.rnd.randrange(200)), headers


def changed_signature(fuzz, body, headers):
    name = fuzz.rnd.choice([name for name in headers if name.lower().endswith("-signature")])
    text = headers[name].strip()
    if name == "webhook-signature":
        # The one that is genuine, whatever stands beside it.
        text = next(part for part in text.split() if len(part) == 47)
    place = fuzz.rnd.randrange(text.find(",") + 1 or text.find("=") + 1, len(text))
    other = fuzz.rnd.choice([char for char in "0123456789abcdef" if char != text[place].lower()])
    return body, headers | {name: text[:place] + other + text[place + 1 :]}


def foreign_signature(fuzz, body, headers):
    secret = fuzz.rnd.choice([STRANGE, EXPIRED, "", SECRET[:-1], SECRET + "\n", SECRET.upper()])
    return body, fuzz.signed(body, secret)


def another_s_signature(fuzz, body, headers):
    return body, fuzz.signed(fuzz.body())


def garbage_header(fuzz, body, headers):
    return body, headers | {fuzz.rnd.choice(sorted(headers)): fuzz.garbage()}


def garbage_headers(fuzz, body, headers):
    return body, {name: fuzz.garbage() for name in headers}


def missing_header(fuzz, body, headers):
    headers = fuzz.signed(body) | headers_for(body, msg_id="msg_1")
    del headers[fuzz.rnd.choice(sorted(headers))]
    return body, headers


def doubled_header(fuzz, body, headers):
    pairs = list(headers.items())
    name, value = fuzz.rnd.choice(pairs)
    return body, [*pairs, (name.swapcase(), fuzz.rnd.choice([value, fuzz.garbage()]))]


def another_id(fuzz, body, headers):
    headers = headers_for(body, msg_id="msg_1")
    return body, headers | {"webhook-id": fuzz.rnd.choice(["msg_2", "msg_1 ", "MSG_1", "msg_1.", "m" * 256])}


def another_time(fuzz, body, headers):
    headers = headers_for(body, msg_id="msg_1")
    stamp = int(headers["webhook-timestamp"])
    return body, headers | {
        "webhook-timestamp": fuzz.rnd.choice([str(stamp + 1), f"0{stamp}9", f"+{stamp}", f"{stamp}.0"])
    }


def recorded(fuzz, body, headers):
    """Genuine once, and played back outside the window of Standard Webhooks."""
    away = fuzz.rnd.choice([-1, 1]) * fuzz.rnd.uniform(302, 10**7)
    return body, headers_for(body, msg_id="msg_1", now=NOW + timedelta(seconds=away))


def recorded_without_identity(fuzz, body, headers):
    """The same for the documented header alone: the payload's own time tells."""
    payload = json.loads(body)
    away = fuzz.rnd.choice([fuzz.rnd.uniform(301, 10**8), -4 * 86_400 - fuzz.rnd.uniform(1, 10**8)])
    payload["timestamp"] = (NOW + timedelta(seconds=away)).isoformat()
    body = json.dumps(payload).encode()
    return body, headers_for(body)


def signed_nonsense(fuzz, body, headers):
    """Whoever has the secret may still send anything."""
    payload = json.loads(body)
    field = fuzz.rnd.choice(["event", "timestamp", "data"])
    if field == "data":
        payload["event"] = fuzz.rnd.choice(be.EventName.ALL)
    payload[field] = fuzz.rnd.choice(
        [None, 1, [], True, [{}], 1.5] + ([{}, "2024-06-01T00:05:30"] if field == "timestamp" else [])
    )
    body = fuzz.rnd.choice(
        [
            json.dumps(payload).encode(),
            body[:-1],
            b"[" * 10_000,
            b"",
            fuzz.rnd.randbytes(50),
            body + b"}",
            b"\xff" + body,
        ]
    )
    return body, fuzz.signed(body)


ATTACKS = [
    changed_body, cut_body, longer_body, any_body, changed_signature, foreign_signature, another_s_signature,
    garbage_header, garbage_headers, missing_header, doubled_header, another_id, another_time, recorded,
    recorded_without_identity, signed_nonsense,
]  # fmt: skip
UNDRESSED = {doubled_header}


def test_no_foreign_exception_no_false_accept_no_false_refusal():
    fuzz = Fuzz(SEED)
    print(f"seed {SEED}, {COUNT} of each")  # noqa: T201 -- shown when it fails
    refusals = Counter()
    for number in range(2 * COUNT):
        if number % 2:
            body, headers, event_id, label = fuzz.genuine()
            event = webhooks.unwrap(body, headers, secrets=SECRETS, now=NOW)
            assert (event.id, event.signed_by, event.body) == (event_id, label, body)
            assert event.name == json.loads(body)["event"]
            assert event.entity is None or event.entity.isascii()
            continue
        body, headers, attack = fuzz.hostile()
        try:
            event = webhooks.unwrap(body, headers, secrets=SECRETS, now=NOW)
        except WebhookVerificationError:
            refusals[attack, "unverified"] += 1
        except MalformedDataError:
            refusals[attack, "malformed"] += 1
        else:
            pytest.fail(f"{attack} was accepted: {body!r:.300} {headers!r:.600} as {event!r:.300}")
    # Malformed is only what was signed by somebody who has the secret.
    assert {attack for attack, outcome in refusals if outcome == "malformed"} == {"signed_nonsense"}
    assert {attack for attack, _ in refusals} == {attack.__name__ for attack in ATTACKS}


def test_a_receiver_answers_whatever_comes(make_receiver):
    receiver = make_receiver()
    fuzz = Fuzz(SEED + 1)
    statuses = Counter()
    for number in range(200):
        if number % 2:
            body, headers = fuzz.genuine()[:2]
        else:
            body, headers = fuzz.hostile()[:2]
        status = receiver.receive(body, headers).status
        assert status in ({401, 202, 200} if number % 2 else {400, 401}), (body, headers)
        statuses[status] += 1
    receiver.process_pending()
    assert sum(receiver.counts().values()) == statuses[202]
    assert not receiver.counts()["dead"]


@pytest.mark.shared
def test_hostile_json_in_a_genuine_delivery(shared: Path):
    """Published vectors of JSON that parsers stumble over: as a body, and within an event."""
    head = b'{"event": "product.updated", "timestamp": "2024-06-01T00:05:30Z", "data": '
    seen = Counter()
    for path in sorted((shared / "data/vectors/json-parsing").glob("*.json")):
        vector = path.read_bytes()
        with pytest.raises(MalformedDataError):
            webhooks.unwrap(vector, headers_for(vector), SECRET, now=NOW)
        for within in (vector, b'{"changes": %b}' % vector, b'{"new": %b}' % vector):
            body = head + within + b"}"
            try:
                extra = webhooks.unwrap(body, headers_for(body), SECRET, now=NOW).data.extra
            except MalformedDataError:
                # What is JSON is refused only where it stands for the event's data and is no object.
                assert path.name[0] != "y" or (within is vector and vector.strip()[:1] != b"{")
            else:
                assert path.name[0] != "n"
                seen[path.name[0], bool(extra)] += 1
    assert seen["y", True] > 40


@pytest.mark.shared
def test_naughty_strings_travel_through_the_inbox(shared: Path, make_receiver):
    [path] = (shared / "data/vectors/naughty-strings").glob("*.json")
    texts = json.loads(path.read_text("utf-8"))
    receiver = make_receiver()
    seen = []
    receiver.on("*", name="seen")(lambda event: seen.append(event.data.sku))
    for text in texts[:60]:
        body = json.dumps(
            {
                "event": "product.deleted",
                "timestamp": NOW.isoformat(),
                "data": {"product_id": text, "sku": text},
            }
        ).encode()
        assert receiver.receive(body, headers_for(body)).status in {200, 202}
    receiver.process_pending()
    assert sorted(seen) == sorted(set(texts[:60]))


def test_the_fuzz_s_own_signer_agrees_with_the_documented_code():
    body = b"{}"
    assert (
        headers_for(body)["X-Webhook-Signature"]
        == hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    )

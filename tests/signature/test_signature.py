"""Webhook signatures: published vectors, hostile headers, rotation."""

import hashlib
import hmac
import json
import secrets as tokens
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkeditor._secret import Secret
from bulkeditor.errors import InvalidInputError, WebhookVerificationError
from bulkeditor.signature import SigningSecret, sign, sign_standard, verify, verify_standard

BODY = b'{"event": "bulk_job.completed", "data": {"job_id": "job_123"}}'
SECRET = "your_webhook_secret"
NOW = datetime(2024, 6, 1, 0, 5, 30, tzinfo=UTC)


def reference(body: bytes, key: bytes) -> str:
    """The documented verification code, in Python."""
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def load(path: Path) -> list[dict]:
    return json.loads(path.read_text())["cases"]


# ---- X-Webhook-Signature ----


@pytest.mark.shared
def test_rfc_4231_vectors(shared: Path):
    cases = load(shared / "data/vectors/hmac/rfc4231-sha256.json")
    for case in cases:
        key, message = bytes.fromhex(case["key_hex"]), bytes.fromhex(case["msg_hex"])
        assert sign(message, key) == case["hmac_sha256_hex"]
        verify(message, case["hmac_sha256_hex"], [key])
        verify(message, case["hmac_sha256_hex"].upper(), [SigningSecret(key)])
        assert SigningSecret(key).digest(message).hex() == case["hmac_sha256_hex"]
    assert len(cases) == 6
    # Shorter than a block of the hash, and longer: then the key itself is hashed first.
    assert {len(bytes.fromhex(case["key_hex"])) > 64 for case in cases} == {True, False}


@pytest.mark.shared
def test_github_vectors_but_the_prefix_is_optional_here(shared: Path):
    for case in load(shared / "data/vectors/webhooks/github.json"):
        header = case["header"]["X-Hub-Signature-256"]
        genuine = case["valid"] or "without the sha256= prefix" in case["name"]
        if genuine:
            verify(case["payload"].encode(), header, case["secret"])
        else:
            with pytest.raises(WebhookVerificationError):
                verify(case["payload"].encode(), header, case["secret"])


@pytest.mark.shared
def test_shopify_vectors_of_the_same_primitive(shared: Path):
    cases = [case for case in load(shared / "data/vectors/webhooks/shopify-query-hmac.json") if case["valid"]]
    for case in cases:
        verify(case["signed_text"].encode(), case["hmac"], [case["secret"]])
    assert len(cases) == 3


@given(st.binary(max_size=200), st.text(min_size=1, max_size=80).filter(lambda s: s.isprintable()))
def test_what_is_signed_verifies_and_nothing_else_does(body: bytes, secret: str):
    signature = sign(body, secret)
    assert signature == reference(body, secret.encode())
    verify(body, signature, [secret])
    for other_body, other_secret in ((body + b" ", secret), (body, secret + "x")):
        with pytest.raises(WebhookVerificationError):
            verify(other_body, signature, [other_secret])


@pytest.mark.parametrize(
    "dress",
    [
        str.upper,
        lambda s: f"sha256={s}",
        lambda s: f"SHA256={s.upper()}",
        lambda s: f"  {s}\r\n",
        str.encode,
    ],
)
def test_harmless_forms_of_the_header_are_accepted(dress):
    verify(BODY, dress(sign(BODY, SECRET)), SECRET)


GARBAGE = [
    None,
    "",
    b"",
    " ",
    "é" * 64,
    "\ud800" * 64,
    "\u0660" * 64,
    b"\xff\xfe" * 32,
    "0" * 64,
    "0" * 63,
    "f" * 10_000_000,
    "sha256=",
    "sha1=" + "0" * 40,
    "sha256=sha256=" + reference(BODY, SECRET.encode()),
    reference(BODY, SECRET.encode())[:-1],
    reference(BODY, SECRET.encode()) + "0",
    reference(BODY, SECRET.encode()) + "\x00",
    reference(BODY, b""),
    12345,
    ["0" * 64],
    {"signature": "x"},
]


@pytest.mark.parametrize("signature", GARBAGE, ids=lambda value: repr(value)[:24])
def test_any_garbage_is_one_kind_of_error(signature):
    with pytest.raises(WebhookVerificationError) as caught:
        verify(BODY, signature, [SECRET, Secret("previous")])
    assert len(str(caught.value)) < 400
    assert SECRET not in str(caught.value)
    assert reference(BODY, SECRET.encode()) not in str(caught.value)


@given(st.one_of(st.text(), st.binary(), st.none()))
def test_fuzzed_headers_are_one_kind_of_error(signature):
    with pytest.raises(WebhookVerificationError):
        verify(BODY, signature, [SECRET])


def test_during_a_rotation_either_secret_is_accepted():
    secrets = [Secret("current"), "previous"]
    verify(BODY, sign(BODY, "current"), secrets)
    verify(BODY, sign(BODY, "previous"), secrets)
    with pytest.raises(WebhookVerificationError):
        verify(BODY, sign(BODY, "the one before"), secrets)


def test_a_lone_secret_is_one_secret_not_a_list_of_letters():
    for letter in set(SECRET):
        with pytest.raises(WebhookVerificationError):
            verify(BODY, sign(BODY, letter), SECRET)


@pytest.mark.parametrize("secrets", [[], (), "", b"", [""], [Secret("")], ["", b""]])
def test_without_a_secret_nothing_verifies(secrets):
    with pytest.raises(WebhookVerificationError, match="No webhook secret"):
        verify(BODY, reference(BODY, b""), secrets)


def test_signing_with_an_empty_secret_is_refused():
    for signing in (lambda: sign(BODY, ""), lambda: sign_standard("msg_1", 1, BODY, "")):
        with pytest.raises(InvalidInputError, match="empty"):
            signing()


@pytest.mark.parametrize("body", [BODY.decode(), {"event": "x"}, bytearray(BODY), None])
def test_a_body_that_is_not_the_raw_bytes_is_explained(body):
    for call in (
        lambda: sign(body, SECRET),
        lambda: verify(body, "0" * 64, SECRET),
        lambda: sign_standard("msg_1", 1, body, SECRET),
        lambda: verify_standard(body, msg_id="m", timestamp="1", signature="v1,x", secrets=SECRET, now=NOW),
    ):
        with pytest.raises(TypeError, match="raw bytes"):
            call()


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=300), st.binary(max_size=300))
def test_a_prepared_secret_gives_the_same_digests(key: bytes, one: bytes, other: bytes):
    secret = SigningSecret(key)
    # Again and again, in any order: nothing of one body is left for the next.
    for body in (one, other, one):
        assert secret.digest(body) == hmac.digest(key, body, "sha256")
        assert secret.standard_digests(body) == [hmac.digest(key, body, "sha256")]


def test_a_prepared_secret_shows_nothing_and_ends():
    secret = SigningSecret("whsec_c2VjcmV0", id="current", not_after=NOW)
    assert "c2VjcmV0" not in f"{secret} {secret!r}"
    signature = sign(BODY, "whsec_c2VjcmV0")
    assert verify(BODY, signature, [secret], now=NOW) == "current"
    with pytest.raises(WebhookVerificationError, match="in force"):
        verify(BODY, signature, [secret], now=NOW + timedelta(microseconds=1))
    assert verify(BODY, signature, ["other", secret, "whsec_c2VjcmV0"], now=NOW) == "current"
    assert verify(BODY, signature, ["other", "whsec_c2VjcmV0", secret], now=NOW) == "1"
    # The end counts by this machine's clock when no other is given.
    assert verify(
        BODY, signature, SigningSecret("whsec_c2VjcmV0", not_after=datetime.now(UTC) + timedelta(hours=1))
    )
    with pytest.raises(InvalidInputError, match="not_after"):
        SigningSecret("x", not_after=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("secrets", [None, [None], SigningSecret(""), [SigningSecret(b""), None, ""]])
def test_what_a_missing_environment_variable_gives_verifies_nothing(secrets):
    with pytest.raises(WebhookVerificationError, match="No webhook secret"):
        verify(BODY, reference(BODY, b""), secrets)


# ---- Standard Webhooks ----


@pytest.mark.shared
def test_standard_webhooks_vectors(shared: Path):
    cases = load(shared / "data/vectors/webhooks/standard-webhooks.json")
    for case in cases:
        headers = case["headers"]
        arguments = {
            "msg_id": headers.get("webhook-id"),
            "timestamp": headers.get("webhook-timestamp"),
            "signature": headers.get("webhook-signature"),
            "secrets": [case["secret"]],
            "now": datetime.fromtimestamp(case["now"], UTC),
        }
        for secrets in ([case["secret"]], SigningSecret(case["secret"])):
            arguments["secrets"] = secrets
            if case["valid"]:
                verify_standard(case["payload"].encode(), **arguments)
            else:
                with pytest.raises(WebhookVerificationError):
                    verify_standard(case["payload"].encode(), **arguments)
    assert len(cases) == 14


@pytest.mark.shared
def test_the_published_standard_signature_is_computed(shared: Path):
    case = load(shared / "data/vectors/webhooks/standard-webhooks.json")[0]
    headers = case["headers"]
    signature = sign_standard(
        headers["webhook-id"], int(headers["webhook-timestamp"]), case["payload"].encode(), case["secret"]
    )
    assert signature == headers["webhook-signature"]


@pytest.mark.parametrize(
    "secret", ["your_webhook_secret", "whsec_" + "TUZLUTlyOEdLWXFyVHdqVVBEOElMUFpJ", b"\x00\xffkey"]
)
def test_standard_round_trip_with_every_kind_of_secret(secret):
    signature = sign_standard("msg_1", int(NOW.timestamp()), BODY, secret)
    headers = {"msg_id": "msg_1", "timestamp": str(int(NOW.timestamp())), "now": NOW}
    verify_standard(BODY, signature=signature, secrets=[secret], **headers)
    verify_standard(BODY, signature=f"v1a,zzz {signature}", secrets=["other", secret], **headers)
    for changed in ({"msg_id": "msg_2"}, {"timestamp": str(int(NOW.timestamp()) + 1)}):
        with pytest.raises(WebhookVerificationError):
            verify_standard(BODY, signature=signature, secrets=[secret], **(headers | changed))


@pytest.mark.parametrize(
    ("offset", "fresh"), [(0, True), (-300, True), (300, True), (-301, False), (301, False)]
)
def test_the_window_has_two_sides(offset: int, fresh: bool):
    stamp = int(NOW.timestamp()) + offset
    call = {
        "msg_id": "msg_1",
        "timestamp": str(stamp),
        "signature": sign_standard("msg_1", stamp, BODY, SECRET),
        "secrets": SECRET,
        # The same instant, seen from elsewhere.
        "now": NOW.astimezone(timezone(timedelta(hours=9))),
    }
    if fresh:
        verify_standard(BODY, **call)
    else:
        with pytest.raises(WebhookVerificationError, match="300 seconds"):
            verify_standard(BODY, **call)


@pytest.mark.parametrize(
    "timestamp", [None, "", "hello", "-1", "1e9", "١٢٣", "9" * 5000, "1.5", " 1717200330", 1717200330]
)
def test_malformed_timestamps_are_one_kind_of_error(timestamp):
    with pytest.raises(WebhookVerificationError, match="webhook-timestamp"):
        verify_standard(BODY, msg_id="m", timestamp=timestamp, signature="v1,x", secrets=SECRET, now=NOW)


@pytest.mark.parametrize("msg_id", [None, "", "x" * 100_000, "\ud800", 7])
def test_malformed_ids_are_one_kind_of_error(msg_id):
    stamp = str(int(NOW.timestamp()))
    with pytest.raises(WebhookVerificationError, match="webhook-id"):
        verify_standard(BODY, msg_id=msg_id, timestamp=stamp, signature="v1,x", secrets=SECRET, now=NOW)


@given(st.one_of(st.text(), st.binary(), st.none()))
def test_fuzzed_standard_headers_are_one_kind_of_error(signature):
    stamp = str(int(NOW.timestamp()))
    with pytest.raises(WebhookVerificationError):
        verify_standard(
            BODY, msg_id="m", timestamp=stamp, signature=signature, secrets=[SECRET, "whsec_!"], now=NOW
        )


def test_a_now_without_a_zone_is_refused():
    with pytest.raises(InvalidInputError, match="time zone"):
        verify_standard(
            BODY, msg_id="m", timestamp="1", signature="v1,x", secrets=SECRET, now=NOW.replace(tzinfo=None)
        )


def test_every_comparison_is_constant_time(monkeypatch):
    compared = []
    genuine = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or genuine(a, b))
    keys = [tokens.token_hex() for _ in range(3)]
    verify(BODY, sign(BODY, keys[0]), keys)
    # No early exit, and bytes only: text outside ASCII would be a TypeError.
    assert len(compared) == 3
    assert all(type(a) is bytes and type(b) is bytes for a, b in compared)

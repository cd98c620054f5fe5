"""The one decision on repeats, and the documented policy that it reads."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkeditor.errors import (
    DeadlineExceededError,
    InvalidInputError,
    RequestTimeoutError,
    TransportError,
)
from bulkeditor.http import GiveUp, Request, Response, RetryPolicy, Wait, decide, parse_retry_after

NOW = datetime(2025, 1, 1, tzinfo=UTC)
GET = Request(method="GET", path="/x", operation="products.list")
WRITE = Request(method="POST", path="/x", operation="bulk_jobs.create", write=True, idempotent=False)
KEYED = Request(
    method="POST",
    path="/x",
    operation="bulk_jobs.create",
    write=True,
    idempotent=False,
    idempotency_key="k",
)


def answer(status, request=GET, content=b"", **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=fields, content=content, request=request)


LOST = TransportError("lost", sent=True)
UNSENT = TransportError("refused", sent=False)
SLOW = RequestTimeoutError("slow", sent=True)


@pytest.mark.parametrize("outcome", [LOST, SLOW, answer(500), answer(502), answer(503), answer(504)])
@pytest.mark.parametrize(
    ("request_", "honoured", "repeated"),
    [
        (GET, None, True),
        (GET, False, True),
        (WRITE, None, False),
        (WRITE, True, False),
        (KEYED, None, False),
        (KEYED, False, False),
        (KEYED, True, True),
    ],
)
def test_a_write_that_may_have_been_sent_is_repeated_only_under_an_honoured_key(
    outcome, request_, honoured, repeated
):
    verdict = decide(1, request_, outcome, RetryPolicy(), 0.5, honoured=honoured, now=NOW)
    assert isinstance(verdict, Wait) is repeated
    if not repeated:
        assert "twice" in verdict.reason


@pytest.mark.parametrize("request_", [GET, WRITE, KEYED])
@pytest.mark.parametrize("outcome", [UNSENT, RequestTimeoutError("no connection", sent=False), answer(429)])
def test_what_provably_had_no_effect_is_always_repeated(request_, outcome):
    assert isinstance(decide(1, request_, outcome, RetryPolicy(), 0.5, now=NOW), Wait)


@pytest.mark.parametrize(
    "status", [200, 201, 204, 301, 400, 401, 403, 404, 405, 409, 412, 413, 422, 501, 505]
)
def test_what_a_repeat_cannot_change_is_not_repeated(status):
    assert isinstance(decide(1, GET, answer(status), RetryPolicy(), 0.5, now=NOW), GiveUp)


def test_a_deadline_is_final():
    late = DeadlineExceededError("late", sent=False)
    assert isinstance(decide(1, GET, late, RetryPolicy(), 0.5, now=NOW), GiveUp)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("network_error", LOST),
        ("timeout", SLOW),
        ("timeout", answer(408)),
        ("rate_limit", answer(429)),
        ("server_error", answer(503)),
    ],
)
def test_each_name_of_retry_on_switches_its_own_failures(name, outcome):
    others = tuple(kind for kind in RetryPolicy().retry_on if kind != name)
    assert isinstance(decide(1, GET, outcome, RetryPolicy(retry_on=(name,)), 0.5, now=NOW), Wait)
    verdict = decide(1, GET, outcome, RetryPolicy(retry_on=others), 0.5, now=NOW)
    assert verdict == GiveUp(reason=f"{name} is not in retry_on", retry_after=None)


@pytest.mark.parametrize(
    ("strategy", "bounds"),
    [
        ("exponential", [1, 2, 4, 8, 16, 30, 30]),
        ("linear", [1, 2, 3, 4, 5, 6, 7]),
        ("fixed", [1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_the_backoff_strategies(strategy, bounds):
    policy = RetryPolicy(backoff_strategy=strategy, max_retries=7)
    waits = [decide(n, GET, LOST, policy, 1.0, now=NOW).seconds for n in range(1, 8)]
    assert waits == bounds


def test_retry_after_is_waited_for_exactly_up_to_its_cap():
    policy = RetryPolicy(max_retry_after=5000)
    assert decide(1, GET, answer(429, retry_after="5"), policy, 0.1, now=NOW).seconds == 5
    assert decide(1, GET, answer(503, retry_after="2.5"), policy, 0.1, now=NOW).seconds == 2.5
    refused = decide(1, GET, answer(429, retry_after="6"), policy, 0.1, now=NOW)
    assert isinstance(refused, GiveUp)
    assert refused.retry_after == 6


def test_a_429_without_retry_after_takes_the_reset_header_then_the_configured_delay():
    assert decide(1, GET, answer(429, x_ratelimit_reset="7"), RetryPolicy(), 0.5, now=NOW).seconds == 7
    assert decide(1, GET, answer(429), RetryPolicy(), 0.5, now=NOW).seconds == 60
    assert decide(1, GET, answer(429), RetryPolicy(rate_limit_delay=10), 0.5, now=NOW).seconds == 0.01


def test_a_reset_that_is_a_timestamp_is_not_taken_for_seconds():
    assert (
        decide(1, GET, answer(429, x_ratelimit_reset="1735689660"), RetryPolicy(), 0.5, now=NOW).seconds == 60
    )


def test_a_first_attempt_that_still_runs_under_the_key_is_asked_for_again():
    body = b'{"error":{"code":"idempotency_in_progress"}}'
    busy = answer(409, KEYED, body, retry_after="1")
    assert decide(1, KEYED, busy, RetryPolicy(retry_on=()), 0.5, now=NOW) == Wait(
        seconds=1, reason="in_progress", retry_after=True
    )
    assert isinstance(decide(1, KEYED, answer(409, KEYED, b"{}"), RetryPolicy(), 0.5, now=NOW), GiveUp)


policies = st.builds(
    RetryPolicy,
    max_retries=st.integers(0, 10),
    backoff_strategy=st.sampled_from(["exponential", "linear", "fixed"]),
    base_delay=st.integers(0, 100_000),
    max_delay=st.integers(0, 100_000),
    rate_limit_delay=st.integers(0, 100_000),
    max_retry_after=st.integers(0, 100_000),
)
outcomes = st.one_of(
    st.sampled_from([LOST, UNSENT, SLOW]),
    st.builds(
        lambda status, header: answer(status, **({} if header is None else {"retry_after": header})),
        st.integers(100, 599),
        st.one_of(st.none(), st.text(max_size=30), st.integers(0, 10**9).map(str)),
    ),
)


@given(
    attempt=st.integers(1, 2000),
    request=st.sampled_from([GET, WRITE, KEYED]),
    outcome=outcomes,
    policy=policies,
    rnd=st.floats(0, 1),
    honoured=st.sampled_from([None, True, False]),
)
def test_no_decision_breaks_a_limit(  # noqa: PLR0917 - what hypothesis draws
    attempt, request, outcome, policy, rnd, honoured
):
    verdict = decide(attempt, request, outcome, policy, rnd, honoured=honoured, now=NOW)
    if isinstance(verdict, GiveUp):
        return
    assert attempt <= policy.max_retries
    assert verdict.seconds >= 0
    longest = max(policy.max_delay, policy.max_retry_after, policy.rate_limit_delay) / 1000
    assert verdict.seconds <= longest
    if request is not GET and not (request is KEYED and honoured):
        assert outcome is UNSENT or outcome.status == 429


@given(policy=policies, attempt=st.integers(1, 5000))
def test_bounds_grow_and_stay_below_the_cap(policy, attempt):
    assert 0 <= policy.bound(attempt) <= policy.bound(attempt + 1) <= policy.max_delay / 1000


# --- the documented JSON


def test_the_documented_policy_is_read_as_it_stands():
    documented = {
        "retry_policy": {
            "max_retries": 3,
            "backoff_strategy": "exponential",
            "base_delay": 1000,
            "max_delay": 30000,
            "retry_on": ["network_error", "timeout", "rate_limit", "server_error"],
        }
    }
    assert RetryPolicy.from_config(documented) == RetryPolicy()
    assert RetryPolicy.from_config(documented["retry_policy"]) == RetryPolicy()
    assert RetryPolicy.from_config({"max_retries": 6}).max_retries == 6


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"max_retry": 3}, "'max_retry'"),
        ({"retry_policy": 3}, "int"),
        ({"retry_on": ["network", "timeout"]}, "'network'"),
        ({"retry_on": "timeout"}, "'timeout'"),
        ({"backoff_strategy": "quadratic"}, "'quadratic'"),
        ({"base_delay": -1}, "base_delay"),
        ({"max_delay": "1s"}, "max_delay"),
        ({"max_delay": float("nan")}, "max_delay"),
        ({"max_delay": float("inf")}, "max_delay"),
        ({"max_retries": 1.5}, "max_retries"),
        ({"max_retries": True}, "max_retries"),
    ],
)
def test_a_wrong_policy_is_named(config, named):
    with pytest.raises(InvalidInputError) as caught:
        RetryPolicy.from_config(config)
    assert named in str(caught.value)


# --- Retry-After

# Accepted by design: servers send decimal seconds, and they can mean only one thing.
OURS = {"1.0": 1.0}


@pytest.mark.shared
def test_the_published_vectors(shared: Path):
    vectors = json.loads((shared / "data/vectors/retry-after/urllib3.json").read_text())
    assert len(vectors["cases"]) == 13
    for case in [*vectors["cases"], *vectors["rfc9110_examples"], *vectors["cap"]["cases"][:1]]:
        now = datetime.fromisoformat(case.get("now", vectors["now"]))
        expected = OURS.get(case["header"], None if case.get("invalid") else case["seconds"])
        assert parse_retry_after(case["header"], now) == expected, case


@pytest.mark.parametrize("zone", ["UTC", "Asia/Jerusalem", "America/New_York"])
def test_dates_are_utc_whatever_the_local_zone(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        now = datetime(2019, 6, 3, 11, 0, tzinfo=UTC)
        for text in (
            "Mon, 03 Jun 2019 11:30:12 GMT",
            "Monday, 03-Jun-19 11:30:12 GMT",
            "Mon Jun  3 11:30:12 2019",
        ):
            assert parse_retry_after(text, now) == 1812
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text", ["", " ", "-1", "+1", "²", "٣", "1e3", "0x10", "1.", ".5", "1,5", "soon", "1 2", "NaN"]
)
def test_nonsense_counts_as_absent(text):
    assert parse_retry_after(text, NOW) is None


@given(st.text(max_size=80))
def test_no_header_value_raises(text):
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or seconds >= 0


@given(st.integers(915_148_800, 2_524_608_000))
def test_an_imf_date_is_read_to_the_second(moment):
    moment = datetime.fromtimestamp(moment, UTC)
    text = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert parse_retry_after(text, moment - timedelta(seconds=90)) == 90
    assert parse_retry_after(text, moment + timedelta(seconds=1)) == 0


def test_without_a_wait_of_its_own_a_429_that_names_none_is_waited_for_as_other_failures_are():
    policy = RetryPolicy(rate_limit_delay=None, base_delay=1000)
    waits = [decide(n, GET, answer(429), policy, 0.5, now=NOW).seconds for n in (1, 2, 3)]
    assert waits == [0.5, 1, 2]
    assert decide(1, GET, answer(429, retry_after="7"), policy, 0.5, now=NOW).seconds == 7

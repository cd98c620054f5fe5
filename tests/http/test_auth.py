"""Credentials: how they are read, sent, renewed once, and kept out of sight."""

import asyncio
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from bulkeditor import Secret
from bulkeditor.errors import (
    AuthenticationError,
    BulkEditorError,
    ConfigurationError,
    DeadlineExceededError,
    ServerError,
    UnexpectedResponseError,
)
from bulkeditor.http import APIKey, Auth, Bearer, OAuth2, Request, Response, RetryPolicy, SystemClock, Token
from bulkeditor.http.auth import Attempt

NOW = datetime(2025, 1, 1, tzinfo=UTC)
ATTEMPT = Attempt(NOW, lambda: "https://x.test/")


class TokenServer:
    """An API and its token endpoint: issues t1, t2 …, accepts only those in ``valid``."""

    def __init__(self, reply, *, refresh=False, expires_in=3600, gate=None):
        self.reply, self.refresh, self.expires_in, self.gate = reply, refresh, expires_in, gate
        self.issued = 0
        self.valid = set()
        self.forms = []
        self.refuse = False
        self.refuse_refresh = False

    def __call__(self, seen):
        if seen.target == "/oauth/token":
            return self.token(seen)
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        return (
            self.reply() if token in self.valid else self.reply(401, b'{"error":{"code":"unauthenticated"}}')
        )

    def token(self, seen):
        form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        self.forms.append(form)
        if self.refuse or (self.refuse_refresh and form["grant_type"] == "refresh_token"):
            return self.reply(
                400, b'{"error":"invalid_grant","error_description":"no longer"}', gate=self.gate
            )
        self.issued += 1
        token = f"t{self.issued}"
        self.valid.add(token)
        answer = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": "read:products",
        }
        if self.refresh:
            answer["refresh_token"] = f"r{self.issued}"
        return self.reply(body=json.dumps(answer).encode(), gate=self.gate)


def oauth(**more):
    return OAuth2("client", "s3cret", "/oauth/token", scopes=("read:products",), **more)


def test_client_credentials(bench, reply, ask):
    api = TokenServer(reply)
    server = bench.serve(api)
    session = bench.open(server, auth=oauth())
    for _ in range(3):
        assert bench.run(session, ask()).status == 200
    assert api.forms == [
        {
            "grant_type": "client_credentials",
            "client_id": "client",
            "client_secret": "s3cret",
            "scope": "read:products",
        }
    ]
    assert server.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in server.requests[0].headers
    assert server.requests[1].headers["authorization"] == "Bearer t1"


def test_an_expiring_token_is_renewed_before_it_ends(bench, reply, ask):
    api = TokenServer(reply, expires_in=100)
    session = bench.open(bench.serve(api), auth=oauth())
    bench.run(session, ask())
    bench.clock.advance(80)
    bench.run(session, ask())
    assert api.issued == 1
    bench.clock.advance(15)
    bench.run(session, ask())
    assert api.issued == 2


def test_a_revoked_token_is_renewed_once_also_for_a_write(bench, reply, ask, write):
    api = TokenServer(reply)
    server = bench.serve(api)
    session = bench.open(server, auth=oauth())
    bench.run(session, ask())
    api.valid.clear()
    assert bench.run(session, write()).status == 200
    assert api.issued == 2
    assert len(bench.clock.slept) == 0


def test_a_token_refused_twice_is_an_error(bench, reply, ask):
    api = TokenServer(reply)
    server = bench.serve(lambda seen: api(seen) if seen.target == "/oauth/token" else reply(401))
    with pytest.raises(AuthenticationError):
        bench.run(bench.open(server, auth=oauth()), ask())
    assert api.issued == 2


def test_refresh_tokens_are_used_and_rotated(bench, reply, ask):
    api = TokenServer(reply, refresh=True, expires_in=100)
    session = bench.open(bench.serve(api), auth=oauth(refresh_token="r0"))
    for _ in range(3):
        bench.run(session, ask())
        bench.clock.advance(100)
    assert [(form["grant_type"], form.get("refresh_token")) for form in api.forms] == [
        ("refresh_token", "r0"),
        ("refresh_token", "r1"),
        ("refresh_token", "r2"),
    ]


def test_a_refresh_token_that_is_not_replaced_goes_on(bench, reply, ask):
    api = TokenServer(reply, expires_in=100)
    session = bench.open(bench.serve(api), auth=oauth(refresh_token="r0"))
    for _ in range(2):
        bench.run(session, ask())
        bench.clock.advance(100)
    assert [form.get("refresh_token") for form in api.forms] == ["r0", "r0"]


def test_a_refused_refresh_falls_back_to_the_client(bench, reply, ask):
    api = TokenServer(reply, refresh=True, expires_in=100)
    session = bench.open(bench.serve(api), auth=oauth(refresh_token="spent"))
    api.refuse_refresh = True
    bench.run(session, ask())
    assert [form["grant_type"] for form in api.forms] == ["refresh_token", "client_credentials"]


def test_many_callers_share_one_renewal(bench, reply, ask):
    gate = threading.Event()
    api = TokenServer(reply, gate=gate)
    server = bench.serve(api)
    session = bench.open(server, auth=oauth(), clock=SystemClock())
    threading.Timer(0.1, gate.set).start()
    results = bench.together(session, [ask() for _ in range(12)])
    assert [result.status for result in results] == [200] * 12
    assert api.issued == 1
    api.valid.clear()
    results = bench.together(session, [ask() for _ in range(12)])
    assert [result.status for result in results] == [200] * 12
    assert api.issued == 2


def test_a_refused_renewal_is_everybodys_error_and_poisons_nothing(bench, reply, ask):
    gate = threading.Event()
    api = TokenServer(reply, gate=gate)
    api.refuse = True
    session = bench.open(bench.serve(api), auth=oauth(), clock=SystemClock())
    threading.Timer(0.1, gate.set).start()
    results = bench.together(session, [ask() for _ in range(8)])
    assert [type(result) for result in results] == [AuthenticationError] * 8
    assert all(result.code == "invalid_grant" for result in results)
    assert len({id(result) for result in results}) == 8
    assert len(api.forms) < 8
    api.refuse = False
    assert bench.run(session, ask()).status == 200


def test_a_caller_in_a_hurry_does_not_spoil_the_renewal_for_others(bench, reply, ask):
    gate = threading.Event()
    api = TokenServer(reply, gate=gate)
    session = bench.open(
        bench.serve(api), auth=oauth(), clock=SystemClock(), retry=RetryPolicy(max_retries=0)
    )
    hasty = bench.keep(session.with_config(deadline=0.15))
    timer = threading.Timer(0.5, gate.set)
    timer.start()
    if bench.name == "blocking":
        results = {}

        def work(name, one):
            try:
                results[name] = one.run(ask())
            except BulkEditorError as error:
                results[name] = error

        threads = [
            threading.Thread(target=work, args=item) for item in (("hasty", hasty), ("patient", session))
        ]
        threads[0].start()
        while not api.forms:
            time.sleep(0.001)
        threads[1].start()
        for thread in threads:
            thread.join()
        first, second = results["hasty"], results["patient"]
    else:

        async def both():
            return await asyncio.gather(hasty.run(ask()), session.run(ask()), return_exceptions=True)

        first, second = bench.twin.runner.run(both())
    assert isinstance(first, DeadlineExceededError)
    assert second.status == 200
    timer.join()


def test_the_token_endpoint_on_another_host_gets_no_api_credentials(bench, reply, ask):
    elsewhere = TokenServer(reply)
    issuer = bench.serve(elsewhere)
    server = bench.serve(lambda seen: reply(200 if seen.headers["authorization"] == "Bearer t1" else 401))
    auth = OAuth2("client", "s3cret", issuer.url + "/oauth/token")
    session = bench.open(server, auth=auth, read_only=True)
    assert bench.run(session, ask()).status == 200
    assert "authorization" not in issuer.requests[0].headers
    assert len(server.requests) == 1


def test_a_token_endpoint_that_fails_is_a_server_error(bench, reply, ask):
    server = bench.serve(lambda _: reply(503))
    with pytest.raises(ServerError) as caught:
        bench.run(bench.open(server, auth=oauth()), ask())
    assert caught.value.operation == "oauth.token"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>login</html>",
        b"[]",
        b"{}",
        b'{"access_token": 5}',
        b'{"access_token": ""}',
        b'{"access_token": "a\\nb"}',
    ],
)
def test_a_token_answer_that_is_none(bench, reply, ask, body):
    server = bench.serve(lambda _: reply(body=body))
    with pytest.raises(UnexpectedResponseError, match="cannot be used") as caught:
        bench.run(bench.open(server, auth=oauth()), ask())
    assert "a\nb" not in str(caught.value)


@pytest.mark.parametrize("expires", [0, -5, None, "60", 1e9, 1e300, "soon", [], True])
def test_odd_lifetimes(bench, reply, ask, expires):
    api = TokenServer(reply, expires_in=expires)
    session = bench.open(bench.serve(api), auth=oauth())
    bench.run(session, ask())
    bench.run(session, ask())
    assert api.issued == 1


def test_tokens_never_reach_raw_responses(bench, reply, ask):
    session = bench.open(bench.serve(TokenServer(reply)), auth=oauth())
    responses = bench.captured(session, lambda: bench.run(session, ask()))
    assert [response.request.operation for response in responses] == ["products.list"]


# --- keys


def test_a_key_from_a_vault_is_fetched_once_and_again_when_refused(bench, reply, ask):
    vault = iter(["old", "new"])
    server = bench.serve(lambda seen: reply(200 if seen.headers["x-api-key"] == "new" else 401))
    session = bench.open(server, auth=APIKey(lambda: next(vault)))
    assert bench.run(session, ask()).status == 200
    assert bench.run(session, ask()).status == 200
    assert [seen.headers["x-api-key"] for seen in server.requests] == ["old", "new", "new"]


def test_a_fixed_key_is_not_tried_twice(bench, reply, ask):
    server = bench.serve(lambda _: reply(401))
    with pytest.raises(AuthenticationError):
        bench.run(bench.open(server, auth=APIKey("old")), ask())
    assert len(server.requests) == 1


def test_a_key_from_the_environment(bench, reply, ask, monkeypatch):
    server = bench.serve(lambda _: reply())
    session = bench.open(server, auth=APIKey(env="MY_TOKEN", header="X-Token"))
    with pytest.raises(ConfigurationError, match="MY_TOKEN"):
        bench.run(session, ask())
    monkeypatch.setenv("MY_TOKEN", "abc")
    bench.run(session, ask())
    assert server.requests[0].headers["x-token"] == "abc"


def test_a_vault_that_fails_passes_its_error_on(bench, reply, ask):
    def vault():
        raise PermissionError("vault is sealed")

    session = bench.open(bench.serve([]), auth=APIKey(vault))
    with pytest.raises(PermissionError):
        bench.run(session, ask())
    with pytest.raises(PermissionError):
        bench.run(session, ask())


@pytest.mark.parametrize("value", ["", "hunter2\n", " hunter2", "hunter2ä", "hunter2\x00b"])
@pytest.mark.parametrize("cls", [APIKey, Bearer])
def test_a_credential_that_no_header_carries_is_refused_unseen(cls, value):
    with pytest.raises(ConfigurationError) as caught:
        cls(value)
    assert "hunter2" not in str(caught.value)


def test_missing_parts_are_named():
    with pytest.raises(ConfigurationError, match="key"):
        APIKey()
    with pytest.raises(ConfigurationError, match="client_id"):
        OAuth2("", "s", "/oauth/token")
    with pytest.raises(ConfigurationError, match="client_secret"):
        OAuth2("c", "", "/oauth/token")


def test_the_protocol_is_open_for_others(bench, reply, ask):
    class Signed:
        def stale(self, token, now):
            return token is None

        def renew(self, token, now):
            response = yield Request(method="POST", path="/session", operation="login", authenticated=False)
            return Token(value=Secret(response.json()["id"]))

        def sign(self, request, token, attempt):
            return request.with_header("X-Session", token.value.reveal())

        def refused(self, response):
            return response.status == 401

    assert isinstance(Signed(), Auth)
    server = bench.serve([reply(body=b'{"id": "s1"}'), reply()])
    bench.run(bench.open(server, auth=Signed()), ask())
    assert server.requests[1].headers["x-session"] == "s1"


# --- pure


def test_tokens_are_stale_shortly_before_they_end():
    token = Token(value=Secret("t"), expires_in=1000, obtained_at=NOW)
    auth = oauth()
    assert auth.stale(None, NOW)
    assert not auth.stale(token, NOW + timedelta(seconds=969))
    assert auth.stale(token, NOW + timedelta(seconds=970))
    short = Token(value=Secret("t"), expires_in=10, obtained_at=NOW)
    assert not auth.stale(short, NOW + timedelta(seconds=8.9))
    assert auth.stale(short, NOW + timedelta(seconds=9))
    assert not auth.stale(Token(value=Secret("t")), NOW)


@pytest.mark.parametrize(
    "auth", [APIKey("hunter2"), Bearer("hunter2"), OAuth2("me", "hunter2", "/t", refresh_token="hunter2")]
)
def test_credentials_do_not_show(auth):
    token = Token(value=Secret("hunter2"), refresh_token=Secret("hunter2"))
    signed = auth.sign(Request(method="GET", path="/", operation="x"), token, ATTEMPT)
    response = Response(status=200, headers={"set-cookie": "hunter2"}, content=b"hunter2", request=signed)
    for shown in (auth, token, signed, response):
        assert "hunter2" not in repr(shown)
        assert "hunter2" not in str(shown)


def test_signing_replaces_a_header_of_any_case():
    request = Request(method="GET", path="/", operation="x", headers={"authorization": "old", "X-Other": "1"})
    signed = Bearer("new").sign(request, Token(value=Secret("new")), ATTEMPT)
    assert signed.headers == {"X-Other": "1", "Authorization": "Bearer new"}
    assert request.headers["authorization"] == "old"

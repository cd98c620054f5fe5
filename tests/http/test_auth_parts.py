"""Credentials of other systems, each over real HTTP in both modes, against servers that check every word."""

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bulkeditor import Secret
from bulkeditor.errors import AuthenticationError, ConfigurationError, RequestTimeoutError
from bulkeditor.http import RetryPolicy, SystemClock
from bulkeditor.http.auth import (
    CSRF,
    APIKey,
    Basic,
    JWTBearer,
    OAuth1,
    OAuth2,
    OAuth2Refresh,
    SessionLogin,
    TokenFile,
)

FAST = RetryPolicy(base_delay=1, max_delay=2)

# --- user and password, keys with a prefix


def test_basic(bench, reply, ask):
    server = bench.serve(lambda _: reply())
    bench.run(bench.open(server, auth=Basic("Grüße", "pa:ss wörd")), ask())
    scheme, _, value = server.requests[0].headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", "Grüße:pa:ss wörd")


def test_a_wrong_password_is_sent_once(bench, reply, ask):
    server = bench.serve(lambda _: reply(401, b'{"error":{"message":"no: pa55w0rd is wrong"}}'))
    with pytest.raises(AuthenticationError) as caught:
        bench.run(bench.open(server, auth=Basic("me", "pa55w0rd")), ask())
    assert len(server.requests) == 1
    assert "pa55w0rd" not in str(caught.value) + caught.value.body


@pytest.mark.parametrize(("user", "password"), [("", "x"), ("a:b", "x"), ("me", "")])
def test_basic_refuses_what_cannot_work(user, password):
    with pytest.raises(ConfigurationError):
        Basic(user, password)


def test_a_key_with_a_prefix(bench, reply, ask):
    server = bench.serve(lambda _: reply())
    auth = APIKey("pk_1", header="Authorization", prefix="Klaviyo-API-Key ")
    bench.run(bench.open(server, auth=auth), ask())
    assert server.requests[0].headers["authorization"] == "Klaviyo-API-Key pk_1"


def test_a_client_that_names_itself_by_basic(bench, reply, ask):
    server = bench.serve(
        lambda seen: reply(body=b'{"access_token":"t"}') if seen.target == "/token" else reply()
    )
    bench.run(bench.open(server, auth=OAuth2("me", "s3", "/token", client_auth="basic")), ask())
    asked = server.requests[0]
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"me:s3").decode()
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"]}


# --- OAuth 1.0a


def oauth1_signature(method, url, params, consumer_secret, token_secret):
    """RFC 5849 §3.4, by hand: independent of the library that signs."""
    parts = urlsplit(url)
    everything = [*parse_qsl(parts.query, keep_blank_values=True), *params.items()]
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in everything)
    base = "&".join(
        quote(part, safe="~")
        for part in (
            method,
            f"{parts.scheme}://{parts.netloc}{parts.path}",
            "&".join(f"{name}={value}" for name, value in pairs),
        )
    )
    key = f"{quote(consumer_secret, safe='~')}&{quote(token_secret, safe='~')}"
    return base64.b64encode(hmac.digest(key.encode(), base.encode(), "sha256")).decode()


def test_nothing_that_is_signed_shows_in_the_log(caplog):
    caplog.set_level("DEBUG")
    auth = OAuth1("ck", "c-secret", "the-token", "t-secret")
    auth.authorization("GET", "https://example.com/x", timestamp=1, nonce="n")
    assert "the-token" not in caplog.text


class OAuth1Server:
    """Checks the signature, refuses every nonce that it has seen."""

    def __init__(self, reply, script=()):
        self.reply = reply
        self.script = list(script)
        self.url = ""
        self.nonces = []

    def __call__(self, seen):
        header = seen.headers["authorization"]
        assert header.startswith('OAuth realm="1234567_SB1", ')
        params = {name: unquote(value) for name, value in re.findall(r'(oauth_\w+)="([^"]*)"', header)}
        signature = params.pop("oauth_signature")
        expected = oauth1_signature(seen.method, self.url + seen.target, params, "c-secret", "t-secret")
        if signature != expected or params["oauth_nonce"] in self.nonces:
            return self.reply(401)
        self.nonces.append(params["oauth_nonce"])
        assert params["oauth_signature_method"] == "HMAC-SHA256"
        assert abs(int(params["oauth_timestamp"]) - datetime.now(UTC).timestamp()) < 300
        return self.script.pop(0) if self.script else self.reply()


def oauth1():
    return OAuth1("ck", "c-secret", "tk", "t-secret", realm="1234567_SB1")


@pytest.mark.shared
def test_oauth1_gives_the_published_signatures(shared):
    vectors = json.loads((shared / "vendor-specs/netsuite/tba-hmac-sha256-vectors.json").read_text("utf-8"))
    auth = OAuth1(
        vectors["consumer_key"],
        vectors["consumer_secret"],
        vectors["token"],
        vectors["token_secret"],
        realm=vectors["realm"],
    )
    assert len(vectors["vectors"]) >= 4
    for vector in vectors["vectors"]:
        header = auth.authorization(
            vector["method"],
            vector["url"],
            timestamp=int(vectors["timestamp"]),
            nonce=vectors["nonce"],
        )
        assert sorted(header.split(", ")) == sorted(vector["authorization"].split(", "))


def test_oauth1_signs_what_is_sent(bench, reply, ask):
    api = OAuth1Server(reply)
    server = bench.serve(api)
    api.url = server.url
    session = bench.open(server, auth=oauth1())
    query = (("q", 'lastModifiedDate ON_OR_AFTER "1/15/2026"'), ("limit", "1000"), ("ü", "a b+c/d&e"))
    assert bench.run(session, ask("/services/rest/record/v1/inventoryItem", params=query)).status == 200
    assert bench.run(session, ask("/a%20b?x=%2F&y", method="POST", content=b'{"q": 1}')).status == 200


def test_each_attempt_has_a_nonce_of_its_own(bench, reply, ask):
    api = OAuth1Server(reply, [reply(503), reply(429, headers={"Retry-After": "1"})])
    server = bench.serve(api)
    api.url = server.url
    assert bench.run(bench.open(server, auth=oauth1()), ask()).attempts == 3
    assert len(set(api.nonces)) == 3


# --- JWT

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key):
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


class JWTServer:
    """Issues a token for an assertion that the public key proves, once for each."""

    def __init__(self, reply, key, algorithm):
        self.reply, self.key, self.algorithm = reply, key, algorithm
        self.claims = []
        self.forms = []
        self.valid = set()

    def __call__(self, seen):
        if seen.target != "/token":
            known = seen.headers.get("authorization", "").removeprefix("Bearer ") in self.valid
            return self.reply() if known else self.reply(401)
        form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        self.forms.append(form)
        assertion = form.get("assertion") or form["client_assertion"]
        try:
            claims = jwt.decode(
                assertion,
                self.key.public_key(),
                algorithms=[self.algorithm],
                audience="https://login.test/token",
            )
        except jwt.PyJWTError as error:
            return self.reply(
                400, json.dumps({"error": "invalid_grant", "error_description": str(error)}).encode()
            )
        self.claims.append({**jwt.get_unverified_header(assertion), **claims})
        token = f"jwt-token-{len(self.claims)}"
        self.valid.add(token)
        return self.reply(body=json.dumps({"access_token": token, "expires_in": 3600}).encode())


def assertion_auth(key, algorithm, **more):
    return JWTBearer(
        issuer="client-1",
        key=pem(key),
        token_url="/token",
        audience="https://login.test/token",
        algorithm=algorithm,
        **more,
    )


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA_KEY, "RS256"), (RSA_KEY, "PS256"), (EC_KEY, "ES256")], ids=["RS", "PS", "ES"]
)
def test_an_assertion_is_proved_by_the_public_key(bench, reply, ask, key, algorithm):
    api = JWTServer(reply, key, algorithm)
    auth = assertion_auth(key, algorithm, key_id="cert-1", subject="me", scopes=["a", "b"])
    session = bench.open(bench.serve(api), auth=auth)
    bench.run(session, ask())
    (claims,) = api.claims
    assert claims["exp"] - claims["iat"] == 300
    assert (claims["kid"], claims["alg"], claims["typ"]) == ("cert-1", algorithm, "JWT")
    assert (claims["iss"], claims["sub"], claims["scope"]) == ("client-1", "me", "a b")
    assert api.forms[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    api.valid.clear()
    bench.run(session, ask())
    assert len(api.claims) == 2


def test_an_assertion_that_names_the_client(bench, reply, ask):
    api = JWTServer(reply, RSA_KEY, "PS256")
    auth = assertion_auth(
        RSA_KEY, "PS256", grant="client_credentials", claims={"scope": ["rest_webservices"]}
    )
    bench.run(bench.open(bench.serve(api), auth=auth), ask())
    assert set(api.forms[0]) == {"grant_type", "client_assertion_type", "client_assertion"}
    assert api.forms[0]["grant_type"] == "client_credentials"
    assert api.claims[0]["scope"] == ["rest_webservices"]


def test_an_assertion_signed_by_another_key_is_refused(bench, reply, ask):
    api = JWTServer(reply, rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")
    with pytest.raises(AuthenticationError, match=r"Signature verification failed.*\n.*this machine's clock"):
        bench.run(bench.open(bench.serve(api), auth=assertion_auth(RSA_KEY, "RS256")), ask())


@pytest.mark.parametrize(
    ("key", "algorithm"), [("no key at all", "RS256"), (pem(EC_KEY), "RS256"), (pem(RSA_KEY), "ES256")]
)
def test_a_key_that_cannot_sign_is_not_quoted(key, algorithm):
    auth = JWTBearer(issuer="c", key=key, token_url="https://x.test/token", algorithm=algorithm)
    with pytest.raises(ConfigurationError, match="cannot sign with") as caught:
        auth.assertion(datetime.now(UTC))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert key not in str(caught.value) + repr(auth)


def test_a_relative_endpoint_needs_an_audience():
    with pytest.raises(ConfigurationError, match="audience"):
        JWTBearer(issuer="c", key="k", token_url="/token")


# --- refresh tokens that rotate


class RotatingServer:
    """Each refresh token is good for one use; an access token for ``uses`` requests."""

    def __init__(self, reply, *, uses=10**9, gate=None):
        self.reply, self.uses, self.gate = reply, uses, gate
        self.current = "r0"
        self.spent = []
        self.refreshes = 0
        self.left = {}
        self.lock = threading.Lock()

    def __call__(self, seen):
        with self.lock:
            if seen.target == "/token":
                return self.token(seen)
            token = seen.headers.get("authorization", "").removeprefix("Bearer ")
            if self.left.get(token, 0) < 1:
                return self.reply(401)
            self.left[token] -= 1
            return self.reply()

    def token(self, seen):
        given = parse_qs(seen.body.decode())["refresh_token"][0]
        if given != self.current:
            self.spent.append(given)
            return self.reply(400, b'{"error":"invalid_grant","error_description":"spent"}')
        self.refreshes += 1
        self.current = f"r{self.refreshes}"
        self.left = {f"a{self.refreshes}": self.uses}
        answer = {"access_token": f"a{self.refreshes}", "refresh_token": self.current, "expires_in": 3600}
        return self.reply(body=json.dumps(answer).encode(), gate=self.gate)


def refreshing(store=None, first="r0"):
    return OAuth2Refresh("app", "/token", first, store=store)


def test_refresh_tokens_rotate(bench, reply, ask):
    api = RotatingServer(reply, uses=2)
    session = bench.open(bench.serve(api), auth=refreshing())
    for _ in range(7):
        bench.run(session, ask())
    assert (api.refreshes, api.spent) == (4, [])


def test_many_callers_refresh_once(bench, reply, ask):
    gate = threading.Event()
    api = RotatingServer(reply, gate=gate)
    server = bench.serve(api)
    session = bench.open(server, auth=refreshing(), clock=SystemClock())
    timer = threading.Timer(0.2, gate.set)
    timer.start()
    results = bench.together(session, [ask() for _ in range(8)])
    timer.join()
    assert [result.status for result in results] == [200] * 8
    assert (api.refreshes, api.spent) == (1, [])


def test_a_session_takes_over_what_another_has_renewed(bench, reply, ask, tmp_path):
    api = RotatingServer(reply)
    server = bench.serve(api)
    store = TokenFile(tmp_path / "tokens.db")
    for _ in range(3):
        bench.run(bench.open(server, auth=refreshing(store)), ask())
    assert (api.refreshes, api.spent) == (1, [])


def test_sessions_side_by_side_never_spend_a_token_twice(bench, reply, ask, tmp_path):
    api = RotatingServer(reply)
    server = bench.serve(api)
    store = TokenFile(tmp_path / "tokens.db")
    sessions = [bench.open(server, auth=refreshing(store), clock=SystemClock()) for _ in range(2)]
    for number in range(1, 6):
        api.left = {}  # every access token is dead at once
        results = [
            result for session in sessions for result in bench.together(session, [ask() for _ in range(2)])
        ]
        assert [getattr(result, "status", result) for result in results] == [200] * 4
        assert (api.refreshes, api.spent) == (number, [])


def test_a_newer_grant_counts_when_the_stored_one_is_refused(bench, reply, ask, tmp_path):
    store = TokenFile(tmp_path / "tokens.db")
    api = RotatingServer(reply)
    server = bench.serve(api)
    bench.run(bench.open(server, auth=refreshing(store)), ask())
    api.current, api.left = "granted-again", {}
    with pytest.raises(AuthenticationError, match="Authorise the application again"):
        bench.run(bench.open(server, auth=refreshing(store)), ask())
    bench.run(bench.open(server, auth=refreshing(store, "granted-again")), ask())
    assert api.refreshes == 2


WORKER = """
import sys
from bulkeditor.errors import AuthenticationError
from bulkeditor.http import Request, Session, SessionConfig
from bulkeditor.http.auth import OAuth2Refresh, TokenFile

def ask():
    return (yield Request(method="GET", path="/x", operation="x"))

url, path, count = sys.argv[1:]
auth = OAuth2Refresh("app", "/token", "r0", store=TokenFile(path))
with Session(SessionConfig(base_url=url, auth=auth)) as session:
    done = 0
    while done < int(count):
        try:
            done += session.run(ask()).status == 200
        except AuthenticationError as error:
            # The new token was used up by the other process meanwhile; a refused refresh is no such thing.
            assert "endpoint" not in str(error), error
print("done")
"""


def worker(server, path, count):
    command = [sys.executable, "-c", WORKER, server.url, str(path), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_never_spend_a_token_twice(server_class, reply, tmp_path):
    # An access token that lives for three requests: both processes need a new one all the time.
    api = RotatingServer(reply, uses=3)
    server = server_class(api)
    try:
        workers = [worker(server, tmp_path / "tokens.db", 30) for _ in range(2)]
        ends = [process.communicate(timeout=60) for process in workers]
    finally:
        server.close()
    assert [out.strip() for out, _ in ends] == ["done", "done"], ends
    assert api.spent == []
    assert api.refreshes >= 20


def test_a_killed_process_leaves_the_store_free(server_class, reply, ask, tmp_path):
    gate = threading.Event()
    asked = threading.Event()
    api = RotatingServer(reply)

    def script(seen):
        if seen.target == "/token" and not asked.is_set():
            asked.set()
            return reply(
                gate=gate
            )  # the process that holds the store waits for this answer until it is killed
        return api(seen)

    server = server_class(script)
    try:
        victim = worker(server, tmp_path / "tokens.db", 1)
        assert asked.wait(30)
        store = TokenFile(tmp_path / "tokens.db")
        assert store.acquire("app") is None
        os.kill(victim.pid, signal.SIGKILL)
        victim.communicate(timeout=30)
        lease = store.acquire("app")
        assert lease is not None
        assert lease.token is None
        lease.release()
        heir = worker(server, tmp_path / "tokens.db", 1)
        assert "done" in heir.communicate(timeout=30)[0]
    finally:
        gate.set()
        server.close()


def test_a_store_that_stays_held_is_an_error(bench, reply, ask, tmp_path):
    store = TokenFile(tmp_path / "tokens.db")
    lease = store.acquire("app")
    try:
        with pytest.raises(RequestTimeoutError, match="held by somebody else"):
            bench.run(bench.open(bench.serve(RotatingServer(reply)), auth=refreshing(store)), ask())
    finally:
        lease.release()


def test_the_token_file_is_for_its_owner_only(tmp_path):
    path = tmp_path / "tokens.db"
    TokenFile(path).acquire("app").release()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_none_is_named(tmp_path):
    path = tmp_path / "tokens.db"
    path.write_text("something else entirely, and long enough to be no header of a database" * 20)
    with pytest.raises(ConfigurationError, match="is no token file"):
        TokenFile(path).acquire("app")


# --- sessions with cookies, and tokens against forged requests


class LoginServer:
    """Business One's way: two cookies, both needed; a session can end."""

    def __init__(
        self, reply, ended=(401, b'{"error":{"code":301,"message":{"value":"Invalid session"}}}', {})
    ):
        self.reply = reply
        self.ended = ended
        self.sessions = set()
        self.logins = 0
        self.logouts = []

    def __call__(self, seen):
        if seen.target == "/Login":
            body = json.loads(seen.body)
            if body["Password"] != "pa55w0rd":
                return self.reply(401, b'{"error":{"code":-5002,"message":"wrong"}}')
            self.logins += 1
            session = f"s{self.logins}"
            self.sessions.add(session)
            expires = "Expires=Wed, 21 Oct 2026 07:28:00 GMT"
            cookies = f"B1SESSION={session}; HttpOnly; {expires}, ROUTEID=.node1; path=/"
            return self.reply(headers={"Set-Cookie": cookies})
        cookies = dict(part.split("=", 1) for part in seen.headers.get("cookie", "").split("; ") if part)
        if seen.target == "/Logout":
            self.logouts.append(cookies["B1SESSION"])
            return self.reply(204, b"")
        if cookies.get("B1SESSION") not in self.sessions or cookies.get("ROUTEID") != ".node1":
            status, body, headers = self.ended
            return self.reply(status, body, headers)
        return self.reply()


def login(password="pa55w0rd", **more):
    body = {"CompanyDB": "SBO", "UserName": "me", "Password": Secret(password)}
    return SessionLogin("/Login", body, cookies=("B1SESSION", "ROUTEID"), logout="/Logout", **more)


@pytest.mark.parametrize(
    "ended",
    [
        (401, b"{}", {}),
        (200, b"<html>log in</html>", {"Content-Type": "text/html"}),
        (302, b"", {"Location": "/login.html"}),
    ],
    ids=["401", "page", "redirect"],
)
def test_a_session_that_ends_in_the_middle_is_renewed(bench, reply, ask, write, ended):
    api = LoginServer(reply, ended)
    session = bench.open(bench.serve(api), auth=login())
    bench.run(session, ask())
    api.sessions.clear()
    assert bench.run(session, write()).status == 200
    assert api.logins == 2


def test_a_session_is_renewed_before_it_ends(bench, reply, ask):
    api = LoginServer(reply)
    session = bench.open(bench.serve(api), auth=login(lifetime=1800))
    bench.run(session, ask())
    bench.clock.advance(1780)
    bench.run(session, ask())
    assert api.logins == 2


def test_a_refused_login_shows_no_password(bench, reply, ask):
    server = bench.serve(lambda seen: reply(401, b'{"error":{"message":"me/wr0ng is unknown"}}'))
    with pytest.raises(AuthenticationError, match="the login was refused") as caught:
        bench.run(bench.open(server, auth=login("wr0ng")), ask())
    assert "wr0ng" not in str(caught.value)


def test_a_login_without_a_cookie_is_an_error(bench, reply, ask):
    with pytest.raises(AuthenticationError, match="without a session cookie"):
        bench.run(bench.open(bench.serve(lambda _: reply()), auth=login()), ask())


def test_logging_out_is_a_flow(bench, reply, ask):
    api = LoginServer(reply)
    auth = login()
    session = bench.open(bench.serve(api), auth=auth)
    bench.run(session, ask())
    bench.run(session, auth.leave(session.token))
    assert api.logouts == ["s1"]


class GatewayServer:
    """SAP's way: a write needs a token and the cookies of the answer that brought it."""

    def __init__(self, reply):
        self.reply = reply
        self.fetches = 0
        self.current = None

    def __call__(self, seen):
        if seen.headers.get("authorization") != "Basic " + base64.b64encode(b"com:pw").decode():
            return self.reply(200, b"<html>SAML</html>", {"Content-Type": "text/html"})
        if seen.headers.get("x-csrf-token", "").lower() == "fetch":
            self.fetches += 1
            self.current = (f"csrf-{self.fetches}", f"SAP_SESSIONID=s{self.fetches}")
            return self.reply(
                headers={"X-CSRF-Token": self.current[0], "Set-Cookie": self.current[1] + "; path=/"}
            )
        if seen.method == "GET":
            assert "x-csrf-token" not in seen.headers
            return self.reply()
        if (seen.headers.get("x-csrf-token"), seen.headers.get("cookie")) != self.current:
            return self.reply(403, b"CSRF token validation failed", {"X-CSRF-Token": "Required"})
        return self.reply(204, b"")


def test_a_write_carries_token_and_cookies(bench, reply, ask, write):
    api = GatewayServer(reply)
    session = bench.open(bench.serve(api), auth=CSRF(Basic("com", "pw"), "/srv/"))
    bench.run(session, ask())
    assert bench.run(session, write()).status == 204
    assert api.fetches == 1


def test_a_token_that_ended_is_fetched_once_more(bench, reply, write):
    api = GatewayServer(reply)
    session = bench.open(bench.serve(api), auth=CSRF(Basic("com", "pw"), "/srv/"))
    bench.run(session, write())
    api.current = ("another", "session")
    assert bench.run(session, write()).status == 204
    assert api.fetches == 2


def test_a_dialog_user_gets_a_clear_error(bench, reply, write):
    session = bench.open(bench.serve(GatewayServer(reply)), auth=CSRF(Basic("dialog", "pw"), "/srv/"))
    with pytest.raises(AuthenticationError, match="communication user"):
        bench.run(session, write())


@pytest.mark.parametrize(("deaths", "tokens"), [(1, 2), (2, 2)])
def test_an_access_token_that_dies_before_the_first_token_is_fetched(bench, reply, write, deaths, tokens):
    issued, dead = [], []

    def api(seen):
        if seen.target == "/token":
            issued.append(f"t{len(issued)}")
            return reply(body=json.dumps({"access_token": issued[-1], "expires_in": 3600}).encode())
        bearer = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if seen.headers.get("x-csrf-token") == "Fetch" and len(dead) < deaths:
            dead.append(bearer)
        return reply(status=401) if bearer in dead else reply(headers={"X-CSRF-Token": "c"})

    session = bench.open(bench.serve(api), auth=CSRF(OAuth2("app", "secret", "/token"), "/srv/"))
    if deaths == 1:
        assert bench.run(session, write()).status == 200
    else:
        with pytest.raises(AuthenticationError):
            bench.run(session, write())
    assert len(issued) == tokens


# --- nothing shows


@pytest.mark.parametrize(
    "auth",
    [
        Basic("me", "hunter2"),
        OAuth1("ck", "hunter2", "hunter2", "hunter2"),
        JWTBearer(issuer="c", key="hunter2", token_url="https://x.test/t"),
        OAuth2Refresh("app", "/t", "hunter2", client_secret="hunter2"),
        SessionLogin("/Login", {"Password": "hunter2"}),
        CSRF(Basic("me", "hunter2"), "/srv/"),
    ],
    ids=lambda auth: type(auth).__name__,
)
def test_credentials_do_not_show(auth):
    assert "hunter2" not in repr(auth)
    assert Secret("hunter2") in auth.secrets()


def test_the_vectors_of_the_test_itself():
    """The by-hand signature is right, so that the server above proves something."""
    digest = hmac.new(b"c&t", b"GET&http%3A%2F%2Fx.test%2F&a%3D1", hashlib.sha256).digest()
    assert oauth1_signature("GET", "http://x.test/?a=1", {}, "c", "t") == base64.b64encode(digest).decode()

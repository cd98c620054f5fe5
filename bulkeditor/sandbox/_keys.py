"""API keys and OAuth tokens: who may do what, and for how long."""

# ruff: noqa: S608 -- SQL is put together from constants of this package; values always travel as parameters
from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._clock import Clock
from bulkeditor.sandbox._http import Credential, OAuthRefusal, Refusal, not_found
from bulkeditor.sandbox._json import JSON, Doc, decode, encode_text
from bulkeditor.sandbox._rows import time_text
from bulkeditor.sandbox._store import MICROSECONDS, Store

SCOPES: Final = (
    "read:products",
    "write:products",
    "read:inventory",
    "write:inventory",
    "read:analytics",
    "admin:all",
)
TOKEN_SECONDS: Final = 3600
_DAY: Final = 86_400 * MICROSECONDS
_COLUMNS: Final = "id, name, scopes, created_at, last_used_at, expires_at, num"
_LIVE: Final = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)"


def digest(text: str) -> str:
    """Credentials are kept as digests only, as a real server keeps them."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """For the Python side: the scopes, if all are known.

    Raises:
        InvalidInputError: One is not.
    """
    chosen = tuple(dict.fromkeys(scopes))
    for scope in chosen:
        if scope not in SCOPES:
            raise InvalidInputError(f"{scope!r} is no scope.", hint=f"Known: {', '.join(SCOPES)}.")
    return chosen


class Keys:
    """The table of API keys."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        # Written to the table when somebody looks: not each request should be a write.
        self._used: dict[str, int] = {}

    def create(self, name: str, scopes: Iterable[str], expires_at: int | None = None) -> tuple[str, str]:
        """Inside a transaction: a new key; answers its id and the key itself."""
        number = self._store.number("key")
        key = f"bek_{self._store.token('key', number)}"
        self._store.execute(
            "INSERT INTO api_keys (num, id, name, scopes, digest, created_at, expires_at) VALUES (?, ?, ?, "
            "?, ?, ?, ?)",
            (
                number,
                f"key_{number}",
                name,
                encode_text(list(scopes)),
                digest(key),
                self._clock.now_us(),
                expires_at,
            ),
        )
        return f"key_{number}", key

    def authenticate(self, key: str) -> Credential | None:
        """Who this key is, if it is one and still good."""
        now = self._clock.now_us()
        row = self._store.row(
            f"SELECT id, scopes FROM api_keys WHERE digest = ? AND {_LIVE}", (digest(key), now)
        )
        if row is None:
            return None
        with self._lock:
            self._used[row[0]] = now
        return Credential(id=row[0], kind="api_key", scopes=_scopes(row[1]))

    def flush(self) -> None:
        """Write down when each key was last used."""
        with self._lock:
            used, self._used = self._used, {}
        with self._store.transaction():
            self._store.executemany(
                "UPDATE api_keys SET last_used_at = ? WHERE id = ?",
                [(at, ident) for ident, at in used.items()],
            )

    def page(self, limit: int, start: int) -> tuple[list[JSON], int]:
        """One page of the keys that still work, and how many there are."""
        self.flush()
        now = self._clock.now_us()
        rows = self._store.rows(
            f"SELECT {_COLUMNS} FROM api_keys WHERE {_LIVE} ORDER BY num LIMIT ? OFFSET ?",
            (now, limit, start),
        )
        total = self._store.value(f"SELECT count(*) FROM api_keys WHERE {_LIVE}", (now,))
        return [self._show(row) for row in rows], int(total)

    def show(self, ident: str) -> Doc:
        """One key, without the key itself.

        Raises:
            Refusal: 404.
        """
        return self._show(self._row(ident))

    def revoke(self, ident: str) -> None:
        """Inside a transaction: the key works no more."""
        self._row(ident)
        self._store.execute("UPDATE api_keys SET revoked_at = ? WHERE id = ?", (self._clock.now_us(), ident))

    def rotate(self, ident: str, overlap: int) -> tuple[str, str]:
        """Inside a transaction: a new key in place of an old one; answers its id and the key itself."""
        row = self._row(ident)
        scopes = decode(row[2])
        assert isinstance(scopes, list)
        # The new key's life is as long as the old one's would have been from its start.
        life = None if row[5] is None else row[5] - row[3]
        now = self._clock.now_us()
        created = self.create(row[1], [str(scope) for scope in scopes], None if life is None else now + life)
        if overlap:
            end = now + overlap * MICROSECONDS
            self._store.execute(
                "UPDATE api_keys SET expires_at = min(coalesce(expires_at, ?1), ?1) WHERE id = ?2",
                (end, ident),
            )
        else:
            self.revoke(ident)
        return created

    def _row(self, ident: str) -> Any:
        row = self._store.row(
            f"SELECT {_COLUMNS} FROM api_keys WHERE id = ? AND {_LIVE}", (ident, self._clock.now_us())
        )
        if row is None:
            raise not_found("API key", ident)
        return row

    def _show(self, row: Any) -> Doc:
        return {
            "id": row[0],
            "name": row[1],
            "scopes": decode(row[2]),
            "created_at": time_text(row[3]),
            "age_days": max(0, self._clock.now_us() - row[3]) // _DAY,
            "last_used_at": time_text(row[4]),
            "expires_at": time_text(row[5]),
        }


class OAuth:
    """OAuth clients and their tokens (RFC 6749: client credentials, refresh)."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create_client(self, scopes: Iterable[str]) -> tuple[str, str]:
        """Inside a transaction: a client; answers its id and secret."""
        number = self._store.number("client")
        ident, secret = f"client_{number}", f"bes_{self._store.token('client', number)}"
        self._store.execute(
            "INSERT INTO oauth_clients VALUES (?, ?, ?)", (ident, digest(secret), encode_text(list(scopes)))
        )
        return ident, secret

    def authenticate(self, token: str) -> Credential | None:
        """Whose access token this is, if it is one and still good."""
        row = self._store.row(
            "SELECT client, scopes FROM oauth_tokens WHERE digest = ? AND expires_at > ?",
            (digest(token), self._clock.now_us()),
        )
        return None if row is None else Credential(id=row[0], kind="oauth", scopes=_scopes(row[1]))

    def grant(self, form: Mapping[str, str], client: tuple[str, str] | None) -> Doc:
        """Inside a transaction: answer a token request.

        Raises:
            OAuthRefusal: As RFC 6749 section 5.2 has it.
        """
        ident, allowed = self._client(form, client)
        match form.get("grant_type"):
            case "client_credentials":
                return self.issue(ident, _asked(form, allowed))
            case "refresh_token":
                return self._refresh(ident, form)
            case None:
                raise OAuthRefusal(400, "invalid_request", "grant_type is missing.")
            case other:
                raise OAuthRefusal(400, "unsupported_grant_type", f"{other[:50]!r} is not supported.")

    def _client(self, form: Mapping[str, str], client: tuple[str, str] | None) -> tuple[str, frozenset[str]]:
        ident, secret = client or (form.get("client_id", ""), form.get("client_secret", ""))
        row = self._store.row("SELECT digest, scopes FROM oauth_clients WHERE id = ?", (ident,))
        if row is None or row[0] != digest(secret):
            raise OAuthRefusal(
                401,
                "invalid_client",
                "The client is unknown, or its secret is wrong.",
                headers=(("WWW-Authenticate", 'Basic realm="bulkeditor"'),),
            )
        return ident, _scopes(row[1])

    def _refresh(self, client: str, form: Mapping[str, str]) -> Doc:
        token = form.get("refresh_token")
        if not token:
            raise OAuthRefusal(400, "invalid_request", "refresh_token is missing.")
        row = self._store.row(
            "SELECT num, scopes FROM oauth_tokens WHERE refresh_digest = ? AND client = ?",
            (digest(token), client),
        )
        if row is None:
            raise OAuthRefusal(400, "invalid_grant", "The refresh token is unknown or was used already.")
        # Used once: the answer holds its successor.
        self._store.execute("UPDATE oauth_tokens SET refresh_digest = NULL WHERE num = ?", (row[0],))
        return self.issue(client, _asked(form, _scopes(row[1])))

    def issue(self, client: str, scopes: Iterable[str]) -> Doc:
        """Inside a transaction: a token and its refresh token."""
        number = self._store.number("token")
        access, refresh = (f"{kind}_{self._store.token(kind, number)}" for kind in ("bea", "ber"))
        now = self._clock.now_us()
        chosen = sorted(scopes)
        self._store.execute(
            "DELETE FROM oauth_tokens WHERE expires_at <= ? AND refresh_digest IS NULL", (now,)
        )
        self._store.execute(
            "INSERT INTO oauth_tokens VALUES (?, ?, ?, ?, ?, ?)",
            (
                number,
                client,
                encode_text(chosen),
                digest(access),
                now + TOKEN_SECONDS * MICROSECONDS,
                digest(refresh),
            ),
        )
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "refresh_token": refresh,
            "scope": " ".join(chosen),
        }


def _asked(form: Mapping[str, str], allowed: frozenset[str]) -> frozenset[str]:
    asked = frozenset(form.get("scope", "").split())
    if not asked:
        return allowed
    if not asked <= frozenset(SCOPES) or not ("admin:all" in allowed or asked <= allowed):
        raise OAuthRefusal(400, "invalid_scope", "A scope is unknown, or the client may not have it.")
    return asked


def _scopes(text: str) -> frozenset[str]:
    scopes = decode(text)
    assert isinstance(scopes, list)
    return frozenset(str(scope) for scope in scopes)


def authenticate(keys: Keys, oauth: OAuth, headers: Mapping[str, str]) -> Credential:
    """Who is calling.

    Raises:
        Refusal: 401.
    """
    key = headers.get("x-api-key")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    credential: Credential | None = None
    if key is not None:
        credential = keys.authenticate(key)
        problem = "The API key is wrong, expired or revoked."
    elif scheme.lower() == "bearer":
        credential = oauth.authenticate(token.strip())
        problem = "The access token is wrong or expired."
    else:
        problem = "Give X-API-Key, or Authorization: Bearer."
    if credential is None:
        raise Refusal(
            401, "unauthenticated", problem, headers=(("WWW-Authenticate", 'Bearer realm="bulkeditor"'),)
        )
    return credential

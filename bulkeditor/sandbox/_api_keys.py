"""Operations on API keys, and the OAuth token endpoint."""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import unquote_plus

from bulkeditor.sandbox._api_webhooks import read_overlap
from bulkeditor.sandbox._clock import Clock
from bulkeditor.sandbox._http import (
    Answer,
    Call,
    Effect,
    OAuthRefusal,
    Problem,
    Refusal,
    Route,
    no_content,
    not_found,
    ok,
    validation_failed,
)
from bulkeditor.sandbox._json import JSON
from bulkeditor.sandbox._keys import SCOPES, Keys, OAuth
from bulkeditor.sandbox._paging import listing, page_of
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._routing import parse_query
from bulkeditor.sandbox._rows import parse_time

_FORM: Final = "application/x-www-form-urlencoded"
_MAX_NAME: Final = 255


class KeyRoutes:
    """Handlers for ``/api/v1/api-keys`` and ``/oauth/token``."""

    def __init__(self, readings: Readings, clock: Clock, keys: Keys, oauth: OAuth) -> None:
        self._readings = readings
        self._clock = clock
        self._keys = keys
        self._oauth = oauth

    def routes(self) -> list[Route]:
        """What this module answers."""
        base = "/api/v1/api-keys"
        one = f"{base}/{{key_id}}"
        return [
            Route(
                name="keys.create",
                method="POST",
                path=base,
                scope="admin:all",
                handler=self.create,
                relative=True,
            ),
            Route(
                name="keys.list",
                method="GET",
                path=base,
                scope="admin:all",
                handler=self.list_keys,
                query=frozenset({"limit", "page"}),
            ),
            Route(name="keys.revoke", method="DELETE", path=one, scope="admin:all", handler=self.revoke),
            Route(
                name="keys.rotate",
                method="POST",
                path=f"{one}/rotate",
                scope="admin:all",
                handler=self.rotate,
                relative=True,
            ),
            Route(name="oauth.token", method="POST", path="/oauth/token", scope=None, handler=self.token),
        ]

    def create(self, call: Call) -> Answer:
        """A new key; it is shown here only."""
        body = call.object(("name", "scopes", "expires_at"))
        name, scopes = body.get("name"), body.get("scopes")
        problems: list[Problem] = []
        if not isinstance(name, str) or not name.strip() or len(name) > _MAX_NAME or "\x00" in name:
            code = "required" if name is None else "invalid_value"
            problems.append(Problem("name", code, f"name must be text of 1 to {_MAX_NAME} characters"))
        chosen = _check_scopes(scopes, problems)
        expires_at = self._expiry(body.get("expires_at"), problems)
        if problems:
            raise validation_failed(problems)
        ident, key = self._keys.create(str(name), chosen, expires_at)
        call.effects.append(Effect(kind="api_key.created", id=ident))
        return ok({**self._keys.show(ident), "key": key}, 201)

    def _expiry(self, value: JSON, problems: list[Problem]) -> int | None:
        if value is None:
            return None
        moment = parse_time(value) if isinstance(value, str) else None
        if moment is None or moment <= self._clock.now_us():
            message = "expires_at must be an RFC 3339 time with an offset, in the future"
            problems.append(Problem("expires_at", "invalid_value", message))
        return moment

    def list_keys(self, call: Call) -> Answer:
        """Keys that still work."""
        page = page_of(call, self._readings)
        rows, total = self._keys.page(page.limit, page.start)
        return listing("api_keys", rows, page, total)

    def revoke(self, call: Call) -> Answer:
        """The key is refused from the next request on."""
        ident = self._named(call)
        self._keys.revoke(ident)
        call.effects.append(Effect(kind="api_key.revoked", id=ident))
        return no_content()

    def rotate(self, call: Call) -> Answer:
        """A new key in place of an old one."""
        ident = self._named(call)
        self._keys.show(ident)
        problems: list[Problem] = []
        overlap = read_overlap(call.object(("overlap_seconds",), optional=True), 0, problems)
        if problems:
            raise validation_failed(problems)
        new, key = self._keys.rotate(ident, overlap)
        call.effects.append(Effect(kind="api_key.rotated", id=ident, after={"new": new}))
        return ok({**self._keys.show(new), "key": key}, 201)

    def _named(self, call: Call) -> str:
        ident = call.arguments["key_id"]
        if ident != "current":
            return ident
        if call.caller.kind != "api_key":
            raise not_found("API key", "current")
        return call.caller.id

    # OAuth

    def token(self, call: Call) -> Answer:
        """RFC 6749, section 4.4 and 6."""
        kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _FORM:
            raise OAuthRefusal(400, "invalid_request", f"Content-Type must be {_FORM}.")
        try:
            # RFC 6749, 3.2: parameters that are not known are ignored.
            form = parse_query(call.body, None)
        except Refusal as refusal:
            raise OAuthRefusal(400, "invalid_request", refusal.message) from None
        answer = self._oauth.grant(form, _basic(call.headers.get("authorization")))
        return ok(answer, 200, ("Cache-Control", "no-store"), ("Pragma", "no-cache"))


def _basic(header: str | None) -> tuple[str, str] | None:
    """Client id and secret of HTTP Basic, percent-encoded as the RFC wants it."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        ident, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return unquote_plus(ident), unquote_plus(secret)


def _check_scopes(value: JSON, problems: list[Problem]) -> list[str]:
    if not isinstance(value, list) or not value:
        code = "required" if value is None else "invalid_value"
        problems.append(Problem("scopes", code, "scopes must be a list with at least one scope"))
        return []
    chosen = [scope for scope in value if isinstance(scope, str) and scope in SCOPES]
    if len(set(chosen)) < len(value):
        message = f"scopes holds an unknown scope, or one twice; known are {', '.join(SCOPES)}"
        problems.append(Problem("scopes", "invalid_value", message))
    return chosen

"""Who is let in to the Klaviyo stand-in, with which scopes, and how often.

https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
https://developers.klaviyo.com/en/docs/set_up_oauth

Unverified, since no account was at hand: that a refresh token stays the same, and the codes of refusals.
"""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from bulkeditor.testing._standin import Answer
from bulkeditor.testing.vendors._klaviyo.wire import RefusedError

SCOPES: Final = frozenset(
    f"{what}:{how}"
    for what in ("accounts", "catalogs", "events", "metrics", "profiles")
    for how in ("read", "write")
)
TIERS: Final[Mapping[str, tuple[int, int]]] = {
    "XS": (1, 15),
    "S": (3, 60),
    "M": (10, 150),
    "L": (75, 750),
    "XL": (350, 3500),
}
"""Requests in a second, and in a minute."""
_LIFETIME: Final = timedelta(hours=1)
_WINDOWS: Final = (1, 60)


class Gate:
    """Keys, tokens and scopes.

    Args:
        api_key: The private key.
        client: Id and secret of the OAuth app.
        refresh_token: What the account gave the app.
        now: The time.
    """

    def __init__(
        self, api_key: str, client: tuple[str, str], refresh_token: str, now: Callable[[], datetime]
    ) -> None:
        self._api_key = api_key
        self._basic = "Basic " + base64.b64encode(":".join(client).encode()).decode()
        self._refresh_token = refresh_token
        self._now = now
        self._numbers = itertools.count(1)
        self._tokens: dict[str, datetime] = {}
        self.issued: list[str] = []
        self.scopes: set[str] = set(SCOPES)

    def expire(self) -> None:
        """Forget every access token; private keys do not end."""
        self._tokens.clear()

    def token(self, authorization: str, form: Mapping[str, str]) -> Answer:
        """Answer the token endpoint."""
        if authorization != self._basic:
            return Answer(status=401, body={"error": "invalid_client"})
        if form.get("grant_type") != "refresh_token":
            return Answer(status=400, body={"error": "unsupported_grant_type"})
        if form.get("refresh_token") != self._refresh_token:
            return Answer(status=400, body={"error": "invalid_grant"})
        token = f"klaviyo-access-{next(self._numbers)}-83bd"
        self._tokens[token] = self._now() + _LIFETIME
        self.issued.append(token)
        return Answer(
            body={
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": int(_LIFETIME.total_seconds()),
                "refresh_token": self._refresh_token,
                "scope": " ".join(sorted(self.scopes)),
            },
            headers={"Content-Type": "application/json"},
        )

    def let_in(self, authorization: str, scope: str) -> None:
        """Judge a request's credential.

        Raises:
            RefusedError: It is none, a wrong one, a dead one, or one without the scope.
        """
        kind, _, value = authorization.partition(" ")
        if kind not in ("Klaviyo-API-Key", "Bearer") or not value:
            raise RefusedError(
                "not_authenticated",
                "Missing or invalid authorization scheme. Please use Klaviyo-API-Key.",
                status=401,
                title="Authentication credentials were not provided.",
            )
        ends = self._tokens.get(value)
        known = value == self._api_key if kind == "Klaviyo-API-Key" else ends is not None
        if not known or (ends is not None and ends <= self._now()):
            raise RefusedError(
                "authentication_failed",
                "Missing or invalid private key." if kind == "Klaviyo-API-Key" else "Invalid access token.",
                status=401,
                title="Incorrect authentication credentials.",
            )
        if scope not in self.scopes:
            raise RefusedError(
                "permission_denied",
                f"You do not have permission to perform this action: {scope} is missing.",
                status=403,
                title="You do not have permission to perform this action.",
            )


@attrs.define
class _Window:
    start: float = 0.0
    count: int = 0


class Windows:
    """Fixed windows of a second and of a minute, for each operation.

    Args:
        now: The time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._windows: dict[tuple[str, int], _Window] = {}

    def count(self, operation: str, tier: str) -> tuple[float | None, Mapping[str, str]]:
        """Count a request.

        Args:
            operation: What is asked for.
            tier: One of :data:`TIERS`.

        Returns:
            Seconds to wait where it is one too many, and the headers of other answers: on the minute alone.
        """
        now = self._now().timestamp()
        for seconds, most in zip(_WINDOWS, TIERS[tier], strict=True):
            window = self._windows.setdefault((operation, seconds), _Window())
            if now >= window.start + seconds:
                window.start, window.count = math.floor(now / seconds) * seconds, 0
            if window.count >= most:
                return window.start + seconds - now, {}
        for seconds in _WINDOWS:
            self._windows[(operation, seconds)].count += 1
        minute = self._windows[(operation, 60)]
        most = TIERS[tier][1]
        return None, {
            "RateLimit-Limit": f"{most}, {most};w=60",
            "RateLimit-Remaining": str(most - minute.count),
            "RateLimit-Reset": str(math.ceil(minute.start + 60 - now)),
        }


__all__ = ["SCOPES", "TIERS", "Gate", "Windows"]

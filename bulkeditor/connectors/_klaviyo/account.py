"""What every part of a Klaviyo account has in common: credentials, headers, lists, errors.

https://developers.klaviyo.com/en/reference/api_overview.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeAlias, cast

from bulkeditor.connectors import paging
from bulkeditor.connectors._classify import Problem
from bulkeditor.connectors._declare import Limits
from bulkeditor.connectors._settings import secret, setting
from bulkeditor.connectors._types import STATUS, Action, Change, Outcome, Query, Reading
from bulkeditor.connectors.base import Connector
from bulkeditor.errors import BulkEditorError
from bulkeditor.http import Auth, Exchange, RateLimit, Request, Response
from bulkeditor.http.auth import APIKey, OAuth2Refresh, TokenFile

Resource: TypeAlias = Mapping[str, Any]
"""A resource of JSON:API: type, id, attributes, relationships."""

REVISION: Final = "2026-07-15"
RATE: Final = RateLimit(12, per=1)
"""Within the smallest limits of what is used here, 75 a second and 750 a minute."""
_MEDIA: Final = "application/vnd.api+json"
_READ: Final = MappingProxyType({"revision": REVISION, "Accept": _MEDIA})
_WRITE: Final = MappingProxyType({**_READ, "Content-Type": _MEDIA})
# Ids in one address: with more it would be longer than some proxies let pass.
KEYS_AT_ONCE: Final = 25


class Account(Connector):
    """What all parts of a Klaviyo account have in common."""

    limits = Limits(rate=RATE, page_size=100)
    refusals: ClassVar[Mapping[int | str, Action]] = {"not_found": "skip_row", "throttled": "retry"}

    base_url: str | None = setting(default="https://a.klaviyo.com", json="endpoint")
    api_key: str | None = secret(default=None, env="KLAVIYO_API_KEY")
    client_id: str | None = setting(default=None, env="KLAVIYO_CLIENT_ID")
    client_secret: str | None = secret(default=None, env="KLAVIYO_CLIENT_SECRET")
    refresh_token: str | None = secret(default=None, env="KLAVIYO_REFRESH_TOKEN")
    token_file: str | None = setting(default=None)
    sync_events: tuple[str, ...] = setting(default=(), converter=tuple)
    custom_properties: tuple[str, ...] = setting(default=(), converter=tuple)

    def authenticate(self) -> Auth:
        """The private key; without one, an OAuth app's refresh token, which rotates.

        https://developers.klaviyo.com/en/reference/api_overview#authentication and …/docs/set_up_oauth (the
        endpoint and its Basic credentials are unverified: no stored document has them).
        """
        if not self.has("api_key") and self.has("client_id", "client_secret", "refresh_token"):
            return OAuth2Refresh(
                self.value("client_id"),
                "/oauth/token",
                self.secret("refresh_token"),
                client_secret=self.secret("client_secret"),
                client_auth="basic",
                store=TokenFile(self.token_file) if self.token_file else None,
            )
        self.need("api_key")
        return APIKey(self.secret("api_key"), header="Authorization", prefix="Klaviyo-API-Key ")

    def explain(self, body: object) -> Problem | None:
        """The first of ``errors``."""
        if not isinstance(body, Mapping):
            return None
        errors = cast("Mapping[str, Any]", body).get("errors")
        return Problem(errors[0].get("code"), sentence(errors[0])) if errors else None

    def ask(self, url: str) -> Request:
        """A request that reads."""
        return self.get(url, headers=_READ)

    def send(self, path: str, body: object, *, idempotent: bool | None = None) -> Request:
        """A request that writes a document of JSON:API."""
        return self.request("POST", path, json={"data": body}, headers=_WRITE, idempotent=idempotent)

    def attempt(self, change: Change, request: Request) -> Exchange[Response | Outcome]:
        """The answer to a request that carries one change; or its outcome, where it is refused.

        Raises:
            BulkEditorError: Nothing further can work.
        """
        try:
            return (yield request)
        except BulkEditorError as error:
            verdict = self.classify(error)
            if verdict.action in ("fatal", "refresh"):
                raise
            status, again = STATUS[verdict.action], verdict.action == "retry"
            return change.outcome(status, verdict.message, code=verdict.code, retryable=again)

    def listed(
        self, path: str, query: Query, params: Mapping[str, object], *, rows: paging.Rows = "data"
    ) -> Reading:
        """All pages of a list; each link to the next page is followed as it is."""
        first = self.url(path, **{"page[size]": query.page_size, **params})
        whole = query.since is None
        return paging.next_links(self.ask, first, query, rows=rows, next="links.next", complete=whole)

    def fieldset(self, query: Query, *always: str) -> str | None:
        """The attributes that a read needs, for ``fields[…]``; None = all."""
        if not query.fields:
            return None
        sources = [self.read_fields()[name].source for name in query.fields]
        paths = [source.split(".") for source in sources if isinstance(source, str)]
        return ",".join(dict.fromkeys((*always, *(path[1] for path in paths if len(path) > 1))))


def quoted(text: str) -> str:
    """A text in a filter. How a quote in it is written is not documented: unverified."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def sentence(error: Resource) -> str:
    """What an error says."""
    return str(error.get("detail") or error.get("title") or error.get("code"))


__all__ = ["KEYS_AT_ONCE", "RATE", "REVISION", "Account", "Resource", "quoted", "sentence"]

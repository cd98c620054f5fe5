"""A NetSuite account: its settings, its credentials, and how it is asked.

Names such as section_157909186990 are pages of Oracle's help, as in :mod:`bulkeditor.connectors.netsuite`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Final, cast

from attrs.converters import optional

from bulkeditor._secret import Secret
from bulkeditor.connectors._classify import Problem
from bulkeditor.connectors._fields import lookup
from bulkeditor.connectors._netsuite.rows import Rows, account_name, an_id, custom_names, mappings, rows_of
from bulkeditor.connectors._settings import secret, setting
from bulkeditor.connectors.base import Connector
from bulkeditor.errors import PaginationError
from bulkeditor.http import Auth, Exchange, Request
from bulkeditor.http.auth import JWTBearer, OAuth1

if TYPE_CHECKING:
    from bulkeditor.http.auth._jwt import Algorithm

REST: Final = "/services/rest"
"""Below it is everything."""

MOST_ROWS: Final = 1000
"""Rows of a page, at the most."""

_TOKEN: Final = f"{REST}/auth/oauth2/v1/token"


class Account(Connector):
    """A NetSuite account.

    Credentials: ``certificate_id`` and ``private_key`` for OAuth 2.0 client credentials (machine to machine),
    or ``consumer_secret``, ``token_id`` and ``token_secret`` for token-based authentication, which NetSuite
    phases out; with both, OAuth 2.0 is used.

    Settings:
        account_id: The account, ``1234567`` or ``1234567_SB1``.
        consumer_key: The integration's consumer key, which is its OAuth 2.0 client id as well.
        certificate_id: Id of the certificate that NetSuite was given.
        private_key: Its private key, PEM.
        algorithm: What the key signs with; NetSuite takes no RS256.
        consumer_secret: The integration's secret.
        token_id: The access token.
        token_secret: Its secret.
        price_level: Id of the price level that ``price`` is.
        currency: Id of the currency that prices are written in.
        location: Id of the location whose stock is read and moved; None = all, and each change names its own.
        subsidiary: Id of the subsidiary that adjustments and orders belong to; OneWorld wants it.
        adjustment_account: Id of the account that adjustments are booked to; needed to move stock.
        custom_fields: Custom fields to read and write, by their ids (``custitem_…``).
        time_zone: Zone of the times that SuiteQL gives: that of the account.
    """

    account_id: str
    consumer_key: str | None = setting(default=None)
    certificate_id: str | None = setting(default=None)
    private_key: Secret | None = secret(default=None)
    algorithm: str = setting(default="ES256", choices=("PS256", "PS384", "PS512", "ES256", "ES384", "ES512"))
    consumer_secret: Secret | None = secret(default=None)
    token_id: Secret | None = secret(default=None)
    token_secret: Secret | None = secret(default=None)
    price_level: str = setting(default="1", converter=an_id)
    currency: str = setting(default="1", converter=an_id)
    location: str | None = setting(default=None, converter=optional(an_id))
    subsidiary: str | None = setting(default=None, converter=optional(an_id))
    adjustment_account: str | None = setting(default=None, converter=optional(an_id))
    custom_fields: tuple[str, ...] = setting(default=(), converter=custom_names)
    time_zone: tzinfo = setting(default=UTC)

    def address(self) -> str:
        """The account's own host; in it the id is lower case with hyphens (section_1546938065)."""
        if self.has("base_url"):
            return self.value("base_url")
        return (
            f"https://{account_name(self.value('account_id')).replace('_', '-')}.suitetalk.api.netsuite.com"
        )

    def authenticate(self) -> Auth:
        """OAuth 2.0 client credentials (section_162755359851), or token-based (section_1534941088)."""
        certified, signed = ("certificate_id", "private_key"), ("consumer_secret", "token_id", "token_secret")
        if any(map(self.has, signed)) and not any(map(self.has, certified)):
            self.need("consumer_key", *signed)
            return OAuth1(
                self.value("consumer_key"),
                *map(self.secret, signed),
                realm=account_name(self.value("account_id")).upper(),
            )
        self.need("consumer_key", *certified)
        return JWTBearer(
            issuer=self.value("consumer_key"),
            key=self.secret("private_key"),
            key_id=self.value("certificate_id"),
            algorithm=cast("Algorithm", self.algorithm),
            token_url=_TOKEN,
            audience=f"{(self.base_url or '').rstrip('/')}{_TOKEN}",
            claims={"scope": ["rest_webservices"]},
            grant="client_credentials",
        )

    def explain(self, body: object) -> Problem | None:
        """Which problem it is says ``o:errorCode`` (section_156570709583)."""
        detail = lookup(body, "o:errorDetails.0")
        if not isinstance(detail, Mapping):
            return super().explain(body)
        told = cast("Mapping[str, object]", detail)
        return Problem(str(told.get("o:errorCode")), str(told.get("detail")))

    def ask(self, sql: str, *, limit: int = MOST_ROWS, offset: int = 0) -> Request:
        """A question in SuiteQL.

        Args:
            sql: The question.
            limit: Rows of the page.
            offset: Where the page begins; a multiple of the limit.
        """
        # Without the header the question is refused (section_157909186990).
        return self.post(
            self.url(f"{REST}/query/v1/suiteql", limit=limit, offset=offset),
            json={"q": sql},
            headers={"Prefer": "transient"},
            operation="suiteql",
            write=False,
        )

    def everything(self, sql: str) -> Exchange[Rows]:
        """Every row of an answer, page by page.

        Raises:
            PaginationError: A page came twice.
        """
        found: list[Mapping[str, object]] = []
        offset, more = 0, True
        before: Sequence[object] = ()
        while more:
            page, more = rows_of((yield self.ask(sql, offset=offset)))
            if page and page == before:
                raise PaginationError(f"{self.name}: a page came a second time; the read was stopped.")
            found += mappings(page)
            before, offset = page, offset + MOST_ROWS
        return found

    def seen(self, sql: str, what: str) -> Exchange[str]:
        """A probe: whether the role sees anything of it."""
        rows, _ = rows_of((yield self.ask(sql, limit=1)))
        return f"{what} can be read" if rows else f"no {what} can be seen: either none, or the role may not"


__all__ = ["MOST_ROWS", "REST", "Account"]

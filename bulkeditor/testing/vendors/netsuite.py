"""A stand-in for NetSuite: SuiteQL, records, batches with their jobs, inventory adjustments, purchase orders.

Written from Oracle's help and the REST API Browser (2026.1). Unverified, since no account was at hand: the
codes of refused logins, that a batch has one task for each record in the order of the request, and the
columns of ``pricing`` and ``itemprice``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, cast
from urllib.parse import parse_qs, unquote

import attrs

from bulkeditor.http import Clock
from bulkeditor.testing._standin import Answer, Entry
from bulkeditor.testing.vendors._netsuite.books import RefusedError
from bulkeditor.testing.vendors._netsuite.jobs import Jobs
from bulkeditor.testing.vendors._netsuite.login import Certificate, Consumer, Gate, NotLetInError, key_pair
from bulkeditor.testing.vendors._netsuite.requests import ROOT, TYPES, NetSuiteRecords
from bulkeditor.testing.vendors._netsuite.suiteql import InvalidQueryError, main_table
from bulkeditor.testing.vendors._netsuite.wire import (
    accepted_at,
    body_of,
    is_uuid,
    media,
    page_of,
    refusal,
    sent_before,
    target_of,
    unauthorized,
)

_TOKEN: Final = f"{ROOT}/auth/oauth2/v1/token"
_BATCH: Final = "application/vnd.oracle.resource+json;type=collection"
_MOST_ROWS: Final = 100_000
_MOST_BATCH: Final = 100


class NetSuite(NetSuiteRecords):
    """A NetSuite account over HTTP.

    Args:
        clock: Its time.
        zone: The account's time zone: that of the dates in SuiteQL.
        account: The account's id, as it stands in the realm.
    """

    content_type = "application/vnd.oracle.resource+json; type=singular"
    client_id = "netsuite-client-4a1e"
    certificate_id = "custcertificate_1"
    consumer_key = "ef40afdd8abaac111b13825dd5e5e2dd"
    consumer_secret = "netsuite-consumer-secret-9b02"  # noqa: S105 - of a stand-in
    token_id = "netsuite-token-77e0"  # noqa: S105 - as above
    token_secret = "netsuite-token-secret-c5d8"  # noqa: S105 - as above

    def __init__(
        self, *, clock: Clock | None = None, zone: tzinfo = UTC, account: str = "1234567_SB1"
    ) -> None:
        super().__init__(clock=clock, zone=zone)
        self.account = account
        self.administrator = False
        self.denied: set[str] = set()
        """Permissions that the role lacks: ``Lists -> Items``, ``Transactions -> Purchase Order`` …"""
        self.pending_polls = 1
        """How often a job is asked for before it is done."""
        self.private_key, public = key_pair()
        """PEM, for ES256; the certificate's id is ``certificate_id``."""
        self._gate = Gate(
            Consumer(
                key=self.consumer_key,
                secret=self.consumer_secret,
                token=self.token_id,
                token_secret=self.token_secret,
                realm=account,
            ),
            self.client_id,
            {self.certificate_id: Certificate(public_key=public)},
        )
        self._jobs = Jobs()

    # What a test uses --------------------------------------------------------------------------------------

    def certify(self, certificate_id: str, public_key: bytes, *, until: datetime | None = None) -> None:
        """Upload a certificate, or replace one.

        Args:
            certificate_id: Its id, the JWT's ``kid``.
            public_key: PEM.
            until: When it ends.
        """
        self._gate.certificates[certificate_id] = Certificate(public_key=public_key, until=until)

    def end_certificate(self) -> None:
        """The certificate has expired."""
        known = self._gate.certificates[self.certificate_id]
        self._gate.certificates[self.certificate_id] = attrs.evolve(known, until=self.clock.now())

    def expire(self) -> None:
        """Every access token has ended; those of token-based authentication never do."""
        self._gate.expire()

    def secrets(self) -> Iterable[str]:
        """Keys, secrets and tokens."""
        body = self.private_key.splitlines()[1]
        return (
            self.private_key,
            body,
            self.consumer_secret,
            self.token_id,
            self.token_secret,
            *self._gate.issued,
        )

    def throttled(self, retry_after: float) -> Answer:
        """Too many requests at once; NetSuite does not say when to come back."""
        del retry_after
        return refusal(
            429, "Too Many Requests", "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded."
        )

    # The request's way -------------------------------------------------------------------------------------

    def handle(self, entry: Entry) -> Answer:
        """Answer one request."""
        if entry.path == _TOKEN and entry.method == "POST":
            return self._token(entry)
        try:
            query = f"?{entry.query}" if entry.query else ""
            address = f"http://{entry.headers.get('host', '')}{entry.path}{query}"
            self._gate.let_in(entry.headers.get("authorization", ""), entry.method, address, self.clock.now())
        except NotLetInError as error:
            return unauthorized(self.account, error.reason)
        try:
            return self._routed(entry)
        except RefusedError as error:
            return refusal(error.status, "Bad Request", error.code, error.detail, error.path)

    def _routed(self, entry: Entry) -> Answer:
        parts = [unquote(part) for part in entry.path.removeprefix(ROOT).strip("/").split("/")]
        match entry.method, parts:
            case "POST", ["query", "v1", "suiteql"]:
                return self._suiteql(entry)
            case "GET", ["record", "v1", "metadata-catalog", *rest]:
                return self._metadata(entry, rest)
            case "GET", ["system", "v1", "governanceLimits"]:
                self._need("Administrator" if not self.administrator else "")
                return Answer(body={"accountConcurrencyLimit": 5, "accountUnallocatedConcurrencyLimit": 5})
            case "GET", ["async", "v1", "job", job, *rest]:
                return self._jobs.answer(self.base_url, job, rest)
            case method, ["record", "v1", kind, *rest] if kind.lower() in TYPES:
                return self._record(entry, method, TYPES[kind.lower()], rest)
            case _:
                raise RefusedError("NONEXISTENT_RECORD_TYPE", f"There is no {entry.path}.", status=404)

    # Access ------------------------------------------------------------------------------------------------

    def _token(self, entry: Entry) -> Answer:
        form = {name: values[0] for name, values in parse_qs(entry.body.decode()).items()}
        slug = self.account.lower().replace("_", "-")
        audiences = (
            f"http://{entry.headers.get('host', '')}{_TOKEN}",
            f"https://{slug}.suitetalk.api.netsuite.com{_TOKEN}",
        )
        if self.strikes("refuse_login", entry):
            form = {}
        try:
            token = self._gate.token(form, audiences, self.clock.now())
        except NotLetInError as error:
            return Answer(status=400, body={"error": "invalid_grant", "error_description": error.reason})
        # The seconds are text, as in Oracle's sample.
        return Answer(body={"access_token": token, "expires_in": "3600", "token_type": "bearer"})

    def _need(self, permission: str) -> None:
        if permission and (permission in self.denied or permission == "Administrator"):
            raise RefusedError(
                "INSUFFICIENT_PERMISSION",
                f"Permission Violation: You need the '{permission}' permission to access this page.",
                status=403,
            )

    # SuiteQL -----------------------------------------------------------------------------------------------

    def _suiteql(self, entry: Entry) -> Answer:
        if "transient" not in entry.headers.get("prefer", ""):
            raise RefusedError("INVALID_HEADER", "The Prefer header must be set to transient.")
        body = entry.json()
        query = cast("Mapping[str, object]", body).get("q") if isinstance(body, Mapping) else None
        if not isinstance(query, str):
            raise RefusedError("INVALID_CONTENT", "The query q is missing.")
        limit, offset = page_of(entry)
        self._need("Lists -> Items" if main_table(query) == "item" else "")
        try:
            found = self._tables().rows(query)[:_MOST_ROWS]
        except InvalidQueryError as error:
            raise RefusedError("INVALID_PARAMETER", error.detail) from error
        rows: list[dict[str, object]] = [{"links": [], **row} for row in found]
        return self._page(entry, query, rows, limit, offset, count=main_table(query) == "item")

    # Records -----------------------------------------------------------------------------------------------

    def _record(self, entry: Entry, method: str, kind: str, rest: Sequence[str]) -> Answer:
        self._need(_PERMISSIONS[kind])
        batch = media(entry) == _BATCH
        if method == "GET":
            return self._read(entry, kind, rest)
        if "respond-async" in entry.headers.get("prefer", ""):
            return self._accepted(entry, kind, rest, batch=batch)
        if batch:
            raise RefusedError("INVALID_HEADER", "A batch must be asynchronous: Prefer: respond-async.")
        return self._written(entry, method, kind, rest[0] if rest else None, body_of(entry))

    def _accepted(self, entry: Entry, kind: str, rest: Sequence[str], *, batch: bool) -> Answer:
        if not batch and not rest and entry.method != "POST":
            raise RefusedError("INVALID_HEADER", f"A batch's Content-Type must be {_BATCH}.")
        given = entry.headers.get("x-netsuite-idempotency-key")
        if given is not None and not is_uuid(given):
            raise RefusedError("INVALID_HEADER", "X-NetSuite-Idempotency-Key must be a UUID.")
        known = self._jobs.known(given)
        if known is not None:
            return sent_before(known)
        if batch:
            results = self._batch(entry, kind, rest)
        else:
            results = [self._tried(entry, entry.method, kind, rest[0] if rest else None, body_of(entry))]
        return accepted_at(self._jobs.accept(results, given, polls=self.pending_polls, now=self.clock.now()))

    def _batch(self, entry: Entry, kind: str, rest: Sequence[str]) -> list[Answer]:
        records = body_of(entry).get("items")
        if rest or not isinstance(records, list):
            raise RefusedError("INVALID_CONTENT", "A batch goes to the collection and holds items.")
        bodies = [cast("Mapping[str, Any]", record) for record in cast("list[object]", records)]
        if not 0 < len(bodies) <= _MOST_BATCH:
            raise RefusedError(
                "INVALID_CONTENT", f"A batch holds 1 to {_MOST_BATCH} records, not {len(bodies)}."
            )
        return [
            self._tried(entry, entry.method, kind, target_of(entry.method, body), body) for body in bodies
        ]


_PERMISSIONS: Final[Mapping[str, str]] = {
    "inventoryItem": "Lists -> Items",
    "inventoryAdjustment": "Transactions -> Adjust Inventory",
    "purchaseOrder": "Transactions -> Purchase Order",
}


__all__ = ["NetSuite"]

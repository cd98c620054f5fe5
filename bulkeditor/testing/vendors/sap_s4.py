"""A stand-in for S/4HANA Cloud: products, stock, sales prices and goods movements over OData 2.0.

Written from SAP's ``$metadata`` and OpenAPI documents of API_PRODUCT_SRV, API_MATERIAL_STOCK_SRV,
API_SLSPRICINGCONDITIONRECORD_SRV and API_MATERIAL_DOCUMENT_SRV (https://api.sap.com). The codes and words of
its errors are like the gateway's, and unverified; their form and status are as documented. A batch may hold
any number of requests: SAP publishes no limit.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qs

from bulkeditor.http import Clock
from bulkeditor.testing._standin import Answer, Entry
from bulkeditor.testing.vendors._sap.odata import ODataError, edmx
from bulkeditor.testing.vendors._sap.odata_batch import Part, read_batch
from bulkeditor.testing.vendors._sap.s4_model import SERVICES
from bulkeditor.testing.vendors._sap.s4_requests import ROOT, S4Requests
from bulkeditor.testing.vendors._sap.s4_wire import error_answer

_LOGON: Final = b"<html><head><title>Logon Error Message</title></head><body>Logon failed</body></html>"


class S4HANA(S4Requests):
    """S/4HANA Cloud over HTTP.

    What moves what: master data sets ``LastChangeDateTime`` of the product; a price that of its condition
    record; stock and cost neither. ``refuse`` locks a product; ``withdrawn`` services lack their
    communication arrangement.

    Args:
        clock: Its time.
        page: Rows of a page that the server ends by itself.
    """

    user = "SYNC_USER"
    password = "Communication-4f81"  # noqa: S105 - of a stand-in
    client_id = "s4-client"
    client_secret = "s4-client-secret-9e20"  # noqa: S105 - as above

    def __init__(self, *, clock: Clock | None = None, page: int = 100) -> None:
        super().__init__(clock=clock, page=page)
        self.withdrawn: set[str] = set()
        self._tokens: set[str] = set()
        self._sessions: dict[str, str] = {}
        self._told: list[str] = []

    def expire(self) -> None:
        """Access tokens, sessions and their CSRF tokens are dead."""
        self._tokens.clear()
        self._sessions.clear()

    def secrets(self) -> Iterable[str]:
        """Password, client secret, and all tokens and session ids."""
        return (self.password, self.client_secret, *self._told)

    def throttled(self, retry_after: float) -> Answer:
        """As the gateway in front of it says it."""
        said = {"code": "429", "message": {"lang": "en", "value": "Rate limit exceeded"}}
        return Answer(status=429, body={"error": said}, headers={"Retry-After": f"{retry_after:g}"})

    def handle(self, entry: Entry) -> Answer:
        """Answer one request."""
        if entry.path == "/sap/bc/sec/oauth2/token":
            return self._token(entry)
        if not self._known(entry):
            headers = {"Content-Type": "text/html", "WWW-Authenticate": 'Basic realm="SAP NetWeaver"'}
            return Answer(status=401, body=_LOGON, headers=headers)
        try:
            return self._served(entry)
        except ODataError as error:
            return error_answer(error)

    # Who may

    def _known(self, entry: Entry) -> bool:
        if self.strikes("refuse_login", entry):
            return False
        kind, _, value = entry.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            return value == _basic(self.user, self.password)
        return kind == "Bearer" and value in self._tokens

    def _token(self, entry: Entry) -> Answer:
        form = parse_qs(entry.body.decode())
        given = {name: form.get(name) for name in ("client_id", "client_secret")}
        in_body = given == {"client_id": [self.client_id], "client_secret": [self.client_secret]}
        in_header = (
            entry.headers.get("authorization") == f"Basic {_basic(self.client_id, self.client_secret)}"
        )
        if not (in_body or in_header) or self.strikes("refuse_login", entry):
            return Answer(status=401, body={"error": "invalid_client"})
        if entry.method != "POST" or form.get("grant_type") != ["client_credentials"]:
            return Answer(status=400, body={"error": "unsupported_grant_type"})
        token = self._secret("access")
        self._tokens.add(token)
        return Answer(body={"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def _secret(self, kind: str) -> str:
        self._told.append(f"s4-{kind}-{next(self._numbers)}-c93e")
        return self._told[-1]

    def _csrf(self, entry: Entry) -> Mapping[str, str]:
        """The header fields with a token, where one was asked for; a write without a good one is refused."""
        given = entry.headers.get("x-csrf-token", "")
        if given.lower() == "fetch" and entry.method == "GET":
            session, token = self._secret("session"), self._secret("csrf")
            self._sessions[session] = token
            context = "sap-usercontext=sap-client=100; path=/"
            # One header field for each cookie.
            cookies = f"{context}\nSAP_SESSIONID_S4H_100={session}; path=/; HttpOnly"
            return {"x-csrf-token": token, "Set-Cookie": cookies}
        if entry.method == "HEAD":
            raise ODataError(403, "HEAD is not allowed")
        if entry.method == "GET":
            return {}
        found = re.search(r"SAP_SESSIONID_S4H_100=([^;,\s]+)", entry.headers.get("cookie", ""))
        if not given or found is None or self._sessions.get(found[1]) != given:
            raise ODataError(403, "CSRF token validation failed", headers={"x-csrf-token": "Required"})
        return {}

    # Where it goes

    def _served(self, entry: Entry) -> Answer:
        found = re.fullmatch(rf"{ROOT}(\w+)/(.*)", entry.path)
        if found is None:
            raise ODataError(404, f"No service found for {entry.path}", "/IWFND/MED/170")
        service, rest = found.groups()
        if service not in SERVICES or service in self.withdrawn:
            raise ODataError(403, f"No authorization to access Service '{service}'", "/IWFND/MED/170")
        more = self._csrf(entry)
        answer = self._routed(service, rest, entry)
        return Answer(status=answer.status, body=answer.body, headers={**answer.headers, **more})

    def _routed(self, service: str, rest: str, entry: Entry) -> Answer:
        if not rest:
            return Answer(body={"d": {"EntitySets": list(SERVICES[service])}})
        if rest == "$metadata":
            if any(name.startswith("$") for name in entry.params):
                raise ODataError(400, "$metadata takes no system query options")
            return Answer(
                body=edmx(service, SERVICES[service].values()), headers={"Content-Type": "application/xml"}
            )
        if rest == "$batch":
            return self._batch(service, entry)
        return self._alone(service, rest, entry)

    def _batch(self, service: str, entry: Entry) -> Answer:
        if entry.method != "POST":
            raise ODataError(405, "A batch is a POST")
        parts = read_batch(entry.headers.get("content-type", ""), entry.body)
        if any(isinstance(part, Part) and part.method != "GET" for part in parts):
            raise ODataError(400, "A change must stand in a changeset")
        return self._together(service, parts, entry)

    def _refusal(self, error: ODataError) -> Answer:
        return error_answer(error)


def _basic(name: str, password: str) -> str:
    return base64.b64encode(f"{name}:{password}".encode()).decode()


__all__ = ["S4HANA"]

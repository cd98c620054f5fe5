"""A stand-in for the Service Layer of SAP Business One: items, stock, prices, purchase orders.

Written from the ``$metadata`` of the Service Layer and its user's manual ("Working with SAP Business One
Service Layer"). Names, types, statuses and the form of errors are as documented; the words of most errors are
unverified. Its days and times are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bulkeditor.http import Clock
from bulkeditor.testing._standin import Answer, Entry
from bulkeditor.testing.vendors._sap.b1_requests import B1Requests
from bulkeditor.testing.vendors._sap.b1_wire import body_of, error_answer
from bulkeditor.testing.vendors._sap.odata import ODataError
from bulkeditor.testing.vendors._sap.odata_batch import read_batch

_MINUTES: Final = 30


class BusinessOne(B1Requests):
    """Business One over HTTP; ``/b1s/v1`` and ``/b1s/v2`` both.

    Price list 2 rests on price list 1, as in the demo company. ``refuse`` locks an item.

    Args:
        clock: Its time.
        seats: Sessions that the licence allows at once.
    """

    content_type = "application/json;odata=minimalmetadata;charset=utf-8"
    company, user = "SBODEMOUS", "manager"
    password = "Service-Layer-81d0"  # noqa: S105 - of a stand-in

    def __init__(self, *, clock: Clock | None = None, seats: int = 100) -> None:
        super().__init__(clock=clock)
        self.seats = seats
        self._sessions: dict[str, datetime] = {}
        self._told: list[str] = []

    @property
    def logged_in(self) -> int:
        """Sessions that hold a licence seat."""
        oldest = self.clock.now() - timedelta(minutes=_MINUTES)
        return sum(used >= oldest for used in self._sessions.values())

    def expire(self) -> None:
        """All sessions are dead."""
        self._sessions.clear()

    def secrets(self) -> Iterable[str]:
        """The password, and all session ids."""
        return (self.password, *self._told)

    def throttled(self, retry_after: float) -> Answer:
        """As the load balancer in front of it says it."""
        body = {"error": {"code": -1, "message": {"lang": "en-us", "value": "Service is busy"}}}
        return Answer(status=503, body=body, headers={"Retry-After": f"{retry_after:g}"})

    def upgrade(self) -> None:
        """Its next release: weights are text."""
        for row in self.rows("Items"):
            row["SalesUnitWeight"] = f"{row['SalesUnitWeight']} kg"

    def handle(self, entry: Entry) -> Answer:
        """Answer one request."""
        try:
            return self._served(entry)
        except ODataError as error:
            return error_answer(error)

    def _served(self, entry: Entry) -> Answer:
        found = re.fullmatch(r"/b1s/(v[12])/(.*)", entry.path)
        if found is None:
            raise ODataError(404, f"Unrecognized resource path '{entry.path}'", "-1000")
        version, rest = found.groups()
        if rest == "Login":
            return self._login(version, entry)
        session = self._session(entry)
        if entry.method == "POST" and rest == "Logout":
            del self._sessions[session]
            return Answer(status=204)
        if entry.method == "POST" and rest == "CompanyService_GetCompanyInfo":
            return Answer(body={"CompanyName": "OEC Computers", "Version": 1000190})
        if entry.method == "POST" and rest == "$batch":
            return self._batch(version, entry)
        return self._alone(version, rest, entry)

    # Who may

    def _login(self, version: str, entry: Entry) -> Answer:
        if entry.method != "POST":
            raise ODataError(405, "Login is a POST", "-1000")
        given = body_of(entry.body)
        wanted = {"CompanyDB": self.company, "UserName": self.user, "Password": self.password}
        unknown = given.keys() - wanted.keys() - {"Language"}
        if unknown:
            raise ODataError(400, f"Property '{min(unknown)}' of 'Login' is invalid", "-1000")
        right = all(given.get(name) == value for name, value in wanted.items())
        if not right or self.strikes("refuse_login", entry):
            raise ODataError(401, "Login owner error", "100000027")
        if self.logged_in >= self.seats:
            raise ODataError(401, "No free licence for this user", "-101")
        session = f"b1-session-{next(self._numbers)}-77aa"
        self._sessions[session] = self.clock.now()
        self._told.append(session)
        word = "odata.metadata" if version == "v1" else "@odata.context"
        about = f"{self.base_url}/b1s/{version}/$metadata#B1Sessions/@Element"
        return Answer(
            body={word: about, "SessionId": session, "Version": "1000190", "SessionTimeout": _MINUTES},
            # One header field for each cookie.
            headers={
                "Set-Cookie": f"B1SESSION={session}; HttpOnly; SameSite=None\nROUTEID=.node2; path=/b1s"
            },
        )

    def _session(self, entry: Entry) -> str:
        cookies: dict[str, str] = dict(re.findall(r"(\w+)=([^;,\s]+)", entry.headers.get("cookie", "")))
        session = cookies.get("B1SESSION", "")
        used = self._sessions.get(session)
        # Without ROUTEID the load balancer picks another node, which knows no such session.
        here = cookies.get("ROUTEID") == ".node2"
        now = self.clock.now()
        if used is None or not here or now - used > timedelta(minutes=_MINUTES):
            raise ODataError(401, "Invalid session or session already timeout.", "301")
        self._sessions[session] = now
        return session

    # Batches

    def _batch(self, version: str, entry: Entry) -> Answer:
        parts = read_batch(entry.headers.get("content-type", ""), entry.body)
        return self._together(version, parts, entry)

    def _refusal(self, error: ODataError) -> Answer:
        return error_answer(error)


__all__ = ["BusinessOne"]

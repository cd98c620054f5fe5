"""A stand-in for a small ERP: the system that the guide's connector and the tests of the base talk to.

Its HTTP, in short: a key in ``X-Token``, or ``POST /token`` for client credentials; ``GET /items`` lists,
with ``changed_after`` (inclusive), ``changed_before``, ``item`` (comma list), ``limit`` and an absolute
``next`` link; ``PATCH /items`` takes ``{"items": [{"item_no", …}]}`` and answers a result for each; ``GET
/deleted`` lists item numbers that are gone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast
from urllib.parse import parse_qs, urlencode

from bulkeditor.http import Clock
from bulkeditor.testing._standin import Answer, Entry, StandIn

# Ours to theirs.
_NAMES: Final[Mapping[str, str]] = {
    "sku": "item_no",
    "price": "unit_price",
    "cost": "cost",
    "inventory_quantity": "on_hand",
    "vendor": "supplier",
    "changed_at": "changed_at",
}
_PAGE: Final = 3


class ReferenceERP(StandIn):
    """A small ERP over HTTP.

    Args:
        clock: Its time.
    """

    client_id = "erp-client"
    client_secret = "erp-client-secret-71c4"  # noqa: S105 - of a stand-in
    api_key = "erp-key-0c77"

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self._items: dict[str, dict[str, object]] = {}
        self._gone: list[str] = []
        self._tokens: set[str] = set()
        self._all_tokens: list[str] = []
        self._numbers = itertools.count(1)

    def seed(self, records: Iterable[Mapping[str, object]]) -> None:
        """Take in records in our words."""
        for record in records:
            row = {_NAMES[name]: value for name, value in record.items()}
            row.setdefault("changed_at", self.clock.now())
            self._items[str(row["item_no"])] = row

    def edit(self, key: str, values: Mapping[str, object], *, changed_at: datetime | None = None) -> None:
        """Change an item as a clerk would."""
        row = self._items.setdefault(key, {"item_no": key})
        row.update({_NAMES[name]: value for name, value in values.items()})
        row["changed_at"] = changed_at or self.clock.now()

    def remove(self, key: str) -> None:
        """Delete an item as a clerk would."""
        del self._items[key]
        self._gone.append(key)

    def holds(self, key: str) -> Mapping[str, object] | None:
        """An item in our words."""
        row = self._items.get(key)
        ours = {theirs: name for name, theirs in _NAMES.items()}
        return None if row is None else {ours[name]: value for name, value in row.items()}

    def expire(self) -> None:
        """Forget every access token."""
        self._tokens.clear()

    def secrets(self) -> Iterable[str]:
        """The client's secret and all tokens."""
        return (self.client_secret, self.api_key, *self._all_tokens)

    def upgrade(self) -> None:
        """Its next release: stock is text, and the cost is gone."""
        for row in self._items.values():
            row["on_hand"] = str(row.get("on_hand"))
            row.pop("cost", None)

    def handle(self, entry: Entry) -> Answer:
        """Answer one request."""
        if entry.path == "/token":
            return self._token(entry)
        bearer = entry.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer not in self._tokens and entry.headers.get("x-token") != self.api_key:
            return Answer(status=401, body={"error": {"code": "token_expired", "message": "log in again"}})
        match entry.method, entry.path:
            case "GET", "/items":
                return self._list(entry)
            case "PATCH", "/items":
                return self._update(entry)
            case "GET", "/deleted":
                return Answer(body={"deleted": self._gone})
            case _:
                return Answer(status=404, body={"error": {"code": "no_such_route", "message": entry.path}})

    def _token(self, entry: Entry) -> Answer:
        form = parse_qs(entry.body.decode())
        if self.strikes("refuse_login", entry) or form.get("client_secret") != [self.client_secret]:
            return Answer(status=401, body={"error": "invalid_client"})
        token = f"erp-token-{next(self._numbers)}-5d1f"
        self._tokens.add(token)
        self._all_tokens.append(token)
        return Answer(body={"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def _list(self, entry: Entry) -> Answer:
        params = entry.params
        rows = sorted(self._items.values(), key=lambda row: (_time(row["changed_at"]), str(row["item_no"])))
        if "item" in params:
            wanted = params["item"].split(",")
            rows = [row for row in rows if row["item_no"] in wanted]
        if "changed_after" in params:
            rows = [row for row in rows if _time(row["changed_at"]) >= _time(params["changed_after"])]
        if "changed_before" in params:
            rows = [row for row in rows if _time(row["changed_at"]) <= _time(params["changed_before"])]
        start, size = int(params.get("start", "0")), int(params.get("limit", _PAGE))
        if self.strikes("empty_page", entry):
            page: list[object] = []
            size = 0
        else:
            page = [_wire(row) for row in rows[start : start + size]]
        entry.rows = len(page)
        if self.strikes("bad_row", entry):
            page.append({"unit_price": "1.00"})
            entry.rows += 1
        more = start + size < len(rows)
        # Every page has an address of its own, one that came after an empty page, too.
        onward = urlencode({**params, "start": start + size, "page": int(params.get("page", "1")) + 1})
        return Answer(
            body={
                "rows": page,
                "next": f"{self.base_url}/items?{onward}" if more else None,
                "total": len(rows),
            }
        )

    def _update(self, entry: Entry) -> Answer:
        body = cast("Mapping[str, list[dict[str, object]]]", entry.json())
        results: list[dict[str, object]] = []
        for given in body["items"]:
            number = str(given.get("item_no"))
            results.append({"item_no": number, **self._write(entry, number, given)})
        # In an order of its own: answers are matched by item number, never by position.
        return Answer(body={"results": results[::-1]})

    def _write(self, entry: Entry, number: str, given: Mapping[str, object]) -> dict[str, object]:
        if number in self.refused:
            return {"ok": False, "code": "refused", "message": self.refused[number]}
        row = self._items.get(number)
        if row is None:
            return {"ok": False, "code": "no_item", "message": "there is no such item"}
        ours = {theirs: name for name, theirs in _NAMES.items()}
        for name, value in given.items():
            if name == "item_no":
                continue
            after = (
                Decimal(str(value))
                if isinstance(value, str | int | Decimal) and name != "supplier"
                else value
            )
            self.commit(entry, number, ours[name], row.get(name), after)
            row[name] = after
        row["changed_at"] = self.clock.now()
        return {"ok": True}


def _time(value: object) -> datetime:
    time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return time.astimezone(UTC)


def _wire(row: Mapping[str, object]) -> object:
    return {name: _time(value).isoformat() if name == "changed_at" else value for name, value in row.items()}


__all__ = ["ReferenceERP"]

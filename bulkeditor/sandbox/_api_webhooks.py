"""Operations on webhooks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from bulkeditor.sandbox._http import (
    Answer,
    Call,
    Effect,
    Problem,
    Route,
    no_content,
    ok,
    validation_failed,
)
from bulkeditor.sandbox._json import JSON, Doc, decode, encode_text
from bulkeditor.sandbox._paging import listing, page_of
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._rows import time_text
from bulkeditor.sandbox._store import Store
from bulkeditor.sandbox._webhooks import EVENTS, Webhooks

MAX_OVERLAP: Final = 30 * 86_400
_DAY: Final = 86_400
_SECRET: Final = re.compile(r"[!-~]{1,255}")
_ENDPOINT: Final = re.compile(r"https?://[A-Za-z0-9\[][!-~]*")
_MAX_ENDPOINT: Final = 2048


class WebhookRoutes:
    """Handlers for ``/api/v1/webhooks``."""

    def __init__(self, store: Store, readings: Readings, webhooks: Webhooks) -> None:
        self._store = store
        self._readings = readings
        self._webhooks = webhooks

    def routes(self) -> list[Route]:
        """What this module answers."""
        base = "/api/v1/webhooks"
        one = f"{base}/{{webhook_id}}"
        pages = frozenset({"limit", "page"})

        def route(name: str, method: str, path: str, handler: Any, **more: Any) -> Route:
            return Route(
                name=f"webhooks.{name}", method=method, path=path, scope="admin:all", handler=handler, **more
            )

        return [
            route("create", "POST", base, self.create, relative=True),
            route("list", "GET", base, self.list_webhooks, query=pages),
            route("get", "GET", one, self.get),
            route("update", "PATCH", one, self.update),
            route("delete", "DELETE", one, self.delete),
            route("rotate_secret", "POST", f"{one}/rotate-secret", self.rotate, relative=True),
            route("deliveries", "GET", f"{one}/deliveries", self.deliveries, query=pages),
            route("redeliver", "POST", f"{one}/deliveries/{{delivery_id}}/redeliver", self.redeliver),
        ]

    def create(self, call: Call) -> Answer:
        """Register; the secret is shown here."""
        body = call.object(("events", "endpoint", "secret"))
        problems = [*_check_events(body.get("events")), *_check_endpoint(body.get("endpoint"))]
        if "secret" in body:
            problems += _check_secret(body["secret"])
        if problems:
            raise validation_failed(problems)
        events, endpoint, secret = body["events"], body["endpoint"], body.get("secret")
        assert isinstance(events, list)
        ident = self._webhooks.create([str(event) for event in events], str(endpoint), _text(secret))
        call.effects.append(Effect(kind="webhook.created", id=ident))
        return ok({**self._show(ident), "secret": self._webhooks.row(ident)[6]}, 201)

    def list_webhooks(self, call: Call) -> Answer:
        """All webhooks, without their secrets."""
        page = page_of(call, self._readings)
        rows = self._store.rows(
            "SELECT id FROM webhooks ORDER BY num LIMIT ? OFFSET ?", (page.limit, page.start)
        )
        total = self._store.value("SELECT count(*) FROM webhooks")
        return listing("webhooks", [self._show(row[0]) for row in rows], page, total)

    def get(self, call: Call) -> Answer:
        """One webhook, without its secret."""
        return ok(self._show(call.arguments["webhook_id"]))

    def update(self, call: Call) -> Answer:
        """Change events, endpoint or enabled."""
        ident = call.arguments["webhook_id"]
        self._webhooks.row(ident)
        body = call.object(("events", "endpoint", "enabled"))
        problems: list[Problem] = []
        changes: dict[str, object] = {}
        if not body:
            problems.append(Problem(None, "required", "Give events, endpoint or enabled"))
        if "events" in body:
            problems += _check_events(body["events"])
            changes["events"] = encode_text(body["events"])
        if "endpoint" in body:
            problems += _check_endpoint(body["endpoint"])
            changes["endpoint"] = body["endpoint"]
        if "enabled" in body:
            if not isinstance(body["enabled"], bool):
                problems.append(Problem("enabled", "invalid_type", "enabled must be true or false"))
            changes["enabled"] = int(body["enabled"] is True)
        if problems:
            raise validation_failed(problems)
        self._webhooks.change(ident, changes)
        call.effects.append(Effect(kind="webhook.updated", id=ident, after=body))
        return ok(self._show(ident))

    def delete(self, call: Call) -> Answer:
        """Remove, with what was still to be delivered."""
        ident = call.arguments["webhook_id"]
        self._webhooks.delete(ident)
        call.effects.append(Effect(kind="webhook.deleted", id=ident))
        return no_content()

    def rotate(self, call: Call) -> Answer:
        """Replace the secret."""
        ident = call.arguments["webhook_id"]
        self._webhooks.row(ident)
        body = call.object(("secret", "overlap_seconds"), optional=True)
        problems = _check_secret(body["secret"]) if "secret" in body else []
        overlap = read_overlap(body, _DAY, problems)
        if problems:
            raise validation_failed(problems)
        self._webhooks.rotate(ident, _text(body.get("secret")), overlap)
        row = self._webhooks.row(ident)
        call.effects.append(Effect(kind="webhook.secret_rotated", id=ident))
        return ok({**self._show(ident), "secret": row[6], "previous_expires_at": time_text(row[8])})

    def deliveries(self, call: Call) -> Answer:
        """What became of each delivery, newest first."""
        page = page_of(call, self._readings)
        ident = call.arguments["webhook_id"]
        self._webhooks.row(ident)
        rows, total = self._webhooks.deliveries(ident, page.limit, page.start)
        return listing("deliveries", rows, page, total)

    def redeliver(self, call: Call) -> Answer:
        """Once more, under the same id."""
        webhook, delivery = call.arguments["webhook_id"], call.arguments["delivery_id"]
        self._webhooks.row(webhook)
        self._webhooks.redeliver(webhook, delivery)
        call.effects.append(Effect(kind="delivery.queued", id=delivery))
        return ok(self._webhooks.delivery(webhook, delivery), 202)

    def _show(self, ident: str) -> Doc:
        row = self._webhooks.row(ident)
        return {
            "id": row[0],
            "events": decode(row[1]),
            "endpoint": row[2],
            "enabled": bool(row[3]),
            "created_at": time_text(row[4]),
            "updated_at": time_text(row[5]),
        }


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None


def _check_events(value: JSON) -> Sequence[Problem]:
    if not isinstance(value, list) or not value:
        return [Problem("events", "required", "events must be a list with at least one event")]
    problems = [
        Problem(f"events[{index}]", "invalid_value", f"This is no event; known are {', '.join(EVENTS)}")
        for index, event in enumerate(value)
        if event not in EVENTS
    ]
    if not problems and len({str(event) for event in value}) < len(value):
        problems.append(Problem("events", "invalid_value", "An event stands twice"))
    return problems[:50]


def _check_endpoint(value: JSON) -> Sequence[Problem]:
    message = "endpoint must be an absolute http or https URL"
    if not isinstance(value, str):
        return [Problem("endpoint", "required" if value is None else "invalid_type", message)]
    try:
        url = urlsplit(value)
        # Reading the port is what finds a bad one.
        valid = bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        valid = False
    if not valid or len(value) > _MAX_ENDPOINT or _ENDPOINT.fullmatch(value) is None:
        return [Problem("endpoint", "invalid_value", message)]
    return []


def _check_secret(value: JSON) -> list[Problem]:
    if isinstance(value, str) and _SECRET.fullmatch(value):
        return []
    return [
        Problem(
            "secret", "invalid_value", "secret must be 1 to 255 printable ASCII characters without spaces"
        )
    ]


def read_overlap(body: Doc, default: int, problems: list[Problem]) -> int:
    """How many seconds the old secret or key goes on."""
    value = body.get("overlap_seconds", default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_OVERLAP:
        message = f"overlap_seconds must be a whole number from 0 to {MAX_OVERLAP}"
        problems.append(Problem("overlap_seconds", "invalid_value", message))
        return default
    return value

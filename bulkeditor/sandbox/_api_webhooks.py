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
from bulkeditor.sandbox._samples import sample_data
from bulkeditor.sandbox._subscriptions import EVENTS, MANUAL, Subscriptions
from bulkeditor.sandbox._webhooks import Webhooks

MAX_OVERLAP: Final = 30 * 86_400
_DAY: Final = 86_400
_SECRET: Final = re.compile(r"[!-~]{1,255}")
_ENDPOINT: Final = re.compile(r"https?://[A-Za-z0-9\[][!-~]*")
_MAX_ENDPOINT: Final = 2048
_NO_EVENT: Final = f"This is no event; known are {', '.join(EVENTS)}"


class WebhookRoutes:
    """Handlers for ``/api/v1/webhooks``."""

    def __init__(self, readings: Readings, subscriptions: Subscriptions, webhooks: Webhooks) -> None:
        self._readings = readings
        self._subscriptions = subscriptions
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
            route("test", "POST", f"{one}/test", self.test, relative=True),
            route("deliveries", "GET", f"{one}/deliveries", self.deliveries, query=pages),
            route(
                "redeliver",
                "POST",
                f"{one}/deliveries/{{delivery_id}}/redeliver",
                self.redeliver,
                relative=True,
            ),
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
        ident = self._subscriptions.create([str(event) for event in events], str(endpoint), _text(secret))
        call.effects.append(Effect(kind="webhook.created", id=ident))
        webhook = self._subscriptions.find(ident)
        return ok({**webhook.shown(), "secret": webhook.secret}, 201)

    def list_webhooks(self, call: Call) -> Answer:
        """All webhooks, without their secrets."""
        page = page_of(call, self._readings)
        rows, total = self._subscriptions.page(page.limit, page.start)
        return listing("webhooks", rows, page, total)

    def get(self, call: Call) -> Answer:
        """One webhook, without its secret."""
        return ok(self._subscriptions.find(call.arguments["webhook_id"]).shown())

    def update(self, call: Call) -> Answer:
        """Change events, endpoint or enabled."""
        ident = call.arguments["webhook_id"]
        self._subscriptions.find(ident)
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
        if "enabled" in body and not isinstance(body["enabled"], bool):
            problems.append(Problem("enabled", "invalid_type", "enabled must be true or false"))
        if problems:
            raise validation_failed(problems)
        if changes:
            self._subscriptions.change(ident, changes)
        self._switch(ident, body.get("enabled"))
        call.effects.append(Effect(kind="webhook.updated", id=ident, after=body))
        return ok(self._subscriptions.find(ident).shown())

    def _switch(self, ident: str, enabled: JSON) -> None:
        if enabled is True:
            self._webhooks.enable(ident)
        elif enabled is False and self._subscriptions.find(ident).enabled:
            # One that is disabled already keeps the reason why.
            self._subscriptions.disable(ident, MANUAL)

    def delete(self, call: Call) -> Answer:
        """Remove, with what was still to be delivered."""
        ident = call.arguments["webhook_id"]
        self._webhooks.delete(ident)
        call.effects.append(Effect(kind="webhook.deleted", id=ident))
        return no_content()

    def rotate(self, call: Call) -> Answer:
        """Replace the secret."""
        ident = call.arguments["webhook_id"]
        self._subscriptions.find(ident)
        body = call.object(("secret", "overlap_seconds"), optional=True)
        problems = _check_secret(body["secret"]) if "secret" in body else []
        overlap = read_overlap(body, _DAY, problems)
        if problems:
            raise validation_failed(problems)
        self._subscriptions.rotate(ident, _text(body.get("secret")), overlap)
        webhook = self._subscriptions.find(ident)
        call.effects.append(Effect(kind="webhook.secret_rotated", id=ident))
        expires = time_text(webhook.previous_expires_at)
        return ok({**webhook.shown(), "secret": webhook.secret, "previous_expires_at": expires})

    def test(self, call: Call) -> Answer:
        """Queue a made-up event."""
        webhook = self._subscriptions.find(call.arguments["webhook_id"])
        body = call.object(("event", "data"), optional=True)
        wanted = decode(webhook.events)
        assert isinstance(wanted, list)
        event, data = body.get("event", wanted[0]), body.get("data", {})
        problems: list[Problem] = []
        if event not in EVENTS:
            problems.append(Problem("event", "invalid_value", _NO_EVENT))
        if not isinstance(data, dict):
            problems.append(Problem("data", "invalid_type", "data must be an object"))
        if problems or not isinstance(event, str) or not isinstance(data, dict):
            raise validation_failed(problems)
        delivery = self._webhooks.send(webhook.id, event, {**sample_data(event, call.now_us), **data})
        call.effects.append(Effect(kind="delivery.queued", id=delivery))
        return ok(self._webhooks.delivery(webhook.id, delivery), 202)

    def deliveries(self, call: Call) -> Answer:
        """What became of each delivery, newest first."""
        page = page_of(call, self._readings)
        ident = call.arguments["webhook_id"]
        self._subscriptions.find(ident)
        rows, total = self._webhooks.deliveries(ident, page.limit, page.start)
        return listing("deliveries", rows, page, total)

    def redeliver(self, call: Call) -> Answer:
        """Once more, under the same id."""
        webhook, delivery = call.arguments["webhook_id"], call.arguments["delivery_id"]
        self._subscriptions.find(webhook)
        self._webhooks.redeliver(webhook, delivery)
        call.effects.append(Effect(kind="delivery.queued", id=delivery))
        return ok(self._webhooks.delivery(webhook, delivery), 202)


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None


def _check_events(value: JSON) -> Sequence[Problem]:
    if not isinstance(value, list) or not value:
        return [Problem("events", "required", "events must be a list with at least one event")]
    problems = [
        Problem(f"events[{index}]", "invalid_value", _NO_EVENT)
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

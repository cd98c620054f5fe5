"""Webhooks: where events are sent, what was sent, and the secrets they are signed with."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bulkeditor._secret import Secret, secret
from bulkeditor.api import _answers
from bulkeditor.api._lists import MAX_LIMIT, Listing, by_id, check_limit, collect
from bulkeditor.api._request import ask, ask_once, build, ensure_text, lost, name_list, refused, unknown
from bulkeditor.api._settle import delete_once, post
from bulkeditor.errors import BulkEditorError
from bulkeditor.http import Exchange, Response, RetryPolicy
from bulkeditor.models import JSON, Delivery, EventName, Webhook, WebhookSecret

_INSTEAD: Final = "Set webhooks up in the shop, under Settings → API Integrations."
_SECRET_BYTES: Final = 32


def new_secret() -> Secret:
    """A random secret for signatures.

    It is made here, so that it is known even when the answer that would show it is lost.
    """
    return Secret(random.token_urlsafe(_SECRET_BYTES))


def create(
    *, events: Iterable[str], endpoint: str, key: str | Secret | None, honoured: bool
) -> Exchange[WebhookSecret]:
    """Create a webhook.

    Args:
        events: Names of the events; see :class:`EventName`.
        endpoint: The address that receives them.
        key: What deliveries are signed with; ``None`` = a new random one.
        honoured: Whether the server is known to honour idempotency keys.
    """
    names, address, signing = check_events(events), check_endpoint(endpoint), _signing(key)
    body = {"events": names, "endpoint": address, "secret": signing.reveal()}

    def read(response: Response) -> WebhookSecret:
        return _with_secret(_answers.one(response, WebhookSecret), signing)

    return (
        yield from post(
            build("webhooks.create", body=body),
            read=read,
            finder=_Created(names, address, signing),
            honoured=honoured,
            instead=_INSTEAD,
        )
    )


class _Created:
    """Finds the webhook that a lost POST created: a new one with these events and this endpoint."""

    def __init__(self, events: Sequence[str], endpoint: str, signing: Secret) -> None:
        self._events = set(events)
        self._endpoint = endpoint
        self._signing = signing
        self._known: frozenset[str] = frozenset()

    def before(self) -> Exchange[None]:
        self._known = frozenset(item.id for item in (yield from collect(listing().walk())))

    def after(self) -> Exchange[Sequence[WebhookSecret]]:
        rows = yield from collect(listing().walk())
        new = [row for row in rows if row.id not in self._known and row.endpoint == self._endpoint]
        return [_with_secret(row, self._signing) for row in new if set(row.events) == self._events]


def _with_secret(row: Webhook, signing: Secret) -> WebhookSecret:
    if isinstance(row, WebhookSecret) and "secret" in row.loaded:
        return row
    fields = {name: getattr(row, name) for name in row.loaded if name != "secret"}
    return WebhookSecret(**fields, secret=signing)


def listing(*, limit: int = MAX_LIMIT, page: int | None = None) -> Listing[Webhook]:
    """All webhooks."""
    check_limit(limit, page)
    return Listing(
        operation="webhooks.list",
        model=Webhook,
        plural="webhooks",
        key=by_id,
        limit=limit,
        page=page,
        instead=_INSTEAD,
    )


def get(webhook_id: str) -> Exchange[Webhook]:
    """One webhook."""
    path = {"webhook_id": ensure_text(webhook_id, "webhook_id")}
    response = yield from ask(build("webhooks.get", path=path), instead=_INSTEAD)
    return _answers.one(response, Webhook)


def update(
    webhook_id: str, *, events: Iterable[str] | None, endpoint: str | None, enabled: bool | None
) -> Exchange[Webhook]:
    """Change a webhook; what is ``None`` stays. A lost answer is settled by reading."""
    path = {"webhook_id": ensure_text(webhook_id, "webhook_id")}
    body: dict[str, object] = {}
    if events is not None:
        body["events"] = check_events(events)
    if endpoint is not None:
        body["endpoint"] = check_endpoint(endpoint)
    if enabled is not None:
        body["enabled"] = enabled
    if not body:
        raise refused("webhooks.update", "names nothing to change; give events, endpoint or enabled")
    request = build("webhooks.update", path=path, body=body)
    try:
        response = yield from ask(request, instead=_INSTEAD)
        return _answers.one(response, Webhook)
    except BulkEditorError as error:
        if not lost(error):
            raise
        failure = error
    row = yield from get(webhook_id)
    if all(_held(row, name) == value for name, value in body.items()):
        return row
    raise unknown(request, failure) from failure


def _held(row: Webhook, name: str) -> object:
    return getattr(row, name, None)


def delete(webhook_id: str, *, policy: RetryPolicy) -> Exchange[None]:
    """Delete a webhook."""
    path = {"webhook_id": ensure_text(webhook_id, "webhook_id")}
    yield from delete_once(build("webhooks.delete", path=path), policy=policy, instead=_INSTEAD)


def rotate_secret(
    webhook_id: str, *, key: str | Secret | None, overlap_seconds: int, honoured: bool
) -> Exchange[WebhookSecret]:
    """Give a webhook a new secret; the one before stays valid for a while.

    Args:
        webhook_id: The webhook.
        key: The new secret; ``None`` = a random one.
        overlap_seconds: How long the old secret stays valid.
        honoured: Whether the server is known to honour idempotency keys.

    Raises:
        OutcomeUnknownError: No answer came. Accept both secrets until it is settled.
    """
    path = {"webhook_id": ensure_text(webhook_id, "webhook_id")}
    check_overlap(overlap_seconds)
    signing = _signing(key)
    body = {"secret": signing.reveal(), "overlap_seconds": overlap_seconds}

    def read(response: Response) -> WebhookSecret:
        return _with_secret(_answers.one(response, WebhookSecret), signing)

    return (
        yield from ask_once(
            build("webhooks.rotate_secret", path=path, body=body),
            read=read,
            honoured=honoured,
            instead=_INSTEAD,
        )
    )


def test(
    webhook_id: str, *, event: str | None, data: Mapping[str, JSON] | None, honoured: bool
) -> Exchange[Delivery]:
    """Send a made-up event.

    Args:
        webhook_id: The webhook.
        event: Its name; ``None`` = the first that the webhook is for.
        data: Members of its data, in place of the made-up ones.
        honoured: Whether the server is known to honour idempotency keys.
    """
    path = {"webhook_id": ensure_text(webhook_id, "webhook_id")}
    body: dict[str, object] = {}
    if event is not None:
        body["event"] = check_events([event])[0]
    if data is not None:
        body["data"] = dict(data)
    return (
        yield from ask_once(
            build("webhooks.test", path=path, body=body),
            read=lambda response: _answers.one(response, Delivery),
            honoured=honoured,
            instead="The documented API sends real events only.",
        )
    )


def deliveries(webhook_id: str, *, limit: int = MAX_LIMIT, page: int | None = None) -> Listing[Delivery]:
    """What was sent to a webhook, and what came of it."""
    check_limit(limit, page)
    return Listing(
        operation="webhooks.deliveries",
        model=Delivery,
        plural="deliveries",
        key=by_id,
        limit=limit,
        page=page,
        path={"webhook_id": ensure_text(webhook_id, "webhook_id")},
        instead="The documented API keeps no record of deliveries.",
    )


def redeliver(webhook_id: str, delivery_id: str, *, honoured: bool) -> Exchange[Delivery]:
    """Send an event again."""
    path = {
        "webhook_id": ensure_text(webhook_id, "webhook_id"),
        "delivery_id": ensure_text(delivery_id, "delivery_id"),
    }
    return (
        yield from ask_once(
            build("webhooks.redeliver", path=path),
            read=lambda response: _answers.one(response, Delivery),
            honoured=honoured,
            instead="The documented API cannot send an event again.",
        )
    )


def check_events(events: object) -> list[str]:
    """Names of events as a list, none of them misspelt.

    Raises:
        InvalidInputError: Not a list, empty, or a name that looks like a misspelt one.
    """
    names = name_list(events, "events", "event names")
    unknown_ = [name for name in names if name not in EventName.ALL]
    if unknown_:
        raise refused(
            "events", f"{', '.join(map(repr, unknown_))} does not exist; there are {', '.join(EventName.ALL)}"
        )
    return names


def check_endpoint(endpoint: object) -> str:
    """An address that events can be sent to.

    Raises:
        InvalidInputError: It is no http or https address.
    """
    if isinstance(endpoint, str) and endpoint.startswith(("https://", "http://")):
        return endpoint
    raise refused("endpoint", f"must be an http or https address, got {endpoint!r}")


def check_overlap(seconds: object) -> None:
    """Refuse a negative or fractional overlap.

    Raises:
        InvalidInputError: It is no whole number of seconds from 0 on.
    """
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        raise refused("overlap_seconds", f"must be a whole number of seconds from 0 on, got {seconds!r}")


def _signing(key: str | Secret | None) -> Secret:
    if key is None:
        return new_secret()
    return secret(key) if isinstance(key, Secret) else Secret(ensure_text(key, "secret"))


__all__ = [
    "check_overlap",
    "create",
    "delete",
    "deliveries",
    "get",
    "listing",
    "new_secret",
    "redeliver",
    "rotate_secret",
    "test",
    "update",
]

"""Listening for events on this machine: register an endpoint, hand deliveries on, tell of each."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import bulkeditor as be
from bulkeditor._secret import Secret
from bulkeditor.cli._forward import PATH, Forwarder, Passed, Target
from bulkeditor.cli._screen import Screen, fit, one_line
from bulkeditor.cli._signals import Wait
from bulkeditor.cli._state import answers
from bulkeditor.errors import BulkEditorError, ConfigurationError

_OK: Final = range(200, 300)
_EVENT_WIDTH: Final = max(len(name) for name in be.EventName.ALL)
_SUBJECT_WIDTH: Final = 16
_DELIVERY_WIDTH: Final = 12


def listen(
    shop: be.BulkEditor,
    *,
    base_url: str,
    events: Sequence[str],
    secret: Secret,
    target: Target | None,
    screen: Screen,
    wait: Wait,
) -> None:
    """Hand deliveries on until it is time to stop.

    Args:
        shop: The server that sends them.
        base_url: Where it listens.
        events: Which ones.
        secret: What they are signed with.
        target: Where to; None only tells of them.
        screen: Where to tell.
        wait: Returns when it is time to stop.

    Raises:
        ConfigurationError: The server has ended.
    """
    _remove_leftovers(shop)
    teller = _Teller(screen, target)
    with Forwarder(secret, target, teller.tell) as forwarder:
        webhook = shop.webhooks.create(events=events, endpoint=forwarder.url, secret=secret)
        try:
            teller.introduce(webhook, secret)
            if not wait(lambda: answers(base_url)):
                raise ConfigurationError(
                    f"The server at {base_url} has ended.", hint="Start it, and then listen again."
                )
        finally:
            # A server that has ended meanwhile has forgotten it anyway.
            with contextlib.suppress(BulkEditorError):
                shop.webhooks.delete(webhook.id)


def _remove_leftovers(shop: be.BulkEditor) -> None:
    """Unregister endpoints of listeners that were killed."""
    for webhook in shop.webhooks.list().all():
        parts = urlsplit(webhook.endpoint)
        if parts.hostname == "127.0.0.1" and parts.path == PATH and not answers(webhook.endpoint):
            shop.webhooks.delete(webhook.id)


class _Teller:
    """One line for each delivery."""

    def __init__(self, screen: Screen, target: Target | None) -> None:
        self._screen = screen
        self._target = target
        self._hinted = False

    def introduce(self, webhook: be.Webhook, secret: Secret) -> None:
        """What is where; the last line says that it has begun."""
        target = "nowhere: give --forward-to URL" if self._target is None else self._target.url
        self._screen.fact("forwards", target)
        self._screen.fact("webhook", f"{webhook.id}, {len(webhook.events)} events")
        self._screen.fact("secret", f"{secret.reveal()} (the same at each start)")
        self._screen.line()
        self._screen.line("Listening. Stop with Ctrl-C.")

    def tell(self, passed: Passed) -> None:
        """One delivery."""
        told, good = _outcome(passed, forwarded=self._target is not None)
        columns = (
            f"{datetime.now():%H:%M:%S}",  # noqa: DTZ005 -- the clock on the user's wall
            fit(passed.event or "?", _EVENT_WIDTH),
            fit(passed.subject, _SUBJECT_WIDTH),
            fit(passed.delivery, _DELIVERY_WIDTH),
            "→",
            one_line(told),
        )
        self._screen.line("  ".join(columns), fg=None if good else "red")
        if passed.reply.status == HTTPStatus.UNAUTHORIZED and passed.genuine and not self._hinted:
            self._hinted = True
            self._screen.line(
                "          Does the application know the secret above? It is kept, so set it once."
            )


def _outcome(passed: Passed, *, forwarded: bool) -> tuple[str, bool]:
    """What came of a delivery, in words, and whether that is well."""
    reply = passed.reply
    took = f"{passed.seconds * 1000:.0f} ms"
    if reply.status is not None:
        text = f"{reply.status} {_phrase(reply.status)}".strip() + f", {took}"
        if reply.location is not None and reply.status not in _OK:
            text += f": redirects are not followed ({reply.location})"
        if reply.status == HTTPStatus.GONE:
            text += ": the sandbox sends nothing more, start again"
    elif forwarded:
        text = f"no answer: {reply.problem}"
    else:
        text = "received"
    if passed.attempt > 1:
        text += f", attempt {passed.attempt}"
    if not passed.genuine:
        text += ", not signed with the secret"
    return text, passed.genuine and (reply.status in _OK or not forwarded)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

"""What is done with one delivery before it is answered: verify it, store its event."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeAlias

import attrs

from bulkeditor.errors import ConfigurationError, MalformedDataError, WebhookVerificationError
from bulkeditor.signature import Secrets, prepared
from bulkeditor.webhooks._events import Event
from bulkeditor.webhooks._inbox import Arrival, InboxStore
from bulkeditor.webhooks._receipt import Receipt
from bulkeditor.webhooks._unwrap import unwrap
from bulkeditor.webhooks._verify import Headers

SecretSource: TypeAlias = Secrets | Callable[[], Secrets]
"""Secrets, or what gives them at each delivery: a vault, where they are rotated without a restart."""

_LOG: Final = logging.getLogger("bulkeditor.webhooks")


def usable(secrets: SecretSource | None) -> SecretSource:
    """Secrets, prepared for use.

    Args:
        secrets: As they were given; None is what a missing environment variable gives.

    Raises:
        ConfigurationError: There are none.
    """
    if callable(secrets):
        return secrets
    made = [] if secrets is None else prepared(secrets)
    if not any(made):
        raise ConfigurationError(
            "A receiver without a secret would refuse every delivery.",
            hint="Pass the secret that the webhook was created with.",
        )
    return made


@attrs.frozen(kw_only=True)
class Intake:
    """Takes deliveries into an inbox.

    Args:
        secrets: What they are signed with, or a function that gives it.
        store: The inbox.
        clock: The time of day, aware.
        max_body: Largest body in bytes.
        max_age: Seconds that an event's ``timestamp`` may lie in the past.
        max_ahead: Seconds that it may lie in the future.
    """

    secrets: SecretSource
    store: InboxStore
    clock: Callable[[], datetime]
    max_body: int
    max_age: float
    max_ahead: float

    def take(self, body: bytes, headers: Headers) -> Receipt:
        """Check a delivery and store its event.

        Args:
            body: The raw bytes of the request.
            headers: Its headers.

        Raises:
            TypeError: ``body`` is no bytes, or ``headers`` are no headers.
        """
        # What is no bytes (and perhaps has no length) is told so by unwrap().
        if type(body) is bytes and len(body) > self.max_body:
            return Receipt(outcome="too_large")
        try:
            secrets = self.secrets() if callable(self.secrets) else self.secrets
        except Exception as error:  # noqa: BLE001 - whatever a vault says, the sender is to come again
            return _unavailable("The webhook secrets cannot be had", error)
        try:
            event = unwrap(
                body, headers, secrets, now=self.clock(), max_age=self.max_age, max_ahead=self.max_ahead
            )
        except WebhookVerificationError as error:
            _LOG.warning("A webhook was refused: %s", error.message)
            return Receipt(outcome="unverified", error=error)
        except MalformedDataError as error:
            _LOG.error("A genuine webhook cannot be read: %s", error.message)
            return Receipt(outcome="malformed", error=error)
        return self._keep(event)

    def _keep(self, event: Event) -> Receipt:
        facts = {"event_id": event.id, "event": event.name}
        try:
            new = self.store.add(_arrival(event))
        except Exception as error:  # noqa: BLE001 - whatever a store says, the sender is to come again
            return _unavailable(f"Webhook event {event.id} could not be stored", error, event)
        if not new:
            return Receipt(outcome="duplicate", event=event)
        _LOG.debug("Webhook event %s (%s) was stored.", event.id, event.name, extra=facts)
        return Receipt(outcome="accepted", event=event)


def _unavailable(what: str, error: Exception, event: Event | None = None) -> Receipt:
    # One line: while a database is away, each delivery comes here.
    _LOG.error(
        "%s, and was answered with 503: %s: %s", what, type(error).__name__, error,
        exc_info=_LOG.isEnabledFor(logging.DEBUG),
    )  # fmt: skip
    return Receipt(outcome="unavailable", event=event, error=error)


def _arrival(event: Event) -> Arrival:
    return Arrival(
        id=event.id,
        identified=event.identified,
        digest=hashlib.sha256(event.body).hexdigest(),
        name=event.name,
        entity=event.entity,
        version=event.version,
        rank=event.rank,
        body=event.body,
        signed_by=event.signed_by,
    )


__all__ = ["Intake", "SecretSource", "usable"]

# Generated from ../_async by scripts/unasync.py; change that, not this.
"""Webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bulkeditor._secret import Secret
from bulkeditor.api import webhooks as flows
from bulkeditor.api._lists import MAX_LIMIT
from bulkeditor.client._sync._core import Core
from bulkeditor.client._sync._pager import Pager
from bulkeditor.models import JSON, Delivery, Webhook, WebhookSecret

DAY = 86_400


class Webhooks:
    """``shop.webhooks``: where events are sent. All of it is a completion of the documented API."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(
        self, *, events: Iterable[str], endpoint: str, secret: str | Secret | None = None
    ) -> WebhookSecret:
        """Create a webhook.

        Args:
            events: Names of the events; see EventName.
            endpoint: The address that receives them.
            secret: What deliveries are signed with; ``None`` = a new random one, which the result holds.

        Raises:
            InvalidInputError: An event does not exist, or the endpoint is no address.
            OutcomeUnknownError: No answer came, and the list does not tell whether it was created.
            UnsupportedByServerError: The server has only the documented API.
        """
        core = self._core
        flow = flows.create(events=events, endpoint=endpoint, key=secret, honoured=core.honoured)
        return core.run(flow)

    def get(self, webhook_id: str) -> Webhook:
        """One webhook.

        Args:
            webhook_id: Its id.

        Raises:
            NotFoundError: There is no such webhook.
        """
        return self._core.run(flows.get(webhook_id))

    def list(self, *, limit: int = MAX_LIMIT, page: int | None = None) -> Pager[Webhook]:
        """All webhooks.

        Args:
            limit: Page size, 1 to 250.
            page: Page to begin with; ``None`` = the first.
        """
        return Pager(self._core, lambda: flows.listing(limit=limit, page=page))

    def update(
        self,
        webhook_id: str,
        *,
        events: Iterable[str] | None = None,
        endpoint: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change a webhook; what is ``None`` stays as it is.

        Args:
            webhook_id: The webhook.
            events: All its events.
            endpoint: The address that receives them.
            enabled: Whether it is in use. ``True`` also brings back one that the server has disabled, and
                delivers what waited for that.

        Raises:
            NotFoundError: There is no such webhook.
        """
        return self._core.run(
            flows.update(webhook_id, events=events, endpoint=endpoint, enabled=enabled)
        )

    def delete(self, webhook_id: str) -> None:
        """Delete a webhook.

        Args:
            webhook_id: The webhook.

        Raises:
            NotFoundError: There is no such webhook.
        """
        self._core.run(flows.delete(webhook_id, policy=self._core.policy))

    def rotate_secret(
        self, webhook_id: str, *, secret: str | Secret | None = None, overlap_seconds: int = DAY
    ) -> WebhookSecret:
        """Give a webhook a new secret.

        Args:
            webhook_id: The webhook.
            secret: The new one; ``None`` = a random one, which the result holds.
            overlap_seconds: How long the old one stays valid beside it.

        Raises:
            NotFoundError: There is no such webhook.
            OutcomeUnknownError: No answer came; accept both secrets until it is settled.
        """
        return self._core.run(
            flows.rotate_secret(
                webhook_id, key=secret, overlap_seconds=overlap_seconds, honoured=self._core.honoured
            )
        )

    def test(
        self, webhook_id: str, *, event: str | None = None, data: Mapping[str, JSON] | None = None
    ) -> Delivery:
        """Send a made-up event to a webhook, signed like a real one.

        Args:
            webhook_id: The webhook.
            event: Its name; ``None`` = the first that the webhook is for.
            data: Members of the event's data, in place of the made-up ones.

        Returns:
            The delivery, queued; :meth:`deliveries` tells what came of it.

        Raises:
            NotFoundError: There is no such webhook.
            InvalidInputError: There is no such event.
            OutcomeUnknownError: No answer came.
            UnsupportedByServerError: The server sends real events only.
        """
        return self._core.run(
            flows.test(webhook_id, event=event, data=data, honoured=self._core.honoured)
        )

    def deliveries(
        self, webhook_id: str, *, limit: int = MAX_LIMIT, page: int | None = None
    ) -> Pager[Delivery]:
        """What was sent to a webhook, and what came of it.

        Args:
            webhook_id: The webhook.
            limit: Page size, 1 to 250.
            page: Page to begin with; ``None`` = the first.
        """
        return Pager(self._core, lambda: flows.deliveries(webhook_id, limit=limit, page=page))

    def redeliver(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Send an event again: the same body under the same ``webhook-id``, in a new attempt.

        Args:
            webhook_id: The webhook.
            delivery_id: The delivery.

        Raises:
            NotFoundError: There is no such delivery.
            OutcomeUnknownError: No answer came.
        """
        return self._core.run(flows.redeliver(webhook_id, delivery_id, honoured=self._core.honoured))


__all__ = ["Webhooks"]

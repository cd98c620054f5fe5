# Generated from ../_async by scripts/unasync.py; change that, not this.
"""API keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bulkeditor.api import keys as flows
from bulkeditor.api._lists import MAX_LIMIT
from bulkeditor.client._sync._core import Core
from bulkeditor.client._sync._pager import Pager
from bulkeditor.models import ApiKey


class Keys:
    """``shop.keys``: API keys. All of it is a completion of the documented API."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, *, name: str, scopes: Iterable[str], expires_at: datetime | None = None) -> ApiKey:
        """Create a key. Its text is shown this once: ``result.key.reveal()``.

        Args:
            name: Shown to people.
            scopes: Permissions; see Scope.
            expires_at: When it stops working, aware; ``None`` = never.

        Raises:
            InvalidInputError: A scope does not exist.
            OutcomeUnknownError: No answer came; the text says whether a key was made that must be revoked.
        """
        core = self._core
        flow = flows.create(name=name, scopes=scopes, expires_at=expires_at, honoured=core.honoured)
        return core.run(flow)

    def list(self, *, limit: int = MAX_LIMIT, page: int | None = None) -> Pager[ApiKey]:
        """All keys, without their texts. A KeyRotationWarning is issued for each that is 90 days old.

        Args:
            limit: Page size, 1 to 250.
            page: Page to begin with; ``None`` = the first.
        """
        now = self._core.now()
        return Pager(self._core, lambda: flows.listing(limit=limit, page=page, now=now))

    def revoke(self, key_id: str) -> None:
        """Revoke a key at once.

        Args:
            key_id: The key.

        Raises:
            NotFoundError: There is no such key.
        """
        self._core.run(flows.revoke(key_id, policy=self._core.policy))

    def rotate(self, key_id: str = "current", *, overlap_seconds: int = 0) -> ApiKey:
        """Replace a key by a new one with the same name and scopes; its text is shown this once.

        This client goes on with the old key: make a new one with the result.

        Args:
            key_id: The key; ``current`` = the one that this client uses.
            overlap_seconds: How long the old one stays valid.

        Raises:
            NotFoundError: There is no such key.
            OutcomeUnknownError: No answer came.
        """
        return self._core.run(
            flows.rotate(key_id, overlap_seconds=overlap_seconds, honoured=self._core.honoured)
        )


__all__ = ["Keys"]

"""The one edge from the sandbox back to the client: handing out clients that speak to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bulkeditor.client import AsyncBulkEditor, BulkEditor
    from bulkeditor.sandbox._clock import Clock


class Connecting:
    """Clients for a running sandbox."""

    @property
    def base_url(self) -> str:
        """Where the server listens."""
        raise NotImplementedError

    @property
    def api_key(self) -> str:
        """A key with every permission."""
        raise NotImplementedError

    @property
    def clock(self) -> Clock:
        """The server's time."""
        raise NotImplementedError

    def connect(self, **options: Any) -> BulkEditor:
        """A blocking client for this sandbox.

        Its clock is the sandbox's: what was scheduled falls due when that moves.

        Args:
            **options: As for :class:`bulkeditor.BulkEditor`; ``api_key``, ``access_token`` or ``auth``
                replace the sandbox's own key, ``clock`` the sandbox's clock.

        Returns:
            The client; close it, or use it as a context manager.
        """
        from bulkeditor.client import BulkEditor  # noqa: PLC0415 -- the server alone needs no client

        return BulkEditor(**self._options(options))

    def connect_async(self, **options: Any) -> AsyncBulkEditor:
        """An asyncio client for this sandbox.

        Args:
            **options: As for :meth:`connect`.

        Returns:
            The client; close it, or use it as an async context manager.
        """
        from bulkeditor.client import AsyncBulkEditor  # noqa: PLC0415 -- as above

        return AsyncBulkEditor(**self._options(options))

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        if not options.keys() & {"api_key", "access_token", "auth"}:
            options["api_key"] = self.api_key
        if "clock" not in options:
            from bulkeditor.http import FollowingClock  # noqa: PLC0415 -- as above

            options["clock"] = FollowingClock(self.clock.now)
        return {"base_url": self.base_url, **options}

"""Leases are renewed while a handler works, however long it takes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from bulkeditor.errors import LeaseLostError
from bulkeditor.webhooks._inbox import Claim, InboxStore

_LOG: Final = logging.getLogger("bulkeditor.webhooks")
# Renewed so often within a lease, one renewal may fail.
_RENEWALS: Final = 3


class LeaseKeeper:
    """One thread that renews the leases in use; it ends when there is none.

    Args:
        store: The inbox.
        lease: Seconds of a lease.
    """

    def __init__(self, store: InboxStore, lease: float) -> None:
        self._store = store
        self._lease = lease
        self._changed = threading.Condition()
        self._held: dict[int, Claim] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def holding(self, claim: Claim) -> Generator[None]:
        """Keep a claim alive within the block.

        Args:
            claim: Just taken.
        """
        with self._changed:
            self._held[id(claim)] = claim
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="bulkeditor-leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                del self._held[id(claim)]

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=self._lease / _RENEWALS)
                held = list(self._held.values())
                if self._closed or not held:
                    self._thread = None
                    return
            for claim in held:
                self._renew(claim)

    def _renew(self, claim: Claim) -> None:
        try:
            self._store.renew(claim, self._lease)
        except LeaseLostError:
            # Over meanwhile, or really lost: then whatever the handler's end brings is refused.
            return
        except Exception:  # noqa: BLE001 - whatever the database raises; the next round tries again
            _LOG.exception("The lease on webhook event %s could not be renewed.", claim.id)


__all__ = ["LeaseKeeper"]

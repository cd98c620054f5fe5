"""What a session has learned about its server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bulkeditor.http._types import Request

_LISTING: Final = "products.list"


class ServerFacts:
    """Facts about one server, shared by every session derived from the first.

    ``honours_idempotency`` is learned, never assumed: the document does not promise that an
    ``Idempotency-Key`` is honoured, so only an answer that echoes the key counts as proof, and one
    successful write without the echo counts against it for good (a mixed fleet behind one address must
    not be trusted on the word of its better half).

    ``features`` are what the server says it can do beyond the documentation, in ``Bulk-Editor-Features`` on
    the pages of ``GET /api/v1/products``; a page without one takes it back, for good.
    """

    __slots__ = ("_features", "_honours")

    def __init__(self) -> None:
        self._honours: bool | None = None
        self._features: frozenset[str] | None = None

    @property
    def honours_idempotency(self) -> bool | None:
        """True or False once a keyed write was answered; None before."""
        return self._honours

    @property
    def features(self) -> frozenset[str]:
        """``expected``: a row may say what it expects to find; ``atomic``: a batch can be all or nothing.

        Empty before the first page of products was read.
        """
        return self._features or frozenset()

    def learn(self, request: Request, status: int, headers: Mapping[str, str]) -> None:
        """Take in one answer.

        Args:
            request: What was asked.
            status: The answer's HTTP status.
            headers: The answer's headers, names in lower case.
        """
        if not 200 <= status < 300:  # noqa: PLR2004 - the 2xx class
            # A refusal may come from a gateway in front of the server, which may mirror headers as well.
            return
        if request.operation == _LISTING:
            self._learn_features(headers.get("bulk-editor-features", ""))
        key = request.idempotency_key
        if key is None:
            return
        if headers.get("idempotency-key") != key:
            self._honours = False
        elif self._honours is None:
            self._honours = True

    def _learn_features(self, header: str) -> None:
        named = frozenset(word for part in header.split(",") if (word := part.strip().lower()))
        self._features = named if self._features is None else self._features & named

    def __repr__(self) -> str:
        features = ", ".join(sorted(self.features)) or "none"
        return f"ServerFacts(honours_idempotency={self._honours}, features={features})"


__all__ = ["ServerFacts"]

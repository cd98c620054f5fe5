"""What a session has learned about its server."""

from __future__ import annotations

from collections.abc import Mapping

from bulkeditor.http._types import Request


class ServerFacts:
    """Facts about one server, shared by every session derived from the first.

    ``honours_idempotency`` is learned, never assumed: the document does not promise that an
    ``Idempotency-Key`` is honoured, so only an answer that echoes the key counts as proof, and one
    successful write without the echo counts against it for good (a mixed fleet behind one address must
    not be trusted on the word of its better half).
    """

    __slots__ = ("_honours",)

    def __init__(self) -> None:
        self._honours: bool | None = None

    @property
    def honours_idempotency(self) -> bool | None:
        """True or False once a keyed write was answered; None before."""
        return self._honours

    def learn(self, request: Request, status: int, headers: Mapping[str, str]) -> None:
        """Take in one answer.

        Args:
            request: What was asked.
            status: The answer's HTTP status.
            headers: The answer's headers, names in lower case.
        """
        key = request.idempotency_key
        if key is None:
            return
        if not 200 <= status < 300:  # noqa: PLR2004 - the 2xx class
            # A refusal may come from a gateway in front of the server, which may mirror headers as well.
            return
        if headers.get("idempotency-key") != key:
            self._honours = False
        elif self._honours is None:
            self._honours = True

    def __repr__(self) -> str:
        return f"ServerFacts(honours_idempotency={self._honours})"


__all__ = ["ServerFacts"]

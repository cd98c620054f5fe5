"""How a connector words its requests, and what answers say in its system's words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Final, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit

from bulkeditor.connectors._configured import Configured
from bulkeditor.connectors._convert import DateTime
from bulkeditor.connectors._declare import NO_ACTIONS
from bulkeditor.connectors._fields import Field, put
from bulkeditor.connectors._types import STATUS, Action, Change, Outcome
from bulkeditor.http import Request
from bulkeditor.models import encode

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
# Parts of a path that name one record: what stands in brackets, and words that hold a digit or an escape.
_BRACKETS: Final = re.compile(r"\([^)]*\)")
_ID: Final = re.compile(r"(?<=/)[^/]*[\d%:$][^/]*(?=/|$)")
_TIME: Final = DateTime()


class Requests(Configured):
    """The part of a connector that makes requests."""

    refusals: ClassVar[Mapping[int | str, Action]] = NO_ACTIONS

    def written_fields(self) -> Mapping[str, Field]:
        """The fields that can be written with absolute values."""
        raise NotImplementedError

    def url(self, path: str, **params: object) -> str:
        """A path below the address with a query; parameters that are None are left out.

        Args:
            path: Starts with ``/``; quote ids in it with :meth:`quoted`.
            params: Texts, numbers, booleans (``true``), times (RFC 3339 in UTC); a list is joined by commas.
        """
        given = [(name, _param(value)) for name, value in params.items() if value is not None]
        if not given:
            return path
        return f"{path}{'&' if '?' in path else '?'}{urlencode(given, quote_via=quote)}"

    @staticmethod
    def quoted(part: str) -> str:
        """An id as one part of a path, every special character encoded."""
        return quote(part, safe="")

    def link(self, target: str, base: str = "/") -> str:
        """A link of an answer, to be asked for: absolute ones as they are, relative ones below ``base``.

        Args:
            target: What the answer says.
            base: The path of the request that it answers, or of the service's root (ending in ``/``).
        """
        if target.startswith(("http://", "https://")):
            return target
        joined = urljoin(base, target)
        prefix = urlsplit(self.base_url or "").path.rstrip("/")
        # A link from the root of the host already holds the path of the address.
        return joined[len(prefix) :] if prefix and joined.startswith(prefix + "/") else joined

    def get(
        self, url: str, *, headers: Mapping[str, str] = _NO_HEADERS, operation: str | None = None
    ) -> Request:
        """A request that reads."""
        return self.request("GET", url, headers=headers, operation=operation, write=False)

    def post(
        self,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        operation: str | None = None,
        write: bool = True,
    ) -> Request:
        """A request with a body that writes, unless ``write=False`` says that it only asks."""
        return self.request("POST", url, json=json, headers=headers, operation=operation, write=write)

    def put(
        self,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        operation: str | None = None,
    ) -> Request:
        """A request that replaces."""
        return self.request("PUT", url, json=json, headers=headers, operation=operation)

    def patch(
        self,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        operation: str | None = None,
    ) -> Request:
        """A request that changes."""
        return self.request("PATCH", url, json=json, headers=headers, operation=operation)

    def delete(
        self, url: str, *, headers: Mapping[str, str] = _NO_HEADERS, operation: str | None = None
    ) -> Request:
        """A request that deletes."""
        return self.request("DELETE", url, headers=headers, operation=operation)

    def request(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        operation: str | None = None,
        write: bool = True,
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
        spool: bool = False,
    ) -> Request:
        """A request to the system.

        Args:
            method: The HTTP method.
            url: From :meth:`url`, or an absolute address of an allowed host.
            json: The body, plain data; Decimals become numbers with all their digits.
            content: The body, where it is not JSON.
            headers: Further headers.
            operation: What it is, for errors and metrics; by default the method and the path without ids.
            write: Whether it changes something; False for a POST that only asks.
            idempotent: Whether it can be sent again without a second effect, whatever became of the first;
                by default where it only reads.
            idempotency_key: Sent as ``Idempotency-Key``; a system with a header of its own gets it in
                ``headers``.
            spool: The answer is too large for memory: it comes as a file.
        """
        if json is not None:
            content = encode(json)
            headers = {"Content-Type": "application/json", **headers}
        named = operation or f"{method} {_pattern(urlsplit(url).path)}"
        return Request(
            method=method,
            path=url,
            operation=f"{self.name} {named}",
            headers=headers,
            content=content,
            write=write,
            idempotent=not write if idempotent is None else idempotent,
            idempotency_key=idempotency_key,
            spool=spool,
        )

    def payload(self, change: Change) -> dict[str, object]:
        """The values of a change in the system's words, as ``writes`` has it.

        Args:
            change: Holds only fields that the connector writes: the session saw to it.
        """
        body: dict[str, object] = {}
        declared = self.written_fields()
        for name, value in change.values.items():
            field = declared[name]
            put(body, cast("str", field.source), field.write(value))
        return body

    def refusal(
        self, change: Change, *, code: str | None, message: str | None = None, raw: object = None
    ) -> Outcome:
        """The outcome of a change that an answer says was refused, as ``refusals`` has its code.

        Args:
            change: The change.
            code: The system's own name for the problem; one that is not declared is a dead letter.
            message: Its sentence.
            raw: What it said.
        """
        action = self.refusals.get(code or "", "dead_letter")
        return change.outcome(STATUS[action], message, code=code, retryable=action == "retry", raw=raw)


def _pattern(path: str) -> str:
    """A path without what names one record, so that its requests count together."""
    return _ID.sub("*", _BRACKETS.sub("", path))


def _param(value: object) -> str:
    if isinstance(value, datetime):
        return str(_TIME.write(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(_param(item) for item in cast("Collection[object]", value))
    return str(value)


__all__ = ["Requests"]

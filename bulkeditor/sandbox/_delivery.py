"""One attempt to post a webhook."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from typing import Final
from urllib.parse import urlsplit

import attrs

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._http import JSON_TYPE
from bulkeditor.signature import sign, sign_standard

TIMEOUT: Final = 10.0


@attrs.frozen(kw_only=True)
class Parcel:
    """What is delivered: signed anew at each attempt, because the timestamp is part of it."""

    id: str
    endpoint: str
    body: bytes
    secrets: tuple[str, ...]
    timestamp: int
    identity: bool
    forged: bool

    def headers(self) -> dict[str, str]:
        """Content type and signatures."""
        body = self.body + b"?" if self.forged else self.body
        headers = {
            "Content-Type": JSON_TYPE,
            "User-Agent": "bulkeditor-sandbox",
            "X-Webhook-Signature": sign(body, self.secrets[0]),
        }
        if self.identity:
            headers["webhook-id"] = self.id
            headers["webhook-timestamp"] = str(self.timestamp)
            # One signature for each secret in force: whoever has only the old one still recognises the
            # sender.
            headers["webhook-signature"] = " ".join(_standard(self, body))
        return headers


def _standard(parcel: Parcel, body: bytes) -> list[str]:
    signatures: list[str] = []
    for secret in parcel.secrets:
        # A whsec_ secret that is not base64 serves the plain signature only.
        with contextlib.suppress(InvalidInputError):
            signatures.append(sign_standard(parcel.id, parcel.timestamp, body, secret))
    return signatures


class Courier:
    """Posts parcels; never follows a redirect, and can be told to let go of whatever it is waiting for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()

    def deliver(self, parcel: Parcel) -> int | None:
        """The receiver's status, or None when no answer came."""
        url = urlsplit(parcel.endpoint)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        try:
            connection = kind(url.hostname or "", url.port, timeout=TIMEOUT)
        except (ValueError, OSError):
            return None
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        with self._lock:
            self._open.add(connection)
        try:
            connection.request("POST", target, body=parcel.body, headers=parcel.headers())
            return connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def abort(self) -> None:
        """Break off every attempt that is under way."""
        with self._lock:
            waiting = list(self._open)
        for connection in waiting:
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

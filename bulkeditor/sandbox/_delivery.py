"""One attempt to post a webhook: what goes over the wire, and what came back."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import struct
import threading
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Any, Final, Literal, TypeAlias, cast
from urllib.parse import SplitResult, urlsplit

import attrs

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._http import JSON_TYPE
from bulkeditor.signature import sign, sign_standard

TIMEOUT: Final = 10.0
# Of an answer's body so much is read, for the receiver's sake, and nothing is kept: its status says it all.
_BODY_LIMIT: Final = 64 * 1024
_OK: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_MAX_DIGITS: Final = 10
_FAILURES: Final = (OSError, http.client.HTTPException, ValueError)

Reset: TypeAlias = Literal["request", "answer"]


@attrs.frozen(kw_only=True)
class Trouble:
    """What goes wrong on the way, on purpose.

    Args:
        latency: Real seconds to wait before connecting.
        drip: Real seconds between the bytes of the body.
        reset: Break the connection off in the middle of the body ("request"), or once the receiver has
            answered, without taking its answer ("answer").
    """

    latency: float = 0.0
    drip: float = 0.0
    reset: Reset | None = None


@attrs.frozen
class Receipt:
    """What came of an attempt.

    Args:
        status: The receiver's answer; None when none came.
        error: Why it did not arrive, in words; None when the status says it.
        retry_after: Seconds after which the receiver wants to be asked again; 0 when it does not say.
    """

    status: int | None
    error: str | None = None
    retry_after: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether the receiver has taken it."""
        return self.status in _OK


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
            # There is room for one signature: while two secrets are in force it is the new one's.
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
    """Posts parcels; never follows a redirect, and can be told to let go of whatever it is waiting for.

    Args:
        timeout: Seconds for an answer, counted from the end of the request.
        hosts: Where to go besides this machine: names, or patterns such as ``"*"``.
    """

    def __init__(self, *, timeout: float = TIMEOUT, hosts: Collection[str] = ()) -> None:
        if timeout <= 0:
            raise InvalidInputError(
                f"webhook_timeout={timeout} leaves no time for an answer.", hint="Use seconds above 0."
            )
        self._timeout = timeout
        self._hosts = (hosts,) if isinstance(hosts, str) else tuple(hosts)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._stopping = threading.Event()
        self._tls: ssl.SSLContext | None = None

    def deliver(self, parcel: Parcel, trouble: Trouble | None = None) -> Receipt:
        """Make one attempt; whatever happens is in the receipt."""
        trouble = trouble or Trouble()
        url = urlsplit(parcel.endpoint)
        if not self._reachable(url.hostname or ""):
            return Receipt(
                None,
                f"{url.hostname} is not on this machine, and the sandbox sends nowhere else: "
                "name it in webhook_hosts.",
            )
        stopping = self._stopping
        if stopping.wait(trouble.latency):
            return Receipt(None, "the sandbox was stopped")
        try:
            with self._connected(url) as sock:
                _send(sock, _head(url, parcel), parcel.body, trouble, stopping)
                return self._answer(sock, trouble)
        except _FAILURES as error:
            return Receipt(None, self._cause(error))

    def _cause(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} s"
        if isinstance(error, ssl.SSLError):
            return f"TLS: {getattr(error, 'verify_message', '') or error.reason or error}"
        if isinstance(error, OSError):
            return str(error.strerror or error)
        return f"the answer is no HTTP: {type(error).__name__}"

    def abort(self) -> None:
        """Break off every attempt that is under way."""
        with self._lock:
            waiting = list(self._open)
            stopping, self._stopping = self._stopping, threading.Event()
        stopping.set()
        for sock in waiting:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _reachable(self, host: str) -> bool:
        # Names are not looked up: a question to a name server would leave this machine, too.
        return is_loopback(host) or any(fnmatchcase(host, pattern.lower()) for pattern in self._hosts)

    @contextmanager
    def _connected(self, url: SplitResult) -> Generator[socket.socket]:
        host, secure = url.hostname or "", url.scheme == "https"
        sock = socket.create_connection((host, url.port or (443 if secure else 80)), self._timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure:
                self._tls = self._tls or ssl.create_default_context()
                sock = self._tls.wrap_socket(sock, server_hostname=host)
            with self._lock:
                self._open.add(sock)
            yield sock
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _answer(self, sock: socket.socket, trouble: Trouble) -> Receipt:
        incoming = _Incoming(sock, time.monotonic() + self._timeout)
        response = http.client.HTTPResponse(cast("Any", incoming), method="POST")
        response.begin()
        if trouble.reset == "answer":
            _cut(sock)
        # The status is known: what becomes of the rest of the answer changes nothing.
        with contextlib.suppress(*_FAILURES):
            response.read(_BODY_LIMIT)
        redirected = response.status in _REDIRECTS
        return Receipt(
            response.status,
            "redirects are not followed" if redirected else None,
            _seconds(response.getheader("Retry-After", "")),
        )


class _Incoming(io.RawIOBase):
    """What the receiver sends, up to a deadline: bytes that drip in do not start the wait anew."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address means this machine, as far as that can be told without asking."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _seconds(retry_after: str) -> float:
    """What a Retry-After asks for: seconds, or a date by the clock on the wall; 0 for anything else."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:_MAX_DIGITS])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - time.time())


def _head(url: SplitResult, parcel: Parcel) -> bytes:
    host = url.netloc.rpartition("@")[2]
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    headers = {
        "Host": host, **parcel.headers(), "Content-Length": str(len(parcel.body)), "Connection": "close"
    }  # fmt: skip
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _send(sock: socket.socket, head: bytes, body: bytes, trouble: Trouble, stopping: threading.Event) -> None:
    whole = len(body) // 2 if trouble.reset == "request" else len(body)
    try:
        if not trouble.drip:
            sock.sendall(head + body[:whole])
        else:
            sock.sendall(head)
            for position in range(whole):
                sock.sendall(body[position : position + 1])
                stopping.wait(trouble.drip)
    except (BrokenPipeError, ConnectionResetError):
        # The receiver has closed early: it may have said why, and that is read next.
        return
    if trouble.reset == "request":
        _cut(sock)


def _cut(sock: socket.socket) -> None:
    """Reset the connection: the receiver finds an error where the end of the request would be.

    Raises:
        ConnectionResetError: Always; to the sender it looks the same.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    raise ConnectionResetError("connection reset (an injected fault)")

"""From our requests to httpx's and back, cheaply; and what each failure of a transport means."""

from __future__ import annotations

import functools
import re
import tempfile
from typing import IO, TYPE_CHECKING, Final, cast
from urllib.parse import quote, urlencode

import httpcore
import httpx

from bulkeditor.errors import (
    BulkEditorError,
    ConfigurationError,
    InvalidInputError,
    RequestTimeoutError,
    TransportError,
    UnexpectedResponseError,
)
from bulkeditor.http._redact import excerpt
from bulkeditor.http._types import Request, Response

if TYPE_CHECKING:
    import ssl

    from bulkeditor.http._config import SessionConfig

# Everything that sending may raise and that says something about the network, not about a bug.
FAILURES: Final = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)
_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)
_TIMEOUTS: Final = (httpx.TimeoutException, httpcore.TimeoutException)
_KEPT_URLS: Final = 512
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_IN_MEMORY: Final = 1 << 20


@functools.cache
def shared_ssl_context() -> ssl.SSLContext:
    """The one TLS context of the process: making one costs more than twenty milliseconds."""
    return httpx.create_ssl_context()


class Wire:
    """Builds the httpx requests of one session.

    Args:
        config: The session's settings.
    """

    __slots__ = ("_base", "_common", "_config", "_origin", "_urls")

    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._base = config.base_url
        base = _parsed(config.base_url)
        self._origin = (base.scheme, base.host, base.port)
        self._common = [
            (b"Host", base.netloc),
            (b"Accept", b"application/json"),
            (b"Accept-Encoding", b"gzip, deflate"),
            (b"User-Agent", config.user_agent.encode()),
        ]
        self._urls: dict[str, httpx.URL] = {}

    def build(self, request: Request, timeout: float) -> httpx.Request:
        """The request as it goes out.

        Args:
            request: Signed, if it is to be.
            timeout: Seconds for each wait.

        Raises:
            ConfigurationError: It would carry credentials to another host.
            InvalidInputError: The path is no URL path.
        """
        url = self._url(request)
        # Whatever can fail comes before the first header is at hand: a traceback with locals would show it.
        key = None if request.idempotency_key is None else _value("Idempotency-Key", request.idempotency_key)
        headers = self._common
        if request.path[:4] == "http":
            headers = [(b"Host", url.netloc), *headers[1:]]
        extra = [(_name(name), _value(name, value)) for name, value in request.headers.items()]
        if extra:
            names = {name.lower() for name, _ in extra}
            headers = [*(pair for pair in headers if pair[0].lower() not in names), *extra]
        content = request.content
        if key is not None:
            headers = [*headers, (b"Idempotency-Key", key)]
        if content is not None:
            headers = [*headers, (b"Content-Length", b"%d" % len(content))]
        elif request.method not in ("GET", "DELETE"):
            headers = [*headers, (b"Content-Length", b"0")]
        return httpx.Request(
            request.method,
            url,
            headers=headers,
            # stream= and not content=: httpx would go through its own encoding of bodies and headers again.
            stream=httpx.ByteStream(content or b""),
            extensions={"timeout": {"connect": timeout, "read": timeout, "write": timeout, "pool": timeout}},
        )

    def url(self, request: Request) -> str:
        """The absolute URL of a request, exactly as it is sent.

        Raises:
            ConfigurationError: It would carry credentials to another host.
            InvalidInputError: The path is no URL path.
        """
        return str(self._url(request))

    def _url(self, request: Request) -> httpx.URL:
        target = request.path
        if request.params:
            separator = "&" if "?" in target else "?"
            target = f"{target}{separator}{urlencode(request.params, quote_via=quote)}"
        url = self._urls.get(target)
        if url is None:
            absolute = target.startswith(("http://", "https://"))
            url = _parsed(target if absolute else self._base + target)
            if request.authenticated and (url.scheme, url.host, url.port) != self._origin:
                raise ConfigurationError(
                    f"{request.operation} leads to another host ({excerpt(url.host)}) than base_url.",
                    hint="Credentials are sent to base_url's host only.",
                )
            if len(self._urls) >= _KEPT_URLS:
                self._urls.clear()
            # An unauthenticated look at another host must not open the way for an authenticated one.
            if not absolute:
                self._urls[target] = url
        return url

    def respond(
        self, request: Request, answer: httpx.Response, body: bytes | IO[bytes], elapsed: float, attempts: int
    ) -> Response:
        """Our response from httpx's.

        Args:
            request: What was asked, unsigned.
            answer: httpx's response; its body was read.
            body: The body.
            elapsed: Seconds.
            attempts: How many times it was sent.
        """
        headers: dict[str, str] = {}
        for raw_name, raw_value in answer.headers.raw:
            # Latin-1 never fails, whatever a server sends.
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        content, file = (body, None) if isinstance(body, bytes) else (b"", body)
        return Response(
            status=answer.status_code,
            headers=headers,
            content=content,
            request=request,
            elapsed=elapsed,
            attempts=attempts,
            file=file,
        )

    def sink(self, request: Request, answer: httpx.Response) -> Sink:
        """Where the body of an answer goes: memory, or a file for the success of a ``spool`` request."""
        if request.spool and answer.is_success:
            return Sink(None)
        return Sink(self._config.max_body_bytes)


class Sink:
    """Collects a body, in memory up to a limit or in a temporary file without one."""

    __slots__ = ("_chunks", "_file", "_limit", "_size")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._size = 0
        self._chunks: list[bytes] = []
        # Closed by close() or by whoever receives it: it outlives this block by design.
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) if limit is None else None  # noqa: SIM115

    def write(self, chunk: bytes) -> None:
        """Take in a piece of the decompressed body.

        Raises:
            TooLargeError: The limit is passed.
        """
        self._size += len(chunk)
        if self._file is not None:
            self._file.write(chunk)
        elif self._limit is not None and self._size > self._limit:
            raise TooLargeError(self._limit)
        else:
            self._chunks.append(chunk)

    def body(self) -> bytes | IO[bytes]:
        """What came; a file stands at its start."""
        if self._file is not None:
            self._file.seek(0)
            return cast("IO[bytes]", self._file)
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def close(self) -> None:
        """Drop a body that nobody will receive."""
        if self._file is not None:
            self._file.close()


class TooLargeError(Exception):
    """A body is larger than allowed; never leaves this package."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


def too_large(request: Request, error: TooLargeError, status: int) -> UnexpectedResponseError:
    """The error for a body that passed the limit."""
    return UnexpectedResponseError(
        f"the answer is larger than max_body_bytes={error.limit}",
        status=status,
        operation=request.operation,
        hint="Ask for fewer rows or fields, or raise max_body_bytes.",
    )


def failure(request: Request, error: Exception, timeout: float) -> BulkEditorError:
    """What a transport's exception means.

    The result carries no ``__cause__``: the frames below hold headers with credentials, and tracebacks with
    locals print them.

    Args:
        request: What was sent.
        error: One of :data:`FAILURES`.
        timeout: Seconds that each wait was allowed.
    """
    operation = request.operation
    sent = not isinstance(error, _NEVER_SENT)
    if isinstance(error, _TIMEOUTS):
        what = "no connection" if not sent else "no answer"
        text = f"{operation}: {what} within {timeout:.3g} s ({type(error).__name__})."
        return RequestTimeoutError(text, sent=sent, operation=operation)
    if isinstance(error, httpx.DecodingError):
        return TransportError(
            f"{operation}: the body cannot be decompressed.", sent=True, operation=operation
        )
    if isinstance(error, httpx.LocalProtocolError | httpcore.LocalProtocolError):
        # Its text quotes the offending header, and that may be the credential.
        return TransportError(
            f"{operation}: the request breaks the HTTP protocol.", sent=False, operation=operation
        )
    detail = excerpt(str(error), 300)
    text = f"{operation}: {type(error).__name__}{f' ({detail})' if detail else ''}."
    hint = None
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        hint = "The server's certificate is not trusted: pass ssl_context=, or set SSL_CERT_FILE."
    elif not sent:
        hint = "Check base_url, the network and the proxy settings."
    return TransportError(text, sent=sent, operation=operation, hint=hint)


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        problem = str(error)
    # Outside of the except block: httpx's frames hold a half-made URL that not even repr() can print.
    raise InvalidInputError(f"{excerpt(url)!r} is not a URL ({problem}).")


def _name(name: str) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise InvalidInputError(f"{excerpt(name)!r} is no name for an HTTP header; nothing was sent.")
    return name.encode("ascii")


def _value(name: str, value: str) -> bytes:
    # Not even a space at an end: h11 would refuse it, and quote it.
    if value.isascii() and value.isprintable() and value.strip() == value:
        return value.encode("ascii")
    raise InvalidInputError(f"The header {name} holds characters that HTTP cannot carry; nothing was sent.")


__all__ = ["FAILURES", "Sink", "TooLargeError", "Wire", "failure", "shared_ssl_context", "too_large"]

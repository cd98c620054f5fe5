"""What may be shown of headers and bodies: an allow-list, so that a new secret is hidden by default."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Final

from bulkeditor._secret import Secret

MASK = "***"

# Everything that is not here is masked. A deny-list would have leaked every header nobody thought of.
SHOWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "age",
        "allow",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "etag",
        "host",
        "idempotency-key",
        "idempotency-replayed",
        "retry-after",
        "server",
        "transfer-encoding",
        "user-agent",
        "vary",
        "via",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
    }
)

_SECRET_FIELDS = re.compile(
    r'("[^"]{0,40}(?:token|secret|key|password|credential|authorization)[^"]{0,40}"\s*:\s*)"(?:[^"\\]|\\.)*"?',
    re.IGNORECASE,
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


_LOGGED: Final = re.compile(r"""\(b'([\w-]+)', b(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\)""")


class _HeaderFilter(logging.Filter):
    """Masks what httpcore logs at DEBUG of an answer: its header fields just as they came, cookies too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, its header fields as :func:`shown_headers` has them."""
        message = record.getMessage()
        if "headers" in message:
            record.msg, record.args = _LOGGED.sub(_masked, message), ()
        return True


class _SigningFilter(logging.Filter):
    """Drops what oauthlib logs at DEBUG of a request that it signs: every line of it holds the token."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep warnings and errors."""
        return record.levelno > logging.DEBUG


_HEADERS: Final = _HeaderFilter()
_SIGNING: Final = _SigningFilter()


def discreet_logs() -> None:
    """Keep credentials out of the logs of the libraries below; a second time it does nothing."""
    for name in ("httpcore.http11", "httpcore.http2"):
        logging.getLogger(name).addFilter(_HEADERS)
    logging.getLogger("oauthlib.oauth1.rfc5849").addFilter(_SIGNING)


def _masked(field: re.Match[str]) -> str:
    return field[0] if field[1].lower() in SHOWN_HEADERS else f"(b'{field[1]}', b'{MASK}')"


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as they may be printed: values of names outside the allow-list are masked."""
    return {name: value if name.lower() in SHOWN_HEADERS else MASK for name, value in headers.items()}


def headers_repr(headers: Mapping[str, str]) -> str:
    """``repr`` of :func:`shown_headers`, for attrs fields."""
    return repr(shown_headers(headers))


def excerpt(text: str, length: int = 80) -> str:
    """The start of a text from outside, on one line, values of credential-like JSON members masked.

    Args:
        text: Anything a server sent.
        length: Characters kept.
    """
    # Masked before it is cut: a value that straddles the cut would escape the pattern otherwise.
    window = _SECRET_FIELDS.sub(rf'\1"{MASK}"', text[: length * 20])
    return _CONTROLS.sub(" ", window).strip()[:length]


def scrub(text: str, secrets: Iterable[Secret]) -> str:
    """The text with each of the credentials masked, for servers that quote what they refuse."""
    for secret in secrets:
        if secret:
            text = text.replace(secret.reveal(), MASK)
    return text


__all__ = ["MASK", "SHOWN_HEADERS", "excerpt", "headers_repr", "scrub", "shown_headers"]

"""Page tokens: where a listing stands, as opaque text that can be stored and resumed from."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Hashable, Iterable
from typing import Final

import attrs
import msgspec

from bulkeditor.errors import InvalidInputError

_DIGEST: Final = 12


class _Wire(msgspec.Struct, array_like=True):
    """The token's content; an array, because nobody should read names in it."""

    version: int
    listing: str
    limit: int
    number: int | None
    base: int | None
    before: int
    probe: str | None


@attrs.frozen(kw_only=True)
class Position:
    """Where one page stands in a listing.

    Args:
        number: The page to ask for; ``None`` = the first, asked for without a number.
        base: The number of the server's first page, once known.
        before: Rows on the pages before it.
        probe: Marks the page after the first of a server that does not say its page numbers: a digest of the
            first page's ids, by which the base is found.
    """

    number: int | None = None
    base: int | None = None
    before: int = 0
    probe: str | None = None


def digest(parts: Iterable[Hashable]) -> str:
    """A short hash of a set; the order of the parts does not count."""
    text = "\0".join(sorted(map(repr, parts)))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def listing_id(operation: str, params: Iterable[tuple[str, str]]) -> str:
    """Identifies a listing: a token of one with another filter must not be resumed."""
    return f"{operation}:{digest(params)}"


def write_token(position: Position, *, listing: str, limit: int) -> str:
    """A position as text."""
    wire = _Wire(1, listing, limit, position.number, position.base, position.before, position.probe)
    return base64.urlsafe_b64encode(msgspec.json.encode(wire)).decode().rstrip("=")


def read_token(token: str, *, listing: str, limit: int) -> Position:
    """The position that a token holds.

    Raises:
        InvalidInputError: The token is damaged, or belongs to another listing.
    """
    try:
        padded = token + "=" * (-len(token) % 4)
        wire = msgspec.json.decode(base64.urlsafe_b64decode(padded.encode("ascii")), type=_Wire)
    except (AttributeError, UnicodeError, binascii.Error, msgspec.DecodeError) as error:
        raise InvalidInputError(
            "token: this is not a page token.", hint="Pass page.token or page.next_token as it was."
        ) from error
    if wire.version != 1 or wire.listing != listing:
        operation = wire.listing.partition(":")[0]
        raise InvalidInputError(
            f"token: it was made by another listing ({operation}, with another filter or other arguments).",
            hint="Resume with the same filter as the listing that gave the token.",
        )
    if wire.limit != limit:
        raise InvalidInputError(
            f"token: it was made with limit={wire.limit}, this listing has limit={limit}; "
            "its page numbers mean other rows.",
            hint=f"Resume with limit={wire.limit}.",
        )
    return Position(number=wire.number, base=wire.base, before=wire.before, probe=wire.probe)


__all__ = ["Position", "digest", "listing_id", "read_token", "write_token"]

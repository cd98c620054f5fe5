"""Read answers into models; what cannot be read is said with the start of the body."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import msgspec

from bulkeditor.errors import MalformedDataError
from bulkeditor.http import Response
from bulkeditor.models import DecodedPage, Model, decode_one, decode_page

M = TypeVar("M", bound=Model)


def one(response: Response, model: type[M]) -> M:
    """The body as one object.

    Raises:
        UnexpectedResponseError: It is something else.
    """
    try:
        return decode_one(response.content, model)
    except MalformedDataError as error:
        raise response.unexpected(str(error)) from error


def part(response: Response, raw: bytes, model: type[M]) -> M:
    """An object that stands inside of a body.

    Args:
        response: The answer.
        raw: The object's own bytes.
        model: What it is.

    Raises:
        UnexpectedResponseError: It is something else.
    """
    try:
        return decode_one(raw, model)
    except MalformedDataError as error:
        raise response.unexpected(str(error)) from error


def members(response: Response) -> dict[str, bytes]:
    """The members of a body that is one object, each as its own bytes; none for an empty body.

    Raises:
        UnexpectedResponseError: It is no object.
    """
    if not response.content.strip():
        return {}
    try:
        raw = msgspec.json.decode(response.content, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise response.unexpected(f"the body is no JSON object ({error})") from error
    return {name: bytes(value) for name, value in raw.items()}


def page(
    response: Response, model: type[M], key: str, fields: Collection[str] | None = None
) -> DecodedPage[M]:
    """The body as one page of a list.

    Args:
        response: The answer.
        model: What the rows are.
        key: Name of the list in the envelope.
        fields: The only fields to read; ``None`` = all.

    Raises:
        UnexpectedResponseError: It is something else.
    """
    try:
        return decode_page(response.content, model, key, fields=fields)
    except MalformedDataError as error:
        raise response.unexpected(str(error)) from error


__all__ = ["members", "one", "page", "part"]

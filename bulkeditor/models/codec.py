"""JSON to models and back.

A page is decoded strictly in one pass. When anything in it is not as the contract says, it is read again row
by row, and what could not be read is reported beside the rows, never dropped.
"""

from collections.abc import Collection

import msgspec

from bulkeditor.errors import MalformedDataError
from bulkeditor.models._base import ModelT
from bulkeditor.models._collector import collector_paused
from bulkeditor.models._encode import encode
from bulkeditor.models._envelope import LIST_NAMES, find_rows, page_from
from bulkeditor.models._lenient import UnreadableError, parse_row, read_row
from bulkeditor.models._page import DecodedPage, RowProblem
from bulkeditor.models._rowwise import REFUSALS, read_rows
from bulkeditor.models._strict import plan
from bulkeditor.models._structure import structure
from bulkeditor.models._tagged import Payload, PayloadReader


def decode_page(
    content: bytes,
    model: type[ModelT],
    key: str,
    *,
    fields: Collection[str] | None = None,
) -> DecodedPage[ModelT]:
    """Read one page of a list.

    Args:
        content: The body: an object that holds the list, or a bare list.
        model: What the rows are.
        key: Name of the list; when it is missing, the usual other names and a sole list are accepted.
        fields: The only fields to read, when others were not asked for. Others that the server sends all the
            same are skipped; fields that the model does not know stay in ``extra``.

    Returns:
        The rows, what the envelope says, and what could not be read.

    Raises:
        MalformedDataError: The body is not JSON, or holds no list of rows.
    """
    # "custom_fields.season" asks for a part of custom_fields.
    names = None if fields is None else frozenset(name.partition(".")[0] for name in fields)
    reader = plan(model, key, names)
    try:
        page = reader.page(content)
    except REFUSALS:
        page = None
    if page is None:
        # Not within the handler of the refusal: there each further exception costs several times as much.
        return read_rows(content, reader)
    if isinstance(page.rows, msgspec.UnsetType):
        return _under_another_name(content, model, key, fields)
    return page_from(page, page.rows or [])


def _under_another_name(
    content: bytes, model: type[ModelT], key: str, fields: Collection[str] | None
) -> DecodedPage[ModelT]:
    name, rows, envelope = find_rows(content, key)
    if name in LIST_NAMES:
        return decode_page(content, model, name, fields=fields)
    # A name that the server made up is no reason to prepare a decoder for it.
    read = decode_page(rows, model, key, fields=fields)
    return page_from(envelope, read.items, path=read.path, bad=read.bad, unread=read.unread)


def decode_one(content: bytes, model: type[ModelT]) -> ModelT:
    """Read one object.

    Args:
        content: The body.
        model: What it is.

    Returns:
        The object. A field that cannot be read is not loaded; its raw value is in ``extra``.

    Raises:
        MalformedDataError: The body is not a JSON object, or its ``id`` cannot be read.
    """
    try:
        return plan(model, "").one(content)
    except REFUSALS:
        pass
    try:
        return read_row(model, parse_row(content))[0]
    except UnreadableError as error:
        raise MalformedDataError(f"The answer is no {model.__name__}: {error}.") from error


__all__ = [
    "DecodedPage",
    "Payload",
    "PayloadReader",
    "RowProblem",
    "collector_paused",
    "decode_one",
    "decode_page",
    "encode",
    "structure",
]

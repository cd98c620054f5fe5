"""What SAP's OData services have in common: literals, addresses, and many writes in one request.

https://www.odata.org/documentation/odata-version-2-0/batch-processing/
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, cast
from urllib.parse import quote

import attrs

from bulkeditor.connectors._classify import Problem, explain
from bulkeditor.connectors._types import STATUS, Change, Outcome, Verdict
from bulkeditor.errors import BulkEditorError, PaginationError
from bulkeditor.http import Request, Response
from bulkeditor.models import encode

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector

T = TypeVar("T")
Entity: TypeAlias = Mapping[str, object]

Asking: TypeAlias = Generator[Request, Response, T]
"""A flow that asks, and never pauses by itself."""

_BOUNDARY: Final = re.compile(r'boundary="?([^\s";,]+)"?', re.IGNORECASE)
_STATUS: Final = re.compile(rb"HTTP/\d\.\d (\d{3})")
_PRECONDITION_FAILED: Final = 412
_BUSY: Final = frozenset({429, 503})
_REFUSED: Final = 400
_BROKEN: Final = 500


def text(value: str) -> str:
    """A text as a literal, its quotes doubled."""
    return "'" + value.replace("'", "''") + "'"


def moment(value: datetime) -> str:
    """A time as a literal of ``Edm.DateTimeOffset``."""
    return f"datetimeoffset'{value.astimezone(UTC).isoformat().replace('+00:00', 'Z')}'"


def day(value: datetime) -> str:
    """A day as a literal of ``Edm.DateTime``."""
    return f"datetime'{value.date().isoformat()}T00:00:00'"


def milliseconds(value: datetime) -> str:
    """A day as JSON of version 2 has it."""
    midnight = value.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return f"/Date({int(midnight.timestamp()) * 1000})/"


def any_of(name: str, values: Sequence[str]) -> str:
    """A condition: the property is one of these texts."""
    either = " or ".join(f"{name} eq {text(value)}" for value in values)
    return f"({either})" if len(values) > 1 else either


def all_of(*conditions: str | None) -> str | None:
    """Conditions that must all hold; those that are None are left out."""
    return " and ".join(condition for condition in conditions if condition) or None


def address(path: str, **options: object) -> str:
    """A path with its query; ``filter`` becomes ``$filter``, and what is None is left out.

    Args:
        path: Its parts quoted.
        options: Of OData, without the dollar; ``sap_client`` becomes ``sap-client``.
    """
    names = {"sap_client": "sap-client"}
    given = "&".join(
        f"{names.get(name, '$' + name)}={quote(str(value), safe=_SAFE)}"
        for name, value in options.items()
        if value is not None
    )
    return f"{path}?{given}" if given else path


_SAFE: Final = "(),:'"


def member(value: object, name: str) -> object:
    """A member of an object; None where there is none."""
    return cast("Entity", value).get(name) if isinstance(value, Mapping) else None


def inner(row: object, name: str) -> Sequence[Entity]:
    """The entities that were expanded into another; none where nothing was."""
    value = member(row, name)
    if isinstance(value, Mapping) and "results" in value:
        value = member(cast("object", value), "results")
    found: list[object] = cast("list[object]", value) if isinstance(value, list) else [value]
    return [cast("Entity", each) for each in found if isinstance(each, Mapping)]


def every_row(connector: Connector, first: str, root: str) -> Asking[list[Entity]]:
    """All rows of a question whose answer may come in several pages.

    Args:
        connector: Makes the requests.
        first: The first page.
        root: The service's root, for links that are relative.

    Raises:
        PaginationError: A link came twice.
    """
    rows: list[Entity] = []
    url: str | None = first
    asked: set[str] = set()
    while url is not None:
        asked.add(url)
        body: object = (yield connector.get(url)).json()
        rows += inner(member(body, "d") or body, "results") or inner(body, "value")
        link = member(member(body, "d"), "__next") or member(body, "odata.nextLink")
        url = connector.link(link, root) if isinstance(link, str) else None
        if url in asked:
            raise PaginationError(f"{connector.name}: the link {url!r:.200} came a second time.")
    return rows


@attrs.frozen(kw_only=True)
class Operation:
    """One write of a batch, in a changeset of its own: it fails alone.

    Args:
        change: What it is for.
        method: ``PATCH`` or ``POST``.
        path: Relative to the service.
        body: Plain data.
        headers: Further headers.
    """

    change: Change
    method: str
    path: str
    body: Mapping[str, object]
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class Part:
    """The answer to one operation.

    Args:
        status: HTTP status.
        body: Plain data; None where there is none.
    """

    status: int
    body: object


def batch(connector: Connector, service: str, operations: Sequence[Operation], key: str) -> Request:
    """Many writes in one request, each in its own changeset.

    Args:
        connector: Makes the request.
        service: The path of the service, with its query where it has one: ``/b1s/v1``.
        operations: The writes.
        key: Makes the boundaries.
    """
    outer, lines = f"batch_{key}", list[bytes]()
    for number, operation in enumerate(operations, 1):
        change = f"changeset_{key}_{number}"
        content = encode(dict(operation.body))
        lines += [
            f"--{outer}".encode(),
            f"Content-Type: multipart/mixed; boundary={change}".encode(),
            b"",
            f"--{change}".encode(),
            b"Content-Type: application/http",
            b"Content-Transfer-Encoding: binary",
            f"Content-ID: {number}".encode(),
            b"",
            f"{operation.method} {operation.path} HTTP/1.1".encode(),
            b"Content-Type: application/json",
            b"Accept: application/json",
            *(f"{name}: {value}".encode() for name, value in operation.headers.items()),
            f"Content-Length: {len(content)}".encode(),
            b"",
            content,
            f"--{change}--".encode(),
            b"",
        ]
    path, _, query = service.partition("?")
    return connector.request(
        "POST",
        f"{path}/$batch{'?' if query else ''}{query}",
        content=b"\r\n".join([*lines, f"--{outer}--".encode(), b""]),
        headers={"Content-Type": f"multipart/mixed; boundary={outer}", "Accept": "multipart/mixed"},
        operation=f"POST {path}/$batch",
    )


def parts(response: Response, count: int) -> Sequence[Part]:
    """The answers to the operations of a batch, in their order.

    Args:
        response: The answer to the batch.
        count: How many operations it held.

    Raises:
        UnexpectedResponseError: It is no multipart answer, or not of so many parts.
    """
    found = [_part(raw) for raw in _split(response.content, response.headers.get("content-type", ""))]
    if len(found) != count:
        raise response.unexpected(f"a batch of {count} operations was answered with {len(found)} parts")
    return found


def _split(content: bytes, kind: str) -> Iterator[bytes]:
    """Every answer in a multipart body; those of a changeset stand in a body of their own."""
    boundary = _BOUNDARY.search(kind)
    if boundary is None:
        return
    # A whole line: another boundary may begin with the same letters.
    mark = rb"\n--" + re.escape(boundary[1].encode()) + rb"(?=--|[ \t]*\n)"
    # Bodies are JSON: none of them holds a line end that matters.
    pieces = re.split(mark, b"\n" + content.replace(b"\r\n", b"\n"))
    # Nothing but the closing line proves that the last part is whole.
    for piece in pieces[1:-1]:
        head, _, rest = piece.lstrip(b" \n").partition(b"\n\n")
        heading = head.decode("latin-1")
        if "multipart/mixed" in heading.lower():
            yield from _split(rest, heading)
        else:
            yield rest


def _part(raw: bytes) -> Part:
    status = _STATUS.search(raw)
    _, _, body = raw.partition(b"\n\n")
    if status is None:
        return Part(status=_BROKEN, body=None)
    return Part(status=int(status[1]), body=_json(body.strip()))


def _json(content: bytes) -> object:
    from decimal import Decimal  # noqa: PLC0415 - with the first refusal

    import msgspec  # noqa: PLC0415 - as above

    try:
        return msgspec.json.Decoder(float_hook=Decimal).decode(content) if content else None
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError):
        return None


def outcome(connector: Connector, change: Change, part: Part) -> Outcome:
    """What became of a change, by the answer to its operation."""
    if part.status < _REFUSED:
        return change.outcome("updated", raw=part.body)
    problem = explain(part.body) or Problem(str(part.status))
    action = connector.refusals.get(problem.code or "") or connector.refusals.get(part.status)
    if action is None:
        action = "retry" if part.status in _BUSY else "unknown" if part.status >= _BROKEN else "dead_letter"
    if part.status == _PRECONDITION_FAILED:
        action = "conflict"
    return change.outcome(
        STATUS[action],
        problem.message,
        code=problem.code,
        retryable=action in ("retry", "conflict"),
        raw=part.body,
    )


def posted(
    connector: Connector, change: Change, url: str, body: object
) -> Generator[Request, Response, tuple[Outcome, Verdict | None]]:
    """Book something for one change.

    Returns:
        What became of it, and a verdict where nothing further can work.
    """
    try:
        response = yield connector.post(url, json=body)
    except BulkEditorError as error:
        verdict = connector.classify(error)
        return failed(change, verdict), verdict if verdict.action in ("fatal", "refresh") else None
    return change.outcome("updated", raw=response.json()), None


def failed(change: Change, verdict: Verdict) -> Outcome:
    """The outcome of a change that met a refusal."""
    status, retry = STATUS[verdict.action], verdict.action == "retry"
    return change.outcome(status, verdict.message, code=verdict.code, retryable=retry)


def merge(told: dict[int, Outcome], found: Mapping[int, Outcome]) -> None:
    """Add what a further step of a write found out; a change that an earlier one has written is not undone.

    Args:
        told: Outcomes by the identity of their changes.
        found: Those of the step.
    """
    for each, result in found.items():
        if each in told and told[each].written and not result.written:
            # Reading tells what is there, where it can.
            message = f"written in part, then: {result.message or result.code}"
            told[each] = attrs.evolve(result, status="unknown", message=message, retryable=False)
        else:
            told[each] = result


__all__ = [
    "Asking",
    "Entity",
    "Operation",
    "Part",
    "address",
    "all_of",
    "any_of",
    "batch",
    "day",
    "every_row",
    "failed",
    "inner",
    "member",
    "merge",
    "milliseconds",
    "moment",
    "outcome",
    "parts",
    "posted",
    "text",
]

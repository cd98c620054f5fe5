"""Batches of OData: many requests in one, those of a changeset all or none.

Written from OData 2.0, "Batch processing" (https://www.odata.org/documentation/odata-version-2-0/).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import attrs

from bulkeditor.testing._standin import Answer
from bulkeditor.testing.vendors._sap.odata import ODataError

_ERROR: Final = 400


@attrs.frozen(kw_only=True)
class Part:
    """A request within a batch.

    Args:
        method: HTTP method.
        target: Its address, as it was given.
        headers: Header fields, names in lower case.
        body: Its body.
        content_id: What the answer is told apart by.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    content_id: str | None


def read_batch(content_type: str, body: bytes) -> list[Part | list[Part]]:
    """The requests of a batch: each alone, or a changeset.

    Raises:
        ODataError: It is no batch, or a changeset holds a read.
    """
    found: list[Part | list[Part]] = []
    for headers, content in _parts(content_type, body):
        kind = headers.get("content-type", "")
        if kind.startswith("multipart/mixed"):
            changes = [_request(inner, raw) for inner, raw in _parts(kind, content)]
            if any(change.method == "GET" for change in changes):
                raise ODataError(400, "A changeset must not contain retrieve requests")
            found.append(changes)
        else:
            found.append(_request(headers, content))
    return found


def _parts(content_type: str, body: bytes) -> Iterator[tuple[Mapping[str, str], bytes]]:
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.startswith("multipart/mixed") or boundary is None:
        raise ODataError(400, f"Content-Type '{content_type}' is not multipart/mixed with a boundary")
    pieces = body.replace(b"\r\n", b"\n").split(b"--" + boundary[1].strip().encode())
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):  # noqa: PLR2004 - before the first, and after the last
        raise ODataError(400, "The batch does not end with its boundary")
    for piece in pieces[1:-1]:
        yield _headed(piece.removeprefix(b"\n"))


def _headed(content: bytes) -> tuple[Mapping[str, str], bytes]:
    if content.startswith(b"\n"):
        return {}, content[1:]
    head, _, rest = content.partition(b"\n\n")
    pairs = (line.partition(":") for line in head.decode().splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, rest


def _request(headers: Mapping[str, str], content: bytes) -> Part:
    if headers.get("content-type") != "application/http":
        raise ODataError(400, "A part of a batch must be application/http")
    line, _, rest = content.partition(b"\n")
    method, _, target = line.decode().partition(" ")
    inner, body = _headed(rest)
    return Part(
        method=method,
        target=target.removesuffix(" HTTP/1.1").strip(),
        headers=inner,
        body=body.strip(b"\n"),
        content_id=headers.get("content-id") or inner.get("content-id"),
    )


def carried_out(
    parts: Iterable[Part | list[Part]],
    one: Callable[[Part], Answer],
    begin: Callable[[], Callable[[], None]],
) -> Answer:
    """Carry out a batch; a changeset has an answer for each change, or, where one failed, its answer for all.

    Args:
        parts: What it asks for.
        one: Answers a request.
        begin: Says how to come back to how everything is now.
    """
    answers: list[tuple[Part, Answer] | list[tuple[Part, Answer]]] = []
    for part in parts:
        if isinstance(part, Part):
            answers.append((part, one(part)))
            continue
        back = begin()
        done = [(change, one(change)) for change in part]
        failed = next(((change, answer) for change, answer in done if answer.status >= _ERROR), None)
        if failed is not None:
            back()
        answers.append(failed or done)
    return _batch_answer(answers)


def _batch_answer(answers: Iterable[tuple[Part, Answer] | list[tuple[Part, Answer]]]) -> Answer:
    boundary = uuid.uuid4().hex.upper()
    pieces: list[bytes] = []
    for answer in answers:
        if isinstance(answer, list):
            inner = uuid.uuid4().hex.upper()
            content = _joined(inner, [_wrapped(part, one) for part, one in answer])
            head = f"Content-Type: multipart/mixed; boundary={inner}\r\nContent-Length: {len(content)}"
            pieces.append(f"{head}\r\n\r\n".encode() + content)
        else:
            pieces.append(_wrapped(*answer))
    return Answer(
        status=202,
        body=_joined(boundary, pieces),
        headers={"Content-Type": f"multipart/mixed; boundary={boundary}"},
    )


def _joined(boundary: str, pieces: Iterable[bytes]) -> bytes:
    return b"".join(f"--{boundary}\r\n".encode() + piece + b"\r\n" for piece in pieces) + (
        f"--{boundary}--\r\n".encode()
    )


def _wrapped(part: Part, answer: Answer) -> bytes:
    content = answer.content()
    phrases = {200: "OK", 201: "Created", 204: "No Content"}
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if part.content_id:
        head.append(f"Content-ID: {part.content_id}")
    headers = {"Content-Type": "application/json", **answer.headers, "Content-Length": str(len(content))}
    lines = [
        *head,
        "",
        f"HTTP/1.1 {answer.status} {phrases.get(answer.status, 'Error')}",
        *(f"{name}: {value}" for name, value in headers.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + content


__all__ = ["Part", "carried_out", "read_batch"]

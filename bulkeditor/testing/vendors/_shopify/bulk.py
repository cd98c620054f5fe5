"""Bulk operations: a query over everything, or a mutation for each line of a file; results are JSONL files.

https://shopify.dev/docs/api/usage/bulk-operations/queries and …/imports.
"""

from __future__ import annotations

import email.parser
import email.policy
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

import attrs

from bulkeditor.models import encode
from bulkeditor.testing._standin import Answer, Entry
from bulkeditor.testing.vendors._shopify.context import Context
from bulkeditor.testing.vendors._shopify.paging import Paging

Run: TypeAlias = Callable[[Context, str, Mapping[str, object]], dict[str, Any]]
"""Answers a document: ``data`` and ``errors``."""

AT_ONCE: Final = 5
"""Operations of a kind that may run at a time."""
STAGED: Final = "/storage/staged"
RESULTS: Final = "/storage/results"


@attrs.define(kw_only=True, eq=False)
class Operation:
    """One bulk operation."""

    number: int
    type: str
    query: str
    created_at: datetime
    result: str
    lines: Sequence[object]
    roots: int
    fails: bool = False
    looks: int = 0
    canceled: bool = False
    completed_at: datetime | None = None

    typename = "BulkOperation"

    @property
    def id(self) -> str:
        """Its global id."""
        return f"gid://shopify/BulkOperation/{self.number}"

    @property
    def status(self) -> str:
        """CREATED as it is made, RUNNING as it is first looked at, then its end."""
        if self.canceled:
            return "CANCELED"
        return ("CREATED", "RUNNING", "FAILED" if self.fails else "COMPLETED")[min(self.looks, 2)]

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.status in ("CANCELED", "COMPLETED", "FAILED")

    def look(self, now: datetime) -> None:
        """It gets on each time that somebody asks."""
        if self.ended:
            return
        self.looks += 1
        if self.looks > 1:
            self.completed_at = now

    @property
    def error_code(self) -> str | None:
        """Why it failed."""
        return "INTERNAL_SERVER_ERROR" if self.status == "FAILED" else None

    @property
    def object_count(self) -> str:
        """Objects so far."""
        return str(len(self.lines) if self.ended else len(self.lines) // 2)

    @property
    def root_object_count(self) -> str:
        """Of these, those that stand in no other."""
        return str(self.roots if self.ended else self.roots // 2)

    @property
    def content(self) -> bytes:
        """The file: a line for each, and an empty one at the end."""
        kept = self.lines[: len(self.lines) // 2] if self.fails else self.lines
        return b"".join(encode(line) + b"\n" for line in kept) + b"\n"

    @property
    def file_size(self) -> str | None:
        """Bytes of the file."""
        return str(len(self.content)) if self.ended and self.lines else None

    @property
    def url(self) -> str | None:
        """The result; null where nothing was found."""
        return self.result if self.status == "COMPLETED" and self.lines else None

    @property
    def partial_data_url(self) -> str | None:
        """What a failed operation had found."""
        return self.result if self.status == "FAILED" and len(self.lines) > 1 else None


@attrs.define
class Bulk:
    """The bulk operations of the shop.

    Args:
        address: Where the stand-in listens.
        now: Says the time.
        run: Answers a document.
    """

    address: Callable[[], str]
    now: Callable[[], datetime]
    run: Run
    fails: bool = False
    operations: list[Operation] = attrs.field(factory=list[Operation])
    _files: dict[str, bytes] = attrs.field(factory=dict[str, bytes])
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(720918))

    # Operations

    def run_query(self, context: Context, query: str, *, grouped: bool) -> dict[str, object]:
        """Begin to export."""
        if self._busy("QUERY"):
            return _refused(
                "query",
                "A bulk query operation for this app and shop is already in progress.",
                "OPERATION_IN_PROGRESS",
            )
        answer = self.run(attrs.evolve(context, bulk=True), query, {})
        if "errors" in answer:
            return _refused("query", answer["errors"][0]["message"], "INVALID")
        found = [field for field in answer["data"].values() if _members(field) is not None]
        if not found:
            return _refused("query", "Bulk queries must contain at least one connection.", "INVALID")
        lines: list[dict[str, object]] = []
        for connection in found:
            for node in _members(connection) or ():
                _flatten(node, None, lines, grouped=grouped)
        roots = sum("__parentId" not in line for line in lines)
        return self._begun("QUERY", query, lines, roots)

    def run_mutation(self, context: Context, mutation: str, path: str) -> dict[str, object]:
        """Begin to import: it takes effect at once, and shows it later."""
        if self._busy("MUTATION"):
            return _refused(
                None,
                "A bulk mutation operation for this app and shop is already in progress.",
                "OPERATION_IN_PROGRESS",
            )
        if path not in self._files or not self._files[path]:
            return _refused(
                ["stagedUploadPath"],
                "The JSONL file could not be found. Try uploading the file again.",
                "NO_SUCH_FILE",
            )
        try:
            given = [json.loads(line) for line in self._files[path].splitlines() if line.strip()]
        except ValueError:
            return _refused(["stagedUploadPath"], "The file is no JSONL.", "INVALID_STAGED_UPLOAD_FILE")
        lines = [
            {**self.run(context, mutation, variables), "__lineNumber": number}
            for number, variables in enumerate(given)
        ]
        return self._begun("MUTATION", mutation, lines, len(lines))

    def cancel(self, gid: str) -> dict[str, object]:
        """Stop an operation."""
        operation = self.operation(gid)
        if operation is None or operation.ended:
            text = "Bulk operation does not exist or has ended."
            return {"bulk_operation": operation, "user_errors": [{"field": ["id"], "message": text}]}
        operation.canceled = True
        return {"bulk_operation": operation, "user_errors": []}

    def operation(self, gid: object) -> Operation | None:
        """The operation of an id."""
        return next((one for one in self.operations if one.id == gid), None)

    def looked_at(self, gid: object) -> Operation | None:
        """The same, a little later each time."""
        operation = self.operation(gid)
        if operation is not None:
            operation.look(self.now())
        return operation

    def listed(self, **args: Any) -> object:
        """All operations, a page of them."""
        for name in ("query", "sort_key"):
            args.pop(name, None)
        for operation in self.operations:
            operation.look(self.now())
        paging: Paging[Operation] = Paging(key=lambda one: (one.number, one.number))
        return paging.cut(self.operations, **args)

    def _busy(self, kind: str) -> bool:
        return sum(one.type == kind and not one.ended for one in self.operations) >= AT_ONCE

    def _begun(self, kind: str, query: str, lines: Sequence[object], roots: int) -> dict[str, object]:
        number = next(self._numbers)
        operation = Operation(
            number=number,
            type=kind,
            query=query,
            created_at=self.now(),
            result=f"{self.address()}{RESULTS}/bulk-{number}.jsonl",
            lines=lines,
            roots=roots,
            fails=self.fails,
        )
        self.fails = False
        self.operations.append(operation)
        return {"bulk_operation": operation, "user_errors": []}

    # Files

    def stage(self, given: Mapping[str, Any]) -> dict[str, object]:
        """A place to upload a file to."""
        key = f"tmp/{next(self._numbers)}/bulk/{given['filename']}"
        self._files[key] = b""
        if given.get("httpMethod", "PUT") == "PUT":
            return {"url": f"{self.address()}{STAGED}/{key}", "resource_url": None, "parameters": []}
        parameters = {
            "Content-Type": given["mimeType"],
            "success_action_status": "201",
            "acl": "private",
            "key": key,
        }
        return {
            "url": f"{self.address()}{STAGED}",
            "resource_url": None,
            "parameters": [{"name": name, "value": value} for name, value in parameters.items()],
        }

    def store(self, entry: Entry) -> Answer:
        """Take an upload, or hand out a result."""
        if entry.method == "GET":
            found = next((one for one in self.operations if one.result.endswith(entry.path)), None)
            if found is None or not found.ended:
                return Answer(status=404, body=b"<Error><Code>NoSuchKey</Code></Error>")
            return Answer(body=found.content, headers={"Content-Type": "application/jsonl"})
        key = entry.path.removeprefix(f"{STAGED}/")
        content = entry.body
        if entry.method == "POST":
            parts = _parts(entry)
            key, content = parts.get("key", b"").decode(), parts.get("file", b"")
        if key not in self._files:
            return Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
        self._files[key] = content
        return Answer(status=201 if entry.method == "POST" else 200)


def _parts(entry: Entry) -> dict[str, bytes]:
    head = f"Content-Type: {entry.headers.get('content-type', '')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + entry.body)
    return {
        str(part.get_param("name", header="content-disposition")): cast(
            "bytes", part.get_payload(decode=True)
        )
        for part in message.iter_parts()
    }


def _members(field: object) -> list[dict[str, Any]] | None:
    """The records of a connection's answer; None for what is none."""
    if not isinstance(field, Mapping):
        return None
    held = cast("Mapping[str, Any]", field)
    if "edges" in held:
        return [edge["node"] for edge in held["edges"]]
    return held.get("nodes")


def _flatten(
    node: Mapping[str, Any], parent: object, lines: list[dict[str, object]], *, grouped: bool
) -> None:
    inner: list[dict[str, Any]] = []
    line = _stripped(node, inner)
    if parent is not None:
        line["__parentId"] = parent
    children: list[dict[str, object]] = []
    for child in inner:
        _flatten(child, node.get("id"), children, grouped=grouped)
    # Without grouping no order is promised: children may come before what they belong to.
    lines += [line, *children] if grouped else [*children, line]


def _stripped(node: Mapping[str, Any], found: list[dict[str, Any]]) -> dict[str, object]:
    """A record without its connections, those of objects inside of it as well."""
    line: dict[str, object] = {}
    for name, value in node.items():
        members = _members(value)
        if members is not None:
            found += members
        elif isinstance(value, Mapping):
            line[name] = _stripped(cast("Mapping[str, Any]", value), found)
        else:
            line[name] = value
    return line


def _refused(field: object, message: str, code: str) -> dict[str, object]:
    place = [field] if isinstance(field, str) else field
    return {"user_errors": [{"field": place, "message": message, "code": code}]}


__all__ = ["AT_ONCE", "RESULTS", "STAGED", "Bulk", "Operation"]

"""Shopify's bulk operations: a whole catalog in one file, and thousands of mutations from another.

https://shopify.dev/docs/api/usage/bulk-operations/queries
https://shopify.dev/docs/api/usage/bulk-operations/imports
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from bulkeditor.connectors._shopify import graphql
from bulkeditor.connectors._types import Query, Reading, Records
from bulkeditor.errors import VendorError
from bulkeditor.http import Exchange, Request, Response, Sleep

if TYPE_CHECKING:
    from bulkeditor.connectors.shopify import Shopify

_ROWS: Final = 1000
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
_TRIES: Final = 10
_OVER: Final = frozenset({"COMPLETED", "FAILED", "CANCELED", "EXPIRED"})
_BUSY: Final = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
_BOUNDARY: Final = "bulkeditor-4f1c9b7a"


def read(shop: Shopify, query: Query, selection: str) -> Reading:
    """Everything there is, in one operation; the place names the operation, whose result lives for a week.

    Args:
        shop: The connector.
        query: Knows where to go on.
        selection: What is wanted of a variant.
    """
    operation = cast("str | None", query.resume.get("operation"))
    skip = cast("int", query.resume.get("row", 0))
    if operation is None:
        operation = yield from begin(shop, selection)
    rows = yield from fetch(shop, operation)
    while True:
        some, skip = rows[skip : skip + _ROWS], skip + _ROWS
        whole = skip >= len(rows)
        yield Records(some, resume=None if whole else {"operation": operation, "row": skip}, complete=whole)
        if whole:
            return


def begin(shop: Shopify, selection: str) -> Exchange[str]:
    """Begin to read all variants; the id of the operation."""
    variables: Mapping[str, object] = {"query": graphql.bulk_variants(selection)}
    started = yield from _started(shop, graphql.RUN_QUERY, variables, "bulkOperationRunQuery")
    return str(started["id"])


def fetch(shop: Shopify, operation: str) -> Exchange[list[Mapping[str, Any]]]:
    """What an operation has read, once it has ended."""
    done = yield from _finished(shop, operation)
    if done["url"] is None:
        return []
    response = yield _download(shop, str(done["url"]))
    return _assembled(_lines(response))


def write(
    shop: Shopify, lines: Sequence[Mapping[str, object]], client: str
) -> Exchange[list[Mapping[str, Any]]]:
    """Update variants, a line for each product.

    Args:
        shop: The connector.
        lines: Variables of each mutation.
        client: A key by which the operation is known.

    Returns:
        The payload of each line, in their order.
    """
    path = yield from _uploaded(shop, lines)
    variables = {"mutation": graphql.BULK_UPDATE, "path": path, "client": client}
    started = yield from _started(shop, graphql.RUN_MUTATION, variables, "bulkOperationRunMutation")
    done = yield from _finished(shop, str(started["id"]))
    response = yield _download(shop, str(done["url"]))
    found: dict[int, Mapping[str, Any]] = {}
    for at, line in enumerate(_lines(response)):
        found[int(line.get("__lineNumber", at))] = _payload(line)
    missing: Mapping[str, Any] = {"productVariants": None, "userErrors": []}
    return [found.get(at, missing) for at in range(len(lines))]


def _payload(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a line of the result says; an operation that is complete may have lines that failed."""
    errors: Sequence[Mapping[str, Any]] = line.get("errors") or ()
    data: Mapping[str, Any] = line.get("data") or {}
    payload: Mapping[str, Any] | None = data.get("productVariantsBulkUpdate")
    if payload is not None:
        return payload
    told = [{"code": None, "field": None, "message": str(each.get("message"))} for each in errors]
    return {"productVariants": None, "userErrors": told}


def _started(
    shop: Shopify, document: str, variables: Mapping[str, object], mutation: str
) -> Exchange[Mapping[str, Any]]:
    """Start an operation, once those before it have left room.

    Raises:
        VendorError: Shopify refuses it.
    """
    for attempt in range(1, _TRIES + 1):
        response = yield shop.ask(document, variables, mutation, write=True)
        payload: Mapping[str, Any] = response.json()["data"][mutation]
        if payload["bulkOperation"] is not None and not payload["userErrors"]:
            return cast("Mapping[str, Any]", payload["bulkOperation"])
        error = payload["userErrors"][0]
        busy = error.get("code") in _BUSY
        if not busy or attempt == _TRIES:
            action = "retry" if busy else "fatal"
            raise _refused(str(error["message"]), error.get("code"), mutation, action=action)
        yield Sleep(min(_FIRST_PAUSE * attempt, _LONGEST_PAUSE))
    raise AssertionError("the last attempt has returned or raised")


def _finished(shop: Shopify, operation: str) -> Exchange[Mapping[str, Any]]:
    """Wait for the end of an operation.

    Raises:
        VendorError: It failed.
    """
    pause = _FIRST_PAUSE
    while True:
        response = yield shop.ask(graphql.BULK_OPERATION, {"id": operation}, "bulkOperation")
        told: Mapping[str, Any] = shop.answer(response, "bulkOperation")
        if told["status"] == "COMPLETED":
            return told
        if told["status"] in _OVER:
            # What it wrote before it failed is found out by reading.
            message = f"the bulk operation ended as {told['status']}"
            raise _refused(message, told["errorCode"], "bulkOperation", action="unknown")
        yield Sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _uploaded(shop: Shopify, lines: Sequence[Mapping[str, object]]) -> Exchange[str]:
    """Put the variables where Shopify fetches them; the path that the operation is told."""
    wish = {
        "resource": "BULK_MUTATION_VARIABLES",
        "filename": "variables.jsonl",
        "mimeType": "text/jsonl",
        "httpMethod": "POST",
    }
    response = yield shop.ask(graphql.STAGED_UPLOAD, {"input": [wish]}, "stagedUploadsCreate", write=True)
    payload: Mapping[str, Any] = response.json()["data"]["stagedUploadsCreate"]
    if payload["userErrors"]:
        raise _refused(str(payload["userErrors"][0]["message"]), None, "stagedUploadsCreate")
    target = payload["stagedTargets"][0]
    form = {str(each["name"]): str(each["value"]) for each in target["parameters"]}
    content = "".join(json.dumps(line) + "\n" for line in lines)
    yield shop.request(
        "POST",
        str(target["url"]),
        content=_multipart(form, content),
        headers={"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
        operation="staged upload",
        # Until an operation is started, nothing has changed.
        write=False,
    )
    return form["key"]


def _multipart(form: Mapping[str, str], content: str) -> bytes:
    """The parameters in their order, the file last."""
    parts = [f'name="{name}"\r\n\r\n{value}' for name, value in form.items()]
    parts.append(f'name="file"; filename="variables.jsonl"\r\nContent-Type: text/jsonl\r\n\r\n{content}')
    body = "".join(f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts)
    return f"{body}--{_BOUNDARY}--\r\n".encode()


def _download(shop: Shopify, url: str) -> Request:
    return shop.request("GET", url, operation="bulk result", write=False, spool=True)


def _lines(response: Response) -> Iterator[Mapping[str, Any]]:
    """The lines of a result; the last one is blank."""
    if response.file is None:
        lines: Sequence[bytes] = response.content.splitlines()
        yield from (json.loads(line, parse_float=Decimal) for line in lines if line.strip())
        return
    with response.file as file:
        yield from (json.loads(line, parse_float=Decimal) for line in file if line.strip())


def _assembled(lines: Iterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Variants with their levels, as a page has them; a child may stand before its parent."""
    rows: list[Mapping[str, Any]] = []
    levels: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        parent = line.get("__parentId")
        if parent is None:
            rows.append(line)
        else:
            levels[str(parent)].append({name: line[name] for name in line if name != "__parentId"})
    return [_with_levels(row, levels) for row in rows]


def _with_levels(
    row: Mapping[str, Any], levels: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Mapping[str, Any]:
    item: Mapping[str, Any] | None = row.get("inventoryItem")
    if item is None:
        return row  # no variant; it becomes a dead letter
    # The parent is the variant, or the item that stands inside of it.
    nodes = [*levels.get(str(row.get("id")), ()), *levels.get(str(item.get("id")), ())]
    return {**row, "inventoryItem": {**item, "inventoryLevels": {"nodes": nodes}}}


def _refused(message: str, code: object, operation: str, *, action: str = "fatal") -> VendorError:
    told = None if code is None else str(code)
    return VendorError(message, action=action, status=200, code=told, operation=operation)


__all__ = ["read", "write"]

"""The forms of the NetSuite stand-in's requests and answers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import attrs

from bulkeditor.testing._standin import Answer, Entry
from bulkeditor.testing.vendors._netsuite.books import RefusedError

ERROR: Final = "application/vnd.oracle.resource+json; type=error"
MOST_PAGE: Final = 1000


def refusal(status: int, title: str, code: str, detail: str, path: str | None = None) -> Answer:
    """A refusal in NetSuite's form."""
    told = {"detail": detail, "o:errorCode": code, **({} if path is None else {"o:errorPath": path})}
    return Answer(
        status=status,
        body={
            "type": f"https://www.rfc-editor.org/rfc/rfc9110.html#name-{status}",
            "title": title,
            "status": status,
            "o:errorDetails": [told],
        },
        headers={"Content-Type": ERROR},
    )


def unauthorized(account: str, reason: str) -> Answer:
    """A login that is refused; real ones say no reason."""
    answer = refusal(401, "Unauthorized", "INVALID_LOGIN", f"Invalid login attempt. {reason}")
    challenge = f'OAuth realm="{account}", error="token_rejected", error_description="Invalid login attempt."'
    return attrs.evolve(answer, headers={**answer.headers, "WWW-Authenticate": challenge})


def accepted_at(location: str) -> Answer:
    """A job was made of the request."""
    return Answer(status=202, headers={"Location": location, "Preference-Applied": "respond-async"})


def sent_before(location: str) -> Answer:
    """An idempotency key that was used already; the first job is where the answer points to.

    https://docs.oracle.com/en/cloud/saas/netsuite/ns-online-help/subsect_164494900632.html
    """
    detail = "A request with the same idempotency key is already submitted."
    answer = refusal(400, "Conflict", "IDEMPOTENCY_ERROR", detail)
    return attrs.evolve(
        answer, headers={**answer.headers, "Location": location, "Preference-Applied": "respond-async"}
    )


def page_of(entry: Entry) -> tuple[int, int]:
    """Limit and offset of a request."""
    limit, offset = (
        entry.params.get(name, default) for name, default in (("limit", "1000"), ("offset", "0"))
    )
    if not limit.isdecimal() or not 0 < int(limit) <= MOST_PAGE:
        raise RefusedError(
            "INVALID_PARAMETER", f"Invalid query parameter limit {limit!r:.20}: from 1 to 1000."
        )
    if not offset.isdecimal() or int(offset) % int(limit):
        raise RefusedError("INVALID_PARAMETER", f"offset {offset!r:.20} must be divisible by limit {limit}.")
    return int(limit), int(offset)


def media(entry: Entry) -> str:
    """The media type of a request, without blanks."""
    return re.sub(r"\s+", "", entry.headers.get("content-type", "")).lower()


def body_of(entry: Entry) -> Mapping[str, Any]:
    """The body of a request."""
    if not entry.body and entry.method == "DELETE":
        return {}
    if "json" not in media(entry):
        raise RefusedError("INVALID_HEADER", "The Content-Type must be JSON.", status=415)
    try:
        body = entry.json()
    except ValueError as error:
        raise RefusedError("INVALID_CONTENT", "The body is no JSON.") from error
    if not isinstance(body, Mapping):
        raise RefusedError("INVALID_CONTENT", "The body is no object.")
    return cast("Mapping[str, Any]", body)


def target_of(method: str, body: Mapping[str, Any]) -> str | None:
    """Which record a member of a batch means; its internal id counts first."""
    if method == "POST":
        return None
    if method != "PUT" and body.get("id") is not None:
        return str(body["id"])
    external = body.get("externalId")
    return None if external is None else f"eid:{external}"


def item_ids(body: Mapping[str, Any]) -> set[str]:
    """Internal ids of the items on the lines of a transaction."""
    lines: list[object] = []
    for sublist in ("inventory", "item"):
        found = body.get(sublist)
        if isinstance(found, Mapping):
            lines += cast("Mapping[str, list[object]]", found).get("items") or []
    refs = [cast("Mapping[str, Any]", line).get("item") for line in lines if isinstance(line, Mapping)]
    return {str(cast("Mapping[str, object]", ref).get("id")) for ref in refs if isinstance(ref, Mapping)}


def collection_of(items: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """A collection that fits on one page."""
    return {
        "links": [],
        "count": len(items),
        "hasMore": False,
        "items": list(items),
        "offset": 0,
        "totalResults": len(items),
    }


def progress(results: Sequence[Answer]) -> str:
    """How what was asked for has ended."""
    return "succeeded" if all(answer.status < 400 for answer in results) else "failed"  # noqa: PLR2004 - refusals


def is_uuid(text: str) -> bool:
    """Whether it is a UUID."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


__all__ = [
    "ERROR",
    "MOST_PAGE",
    "accepted_at",
    "body_of",
    "collection_of",
    "is_uuid",
    "item_ids",
    "media",
    "page_of",
    "progress",
    "refusal",
    "sent_before",
    "target_of",
    "unauthorized",
]

"""What a handler is given and what it gives back; refusals in the documented error shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import attrs

from bulkeditor.sandbox._json import JSON, Doc, JSONError, decode, encode

if TYPE_CHECKING:
    from bulkeditor.sandbox._faults import Fault

JSON_TYPE = "application/json"


@attrs.frozen
class Problem:
    """One entry of ``errors`` in a refusal or a row's result."""

    field: str | None
    code: str
    message: str

    def to_json(self) -> Doc:
        """As it stands in an answer."""
        return {"field": self.field, "code": self.code, "message": self.message}


@attrs.frozen(kw_only=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON_TYPE

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        """The same answer with more headers."""
        return attrs.evolve(self, headers=self.headers + headers)


def ok(value: object, status: int = 200, *headers: tuple[str, str]) -> Answer:
    """An answer with a JSON body."""
    return Answer(status=status, body=encode(value), headers=headers)


def no_content() -> Answer:
    """204."""
    return Answer(status=204)


class Refusal(Exception):  # noqa: N818 -- an answer to the caller, not a fault of this program
    """A 4xx or 5xx answer; whatever the request did so far is rolled back."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        problems: Sequence[Problem] = (),
        headers: tuple[tuple[str, str], ...] = (),
        required_scope: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.problems = tuple(problems)
        self.headers = headers
        self.required_scope = required_scope

    def answer(self, request_id: str) -> Answer:
        """The documented error body."""
        error: Doc = {
            "code": self.code,
            "message": self.message,
            "request_id": request_id,
            "field": self.field,
            "errors": [problem.to_json() for problem in self.problems],
        }
        if self.required_scope is not None:
            error["required_scope"] = self.required_scope
        return ok({"error": error}, self.status, *self.headers)


class OAuthRefusal(Refusal):
    """The token endpoint's errors have RFC 6749's shape."""

    def answer(self, request_id: str) -> Answer:
        """RFC 6749, section 5.2."""
        del request_id
        return ok({"error": self.code, "error_description": self.message}, self.status, *self.headers)


def invalid_parameter(field: str, message: str) -> Refusal:
    """400, naming the parameter."""
    return Refusal(
        400,
        "invalid_parameter",
        message,
        field=field,
        problems=[Problem(field, "invalid_parameter", message)],
    )


def validation_failed(problems: Sequence[Problem]) -> Refusal:
    """422, naming every field."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    text = f"{first.field}: {first.message}" if first.field else first.message
    return Refusal(422, "validation_failed", text + more, field=first.field, problems=problems)


def not_found(what: str, name: str) -> Refusal:
    """404 for an id."""
    return Refusal(404, "not_found", f"There is no {what} with id {name[:100]!r}.")


def missing_scope(scope: str) -> Refusal:
    """403, naming the scope."""
    return Refusal(403, "missing_scope", f"This needs the scope {scope}.", required_scope=scope)


@attrs.frozen(kw_only=True)
class Credential:
    """Who is calling: an API key or an OAuth token."""

    id: str
    kind: str
    scopes: frozenset[str]

    def allows(self, scope: str) -> bool:
        """Whether it may; ``admin:all`` may everything."""
        return scope in self.scopes or "admin:all" in self.scopes


@attrs.frozen(kw_only=True)
class Effect:
    """One committed change.

    Args:
        kind: What happened (``product.updated``, ``bulk_job.created`` …).
        id: The record it happened to.
        before: The changed fields before; None where there was no record.
        after: The changed fields after; None where the record is gone.
        count: How many records, where they are not listed one by one.
    """

    kind: str
    id: str
    before: Mapping[str, JSON] | None = None
    after: Mapping[str, JSON] | None = None
    count: int = 1


@attrs.define(kw_only=True, eq=False)
class Call:
    """One request on its way through the server."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    now_us: int
    route: Route
    arguments: Mapping[str, str]
    query: Mapping[str, str]
    credential: Credential | None = None
    fault: Fault | None = None
    effects: list[Effect] = attrs.field(factory=list[Effect])
    replayed: bool = False
    # Added to whatever the answer turns out to be.
    headers_out: tuple[tuple[str, str], ...] = ()
    idempotency_key: str | None = None

    @property
    def caller(self) -> Credential:
        """Who is calling; for routes that need a scope."""
        assert self.credential is not None
        return self.credential

    def require(self, scope: str) -> None:
        """Refuse a caller without this scope."""
        if not self.caller.allows(scope):
            raise missing_scope(scope)

    def json(self) -> JSON:
        """The body."""
        # The documented samples of curl name no content type, so its absence means JSON.
        kind = self.headers.get("content-type", JSON_TYPE).partition(";")[0].strip().lower()
        if kind != JSON_TYPE and not kind.endswith("+json"):
            raise Refusal(400, "invalid_json", f"Content-Type must be {JSON_TYPE}, not {kind[:100]!r}.")
        try:
            return decode(self.body)
        except JSONError as error:
            raise Refusal(400, "invalid_json", f"The body is not valid JSON: {error}.") from None

    def object(self, allowed: Sequence[str], *, optional: bool = False) -> Doc:
        """The body, which must be an object with these keys only."""
        if optional and not self.body:
            return {}
        value = self.json()
        if not isinstance(value, dict):
            raise validation_failed([Problem(None, "invalid_type", "The body must be a JSON object")])
        unknown = [
            Problem(key[:100], "unknown_field", "This field is not known here")
            for key in value
            if key not in allowed
        ]
        if unknown:
            raise validation_failed(unknown[:50])
        return value


Handler: TypeAlias = Callable[[Call], Answer]


@attrs.frozen(kw_only=True, eq=False)
class Route:
    """One operation of the contract."""

    name: str
    method: str
    path: str
    scope: str | None
    handler: Handler
    query: frozenset[str] = frozenset()
    completion: bool = True
    # A repeat of the same body without a key is a second effect, not the same one again.
    relative: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, parameters in braces."""
        return tuple(self.path.strip("/").split("/"))

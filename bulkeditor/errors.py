"""Every exception the library raises: one hierarchy, picklable, each saying what to do next.

The text of an error has three parts: what happened, which field or operation it happened to, and the
next step (``hint``). Data lives in attributes, so programs never parse the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs


@attrs.frozen(kw_only=True)
class FieldError:
    """One problem with one field of one row.

    Args:
        field: Dotted path of the field (``price``, ``products[3].tags``); ``None`` when the row is meant.
        message: What is wrong, in a sentence.
        code: A stable machine-readable name (``required``, ``negative``, ``unknown_field`` …).
    """

    message: str
    field: str | None = None
    code: str = "invalid"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class BulkEditorError(Exception):
    """Base of everything that this library raises on purpose.

    Args:
        message: What happened.
        hint: What to do next; appended to the text.
    """

    default_hint: ClassVar[str | None] = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint if hint is not None else self.default_hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # The default reduce calls __init__ with positional args only, which keyword-only
        # constructors refuse: that is what hangs process pools with other SDKs' errors.
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))


def _rebuild(
    cls: type[BulkEditorError], args: tuple[object, ...], state: dict[str, object]
) -> BulkEditorError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(BulkEditorError):
    """The client was given options that cannot work; nothing was sent."""


class MissingExtraError(BulkEditorError, ImportError):
    """A feature needs packages of an extra that is not installed.

    Args:
        extra: Name of the extra (``sandbox``, ``dataframe`` …).
        feature: What asked for it.
    """

    def __init__(self, extra: str, *, feature: str) -> None:
        super().__init__(
            f"{feature} needs the {extra!r} extra, which is not installed.",
            hint=f"Install it with: pip install 'bulkeditor[{extra}]'",
        )
        self.extra = extra


class InvalidInputError(BulkEditorError, ValueError):
    """What was given cannot be sent; nothing was sent.

    Args:
        message: What is wrong.
        errors: One entry for each field.
    """

    def __init__(self, message: str, *, errors: Sequence[FieldError] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)


class MalformedDataError(BulkEditorError, ValueError):
    """Bytes that are not JSON, or data of another shape than the API's.

    Args:
        message: What is wrong, and where.
        errors: One entry for each field.
    """

    def __init__(self, message: str, *, errors: Sequence[FieldError] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)


class LeaseLostError(BulkEditorError):
    """A step was done by a worker whose lease had run out and that somebody else has taken since.

    Nothing was committed; whoever holds the step now reads back what was sent before it sends anything.
    """

    default_hint = "Give leases more time, or make steps smaller, when this happens often."


class StateChangedError(BulkEditorError):
    """State was not as a step expected when it was to be committed; nothing was committed.

    Args:
        space: The state's namespace.
        key: The entry.
    """

    default_hint = "Read the state again and decide anew."

    def __init__(self, message: str, *, space: str, key: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.space = space
        self.key = key


class StoreError(BulkEditorError):
    """The file that keeps runs and state cannot be used: foreign, damaged, newer, locked, full or read-only.

    What had been committed before is still there.
    """


class RunNotFoundError(BulkEditorError, LookupError):
    """The store knows no such run.

    Args:
        run: The id that was asked for.
    """

    def __init__(self, message: str, *, run: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.run = run


class NotLoadedError(BulkEditorError, AttributeError):
    """A field was read that the server was not asked for, or did not send.

    Args:
        field: The field's name.
        model: Name of the model.
    """

    def __init__(self, field: str, *, model: str) -> None:
        super().__init__(
            f"{model}.{field} was not loaded.",
            hint=f"Ask for it (fields=[…, {field!r}]), or look at .loaded for the fields that are here.",
        )
        self.field = field
        # AttributeError's own attribute; set so that the interpreter suggests nothing misleading.
        self.name = field


class ReadOnlyError(BulkEditorError):
    """A write was refused because the client is read-only; nothing was sent."""

    default_hint = "Use a client made without read_only=True for writes."


class TransportError(BulkEditorError):
    """No complete answer came: connection, TLS, protocol, or the body broke off.

    Args:
        sent: False when the request provably never reached the server; True when it may have.
        operation: The operation's name in openapi.yaml.
    """

    def __init__(
        self, message: str, *, sent: bool = True, operation: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent
        self.operation = operation


class RequestTimeoutError(TransportError, TimeoutError):
    """One attempt took longer than ``timeout``."""

    default_hint = "Raise timeout=, or deadline= when retries should go on for longer."


class DeadlineExceededError(TransportError, TimeoutError):
    """The whole call, with its retries, took longer than ``deadline``."""

    default_hint = "Raise deadline=, or make the request smaller."


class APIError(BulkEditorError):
    """The server answered, and the answer is a refusal.

    Args:
        message: The server's own message, or a description of its answer.
        status: HTTP status.
        code: The server's machine-readable code, when it sent one.
        request_id: Identifies the request to the server's operators.
        field_errors: One entry for each field that the server named.
        retry_after: Seconds after which a repeat is welcome.
        operation: The operation's name in openapi.yaml.
    """

    body: str = ""
    """The start of the answer, credentials masked: for those who know what else the server says in it."""

    location: str | None = None
    """Where the answer points to (header ``Location``), such as the job that an earlier request began."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        request_id: str | None = None,
        field_errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
        operation: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.field_errors = tuple(field_errors)
        self.retry_after = retry_after
        self.operation = operation

    def json(self) -> object:
        """The answer as plain data; None when it is no JSON."""
        import json  # noqa: PLC0415 - few errors are looked into

        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def __str__(self) -> str:
        head = f"{self.operation}: {self.message}" if self.operation else self.message
        facts = [f"HTTP {self.status}"]
        if self.code:
            facts.append(self.code)
        if self.request_id:
            facts.append(f"request {self.request_id}")
        fields = "".join(f"\n  {error}" for error in self.field_errors)
        hint = f"\n{self.hint}" if self.hint else ""
        return f"{head} ({', '.join(facts)}){fields}{hint}"


class InvalidRequestError(APIError):
    """400 or 422: the server refuses the content; ``field_errors`` names the fields."""

    default_hint = "Correct the named fields; repeating the request as it is cannot succeed."


class AuthenticationError(APIError):
    """401: the key or token is missing, wrong, expired or revoked."""

    default_hint = (
        "Check the API key or token (BULKEDITOR_API_KEY, BULKEDITOR_ACCESS_TOKEN) and whether it was revoked."
    )


class PermissionDeniedError(APIError):
    """403: the credential is valid but lacks a scope.

    Args:
        required_scope: The scope that the operation needs.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 403,
        required_scope: str | None = None,
        code: str | None = None,
        request_id: str | None = None,
        field_errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
        operation: str | None = None,
        hint: str | None = None,
    ) -> None:
        if hint is None and required_scope:
            hint = f"Use a key or token that has the scope {required_scope!r} (Settings → API Integrations)."
        super().__init__(
            message,
            status=status,
            code=code,
            request_id=request_id,
            field_errors=field_errors,
            retry_after=retry_after,
            operation=operation,
            hint=hint,
        )
        self.required_scope = required_scope


class NotFoundError(APIError):
    """404: there is no such product, job, webhook, location or key."""


class ConflictError(APIError):
    """409 or 412: the request contradicts the state on the server."""


class RateLimitError(APIError):
    """429: too many requests, and waiting any longer would break a limit of the caller.

    ``retry_after`` holds the seconds after which the server welcomes a repeat.
    """

    default_hint = "Wait retry_after seconds, or allow more retries, a longer max_delay or deadline."


class ServerError(APIError):
    """5xx: the server failed."""

    default_hint = "The server failed; the call may be repeated later."


class UnexpectedResponseError(APIError):
    """The answer is not what the contract says: HTML, broken JSON, or another shape."""

    default_hint = "Check base_url: it must point at the API's host, not at a web page or a proxy."


class VendorError(APIError):
    """Another system answered with success, and said in the body that the request failed.

    Args:
        action: What follows from it, in the words of :class:`bulkeditor.connectors.Verdict`.
    """

    default_hint = "The system's own code and message say what to change."

    def __init__(
        self,
        message: str,
        *,
        action: str,
        status: int = 200,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        operation: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(
            message,
            status=status,
            code=code,
            request_id=request_id,
            retry_after=retry_after,
            operation=operation,
            hint=hint,
        )
        self.action = action


class UnsupportedByServerError(BulkEditorError):
    """The server has only the documented API and lacks this completion of it.

    Args:
        operation: The operation's name in openapi.yaml.
    """

    def __init__(self, message: str, *, operation: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation


class OutcomeUnknownError(BulkEditorError):
    """A write was sent, no answer came, and reading could not settle whether it took effect.

    It was not repeated, because a repeat could apply it twice.

    Args:
        operation: The operation's name in openapi.yaml.
        idempotency_key: The key the write carried.
    """

    default_hint = "Look at the server's state before you repeat the call; a blind repeat may apply it twice."

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        idempotency_key: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation
        self.idempotency_key = idempotency_key


class UpdateFailedError(BulkEditorError):
    """Rows of an update failed, were never sent, or have an unknown outcome; the others took effect.

    Args:
        errors: One entry for each field of each such row, with the row's place.
        failed: Rows that were refused or not applied.
        skipped: Rows that were never sent.
        unknown: Rows of which nobody can say whether they took effect.
    """

    default_hint = "report.failed.retry() sends just the failed rows again."

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[FieldError] = (),
        failed: int = 0,
        skipped: int = 0,
        unknown: int = 0,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)
        self.failed = failed
        self.skipped = skipped
        self.unknown = unknown


class PaginationError(BulkEditorError):
    """Pages came that cannot be read to an end: one page repeats, or the numbering is inconsistent."""


class JobError(BulkEditorError):
    """A bulk job ended badly.

    Args:
        job_id: The job.
        status: Its last status.
        errors: Number of rows that failed, as far as the server says.
    """

    def __init__(
        self, message: str, *, job_id: str, status: str, errors: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.job_id = job_id
        self.status = status
        self.errors = errors


class JobFailedError(JobError):
    """The job failed, was cancelled, or completed with failed rows."""


class JobTimeoutError(JobError, TimeoutError):
    """The job did not end within the time given; it goes on running on the server."""

    default_hint = "Wait again with bulk_jobs.wait(job_id), or cancel it."


class PlanError(BulkEditorError):
    """A plan cannot be used as it is; nothing was written."""


class GuardError(PlanError):
    """A plan violates its guards; nothing was written.

    Args:
        errors: One entry for each violation: the product's SKU and field, and what is wrong with the values.
    """

    default_hint = (
        "Look at plan.violations; narrow the filter, change the updates, or give the guard "
        "on_violation='skip_row'."
    )

    def __init__(self, message: str, *, errors: Sequence[FieldError] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)


class OverlapError(PlanError):
    """A plan was to be scheduled with ``on_overlap="refuse"`` and overlaps others; nothing was scheduled.

    Args:
        runs: The runs that it overlaps.
        errors: One entry for each field of each product that it has in common with them.
    """

    default_hint = "Choose another time, cancel the other run, or use on_overlap='layer'."

    def __init__(
        self,
        message: str,
        *,
        runs: Sequence[str],
        errors: Sequence[FieldError] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.runs = tuple(runs)
        self.errors = tuple(errors)


class PlanFileError(PlanError, ValueError):
    """A file is no plan, was edited or cut off, or was written by a newer version; the text says which."""

    default_hint = "Make the plan again, or fetch the file as it was saved."


class BackupFileError(BulkEditorError, ValueError):
    """A file is no backup, was edited or cut off, or was written by a newer version; the text says which."""

    default_hint = "Fetch the file as it was saved, or use another backup."


class PlanStoppedError(PlanError):
    """A plan was not applied, as its options ask for; nothing was written.

    Args:
        run: The run that looked; ``shop.runs.get(run).report`` has every row.
        errors: One entry for each row that stopped it.
    """

    default_hint = "Make the plan again, on what the shop holds now."

    def __init__(
        self, message: str, *, run: str, errors: Sequence[FieldError] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.run = run
        self.errors = tuple(errors)


class NotUndoableError(PlanError):
    """A run cannot be taken back: it goes on, or it ended too long ago.

    Args:
        run: The run.
    """

    def __init__(self, message: str, *, run: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.run = run


class RunFailedError(BulkEditorError):
    """A run failed in another process.

    Args:
        run: The run.
    """

    default_hint = "Mend what the text names, and resume the run."

    def __init__(self, message: str, *, run: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.run = run


class UnbalancedRunError(BulkEditorError):
    """A run does not account for each row of its plan exactly once: a defect, of the library or its store."""

    default_hint = "Look at the products of its report before you rely on it, and report it, please."


class WebhookVerificationError(BulkEditorError):
    """A webhook's signature, timestamp or form is not genuine; it must not be acted on."""

    default_hint = "Answer 401 and ignore the body; check that the raw bytes and the current secret are used."


class BulkEditorWarning(UserWarning):
    """Base of the library's warnings."""


class KeyRotationWarning(BulkEditorWarning):
    """An API key is older than 90 days and should be rotated."""


__all__ = [
    "APIError",
    "AuthenticationError",
    "BackupFileError",
    "BulkEditorError",
    "BulkEditorWarning",
    "ConfigurationError",
    "ConflictError",
    "DeadlineExceededError",
    "FieldError",
    "GuardError",
    "InvalidInputError",
    "InvalidRequestError",
    "JobError",
    "JobFailedError",
    "JobTimeoutError",
    "KeyRotationWarning",
    "LeaseLostError",
    "MalformedDataError",
    "MissingExtraError",
    "NotFoundError",
    "NotLoadedError",
    "NotUndoableError",
    "OutcomeUnknownError",
    "OverlapError",
    "PaginationError",
    "PermissionDeniedError",
    "PlanError",
    "PlanFileError",
    "PlanStoppedError",
    "RateLimitError",
    "ReadOnlyError",
    "RequestTimeoutError",
    "RunFailedError",
    "RunNotFoundError",
    "ServerError",
    "StateChangedError",
    "StoreError",
    "TransportError",
    "UnbalancedRunError",
    "UnexpectedResponseError",
    "UnsupportedByServerError",
    "UpdateFailedError",
    "VendorError",
    "WebhookVerificationError",
]

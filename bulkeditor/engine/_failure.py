"""What becomes of a step that raised: tried again at a time, or the end of its run."""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta
from typing import Final

import attrs

from bulkeditor.errors import (
    APIError,
    BulkEditorError,
    ConfigurationError,
    InvalidInputError,
    MissingExtraError,
    OutcomeUnknownError,
    RateLimitError,
    ReadOnlyError,
    ServerError,
    StoreError,
    TransportError,
    UnexpectedResponseError,
)
from bulkeditor.http import RetryPolicy
from bulkeditor.http._redact import excerpt

_PASSING: Final = (
    TransportError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
    OutcomeUnknownError,
    StoreError,
)
NOT_THE_RUNS: Final = (ConfigurationError, MissingExtraError, ReadOnlyError)
"""Nothing was sent, and a worker that is set up otherwise can do it: no reason for a run to fail."""

_FRAMES: Final = 12
_LONGEST: Final = 600


def _retry() -> RetryPolicy:
    return RetryPolicy(max_retries=10, base_delay=2000, max_delay=300_000)


def _positive(_instance: StepPolicy, attribute: attrs.Attribute[float], value: float) -> None:
    if value <= 0:
        raise InvalidInputError(f"{attribute.name} must be a number of seconds above 0, not {value!r}.")


@attrs.frozen(kw_only=True)
class StepPolicy:
    """How long steps may take, and what happens when one fails.

    Args:
        lease: Seconds for which a claimed step belongs to its worker; ten minutes at most, since
            a worker that lives renews it in time.
            After a crash others wait this long before they take the step.
        deadline: Seconds that one attempt may take with all its requests.
        retry: How often, and after which waits, a step is tried again whose error may pass.
        patience: Seconds for which a server may ask to be left alone; one that asks for more ends the run,
            which can be resumed when its time has come. None = any time.

    Raises:
        InvalidInputError: A value is no duration.
    """

    lease: float = attrs.field(default=30.0, validator=_positive)
    deadline: float = attrs.field(default=600.0, validator=_positive)
    retry: RetryPolicy = attrs.field(factory=_retry)
    patience: float | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))

    def retry_at(self, error: Exception, failures: int, now: datetime, rnd: float) -> datetime | None:
        """When a step is tried again; None when that would not help.

        Args:
            error: What it raised.
            failures: How often it had failed before.
            now: The ledger's time.
            rnd: A random number, 0 ≤ rnd ≤ 1, for the jitter.
        """
        if not isinstance(error, _PASSING) or failures >= self.retry.max_retries:
            return None
        wait = self.retry.bound(failures + 1) * rnd
        if isinstance(error, APIError) and error.retry_after is not None:
            wait = max(wait, error.retry_after)
        if self.patience is not None and wait > self.patience:
            return None
        return now + timedelta(seconds=wait)


def describe(error: Exception) -> str:
    """What is kept of an error: its text; for one that nobody raised on purpose, also where it was raised.

    Args:
        error: What a step raised.
    """
    if isinstance(error, BulkEditorError):
        return f"{type(error).__name__}: {error}"
    # No values of variables, and no source lines: either may hold what nobody should read.
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    where = "".join(f"\n  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    return f"{type(error).__name__}: {excerpt(str(error), _LONGEST)}{where}"


__all__ = ["NOT_THE_RUNS", "StepPolicy", "describe"]

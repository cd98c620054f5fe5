"""When a request is repeated, and after how long: one pure function over one policy.

The rule on repeats (it decides whether something can be written twice, so it stands here alone): a request is
sent again only when that is *provably* harmless:

* it is idempotent by itself (a read, a delete by id), or
* it provably never reached the server (no connection), or
* the server refused it before acting (429), or
* it carries an ``Idempotency-Key`` and this server has shown that it honours keys.

Any other write whose answer was lost has an unknown outcome. It is not repeated; its flow is told and settles
it by reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias, cast, get_args

import attrs

from bulkeditor.errors import (
    BulkEditorError,
    DeadlineExceededError,
    InvalidInputError,
    RateLimitError,
    RequestTimeoutError,
    TransportError,
)
from bulkeditor.http._retry_after import parse_reset, parse_retry_after
from bulkeditor.http._types import Request, Response

RetryOn: TypeAlias = Literal["network_error", "timeout", "rate_limit", "server_error"]
Backoff: TypeAlias = Literal["exponential", "linear", "fixed"]

_RETRY_ON: Final[tuple[str, ...]] = get_args(RetryOn)
_BACKOFF: Final[tuple[str, ...]] = get_args(Backoff)
# 501 and 505 say that the server will never do it; a repeat is noise.
_TRANSIENT: Final = frozenset({500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 529})
_TIMEOUTS: Final = frozenset({408})
_LONGEST: Final = 7 * 86_400_000


def _milliseconds(_instance: RetryPolicy, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST:
        raise InvalidInputError(
            f"retry_policy.{attribute.name} must be a number of milliseconds from 0 to {_LONGEST},"
            f" not {value!r}."
        )


def _milliseconds_or_none(instance: RetryPolicy, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        _milliseconds(instance, attribute, value)


def _retries(_instance: RetryPolicy, _attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:  # noqa: PLR2004 - a sane ceiling
        raise InvalidInputError(
            f"retry_policy.max_retries must be a whole number from 0 to 100, not {value!r}."
        )


def _strategy(_instance: RetryPolicy, _attribute: attrs.Attribute[Any], value: object) -> None:
    if value not in _BACKOFF:
        raise InvalidInputError(
            f"retry_policy.backoff_strategy is {value!r}; choose from {', '.join(_BACKOFF)}."
        )


def _names(value: Sequence[str]) -> tuple[RetryOn, ...]:
    if isinstance(value, str) or not all(name in _RETRY_ON for name in value):
        unknown = [value] if isinstance(value, str) else [name for name in value if name not in _RETRY_ON]
        raise InvalidInputError(
            f"retry_policy.retry_on: {', '.join(map(repr, unknown))} is not a list of known names;"
            f" choose from {', '.join(_RETRY_ON)}."
        )
    return cast("tuple[RetryOn, ...]", tuple(value))


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When and how often a failed request is repeated.

    All delays are **milliseconds**, as in the documented JSON. Each is a bound: the wait is a random
    part of it (full jitter), so that clients that failed together do not come back together. A server's
    ``Retry-After`` is waited for exactly.

    Args:
        max_retries: Repeats after the first attempt.
        backoff_strategy: How the bound grows: ``exponential`` doubles it, ``linear`` adds ``base_delay``,
            ``fixed`` keeps it.
        base_delay: Bound of the first wait.
        max_delay: No bound grows beyond this.
        retry_on: Kinds of failure worth a repeat: ``network_error``, ``timeout``, ``rate_limit``,
            ``server_error``.
        rate_limit_delay: Wait after a 429 that carries no ``Retry-After``; None = as after other failures:
            growing, with jitter.
        max_retry_after: A server that asks for a longer wait than this gets none: the call raises
            :class:`~bulkeditor.errors.RateLimitError` at once, with ``retry_after``.

    Raises:
        InvalidInputError: A value cannot work; the text names the field and the choices.
    """

    max_retries: int = attrs.field(default=3, validator=_retries)
    backoff_strategy: Backoff = attrs.field(default="exponential", validator=_strategy)
    base_delay: float = attrs.field(default=1000, validator=_milliseconds)
    max_delay: float = attrs.field(default=30_000, validator=_milliseconds)
    retry_on: tuple[RetryOn, ...] = attrs.field(
        default=("network_error", "timeout", "rate_limit", "server_error"), converter=_names
    )
    rate_limit_delay: float | None = attrs.field(default=60_000, validator=_milliseconds_or_none)
    max_retry_after: float = attrs.field(default=120_000, validator=_milliseconds)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> RetryPolicy:
        """Read the documented JSON, with or without its ``retry_policy`` wrapper.

        Args:
            config: ``{"retry_policy": {"max_retries": 3, …}}``, or the inner object alone.

        Raises:
            InvalidInputError: A key or a value is unknown; the text names it and the choices.
        """
        inner: object = config.get("retry_policy", config)
        if not isinstance(inner, Mapping):
            raise InvalidInputError(f"retry_policy must be an object, not {type(inner).__name__}.")
        settings = cast("Mapping[str, Any]", inner)
        known = [field.name for field in attrs.fields(cls)]
        unknown = [str(key) for key in settings if key not in known]
        if unknown:
            raise InvalidInputError(
                f"retry_policy has unknown keys: {', '.join(map(repr, unknown))};"
                f" it may hold {', '.join(known)}."
            )
        return cls(**settings)

    def bound(self, attempt: int) -> float:
        """Longest wait, in seconds, after the given attempt (1 = the first).

        Args:
            attempt: The attempt that just failed.
        """
        if self.backoff_strategy == "exponential":
            # The exponent is capped: 2.0 ** 1024 raises, and every bound is at max_delay long before.
            delay = self.base_delay * 2.0 ** min(attempt - 1, 64)
        elif self.backoff_strategy == "linear":
            delay = self.base_delay * attempt
        else:
            delay = self.base_delay
        return min(delay, self.max_delay) / 1000


@attrs.frozen(kw_only=True)
class Wait:
    """Repeat the request.

    Args:
        seconds: Pause before it.
        reason: Kind of failure.
        retry_after: Whether the server asked for the pause.
    """

    seconds: float
    reason: str
    retry_after: bool = False


@attrs.frozen(kw_only=True)
class GiveUp:
    """Do not repeat the request.

    Args:
        reason: Why not, in words.
        retry_after: Seconds after which the server welcomes a repeat, when it said so.
    """

    reason: str
    retry_after: float | None = None


_ANSWERED: Final = GiveUp(reason="answered")


def decide(  # noqa: PLR0911 - one return for each rule reads best
    attempt: int,
    request: Request,
    outcome: Response | BulkEditorError,
    policy: RetryPolicy,
    rnd: float,
    *,
    honoured: bool | None = None,
    now: datetime | None = None,
) -> GiveUp | Wait:
    """Whether to send the request again.

    Args:
        attempt: How many times it was sent; 1 after the first.
        request: What was sent.
        outcome: The answer, or the error that came instead.
        policy: The caller's limits.
        rnd: A random number, 0 ≤ rnd ≤ 1, for the jitter.
        honoured: Whether the server is known to honour idempotency keys.
        now: The time, for a ``Retry-After`` that is a date; the current time when left out.
    """
    kind = kind_of(request, outcome)
    if kind is None:
        return _ANSWERED if isinstance(outcome, Response) else GiveUp(reason="a repeat cannot help")
    asked = _asked(outcome, now)
    if request.once and kind != "in_progress":
        return GiveUp(reason="its flow decides on that", retry_after=asked)
    if kind != "in_progress" and kind not in policy.retry_on:
        return GiveUp(reason=f"{kind} is not in retry_on", retry_after=asked)
    if attempt > policy.max_retries:
        return GiveUp(reason=f"max_retries={policy.max_retries} reached", retry_after=asked)
    if not repeatable(request, outcome, honoured=honoured):
        return GiveUp(reason="it may have taken effect, and a repeat could apply it twice", retry_after=asked)
    if asked is not None:
        if asked * 1000 > policy.max_retry_after:
            return GiveUp(
                reason=f"the server asks for {asked:g} s, more than max_retry_after", retry_after=asked
            )
        return Wait(seconds=asked, reason=kind, retry_after=True)
    if kind == "rate_limit" and policy.rate_limit_delay is not None:
        return Wait(seconds=policy.rate_limit_delay / 1000, reason=kind)
    return Wait(seconds=policy.bound(attempt) * rnd, reason=kind)


def pause_after(error: BulkEditorError, attempt: int, policy: RetryPolicy) -> float | None:
    """Seconds after which a flow may do again by itself what provably was not done.

    Args:
        error: What came of it.
        attempt: How many times it was tried; 1 after the first.
        policy: The caller's limits.

    Returns:
        The pause; None when it may have been done, a repeat cannot help, or the policy wants none.
    """
    if isinstance(error, RateLimitError):
        kind = "rate_limit"
        unasked = policy.bound(attempt) if policy.rate_limit_delay is None else policy.rate_limit_delay / 1000
        pause = unasked if error.retry_after is None else error.retry_after
    elif (
        isinstance(error, TransportError) and not error.sent and not isinstance(error, DeadlineExceededError)
    ):
        kind = "timeout" if isinstance(error, RequestTimeoutError) else "network_error"
        pause = policy.bound(attempt)
    else:
        return None
    wanted = kind in policy.retry_on and attempt <= policy.max_retries
    return pause if wanted and pause * 1000 <= policy.max_retry_after else None


def kind_of(  # noqa: PLR0911 - as above
    request: Request, outcome: Response | BulkEditorError
) -> str | None:
    """The failure's name in ``retry_on`` (or ``in_progress``); None for what no repeat can change."""
    if isinstance(outcome, Response):
        status = outcome.status
        if status < 400:  # noqa: PLR2004 - the success and redirect classes
            return None
        if status == 429:  # noqa: PLR2004 - Too Many Requests
            return "rate_limit"
        if status in _TRANSIENT:
            return "server_error"
        if status in _TIMEOUTS:
            return "timeout"
        return "in_progress" if _in_progress(request, outcome) else None
    if isinstance(outcome, DeadlineExceededError) or not isinstance(outcome, TransportError):
        return None
    return "timeout" if isinstance(outcome, RequestTimeoutError) else "network_error"


def repeatable(request: Request, outcome: Response | BulkEditorError, *, honoured: bool | None) -> bool:
    """Whether sending the request again cannot apply it twice."""
    if request.idempotent:
        return True
    if isinstance(outcome, Response):
        if outcome.status == 429 or _in_progress(request, outcome):  # noqa: PLR2004 - Too Many Requests
            return True
    elif isinstance(outcome, TransportError) and not outcome.sent:
        return True
    return request.idempotency_key is not None and honoured is True


def _in_progress(request: Request, response: Response) -> bool:
    """The first attempt with this key is still running on the server; asking again yields its answer."""
    return (
        response.status == 409  # noqa: PLR2004 - Conflict
        and request.idempotency_key is not None
        and b'"idempotency_in_progress"' in response.content
    )


def _asked(outcome: Response | BulkEditorError, now: datetime | None) -> float | None:
    if not isinstance(outcome, Response):
        return None
    asked = parse_retry_after(outcome.headers.get("retry-after"), now or datetime.now(UTC))
    if asked is None and outcome.status == 429:  # noqa: PLR2004 - Too Many Requests
        # Seconds until the window is full again: the next best thing a server says.
        return parse_reset(outcome.headers.get("x-ratelimit-reset"))
    return asked


__all__ = [
    "Backoff",
    "GiveUp",
    "RetryOn",
    "RetryPolicy",
    "Wait",
    "decide",
    "kind_of",
    "pause_after",
    "repeatable",
]

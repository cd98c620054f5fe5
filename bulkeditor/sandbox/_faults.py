"""Faults on demand: what goes wrong, on which route, how often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Final

import attrs

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._http import Answer, Refusal, Route

PREFIX: Final = "/api/v1"
_CODES: Final = {
    400: "invalid_parameter",
    401: "unauthenticated",
    403: "missing_scope",
    404: "not_found",
    409: "idempotency_in_progress",
    413: "too_large",
    422: "validation_failed",
    429: "rate_limited",
    500: "internal",
}


@attrs.define(kw_only=True, eq=False)
class Fault:
    """One rule; :meth:`Faults.add` explains its parts. ``hits`` counts how often it struck."""

    route: str | None = None
    webhook: str | None = None
    times: int | None = None
    skip: int = 0
    every: int = 1
    status: int | None = None
    latency: float = 0.0
    drop: bool = False
    after_commit: bool = False
    truncate: bool | int = False
    html: bool = False
    repeat_page: bool = False
    partial_batch: int | None = None
    retry_after: float | str | None = None
    drip: float = 0.0
    duplicate: bool = False
    reorder: bool | int = False
    reset: bool = False
    bad_signature: bool = False
    job_row_skip: bool = False
    job_stall: bool | int = False
    seen: int = 0
    hits: int = 0

    @property
    def job(self) -> bool:
        """Whether the rule is about jobs at work."""
        return self.job_row_skip or self.job_stall is not False

    @property
    def delivery(self) -> bool:
        """Whether the rule does anything to a delivery."""
        harms = (self.drop, self.duplicate, self.reorder, self.reset, self.bad_signature)
        return any(harms) or self.latency > 0 or self.drip > 0

    @property
    def stalls_after(self) -> int | None:
        """After how many rows a job stops; None when the rule is about something else."""
        if self.job_stall is False:
            return None
        return 0 if self.job_stall is True else self.job_stall

    @property
    def refuses(self) -> bool:
        """Whether the request is kept from taking effect."""
        fails = self.drop or self.status is not None or self.html
        return fails and not self.after_commit and self.partial_batch is None

    @property
    def conceals(self) -> bool:
        """Whether the effect is committed and its answer replaced or lost."""
        return (self.drop or self.status is not None or self.html) and not self.refuses

    def describe(self) -> str:
        """What it does, in a word or two, for the journal."""
        names = [
            name
            for name in ("drop", "truncate", "html", "repeat_page", "partial_batch", "drip", "latency")
            if getattr(self, name)
        ]
        if self.status is not None:
            names.insert(0, str(self.status))
        return " ".join([*names, "after_commit"] if self.after_commit else names)

    def answer(self, request_id: str) -> Answer:
        """The answer in place of the true one."""
        status = self.status or (502 if self.html else 503)
        wait = self.retry_after if self.retry_after is not None or status != 429 else 1  # noqa: PLR2004
        headers = (("Retry-After", str(wait)),) if wait is not None else ()
        if self.html:
            body = f"<!doctype html><html><head><title>{status}</title></head><body>Bad gateway</body></html>"
            return Answer(
                status=status, body=body.encode(), headers=headers, content_type="text/html; charset=utf-8"
            )
        code = _CODES.get(status, "unavailable" if status >= 500 else "invalid_parameter")  # noqa: PLR2004
        return Refusal(status, code, f"Injected fault: {status}.", headers=headers).answer(request_id)


class Faults:
    """The rules in force; the first one that matches strikes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._cleared: Callable[[], None] = lambda: None

    def on_clear(self, callback: Callable[[], None]) -> None:
        """Called after :meth:`clear`: stalled jobs go on."""
        self._cleared = callback

    def add(
        self,
        route: str | None = None,
        *,
        webhook: str | None = None,
        times: int | None = None,
        skip: int = 0,
        every: int = 1,
        status: int | None = None,
        latency: float = 0.0,
        drop: bool = False,
        after_commit: bool = False,
        truncate: bool | int = False,
        html: bool = False,
        repeat_page: bool = False,
        partial_batch: int | None = None,
        retry_after: float | str | None = None,
        drip: float = 0.0,
        duplicate: bool = False,
        reorder: bool | int = False,
        reset: bool = False,
        bad_signature: bool = False,
        job_row_skip: bool = False,
        job_stall: bool | int = False,
    ) -> Fault:
        """Add a rule.

        Args:
            route: ``"PUT /products/bulk"`` (``/api/v1`` is implied; ``{…}`` and ``*`` match anything),
                an operation's name (``"products.update"``), or ``"*"``.
            webhook: An event's name, or ``"*"``: the rule is about deliveries of it.
            times: Strike so often, then never again; None strikes always.
            skip: Let so many matching requests pass first.
            every: Of those that are left, strike the first one and then each so-many-th.
            status: Answer with this status.
            latency: Real seconds to wait before the request is carried out; with ``after_commit``, after it.
                With ``webhook``: before it is delivered.
            drop: Close the connection without an answer. With ``webhook``: it is lost, and not tried again.
            after_commit: The request takes effect (and its answer is kept for its idempotency key) first.
                With ``webhook`` and ``reset``: the receiver has answered, but its answer is lost.
            truncate: Announce the full body and break off: half way, or after so many bytes.
            html: Answer with an HTML page, as a proxy would (502 without ``status``).
            repeat_page: A list answers with the page before the one asked for.
            partial_batch: Carry out the first so many rows only; with ``status`` or ``drop`` the answer then
                fails.
            retry_after: Value of ``Retry-After``: seconds, or an HTTP date.
            drip: Seconds between the bytes of the body, of an answer or of a delivery.
            duplicate: Deliver the webhook twice, with the same id.
            reorder: Deliver the webhook after the next one to the same endpoint, or after the next so many;
                after 5 s by the server's clock where fewer come.
            reset: Reset the connection in the middle of the delivery's body. It is tried again.
            bad_signature: Sign the webhook wrongly.
            job_row_skip: A job reports a row as updated and leaves it as it was; ``times`` counts rows.
            job_stall: Jobs stop: at once, or after so many rows. They go on after :meth:`clear`.

        Returns:
            The rule; its ``hits`` counts how often it struck.

        Raises:
            InvalidInputError: The rule names neither a route, a webhook nor a job fault, or does nothing.
        """
        if times is not None and times < 1:
            raise InvalidInputError(
                f"faults.add: times={times} would never strike.", hint="Use 1 or more, or None."
            )
        if every < 1:
            raise InvalidInputError(f"faults.add: every={every} is no count.", hint="Use 1 or more.")
        if status is not None and not 200 <= status <= 599:  # noqa: PLR2004
            raise InvalidInputError(
                f"faults.add: status={status} is no final HTTP status.", hint="Use 200 to 599."
            )
        rule = Fault(
            route=route, webhook=webhook, times=times, skip=skip, every=every, status=status,
            latency=latency, drop=drop, after_commit=after_commit, truncate=truncate, html=html,
            repeat_page=repeat_page, partial_batch=partial_batch, retry_after=retry_after, drip=drip,
            duplicate=duplicate, reorder=reorder, reset=reset, bad_signature=bad_signature,
            job_row_skip=job_row_skip, job_stall=job_stall,
        )  # fmt: skip
        if route is None and webhook is None and not rule.job:
            raise InvalidInputError(
                "faults.add: the rule strikes nothing.",
                hint='Name a route ("PUT /products/bulk" or "*"), a webhook event, or a job fault.',
            )
        if webhook is not None and not rule.delivery:
            raise InvalidInputError(
                "faults.add: the rule does nothing to a delivery.",
                hint="Give drop, duplicate, reorder, reset, bad_signature, latency or drip.",
            )
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Remove every rule; stalled jobs go on."""
        with self._lock:
            self._rules.clear()
        self._cleared()

    def for_request(self, method: str, path: str, route: Route | None) -> Fault | None:
        """The rule that strikes this request, counted."""
        return self._take(lambda rule: rule.route is not None and _matches(rule.route, method, path, route))

    def for_delivery(self, event: str, *, overtaken: bool) -> Fault | None:
        """The rule that strikes this delivery, counted; none holds one back that was overtaken already."""

        def strikes(rule: Fault) -> bool:
            wanted = rule.webhook is not None and fnmatchcase(event, rule.webhook)
            return wanted and not (overtaken and rule.reorder)

        return self._take(strikes)

    def skips_row(self) -> bool:
        """Whether a job should leave the next row as it is and say otherwise."""
        return self._take(lambda rule: rule.job_row_skip) is not None

    def stalls(self, processed: int) -> bool:
        """Whether a job that has done so many rows should stop."""
        struck = self._take(lambda rule: rule.stalls_after is not None and processed >= rule.stalls_after)
        return struck is not None

    def stall_at(self) -> int | None:
        """After how many rows the next job stops, without counting it."""
        with self._lock:
            for rule in self._rules:
                if rule.stalls_after is not None and (rule.times is None or rule.hits < rule.times):
                    return rule.stalls_after
        return None

    def _take(self, matches: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for rule in self._rules:
                if rule.times is not None and rule.hits >= rule.times:
                    continue
                if not matches(rule):
                    continue
                if rule.skip:
                    rule.skip -= 1
                    continue
                rule.seen += 1
                if (rule.seen - 1) % rule.every:
                    continue
                rule.hits += 1
                return rule
        return None


def _matches(pattern: str, method: str, path: str, route: Route | None) -> bool:
    if pattern == "*" or (route is not None and pattern == route.name):
        return True
    wanted, _, template = pattern.strip().partition(" ")
    template = template.strip()
    if not template or wanted.upper() not in {method, "*"}:
        return False
    if not template.startswith((PREFIX, "/oauth")):
        template = PREFIX + template
    return template == path or (route is not None and template == route.path) or fnmatchcase(path, template)

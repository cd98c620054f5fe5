"""A stand-in for another system: state, real HTTP on loopback, a journal, and faults on demand.

A subclass answers requests in :meth:`StandIn.handle`, from the system's own documentation and from nothing
that the connector under test knows. Everything else stands here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, Self, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import attrs

from bulkeditor.http import Clock, SystemClock
from bulkeditor.models import encode
from bulkeditor.testing._loopback import Asked, Loopback, Reply

FaultKind: TypeAlias = Literal[
    "throttle",
    "expire",
    "refuse_login",
    "login_page",
    "server_error",
    "lost",
    "never_sent",
    "repeat_page",
    "empty_page",
    "bad_row",
]
"""``throttle``: too many requests. ``expire``: the credential is dead from now on. ``refuse_login``: the
token endpoint refuses. ``login_page``: 200 with a web page. ``server_error``: 503. ``lost``: it takes
effect, and the answer is lost. ``never_sent``: the connection is cut before it takes effect.
``repeat_page``: the answer before, once more. ``empty_page``: a page without rows, with more to follow.
``bad_row``: a page with a row that is no record.

Three of them only :meth:`StandIn.handle` can show, which asks :meth:`StandIn.strikes` for them: at
``refuse_login`` it answers as its token endpoint does to a wrong client; at ``empty_page`` it puts a page
without rows in between, and its rows on the next; at ``bad_row`` it adds a row that
has no key to those of the page, and takes none away. All others are done before and after it."""

_WEB_PAGE: Final = b"<!doctype html><html><head><title>Log in</title></head><body><form></form></body></html>"


@attrs.frozen(kw_only=True)
class Effect:
    """What was committed.

    Args:
        key: The record, by our key.
        field: The field, in our words.
        before: What it held.
        after: What it holds.
    """

    key: str
    field: str
    before: object
    after: object


@attrs.define(kw_only=True, eq=False)
class Entry:
    """One request that came, with what it did.

    Args:
        method: HTTP method.
        path: Path without the query.
        params: Query parameters.
        query: The query just as it came, for whoever checks a signature or an encoding.
        headers: Header fields, names in lower case.
        body: The body.
        at: When, by the stand-in's clock.
        status: Status of the answer; None where the connection was cut.
        fault: The fault that struck.
        effects: What was committed.
        rows: Rows of records in the answer.
    """

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    query: str = ""
    status: int | None = None
    fault: str | None = None
    effects: list[Effect] = attrs.field(factory=list)
    rows: int = 0

    def json(self) -> object:
        """The body as plain data, fractions as Decimals."""
        return json.loads(self.body, parse_float=Decimal) if self.body else None


@attrs.frozen(kw_only=True)
class Answer:
    """What a stand-in answers.

    Args:
        status: HTTP status.
        body: Plain data (sent as JSON), bytes, or None for no body.
        headers: Header fields.
    """

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def content(self) -> bytes:
        """The body in bytes."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else encode(self.body)


@attrs.define(kw_only=True)
class _Rule:
    kind: FaultKind
    path: str | None
    method: str | None
    times: int | None
    skip: int
    retry_after: float


class StandIn:
    """A system that runs in this process; ``with`` starts and stops it.

    Args:
        clock: Its time; tests turn it.
    """

    content_type: str = "application/json"
    counts_rows: bool = True
    """Whether ``Entry.rows`` says how many records an answer held; False for what is no server."""
    plain_paths: tuple[str, ...] = ()
    """Beginnings of paths that refuse too many requests by a plain 429, in whatever form the others do."""
    patience: int = 100_000
    """Requests after which it hangs up on whoever would ask for ever."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.journal: list[Entry] = []
        self.refused: dict[str, str] = {}
        self._rules: list[_Rule] = []
        self._before: dict[tuple[str, str], Answer] = {}
        # One request at a time: what is checked and written is one transaction.
        self._lock = threading.RLock()
        self._loopback: Loopback | None = None

    # What a subclass writes

    def handle(self, entry: Entry) -> Answer:
        """Answer a request; runs alone, so state needs no lock."""
        raise NotImplementedError

    def throttled(self, retry_after: float) -> Answer:
        """How this system says that there were too many requests."""
        return Answer(
            status=429, body={"error": "too many requests"}, headers={"Retry-After": f"{retry_after:g}"}
        )

    def expire(self) -> None:
        """Every access token or session that was handed out is dead from now on."""

    def secrets(self) -> Iterable[str]:
        """Every credential that it knows, to be hunted in outputs."""
        return ()

    def seed(self, records: Iterable[Mapping[str, object]]) -> None:
        """Take in records in our words (``sku``, ``price`` …), ``changed_at`` among them where it matters."""
        raise NotImplementedError

    def edit(self, key: str, values: Mapping[str, object], *, changed_at: datetime | None = None) -> None:
        """Change a record as somebody else would.

        Args:
            key: Which record.
            values: In our words.
            changed_at: When; by default now.
        """
        raise NotImplementedError

    def remove(self, key: str) -> None:
        """Delete a record as somebody else would."""
        raise NotImplementedError

    def holds(self, key: str) -> Mapping[str, object] | None:
        """A record in our words; None when there is none."""
        raise NotImplementedError

    def route(self, entry: Entry) -> str:
        """What tells one question from another, for ``repeat_page``; by default its path."""
        return entry.path

    # What a subclass uses

    def strikes(self, kind: FaultKind, entry: Entry) -> bool:
        """Whether a fault that only the system's own code can carry out strikes now."""
        return self._take(entry, (kind,)) is not None

    @staticmethod
    def commit(entry: Entry, key: str, field: str, before: object, after: object) -> None:
        """Note an effect."""
        entry.effects.append(Effect(key=key, field=field, before=before, after=after))

    # What a test uses

    def fault(
        self,
        kind: FaultKind,
        *,
        path: str | None = None,
        method: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        retry_after: float = 1.0,
    ) -> None:
        """Order a fault.

        Args:
            kind: What goes wrong.
            path: Only requests whose path starts so.
            method: Only requests of this method.
            times: How often; None = always.
            skip: Let so many matching requests pass first.
            retry_after: Seconds, for ``throttle``.
        """
        with self._lock:
            self._rules.append(
                _Rule(kind=kind, path=path, method=method, times=times, skip=skip, retry_after=retry_after)
            )

    def refuse(self, key: str, message: str = "not allowed") -> None:
        """Refuse every write to a record from now on."""
        self.refused[key] = message

    def calm(self) -> None:
        """Forget all faults and refusals."""
        with self._lock:
            self._rules.clear()
            self.refused.clear()

    @property
    def base_url(self) -> str:
        """Where it listens."""
        assert self._loopback is not None, "the stand-in was not started"
        return self._loopback.url

    @property
    def effects(self) -> list[Effect]:
        """Everything that was committed, in order."""
        return [effect for entry in self.journal for effect in entry.effects]

    @property
    def served(self) -> int:
        """Rows of records that were answered with."""
        return sum(entry.rows for entry in self.journal)

    @contextmanager
    def watching(self) -> Generator[list[Entry]]:
        """The entries that come within the block."""
        start, seen = len(self.journal), list[Entry]()
        try:
            yield seen
        finally:
            seen.extend(self.journal[start:])

    def start(self) -> Self:
        """Listen on a free port of loopback."""
        self._loopback = Loopback(self._answer)
        return self

    def stop(self) -> None:
        """Close everything."""
        if self._loopback is not None:
            self._loopback.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # The request's way

    def _answer(self, asked: Asked) -> Reply | None:
        url = urlsplit(asked.target)
        entry = Entry(
            method=asked.method,
            path=url.path,
            params=dict(parse_qsl(url.query, keep_blank_values=True)),
            query=url.query,
            headers=asked.headers,
            body=asked.body,
            at=self.clock.now(),
        )
        with self._lock:
            self.journal.append(entry)
            answer = self._judged(entry) if len(self.journal) <= self.patience else None
            entry.status = None if answer is None else answer.status
        if answer is None:
            return None
        headers = {"Content-Type": self.content_type, **answer.headers}
        return Reply(status=answer.status, headers=headers, body=answer.content())

    def _judged(self, entry: Entry) -> Answer | None:
        rule = self._take(
            entry, ("throttle", "expire", "login_page", "server_error", "lost", "never_sent", "repeat_page")
        )
        if rule is None:
            return self._carried_out(entry)
        entry.fault = rule.kind
        refusals: Mapping[str, Callable[[], Answer | None]] = {
            "throttle": lambda: self._slowed(entry, rule.retry_after),
            "login_page": lambda: Answer(
                body=_WEB_PAGE, headers={"Content-Type": "text/html; charset=utf-8"}
            ),
            "server_error": lambda: Answer(status=503, body={"error": "out of order"}),
            "never_sent": lambda: None,
            "repeat_page": lambda: (
                self._before.get((entry.method, self.route(entry))) or self._carried_out(entry)
            ),
        }
        if rule.kind in refusals:
            return refusals[rule.kind]()
        if rule.kind == "expire":
            self.expire()
        answer = self._carried_out(entry)
        return None if rule.kind == "lost" else answer

    def _slowed(self, entry: Entry, retry_after: float) -> Answer:
        plainly = entry.path.startswith(self.plain_paths)
        return StandIn.throttled(self, retry_after) if plainly else self.throttled(retry_after)

    def _carried_out(self, entry: Entry) -> Answer:
        answer = self.handle(entry)
        self._before[(entry.method, self.route(entry))] = answer
        return answer

    def _take(self, entry: Entry, kinds: tuple[FaultKind, ...]) -> _Rule | None:
        for rule in self._rules:
            if rule.kind not in kinds or not entry.path.startswith(rule.path or ""):
                continue
            if rule.method not in (None, entry.method):
                continue
            if rule.skip:
                rule.skip -= 1
            elif rule.times is None or rule.times > 0:
                rule.times = None if rule.times is None else rule.times - 1
                return rule
        return None


__all__ = ["Answer", "Effect", "Entry", "FaultKind", "StandIn"]

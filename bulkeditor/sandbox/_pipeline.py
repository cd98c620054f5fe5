"""What happens to each request, in order: who, how often, may they, was it done already; then the effect."""

from __future__ import annotations

import logging
from typing import Final

import attrs

from bulkeditor.sandbox._http import Answer, Call, Handler, Refusal, missing_scope
from bulkeditor.sandbox._idempotency import Idempotency
from bulkeditor.sandbox._journal import Journal
from bulkeditor.sandbox._keys import Keys, OAuth, authenticate
from bulkeditor.sandbox._limits import Limits
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._store import Store

_log: Final = logging.getLogger("bulkeditor.sandbox")


@attrs.frozen
class Outcome:
    """What goes back: an answer, or None where the connection is to be closed without one."""

    answer: Answer | None


class Pipeline:
    """The steps around every handler."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        keys: Keys,
        oauth: OAuth,
        readings: Readings,
        limits: Limits | None,
        completions: bool,
    ) -> None:
        self._store = store
        self._journal = journal
        self._keys = keys
        self._oauth = oauth
        self._readings = readings
        self._limits = limits
        self._completions = completions
        self._idempotency = Idempotency(store)

    def admit(self, call: Call) -> Outcome | None:
        """Everything before the effect; an outcome ends the request here. Pair with :meth:`leave`."""
        try:
            stored = self._check(call)
        except Refusal as refusal:
            return self._refused(call, refusal)
        if stored is None:
            return None
        with self._store.transaction():
            self._record(call, stored.status)
        return self._outcome(call, stored)

    def _check(self, call: Call) -> Answer | None:
        scope = call.route.scope
        if scope is not None:
            call.credential = authenticate(self._keys, self._oauth, call.headers)
            if self._limits is not None:
                headers = self._limits.take(call.credential.id, call.now_us)
                if self._completions:
                    call.headers_out += headers
            if not call.credential.allows(scope):
                raise missing_scope(scope)
        if self._readings.idempotency_key == "honoured":
            key = self._idempotency.key(call)
            if key is not None:
                call.headers_out += (("Idempotency-Key", key),)
                stored = self._idempotency.begin(call, key)
                if stored is not None:
                    return stored
                call.idempotency_key = key
        return None

    def leave(self, call: Call) -> None:
        """Free what :meth:`admit` claimed."""
        if call.idempotency_key is not None:
            self._idempotency.end(call, call.idempotency_key)

    def carry_out(self, call: Call, handler: Handler) -> Outcome:
        """The effect, its journal entry and its stored answer, in one transaction."""
        fault = call.fault
        if fault is not None and fault.refuses:
            with self._store.transaction():
                answer = None if fault.drop else self._injected(call)
                self._record(call, None if answer is None else answer.status)
            return self._outcome(call, answer)
        try:
            with self._store.transaction():
                answer = handler(call)
                # A batch that was cut short is not what its answer says, so no repeat may get that answer.
                if call.idempotency_key is not None and (fault is None or fault.partial_batch is None):
                    self._idempotency.keep(call, call.idempotency_key, answer)
                shown = self._concealed(call, answer)
                self._record(call, None if shown is None else shown.status)
        except Refusal as refusal:
            return self._refused(call, refusal)
        except Exception:  # noqa: BLE001 -- logged, and answered with 500
            _log.exception("sandbox: %s %s failed", call.method, call.path)
            return self._refused(call, Refusal(500, "internal", "The server failed; its log says why."))
        return self._outcome(call, shown)

    def _concealed(self, call: Call, answer: Answer) -> Answer | None:
        fault = call.fault
        if fault is None or not fault.conceals:
            return answer
        return None if fault.drop else self._injected(call)

    def _injected(self, call: Call) -> Answer:
        assert call.fault is not None
        return call.fault.answer(call.request_id)

    def _refused(self, call: Call, refusal: Refusal) -> Outcome:
        call.effects.clear()
        answer = refusal.answer(call.request_id)
        with self._store.transaction():
            if call.idempotency_key is not None and refusal.status < 500 and refusal.status != 413:  # noqa: PLR2004
                self._idempotency.keep(call, call.idempotency_key, answer)
            shown = self._concealed(call, answer)
            self._record(call, None if shown is None else shown.status)
        return self._outcome(call, shown)

    def _record(self, call: Call, status: int | None) -> None:
        fault = None if call.fault is None else call.fault.describe() or None
        self._journal.record(call, status, call.effects, fault=fault)

    def _outcome(self, call: Call, answer: Answer | None) -> Outcome:
        return Outcome(None if answer is None else self.finished(answer.with_headers(*call.headers_out)))

    def finished(self, answer: Answer) -> Answer:
        """Leave out Retry-After where the reading has none."""
        if self._readings.retry_after == "with":
            return answer
        return attrs.evolve(answer, headers=tuple(h for h in answer.headers if h[0].lower() != "retry-after"))

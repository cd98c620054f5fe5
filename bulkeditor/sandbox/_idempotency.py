"""Answers kept for a day under the key that the caller chose."""

from __future__ import annotations

import re
import threading
from typing import Final

from bulkeditor.sandbox._http import Answer, Call, Refusal, invalid_parameter
from bulkeditor.sandbox._journal import fingerprint
from bulkeditor.sandbox._json import decode, encode_text
from bulkeditor.sandbox._store import MICROSECONDS, Store

_KEPT: Final = 24 * 3600 * MICROSECONDS
_KEY: Final = re.compile(r"[!-~]{1,255}")
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Idempotency:
    """Stored answers, and the keys whose first request is still under way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._under_way: set[tuple[str, str]] = set()

    def key(self, call: Call) -> str | None:
        """The key that a write carries.

        Raises:
            Refusal: 400; it is empty, too long or not printable ASCII.
        """
        key = call.headers.get("idempotency-key")
        if key is None or call.method not in _WRITES or call.route.scope is None:
            return None
        if _KEY.fullmatch(key) is None:
            raise invalid_parameter(
                "Idempotency-Key", "Idempotency-Key must have 1 to 255 printable ASCII characters."
            )
        return key

    def begin(self, call: Call, key: str) -> Answer | None:
        """Claim a key; answers the stored answer if there is one (then nothing is claimed).

        Raises:
            Refusal: 409 while the first request is under way, 422 when the key belongs to another request.
        """
        name = (call.caller.id, key)
        with self._lock:
            if name in self._under_way:
                raise Refusal(
                    409,
                    "idempotency_in_progress",
                    "The first request with this Idempotency-Key is still under way.",
                    field="Idempotency-Key",
                    headers=(("Retry-After", "1"),),
                )
            stored = self._stored(call, name)
            if stored is None:
                self._under_way.add(name)
        return stored

    def _stored(self, call: Call, name: tuple[str, str]) -> Answer | None:
        row = self._store.row(
            "SELECT fingerprint, status, headers, body, content_type FROM idempotency "
            "WHERE credential = ? AND key = ? AND expires_at > ?",
            (*name, call.now_us),
        )
        if row is None:
            return None
        if row[0] != fingerprint(call):
            raise Refusal(
                422,
                "idempotency_mismatch",
                "This Idempotency-Key was used for another request.",
                field="Idempotency-Key",
            )
        call.replayed = True
        headers = decode(row[2])
        assert isinstance(headers, dict)
        kept = tuple((key, str(value)) for key, value in headers.items())
        answer = Answer(status=row[1], body=row[3], headers=kept, content_type=row[4])
        return answer.with_headers(("Idempotency-Replayed", "true"))

    def keep(self, call: Call, key: str, answer: Answer) -> None:
        """Inside the transaction of the effect: store its answer."""
        self._store.execute("DELETE FROM idempotency WHERE expires_at <= ?", (call.now_us,))
        self._store.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                call.caller.id,
                key,
                fingerprint(call),
                answer.status,
                encode_text(dict(answer.headers)),
                answer.body,
                answer.content_type,
                call.now_us + _KEPT,
            ),
        )

    def end(self, call: Call, key: str) -> None:
        """Give a claimed key free."""
        with self._lock:
            self._under_way.discard((call.caller.id, key))

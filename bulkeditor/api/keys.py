"""API keys: made, listed, rotated, revoked. A key's text is shown once."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from bulkeditor.api import _answers
from bulkeditor.api._lists import MAX_LIMIT, Listing, by_id, check_limit, collect
from bulkeditor.api._request import ask_once, build, ensure_text, name_list, refused
from bulkeditor.api._settle import delete_once, post
from bulkeditor.api.webhooks import check_overlap
from bulkeditor.errors import KeyRotationWarning, OutcomeUnknownError
from bulkeditor.http import Exchange, Response, RetryPolicy
from bulkeditor.models import ApiKey, Scope

ROTATE_AFTER_DAYS: Final = 90
_INSTEAD: Final = "Manage keys in the shop, under Settings → API Integrations."


def create(
    *,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None,
    honoured: bool,
) -> Exchange[ApiKey]:
    """Create a key; its text is in the answer's ``key`` and nowhere else.

    Args:
        name: Shown to people.
        scopes: Permissions; see :class:`Scope`.
        expires_at: When it stops working, aware; ``None`` = never.
        honoured: Whether the server is known to honour idempotency keys.

    Raises:
        OutcomeUnknownError: The answer was lost. When a key was made, its id is named: its text is lost,
            revoke it.
    """
    body: dict[str, object] = {"name": ensure_text(name, "name"), "scopes": check_scopes(scopes)}
    if expires_at is not None:
        body["expires_at"] = _expiry(expires_at)
    return (
        yield from post(
            build("keys.create", body=body),
            read=_shown,
            finder=_Lost(name),
            honoured=honoured,
            instead=_INSTEAD,
        )
    )


class _Lost:
    """Finds a key whose text was lost; it can only be revoked."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: frozenset[str] = frozenset()

    def before(self) -> Exchange[None]:
        self._known = frozenset(item.id for item in (yield from collect(listing().walk())))

    def after(self) -> Exchange[Sequence[ApiKey]]:
        rows = yield from collect(listing().walk())
        new = [row.id for row in rows if row.id not in self._known and row.name == self._name]
        if new:
            raise OutcomeUnknownError(
                f"keys.create: a key named {self._name!r} was made ({', '.join(new)}), but the answer with "
                "its text was lost.",
                operation="keys.create",
                hint=f"Revoke it with keys.revoke({new[0]!r}), and create another one.",
            )
        return []


def _shown(response: Response) -> ApiKey:
    key = _answers.one(response, ApiKey)
    if key.key is None:
        raise response.unexpected("the answer shows no key")
    return key


def listing(
    *, limit: int = MAX_LIMIT, page: int | None = None, now: datetime | None = None
) -> Listing[ApiKey]:
    """All keys; warns of each that is 90 days old.

    Args:
        limit: Page size.
        page: Page to begin with.
        now: The current time, to tell the age of keys by; ``None`` = no warnings.
    """
    check_limit(limit, page)

    def keep(key: ApiKey) -> ApiKey:
        if now is not None:
            warn_of_age(key, now)
        return key

    return Listing(
        operation="keys.list",
        model=ApiKey,
        plural="api_keys",
        key=by_id,
        limit=limit,
        page=page,
        keep=keep,
        instead=_INSTEAD,
    )


def warn_of_age(key: ApiKey, now: datetime) -> None:
    """Issue a KeyRotationWarning for a key of 90 days or more."""
    age = age_days(key, now)
    if age is not None and age >= ROTATE_AFTER_DAYS:
        warnings.warn(
            f"The API key {getattr(key, 'name', None)!r} ({key.id}) is {age} days old; it should be rotated "
            f"every {ROTATE_AFTER_DAYS} days: keys.rotate({key.id!r}).",
            KeyRotationWarning,
            stacklevel=2,
        )


def age_days(key: ApiKey, now: datetime) -> int | None:
    """A key's age in whole days: the server's word, or from ``created_at``."""
    age: int | None = getattr(key, "age_days", None)
    if age is not None:
        return age
    created: datetime | None = getattr(key, "created_at", None)
    return None if created is None else (now - created).days


def revoke(key_id: str, *, policy: RetryPolicy) -> Exchange[None]:
    """Revoke a key at once."""
    path = {"key_id": ensure_text(key_id, "key_id")}
    yield from delete_once(build("keys.revoke", path=path), policy=policy, instead=_INSTEAD)


def rotate(key_id: str, *, overlap_seconds: int, honoured: bool) -> Exchange[ApiKey]:
    """Replace a key by a new one with the same name and scopes.

    Args:
        key_id: The key; ``current`` = the one that this client uses.
        overlap_seconds: How long the old one stays valid.
        honoured: Whether the server is known to honour idempotency keys.

    Raises:
        OutcomeUnknownError: No answer came.
    """
    path = {"key_id": ensure_text(key_id, "key_id")}
    check_overlap(overlap_seconds)
    request = build("keys.rotate", path=path, body={"overlap_seconds": overlap_seconds})
    return (yield from ask_once(request, read=_shown, honoured=honoured, instead=_INSTEAD))


def check_scopes(scopes: object) -> list[str]:
    """Names of scopes as a list, none of them misspelt.

    Raises:
        InvalidInputError: Not a list, empty, or a name that does not exist.
    """
    names = name_list(scopes, "scopes", "scopes")
    unknown = [name for name in names if name not in Scope.ALL]
    if unknown:
        raise refused(
            "scopes", f"{', '.join(map(repr, unknown))} does not exist; there are {', '.join(Scope.ALL)}"
        )
    return names


def _expiry(expires_at: object) -> str:
    if not isinstance(expires_at, datetime) or expires_at.utcoffset() is None:
        raise refused("expires_at", f"must be a datetime with a time zone, got {expires_at!r}")
    return expires_at.astimezone(UTC).isoformat().replace("+00:00", "Z")


__all__ = ["ROTATE_AFTER_DAYS", "age_days", "create", "listing", "revoke", "rotate", "warn_of_age"]

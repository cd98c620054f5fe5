"""The operations of the Klaviyo stand-in: who may ask for them, how often, with which query parameters.

From Klaviyo's OpenAPI document, revision 2026-07-15.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from bulkeditor.testing.vendors._klaviyo.wire import RefusedError

_EQUALS: Final = ("equals",)
_IDENTITY: Final = ("equals", "any")
_TIME: Final = ("greater-than", "less-than")
_INSTANT: Final = (*_TIME, "greater-or-equal", "less-or-equal")
_JOBS: Final = tuple(
    f"catalog-{kind}-bulk-{action}-jobs"
    for kind in ("item", "variant")
    for action in ("create", "update", "delete")
)
_VARIANT_PARAMS: Final = ("fields[catalog-variant]", "filter", "page[cursor]", "page[size]", "sort")
_ITEM_PARAMS: Final = ("fields[catalog-item]", "fields[catalog-variant]", "include")
_EVENT_PARAMS: Final = (
    "fields[attribution]",
    "fields[event]",
    "fields[metric]",
    "fields[profile]",
    "include",
)
_PROFILE_PARAMS: Final = (
    "additional-fields[profile]",
    "fields[conversation]",
    "fields[profile]",
    "fields[push-token]",
    "include",
)
_METRIC_PARAMS: Final = ("fields[flow]", "fields[metric]", "include")
_PAGED: Final = ("filter", "page[cursor]", "page[size]", "sort")
_INCLUDES: Final[Mapping[str, tuple[str, ...]]] = {
    "catalog-items": ("variants",),
    "catalog-jobs": ("items", "variants"),
    "events": ("attributions", "metric", "profile"),
    "metrics": ("flow-triggers",),
    "profiles": ("conversations", "push-tokens", "lists", "segments"),
}

FILTERS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "catalog-items": {
        "ids": ("any",),
        "category.id": _EQUALS,
        "title": ("contains",),
        "published": _EQUALS,
    },
    "catalog-variants": {
        "ids": ("any",),
        "item.id": _EQUALS,
        "sku": _EQUALS,
        "title": ("contains",),
        "published": _EQUALS,
    },
    "jobs": {"status": _EQUALS},
    "profiles": {
        "id": _IDENTITY,
        "email": _IDENTITY,
        "phone_number": _IDENTITY,
        "external_id": _IDENTITY,
        "created": _TIME,
        "updated": _TIME,
    },
    "events": {
        "metric_id": _EQUALS,
        "profile_id": _EQUALS,
        "datetime": _INSTANT,
        "timestamp": _INSTANT,
    },
    "metrics": {"integration.name": _EQUALS, "integration.category": _EQUALS},
}
SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "catalog-items": ("created", "-created"),
    "catalog-variants": ("created", "-created"),
    "jobs": (),
    "profiles": tuple(
        f"{sign}{name}" for name in ("id", "created", "updated", "email") for sign in ("", "-")
    ),
    "events": ("datetime", "-datetime", "timestamp", "-timestamp"),
    "metrics": (),
}


@attrs.frozen(kw_only=True)
class Route:
    """One operation.

    Args:
        what: What it is about.
        operation: Its method and path, by which requests are counted.
        scope: What the key must be allowed to do.
        tier: How often it may be asked for.
        params: Query parameters that it knows.
        most: Largest page.
    """

    what: str
    operation: str
    scope: str
    tier: str
    params: Sequence[str] = ()
    most: int = 100

    def observe(self, given: Mapping[str, str]) -> None:
        """Check query parameters.

        Raises:
            RefusedError: One is unknown, or a page too large.
        """
        for name in given:
            if name not in self.params:
                raise RefusedError("invalid", f"'{name}' is not a supported query parameter.", parameter=name)
        size = given.get("page[size]", "1")
        if not size.isdecimal() or not 0 < int(size) <= self.most:
            raise RefusedError(
                "invalid", f"Page size must be an integer between 1 and {self.most}.", parameter="page[size]"
            )
        for name in given.get("include", "").split(","):
            if name and name not in _INCLUDES.get(self.what, ()):
                raise RefusedError("invalid", f"'{name}' cannot be included.", parameter="include")


def route_of(method: str, path: Sequence[str]) -> tuple[Route, Sequence[str]]:
    """The operation that a request asks for, and the parts of its path after ``/api``.

    Args:
        method: HTTP method.
        path: Parts of the path.

    Raises:
        RefusedError: There is none.
    """
    parts = list(path[1:]) if path[:1] == ["api"] else []
    one = len(parts) > 1
    shape = [*parts[:1], *(["{id}"] if one else []), *parts[2:]]
    found = _ROUTES.get((method, "/".join(shape)))
    if found is None:
        known = {route for _, route in _ROUTES}
        if "/".join(shape) in known:
            detail = f'Method "{method}" not allowed.'
            raise RefusedError("method_not_allowed", detail, status=405, title="Method not allowed.")
        raise RefusedError("not_found", "Not found.", status=404, title="Not found.")
    return found, parts


def _route(method: str, path: str, what: str, scope: str, tier: str, *params: str, most: int = 100) -> Route:
    return Route(what=what, operation=f"{method} {path}", scope=scope, tier=tier, params=params, most=most)


def _known() -> Mapping[tuple[str, str], Route]:
    rows = [
        _route("GET", "accounts", "accounts", "accounts:read", "XS", "fields[account]"),
        _route("GET", "accounts/{id}", "accounts", "accounts:read", "XS", "fields[account]"),
        _route("GET", "events", "events", "events:read", "XL", *_EVENT_PARAMS, *_PAGED, most=1000),
        _route("GET", "events/{id}", "events", "events:read", "M", *_EVENT_PARAMS),
        _route("POST", "events", "events", "events:write", "XL"),
        _route("POST", "event-bulk-create-jobs", "events", "events:write", "M"),
        _route("GET", "metrics", "metrics", "metrics:read", "M", *_METRIC_PARAMS, "filter", "page[cursor]"),
        _route("GET", "metrics/{id}", "metrics", "metrics:read", "M", *_METRIC_PARAMS),
        _route("POST", "metric-aggregates", "metrics", "metrics:read", "S", "fields[metric-aggregate]"),
        _route("GET", "profiles", "profiles", "profiles:read", "L", *_PROFILE_PARAMS, *_PAGED),
        _route(
            "GET",
            "profiles/{id}",
            "profiles",
            "profiles:read",
            "L",
            *_PROFILE_PARAMS,
            "fields[list]",
            "fields[segment]",
        ),
        *(
            _route(method, path, "profiles", "profiles:write", "L", *_PROFILE_PARAMS[0:3:2])
            for method, path in (("POST", "profiles"), ("PATCH", "profiles/{id}"), ("POST", "profile-import"))
        ),
    ]
    for kind, params in (("catalog-item", _ITEM_PARAMS), ("catalog-variant", _VARIANT_PARAMS[:1])):
        what, read, write = f"{kind}s", "catalogs:read", "catalogs:write"
        rows += [
            _route("GET", what, what, read, "XL", *params, *_PAGED),
            _route("GET", f"{what}/{{id}}", what, read, "XL", *params),
            _route("POST", what, what, write, "L", f"fields[{kind}]"),
            _route("PATCH", f"{what}/{{id}}", what, write, "L", f"fields[{kind}]"),
            _route("DELETE", f"{what}/{{id}}", what, write, "L"),
        ]
    rows.append(
        _route("GET", "catalog-items/{id}/variants", "catalog-items", "catalogs:read", "XL", *_VARIANT_PARAMS)
    )
    for path in _JOBS:
        own = f"fields[{path.removesuffix('s')}]"
        kind = path.partition("-bulk-")[0]
        deletes = path.endswith("delete-jobs")
        tier = "XL" if deletes else "L"
        one = () if deletes else (f"fields[{kind}]", "include")
        rows += [
            _route("GET", path, "catalog-jobs", "catalogs:read", tier, own, "filter", "page[cursor]"),
            _route("GET", f"{path}/{{id}}", "catalog-jobs", "catalogs:read", tier, own, *one),
            _route("POST", path, "catalog-jobs", "catalogs:write", "L", own),
        ]
    return {(method, path): route for route in rows for method, _, path in [route.operation.partition(" ")]}


_ROUTES: Final = _known()

__all__ = ["FILTERS", "SORTS", "Route", "route_of"]

"""From method and path to an operation; query strings, strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

import attrs

from bulkeditor.sandbox._http import Refusal, Route, invalid_parameter

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@attrs.frozen
class Match:
    """A route and the arguments in its path."""

    route: Route
    arguments: Mapping[str, str]


class Router:
    """The operations of this server.

    Args:
        routes: Those that exist; a literal segment wins over a parameter.
        missing: Those that are known and left out on purpose: they answer 404, as if never heard of.
    """

    def __init__(self, routes: Sequence[Route], missing: Sequence[Route]) -> None:
        self._routes = [
            (route, route.segments) for route in sorted(routes, key=lambda route: route.path.count("{"))
        ]
        self._missing = [(route, route.segments) for route in missing]

    def match(self, method: str, raw_path: str) -> Match | Refusal:
        """Find the operation; or the refusal: 404 ``route_not_found``, or 405 with ``Allow``."""
        segments = [unquote(segment) for segment in raw_path.split("/")[1:]]
        allowed: set[str] = set()
        for route, wanted in self._routes:
            arguments = _arguments(wanted, segments)
            if arguments is not None:
                if route.method == method:
                    return Match(route, arguments)
                allowed.add(route.method)
        left_out = any(
            route.method == method and _arguments(wanted, segments) is not None
            for route, wanted in self._missing
        )
        if allowed and not left_out:
            return Refusal(
                405,
                "method_not_allowed",
                f"{method[:20]} is not allowed here.",
                headers=(("Allow", ", ".join(sorted(allowed))),),
            )
        return Refusal(
            404, "route_not_found", f"This server has no operation {method[:20]} {raw_path[:200]}."
        )


def _arguments(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    if len(segments) != len(pattern):
        return None
    arguments: dict[str, str] = {}
    for wanted, found in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            if not found:
                return None
            arguments[wanted[1:-1]] = found
        elif wanted != found:
            return None
    return arguments


def parse_query(raw: bytes, allowed: frozenset[str] | None) -> dict[str, str]:
    """Read a query string or form; each parameter must stand once, and be known unless ``allowed`` is None.

    Raises:
        Refusal: 400, naming the parameter.
    """
    values: dict[str, str] = {}
    for pair in raw.split(b"&"):
        if not pair:
            continue
        name_part, _, value_part = pair.partition(b"=")
        name = _decoded(name_part, None)
        if allowed is not None and name not in allowed:
            known = f"Known: {', '.join(sorted(allowed))}." if allowed else "This operation takes none."
            raise invalid_parameter(name[:100], f"{name[:100]!r} is no parameter of this operation. {known}")
        if name in values:
            raise invalid_parameter(name, f"{name} is given twice.")
        values[name] = _decoded(value_part, name)
    return values


def _decoded(part: bytes, name: str | None) -> str:
    where = name or "query"
    if _BAD_ESCAPE.search(part):
        raise invalid_parameter(where, f"{where}: a % is not followed by two hexadecimal digits.")
    try:
        return unquote_to_bytes(part.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise invalid_parameter(where, f"{where}: the percent-encoded bytes are not UTF-8.") from None

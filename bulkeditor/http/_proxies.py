"""The proxies that the environment names."""

from __future__ import annotations

import contextlib
import socket
from urllib.request import getproxies


def proxies() -> dict[str, str | None]:
    """Mounts for httpx, for the environment's proxies (``HTTPS_PROXY``, ``NO_PROXY`` …); None = go straight.

    httpx reads the environment only for transports of its own making.
    """
    found = getproxies()
    mounts: dict[str, str | None] = {}
    for scheme in ("http", "https", "all"):
        address = found.get(scheme)
        if address:
            mounts[f"{scheme}://"] = address if "://" in address else f"http://{address}"
    if not mounts:
        return {}
    for entry in found.get("no", "").split(","):
        host = entry.strip()
        if host == "*":
            return {}
        if host:
            mounts[_pattern(host)] = None
    return mounts


def _pattern(host: str) -> str:
    if "://" in host:
        return host
    bare = host.partition("/")[0]
    with contextlib.suppress(OSError):
        socket.inet_pton(socket.AF_INET6, bare)
        return f"all://[{host}]"
    with contextlib.suppress(OSError):
        socket.inet_pton(socket.AF_INET, bare)
        return f"all://{host}"
    return f"all://{host}" if host.lower() == "localhost" else f"all://*{host}"


__all__ = ["proxies"]

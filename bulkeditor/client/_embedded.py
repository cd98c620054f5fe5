"""The embedded sandbox, as an extra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkeditor.sandbox import Sandbox


def start_sandbox(
    *,
    catalog: str | Path | None,
    products: int,
    seed: int,
    readings: Mapping[str, str] | None,
    completions: bool,
) -> Sandbox:
    """Start a server in this process.

    Raises:
        MissingExtraError: The sandbox extra is not installed.
    """
    from bulkeditor.sandbox import Sandbox  # noqa: PLC0415 - an extra, which says so itself when it is missing

    server = Sandbox(
        catalog=catalog, products=products, seed=seed, readings=readings or {}, completions=completions
    )
    server.start()
    return server


__all__ = ["start_sandbox"]

"""The embedded sandbox, as an extra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bulkeditor.errors import MissingExtraError

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
    try:
        import starlette  # noqa: F401, PLC0415 - only to see whether the extra is there
        import uvicorn  # noqa: F401, PLC0415 - as above
    except ImportError as error:
        raise MissingExtraError("sandbox", feature="BulkEditor.sandbox()") from error
    from bulkeditor.sandbox import Sandbox  # noqa: PLC0415 - the extra, as above

    server = Sandbox(
        catalog=catalog, products=products, seed=seed, readings=readings or {}, completions=completions
    )
    server.start()
    return server


__all__ = ["start_sandbox"]

"""The whole state of a sandbox at one moment."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True, eq=False)
class Snapshot:
    """What :meth:`Sandbox.snapshot` keeps; it lives as long as its sandbox.

    Args:
        at: When it was taken, by the server's clock.
        path: The copy of the database.
        clock: The clock's state.
        owner: Which sandbox took it.
    """

    at: datetime
    path: Path = attrs.field(repr=False)
    clock: tuple[int | None, int] = attrs.field(repr=False)
    owner: int = attrs.field(repr=False)

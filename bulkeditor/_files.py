"""Files that are written whole or not at all."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol


class Writable(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> int:
        """Write all of it."""
        ...


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Generator[Writable, None, None]:
    """Open a file for writing that takes its name only when it is complete; ``.gz`` compresses.

    What was there under this name before stays, whole, until then, and when the writing fails.
    """
    target = Path(path)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    scratch = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if target.suffix == ".gz":
                # No name and no time in it: the same rows make the same file.
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as compressed:
                    yield compressed
            else:
                yield file
            file.flush()
            # Or a power cut could leave the new name with nothing under it.
            os.fsync(file.fileno())
        scratch.chmod(_mode(target))
        scratch.replace(target)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int:
    """Who may read it: whoever may now; a new file is as public as its folder allows."""
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


__all__ = ["Writable", "written_whole"]

"""Show how far a job is: a bar on a terminal, tqdm in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, Protocol, TextIO

from bulkeditor.models import Job

_WIDTH: Final = 30


class _Bar(Protocol):
    """What shows progress."""

    def show(self, job: Job) -> None:
        """Draw the job as it is now."""
        ...

    def close(self) -> None:
        """Leave the last state standing."""
        ...


@contextmanager
def showing(progress: bool | Callable[[Job], object]) -> Generator[Callable[[Job], object] | None]:  # noqa: FBT001 - private
    """What to call with the job each time it was read.

    Args:
        progress: As the caller gave it: False, True, or a callable.
    """
    if callable(progress):
        yield progress
        return
    if not progress:
        yield None
        return
    bar = _notebook_bar() or _TerminalBar(sys.stderr)
    try:
        yield bar.show
    finally:
        bar.close()


class _TerminalBar:
    """One line on stderr, drawn anew in a terminal; elsewhere a line for each change of status."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._status = ""

    def show(self, job: Job) -> None:
        """Draw the job."""
        status = getattr(job, "status", "")
        if self._live:
            self._stream.write(f"\r{line(job)}\033[K")
        elif status != self._status:
            self._stream.write(f"{line(job)}\n")
        self._status = status
        self._stream.flush()

    def close(self) -> None:
        """End the line."""
        if self._live:
            self._stream.write("\n")
            self._stream.flush()


def line(job: Job) -> str:
    """A job in one line: bar, percent, counts, status, errors."""
    percent = job.progress or 0.0
    filled = round(_WIDTH * percent / 100)
    done, total = getattr(job, "processed_products", None), getattr(job, "total_products", None)
    counts = "" if done is None or total is None else f" {done}/{total}"
    errors = f", {job.error_count} errors" if job.error_count else ""
    bar = "█" * filled + "·" * (_WIDTH - filled)
    return f"{bar} {percent:3.0f} %{counts} {getattr(job, 'status', '')}{errors}"


class _NotebookBar:
    """tqdm's notebook widget."""

    def __init__(self, tqdm: Callable[..., _Tqdm]) -> None:
        self._bar = tqdm(total=100, unit="%")

    def show(self, job: Job) -> None:
        """Move the widget."""
        self._bar.n = job.progress or 0.0
        self._bar.set_description(getattr(job, "status", ""))
        self._bar.refresh()

    def close(self) -> None:
        """Close the widget."""
        self._bar.close()


class _Tqdm(Protocol):
    """The part of tqdm that is used."""

    n: float

    def set_description(self, desc: str) -> object:
        """Set the text before the bar."""
        ...

    def refresh(self) -> object:
        """Draw."""
        ...

    def close(self) -> object:
        """Close."""
        ...


def _notebook_bar() -> _Bar | None:
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    if running is None or type(running).__name__ != "ZMQInteractiveShell":
        return None
    try:
        from tqdm.notebook import tqdm  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return None
    return _NotebookBar(tqdm)


__all__ = ["line", "showing"]

"""Ways to make the demo fail, so that tests can prove that it notices; hidden from its help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bulkeditor import Sandbox


def _missing_webhook(sandbox: Sandbox) -> None:
    sandbox.faults.add(webhook="*", drop=True)


def _bad_signature(sandbox: Sandbox) -> None:
    sandbox.faults.add(webhook="*", bad_signature=True)


def _unchanged_row(sandbox: Sandbox) -> None:
    sandbox.faults.add(job_row_skip=True, times=1)


def _no_changes(sandbox: Sandbox) -> None:
    sandbox.faults.add(job_row_skip=True)


def _stalled_job(sandbox: Sandbox) -> None:
    sandbox.faults.add(job_stall=True)


FAULTS: Final[Mapping[str, Callable[[Sandbox], None]]] = MappingProxyType(
    {
        "bad-signature": _bad_signature,
        "missing-webhook": _missing_webhook,
        "no-changes": _no_changes,
        "stalled-job": _stalled_job,
        "unchanged-row": _unchanged_row,
    }
)

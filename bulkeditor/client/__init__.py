"""The face of the library: a shop, blocking or for asyncio; each is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkeditor.api._outcomes import RowOutcome
    from bulkeditor.api._page import Page
    from bulkeditor.api.inventory import LevelOutcome
    from bulkeditor.client._async._client import AsyncBulkEditor
    from bulkeditor.client._async._pager import AsyncPager
    from bulkeditor.client._async._plan import AsyncPlan
    from bulkeditor.client._async._report import AsyncUpdateReport
    from bulkeditor.client._async._run import AsyncRun
    from bulkeditor.client._sync._client import BulkEditor
    from bulkeditor.client._sync._pager import Pager
    from bulkeditor.client._sync._plan import Plan
    from bulkeditor.client._sync._report import UpdateReport
    from bulkeditor.client._sync._run import Run

_HOMES = {
    "AsyncBulkEditor": "bulkeditor.client._async._client",
    "AsyncPager": "bulkeditor.client._async._pager",
    "AsyncPlan": "bulkeditor.client._async._plan",
    "AsyncRun": "bulkeditor.client._async._run",
    "AsyncUpdateReport": "bulkeditor.client._async._report",
    "BulkEditor": "bulkeditor.client._sync._client",
    "LevelOutcome": "bulkeditor.api.inventory",
    "Page": "bulkeditor.api._page",
    "Pager": "bulkeditor.client._sync._pager",
    "Plan": "bulkeditor.client._sync._plan",
    "RowOutcome": "bulkeditor.api._outcomes",
    "Run": "bulkeditor.client._sync._run",
    "UpdateReport": "bulkeditor.client._sync._report",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'bulkeditor.client' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "AsyncBulkEditor",
    "AsyncPager",
    "AsyncPlan",
    "AsyncRun",
    "AsyncUpdateReport",
    "BulkEditor",
    "LevelOutcome",
    "Page",
    "Pager",
    "Plan",
    "RowOutcome",
    "Run",
    "UpdateReport",
]

"""The face of the library: a shop, blocking or for asyncio."""

from bulkeditor.api._outcomes import RowOutcome
from bulkeditor.api._page import Page
from bulkeditor.api.inventory import LevelOutcome
from bulkeditor.client._async import AsyncBulkEditor, AsyncPager, AsyncUpdateReport
from bulkeditor.client._sync import BulkEditor, Pager, UpdateReport

__all__ = [
    "AsyncBulkEditor",
    "AsyncPager",
    "AsyncUpdateReport",
    "BulkEditor",
    "LevelOutcome",
    "Page",
    "Pager",
    "RowOutcome",
    "UpdateReport",
]

"""The client for asyncio; ``_sync`` is generated from this folder by scripts/unasync.py."""

from bulkeditor.client._async._client import AsyncBulkEditor
from bulkeditor.client._async._pager import AsyncPager
from bulkeditor.client._async._report import AsyncUpdateReport

__all__ = ["AsyncBulkEditor", "AsyncPager", "AsyncUpdateReport"]

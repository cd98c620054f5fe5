# Generated from ../_async by scripts/unasync.py; change that, not this.
"""The blocking client."""

from bulkeditor.client._sync._client import BulkEditor
from bulkeditor.client._sync._pager import Pager
from bulkeditor.client._sync._report import UpdateReport

__all__ = ["BulkEditor", "Pager", "UpdateReport"]

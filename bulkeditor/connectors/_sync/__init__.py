# Generated from ../_async by scripts/unasync.py; change that, not this.
"""The blocking session."""

from bulkeditor.connectors._sync._session import ConnectorSession

__all__ = ["ConnectorSession"]

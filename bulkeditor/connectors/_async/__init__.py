"""The session for asyncio; the blocking one is generated from it."""

from bulkeditor.connectors._async._session import AsyncConnectorSession

__all__ = ["AsyncConnectorSession"]

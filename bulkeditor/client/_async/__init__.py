"""The client for asyncio; ``_sync`` is generated from this folder by scripts/unasync.py."""

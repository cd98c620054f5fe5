# Generated from ../_async by scripts/unasync.py; change that, not this.
"""The blocking client."""

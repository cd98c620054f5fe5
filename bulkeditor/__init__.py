"""Typed client and integrations for the Bulk Product Editor."""

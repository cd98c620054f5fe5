"""The parts of the stand-in for Shopify: types, state, search, cost, queries, mutations, bulk operations."""

from __future__ import annotations

from bulkeditor.errors import MissingExtraError

try:
    from importlib import import_module

    import_module("graphql")  # what every part needs is asked for once, here
except ImportError as error:
    raise MissingExtraError("test", feature="the stand-in for Shopify") from error

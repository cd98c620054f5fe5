"""Conditions on rows: one tree, written with F or read from a filter; a local test, a filter and a text."""

from bulkeditor.query._condition import Condition, all_of, any_of
from bulkeditor.query._fields import F, Field
from bulkeditor.query._schema import PRODUCT_SCHEMA, Schema

__all__ = ["PRODUCT_SCHEMA", "Condition", "F", "Field", "Schema", "all_of", "any_of"]

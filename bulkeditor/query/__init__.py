"""Conditions on rows: one tree, written with F, as text or as a filter; a local test, a filter and a text."""

from bulkeditor.query._compile import Compiled
from bulkeditor.query._condition import Condition
from bulkeditor.query._explain import Explanation
from bulkeditor.query._fields import Expression, F, Field
from bulkeditor.query._joined import all_of, any_of
from bulkeditor.query._parse import parse_condition, parse_conditions
from bulkeditor.query._schema import PRODUCT_SCHEMA, Schema

__all__ = [
    "PRODUCT_SCHEMA",
    "Compiled",
    "Condition",
    "Explanation",
    "Expression",
    "F",
    "Field",
    "Schema",
    "all_of",
    "any_of",
    "parse_condition",
    "parse_conditions",
]

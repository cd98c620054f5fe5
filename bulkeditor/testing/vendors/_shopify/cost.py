"""What a query costs before it is run, and the bucket that it is taken from.

https://shopify.dev/docs/api/usage/limits: an object 1 point, a mutation 10, a connection by its ``first`` or
``last``, everything else nothing. Shopify's own figure for long lists may be lower (it does not publish the
rule): who stays within the limit here stays within it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, cast

import attrs
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    value_from_ast_untyped,
)

MUTATION: Final = 10
MOST: Final = 1000
"""Points of a single query, whatever the plan."""


@attrs.define
class Bucket:
    """Points that are left, and that come back in time.

    Args:
        now: Says the time.
        size: The most that it holds.
        restore: Points a second.
    """

    now: Callable[[], datetime]
    size: int
    restore: int
    _held: float = attrs.field(init=False)
    _since: datetime = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._held, self._since = self.size, self.now()

    @property
    def available(self) -> int:
        """Points that are there now."""
        now = self.now()
        self._held = min(self.size, self._held + max(0.0, (now - self._since).total_seconds()) * self.restore)
        self._since = now
        return int(self._held)

    def take(self, cost: int) -> bool:
        """Take points; False where there are too few."""
        if self.available < cost:
            return False
        self._held -= cost
        return True

    def status(self) -> dict[str, object]:
        """What ``throttleStatus`` says."""
        return {
            "maximumAvailable": self.size,
            "currentlyAvailable": self.available,
            "restoreRate": self.restore,
        }


@attrs.frozen
class Costs:
    """Counts a document.

    Args:
        schema: Knows the types.
        document: What is to be run, valid.
        variables: May hold ``first`` and ``last``.
    """

    schema: GraphQLSchema
    document: DocumentNode
    variables: Mapping[str, object]

    def of(self, operation: OperationDefinitionNode) -> int:
        """Points for an operation."""
        root = self.schema.get_root_type(operation.operation)
        cost = self._selected(operation.selection_set, cast("GraphQLNamedType", root))
        changes = operation.operation is OperationType.MUTATION
        return max(1, MUTATION * len(operation.selection_set.selections) if changes else cost)

    def _selected(self, selected: SelectionSetNode | None, parent: GraphQLNamedType) -> int:
        total = 0
        for node in selected.selections if selected else ():
            if isinstance(node, FieldNode):
                total += self._field(node, parent)
            elif isinstance(node, InlineFragmentNode):
                on = self._named(node.type_condition) if node.type_condition else parent
                total += self._selected(node.selection_set, on)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragment(node.name.value)
                on = self._named(fragment.type_condition)
                total += self._selected(fragment.selection_set, on)
        return total

    def _named(self, node: NamedTypeNode) -> GraphQLNamedType:
        return self.schema.type_map[node.name.value]

    def _fragment(self, name: str) -> FragmentDefinitionNode:
        return next(
            one
            for one in self.document.definitions
            if isinstance(one, FragmentDefinitionNode) and one.name.value == name
        )

    def _field(self, node: FieldNode, parent: GraphQLNamedType) -> int:
        if not node.selection_set:
            return 0
        field = cast("GraphQLObjectType", parent).fields[node.name.value]
        kind = cast("GraphQLNamedType", get_named_type(field.type))
        inner = self._selected(node.selection_set, kind)
        if kind.name.endswith("Connection"):
            return max(1, self._size(node)) * inner
        # edges, nodes and the place in the list are part of the connection.
        return inner + (0 if kind.name.endswith("Edge") or kind.name == "PageInfo" else 1)

    def _size(self, node: FieldNode) -> int:
        given: dict[str, Any] = {
            argument.name.value: value_from_ast_untyped(argument.value, dict(self.variables))
            for argument in node.arguments or ()
        }
        return next((int(given[name]) for name in ("first", "last") if given.get(name) is not None), 1)


__all__ = ["MOST", "MUTATION", "Bucket", "Costs"]

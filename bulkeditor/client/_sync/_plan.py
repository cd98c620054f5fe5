# Generated from ../_async by scripts/unasync.py; change that, not this.
"""Plans of one shop."""

from __future__ import annotations

from contextlib import closing
from uuid import uuid4

import attrs

from bulkeditor.client._sync._core import Core
from bulkeditor.plans._backup_restore import Restorer
from bulkeditor.plans._document import PlanDocument
from bulkeditor.plans._planner import Planner


@attrs.frozen(kw_only=True, repr=False)
class Plan(PlanDocument):
    """A plan that can be applied to its shop."""

    _core: Core = attrs.field(eq=False, alias="core")

    @classmethod
    def of(cls, core: Core, document: PlanDocument) -> Plan:
        """A document in the hands of a shop."""
        values = {field.name: getattr(document, field.name) for field in attrs.fields(PlanDocument)}
        return cls(core=core, **values)


def build_plan(core: Core, planner: Planner | Restorer, *, title: str | None) -> Plan:
    """Read what a plan is about, and make it.

    Args:
        core: The shop.
        planner: Says what to read, and takes it.
        title: What the plan is called.
    """
    walk = planner.listing.walk()
    with closing(core.pages(walk)) as pages:
        for page in pages:
            planner.take(page.items)
    document = planner.document(
        walk, ident=f"plan_{uuid4().hex[:16]}", shop=core.session.config.base_url, now=core.now(), title=title
    )
    return Plan.of(core, document)


__all__ = ["Plan", "build_plan"]

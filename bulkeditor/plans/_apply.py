"""Applying a plan, as the engine runs it: which handler carries out which kind of step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from bulkeditor.engine import Context, Done, Handler, Step, Workflow
from bulkeditor.http import Exchange, RetryPolicy, ServerFacts
from bulkeditor.models import JSON
from bulkeditor.plans._check import gate, look, missing, probe, read_one_page
from bulkeditor.plans._clear import clear
from bulkeditor.plans._restore import mend, restore
from bulkeditor.plans._schedule_steps import begin, end, first_steps
from bulkeditor.plans._stored import Given
from bulkeditor.plans._work import Server, Work
from bulkeditor.plans._write import write

_HANDLERS: Final[Mapping[str, Callable[[Work], Exchange[Done]]]] = MappingProxyType(
    {
        "begin": begin,
        "end": end,
        "page": read_one_page,
        "probe": probe,
        "look": look,
        "missing": missing,
        "gate": gate,
        "write": write,
        "clear": clear,
        "restore": restore,
        "mend": mend,
    }
)


class ApplyWorkflow:
    """Applies the rows of a plan to a shop.

    Args:
        facts: What was learned about the server.
        policy: Bounds how often a lost batch is sent again after reading.
    """

    NAME: ClassVar = "plan.apply"

    name = NAME
    version = 1

    def __init__(self, facts: ServerFacts, policy: RetryPolicy) -> None:
        self._server = Server(facts=facts, policy=policy)

    def first(self, input: JSON) -> Sequence[Step]:  # noqa: A002 - the engine's own word
        """The steps that a run begins with."""
        return first_steps(Given.of(input))

    def handler(self, kind: str) -> Handler:
        """Who carries out steps of a kind.

        Raises:
            KeyError: There is no such kind.
        """
        carry_out = _HANDLERS[kind]

        def handle(ctx: Context, step: Step) -> Exchange[Done]:
            return carry_out(Work(self._server, ctx, step))

        return handle


def workflows(facts: ServerFacts, policy: RetryPolicy) -> Sequence[Workflow]:
    """Every workflow whose runs a client carries on.

    Args:
        facts: What was learned about the server.
        policy: Bounds how often a lost batch is sent again after reading.
    """
    return (ApplyWorkflow(facts, policy),)


__all__ = ["ApplyWorkflow", "workflows"]

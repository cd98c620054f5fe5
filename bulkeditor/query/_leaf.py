"""What the leaves of a condition's tree have in common."""

from __future__ import annotations

from collections.abc import Iterator

from bulkeditor.query._code import Code, Verdict
from bulkeditor.query._condition import Condition
from bulkeditor.query._explain import Explanation, explain_leaf
from bulkeditor.query._operands import Operand
from bulkeditor.query._read import Read


class Leaf(Condition):
    """A condition with no other conditions in it: operands, and what is asked of their values."""

    __slots__ = ()

    left: Operand

    @property
    def _operands(self) -> tuple[Operand, ...]:
        return (self.left,)

    def _verdict(self) -> Verdict:
        """What it says of the operands' values; made once for many rows."""
        raise NotImplementedError

    def _emit(self, code: Code, *, negated: bool) -> str:
        operands = [operand.emit(code) for operand in self._operands]
        return code.leaf(self._verdict(), *operands, negated=negated)

    def _explained(self, read: Read) -> Explanation:
        return explain_leaf(str(self), self._operands, self._verdict(), read)

    def _names(self) -> Iterator[str]:
        for operand in self._operands:
            yield from operand.names()

    def _depth(self) -> int:
        return max(operand.depth for operand in self._operands)


__all__ = ["Leaf"]

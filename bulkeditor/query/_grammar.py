"""The parser: lark, loaded when the first text is read, with the grammar in condition.lark."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bulkeditor.errors import InvalidInputError
from bulkeditor.query._operands import MAX_DEPTH

if TYPE_CHECKING:
    from lark import Token


class UnexpectedError(Exception):
    """The text goes on with something that the grammar does not allow there.

    Args:
        position: Where, from 0; the length of the text at its end.
        kind: The name of the token; None where there is no token, but a character that begins none.
        found: Its text.
        accepted: Names of the tokens that could have stood there.
    """

    def __init__(self, position: int, kind: str | None, found: str, accepted: Collection[str] = ()) -> None:
        super().__init__(position, kind, found)
        self.position = position
        self.kind = kind
        self.found = found
        self.accepted = frozenset(accepted)


class MisplacedError(Exception):
    """What stands at a position can be read, but not meant.

    Args:
        position: Where, from 0.
        problem: What is wrong with it.
    """

    def __init__(self, position: int, problem: InvalidInputError) -> None:
        super().__init__(position, problem)
        self.position = position
        self.problem = problem


class Grammar:
    """The grammar, ready to read texts.

    Args:
        builder: Makes what the texts mean: it has a method for each name after ``->`` in the grammar.
    """

    def __init__(self, builder: object) -> None:
        from lark import Lark  # noqa: PLC0415 -- whoever writes no texts need not load it

        # The builder is called while the text is read: there is no tree in between, and no recursion.
        self._lark: Any = Lark(
            files("bulkeditor.query").joinpath("condition.lark").read_text("utf-8"),
            parser="lalr",
            lexer="basic",
            maybe_placeholders=False,
            transformer=builder,
            postlex=_Depth(),
        )

    def read(self, text: str) -> Any:
        """What the builder makes of a text.

        Args:
            text: The text.

        Raises:
            UnexpectedError: The grammar does not allow it.
            MisplacedError: The builder refuses a part of it, or it is too deep.
        """
        from lark import UnexpectedCharacters, UnexpectedToken  # noqa: PLC0415 -- as above

        try:
            return self._lark.parse(text)
        except UnexpectedCharacters as error:
            where: Any = error.pos_in_stream
            raise UnexpectedError(where, None, text[where]) from None
        except UnexpectedToken as error:
            token: Any = error.token
            position = len(text) if token.type == "$END" else token.start_pos
            accepted = self._accepted(text, position)
            raise UnexpectedError(position, token.type, str(token), accepted) from None

    def _accepted(self, text: str, position: int) -> Collection[str]:
        # The error has a list of its own, but of what is left after the parser has acted on the wrong token.
        again = self._lark.parse_interactive(text)
        for token in again.iter_parse():
            if token.start_pos == position:
                break
        accepted: Collection[str] = again.accepts()
        return accepted


class _Depth:
    """Counts parentheses while the text is split into tokens, before anything grows with them."""

    always_accept: tuple[str, ...] = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        depth = 0
        for token in stream:
            depth += (token.type == "LPAR") - (token.type == "RPAR")
            if depth > MAX_DEPTH + 1:
                problem = f"The condition is nested more than {MAX_DEPTH} levels deep."
                raise MisplacedError(token.start_pos or 0, InvalidInputError(problem))
            yield token


__all__ = ["Grammar", "MisplacedError", "UnexpectedError"]

"""A value that must not be seen: safe to print, log, compare and pass around."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn

_MASK = "***"


class Secret:
    """A credential that shows itself only when asked with :meth:`reveal`.

    ``repr``, ``str``, f-strings and ``vars()`` show a mask; pickling and copying into a file are refused;
    comparison takes constant time.

    Args:
        value: The credential.
    """

    __slots__ = ("_reveal",)

    def __init__(self, value: str) -> None:
        # A closure, not an attribute: debuggers and tracebacks that print locals and slots show a function.
        self._reveal: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        """The credential itself, as text."""
        return self._reveal()

    def __repr__(self) -> str:
        return f"Secret({_MASK!r})"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, format_spec: str) -> str:
        return format(_MASK, format_spec)

    def __bool__(self) -> bool:
        return bool(self._reveal())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Secret):
            return hmac.compare_digest(self._reveal().encode(), other._reveal().encode())
        return NotImplemented

    def __hash__(self) -> int:
        return hash(("bulkeditor.Secret", self._reveal()))

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is not pickled or copied; reveal() it where it must travel.")


def secret(value: str | Secret) -> Secret:
    """Wrap text in a :class:`Secret`; a Secret is returned as it is."""
    return value if isinstance(value, Secret) else Secret(value)

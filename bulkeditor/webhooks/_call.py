"""Calls of handlers: whatever they raise is an error of theirs, and ends neither a worker nor a server."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from traceback import extract_tb


class HandlerError(Exception):
    """A handler has failed.

    Args:
        error: What it raised; :exc:`SystemExit` and the like included.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def call(handler: Callable[..., object], *args: object) -> object:
    """Call a plain function.

    Args:
        handler: The function.
        args: Its arguments.

    Returns:
        What it gives: an awaitable, where it only made a coroutine.

    Raises:
        HandlerError: It failed.
    """
    try:
        return handler(*args)
    except (KeyboardInterrupt, SystemExit) as error:
        # In the main thread it is the program that is asked to end, by Ctrl-C or by a signal's handler.
        if threading.current_thread() is threading.main_thread():
            raise
        raise HandlerError(error) from error
    # A StopIteration, too, which would be taken for the end of whoever calls; or a CancelledError.
    except BaseException as error:
        raise HandlerError(error) from error


def call_within(handler: Callable[..., object], *args: object) -> None:
    """Call a plain function within a transaction, which cannot wait for anything.

    Args:
        handler: The function.
        args: Its arguments.

    Raises:
        HandlerError: It failed, or made a coroutine, which nobody would run.
    """
    result = call(handler, *args)
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise HandlerError(
            TypeError("It gave a coroutine, and a transaction must not stay open while that waits.")
        )


async def wait_for(handler: Callable[[], Awaitable[object]]) -> None:
    """Call a coroutine function, and wait for it.

    Args:
        handler: The function.

    Raises:
        HandlerError: It failed.
    """
    # In a task of its own: when that is cancelled and we are not, the handler has done it.
    task = asyncio.create_task(_without_exit(handler))
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))
        raise
    if task.cancelled():
        raise HandlerError(asyncio.CancelledError("It was cancelled."))
    error = task.exception()
    if error is not None:
        raise error if isinstance(error, HandlerError) else HandlerError(error) from error


async def _without_exit(handler: Callable[[], Awaitable[object]]) -> None:
    try:
        await handler()
    except SystemExit as error:
        # Out of a task it would end the event loop, and the server with it.
        raise HandlerError(error) from error


def described(error: BaseException) -> str:
    """What a handler raised, in one line, whatever its own text does.

    Args:
        error: The error.
    """
    try:
        text = str(error)
    except Exception as other:  # noqa: BLE001 - errors of strangers
        text = f"(its text cannot be had: {type(other).__name__})"
    line = " ".join(text.split())
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def place(error: BaseException) -> str:
    """Where an error was raised: ``shop.py:42``; empty where that is not known.

    Args:
        error: The error.
    """
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


__all__ = ["HandlerError", "call", "call_within", "described", "place", "wait_for"]

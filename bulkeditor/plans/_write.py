"""The writing half of a run: send a batch exactly as its step says, and judge what became of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import attrs

from bulkeditor.api._batch import Left
from bulkeditor.engine import Done, Step
from bulkeditor.http import Exchange
from bulkeditor.plans._clear import ClearParams
from bulkeditor.plans._decide import RowResult, Write
from bulkeditor.plans._judge import CHANGED, Again, Sending, Verdict, judge
from bulkeditor.plans._layers_steps import Layers
from bulkeditor.plans._send import deliver, sender_of
from bulkeditor.plans._work import ROUNDS, SILENT_ROUNDS, LookParams, Work, WriteParams, results, write_of


def write(work: Work) -> Exchange[Done]:
    """Send a batch, and judge what became of its rows; what is left to do follows."""
    params = work.params(WriteParams)
    sendings = _sendings(work, params)
    layers = Layers(work, params.of, [sending.write.product for sending in sendings])
    turn = None if params.expects else params.turn
    sender = sender_of(work, page=params.page, turn=turn, atomic=params.atomic)
    yield from deliver(work, sender, sendings)
    looks = [_look_anew(work, params, left, number) for number, left in enumerate(sender.left)]
    over = [sending for sending in sendings if not sending.open]
    if params.atomic and params.turn < ROUNDS and any(map(_changed, over)):
        again = _again(work, params, [sending.write for sending in sendings], params.turn + 1)
        return Done(result=results((), of=params.of), then=(again,))
    verdicts = [_verdict(work, params, sending, silent=sending in sender.silent) for sending in over]
    return _done(work, params, layers, sendings, verdicts, looks=looks)


def _look_anew(work: Work, params: WriteParams, left: Left, number: int) -> Step:
    """The look at these products is older than a request that failed."""
    writes = [attrs.evolve(cast("Sending", row).write, sent=left.sent) for row in left.rows]
    return _again(work, params, writes, params.turn + left.failed, name=f"anew{number}")


def _verdict(work: Work, params: WriteParams, sending: Sending, *, silent: bool) -> Verdict:
    last = params.turn >= (SILENT_ROUNDS if silent else ROUNDS)
    return judge(sending, on_error=work.on_error(params.of), silent=silent, last=last)


def _sendings(work: Work, params: WriteParams) -> list[Sending]:
    sendings: list[Sending] = []
    for values in params.products:
        product: str = cast("list[Any]", values)[0]
        wanted = write_of(values, work.rows(product))
        sendings.append(Sending.of(len(sendings), wanted, expects=params.expects))
    return sendings


def _changed(sending: Sending) -> bool:
    assert sending.outcome is not None
    return any(error.code == CHANGED for error in sending.outcome.errors)


def _again(
    work: Work, params: WriteParams, writes: Sequence[Write], turn: int, *, name: str | None = None
) -> Step:
    look = LookParams.again(writes, turn, of=params.of, page=params.page if len(writes) > 1 else None)
    return work.follow("look", name or f"look{turn}", look)


def _done(
    work: Work,
    params: WriteParams,
    layers: Layers,
    sendings: Sequence[Sending],
    verdicts: Sequence[Verdict],
    *,
    looks: Sequence[Step],
) -> Done:
    found: list[RowResult] = [result for verdict in verdicts for result in verdict.results]
    left: dict[Again, list[Write]] = {"look": [], "send": [], "clear": []}
    for verdict in verdicts:
        if verdict.again is not None and verdict.rest is not None:
            left[verdict.again].append(verdict.rest)
    then: list[Step] = [*looks]
    if left["look"]:
        then.append(_again(work, params, left["look"], params.turn + 1))
    if left["send"] and not params.expects:
        # The look at them is older than the request that was refused.
        then.append(_again(work, params, left["send"], params.turn))
    elif left["send"]:
        batches = work.writes(left["send"], of=params.of, page=params.page, turn=params.turn, name="rest")
        then += batches.steps
        found += batches.unsendable
    if left["clear"]:
        then.append(work.follow("clear", "clear", ClearParams.following(left["clear"], params)))
    refused = params.atomic and not looks and all(result.status in {"failed", "skipped"} for result in found)
    touched = {sending.write.product: sending.write.rows for sending in sendings}
    return layers.conclude(touched, found, then, turn=params.turn, stopped=refused)


__all__ = ["write"]

"""How the author of a long run sees the types: checked by mypy --strict and by pyright, never run."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import assert_type

from bulkeditor.engine import (
    AsyncWorker,
    Cancelled,
    Complete,
    Context,
    Done,
    Failed,
    Handler,
    Ledger,
    More,
    Put,
    SQLiteLedger,
    Step,
    WaitSignal,
    WaitUntil,
    Worker,
    Workflow,
)
from bulkeditor.http import AsyncSession, Exchange, Request, Session, SessionConfig
from bulkeditor.models import JSON


class Ping:
    name = "ping"
    version = 1

    def first(self, input: JSON) -> Sequence[Step]:  # noqa: A002
        return [Step(key="ping", kind="ping", params={"for": input})]

    def handler(self, kind: str) -> Handler:
        return {"ping": self.ping}[kind]

    def ping(self, ctx: Context, step: Step) -> Exchange[Done]:
        assert_type(ctx.now, datetime)
        assert_type(ctx.entries("s"), Iterator[tuple[str, JSON]])
        response = yield Request(method="GET", path="/", operation="ping")
        return Done(result=response.status, state=[Put(space="s", key=step.key, value=1, expect=None)])


def blocking(config: SessionConfig) -> None:
    workflow: Workflow = Ping()
    with SQLiteLedger("runs.db") as opened, Session(config) as session:
        ledger: Ledger = opened
        run = ledger.start_run("key", workflow, {"any": ["json"]})
        assert_type(run, str)
        progress = Worker(ledger, session, [workflow]).run(run)
        assert_type(progress, Complete | Cancelled | Failed | More | WaitUntil | WaitSignal)
        match progress:
            case Failed(error):
                assert_type(error, str)
            case WaitUntil(at):
                assert_type(at, datetime)
            case _:
                pass


async def asynchronous(config: SessionConfig) -> None:
    with SQLiteLedger() as ledger:
        async with AsyncSession(config) as session:
            worker = AsyncWorker(ledger, session, [Ping()], lanes=4)
            assert_type(await worker.tick(), Sequence[str])

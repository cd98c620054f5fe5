"""What a crash test runs: one kind of run, with what it must have done in the end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bulkeditor.engine import AsyncWorker, Ledger, SQLiteLedger, Worker, Workflow
from bulkeditor.http import AsyncSession, Session
from bulkeditor.models import JSON
from bulkeditor.sandbox import Sandbox
from bulkeditor.testing._rig import Rig

_VOLATILE = frozenset({"updated_at", "created_at"})


class Scenario:
    """One kind of run, to be killed everywhere. Subclasses say what it is; they can be pickled.

    A run is begun and carried on by :meth:`drive`, which is called again after each death; so it begins the
    run under the same key.
    """

    products = 30
    """How many products the sandbox has, unless :meth:`sandbox` says otherwise."""

    moves_time = False
    """Whether :meth:`drive` moves the clock, as schedules need it: then no two processes can work at once."""

    def kinds(self) -> Collection[type]:
        """The classes of the workflows that it runs; what a project knows to be tested."""
        raise NotImplementedError

    def sandbox(self, readings: Mapping[str, object]) -> Sandbox:
        """The server.

        Args:
            readings: How it reads the documentation; see :data:`bulkeditor.sandbox.READINGS`.
        """
        return Sandbox(products=self.products, seed=7, readings=readings)

    def prepare(self, sandbox: Sandbox) -> JSON:
        """What is done before the run begins, undisturbed; plain data that :meth:`drive` is given."""
        del sandbox
        return None

    def drive(self, rig: Rig, prepared: JSON) -> str:
        """Begin the run, or carry it on, until it has ended.

        Returns:
            Its id.
        """
        raise NotImplementedError

    async def drive_async(self, rig: Rig, prepared: JSON) -> str:
        """The same with asyncio."""
        raise NotImplementedError

    def outcomes(self, ledger: Ledger, run: str) -> Iterable[tuple[str, JSON]]:
        """Each row of the run with what became of it."""
        raise NotImplementedError

    def state(self, sandbox: Sandbox) -> object:
        """What must be the same in the end, however often the run died: by default all products."""
        return [_steady(row) for row in sandbox.products.rows()]

    def stands_late_writes(self, idempotency_key: str) -> bool:
        """Whether a write does no harm that reaches the server long after its process was taken for dead.

        Harm is done where the server ignores keys and the run has written the old values back since: nobody
        can call a request back. Say False then, and no zombie is let loose before a write.

        Args:
            idempotency_key: The server's reading.
        """
        del idempotency_key
        return True


class WorkflowScenario(Scenario):
    """A scenario that is a workflow, driven by a worker."""

    lanes = 1
    """Lanes of the worker."""

    def workflows(self) -> Sequence[Workflow]:
        """What the worker knows; the first one is run."""
        raise NotImplementedError

    def kinds(self) -> Collection[type]:
        """The classes of :meth:`workflows`."""
        return {type(workflow) for workflow in self.workflows()}

    def begin(self, ledger: SQLiteLedger, prepared: JSON) -> str:
        """Begin the run; it is given what was prepared."""
        return ledger.start_run("crash", self.workflows()[0], prepared)

    def drive(self, rig: Rig, prepared: JSON) -> str:
        """Begin the run, or carry it on, with a blocking worker."""
        run = self.begin(rig.ledger, prepared)
        with Session(rig.config) as session:
            worker = Worker(rig.ledger, session, self.workflows(), lanes=self.lanes, policy=rig.policy)
            worker.run(run)
        return run

    async def drive_async(self, rig: Rig, prepared: JSON) -> str:
        """Begin the run, or carry it on, with an asyncio worker."""
        run = self.begin(rig.ledger, prepared)
        async with AsyncSession(rig.async_config) as session:
            worker = AsyncWorker(rig.ledger, session, self.workflows(), lanes=self.lanes, policy=rig.policy)
            await worker.run(run)
        return run


def _steady(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _VOLATILE}


__all__ = ["Scenario", "WorkflowScenario"]

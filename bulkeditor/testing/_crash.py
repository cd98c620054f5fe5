"""Kill a run at every place where it can die, let another process carry it on, and look at what was done."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Self, TypeVar

import attrs

from bulkeditor.engine import SQLiteLedger, StepPolicy
from bulkeditor.http import Clock, SystemClock
from bulkeditor.models import JSON
from bulkeditor.sandbox import Sandbox
from bulkeditor.testing._clock import InstantClock
from bulkeditor.testing._knife import PLACES, Cut, Killed, Knife
from bulkeditor.testing._rig import Rig
from bulkeditor.testing._scenario import Scenario

K = TypeVar("K")
Mode = Literal["blocking", "asyncio"]
IDEMPOTENCY: Final = ("honoured", "ignored")
"""Both readings of ``Idempotency-Key``."""

_PATIENCE: Final = 60.0
_HASTE: Final = StepPolicy(lease=1.0)


@attrs.frozen(kw_only=True)
class Ended:
    """Where a run and the shop are in the end.

    Args:
        status: The run's.
        state: What the scenario compares.
        outcomes: What became of each row.
        effects: How often each thing was changed on the server.
    """

    status: str
    state: object = attrs.field(repr=False)
    outcomes: Mapping[str, JSON]
    effects: Mapping[tuple[str, str], int] = attrs.field(repr=False)


class CrashTest:
    """A scenario with its server; every try begins with the same shop and an empty ledger.

    Args:
        scenario: What is run.
        idempotency_key: The server's reading: ``honoured`` or ``ignored``.
        mode: With threads or with asyncio.
        readings: Further readings of the server.

    Use it as a context manager.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        idempotency_key: str = "honoured",
        mode: Mode = "blocking",
        readings: Mapping[str, object] | None = None,
    ) -> None:
        self.scenario = scenario
        self.mode: Mode = mode
        self.reading = idempotency_key
        self.kills: Counter[str] = Counter()
        self._sandbox = scenario.sandbox({**(readings or {}), "idempotency_key": idempotency_key})
        self._folder = tempfile.TemporaryDirectory(prefix="bulkeditor-crash-")
        self._tries = 0

    def __enter__(self) -> Self:
        self._sandbox.start()
        try:
            self.prepared = self.scenario.prepare(self._sandbox)
            self._fresh = self._sandbox.snapshot()
            self.cuts, self.undisturbed = self._undisturbed()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()

    def _close(self) -> None:
        self._sandbox.close()
        self._folder.cleanup()

    @property
    def name(self) -> str:
        """Names the test in failures."""
        return f"{type(self.scenario).__name__}, {self.mode}, idempotency keys {self.reading}"

    # What is done

    def kill_at(self, *numbers: int) -> None:
        """Kill one process after the other, each at its place; then let the run end.

        Args:
            numbers: For each process the number of the place, counted from its start; a process that does not
                come so far ends the run.

        Raises:
            AssertionError: Something was lost, done twice, or is otherwise than in an undisturbed run.
        """
        with self._fresh_store() as store:
            clock = InstantClock()
            deaths: list[str] = []
            for number in numbers:
                knife = Knife(number)
                self._run(store, clock, knife)
                if knife.struck is None:
                    break
                self.kills[knife.struck.place] += 1
                deaths.append(str(knife.struck))
            run = self._run(store, clock, Knife())
            assert run is not None
            self._check(store, run, f"killed at {', '.join(deaths) or 'nothing'}")

    def kill_process_at(self, number: int) -> None:
        """Run in a process of its own, and end that with SIGKILL at a place; then let the run end here.

        Args:
            number: The place.

        Raises:
            AssertionError: As :meth:`kill_at`, or the process ended otherwise.
        """
        with self._fresh_store() as store:
            sandbox = self._sandbox
            child = multiprocessing.get_context("spawn").Process(
                target=_die,
                args=(self.scenario, self.mode, self.prepared, number),
                kwargs={"base_url": sandbox.base_url, "api_key": sandbox.api_key, "store": store},
            )
            child.start()
            child.join(_PATIENCE)
            if child.exitcode is None:
                child.kill()
                child.join()
            # With several lanes it may come by fewer places this time, and end the run.
            killed = child.exitcode == -signal.SIGKILL
            assert killed or child.exitcode == 0, f"{self.name}: the process ended with {child.exitcode}"
            self.kills["SIGKILL"] += killed
            run = self._run(store, _later(), Knife())
            assert run is not None
            self._check(store, run, f"SIGKILL at place {number}")

    def haunt_at(self, number: int) -> None:
        """Hold a process at a request until its lease has run out and another one has ended the run.

        Args:
            number: The place of a request or an answer.

        Raises:
            AssertionError: As :meth:`kill_at`.
        """
        with self._fresh_store() as store:
            clock = InstantClock()

            def sleep_too_long(_: Cut) -> None:
                clock.advance(StepPolicy().lease + 1)
                # In a thread: with asyncio a second loop cannot run in this one.
                other = threading.Thread(target=self._run, args=(store, clock, Knife()))
                other.start()
                other.join()

            # Only at requests: held within a transaction, it would hold the file as well.
            knife = Knife(number, sleep_too_long, only=self.cuts[number - 1].place)
            run = self._run(store, clock, knife)
            assert run is not None
            if knife.struck is None:
                return  # several lanes: this time they came by fewer places
            self.kills["zombie"] += 1
            self._check(store, run, f"a zombie at {knife.struck}")

    def together(self, *, kill: int | None = None) -> None:
        """Let two processes work on the run at once; one of them may die at a place.

        Args:
            kill: The number of the place.

        Raises:
            AssertionError: As :meth:`kill_at`.
        """
        with self._fresh_store() as store:
            knives = (Knife(kill), Knife())
            runs: list[str | None] = []

            def work(knife: Knife) -> None:
                runs.append(self._run(store, SystemClock(), knife, _HASTE))

            threads = [threading.Thread(target=work, args=(knife,)) for knife in knives]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            run = next((run for run in runs if run is not None), None)
            assert run is not None, f"{self.name}: neither of two processes ended the run"
            self.kills["together"] += 1
            self._check(store, run, f"two at once, one of them killed at {knives[0].struck}")

    def everywhere(self, share: float = 1.0, *, seed: int = 0) -> Counter[str]:
        """Kill at every place (or a random share of them), and hold zombies at the requests among them.

        Args:
            share: How much of all places; each kind of place is visited once at least.
            seed: Chooses them, and the places of second deaths.

        Returns:
            How often was killed where.

        Raises:
            AssertionError: As :meth:`kill_at`.
        """
        rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        for cut in self._chosen(share, rng):
            # One in three dies twice.
            second = (rng.randint(1, len(self.cuts)),) if rng.random() < 1 / 3 else ()
            self.kill_at(cut.number, *second)
            if self._haunted(cut):
                self.haunt_at(cut.number)
        return self.kills

    def _haunted(self, cut: Cut) -> bool:
        writes = not cut.what.startswith("GET ")
        if cut.place == "request" and writes:
            return self.scenario.stands_late_writes(self.reading)
        return cut.place in {"request", "answer"}

    def _chosen(self, share: float, rng: random.Random) -> Iterable[Cut]:
        for place in PLACES:
            cuts = [cut for cut in self.cuts if cut.place == place]
            assert cuts, f"{self.name}: an undisturbed run passes no {place}; nothing is tested by killing it"
            yield from rng.sample(cuts, max(1, round(len(cuts) * share)))

    # How

    @contextmanager
    def _fresh_store(self) -> Generator[Path]:
        self._tries += 1
        self._sandbox.restore(self._fresh)
        store = Path(self._folder.name, f"store-{self._tries}.db")
        yield store
        for left in store.parent.glob(f"{store.name}*"):
            left.unlink()

    def _undisturbed(self) -> tuple[Sequence[Cut], Ended]:
        with self._fresh_store() as store:
            knife = Knife()
            run = self._run(store, InstantClock(), knife)
            assert run is not None
            ended = self._ended(store, run)
            assert ended.outcomes, (
                f"{self.name}: an undisturbed run has no rows; nothing is tested by killing it"
            )
            return knife.passed, ended

    def _run(self, store: Path, clock: Clock, knife: Knife, policy: StepPolicy | None = None) -> str | None:
        """One process; the run's id, or None when it died."""
        sandbox = self._sandbox
        with Rig(sandbox.base_url, sandbox.api_key, store, clock=clock, knife=knife, policy=policy) as rig:
            try:
                return _drive(self.scenario, self.mode, rig, self.prepared)
            except Killed:
                return None

    def _ended(self, store: Path, run: str) -> Ended:
        with SQLiteLedger(store) as ledger:
            row = ledger.get(run)
            rows = list(self.scenario.outcomes(ledger, run))
        outcomes = dict(rows)
        assert len(outcomes) == len(rows), f"{self.name}: rows with several outcomes: {_repeated(rows)}"
        return Ended(
            status=f"{row.status} {row.error or ''}".strip(),
            state=self.scenario.state(self._sandbox),
            outcomes=outcomes,
            effects=_effects(self._sandbox),
        )

    def _check(self, store: Path, run: str, what: str) -> None:
        where = f"{self.name}: {what}"
        try:
            self._sandbox.assert_no_duplicate_effects()
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from None
        ended, expected = self._ended(store, run), self.undisturbed
        assert ended.status == expected.status, f"{where}: the run is {ended.status}, not {expected.status}"
        assert ended.effects == expected.effects, (
            f"{where}: effects {_differences(ended.effects, expected.effects)}"
        )
        assert ended.outcomes == expected.outcomes, (
            f"{where}: outcomes {_differences(ended.outcomes, expected.outcomes)}"
        )
        assert ended.state == expected.state, f"{where}: the shop is not as an undisturbed run leaves it"


def _drive(scenario: Scenario, mode: Mode, rig: Rig, prepared: JSON) -> str:
    if mode == "blocking":
        return scenario.drive(rig, prepared)

    async def main() -> str:
        try:
            return await scenario.drive_async(rig, prepared)
        finally:
            await rig.aclose()

    return asyncio.run(main())


def _die(
    scenario: Scenario, mode: Mode, prepared: JSON, number: int, *, base_url: str, api_key: str, store: Path
) -> None:
    """In a process of its own."""
    knife = Knife(number, lambda _: os.kill(os.getpid(), signal.SIGKILL))
    with Rig(base_url, api_key, store, clock=InstantClock(), knife=knife) as rig:
        _drive(scenario, mode, rig, prepared)


def _later() -> Clock:
    return InstantClock(datetime.now(UTC) + timedelta(hours=1))


def _effects(sandbox: Sandbox) -> Mapping[tuple[str, str], int]:
    counted: Counter[tuple[str, str]] = Counter()
    for entry in sandbox.journal:
        for effect in entry.effects:
            counted[effect.kind, effect.id] += 1
    return counted


def _repeated(rows: Iterable[tuple[str, JSON]]) -> str:
    counted = Counter(row for row, _ in rows)
    return ", ".join(row for row, times in counted.items() if times > 1)


def _differences(found: Mapping[K, object], expected: Mapping[K, object]) -> str:
    names = [name for name in {**expected, **found} if found.get(name) != expected.get(name)]
    shown = "; ".join(f"{name}: {found.get(name)!r}, not {expected.get(name)!r}" for name in names[:5])
    return f"{shown}{' …' if len(names) > 5 else ''}"  # noqa: PLR2004


__all__ = ["IDEMPOTENCY", "CrashTest", "Ended", "Mode"]

"""Measure ours, the limit and the peers in one process, in turns, and compare medians of ratios.

Two noisy cores: no absolute time means anything, and a run of one thing followed by a run of another compares
the weather. So each round calls everything once, in a new order, and each round gives its own ratio.
"""

import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import attrs

MIN_SAMPLE = 0.002
"""Seconds that one sample takes at least; shorter calls are repeated within it."""


@attrs.frozen(kw_only=True)
class Goal:
    """One promise: a ratio of two cases.

    Args:
        ours: Name of our case.
        other: Name of the limit or peer.
        sense: ``at most``: ours / other may not exceed the bound. ``faster``: other / ours must reach it.
        bound: The figure.
        why_not: What the profile shows, where it is not met.
    """

    ours: str
    other: str
    sense: Literal["at most", "faster"]
    bound: float
    why_not: str = ""


@attrs.frozen(kw_only=True)
class Outcome:
    """A goal and what was measured."""

    bench: str
    goal: Goal
    ratio: float
    spread: tuple[float, float]

    @property
    def met(self) -> bool:
        if self.goal.sense == "at most":
            return self.ratio <= self.goal.bound
        return self.ratio >= self.goal.bound


@attrs.define
class Bench:
    """A set of cases measured together.

    Args:
        name: Shown in the table.
        unit: ``s``: each case is timed. Anything else: each case returns its figure.
        clock: ``cpu`` counts this process's time alone, which others on the machine disturb less; ``wall`` is
            for what waits.
        rounds: How many times everything is measured.
        fresh: Whether garbage is collected before each sample (for cases that keep much).
    """

    name: str
    unit: str = "s"
    clock: Literal["cpu", "wall"] = "cpu"
    rounds: int = 41
    fresh: bool = False
    cases: dict[str, Callable[[], object]] = attrs.field(factory=dict)
    goals: list[Goal] = attrs.field(factory=list)
    samples: dict[str, list[float]] = attrs.field(factory=dict)
    missing: dict[str, str] = attrs.field(factory=dict)

    def case(self, name: str, call: Callable[[], object]) -> None:
        """Add something to measure."""
        self.cases[name] = call

    def peer(self, name: str, make: Callable[[], Callable[[], object]]) -> None:
        """Add a peer that may not be installed: ``make`` imports it and returns what is measured."""
        try:
            self.cases[name] = make()
        except ImportError as error:
            self.missing[name] = str(error)

    def at_most(self, ours: str, other: str, bound: float, *, why_not: str = "") -> None:
        """Promise ours / other ≤ bound."""
        self.goals.append(Goal(ours=ours, other=other, sense="at most", bound=bound, why_not=why_not))

    def faster(self, ours: str, other: str, bound: float, *, why_not: str = "") -> None:
        """Promise other / ours ≥ bound."""
        self.goals.append(Goal(ours=ours, other=other, sense="faster", bound=bound, why_not=why_not))

    def run(self) -> list[Outcome]:
        """Measure everything and judge the goals."""
        repeats = {name: self._repeats(call) for name, call in self.cases.items()}
        self.samples = {name: [] for name in self.cases}
        order = list(self.cases)
        shuffle = random.Random(1).shuffle
        for _ in range(self.rounds):
            shuffle(order)
            for name in order:
                self.samples[name].append(self._sample(self.cases[name], repeats[name]))
        return [self._judge(goal) for goal in self.goals if goal.other in self.cases]

    def _repeats(self, call: Callable[[], object]) -> int:
        call()  # warm: imports, caches, specialised byte code
        if self.unit != "s":
            return 1
        now = self._now
        start = now()
        call()
        return max(1, round(MIN_SAMPLE / max(now() - start, 1e-7)))

    def _sample(self, call: Callable[[], object], repeats: int) -> float:
        if self.fresh:
            gc.collect()
        if self.unit != "s":
            value = call()
            if not isinstance(value, int | float):
                raise TypeError(f"{self.name}: a case measured in {self.unit} returns its figure")
            return float(value)
        now = self._now
        start = now()
        for _ in range(repeats):
            call()
        return (now() - start) / repeats

    @property
    def _now(self) -> Callable[[], float]:
        return time.process_time if self.clock == "cpu" else time.perf_counter

    def _judge(self, goal: Goal) -> Outcome:
        ours, other = self.samples[goal.ours], self.samples[goal.other]
        upper, lower = (ours, other) if goal.sense == "at most" else (other, ours)
        ratios = sorted(a / b for a, b in zip(upper, lower, strict=True))
        spread = (ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10])
        return Outcome(bench=self.name, goal=goal, ratio=statistics.median(ratios), spread=spread)


def show(bench: Bench, outcomes: Sequence[Outcome]) -> None:
    """Print one bench as a table: medians, then each goal with its ratio."""
    print(f"\n{bench.name}")
    for name, samples in sorted(bench.samples.items(), key=lambda item: statistics.median(item[1])):
        print(f"  {name:<44}{_figure(statistics.median(samples), bench.unit):>14}")
    for name, reason in bench.missing.items():
        print(f"  {name:<44}{'not installed':>14}  ({reason})")
    for outcome in outcomes:
        goal = outcome.goal
        sign = "≤" if goal.sense == "at most" else "≥"
        pair = f"{goal.ours} / {goal.other}" if goal.sense == "at most" else f"{goal.other} / {goal.ours}"
        low, high = outcome.spread
        verdict = "met" if outcome.met else "NOT MET"
        print(f"  {verdict:>7}  {outcome.ratio:6.2f} {sign} {goal.bound:<5g} [{low:.2f}-{high:.2f}]  {pair}")
        if not outcome.met and goal.why_not:
            print(f"           {goal.why_not}")


def _figure(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value * 1e6:,.1f} µs"
    return f"{value:,.0f} {unit}"


def main(benches: Iterable[Bench], *, json_path: Path | None = None) -> int:
    """Run benches, print their tables, write the figures as JSON if asked.

    Returns:
        Number of goals not met.
    """
    results: list[dict[str, object]] = []
    unmet = 0
    for bench in benches:
        outcomes = bench.run()
        show(bench, outcomes)
        unmet += sum(not outcome.met for outcome in outcomes)
        results.append(_record(bench, outcomes))
    if json_path is not None:
        facts = {"python": sys.version.split()[0], "benches": results}
        json_path.write_text(json.dumps(facts, indent=2) + "\n")
    print(f"\n{unmet} goal(s) not met")
    return unmet


def _record(bench: Bench, outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "name": bench.name,
        "unit": bench.unit,
        "medians": {name: statistics.median(samples) for name, samples in bench.samples.items()},
        "missing": bench.missing,
        "goals": [
            {
                **attrs.asdict(outcome.goal),
                "ratio": outcome.ratio,
                "spread": outcome.spread,
                "met": outcome.met,
            }
            for outcome in outcomes
        ],
    }

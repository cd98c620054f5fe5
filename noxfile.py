"""The menu of everything a contributor does: `nox -l` lists it, `nox -s lint` runs one, `nox` the usual ones.

`.ci/run` needs no nox and runs the same commands: the tests as they are, and scripts/checks.py for the rest.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "types", "docs", "tests-3.11"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

COVERAGE_FLOOR = 90
"""Percent of branches and lines; it only rises."""


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Every test: `nox -s tests-3.12 -- tests/http -k retry` runs some."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11")
def slow(session: nox.Session) -> None:
    """Only the long ones: simulations, big catalogs, soaks."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Form, rules, arrows between the rooms, docstrings, generated code."""
    session.install("-e", ".[lint]")
    session.run("python", "scripts/checks.py", "lint")


@nox.session(python="3.11")
def types(session: nox.Session) -> None:
    """The two type checkers; they look into the packages that tests use, too."""
    session.install("-e", ".[test,lint]")
    session.run("python", "scripts/checks.py", "types")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Build the documentation strictly; `nox -s docs -- serve` shows it while you write."""
    session.install("-e", ".[sandbox,docs]")
    if session.posargs:
        session.run("mkdocs", *session.posargs, env={"NO_MKDOCS_2_WARNING": "true"})
    else:
        session.run("python", "scripts/checks.py", "docs")


@nox.session(python="3.11")
def package(session: nox.Session) -> None:
    """Build the wheel, look into it, weigh it."""
    session.run("python", "scripts/checks.py", "package")


@nox.session(python="3.11")
def coverage(session: nox.Session) -> None:
    """The tests, measured; fails below the floor."""
    session.install("-e", ".[test]", "coverage[toml]>=7.6")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "report", "--skip-covered", f"--fail-under={COVERAGE_FLOOR}")


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """The tests with the lowest version of each direct dependency that pyproject.toml allows."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = ("sandbox", "dataframe", "notebook", "vendors", "sql")
    direct = [*project["dependencies"], *(entry for name in named for entry in extras[name])]
    constraints = Path(session.create_tmp(), "lowest.txt")
    # A constraint names no extras.
    lines = (re.sub(r"\[.*\]", "", entry).split(",")[0].replace(">=", "==") for entry in direct)
    constraints.write_text("\n".join(lines) + "\n", "utf-8")
    session.install("-e", ".[test]", "--constraint", str(constraints))
    # anyio's pytest plugin, which nothing here uses, warns under a new pytest in the versions this gives.
    session.run("pytest", "-p", "no:anyio", *session.posargs)


@nox.session(python="3.11")
def contract_full(session: nox.Session) -> None:
    """The contract with many more generated examples than the usual run takes."""
    session.install("-e", ".[test]")
    session.run("pytest", "tests/contract", *session.posargs, env={"BULKEDITOR_CONTRACT_EXAMPLES": "200"})


@nox.session(python="3.11")
def crash_full(session: nox.Session) -> None:
    """Every kind of run killed at every place, and some by SIGKILL; the usual run takes a share of them."""
    session.install("-e", ".[test]")
    session.run("pytest", "tests/crash", "-s", *session.posargs, env={"BULKEDITOR_CRASH_SHARE": "1"})


@nox.session(python="3.11")
def sales_full(session: nox.Session) -> None:
    """A thousand random sale schedules on the sandbox, and races at every request and commit."""
    session.install("-e", ".[test]")
    env = {"BULKEDITOR_SALES": "1000", "BULKEDITOR_RACES": "600"}
    session.run(
        "pytest",
        "tests/plans/test_sales.py",
        "tests/plans/test_schedule_races.py",
        "-rP",
        *session.posargs,
        env=env,
    )


@nox.session(python="3.11")
def webhooks_full(session: nox.Session) -> None:
    """200,000 fuzzed deliveries; 10,000 to two receivers killed 50 times; 10,000 through every fault."""
    session.install("-e", ".[test]")
    sizes = {
        "BULKEDITOR_FUZZ_WEBHOOKS": "100000",
        "BULKEDITOR_KILL_DELIVERIES": "10000",
        "BULKEDITOR_KILL_PROCESSES": "2",
        "BULKEDITOR_WEBHOOK_EVENTS": "10000",
    }
    rooms = ("tests/webhooks", "tests/sandbox/test_webhooks_end_to_end.py")
    session.run("pytest", "-s", *rooms, *session.posargs, env=sizes)


@nox.session(python="3.11")
def agreement_full(session: nox.Session) -> None:
    """Random filters and rows: builder, text, JSON filter, server and evaluator agree on 100,000 pairs."""
    session.install("-e", ".[test]")
    pairs = {"BULKEDITOR_AGREEMENT_PAIRS": "100000"}
    session.run("pytest", "-s", "tests/sandbox/test_filters_agree.py", *session.posargs, env=pairs)


@nox.session(python="3.11")
def plans_full(session: nox.Session) -> None:
    """Plans among edits by others, and killed everywhere, far more often than in the usual run."""
    session.install("-e", ".[test]")
    files = ("interleavings", "apply_crash", "apply_killed")
    session.run(
        "pytest",
        *(f"tests/plans/test_{name}.py" for name in files),
        *session.posargs,
        env={"BULKEDITOR_INTERLEAVINGS": "5000", "BULKEDITOR_CRASH_SHARE": "1", "BULKEDITOR_KILLS": "60"},
    )


@nox.session(python="3.11")
def bench(session: nox.Session) -> None:
    """The goals in figures, as ratios measured in one run: `nox -s bench -- decode`."""
    session.install("-e", ".[bench]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python="3.11")
def changelog(session: nox.Session) -> None:
    """Show what the fragments in changelog.d would become; `-- --yes` builds it."""
    session.install("-e", ".", "towncrier>=24.8")
    session.run("towncrier", "build", *(session.posargs or ["--draft"]))

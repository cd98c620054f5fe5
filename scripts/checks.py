"""Every check besides the tests, in one place: `.ci/run` and the nox sessions run these very commands.

    python scripts/checks.py               # all of them
    python scripts/checks.py lint types    # some

Nothing is written into the checkout but ignored caches. All checks run, whatever fails; the exit code says
whether one did.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE_SIZE_LIMIT = 8 * 1024 * 1024
"""Bytes that the core and everything it depends on may take once installed."""

IN_THE_WHEEL = (
    "bulkeditor/py.typed",
    "bulkeditor/api/openapi.yaml",
    "bulkeditor/query/condition.lark",
    "bulkeditor/__main__.py",
)


class CheckError(Exception):
    """A check did not hold; the text says which."""


def run_all(*commands: tuple[str, ...]) -> None:
    """Run several commands, whatever the earlier ones find."""
    failed: list[str] = []
    for command in commands:
        try:
            run(*command)
        except CheckError as error:
            failed.append(str(error))
    if failed:
        raise CheckError(", ".join(failed))


def run(*command: str, **environ: str) -> None:
    """Run one command of this interpreter's environment from the root of the checkout, echoing it first."""
    print("  $", " ".join(command), flush=True)
    program = Path(sys.executable).parent / command[0]
    # Tools that are console scripts are taken from this environment even when it is not the active one.
    head = sys.executable if command[0] == "python" else str(program)
    done = subprocess.run([head, *command[1:]], cwd=ROOT, env={**os.environ, **environ}, check=False)
    if done.returncode:
        raise CheckError(f"{' '.join(command[:2])} exited with {done.returncode}")


def lint() -> None:
    """Form, rules, arrows between the rooms, docstrings, and the generated twin."""
    run_all(
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("lint-imports",),
        ("interrogate", "bulkeditor"),
        ("python", "scripts/unasync.py", "--check"),
    )


def types() -> None:
    """Two type checkers, both strict; pyproject.toml says on what."""
    run_all(("mypy",), ("basedpyright",))


def docs() -> None:
    """The documentation builds with no warning and no network."""
    with tempfile.TemporaryDirectory() as site:
        # mkdocs-material greets with a note on MkDocs 2.0, about which a reader of this log can do nothing.
        run(
            "python", "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", site,
            NO_MKDOCS_2_WARNING="true",
        )  # fmt: skip
        pages = sorted(Path(site).rglob("*.html"))
        foreign = [page.relative_to(site) for page in pages if _loads_from_elsewhere(page.read_text("utf-8"))]
        if not pages or foreign:
            raise CheckError(
                f"pages that load from other hosts: {foreign}" if foreign else "no page was built"
            )
        print(f"  {len(pages)} pages, none of which loads anything from another host")


def _loads_from_elsewhere(html: str) -> bool:
    return any(mark in html for mark in ('src="http', 'rel="stylesheet" href="http', 'rel="preconnect"'))


def package() -> None:
    """The wheel holds what it must, nothing of the tests, and installs small."""
    with tempfile.TemporaryDirectory() as folder:
        run("python", "-m", "pip", "wheel", "-qq", "--no-deps", "--wheel-dir", folder, ".")
        wheel = next(Path(folder).glob("bulkeditor-*.whl"))
        names = set(zipfile.ZipFile(wheel).namelist())
        if missing := [name for name in IN_THE_WHEEL if name not in names]:
            raise CheckError(f"{wheel.name} lacks {', '.join(missing)}")
        if alien := sorted(name for name in names if not name.startswith(("bulkeditor/", "bulkeditor-"))):
            raise CheckError(f"{wheel.name} holds what is no part of the package: {alien[:5]}")
        target = Path(folder, "installed")
        run("python", "-m", "pip", "install", "-qq", "--no-compile", "--target", str(target), str(wheel))
        size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
        print(f"  {wheel.name}: {len(names)} files; installed with its dependencies {size / 1e6:.1f} MB")
        if size > CORE_SIZE_LIMIT:
            raise CheckError(f"the core installs to {size:,} bytes, more than {CORE_SIZE_LIMIT:,}")


CHECKS: dict[str, Callable[[], None]] = {"lint": lint, "types": types, "docs": docs, "package": package}


def main(names: list[str]) -> int:
    """Run the named checks, or all; 1 when one failed, 2 for a name that is none."""
    if unknown := [name for name in names if name not in CHECKS]:
        print(f"No such check: {', '.join(unknown)}. There are: {', '.join(CHECKS)}.", file=sys.stderr)
        return 2
    failed: list[str] = []
    for name in names or CHECKS:
        print(f"{name}:", flush=True)
        start = time.monotonic()
        try:
            CHECKS[name]()
        except CheckError as error:
            failed.append(f"{name} ({error})")
        print(f"  {name} took {time.monotonic() - start:.1f} s", flush=True)
    print(f"FAILED: {'; '.join(failed)}" if failed else "All checks hold.", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

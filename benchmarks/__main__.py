"""Run all benches: ``python -m benchmarks [--json FILE] [word …]``; words choose files by name."""

import argparse
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks._harness import Bench, main


def benches(words: Sequence[str]) -> Iterator[Bench]:
    """The benches of each ``bench_*.py`` beside this file; each has a function ``benches()``."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        if not words or any(word in path.stem for word in words):
            yield from importlib.import_module(f"benchmarks.{path.stem}").benches()


def run() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="word", help="run only files whose name contains it")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal is not met")
    options = parser.parse_args()
    unmet = main(benches(options.words), json_path=options.json)
    return 1 if options.strict and unmet else 0


if __name__ == "__main__":
    raise SystemExit(run())

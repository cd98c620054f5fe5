"""The blocking client is generated: it is up to date, and it offers what the asyncio client offers."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bulkeditor.client import (
    AsyncBulkEditor,
    AsyncPager,
    AsyncUpdateReport,
    BulkEditor,
    Pager,
    UpdateReport,
)

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "bulkeditor" / "client"


@pytest.fixture(scope="module")
def unasync() -> ModuleType:
    spec = importlib.util.spec_from_file_location("unasync", ROOT / "scripts" / "unasync.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("_async", "_sync"):
        shutil.copytree(CLIENT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_what_is_committed_is_what_is_generated(unasync: ModuleType) -> None:
    assert unasync.problems(CLIENT) == []


def test_the_check_passes_and_writes_nothing(unasync: ModuleType, copy: Path) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*.py")}
    assert unasync.main(["--check", "--client", str(copy)]) == 0
    assert {path: path.read_bytes() for path in copy.rglob("*.py")} == before


@pytest.mark.parametrize("change", ["\n# trailing line\n", "\n", " "])
def test_a_change_of_any_kind_is_found(unasync: ModuleType, copy: Path, change: str) -> None:
    target = copy / "_sync" / "_products.py"
    target.write_text(target.read_text("utf-8") + change, "utf-8")
    assert unasync.problems(copy) == ["_sync/_products.py differs from what _async/_products.py generates"]
    assert unasync.main(["--check", "--client", str(copy)]) == 1
    assert unasync.main(["--client", str(copy)]) == 0
    assert unasync.problems(copy) == []


def test_missing_and_left_over_files_are_found(unasync: ModuleType, copy: Path) -> None:
    (copy / "_sync" / "_keys.py").unlink()
    (copy / "_sync" / "_old.py").write_text("", "utf-8")
    assert unasync.problems(copy) == ["_sync/_keys.py is missing", "_sync/_old.py has no source in _async"]


def test_a_rule_that_nothing_needs_is_found(unasync: ModuleType) -> None:
    rules = (*unasync.RULES, (r"\bno_such_word\b", ""))
    assert unasync.problems(CLIENT, rules) == [r"rule is unused: \bno_such_word\b"]


def test_nothing_asynchronous_is_left() -> None:
    words = re.compile(r"\b(async|await|a(enter|exit|iter)|asyncio|Async\w+|\w+_async)\b")
    for path in (CLIENT / "_sync").glob("*.py"):
        for line in path.read_text("utf-8").splitlines()[1:]:
            assert not words.search(line), f"{path.name}: {line}"


RESOURCES = ("products", "bulk_jobs", "webhooks", "inventory", "analytics", "keys")
ADDRESS: dict[str, Any] = {"base_url": "https://editor.example.com", "api_key": "k"}
ONE, OTHER = AsyncBulkEditor(**ADDRESS), BulkEditor(**ADDRESS)
PAIRS = [
    (AsyncBulkEditor, BulkEditor),
    (AsyncPager, Pager),
    (AsyncUpdateReport, UpdateReport),
    *((type(getattr(ONE, name)), type(getattr(OTHER, name))) for name in RESOURCES),
]


def surface(kind: type[Any]) -> dict[str, str]:
    found = {}
    for name, member in inspect.getmembers(kind):
        if name.startswith("_") and name != "__init__":
            continue
        if callable(member):
            found[name] = re.sub(r"\bAsync(?=[A-Z])|Awaitable\[|_async\b", "", str(inspect.signature(member)))
        else:
            found[name] = type(member).__name__
    if "aclose" in found:
        found["close"] = found.pop("aclose")
    return found


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda kind: kind.__name__)
def test_both_faces_offer_the_same(one: type[Any], other: type[Any]) -> None:
    mine, theirs = surface(one), surface(other)
    generators = re.compile(r"Generator\[(.+?), None(, None)?\]")
    normal = {name: generators.sub(r"Generator[\1]", text) for name, text in mine.items()}
    assert normal == {name: generators.sub(r"Generator[\1]", text) for name, text in theirs.items()}


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda kind: kind.__name__)
def test_every_public_member_is_explained(one: type[Any], other: type[Any]) -> None:
    for kind in (one, other):
        for name in dir(kind):
            if not name.startswith("_"):
                assert inspect.getdoc(getattr(kind, name)), f"{kind.__name__}.{name}"

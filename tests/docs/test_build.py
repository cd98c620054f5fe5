"""The build's own promises: real data is not skipped in CI, checks are named, the script is a script."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SKIPPED = """
import pytest

@pytest.mark.shared
def test_real_data():
    pytest.skip("the file is missing")

@pytest.mark.shared
@pytest.mark.skipif(True, reason="not today")
def test_condition():
    pass

@pytest.mark.shared
@pytest.mark.xfail
def test_known():
    assert False

def test_plain():
    pytest.skip("anything")
"""


def run_pytest(folder: Path, shared: Path, ci: str) -> str:
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests/conftest.py", folder / "tests")
    (folder / "tests/test_it.py").write_text(SKIPPED, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = shared: real data\n", "utf-8")
    environment = {
        **os.environ,
        "CI": ci,
        "BULKEDITOR_SHARED": str(shared),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize(
    ("ci", "there", "says"),
    [
        ("true", True, "1 failed, 1 skipped, 1 xfailed, 1 error"),
        ("true", False, "3 skipped, 1 xfailed"),
        ("false", True, "3 skipped, 1 xfailed"),
    ],
)
def test_skipped_real_data_fails_in_ci_alone(tmp_path: Path, ci: str, there: bool, says: str) -> None:
    shared = tmp_path / "shared"
    if there:
        (shared / "data").mkdir(parents=True)
    out = run_pytest(tmp_path, shared, ci)
    assert says in out, out
    assert ("the file is missing" in out) is says.startswith("1 failed")


def test_an_unknown_check_is_named() -> None:
    command = [sys.executable, "scripts/checks.py", "lint", "spelling"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "No such check: spelling. There are: lint, types, docs, package." in done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
def test_the_build_script_is_sound() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    # What the README tells people to type is what the build runs.
    for command in (
        "pip install '.[sandbox]' && python -m bulkeditor demo",
        "pip install -e '.[test]' && pytest",
    ):
        assert command in readme
        for part in command.split(" && "):
            assert part.replace("pip install ", "pip install -qq ") in text

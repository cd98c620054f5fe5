"""Fixtures for every test: where the shared data is, and the seed that a failing simulation prints."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long it takes to make up an example says how busy the machine is, and nothing about the code.
settings.register_profile("bulkeditor", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bulkeditor")


def shared_root() -> Path:
    """The folder with real catalogs and published vectors; it is not part of the project."""
    override = os.environ.get("BULKEDITOR_SHARED")
    return Path(override) if override else Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    root = shared_root()
    if not (root / "data").is_dir():
        pytest.skip(f"no shared data at {root}: set BULKEDITOR_SHARED to the folder that holds data/")
    return root


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test of real data may only be skipped where there is none: else a lost fixture looks green."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _must_run(item):
        report.outcome = "failed"
        report.longrepr = f"skipped although {shared_root()} is there and CI is set: {report.longrepr}"
    return report


def _must_run(item: pytest.Item) -> bool:
    in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    return in_ci and shared_root().exists() and item.get_closest_marker("shared") is not None

"""The vendors' documents, and the marker of every test that needs them."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def vendor_specs(shared: Path) -> Path:
    """The folder with a folder for each vendor; it is not part of the project."""
    specs = shared / "vendor-specs"
    if not specs.is_dir():
        pytest.skip(f"no vendors' documents at {specs}: contract tests did not run")
    return specs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for the documents is marked: in CI such a test may not be skipped."""
    for item in items:
        if "vendor_specs" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)

"""The document, parsed once."""

import pytest

from tests.contract.validator import Contract


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract.load()

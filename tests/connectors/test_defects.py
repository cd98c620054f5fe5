"""The acceptance suite itself under test: each seeded defect must make it fail."""

import inspect
import io
import itertools
import logging
import sys
from collections import Counter
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor.testing import ITEMS, ConnectorSuite
from bulkeditor.testing.vendors.reference import ReferenceERP
from tests.connectors.defects import DEFECTS, Defect

CAUGHT = "77 of 77, 2 by another item"
SOURCE = Path(__file__).with_name("erp.py").read_text("utf-8")
TESTS = [
    test for name, test in inspect.getmembers(ConnectorSuite, inspect.isfunction) if name.startswith("test_")
]


class Patient(ReferenceERP):
    """Hangs up on a connector that would ask for ever."""

    patience = 400


def suite(source: str) -> ConnectorSuite:
    """The suite on a connector of this source."""
    module = ModuleType("defective_erp")
    module.__dict__["be"] = be
    sys.modules[module.__name__] = module
    exec(compile(source, "defective_erp.py", "exec"), module.__dict__)

    class Suite(ConnectorSuite):
        config = {"integration": "my-erp", "sync_fields": ["sku", "list_price"], "sync_frequency": "hourly"}

        @classmethod
        def stand_in(cls, clock):
            return Patient(clock=clock)

        def connector(self, fake):
            return module.MyERP(
                base_url=fake.base_url, client_id=fake.client_id, client_secret=fake.client_secret
            )

    return Suite()


class Log(logging.Handler):
    """What pytest's caplog and capfd are to a test."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self.out = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def set_level(self, level: int) -> None:
        logging.getLogger().setLevel(level)

    @property
    def text(self) -> str:
        return "\n".join(record.getMessage() for record in self.records)

    def readouterr(self) -> tuple[str, str]:
        return self.out.getvalue(), ""


def cases(test: Any) -> list[dict[str, Any]]:
    """The arguments of each run of a test, as pytest would give them."""
    axes = [
        [(mark.args[0], value) for value in mark.args[1]]
        for mark in getattr(test, "pytestmark", [])
        if mark.name == "parametrize"
    ]
    return [dict(case) for case in itertools.product(*axes)]


def fails(tried: ConnectorSuite, test: Any) -> bool:
    """Whether a test of the suite fails in one of its cases."""
    wanted = inspect.signature(test).parameters
    root = logging.getLogger()
    for case in cases(test):
        log, level, patch = Log(), root.level, pytest.MonkeyPatch()
        root.addHandler(log)
        fixtures = {"monkeypatch": patch, "caplog": log, "capfd": log}
        given = {**case, **{name: value for name, value in fixtures.items() if name in wanted}}
        try:
            with redirect_stdout(log.out), suppress(pytest.skip.Exception):
                test(tried, **given)
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever it is, it is a failure
            return True
        finally:
            root.removeHandler(log)
            root.setLevel(level)
            patch.undo()
    return False


def caught(defect: Defect) -> str | None:
    """The item that catches a defect, its own if it does; None when none does."""
    source = SOURCE
    for old, new in ((defect.old, defect.new), defect.also):
        assert not old or source.count(old) == 1, f"{defect.name}: {old!r} is not (once) in erp.py"
        source = source.replace(old, new) if old else source
    tried = suite(source)
    for test in sorted(TESTS, key=lambda test: test.item != defect.item):
        if fails(tried, test):
            return test.item
    return None


def test_the_suite_passes_on_the_connector_without_a_defect() -> None:
    sound = suite(SOURCE)
    assert [test.__name__ for test in TESTS if fails(sound, test)] == []


def test_each_item_has_three_defects_or_more() -> None:
    counts = Counter(defect.item for defect in DEFECTS)
    assert set(counts) == set(ITEMS)
    assert min(counts.values()) >= 3
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 40


@pytest.mark.filterwarnings("ignore")
def test_seeded_defects_are_caught(record_property) -> None:
    found = {defect: caught(defect) for defect in DEFECTS}
    missed = [f"{defect.item}: {defect.name}" for defect, by in found.items() if by is None]
    strange = [
        f"{defect.item}: {defect.name} (by {by})"
        for defect, by in found.items()
        if by not in (None, defect.item)
    ]
    figure = f"{len(found) - len(missed)} of {len(found)}, {len(strange)} by another item"
    record_property("caught", figure)
    assert len(missed) <= 0.05 * len(found), missed
    assert len(strange) <= 0.1 * len(found), strange
    # Not only above the bar: what was caught once stays caught.
    assert figure == CAUGHT, (missed, strange)

"""The acceptance suite: what every connector must do, to be inherited by the tests of yours."""

from __future__ import annotations

from bulkeditor.errors import MissingExtraError

try:
    import pytest
except ImportError as error:
    raise MissingExtraError("test", feature="ConnectorSuite") from error

# Before they are loaded: a failing assertion then shows what was compared, as in any module of tests.
pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("_bench", "_declared", "_faults", "_reading", "_writing"))
)

from bulkeditor.testing._suite._declared import Declared  # noqa: E402 - see above
from bulkeditor.testing._suite._faults import Faults  # noqa: E402 - as above
from bulkeditor.testing._suite._items import ITEMS  # noqa: E402 - as above
from bulkeditor.testing._suite._reading import Reading  # noqa: E402 - as above
from bulkeditor.testing._suite._writing import Writing  # noqa: E402 - as above


class ConnectorSuite(Declared, Reading, Writing, Faults):
    """What every connector must do; inherit it in a class of tests, and say which connector and against what.

        class TestMyERP(ConnectorSuite):
            config = {"integration": "my-erp"}

            @classmethod
            def stand_in(cls, clock):
                return MyERPStandIn(clock=clock)

            def connector(self, fake):
                return MyERP(base_url=fake.base_url, token=fake.token)

    Each test belongs to one of :data:`ITEMS`. An item that the system cannot show is declared in ``absent``
    with its reason, and skipped visibly.
    """


__all__ = ["ITEMS", "ConnectorSuite"]

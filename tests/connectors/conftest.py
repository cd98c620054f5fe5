"""Both modes behind one face, and the stand-in that the reference connector talks to."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from bulkeditor.connectors import Change, Connector
from bulkeditor.http import RetryPolicy
from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors.reference import ReferenceERP
from tests.connectors.erp import MyERP


class Blocking:
    """One open session, blocking."""

    def __init__(self, connector: Connector, **options: Any) -> None:
        self.session = connector.open(**options)

    def pages(self, **wish: Any) -> list[Any]:
        return list(self.session.pages(**wish))

    def first_pages(self, count: int, **wish: Any) -> list[Any]:
        found = []
        pages = self.session.pages(**wish)
        for page in pages:
            found.append(page)
            if len(found) == count:
                break
        pages.close()
        return found

    def read(self, **wish: Any) -> list[Any]:
        return list(self.session.read(**wish))

    def write(self, changes: list[Change], **options: Any) -> list[Any]:
        return self.session.write(changes, **options)

    def check(self) -> list[Any]:
        return self.session.check()

    def create_purchase_order(self, order: Any) -> Any:
        return self.session.create_purchase_order(order)

    def run(self, flow: Any) -> Any:
        return self.session.run(flow)

    def close(self) -> None:
        self.session.close()


class Loop:
    """One open session under asyncio, each call run to its end."""

    def __init__(self, connector: Connector, **options: Any) -> None:
        self.runner = asyncio.Runner()
        self.session = connector.open_async(**options)

    def pages(self, **wish: Any) -> list[Any]:
        return self.first_pages(-1, **wish)

    def first_pages(self, count: int, **wish: Any) -> list[Any]:
        async def work() -> list[Any]:
            found = []
            async with aclosing(self.session.pages(**wish)) as pages:
                async for page in pages:
                    found.append(page)
                    if len(found) == count:
                        break
            return found

        return self.runner.run(work())

    def read(self, **wish: Any) -> list[Any]:
        return [record for page in self.pages(**wish) for record in page.records]

    def write(self, changes: list[Change], **options: Any) -> list[Any]:
        return self.runner.run(self.session.write(changes, **options))

    def check(self) -> list[Any]:
        return self.runner.run(self.session.check())

    def create_purchase_order(self, order: Any) -> Any:
        return self.runner.run(self.session.create_purchase_order(order))

    def run(self, flow: Any) -> Any:
        return self.runner.run(self.session.run(flow))

    def close(self) -> None:
        self.runner.run(self.session.aclose())
        self.runner.close()


@pytest.fixture(params=[Blocking, Loop], ids=["blocking", "asyncio"])
def mode(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Opens a connector in one of the modes; everything is closed at the end."""
    opened = []

    def make(connector: Connector, **options: Any) -> Any:
        options.setdefault("clock", InstantClock())
        opened.append(request.param(connector, **options))
        return opened[-1]

    yield make
    for session in opened:
        session.close()


@pytest.fixture
def fake() -> Iterator[ReferenceERP]:
    with ReferenceERP() as server:
        yield server


@pytest.fixture
def erp(fake: ReferenceERP) -> MyERP:
    return MyERP(base_url=fake.base_url, client_id=fake.client_id, client_secret=fake.client_secret)


@pytest.fixture
def no_retry() -> RetryPolicy:
    return RetryPolicy(max_retries=0)


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()

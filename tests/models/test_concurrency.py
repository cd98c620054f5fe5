"""Threads that decode at once, and the pause of the garbage collector."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from bulkeditor.models import ApiKey, Product, collector_paused, decode_page
from tests.models._data import FULL, full, page, without


def in_threads(work, count: int = 8) -> list[object]:
    start = threading.Barrier(count)

    def run(number: int) -> object:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_pages_with_different_gaps_do_not_disturb_each_other():
    """What marks an absent field is shared by all threads; a false alarm may cost time, never a field."""
    names = list(FULL)

    def work(number: int) -> bool:
        rows = [without(names[(number + row) % len(names)]) | {"mark": number} for row in range(40)]
        content, keys = page(*rows), page({"id": str(number)}, key="api_keys")
        for _ in range(25):
            Product(id="by hand")
            listed = decode_page(keys, ApiKey, "api_keys").items[0]
            result = decode_page(content, Product, "products")
            if listed.loaded != {"id", "key"} or result.path != "strict":
                return False
            if [row.loaded for row in result.items] != [row.keys() - {"mark"} for row in rows]:
                return False
            if any(row.extra != {"mark": number} for row in result.items):
                return False
        return True

    assert all(in_threads(work))


def test_a_page_is_split_once_for_many_readers():
    items = decode_page(page(*(full(id=str(n), x=n) for n in range(100))), Product, "products").items
    seen = in_threads(lambda _: [row.extra["x"] for row in items])
    assert seen == [list(range(100))] * 8


def test_the_first_use_may_be_in_many_threads():
    keys = [f"rows_{number}" for number in range(8)]
    content = [page({"id": "1", "price": 0.5}, key="results") for _ in keys]
    prices = in_threads(lambda number: decode_page(content[number], Product, keys[number]).items[0].price)
    assert prices == [Decimal("0.5")] * 8


class TestCollector:
    @pytest.fixture(autouse=True)
    def _restore(self):
        was = gc.isenabled()
        gc.enable()
        yield
        (gc.enable if was else gc.disable)()

    def test_it_is_paused_within_and_runs_after(self):
        with collector_paused():
            assert not gc.isenabled()
            with collector_paused():
                assert not gc.isenabled()
            assert not gc.isenabled()
        assert gc.isenabled()

    def test_it_runs_again_after_an_error(self):
        with pytest.raises(ZeroDivisionError), collector_paused():
            _ = 1 / 0
        assert gc.isenabled()

    def test_a_program_without_collector_stays_without(self):
        gc.disable()
        with collector_paused():
            pass
        assert not gc.isenabled()

    def test_the_last_of_many_threads_ends_the_pause(self):
        def work(_: int) -> bool:
            enabled = False
            for _ in range(200):
                with collector_paused():
                    enabled |= gc.isenabled()
            return enabled

        assert not any(in_threads(work))
        assert gc.isenabled()

    def test_decoding_leaves_it_as_it_is(self):
        decode_page(page(FULL), Product, "products")
        assert gc.isenabled()

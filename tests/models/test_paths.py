"""What must stay cheap: memory, imports, and that whole pages take the fast path."""

import gc
import subprocess
import sys
import tracemalloc

import msgspec
import pytest

from bulkeditor.models import Product, decode_page
from bulkeditor.models._base import absences_left
from tests.models._data import FULL, full, page


def test_a_row_weighs_no_more_than_a_struct():
    struct = msgspec.defstruct("Row", [(name, object, None) for name in FULL])
    product = decode_page(page(FULL), Product, "products").items[0]
    assert sys.getsizeof(product) <= 1.15 * sys.getsizeof(struct())
    assert not hasattr(product, "__dict__")


def test_rows_share_the_page_and_hold_no_cycle():
    content = page(*(full(id=str(n), x="y" * 1000) for n in range(100)))
    decode_page(content, Product, "products")  # what is prepared once is not a page's weight
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        kept = decode_page(content, Product, "products").items
        size = tracemalloc.get_traced_memory()[0]
        assert size < 100 * 2600  # the 1,000 bytes of x are not copied
        del kept
        assert (
            tracemalloc.get_traced_memory()[0] < size / 4
        )  # the interpreter keeps some empty dicts and lists
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("name", ["cattrs", "httpx", "tenacity", "starlette"])
def test_importing_models_does_not_import(name):
    code = f"import sys, bulkeditor.models; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_changed_decoder_would_be_noticed():
    """Empty slots rest on how msgspec finds absent fields; were it to fill in defaults, rows stay right."""
    before = absences_left()
    items = decode_page(page({"id": "1"}, {"sku": "A"}), Product, "products").items
    assert [row.loaded for row in items] == [{"id"}, {"sku"}]
    assert absences_left() == before, "slower than promised: msgspec fills in defaults again"

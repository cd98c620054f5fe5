"""What type checkers see: fields are typed, and a misspelt one is an error."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

RIGHT = """
from decimal import Decimal
from typing import assert_type
from bulkeditor.models import (
    JSON, UNSET, DecodedPage, Product, ProductUpdate, PriceAdjustment, UnsetType, decode_page, structure,
)

page = decode_page(b"[]", Product, "products")
assert_type(page, DecodedPage[Product])
product = page.items[0]
assert_type(product.price, Decimal | None)
assert_type(product.sku, str)
assert_type(product.tags, list[str])
assert_type(product.options, dict[str, str])
assert_type(product.custom_fields, dict[str, JSON])
assert_type(product.replace(sku="A"), Product)
assert_type(structure({}, ProductUpdate), ProductUpdate)
update = ProductUpdate(id="1", price="12.50", cost=3, compare_at_price=None, tags=("a",))
assert_type(update.price, Decimal | UnsetType | None)
ProductUpdate(sku="A", price=UNSET, inventory_quantity=4)
PriceAdjustment.percentage(-20)
Product(id="1")
"""
WRONG = {
    "product.prise": "from bulkeditor.models import Product\nproduct = Product(id='1')\nproduct.prise\n",
    "Product(prise=1)": "from bulkeditor.models import Product\nProduct(prise=1)\n",
    "frozen": "from bulkeditor.models import Product\nproduct = Product(id='1')\nproduct.sku = 'A'\n",
    "price=[]": "from bulkeditor.models import ProductUpdate\nProductUpdate(id='1', price=[])\n",
    "no id type": "from bulkeditor.models import ProductUpdate\nProductUpdate(id=5)\n",
}
CHECKERS = {
    "mypy": ["mypy", "--strict", "--no-error-summary", "--cache-dir"],
    "basedpyright": ["basedpyright", "--level", "error", "--pythonpath"],
}


@pytest.fixture(params=CHECKERS)
def check(request: pytest.FixtureRequest, tmp_path: Path):
    module, *options = CHECKERS[request.param]
    pytest.importorskip(module)
    last = str(tmp_path / "cache") if module == "mypy" else sys.executable

    def run(files: dict[str, str]) -> dict[str, bool]:
        for name, code in files.items():
            (tmp_path / name).write_text(textwrap.dedent(code))
        command = [sys.executable, "-m", module, *options, last, *(str(tmp_path / name) for name in files)]
        out = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path).stdout
        return {name: name in out for name in files}

    return run


@pytest.mark.slow
def test_checkers_agree(check):
    wrong = {f"wrong_{number}.py": code for number, code in enumerate(WRONG.values())}
    found = check({"right.py": RIGHT, **wrong})
    assert found == {"right.py": False, **dict.fromkeys(wrong, True)}

"""Listings as data frames: amounts exact, times aware, tags as lists, only what was loaded."""

from __future__ import annotations

import builtins
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bulkeditor import ApiKey, Product, Sandbox, Secret
from bulkeditor.errors import MissingExtraError
from bulkeditor.notebook import _frames

NOW = datetime(2024, 6, 1, tzinfo=UTC)
ROWS = [
    Product(
        id="1",
        price=Decimal("0.0121"),
        tags=["a", "b"],
        created_at=NOW,
        options={"Size": "M"},
        inventory_quantity=3,
    ),
    Product(id="2", price=None, tags=[], created_at=NOW, options={}),
    Product(id="3", price=Decimal(10), tags=["c"], options={"Color": "jade"}, inventory_quantity=-1),
]
COLUMNS = ["id", "tags", "price", "inventory_quantity", "options", "created_at"]


def test_pandas() -> None:
    frame = _frames.to_pandas(ROWS, Product)
    assert list(frame.columns) == COLUMNS
    assert frame["price"].tolist() == [Decimal("0.0121"), None, Decimal(10)]
    assert frame["tags"].tolist() == [["a", "b"], [], ["c"]]
    assert frame["options"].tolist()[0] == {"Size": "M"}
    assert str(frame["inventory_quantity"].dtype) == "Int64"
    assert str(frame["created_at"].dtype).endswith("UTC]")
    assert frame["created_at"].isna().tolist() == [False, False, True]


def test_polars() -> None:
    frame = _frames.to_polars(ROWS, Product)
    assert frame.columns == COLUMNS
    assert frame["price"].to_list() == [Decimal("0.0121"), None, Decimal("10.0000")]
    assert frame["tags"].to_list() == [["a", "b"], [], ["c"]]
    assert frame["options"].to_list() == ['{"Size":"M"}', "{}", '{"Color":"jade"}']
    assert frame["created_at"].to_list() == [NOW, NOW, None]
    assert frame["inventory_quantity"].to_list() == [3, None, -1]


def test_arrow() -> None:
    table = _frames.to_arrow(ROWS, Product)
    assert table.column_names == COLUMNS
    assert str(table.schema.field("price").type) == "decimal128(38, 4)"
    assert str(table.schema.field("created_at").type) == "timestamp[us, tz=UTC]"
    assert table["price"].to_pylist() == [Decimal("0.0121"), None, Decimal("10.0000")]
    assert table["tags"].to_pylist() == [["a", "b"], [], ["c"]]


@pytest.mark.parametrize("convert", [_frames.to_pandas, _frames.to_polars, _frames.to_arrow])
class TestEvery:
    def test_without_rows_the_columns_are_the_models(self, convert: Any) -> None:
        frame = convert([], Product)
        names = getattr(frame, "column_names", None) or list(frame.columns)
        assert names[:2] == ["id", "sku"]
        assert len(names) == 18

    def test_amounts_that_no_column_holds_stay_exact(self, convert: Any) -> None:
        price = Decimal("123456789012345678901234567890.0000000001")
        frame = convert([Product(id="1", price=price)], Product)
        cell = (
            frame["price"].to_pylist()[0] if hasattr(frame, "column_names") else frame["price"].to_list()[0]
        )
        assert Decimal(cell) == price

    def test_no_credential_wanders_into_a_frame(self, convert: Any) -> None:
        frame = convert([ApiKey(id="k", name="ci", scopes=["read:products"], key=Secret("canary"))], ApiKey)
        assert "canary" not in str(frame)
        assert "key" not in (getattr(frame, "column_names", None) or list(frame.columns))

    def test_a_missing_library_is_said_in_one_sentence(
        self, convert: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        true_import = builtins.__import__

        def refuse(name: str, *args: Any, **options: Any) -> Any:
            if name in ("pandas", "polars", "pyarrow"):
                raise ImportError(name)
            return true_import(name, *args, **options)

        monkeypatch.setattr(builtins, "__import__", refuse)
        with pytest.raises(MissingExtraError, match=r"pip install 'bulkeditor\[dataframe\]'"):
            convert(ROWS, Product)


def test_a_listing_becomes_a_frame(shop: Any, sandbox: Sandbox) -> None:
    listing = shop.products.list(fields=["sku", "price"], limit=25)
    pandas = listing.to_pandas()
    assert list(pandas.columns) == ["sku", "price"]
    assert pandas["price"].tolist() == [row["price"] for row in sandbox.products.rows()]
    assert listing.to_polars().height == listing.to_arrow().num_rows == 60

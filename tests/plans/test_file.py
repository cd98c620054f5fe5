"""Plans as files: exact, whole or not at all; an edited or truncated one is refused by name."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulkeditor as be
from bulkeditor.plans import Counts, PlanDocument, PlanRow, SkippedRow, Violation, _file

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

texts = st.text(st.characters(), max_size=12)  # lone surrogates and NUL as well
amounts = st.decimals(
    allow_nan=False, allow_infinity=False, places=None, min_value=-(10**13), max_value=10**13
)
scalars = st.none() | st.booleans() | st.integers() | texts | amounts
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            texts | st.sampled_from(["$decimal", "$absent", "$object", "$json"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@st.composite
def rows(draw: st.DrawFn) -> PlanRow:
    field = draw(st.sampled_from(["price", "cost", "tags", "title", "custom_fields.x", "barcode"]))
    values = amounts | st.none() | texts if field in {"price", "cost"} else json_values
    if field.startswith("custom"):
        values |= st.just(be.UNSET)
    problem = st.none() | st.builds(be.FieldError, message=texts, field=texts | st.none(), code=texts)
    return PlanRow(
        product=draw(texts),
        sku=draw(texts | st.none()),
        title=draw(texts | st.none()),
        field=field,
        before=draw(values),
        after=draw(values),
        reason=draw(texts),
        problem=draw(problem),
    )


documents = st.builds(
    PlanDocument,
    id=texts,
    shop=texts,
    created_at=st.just(NOW),
    filter=texts,
    updates=st.tuples(texts),
    guards=st.tuples(texts),
    currency=st.none() | st.just("JPY"),
    title=st.none() | texts,
    rows=st.lists(rows(), max_size=3).map(tuple),
    skipped=st.lists(
        st.builds(SkippedRow, product=texts | st.none(), sku=texts | st.none(), code=texts, reason=texts),
        max_size=2,
    ).map(tuple),
    violations=st.lists(
        st.builds(Violation, guard=texts, message=texts, product=texts | st.none()), max_size=2
    ).map(tuple),
    counts=st.builds(Counts, *[]),
)


def spelled(value: Any) -> str:
    """Every digit, every type."""
    return repr(value)


@given(document=documents)
def test_what_was_saved_is_loaded(document: PlanDocument, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "some.plan.json"
    document.save(path)
    loaded = PlanDocument.load(path)
    assert loaded == document
    assert [spelled(row) for row in loaded.rows] == [spelled(row) for row in document.rows]
    path.read_bytes().decode("utf-8")


@pytest.fixture
def plan(shop: Any) -> Any:
    return shop.plan(filter={"vendor": "Premium Brand"}, updates=[be.price.percentage(-20)])


@pytest.fixture
def saved(plan: Any, tmp_path: Path) -> Path:
    path = tmp_path / "sale.plan.json"
    plan.save(path)
    return path


def test_a_saved_plan_is_loaded_by_its_shop(shop: Any, plan: Any, saved: Path) -> None:
    loaded = shop.load_plan(saved)
    assert loaded.rows == plan.rows
    assert loaded.id == plan.id


def test_a_plan_from_another_shop_is_refused(connect: Any, saved: Path) -> None:
    with be.Sandbox(products=1) as other:
        shop = connect(other)
        with pytest.raises(be.PlanError, match=f"not for {other.base_url}"):
            shop.load_plan(saved)
        assert shop.load_plan(saved, any_shop=True).shop == other.base_url


def test_laying_the_file_out_anew_changes_nothing(plan: Any, saved: Path) -> None:
    saved.write_text(json.dumps(json.loads(saved.read_text()), indent=4, sort_keys=True))
    assert PlanDocument.load(saved).rows == plan.rows


def test_any_edit_is_noticed(plan: Any, saved: Path) -> None:
    data = json.loads(saved.read_text())
    edits = [
        ("rows", 0, "after", "0.01"),
        ("rows", 2, "product", "product_id_9"),
        ("plan", "shop", "http://x"),
    ]
    for *place, name, value in edits:
        edited = json.loads(saved.read_text())
        target = edited
        for step in place:
            target = target[step]
        target[name] = value
        saved.with_name("edited.json").write_text(json.dumps(edited))
        with pytest.raises(be.PlanFileError, match=r"edited\.json was edited"):
            PlanDocument.load(saved.with_name("edited.json"))
    del data["rows"][1]
    saved.write_text(json.dumps(data))
    with pytest.raises(be.PlanFileError, match="rows of it are missing"):
        PlanDocument.load(saved)


@pytest.mark.parametrize("share", [0, 0.2, 0.6, 0.99])
def test_a_file_that_breaks_off_is_refused(saved: Path, share: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(be.PlanFileError, match=r"sale\.plan\.json is damaged, cut off"):
        PlanDocument.load(saved)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"[]", "no plan"),
        (b'{"format": "something.else"}', "no plan"),
        (b'{"format": "bulkeditor.plan", "version": 2}', "version 2"),
        (b'{"format": "bulkeditor.plan", "version": 1}', "damaged: KeyError"),
        (b"\xff\xfe\x00", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b'{"format": NaN}', "no exact number"),
    ],
)
def test_foreign_files_are_refused(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(be.PlanFileError, match=text):
        PlanDocument.load(path)


@pytest.mark.parametrize(
    "edit",
    [
        {"rows": [{"product": 1, "field": "price", "before": None, "after": None}]},
        {"rows": [{"product": "1", "field": "price", "before": "abc", "after": None}]},
        {"rows": [{"product": "1", "field": "price", "before": 1, "after": None}]},
        {"rows": [{"product": "1", "field": "price", "before": "sNaN", "after": None}]},
        {"rows": [{"product": "1", "field": "price", "before": None, "after": "Infinity"}]},
        {"rows": [{"product": "1", "field": "custom_fields.a", "before": {"$decimal": "NaN"}, "after": 1}]},
        {"rows": [7]},
        {"rows": 7},
        {"plan": None},
        {"skipped": [{}]},
        {"violations": [{"guard": "x"}]},
    ],
)
def test_a_forged_checksum_cannot_smuggle_another_shape_in(saved: Path, edit: dict[str, Any]) -> None:

    data = {**json.loads(saved.read_text()), **edit}
    try:
        data["checksum"] = _file.PLAN._checksum(data)
    except TypeError:
        data["checksum"] = "sha256:0"
    saved.write_text(json.dumps(data))
    with pytest.raises(be.PlanFileError, match="damaged"):
        PlanDocument.load(saved)


def test_saving_replaces_a_file_whole_or_not_at_all(
    plan: Any, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    hidden = PlanDocument(id="x", shop="y", created_at=NOW, filter="z" * 100_000)

    def no_space(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        hidden.save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_amounts_keep_their_digits_and_codes_their_zeros(tmp_path: Path) -> None:
    row = PlanRow(product="1", field="barcode", before="00042", after=Decimal("1.10"))
    price = PlanRow(product="1", field="price", before=Decimal("1.0"), after=Decimal("1.000000"))
    PlanDocument(id="x", shop="y", created_at=NOW, rows=(row, price)).save(tmp_path / "p.json")
    loaded = PlanDocument.load(tmp_path / "p.json").rows
    assert [repr(item) for item in loaded] == [repr(row), repr(price)]

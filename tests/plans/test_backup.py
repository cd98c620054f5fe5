"""Backups hold every product exactly, a restore is a plan, and a damaged file is never restored."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bulkeditor as be
from bulkeditor import F
from bulkeditor.models._base import build
from bulkeditor.plans._backup import Ending, backup_file, read_backup
from bulkeditor.plans._backup_restore import Restorer
from bulkeditor.plans._gather import Origin
from tests.client.conftest import HurriedClock
from tests.plans.catalogs import CATALOGS, catalog_of

ENDINGS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz")
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)


@pytest.fixture(params=ENDINGS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"backup{request.param}"


# There and back


def test_a_backup_restored_without_an_edit_changes_nothing(
    shop: Any, sandbox: be.Sandbox, path: Path
) -> None:
    report = shop.backup(path)
    assert report.complete
    assert report.products == report.listed == len(sandbox.products) == 60
    assert str(report) == f"{path.name}: 60 of 60 products"
    plan = shop.restore(path)
    assert plan.rows == plan.skipped == ()
    assert plan.counts.read == plan.counts.unchanged == 60


def test_a_restore_is_a_plan_of_what_differs(shop: Any, sandbox: be.Sandbox, path: Path) -> None:
    shop.products.update(
        [{"id": "product_id_4", "custom_fields": {"a": None, "b": "", "c": Decimal("1.50")}}]
    )
    before = sandbox.products.get("product_id_4")
    assert before["sku"] == "00042"
    assert before["barcode"] == "0012345678905"
    shop.backup(path)
    shop.products.update(
        [
            {
                "id": "product_id_4",
                "sku": "42",
                "barcode": "12345678905",
                "price": "1.00",
                "compare_at_price": "2.00",
                "tags": [],
                "vendor": None,
                "custom_fields": {"a": "x", "b": None, "d": 4},
                "inventory_quantity": 7,
            }
        ]
    )
    plan = shop.restore(path)
    assert {row.product for row in plan.rows} == {"product_id_4"}
    assert {row.field: row.after for row in plan.rows} == {
        "sku": "00042",
        "barcode": "0012345678905",
        "price": before["price"],
        "compare_at_price": before["compare_at_price"],
        "tags": before["tags"],
        "vendor": before["vendor"],
        "custom_fields.a": None,
        "custom_fields.b": "",
        "custom_fields.d": be.UNSET,
        "inventory_quantity": before["inventory_quantity"],
    }
    assert {row.field: row.before for row in plan.rows}["custom_fields.a"] == "x"

    some = shop.restore(path, fields=["price", "custom_fields.a"])
    assert [row.field for row in some.rows] == ["price", "custom_fields.a"]
    with pytest.raises(be.InvalidInputError, match="'prise' is no field"):
        shop.restore(path, fields=["prise"])


def test_products_that_came_or_went_are_listed_and_left_alone(
    shop: Any, sandbox: be.Sandbox, path: Path
) -> None:
    shop.backup(path)
    shop.products.delete("product_id_2")
    new = shop.products.create({"sku": "NEW-1", "title": "New product", "vendor": "Premium Brand"})
    plan = shop.restore(path)
    assert plan.rows == ()
    assert {(row.product, row.code) for row in plan.skipped} == {
        ("product_id_2", "not_in_shop"),
        (new.id, "not_in_backup"),
    }
    assert {row.sku for row in plan.skipped} == {"PT-2", "NEW-1"}
    # A filter is about the shop; where a product is gone, about what it was.
    assert shop.restore(path, filter=F.vendor == "Nobody").skipped == ()
    assert len(shop.restore(path, filter=F.vendor == "Premium Brand").skipped) == 2


def test_a_filter_chooses_products_as_they_are_now(shop: Any, path: Path) -> None:
    shop.backup(path)
    shop.products.update(
        [
            {"id": "product_id_1", "price": "1.00", "vendor": "Moved"},
            {"id": "product_id_2", "price": "1.00"},
        ]
    )
    plan = shop.restore(path, filter=F.vendor == "Moved", fields=["price"])
    assert [row.product for row in plan.rows] == ["product_id_1"]


@pytest.mark.shared
@pytest.mark.parametrize("catalog", CATALOGS)
def test_real_catalogs_come_back_as_they_were(shared: Path, tmp_path: Path, catalog: str) -> None:
    with (
        be.Sandbox(catalog=catalog_of(shared / "data" / catalog)) as sandbox,
        sandbox.connect(clock=HurriedClock()) as shop,
    ):
        listed = {product.id: product for product in shop.products.list()}
        assert listed
        for ending in ENDINGS:
            path = tmp_path / f"backup{ending}"
            assert shop.backup(path).complete
            plan = shop.restore(path)
            assert (plan.rows, plan.skipped) == ((), ())
            assert plan.counts.unchanged == len(listed)
        held = read_backup(tmp_path / "backup.jsonl.gz").products
        assert {ident: product.to_dict() for ident, product in held.items()} == {
            ident: product.to_dict() for ident, product in listed.items()
        }


# Hostile values

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_ugly = st.one_of(
    _text,
    st.sampled_from(
        [
            "",
            "'",
            "''",
            "'=1",
            "=1+1",
            "+49",
            "-5",
            "@x",
            " ",
            "\t",
            "\r",
            "\n",
            "a\r\nb",
            '"',
            '""',
            ",",
            ";",
        ]
    ),
    st.sampled_from(
        ["00042", "'00042", "1E5", "123456789012", "12345678901234567890", "[x]", "{}", "\x00", "NULL"]
    ),
)
_money = st.one_of(
    st.none(),
    st.decimals(min_value=0, max_value=10**9, places=2),
    st.sampled_from([Decimal("1E+3"), Decimal("0.000001"), Decimal(10), Decimal("10.00"), Decimal("25E-1")]),
)
_json = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**15), 10**15), _ugly, st.decimals(-99, 99, places=2)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_text, inner, max_size=3)),
    max_leaves=4,
)
_products = st.fixed_dictionaries(
    {
        "sku": _ugly,
        "title": _ugly,
        "handle": st.none() | _ugly,
        "vendor": st.none() | _ugly,
        "product_type": st.none() | _ugly,
        "category": st.none() | _ugly,
        "status": st.sampled_from(["active", "draft", "archived"]),
        "tags": st.lists(_ugly, max_size=4),
        "price": _money,
        "compare_at_price": _money,
        "cost": _money,
        "inventory_quantity": st.integers(-(10**12), 10**12),
        "custom_fields": st.dictionaries(_text, _json, max_size=3),
        "options": st.dictionaries(_ugly, _ugly, max_size=3),
        "barcode": st.none() | _ugly,
        "created_at": st.just(NOW),
        "updated_at": st.just(NOW),
    }
)
_ids = st.lists(_ugly.filter(str.strip), unique=True, max_size=5)


class _Walked:
    """A listing that was read to its end, without anything to complain about."""

    moved = missing = 0
    problems = ()


@settings(max_examples=40, deadline=None)
@given(ids=_ids, ending=st.sampled_from(ENDINGS), data=st.data())
def test_whatever_a_product_holds_comes_back(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str], ending: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("backup") / f"backup{ending}"
    products = [build(be.Product, {"id": ident.strip(), **data.draw(_products)}, {}) for ident in ids]
    products = list({product.id: product for product in products}.values())
    with backup_file(path, shop="https://shop", now=NOW) as writer:
        writer.add(products, len(products))
        report = writer.finish(_Walked(), NOW)  # type: ignore[arg-type]
    assert report.complete
    restorer = Restorer(read_backup(path), fields=None, filter=None, shop="https://shop")
    restorer.take(products)
    plan = restorer.document(_Walked(), Origin(id="plan", shop="https://shop", now=NOW))  # type: ignore[arg-type]
    assert (plan.rows, plan.skipped) == ((), ())
    if ending.startswith(".jsonl"):
        held = read_backup(path).products
        assert [str(held[item.id].price) for item in products] == [str(item.price) for item in products]


def test_half_a_character_is_named_and_nothing_is_written(path: Path) -> None:
    product = build(be.Product, {"id": "7", "title": "\ud800", "sku": "x"}, {})
    with pytest.raises(be.InvalidInputError, match="7"), backup_file(path, shop="s", now=NOW) as writer:
        writer.add([product], 1)
    assert list(path.parent.iterdir()) == []


# Spreadsheets


def test_a_spreadsheet_program_gives_back_what_it_opened(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "backup.csv"
    shop.products.update(
        [
            {"id": "product_id_5", "sku": "1E5", "barcode": "00012"},
            {"id": "product_id_6", "sku": "2-12"},
            {"id": "product_id_7", "barcode": "1234567890123"},
        ]
    )
    shop.backup(path)
    # A program that takes for numbers whatever looks like one, as spreadsheets do.
    pd.read_csv(path).to_csv(path, index=False)
    text = path.read_text("utf-8")
    assert all(f",'{code}," in text for code in ("00042", "1E5", "2-12", "00012", "1234567890123"))
    plan = shop.restore(path)
    assert (plan.rows, plan.skipped) == ((), ())


def _edited(path: Path, edit: Callable[[list[dict[str, str]]], None], **form: Any) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    edit(rows)
    with path.open("w", encoding=form.pop("encoding", "utf-8"), newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), **form)
        writer.writeheader()
        writer.writerows(rows)


def test_an_edited_csv_becomes_a_plan_and_each_bad_cell_is_named(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "backup.csv"
    shop.backup(path)

    def edit(rows: list[dict[str, str]]) -> None:
        rows[0]["price"] = "24,90"
        rows[0]["tags"] = "sale, new"
        rows[1]["barcode"] = "4.00638E+12"
        rows[1]["title"] = ""
        rows[2]["inventory_quantity"] = "1.5"
        rows[2]["custom_fields"] = "{nope"
        rows[2]["vendor"] = "Edited by hand"
        rows[3]["id"] = rows[2]["id"]
        rows[4]["id"] = ""

    _edited(path, edit, delimiter=";", encoding="utf-8-sig")
    plan = shop.restore(path)
    assert {(row.product, row.field): row.after for row in plan.rows} == {
        ("product_id_1", "tags"): ["sale", "new"],
        ("product_id_2", "title"): None,
        ("product_id_3", "vendor"): "Edited by hand",
    }
    assert [(row.field, row.problem.code) for row in plan.problems] == [("title", "too_short")]
    bad = [(row.product, row.field, row.reason) for row in plan.skipped if row.code == "unreadable"]
    assert [(product, field) for product, field, _ in bad] == [
        ("product_id_1", "price"),
        ("product_id_2", "barcode"),
        ("product_id_3", "inventory_quantity"),
        ("product_id_3", "custom_fields"),
        ("product_id_3", None),
        (None, None),
    ]
    reasons = [reason for _, _, reason in bad]
    assert reasons[0].startswith("line 2, price: ")
    assert "24,90" in reasons[0]
    assert "shortened" in reasons[1]
    assert reasons[4] == "line 5: the id came before; the first row counts"
    assert reasons[5] == "line 6: the id is missing"


def test_columns_that_were_removed_are_left_as_they_are(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "backup.csv"
    path.write_text("id\tprice\nproduct_id_1\t9.99\n\n", "utf-8")
    plan = shop.restore(path)
    assert [(row.product, row.field, row.after) for row in plan.rows] == [
        ("product_id_1", "price", Decimal("9.99"))
    ]
    with pytest.raises(be.PlanError, match=r"backup\.csv holds no cost"):
        shop.restore(path, fields=["cost"])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no column 'id'"),
        (b"sku,price\nA,1\n", "no column 'id'"),
        (b"id,prise\n1,1\n", "Did you mean 'price'"),
        (b"id,price,price\n1,1,1\n", "column 'price' twice"),
        ("id,title\n1,M\xfctze\n".encode("latin-1"), "not UTF-8"),
        (b'id,title\n1,"open\n', "no CSV"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(
    shop: Any, tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "backup.csv"
    path.write_bytes(content)
    with pytest.raises(be.BackupFileError, match=problem):
        shop.restore(path)


def test_a_row_with_other_cells_than_the_header_is_left_out(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "backup.csv"
    path.write_text("id,price,cost\nproduct_id_1,1\nproduct_id_2,1,2,3\n", "utf-8")
    plan = shop.restore(path)
    assert plan.rows == ()
    unreadable = [row.reason for row in plan.skipped if row.code == "unreadable"]
    assert unreadable == ["line 2: it has 2 cells, not 3", "line 3: it has 4 cells, not 3"]


# Files that are not whole


def _small(path: Path) -> bytes:
    with backup_file(path, shop="https://shop", now=NOW) as writer:
        writer.add([build(be.Product, {"id": "1", "title": "Müsli", "price": Decimal("1.50")}, {})], 1)
        writer.finish(_Walked(), NOW)  # type: ignore[arg-type]
    return path.read_bytes()


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"backup{ending}"
    whole = _small(path)
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(be.BackupFileError, match=r"backup\.jsonl"):
            read_backup(path)


def test_a_file_with_any_byte_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"
    whole = _small(path)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(be.BackupFileError, match=r"backup\.jsonl"):
            read_backup(path)


def test_lines_that_were_removed_added_or_exchanged_are_noticed(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"
    shop.backup(path)
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in (
        lines[:5] + lines[6:],
        [*lines[:5], lines[4], *lines[5:]],
        [*lines[:3], lines[4], lines[3], *lines[5:]],
        [*lines, lines[2]],
        [lines[0], *lines[2:]],
        lines[:-1],
        lines[1:],
        [*lines[:4], lines[4].replace(b'"price":"', b'"price":"1'), *lines[5:]],
        [*lines[:4], b"{nonsense\n", *lines[5:]],
    ):
        path.write_bytes(b"".join(changed))
        with pytest.raises(be.BackupFileError):
            shop.restore(path)


def test_foreign_and_newer_files_are_refused(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl.gz"
    shop.backup(path)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    head = json.loads(lines[0])
    path.write_bytes(b"".join([json.dumps({**head, "version": 2}).encode() + b"\n", *lines[1:]]))
    with pytest.raises(be.BackupFileError, match="version 2; this library reads version 1"):
        shop.restore(path)
    plan = tmp_path / "plan.jsonl"
    shop.restore(_copy(lines, tmp_path)).save(plan)
    with pytest.raises(be.BackupFileError, match="is no backup"):
        shop.restore(plan)
    with pytest.raises(be.InvalidInputError, match=r"backup\.jsonl\.gz"):
        shop.backup(tmp_path / "backup.xlsx")
    with pytest.raises(FileNotFoundError):
        shop.restore(tmp_path / "nowhere.jsonl")


def _copy(lines: list[bytes], folder: Path) -> Path:
    path = folder / "copy.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def test_a_backup_of_another_shop_must_be_meant(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"
    with be.Sandbox(products=60) as other, other.connect(clock=HurriedClock()) as twin:
        twin.backup(path)
        twin.products.update([{"id": "product_id_1", "price": "1.00"}])
    with pytest.raises(be.PlanError, match=r"any_shop=True"):
        shop.restore(path)
    assert shop.restore(path, any_shop=True).rows == ()


# Lists that move, servers that fail


def test_a_list_that_moves_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"
    with be.Sandbox(products=600) as sandbox, sandbox.connect(clock=HurriedClock()) as other:

        def interfere(event: Any) -> None:
            # Somebody deletes a product of the first page: each page after it begins one product late.
            if event.operation == "products.list" and sandbox.products.get("product_id_3"):
                other.products.delete("product_id_3")

        with sandbox.connect(
            clock=HurriedClock(), read_ahead=0, hooks=be.Hooks(on_response=(interfere,))
        ) as shop:
            report = shop.backup(path)
        assert report.products == 599
        assert report.missing == 0  # 600 were counted at first, 599 at last
        listed = {product.id for product in other.products.list()}
        held = set(read_backup(path).products)
        lost = listed - held
        assert held - listed == {"product_id_3"}
        assert len(lost) == 1
        plan = other.restore(path)
    assert {row.product for row in plan.skipped} == lost | {"product_id_3"}


def test_a_failure_leaves_the_old_backup_whole(shop: Any, sandbox: be.Sandbox, path: Path) -> None:
    shop.backup(path)
    old = path.read_bytes()
    sandbox.faults.add(route="GET /products", status=400, times=1)
    with pytest.raises(be.InvalidRequestError):
        shop.backup(path)
    assert path.read_bytes() == old
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_rows_that_cannot_be_read_are_told_and_not_taken_for_gone(path: Path) -> None:
    problem = be.models.RowProblem(index=3, id="7", message="no price")

    class Walked(_Walked):
        problems = (problem,)
        missing = 2

    product = build(be.Product, {"id": "1", "title": "Mug", "sku": "M"}, {})
    other = build(be.Product, {"id": "7", "title": "Cup", "sku": "C"}, {})
    with backup_file(path, shop="s", now=NOW) as writer:
        writer.add([product, other], 5)
        report = writer.finish(Walked(), NOW)  # type: ignore[arg-type]
    assert not report.complete
    assert str(report) == (
        f"{path.name}: 2 of 5 products; the list changed or was faulty: 2 never came, 1 could not be read"
    )
    restorer = Restorer(read_backup(path), fields=None, filter=None, shop="s")
    plan = restorer.document(Walked(), Origin(id="p", shop="s", now=NOW))  # type: ignore[arg-type]
    assert [(row.product, row.code) for row in plan.skipped] == [("1", "not_in_shop"), ("7", "unreadable")]


def test_a_manifest_says_what_the_file_holds(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"
    report = shop.backup(path)
    first, *_, last = path.read_text("utf-8").splitlines()
    head, end = json.loads(first), json.loads(last)["end"]
    assert head["format"] == "bulkeditor.backup"
    assert head["shop"] == report.shop
    assert (end["products"], end["listed"], end["moved"], end["missing"]) == (60, 60, 0, 0)
    assert end["sha256"] == report.checksum
    assert datetime.fromisoformat(head["started_at"]) == report.started_at <= report.finished_at
    assert Ending(
        finished_at=datetime.fromisoformat(end["finished_at"]),
        products=60, listed=60, moved=0, missing=0, unreadable=(),
    ).finished_at == report.finished_at  # fmt: skip


def test_what_the_library_does_not_know_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"
    product = build(be.Product, {"id": "1", "sku": "x"}, {"loyalty": {"points": Decimal("1.10")}, "end": 1})
    with backup_file(path, shop="s", now=NOW) as writer:
        writer.add([product], None)
        report = writer.finish(_Walked(), NOW)  # type: ignore[arg-type]
    assert report.listed is None
    assert report.complete
    held = read_backup(path).products["1"]
    assert held.extra == {"loyalty": {"points": Decimal("1.10")}, "end": 1}
    assert str(held.extra["loyalty"]["points"]) == "1.10"
    assert held.tags == []
    assert held.price is None

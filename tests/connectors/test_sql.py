"""SQL tables: pages by key, ties, rows without a key, outcomes by row, several writers, hidden passwords."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
import sqlalchemy as sa

import bulkeditor as be
from bulkeditor.connectors import Change, SQLTable, from_config

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path / 'erp.db'}"
    execute(
        url,
        "CREATE TABLE items (sku TEXT PRIMARY KEY, price NUMERIC(12, 2) CHECK (price >= 0), qty INTEGER, "
        "changed_at TIMESTAMP)",
    )
    return url


def execute(url, *statements):
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            result = connection.execute(sa.text(statement))
        rows = result.fetchall() if result.returns_rows else None
    engine.dispose()
    return rows


def items(url, **settings):
    columns = {"sku": "sku", "price": "price", "inventory_quantity": "qty"}
    return SQLTable(url, table="items", cursor="changed_at", columns=columns, **settings)


def fill(url, count, *, moment="2026-01-01 00:00:00.000000"):
    execute(url, *(f"INSERT INTO items VALUES ('k{n:02}', {n}.50, {n}, '{moment}')" for n in range(count)))


def write(table, *changes, **options):
    with table.open() as session:
        outcomes = session.write(changes, **options)
        assert session.written.balanced
    return [(outcome.status, outcome.code) for outcome in outcomes]


def keys_of(pages):
    return [record.key for page in pages for record in page.records]


def test_pages_by_key_and_resuming(url):
    fill(url, 7)
    with items(url).open() as session:
        pages = list(session.pages(page_size=3))
    whole = [f"k{n:02}" for n in range(7)]
    assert keys_of(pages) == whole
    for page, _ in pairwise(pages):
        with items(url).open() as session:
            rest = list(session.pages(page_size=3, resume=page.resume))
        seen = whole[: whole.index(page.records[-1].key) + 1]
        assert seen + keys_of(rest) == whole


def test_ties_on_the_cursor_across_pages(url):
    fill(url, 7)
    with items(url).open() as session:
        assert keys_of(session.pages(page_size=3, since=T0)) == [f"k{n:02}" for n in range(7)]


def test_an_incremental_read_asks_the_database_for_what_changed(url):
    fill(url, 5)
    with items(url).open() as session:
        list(session.read())
        bookmark = session.bookmark
        execute(
            url, "UPDATE items SET price = 9, changed_at = '2026-01-01 00:10:00.000000' WHERE sku = 'k02'"
        )
        execute(url, "UPDATE items SET changed_at = '2025-01-01 00:00:00.000000' WHERE sku = 'k03'")
        assert [record.key for record in session.read(since=bookmark)] == ["k02"]
        assert session.ledger.read == 4  # the row of long ago was not even asked for


def test_rows_without_a_key_are_reported(tmp_path):
    url = f"sqlite:///{tmp_path / 'erp.db'}"
    execute(url, "CREATE TABLE items (sku TEXT UNIQUE, price NUMERIC, qty INTEGER, changed_at TIMESTAMP)")
    execute(
        url,
        *(f"INSERT INTO items VALUES ({key}, 1, 1, NULL)" for key in ("NULL", "'a'", "''", "NULL", "'b'")),
    )
    with items(url).open() as session:
        records = list(session.read(page_size=10))
        assert [record.key for record in records] == ["a", "b"]
        assert [letter.code for letter in session.dead_letters] == ["no_key"] * 3
        assert session.ledger.balanced


def test_more_rows_without_a_key_than_a_page_holds(tmp_path):
    url = f"sqlite:///{tmp_path / 'erp.db'}"
    execute(url, "CREATE TABLE items (sku TEXT UNIQUE, price NUMERIC, qty INTEGER, changed_at TIMESTAMP)")
    execute(url, *(f"INSERT INTO items VALUES (NULL, {n}, 1, NULL)" for n in range(9)))
    execute(url, "INSERT INTO items VALUES ('a', 1, 1, NULL)")
    with items(url).open() as session:
        assert [record.key for record in session.read(page_size=4)] == ["a"]
        assert session.ledger.dead_lettered == 9


def test_a_key_that_is_not_unique_is_refused_before_rows_get_lost(tmp_path):
    url = f"sqlite:///{tmp_path / 'erp.db'}"
    execute(url, "CREATE TABLE items (sku TEXT, price NUMERIC, qty INTEGER, changed_at TIMESTAMP)")
    execute(url, "INSERT INTO items VALUES ('a', 1, 1, NULL), ('a', 2, 2, NULL)")
    with items(url).open() as session, pytest.raises(be.ConfigurationError, match="not unique: 'a'"):
        list(session.read())


def test_outcomes_of_each_row(url):
    fill(url, 6)
    outcomes = write(
        items(url),
        Change(key="k01", values={"price": "9.99"}),
        Change(key="k02", delta={"inventory_quantity": -3}),
        Change(key="k03", values={"price": 1}, expected={"price": 77}),
        Change(key="k04", delete=True),
        Change(key="nowhere", values={"price": 1}),
        Change(key="k05", values={"price": -1}),
        Change(key="k00", values={"price": Decimal("0.50")}),
        Change(key="k00", delta={"colour": 1}),
    )
    assert outcomes == [
        ("updated", None),
        ("updated", None),
        ("conflicted", "changed"),
        ("deleted", None),
        ("skipped", "not_found"),
        ("dead_lettered", "IntegrityError"),
        ("unchanged", None),
        ("dead_lettered", "unsupported"),
    ]
    assert execute(url, "SELECT sku, CAST(price AS TEXT), qty FROM items ORDER BY sku") == [
        ("k00", "0.5", 0),
        ("k01", "9.99", 1),
        ("k02", "2.5", -1),
        ("k03", "3.5", 3),
        ("k05", "5.5", 5),
    ]


def test_rows_are_made_where_that_is_wanted(url):
    assert write(items(url, insert=True), Change(key="new", values={"price": 3})) == [("created", None)]
    assert execute(url, "SELECT sku FROM items") == [("new",)]


def test_an_expectation_is_compared_by_the_database(url):
    """Somebody edits between our look and our write: the row is left alone."""
    fill(url, 1)
    table = items(url)
    change = Change(key="k00", values={"price": 2}, expected={"price": Decimal("0.50")})
    execute(url, "UPDATE items SET price = 7")
    assert write(table, change, look=False) == [("conflicted", "changed")]
    assert execute(url, "SELECT CAST(price AS TEXT) FROM items") == [("7",)]


def test_a_locked_database_is_a_retryable_failure_or_unknown_and_never_a_success(url, tmp_path):
    fill(url, 2)
    other = sqlite3.connect(tmp_path / "erp.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        locked = items(url + "?timeout=0")
        with pytest.raises(be.ServerError, match="locked"), locked.open() as session:
            session.write([Change(key="k00", values={"price": 2})])
    finally:
        other.close()
    assert execute(url, "SELECT COUNT(*) FROM items WHERE price = 2") == [(0,)]


@pytest.mark.parametrize(
    ("table", "problem"), [("nowhere", "There is no table 'nowhere'"), ("items", "no column 'colour'")]
)
def test_what_is_not_there_is_named(url, table, problem):
    with pytest.raises(be.ConfigurationError, match=problem):
        SQLTable(url, table=table, columns={"sku": "sku", "x": "colour"}).open().read().send(None)


@pytest.mark.parametrize(
    "url", ["nonsense", "postgresql+nodriver://me:hunter2@h/d", "sqlite:////no/where/at/all/hunter2"]
)
def test_a_password_does_not_show(url):
    table = SQLTable(url.replace("nonsense", "hunter2"), table="items")
    with pytest.raises(be.BulkEditorError) as caught, table.open() as session:
        list(session.read())
    assert "hunter2" not in repr(table) + str(table.config()) + str(caught.value)


def test_a_configuration_names_a_table(url, monkeypatch):
    fill(url, 1)
    monkeypatch.setenv("ERP_DB", url)
    table = from_config({"integration": "sql", "url": "${ERP_DB}", "table": "items", "key": "sku"})
    with table.open() as session:
        assert [record.key for record in session.read()] == ["k00"]
    assert table.config()["url"] == "${ERP_DB}"


# --- Postgres


@pytest.fixture
def postgres(postgres_url):
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://", 1)
    execute(
        url,
        "CREATE TABLE items (sku TEXT PRIMARY KEY, price NUMERIC(12, 2), qty INT, changed_at TIMESTAMPTZ)",
    )
    return url


def test_postgres_with_zones(postgres):
    execute(
        postgres,
        *(f"INSERT INTO items VALUES ('k{n}', {n}.10, {n}, '2026-01-01T0{n}:00:00+02')" for n in range(5)),
    )
    with items(postgres).open() as session:
        records = list(session.read(page_size=2))
        assert [record["price"] for record in records] == [Decimal(f"{n}.10") for n in range(5)]
        assert session.bookmark.cursor == datetime(2026, 1, 1, 2, tzinfo=UTC)
        since = T0 - timedelta(minutes=30)
        assert [record.key for record in session.read(page_size=2, since=since)] == ["k2", "k3", "k4"]
    assert write(items(postgres), Change(key="k1", values={"price": "1.11"})) == [("updated", None)]


def test_differences_add_up_whoever_writes(postgres):
    execute(postgres, "INSERT INTO items VALUES ('a', 1, 100, now())")

    def sell():
        with items(postgres).open() as session:
            for _ in range(10):
                session.write([Change(key="a", delta={"inventory_quantity": -1})])

    threads = [threading.Thread(target=sell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert execute(postgres, "SELECT qty FROM items") == [(60,)]


def test_a_swap_is_won_once(postgres):
    execute(postgres, "INSERT INTO items VALUES ('a', 1, 1, now())")
    outcomes = []

    def swap(number):
        change = Change(key="a", values={"price": 10 + number}, expected={"price": 1})
        outcomes.extend(write(items(postgres), change, look=False))

    threads = [threading.Thread(target=swap, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [("conflicted", "changed")] * 5 + [("updated", None)]

"""Configurations: the documented JSON as it stands, credentials, hashes, versions, other packages."""

import json
import sys
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

import bulkeditor as be
from bulkeditor.connectors import (
    Connector,
    History,
    MissingSettingsError,
    MultiLocation,
    StockLevel,
    available,
    from_config,
    secret,
    setting,
)
from bulkeditor.testing import InstantClock
from tests.connectors.erp import MyERP
from tests.connectors.test_session import seeded


class Documented(Connector):
    """Stands for a connector of the documented JSON: every key of the SAP and the Klaviyo sample."""

    name = "documented"
    reads = {"sku": "sku", "cost": "cost", "inventory_quantity": "qty", "vendor": "vendor", "category": "cat"}
    aliases = {"item_id": "sku"}

    account_id: str
    api_key: str | None = secret(default=None)
    sync_events: tuple[str, ...] = setting(default=(), converter=tuple)
    strict: bool = False


SAMPLE = {
    "integration": "documented",
    "endpoint": "https://your-sap-instance.com/api",
    "account_id": "your_account_id",
    "sync_fields": ["sku", "cost", "inventory_quantity", "vendor", "category"],
    "sync_frequency": "hourly",
    "direction": "bidirectional",
    "batch_size": 100,
}


def load(**changes):
    config = {key: value for key, value in {**SAMPLE, **changes}.items() if value is not ...}
    return from_config(config, connectors=[Documented])


def test_the_documented_keys_load():
    loaded = load(sync_events=["product_viewed"])
    assert loaded.base_url == "https://your-sap-instance.com/api"
    assert loaded.sync_fields == ("sku", "cost", "inventory_quantity", "vendor", "category")
    assert loaded.interval() == timedelta(hours=1)
    assert loaded.batch_size == 100
    assert loaded.sync_events == ("product_viewed",)


def test_everything_wrong_is_named_at_once_with_the_choices():
    with pytest.raises(be.InvalidInputError) as caught:
        load(account_id=..., sync_feilds=["sku"], strict="yes", api_key=7)
    named = {error.field: error.message for error in caught.value.errors}
    assert named["account_id"] == "it is required"
    assert named["sync_feilds"] == "there is no such key. Did you mean 'sync_fields'?"
    assert "true or false" in named["strict"]
    assert named["api_key"] == "expected text"
    assert "sync_frequency" in caught.value.hint


@pytest.mark.parametrize(
    ("key", "value", "choice"),
    [("sync_frequency", "fortnightly", "every_15_minutes"), ("direction", "sideways", "outbound")],
)
def test_closed_vocabularies_name_their_choices(key, value, choice):
    with pytest.raises(be.InvalidInputError, match=choice) as caught:
        load(**{key: value})
    assert value in str(caught.value)


def test_an_unknown_integration_names_those_that_are_there():
    with pytest.raises(be.ConfigurationError, match="Did you mean 'documented'"):
        from_config({"integration": "documentd"}, connectors=[Documented])
    with pytest.raises(be.InvalidInputError, match=r"integration must name one of .*documented"):
        from_config({"endpoint": "https://x.test"}, connectors=[Documented])


def test_unknown_sync_fields_name_the_choices():
    with pytest.raises(be.ConfigurationError, match=r"'colour'; there are category, cost, .*item_id"):
        load(sync_fields=["sku", "colour"]).open()


def test_credentials_may_refer_to_the_environment(monkeypatch):
    monkeypatch.setenv("WHERE", "erp.example")
    loaded = load(api_key="${THE_KEY}", endpoint="https://${WHERE}/api")
    assert loaded.base_url == "https://erp.example/api"
    with pytest.raises(MissingSettingsError, match=r"api_key \(THE_KEY\)"):
        loaded.secret("api_key")
    monkeypatch.setenv("THE_KEY", "s3cret")
    assert loaded.secret("api_key").reveal() == "s3cret"
    with pytest.raises(be.InvalidInputError, match="endpoint: The environment variable NOWHERE is not set"):
        load(endpoint="https://${NOWHERE}/api")


def test_a_configuration_without_credentials_loads_and_opening_names_them(fake, monkeypatch):
    loaded = MyERP.from_config({"integration": "my-erp", "endpoint": fake.base_url})
    with pytest.raises(MissingSettingsError) as caught:
        loaded.open()
    assert caught.value.missing == ("client_id (MY_ERP_CLIENT_ID)", "client_secret (MY_ERP_CLIENT_SECRET)")
    monkeypatch.setenv("MY_ERP_CLIENT_ID", fake.client_id)
    monkeypatch.setenv("MY_ERP_CLIENT_SECRET", fake.client_secret)
    with loaded.open() as session:
        assert list(session.read()) == []


def test_everything_from_the_environment(fake, monkeypatch):
    for name, value in {
        "BASE_URL": fake.base_url,
        "CLIENT_ID": fake.client_id,
        "CLIENT_SECRET": fake.client_secret,
        "SYNC_FIELDS": "sku, list_price",
        "BATCH_SIZE": "7",
    }.items():
        monkeypatch.setenv(f"MY_ERP_{name}", value)
    loaded = MyERP.from_env()
    assert (loaded.sync_fields, loaded.batch_size) == (("sku", "list_price"), 7)
    with loaded.open() as session:
        assert list(session.read()) == []


# --- what is configured is obeyed


def configured(fake, **config):
    return MyERP.from_config(
        {
            "integration": "my-erp",
            "endpoint": fake.base_url,
            "client_id": fake.client_id,
            "client_secret": fake.client_secret,
            **config,
        }
    )


def test_sync_fields_select_and_rename(mode, fake):
    seeded(fake)
    opened = mode(configured(fake, sync_fields=["sku", "list_price"]))
    assert opened.read()[0].values == {"sku": "A0", "price": Decimal("10.10")}
    outcomes = opened.write(
        [
            be.connectors.Change(key="A1", values={"price": Decimal(1)}),
            be.connectors.Change(key="A2", values={"cost": Decimal(1)}),
        ]
    )
    assert [outcome.status for outcome in outcomes] == ["updated", "skipped"]
    assert {(effect.key, effect.field) for effect in fake.effects} == {("A1", "price")}


@pytest.mark.parametrize(("size", "requests"), [(1, 8), (3, 3), (100, 1)])
def test_batch_size_is_obeyed(mode, fake, size, requests):
    keys = seeded(fake)
    changes = [be.connectors.Change(key=key, values={"price": Decimal(1)}) for key in keys]
    mode(configured(fake, batch_size=size)).write(changes, look=False)
    patches = [entry for entry in fake.journal if entry.method == "PATCH"]
    assert len(patches) == requests
    assert max(len(entry.json()["items"]) for entry in patches) <= size
    assert len(fake.effects) == 8


def test_sync_frequency_is_obeyed(fake):
    clock = fake.clock = InstantClock()
    seeded(fake)
    with configured(fake, sync_frequency="hourly").open(clock=clock) as session:
        pages = session.follow()
        records = (record for page in pages for record in page.records)
        assert [next(records).key for _ in range(8)] == [f"A{number}" for number in range(8)]
        for number in range(3):
            fake.edit("A1", {"price": Decimal(number)})
            assert next(records).values["price"] == number
        pages.close()
    begun = [entry.at for entry in fake.journal if entry.path == "/items" and "start" not in entry.params]
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert len(gaps) == 3
    assert all(abs(gap - timedelta(hours=1)) < timedelta(seconds=30) for gap in gaps)


def test_a_direction_is_obeyed(mode, fake):
    seeded(fake)
    change = be.connectors.Change(key="A1", values={"price": Decimal(1)})
    with pytest.raises(be.ReadOnlyError):
        mode(configured(fake, direction="inbound")).write([change])
    with pytest.raises(be.ConfigurationError, match="outbound"):
        mode(configured(fake, direction="outbound")).read()


# --- hashes, versions, shapes


def test_a_configuration_is_hashed_without_its_credentials():
    one, other = load(api_key="first"), load(api_key="second")
    assert one.config_hash() == other.config_hash()
    assert one.config_hash() != load(batch_size=50).config_hash()
    assert one.config()["api_key"] == "***"
    assert load(api_key="${KEY}").config()["api_key"] == "${KEY}"
    assert from_config(one.config(), connectors=[Documented]).config() == one.config()
    assert "first" not in json.dumps(one.config()) + repr(one)


def test_versions_of_a_configuration_are_kept(fake, tmp_path):
    history = History(tmp_path / "history.db")
    for size in (10, 20, 10):
        configured(fake, batch_size=size).open(history=history).close()
    versions = History(tmp_path / "history.db").versions("my-erp")
    assert [json.loads(version.text)["batch_size"] for version in versions] == [10, 20]
    assert versions[0].last_used > versions[1].last_used > versions[0].first_used
    assert fake.client_secret.encode() not in (tmp_path / "history.db").read_bytes()


def test_a_schema_that_drifted_is_reported(mode, fake, erp, tmp_path, caplog):
    history = History(tmp_path / "history.db")
    seeded(fake)
    opened = mode(erp, history=history)
    opened.read()
    assert opened.session.drift == []
    for row in fake._items.values():
        del row["cost"]
        row["unit_price"] = str(row["unit_price"])
        row["brand"] = "x"
    opened.read()
    assert [(drift.path, drift.kind) for drift in opened.session.drift] == [
        ("brand", "appeared"),
        ("cost", "vanished"),
        ("unit_price", "type_changed"),
    ]
    assert "cost (number) is not sent any more" in caplog.text
    opened.read()
    assert opened.session.drift == []


def test_null_is_no_other_type(mode, fake, erp, tmp_path):
    seeded(fake)
    opened = mode(erp, history=History(tmp_path / "history.db"))
    opened.read()
    for row in fake._items.values():
        row["cost"] = None
    opened.read()
    assert opened.session.drift == []


# --- other packages, and stock at several places


def test_other_packages_register_connectors(tmp_path: Path, monkeypatch):
    (tmp_path / "their_erp.py").write_text(
        "from bulkeditor.connectors import Connector\n"
        "class TheirERP(Connector):\n    name = 'their-erp'\n"
        "nonsense = 7\n"
    )
    info = tmp_path / "their_erp-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-erp\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[bulkeditor.connectors]\n"
        "their-erp = their_erp:TheirERP\nbroken-erp = their_erp:Missing\nno-erp = their_erp:nonsense\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert {"their-erp", "broken-erp"} <= set(available())
        assert from_config({"integration": "their-erp"}).name == "their-erp"
        with pytest.raises(be.ConfigurationError, match=r"'broken-erp' cannot be loaded from their_erp"):
            from_config({"integration": "broken-erp"})
        with pytest.raises(be.ConfigurationError, match="is no Connector"):
            from_config({"integration": "no-erp"})
    finally:
        sys.modules.pop("their_erp", None)


DOCUMENTED_LOCATIONS = {
    "locations": [
        {"id": "warehouse_1", "name": "Main Warehouse", "sync_enabled": True},
        {"id": "store_front", "name": "Retail Store", "sync_enabled": True},
    ],
    "sync_rules": {"total_inventory": "sum_all_locations", "available_inventory": "exclude_reserved"},
}


def test_the_documented_multi_location_json_loads():
    rules = MultiLocation.from_config(DOCUMENTED_LOCATIONS)
    levels = [
        StockLevel(location="warehouse_1", on_hand=Decimal(10), reserved=Decimal(3)),
        StockLevel(location="store_front", on_hand=Decimal(2)),
        StockLevel(location="elsewhere", on_hand=Decimal(100)),
    ]
    assert (rules.total(levels), rules.available(levels)) == (12, 9)


def test_a_disabled_location_does_not_count():
    config = json.loads(json.dumps(DOCUMENTED_LOCATIONS))
    config["locations"][1]["sync_enabled"] = False
    levels = [StockLevel(location=place, on_hand=Decimal(2)) for place in ("warehouse_1", "store_front")]
    assert MultiLocation.from_config(config).total(levels) == 2


def test_wrong_stock_rules_are_named():
    wrong = {**DOCUMENTED_LOCATIONS, "sync_rules": {"total_inventory": "guess"}, "extra": 1}
    with pytest.raises(be.InvalidInputError) as caught:
        MultiLocation.from_config(wrong)
    text = str(caught.value)
    assert "extra" in text
    assert "sync_rules.total_inventory" in text
    assert "sum_all_locations" in text
    with pytest.raises(be.InvalidInputError, match=r"MultiLocation\.from_config"):
        from_config(DOCUMENTED_LOCATIONS)

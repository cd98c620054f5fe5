"""Klaviyo: the acceptance suite, and what is special about it."""

import re
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from bulkeditor.connectors import Change, Klaviyo, KlaviyoProfiles, MissingSettingsError, from_config
from bulkeditor.connectors._klaviyo.jobs import Entry, Report
from bulkeditor.testing import ConnectorSuite, InstantClock
from bulkeditor.testing._suite._writing import Writing
from bulkeditor.testing.vendors.klaviyo import Klaviyo as Account

DOCUMENTED = {
    "integration": "klaviyo",
    "api_key": "your_klaviyo_api_key",
    "sync_events": ["product_viewed", "product_purchased", "cart_abandoned"],
    "custom_properties": ["email_engagement_score", "customer_lifetime_value", "purchase_frequency"],
}


class TestKlaviyo(ConnectorSuite):
    config = {name: value for name, value in DOCUMENTED.items() if name != "api_key"}
    absent = {"filters_by_cursor": "the catalog has no filter by the time of a change"}

    @classmethod
    def stand_in(cls, clock):
        return Account(clock=clock)

    def connector(self, fake):
        return Klaviyo(
            base_url=fake.base_url,
            client_id=fake.client_id,
            client_secret=fake.client_secret,
            refresh_token=fake.refresh_token,
        )


class TestUnclearJobs(Writing):
    """Writes, where a job does not say which of its rows it refused."""

    @classmethod
    def stand_in(cls, clock):
        account = Account(clock=clock)
        account.indexed_errors = False
        return account

    def connector(self, fake):
        return Klaviyo(base_url=fake.base_url, api_key=fake.api_key)


@pytest.fixture
def clock():
    return InstantClock()


@pytest.fixture
def account(clock):
    with Account(clock=clock) as server:
        yield server


@pytest.fixture
def klaviyo(account):
    """The documented JSON as it stands, at the stand-in's address and with its key."""
    documented = {**DOCUMENTED, "api_key": account.api_key}
    connector = from_config(documented)
    assert isinstance(connector, Klaviyo)
    return connector.at(account.base_url)


@pytest.fixture
def opened(clock):
    """Opens connectors, blocking, under the clock; all are closed."""
    with ExitStack() as stack:
        yield lambda connector, **options: stack.enter_context(connector.open(clock=clock, **options))


def sent(account, path):
    return [entry for entry in account.journal if entry.path.startswith(path) and entry.method == "POST"]


# The documented configuration


def test_the_documented_json_loads_as_it_stands(monkeypatch):
    for name in ("KLAVIYO_API_KEY", "KLAVIYO_REFRESH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    connector = from_config(DOCUMENTED)
    assert connector.address() == "https://a.klaviyo.com"
    assert connector.sync_events == ("product_viewed", "product_purchased", "cart_abandoned")
    assert "your_klaviyo_api_key" not in repr(connector)
    bare = from_config({name: value for name, value in DOCUMENTED.items() if name != "api_key"})
    with pytest.raises(MissingSettingsError, match=r"api_key \(KLAVIYO_API_KEY\)"):
        bare.open()


def test_every_request_names_the_revision_and_the_media_type(account, klaviyo, opened):
    account.seed([{"sku": "A", "price": 1, "inventory_quantity": 1}])
    session = opened(klaviyo)
    list(session.read())
    session.write([Change(key="A", values={"price": 2})])
    session.check()
    assert {entry.headers.get("revision") for entry in account.journal} == {"2026-07-15"}
    assert {entry.headers["accept"] for entry in account.journal} == {"application/vnd.api+json"}
    bodies = {entry.headers["content-type"] for entry in account.journal if entry.body}
    assert bodies == {"application/vnd.api+json"}


def test_sync_frequency_is_obeyed(account, klaviyo, opened, clock):
    account.seed([{"sku": "A", "price": 1}])
    session = opened(Klaviyo(base_url=account.base_url, api_key=account.api_key, sync_frequency="hourly"))
    began = clock.now()
    with closing(session.follow()) as pages:
        next(pages)
        clock.advance(5)
        account.edit("A", {"price": 2})
        (record,) = next(page for page in pages if page.records).records
    assert record["price"] == 2
    assert clock.now() - began >= timedelta(hours=1)


# Events


def test_each_documented_event_is_sent_and_read_back(account, klaviyo, opened, clock):
    events = opened(klaviyo.events())
    told = {"email": "ada@example.com", "properties": {"ProductID": "00042"}, "value": "9.99"}
    began = clock.now().replace(microsecond=0)
    names = DOCUMENTED["sync_events"]
    changes = [
        Change(key=f"evt-{name}", values={"event": name, "time": began + timedelta(seconds=number), **told})
        for number, name in enumerate(names)
    ]
    assert [outcome.status for outcome in events.write(changes)] == ["created"] * 3
    assert account.event_names() == names
    assert len(sent(account, "/api/event-bulk-create-jobs")) == 1
    clock.advance(60)
    records = list(events.read(page_size=2))
    assert [record["event"] for record in records] == names
    assert [record["time"] for record in records] == [
        began + timedelta(seconds=number) for number in range(3)
    ]
    assert {record["email"] for record in records} == {"ada@example.com"}
    assert {record["value"] for record in records} == {Decimal("9.99")}
    assert records[0]["properties"]["ProductID"] == "00042"
    assert list(events.read(since=events.bookmark)) == []
    late = Change(key="evt-late", values={"event": names[0], **told, "time": began + timedelta(seconds=1)})
    events.write([late])
    assert [record["time"] for record in events.read(since=events.bookmark)] == [began + timedelta(seconds=1)]


@pytest.mark.parametrize("fault", ["lost", "never_sent", "server_error"])
def test_an_event_counts_once_whatever_becomes_of_the_answer(account, klaviyo, opened, clock, fault):
    events = opened(klaviyo.events())
    names = DOCUMENTED["sync_events"]
    changes = [Change(key=name, values={"event": name, "email": "ada@example.com"}) for name in names]
    account.fault(fault, path="/api/event")
    for given in (changes, changes, changes[:1]):
        # The second time Klaviyo knows them, and refuses the job.
        assert {outcome.status for outcome in events.write(given)} == {"created"}
        # Without an id of its own an event would be known by its second.
        clock.advance(5)
    assert sorted(account.event_names()) == sorted(names)
    # A job is not sent twice: the first may have been taken.
    assert len(sent(account, "/api/event-bulk-create-jobs")) == 2


def test_a_refused_event_does_not_take_the_others_with_it(account, klaviyo, opened):
    events = opened(klaviyo.events())
    values = {"event": "product_viewed", "email": "ada@example.com"}
    many = {f"p{number}": number for number in range(401)}
    changes = [Change(key="1", values={**values, "properties": many}), Change(key="2", values=values)]
    first, second = events.write(changes)
    assert first.status == "dead_lettered"
    assert "400 properties" in first.message
    assert second.status == "created"
    assert account.event_names() == ["product_viewed"]


def test_events_of_other_names_are_counted_and_left_out(account, klaviyo, opened, clock):
    everything = Klaviyo(base_url=account.base_url, api_key=account.api_key).events()
    names = ("product_viewed", "signed_up")
    changes = [Change(key=name, values={"event": name, "email": "ada@example.com"}) for name in names]
    opened(everything).write(changes)
    clock.advance(60)
    events = opened(klaviyo.events())
    assert [record["event"] for record in events.read()] == ["product_viewed"]
    assert events.ledger.reasons == {"not_selected": 1}
    (outcome,) = events.write(changes[1:])
    assert (outcome.status, outcome.code) == ("skipped", "not_selected")


def test_an_event_without_name_or_profile_is_none(account, klaviyo, opened):
    events = opened(klaviyo.events())
    changes = [
        Change(key="1", values={"event": "product_viewed"}),
        Change(key="2", values={"email": "ada@example.com"}),
        Change(key="3", values={"event": "product_viewed", "email": "ada@example.com"}),
    ]
    outcomes = events.write(changes)
    assert [outcome.status for outcome in outcomes] == ["dead_lettered", "skipped", "created"]
    assert account.event_names() == ["product_viewed"]


# Profiles


def test_each_documented_property_is_written_and_read(account, klaviyo, opened):
    profiles = opened(klaviyo.profiles())
    values = {
        "email_engagement_score": Decimal("0.75"),
        "customer_lifetime_value": Decimal("1234567.89"),
        "purchase_frequency": "monthly",
    }
    assert list(values) == DOCUMENTED["custom_properties"]
    change = Change(key="ada@example.com", values={"first_name": "Ada", **values})
    (outcome,) = profiles.write([change])
    assert outcome.status == "created"
    (record,) = profiles.read(fields=["email", "first_name", *values])
    assert dict(record.values) == {"email": "ada@example.com", "first_name": "Ada", **values}
    assert account.properties("ada@example.com") == values
    (outcome,) = profiles.write([change])
    assert outcome.status == "unchanged"


def test_a_property_that_is_not_named_stays_and_null_clears(account, klaviyo, opened):
    profiles = opened(klaviyo.profiles())
    both = {"email_engagement_score": 1, "purchase_frequency": "monthly"}
    profiles.write([Change(key="ada@example.com", values=both)])
    (outcome,) = profiles.write([Change(key="ada@example.com", values={"purchase_frequency": None})])
    assert outcome.status == "updated"
    (record,) = profiles.read(keys=["ada@example.com"])
    assert record["email_engagement_score"] == 1
    assert record.get("purchase_frequency") is None


def test_profiles_are_read_since_and_by_key(account, klaviyo, opened, clock):
    profiles = opened(klaviyo.profiles())
    people = [f"p{number}@example.com" for number in range(5)]
    profiles.write([Change(key=one, values={"email_engagement_score": 1}) for one in people])
    clock.advance(60)
    assert [record.key for record in profiles.read(page_size=2)] == people
    clock.advance(600)
    profiles.write([Change(key=people[3], values={"email_engagement_score": 2})])
    clock.advance(60)
    before = profiles.bookmark.cursor
    with account.watching() as entries:
        (record,) = profiles.read(since=profiles.bookmark)
    assert (record.key, record["email_engagement_score"]) == (people[3], 2)
    # There is no greater-or-equal: one second earlier, and less what is looked back over.
    bound = re.fullmatch(r"greater-than\(updated,(.+)\)", entries[0].params["filter"])
    assert datetime.fromisoformat(bound[1]) < before - KlaviyoProfiles.look_back
    assert {record.key for record in profiles.read(keys=people[:2])} == set(people[:2])


def test_one_refused_profile_does_not_take_the_others_with_it(account, klaviyo, opened):
    profiles = opened(klaviyo.profiles())
    changes = [
        Change(key="ada@example.org", values={"first_name": 7}),
        Change(key="ada@example.com", values={"email_engagement_score": 1}),
    ]
    outcomes = profiles.write(changes)
    assert [outcome.status for outcome in outcomes] == ["dead_lettered", "created"]


def test_a_profile_in_trouble_does_not_hold_up_the_others(account, klaviyo, opened, no_retry):
    account.fault("server_error", path="/api/profile-import")
    profiles = opened(klaviyo.profiles(), retry=no_retry)
    people = ("ada@example.com", "bob@example.com")
    first, second = profiles.write([Change(key=one, values={"first_name": "X"}) for one in people])
    assert (first.status, second.status) == ("unknown", "created")


def test_a_lost_answer_to_a_profile_is_repeated(account, klaviyo, opened):
    account.fault("lost", path="/api/profile-import")
    profiles = opened(klaviyo.profiles())
    (outcome,) = profiles.write([Change(key="ada@example.com", values={"email_engagement_score": 1})])
    assert outcome.written
    assert len(sent(account, "/api/profile-import")) == 2


# Catalog


def test_a_variant_is_found_by_external_id_or_by_sku(account, klaviyo, opened):
    account.seed(
        [
            {"sku": "PLAIN", "price": 1},
            {"sku": "FROM-SHOP", "external_id": "44001", "price": 1},
            {"sku": "TWICE", "external_id": "44002", "price": 1},
            {"sku": "TWICE", "external_id": "44003", "price": 1},
            {"sku": "MEANT", "external_id": "44004", "price": 1},
            {"sku": "MEANT", "external_id": "MEANT", "price": 1},
        ]
    )
    session = opened(klaviyo)
    keys = ("PLAIN", "FROM-SHOP", "TWICE", "MEANT", "nowhere")
    outcomes = session.write([Change(key=key, values={"price": 7}) for key in keys])
    assert [outcome.status for outcome in outcomes] == [
        "updated",
        "updated",
        "dead_lettered",
        "updated",
        "skipped",
    ]
    assert "44002" in outcomes[2].message
    assert "44003" in outcomes[2].message
    prices = {
        one.external_id: one.attributes["price"] for one in account.catalog.things["catalog-variant"].values()
    }
    assert prices == {"PLAIN": 7, "44001": 7, "44002": 1, "44003": 1, "44004": 1, "MEANT": 7}


def test_custom_fields_are_merged_into_those_that_are_there(account, klaviyo, opened):
    account.seed([{"sku": "A", "price": 1, "material": "wool", "season": "winter"}])
    session = opened(klaviyo)
    change = Change(key="A", values={"custom_fields": {"season": None, "Top Pick": True}})
    (outcome,) = session.write([change])
    assert outcome.status == "updated"
    (record,) = session.read()
    assert record["custom_fields"] == {"material": "wool", "Top Pick": True}


def test_an_item_has_a_price_of_its_own(account, klaviyo, opened):
    account.seed([{"sku": "A", "item": "SHIRT", "price": 10}, {"sku": "B", "item": "SHIRT", "price": 12}])
    opened(klaviyo).write([Change(key="A", values={"price": 8})])
    items = opened(klaviyo.items())
    (record,) = items.read()
    assert (record.key, record.get("price")) == ("SHIRT", None)
    (outcome,) = items.write([Change(key="SHIRT", values={"price": 8})])
    assert outcome.status == "updated"
    (record,) = items.read(keys=["SHIRT"])
    assert record["price"] == 8
    assert sent(account, "/api/catalog-item-bulk-update-jobs")


def test_variants_are_deleted_by_a_job(account, klaviyo, opened):
    account.seed([{"sku": "A", "price": 1}, {"sku": "B", "price": 1}])
    account.refuse("B", "it is in a feed")
    session = opened(klaviyo)
    outcomes = session.write([Change(key=key, delete=True) for key in ("A", "B", "C")])
    assert [outcome.status for outcome in outcomes] == ["deleted", "dead_lettered", "skipped"]
    assert [record.key for record in session.read()] == ["B"]


def test_a_job_that_does_not_end_is_unknown_and_not_sent_again(account, klaviyo, opened):
    account.seed([{"sku": "A", "price": 1}])
    account.job_delay = 100_000
    session = opened(klaviyo)
    (outcome,) = session.write([Change(key="A", values={"price": 2})])
    assert (outcome.status, outcome.code) == ("unknown", "job_unclear")
    assert "is queued" in outcome.message
    assert len(sent(account, "/api/catalog-variant-bulk-update-jobs")) == 1


def test_a_job_that_cannot_be_asked_about_is_settled_by_reading(account, klaviyo, opened, no_retry):
    account.seed([{"sku": "A", "price": 1}])
    session = opened(klaviyo, retry=no_retry)
    account.fault("server_error", path="/api/catalog-variant-bulk-update-jobs/")
    (outcome,) = session.write([Change(key="A", values={"price": 2})])
    assert outcome.status == "updated"
    assert account.holds("A")["price"] == 2


def report(changes, *, failed, status="complete", held=()):
    """What becomes of changes whose job names no rows, when the catalog holds these."""
    entries = [
        Entry(change, change.key, {"id": change.key, "attributes": dict(change.values)}) for change in changes
    ]
    errors = [{"code": "invalid", "detail": "no", "source": {"pointer": "/data"}}] * failed
    job = {"id": "1", "attributes": {"status": status, "failed_count": failed, "errors": errors}}
    rows = {
        change.key: [{"id": change.key, "attributes": held[change.key]}] if change.key in held else []
        for change in changes
    }
    told = Report("update", entries, job)
    return told.clear, [outcome.status for outcome in told.outcomes(None, rows)]


def test_what_does_not_show_was_refused_only_where_the_job_counts_as_many():
    changes = [Change(key=key, values={"price": 2}) for key in "ABC"]
    new, old = {"price": 2}, {"price": 1}
    held = {"A": new, "B": new, "C": old}
    assert report(changes, failed=1, held=held) == (False, ["updated", "updated", "dead_lettered"])
    # Two do not show, and one was refused: nobody knows which.
    held = {"A": new, "B": old, "C": old}
    assert report(changes, failed=1, held=held) == (False, ["updated", "unknown", "unknown"])
    assert report(changes, failed=2, status="cancelled", held=held)[1] == ["updated", "unknown", "unknown"]
    gone = [Change(key=key, delete=True) for key in "ABC"]
    assert report(gone, failed=1, held={"B": old})[1] == ["updated", "dead_lettered", "updated"]


@pytest.mark.parametrize(
    "pointer", ["/data/attributes/variants/data/1/attributes/price", "/data/1", "$custom:::$default:::B"]
)
def test_an_error_that_names_its_row_needs_no_second_look(pointer):
    ids = [f"$custom:::$default:::{key}" for key in "ABC"]
    entries = [Entry(Change(key=one), one, {"attributes": {}}) for one in ids]
    error = {"code": "invalid", "detail": "no", "source": {"pointer": pointer}}
    said = {"status": "complete", "failed_count": 1, "errors": [error]}
    report = Report("update", entries, {"id": "1", "attributes": said})
    assert (report.clear, dict(report.refused())) == (True, {1: error})
    # The only entry is meant, wherever the error points.
    alone = {**said, "errors": [{**error, "source": {"pointer": "/data"}}]}
    assert Report("update", entries[:1], {"id": "1", "attributes": alone}).clear


def test_a_read_is_complete_only_from_the_beginning(account, klaviyo, opened, clock):
    profiles = opened(klaviyo.profiles())
    profiles.write([Change(key="ada@example.com", values={"first_name": "Ada"})])
    list(profiles.read())
    assert profiles.ledger.complete
    list(profiles.read(since=clock.now()))
    assert not profiles.ledger.complete


def test_reads_go_by_the_time_of_creation_and_from_the_bound_on(account, klaviyo, opened, clock):
    account.seed([{"sku": "A", "price": 1}])
    list(opened(klaviyo).read())
    assert account.journal[-1].params["sort"] == "created"
    events = opened(klaviyo.events())
    list(events.read(since=clock.now()))
    asked = account.journal[-1].params
    assert asked["filter"].startswith("greater-or-equal(datetime,")
    assert ",less-or-equal(datetime," in asked["filter"]
    assert asked["sort"] == "datetime"


def test_a_right_that_is_lost_after_a_job_began_does_not_make_it_a_failure(account, klaviyo, opened):
    account.seed([{"sku": "A", "price": 1}])
    handle = account.handle

    def lose(entry):
        answer = handle(entry)
        if entry.method == "POST":
            account.scopes.discard("catalogs:read")
        return answer

    account.handle = lose
    (outcome,) = opened(klaviyo).write([Change(key="A", values={"price": 2})])
    assert (outcome.status, outcome.code) == ("unknown", "job_unseen")
    assert account.holds("A")["price"] == 2


def test_two_hundred_changes_are_two_jobs(account, klaviyo, opened):
    account.seed({"sku": f"SKU-{number:03}", "price": 1} for number in range(200))
    session = opened(klaviyo)
    changes = [Change(key=f"SKU-{number:03}", values={"price": 2}) for number in range(200)]
    assert {outcome.status for outcome in session.write(changes)} == {"updated"}
    jobs = sent(account, "/api/catalog-variant-bulk-update-jobs")
    assert [len(job.json()["data"]["attributes"]["variants"]["data"]) for job in jobs] == [100, 100]
    addresses = [len(f"{entry.path}?{urlencode(entry.params)}") for entry in account.journal]
    assert max(addresses) < 4000


def test_a_key_without_the_scope_is_named(account, klaviyo, opened):
    account.scopes.discard("catalogs:read")
    rows = {row.capability: row for row in opened(klaviyo).check()}
    assert rows["read"].ok is False
    assert "catalogs:read" in rows["read"].detail or rows["read"].code


WHOLE = {
    "title": "Shirt",
    "description": "Of wool",
    "url": "https://shop.example.com/shirt",
    "price": Decimal("19.99"),
    "inventory_quantity": 4,
}


def test_a_variant_is_made_below_its_item(account, klaviyo, opened):
    items, session = opened(klaviyo.items()), opened(klaviyo)
    said = {name: WHOLE[name] for name in ("title", "description", "url")}
    assert items.write([Change(key="SHIRT", values=said)])[0].status == "created"
    changes = [
        Change(key="SHIRT-M", values={**WHOLE, "item": "SHIRT", "custom_fields": {"size": "M"}}),
        Change(key="SHIRT-L", values={**WHOLE, "item": "SHIRT", "external_id": "4711"}),
        Change(key="HAT-M", values={**WHOLE, "item": "HAT"}),
        Change(key="SHIRT-S", values={"price": 1}),
    ]
    made, other, orphan, incomplete = session.write(changes)
    assert (made.status, other.status) == ("created", "created")
    assert orphan.status in ("dead_lettered", "skipped")
    assert "HAT" in orphan.message
    assert incomplete.status == "skipped"
    assert "lacks title, description, url, inventory_quantity, item" in incomplete.message
    records = {record.key: record for record in session.read()}
    assert {key: (one["external_id"], one["item"]) for key, one in records.items()} == {
        "SHIRT-M": ("SHIRT-M", "SHIRT"),
        "SHIRT-L": ("4711", "SHIRT"),
    }
    assert records["SHIRT-M"]["custom_fields"] == {"size": "M"}
    assert [outcome.status for outcome in session.write(changes[:2])] == ["unchanged", "unchanged"]


def test_what_is_set_at_creation_stays(account, klaviyo, opened):
    account.seed([{"sku": "A", "price": 1}])
    session = opened(klaviyo)
    moved, kept = (Change(key="A", values={"item": item, "price": 2}) for item in ("B", "A"))
    (outcome,) = session.write([moved])
    assert (outcome.status, outcome.code) == ("dead_lettered", "fixed")
    assert session.write([kept])[0].status == "updated"


def test_a_lost_answer_to_a_job_that_makes_is_not_sent_again(account, klaviyo, opened):
    account.seed([{"sku": "A", "price": 1}])
    account.fault("lost", path="/api/catalog-variant-bulk-create-jobs")
    (outcome,) = opened(klaviyo).write([Change(key="B", values={**WHOLE, "item": "A"})])
    assert outcome.status in ("updated", "created")
    assert len(sent(account, "/api/catalog-variant-bulk-create-jobs")) == 1
    assert account.holds("B")["price"] == Decimal("19.99")


def test_an_oauth_app_signs_in_and_keeps_its_tokens(account, opened, clock, tmp_path):
    account.seed([{"sku": "A", "price": 1}])

    def connect():
        return Klaviyo(
            base_url=account.base_url,
            client_id=account.client_id,
            client_secret=account.client_secret,
            refresh_token=account.refresh_token,
            token_file=str(tmp_path / "tokens.db"),
        )

    assert [record.key for record in opened(connect()).read()] == ["A"]
    # Another process has the token of the first.
    assert [record.key for record in opened(connect().items()).read()] == ["A"]
    assert len([entry for entry in account.journal if entry.path == "/oauth/token"]) == 1
    account.expire()
    assert [record.key for record in opened(connect()).read()] == ["A"]

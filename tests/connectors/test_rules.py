"""The rules of a session one by one, against small systems that are made up for each."""

import ipaddress
import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import bulkeditor as be
from bulkeditor.connectors import (
    Batch,
    Capabilities,
    Change,
    Connector,
    Limits,
    Outcomes,
    PlacedOrder,
    Problem,
    PurchaseLine,
    PurchaseOrder,
    Query,
    Records,
    field,
    lookup,
    paging,
)
from bulkeditor.http import RetryPolicy
from bulkeditor.testing import Answer, Entry, StandIn

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class System(StandIn):
    """Answers each request as a function says."""

    def __init__(self, answer: Callable[[Entry], Answer]) -> None:
        super().__init__()
        self.answer = answer

    def handle(self, entry: Entry) -> Answer:
        return self.answer(entry)


@pytest.fixture
def serve():
    started = []

    def make(answer: Callable[[Entry], Answer] | list[Answer]) -> System:
        if isinstance(answer, list):
            answers = iter(answer)
            started.append(System(lambda _: next(answers)).start())
        else:
            started.append(System(answer).start())
        return started[-1]

    yield make
    for system in started:
        system.stop()


class Small(Connector):
    """Reads one list, writes one row at a time."""

    name = "small"
    key, cursor = "sku", "at"
    reads = {"sku": "no", "price": "price", "inventory_quantity": "qty"}
    writes = {"price": "price", "inventory_quantity": "qty"}

    def read(self, query: Query):
        response = yield self.get(self.url("/rows", since=query.since))
        yield Records(response.json()["rows"])

    def write(self, batch: Batch):
        yield self.put("/rows", json=[{"no": change.key, **self.payload(change)} for change in batch])
        yield Outcomes([change.outcome("updated") for change in batch])


def rows(*given: object) -> Answer:
    return Answer(body={"rows": list(given)})


# --- what systems send


def test_values_of_every_form_are_exact(mode, serve):
    system = serve(
        [
            rows(
                {"no": "00042", "price": "12.000", "qty": "12.000", "at": "/Date(1767225600000)/"},
                {"no": 9007199254740993, "price": None, "qty": 0, "at": "/Date(1767225600000+0060)/"},
                {"no": "abc", "price": Decimal("0.10"), "qty": 3.0, "at": "2026-01-01T02:00:00+02:00"},
                {"no": "ABC", "price": "5-", "qty": None, "at": None},
            )
        ]
    )
    opened = mode(Small(base_url=system.base_url))
    records = {record.key: record for record in opened.read()}
    assert {key: record.get("price") for key, record in records.items()} == {
        "00042": Decimal("12.000"),
        "9007199254740993": None,
        "abc": Decimal("0.10"),
        "ABC": Decimal(-5),
    }
    assert [record["inventory_quantity"] for record in records.values()] == [12, 0, 3, None]
    assert {record.cursor for record in records.values()} == {T0, None}
    assert [problem.code for problem in records["ABC"].problems] == ["case_differs"]
    assert opened.session.ledger.balanced


def test_what_cannot_be_read_is_reported_by_row_and_field(mode, serve):
    system = serve(
        [
            rows(
                {"no": "1", "price": "12,50", "qty": 1.5},
                {"no": "2", "price": "NaN", "qty": "many"},
                {"no": "3", "price": [1], "qty": True},
                {"no": ""},
                {"no": "  "},
                {"no": None},
                {"no": True},
                {"price": 1},
                "a text",
                None,
                {"no": "4", "price": 1, "qty": 1},
            )
        ]
    )
    opened = mode(Small(base_url=system.base_url))
    records = opened.read()
    assert [record.key for record in records] == ["1", "2", "3", "4"]
    assert [sorted(problem.field for problem in record.problems) for record in records] == [
        ["inventory_quantity", "price"]
    ] * 3 + [[]]
    codes = [letter.code for letter in opened.session.dead_letters]
    assert codes == ["no_key", "no_key", "no_key", "bad_key", "no_key", "not_an_object", "not_an_object"]
    assert (opened.session.ledger.read, opened.session.ledger.balanced) == (11, True)


def test_a_function_of_the_row_that_fails_spoils_its_field_only(mode, serve):
    class Computed(Small):
        name = "computed"
        reads = {
            "sku": "no",
            "price": field(lambda row: row["net"] * 2),
            "vendor": field("v", lambda v: v["name"]),
        }

    system = serve([rows({"no": "1", "v": {"name": "x"}}, {"no": "2", "net": 2, "v": 7})])
    first, second = mode(Computed(base_url=system.base_url)).read()
    assert (first.values, [problem.field for problem in first.problems]) == (
        {"sku": "1", "vendor": "x"},
        ["price"],
    )
    assert (second.values, [problem.field for problem in second.problems]) == (
        {"sku": "2", "price": 4},
        ["vendor"],
    )


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (Answer(body=b"<html><title>Log in</title></html>"), be.AuthenticationError, "log in"),
        (Answer(body=b"no json"), be.UnexpectedResponseError, "not JSON"),
        (
            Answer(body={"error": {"code": 7, "message": "down"}}),
            be.UnexpectedResponseError,
            "no list|KeyError|rows",
        ),
        (
            Answer(status=302, headers={"Location": "https://sso.example/login"}),
            be.UnexpectedResponseError,
            "redirects",
        ),
        (Answer(status=403, body={"error": {"message": "not you"}}), be.PermissionDeniedError, "not you"),
    ],
    ids=["login page", "no JSON", "error in 200", "redirect", "forbidden"],
)
def test_answers_that_are_no_data(mode, serve, answer, error, text):
    class Listed(Small):
        name = "listed"

        def read(self, query: Query):
            return paging.offsets(lambda at: self.get(self.url("/rows", at=at)), query, rows="rows")

    system = serve(lambda _: answer)
    with pytest.raises(error, match=text):
        mode(Listed(base_url=system.base_url)).read()


def expired_certificate(folder):
    """A key and a certificate for 127.0.0.1 that ended yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_an_expired_certificate_is_named(mode, tmp_path):
    path = expired_certificate(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        trust = ssl.create_default_context(cafile=str(path))
        small = Small(base_url=f"https://127.0.0.1:{server.server_port}")
        with pytest.raises(be.TransportError, match="certificate has expired"):
            mode(small, ssl_context=trust, retry=RetryPolicy(max_retries=0)).read()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- refusals inside of 200, and codes of the system's own


class Spoken(Small):
    """Says in a 200 what is wrong."""

    name = "spoken"
    errors_in_success = True
    refusals = {"BUSY": "retry", "LOCKED": "retry", "DENIED": "fatal", 418: "skip_row"}

    def explain(self, body: object) -> Problem | None:
        if isinstance(body, Mapping) and "fault" in body:
            return Problem(body["fault"], body.get("text"), after=body.get("after"))
        return None


def test_a_refusal_inside_of_200_is_an_error_with_the_systems_own_words(mode, serve):
    system = serve([Answer(body={"fault": "E77", "text": "no such list"})])
    with pytest.raises(be.VendorError, match="no such list") as caught:
        mode(Spoken(base_url=system.base_url)).read()
    assert (caught.value.code, caught.value.action) == ("E77", "dead_letter")


def test_a_busy_system_is_asked_again_after_the_time_it_names(mode, serve, clock):
    system = serve([Answer(body={"fault": "BUSY", "after": 4.5}), rows({"no": "1"})])
    assert len(mode(Spoken(base_url=system.base_url), clock=clock).read()) == 1
    assert clock.slept == [4.5]


def test_a_code_of_the_systems_own_in_a_400_is_repeated_too(mode, serve, clock):
    system = serve([Answer(status=400, body={"fault": "LOCKED"}), rows({"no": "1"})])
    assert len(mode(Spoken(base_url=system.base_url), clock=clock).read()) == 1
    assert len(clock.slept) == 1


@pytest.mark.parametrize(("meaning", "sent", "status"), [("retry", 2, "updated"), ("unknown", 1, "unknown")])
def test_a_503_that_did_nothing_is_repeated_for_a_write_too(mode, serve, meaning, sent, status):
    """Only where the connector says so: else nobody knows whether it took effect."""

    class Balanced(Small):
        name = "balanced"
        refusals = {503: meaning}

    system = serve([Answer(status=503, headers={"Retry-After": "3"}), Answer(body={})])
    (outcome,) = mode(Balanced(base_url=system.base_url)).write([Change(key="a", values={"price": 1})])
    assert (outcome.status, len(system.journal)) == (status, sent)


def test_the_words_of_an_odata_service_are_told(mode, serve):
    said = {"error": {"code": -5002, "message": {"lang": "en-us", "value": "Enter the due date"}}}
    system = serve([Answer(status=400, body=said)])
    with pytest.raises(be.APIError, match="Enter the due date") as caught:
        mode(Small(base_url=system.base_url)).read()
    assert caught.value.code == "-5002"


def test_an_error_is_told_in_the_words_that_the_connector_finds(mode, serve):
    class Wordy(Small):
        name = "wordy"

        def explain(self, body: object):
            return Problem(lookup(body, "faults.0.number"), lookup(body, "faults.0.text"))

    said = {"title": "Bad Request", "faults": [{"number": "F7", "text": "the period is closed"}]}
    system = serve([Answer(status=400, body=said)])
    with pytest.raises(be.APIError, match="the period is closed") as caught:
        mode(Wordy(base_url=system.base_url)).read()
    assert caught.value.code == "F7"


def test_repeats_by_code_come_to_an_end(mode, serve):
    system = serve(lambda _: Answer(body={"fault": "BUSY"}))
    with pytest.raises(be.VendorError):
        mode(Spoken(base_url=system.base_url), retry=RetryPolicy(max_retries=2)).read()
    assert len(system.journal) == 3


def test_a_fatal_refusal_ends_the_write_and_says_what_was_not_sent(mode, serve):
    system = serve(lambda _: Answer(body={"fault": "DENIED", "text": "ask your administrator"}))
    outcomes = mode(Spoken(base_url=system.base_url)).write(
        [Change(key=key, values={"price": 1}) for key in ("a", "b", "c")]
    )
    assert len(system.journal) == 1
    assert [(outcome.status, outcome.code) for outcome in outcomes] == [
        ("failed", "DENIED"),
        ("failed", "not_sent"),
        ("failed", "not_sent"),
    ]
    assert "ask your administrator" in outcomes[2].message


@pytest.mark.parametrize(
    ("status", "outcome", "retryable"),
    [
        (400, "dead_lettered", False),
        (404, "skipped", False),
        (409, "conflicted", False),
        (412, "conflicted", False),
        (418, "skipped", False),
        (422, "dead_lettered", False),
        (401, "failed", False),
        (403, "failed", False),
        (429, "failed", True),
        (500, "unknown", False),
        (503, "unknown", False),
    ],
)
def test_what_a_status_means_for_a_write(mode, serve, status, outcome, retryable):
    system = serve(lambda _: Answer(status=status, body={"error": {"code": "x", "message": "so it is"}}))
    small = Spoken(base_url=system.base_url)
    (told,) = mode(small, retry=RetryPolicy(max_retries=0)).write([Change(key="a", values={"price": 1})])
    assert (told.status, told.retryable) == (outcome, retryable)


def test_one_bad_row_does_not_take_its_batch_with_it(mode, serve):
    """A system that refuses a batch as a whole: the row that spoils it is looked for."""

    class Batched(Small):
        name = "batched"
        limits = Limits(batch_size=8)

    written = []

    def answer(entry: Entry) -> Answer:
        keys = [row["no"] for row in entry.json()]
        if "bad" in keys:
            return Answer(status=422, body={"error": {"message": "one of the rows is bad"}})
        written.extend(keys)
        return Answer(status=204)

    system = serve(answer)
    keys = ["a", "b", "c", "bad", "d", "e", "f", "g"]
    outcomes = mode(Batched(base_url=system.base_url)).write(
        [Change(key=key, values={"price": 1}) for key in keys]
    )
    assert [outcome.status for outcome in outcomes] == ["updated"] * 3 + ["dead_lettered"] + ["updated"] * 4
    assert sorted(written) == sorted(set(keys) - {"bad"})


# --- batches


def test_batches_keep_to_rows_bytes_and_keys(mode, serve):
    class Batched(Small):
        name = "batched"
        limits = Limits(batch_size=3, batch_bytes=400)

    system = serve(lambda _: Answer(status=204))
    opened = mode(Batched(base_url=system.base_url))
    keys = ["a", "b", "c", "d", "a", "x" * 300, "y" * 300, "e"]
    opened.write([Change(key=key, values={"price": number}) for number, key in enumerate(keys)])
    sent = [[row["no"][:1] for row in entry.json()] for entry in system.journal]
    assert sent == [["a", "b", "c"], ["d", "a"], ["x"], ["y"], ["e"]]


def test_idempotency_keys_are_the_same_for_the_same_write(mode, serve):
    class Keyed(Small):
        name = "keyed"
        limits = Limits(batch_size=2)

        def write(self, batch: Batch):
            yield self.put(
                "/rows", json=[], headers={"X-Key": batch.idempotency_key, "X-Part": batch.key_for("2")}
            )
            yield Outcomes([change.outcome("updated") for change in batch])

    system = serve(lambda _: Answer(status=204))
    changes = [Change(key=key, values={"price": 1}) for key in "abc"]
    for key in ("6f2c", "6f2c", None):
        mode(Keyed(base_url=system.base_url)).write(changes, idempotency_key=key)
    sent = [(entry.headers["x-key"], entry.headers["x-part"]) for entry in system.journal]
    assert sent[:2] == sent[2:4]
    assert len({*sent, *(part for pair in sent for part in pair)}) == 4 + 8


# --- connectors that break their word


@pytest.mark.parametrize("defect", ["none", "twice", "stranger", "crash"])
def test_a_connector_that_breaks_its_word_loses_no_outcome(mode, serve, defect, caplog):
    class Broken(Small):
        name = "broken"
        limits = Limits(batch_size=2)

        def write(self, batch: Batch):
            yield self.put("/rows", json=[])
            if defect == "crash":
                raise KeyError("results")
            told = [change.outcome("updated") for change in batch]
            stranger = Change(key="z").outcome("updated")
            yield Outcomes(
                {"none": told[:1], "twice": [*told, told[0]], "stranger": [*told, stranger]}[defect]
            )

    system = serve(lambda _: Answer(status=204))
    opened = mode(Broken(base_url=system.base_url))
    outcomes = opened.write([Change(key=key, values={"price": 1}) for key in "ab"])
    expected = {"none": ["updated", "unknown"], "crash": ["unknown"] * 2}
    assert [outcome.status for outcome in outcomes] == expected.get(defect, ["updated"] * 2)
    assert not opened.session.written.balanced
    assert ("KeyError" in caplog.text) == (defect == "crash")


# --- hosts


def test_an_allowed_host_gets_no_credential(serve):
    seen = {}

    class Storage(Small):
        name = "storage"
        auth = be.auth.APIKey("s3cret-key")
        hosts = ("files.example",)

        def read(self, query: Query):
            response = yield self.get("/where")
            response = yield self.get(response.json()["url"])
            yield Records(response.json()["rows"])

    def answer(request: httpx.Request) -> httpx.Response:
        seen[request.url.host] = dict(request.headers)
        if request.url.host == "files.example":
            return httpx.Response(200, json={"rows": [{"no": "1"}]})
        return httpx.Response(200, json={"url": "https://files.example/x.json"})

    with Storage(base_url="https://api.example").open(transport=httpx.MockTransport(answer)) as session:
        assert [record.key for record in session.read()] == ["1"]
    assert seen["api.example"]["x-api-key"] == "s3cret-key"
    assert "s3cret-key" not in str(seen["files.example"])


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/x",
        "http://files.example/x",
        "https://api.example:8443/x",
        "http://api.example/x",
    ],
)
def test_no_other_host_port_or_scheme_is_asked(target):
    class Lured(Small):
        name = "lured"
        hosts = ("files.example",)

        def read(self, query: Query):
            yield self.get(target)

    transport = httpx.MockTransport(lambda _: pytest.fail("it was asked"))
    with (
        Lured(base_url="https://api.example").open(transport=transport) as session,
        pytest.raises(be.ConfigurationError, match="would lead to"),
    ):
        list(session.read())


# --- bookmarks in the middle


@pytest.mark.parametrize("order", ["ascending", "none"])
def test_a_read_in_order_that_is_broken_off_has_come_somewhere(mode, serve, order):
    class Ordered(Small):
        name = "ordered"
        cursor_order = order

        def read(self, query: Query):
            for page in range(3):
                response = yield self.get(f"/rows/{page}")
                yield Records(response.json()["rows"], resume={"page": page})

    def answer(entry: Entry) -> Answer:
        page = int(entry.path[-1])
        return rows({"no": f"k{page}", "at": f"2026-01-0{page + 1}T00:00:00Z"})

    system = serve(answer)
    opened = mode(Ordered(base_url=system.base_url))
    opened.first_pages(2)
    bookmark = opened.session.bookmark
    assert (bookmark and bookmark.cursor) == (
        datetime(2026, 1, 2, tzinfo=UTC) if order == "ascending" else None
    )


@pytest.mark.parametrize("bad", ["31.01.2026", "/Date(soon)/", "", 17])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_time_that_is_none_is_reported_and_spoils_no_bookmark(mode, serve, bad, place):
    good = [f"2026-01-0{day}T00:00:00Z" for day in (1, 2)]
    times = [*good[:place], bad, *good[place:]]
    system = serve(lambda _: rows(*({"no": f"k{at}", "at": time} for at, time in enumerate(times))))
    opened = mode(Small(base_url=system.base_url))
    records = opened.read()
    assert [record.key for record in records] == ["k0", "k1", "k2"]
    assert opened.session.bookmark.cursor == datetime(2026, 1, 2, tzinfo=UTC)
    # Before the first time is seen nobody knows that there are any.
    assert [problem.field for problem in records[place].problems] == (["cursor"] if place else [])
    (again,) = opened.read(since=opened.session.bookmark)
    assert (again.key, [problem.field for problem in again.problems]) == (f"k{place}", ["cursor"])


def test_cursors_that_are_no_times_are_left_alone(mode, serve):
    system = serve(
        lambda _: rows({"no": "a", "at": "0007"}, {"no": "b", "at": "0009"}, {"no": "c", "at": "0008"})
    )
    opened = mode(Small(base_url=system.base_url))
    assert [record.problems for record in opened.read()] == [(), (), ()]
    assert opened.session.bookmark.cursor == "0009"


def test_an_order_that_is_not_kept_is_not_believed(mode, serve):
    class Ordered(Small):
        name = "ordered"
        cursor_order = "ascending"

        def read(self, query: Query):
            for page in range(3):
                response = yield self.get(f"/rows/{page}")
                yield Records(response.json()["rows"], resume={"page": page})

    def answer(entry: Entry) -> Answer:
        page = int(entry.path[-1])
        return rows({"no": f"k{page}", "at": f"2026-01-0{9 - page}T00:00:00Z"})

    system = serve(answer)
    opened = mode(Ordered(base_url=system.base_url))
    opened.first_pages(2)
    assert opened.session.bookmark is None


def test_a_connector_knows_when_a_read_or_a_write_began(mode, serve, clock):
    """Prices have a validity, and bookings a date; the connector itself has no clock."""

    class Dated(Small):
        name = "dated"
        limits = Limits(batch_size=4)

        def read(self, query: Query):
            response = yield self.get(self.url("/prices", valid_at=query.now))
            yield Records(response.json()["rows"])

        def write(self, batch: Batch):
            yield self.post("/bookings", json=[batch.now.isoformat(), *(change.key for change in batch)])
            yield Outcomes([change.outcome("updated") for change in batch])

    def answer(entry: Entry) -> Answer:
        # A row that is refused makes the batch be halved: its halves know the time as well.
        refused = entry.method == "POST" and "b" in entry.json() and len(entry.json()) > 2
        return Answer(status=400, body={"code": "bad_row"}) if refused else rows()

    system = serve(answer)
    opened = mode(Dated(base_url=system.base_url), clock=clock)
    began = clock.now()
    opened.read()
    opened.write([Change(key=key, values={"price": 1}) for key in "abcd"])
    assert began <= datetime.fromisoformat(system.journal[0].params["valid_at"]) <= clock.now()
    told = [entry.json() for entry in system.journal[1:]]
    assert len(told) > 2
    (when,) = {dates[0] for dates in told}
    assert began <= datetime.fromisoformat(when) <= clock.now()


# --- purchase orders


def test_a_purchase_order_is_placed(mode, serve):
    class Buying(Small):
        name = "buying"
        capabilities = Capabilities(purchase_orders=True)

        def create_purchase_order(self, order: PurchaseOrder):
            lines = [{"no": line.key, "qty": line.quantity} for line in order.lines]
            response = yield self.post("/orders", json={"supplier": order.supplier, "lines": lines})
            return PlacedOrder(id=response.json()["id"], raw=response.json())

    system = serve([Answer(status=201, body={"id": "PO-7"})])
    order = PurchaseOrder(supplier="S1", lines=(PurchaseLine(key="00042", quantity=12),))
    opened = mode(Buying(base_url=system.base_url))
    assert opened.run(opened.session.connector.create_purchase_order(order)).id == "PO-7"
    assert system.journal[0].json() == {"supplier": "S1", "lines": [{"no": "00042", "qty": 12}]}
    with pytest.raises(be.UnsupportedByServerError, match="takes no purchase orders"):
        mode(Small(base_url=system.base_url)).session.connector.create_purchase_order(order)


def test_a_purchase_order_without_an_answer_is_an_error_of_its_own(mode, serve):
    class Buying(Small):
        name = "buying"

        def create_purchase_order(self, order: PurchaseOrder):
            yield self.post("/orders", json={"supplier": order.supplier})
            return PlacedOrder(id="1")

    order = PurchaseOrder(supplier="S1", lines=(PurchaseLine(key="TS-1", quantity=1),))
    for answer, error in ((Answer(status=500), be.OutcomeUnknownError), (Answer(status=400), be.APIError)):
        with pytest.raises(error):
            mode(Buying(base_url=serve([answer]).base_url)).create_purchase_order(order)


def test_names_of_operations_hold_no_ids():
    small = Small()
    names: list[Any] = [
        small.get("/items/123/prices").operation,
        small.get("/Items('A-1')?$select=x").operation,
        small.patch("/record/v1/inventoryItem/eid:7").operation,
        small.get("https://h.example/a/b").operation,
        small.get("/x", operation="items.list").operation,
    ]
    assert names == [
        "small GET /items/*/prices",
        "small GET /Items",
        "small PATCH /record/*/inventoryItem/*",
        "small GET /a/b",
        "small items.list",
    ]


def test_versions_of_a_row_that_python_hashes_alike_are_both_read(mode, serve):
    """hash(-1) == hash(-2): a set of hashes of values would take the second for the first."""
    system = serve(
        [rows(*({"no": "1", "qty": quantity, "at": "2026-01-01T00:00:00Z"} for quantity in (-1, -2, -2, -1)))]
    )
    opened = mode(Small(base_url=system.base_url))
    assert [record["inventory_quantity"] for record in opened.read()] == [-1, -2, -1]
    assert opened.session.ledger.reasons == {"duplicate": 1}


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"since": datetime(2026, 1, 1)}, "has no zone"),  # noqa: DTZ001 - what is refused
        ({"until": datetime(2026, 1, 1)}, "has no zone"),  # noqa: DTZ001 - as above
        ({"keys": "abc"}, "a list of texts"),
        ({"fields": "sku"}, "a list of texts"),
        ({"keys": ["a"]}, "cannot read single records"),
        ({"known": ["a"]}, "cannot infer deletions"),
        ({"resume": {"place": 7}}, "resume of a page"),
    ],
)
def test_wishes_that_cannot_be_met_are_named_before_anything_is_sent(mode, serve, wish, problem):
    system = serve([])
    with pytest.raises((be.ConfigurationError, be.InvalidInputError), match=problem):
        mode(Small(base_url=system.base_url)).pages(**wish)
    assert not system.journal


def test_what_the_settings_do_not_select_is_counted_and_left_out(mode, serve):
    class Picky(Connector):
        name = "picky"
        reads = {"sku": "sku", "vendor": "vendor"}

        def read(self, query):
            response = yield self.get("/items")
            yield Records(response.json())

        def selects(self, record):
            return record.get("vendor") != "other"

    system = serve([Answer(body=[{"sku": "A", "vendor": "ours"}, {"sku": "B", "vendor": "other"}, {}])])
    session = mode(Picky(base_url=system.base_url))
    assert [record.key for record in session.read()] == ["A"]
    ledger = session.session.ledger
    assert ledger.reasons == {"not_selected": 1}
    assert (ledger.read, ledger.dead_lettered, ledger.balanced) == (3, 1, True)


def test_deletions_are_inferred_from_a_whole_read_only(mode, serve):
    class Scanned(Small):
        name = "scanned"
        capabilities = Capabilities(deletions="full_scan", by_key=True)

    system = serve([])
    for wish in ({"since": T0}, {"keys": ["a"]}, {"resume": {"place": {"page": 1}}}):
        with pytest.raises(be.InvalidInputError, match="from a whole read only"):
            mode(Scanned(base_url=system.base_url)).pages(known=["a", "b"], **wish)


def test_a_system_without_a_cursor_says_so(mode, serve):
    class Timeless(Small):
        name = "timeless"
        cursor = None

    system = serve([rows({"no": "1"})])
    opened = mode(Timeless(base_url=system.base_url))
    with pytest.raises(be.ConfigurationError, match="it has no cursor"):
        opened.read(since=T0)
    assert len(opened.read()) == 1
    assert opened.session.bookmark is None


def test_what_a_lax_search_finds_besides_is_counted_and_left_out(mode, serve):
    class Searched(Small):
        name = "searched"
        capabilities = Capabilities(by_key=True)

    fake = serve([rows({"no": "abc", "price": 1}, {"no": "ABC", "price": 2})])
    session = mode(Searched(base_url=fake.base_url))
    assert [record.key for record in session.read(keys=["ABC"])] == ["ABC"]
    assert session.session.ledger.reasons == {"other_key": 1}
    assert session.session.ledger.balanced


def test_an_answer_without_a_body_says_nothing_of_a_refusal(mode, serve):
    """Also where it calls itself JSON, as some do at 201 and 204."""

    class Strict(Small):
        name = "strict"
        errors_in_success = True

    fake = serve([Answer(status=201)])
    (outcome,) = mode(Strict(base_url=fake.base_url)).write([Change(key="a", values={"price": 1})])
    assert outcome.status == "updated"

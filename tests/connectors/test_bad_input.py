"""What other systems send that they should not, on every connector: handled, or reported by row.

Never a silent drop: read = emitted + filtered + dead-lettered, compared with what the stand-in served. What a
stand-in would not send is put into its answers on their way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

import bulkeditor as be
from bulkeditor.connectors import Change, ConnectorSession, Record
from tests.connectors.vendors import SYSTEMS, System

KEYS = [f"BAD-{number}" for number in range(6)]
# A price that nothing else on the wire looks like, and the record that has it.
ODD, ODD_PRICE = KEYS[2], Decimal("7321.50")
# A value of its own: the port of a stand-in may hold the same digits.
PRICE_ON_THE_WIRE = rb'(?<=[:\[ ])"?7321\.50*"?(?=\s*[,\]}])'
ODD_STOCK = 4711
STOCK_ON_THE_WIRE = rb'(?<=[:\[ ])"?4711(?:\.0+)?"?(?=\s*[,\]}])'

pytestmark = pytest.mark.parametrize(
    "system", [pytest.param(each, id=name) for name, each in SYSTEMS.items()]
)


class Tampered(httpx.BaseTransport):
    """Passes everything on, with something else in the answers.

    Args:
        pattern: What is replaced.
        new: By what.
    """

    def __init__(self, pattern: bytes, new: bytes) -> None:
        self._inner = httpx.HTTPTransport()
        self._pattern = re.compile(pattern)
        self._new = new
        self.hits = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        content, hits = self._pattern.subn(lambda _: self._new, response.read())
        self.hits += hits
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        cookies = [("set-cookie", value) for value in response.headers.get_list("set-cookie")]
        fields = [(name, value) for name, value in headers.items() if name != "set-cookie"]
        return httpx.Response(response.status_code, headers=[*fields, *cookies], content=content)

    def close(self) -> None:
        self._inner.close()


@contextmanager
def seeded(system: System, *keys: str) -> Iterator[Any]:
    with system.start() as fake:
        start = fake.clock.now() - timedelta(days=1)
        fake.seed(
            {
                "sku": key,
                "price": ODD_PRICE if key == ODD else Decimal("10.50") + number,
                "inventory_quantity": ODD_STOCK if key == ODD else number,
                "changed_at": start + timedelta(minutes=number),
            }
            for number, key in enumerate(keys or KEYS)
        )
        yield fake


@contextmanager
def opened(
    system: System, fake: Any, changed: Mapping[str, Any] = {}, **options: Any
) -> Iterator[ConnectorSession]:
    with system.connector(fake, **changed).open(clock=fake.clock, **options) as session:
        yield session


def all_records(session: ConnectorSession, fake: Any) -> dict[str, Record]:
    """Everything that is read; what the system sent is accounted for, row by row."""
    before = fake.served
    records = list(session.read())
    ledger = session.ledger
    assert ledger.balanced, ledger
    assert ledger.read == ledger.emitted + ledger.filtered + ledger.dead_lettered
    assert ledger.emitted == len(records)
    assert ledger.dead_lettered == len(session.dead_letters)
    if fake.counts_rows:
        assert ledger.read == fake.served - before
    return {record.key: record for record in records}


@contextmanager
def tampered(
    system: System, pattern: bytes | Callable[[Any], bytes], new: bytes
) -> Iterator[tuple[ConnectorSession, dict[str, Record]]]:
    """A read of answers in which something was replaced, at least once; a pattern may need the stand-in."""
    with seeded(system) as fake:
        wanted = pattern if isinstance(pattern, bytes) else pattern(fake)
        with Tampered(wanted, new) as transport, opened(system, fake, transport=transport) as session:
            records = all_records(session, fake)
            assert transport.hits, "nothing on the wire was replaced"
            yield session, records


# Getting in


def test_wrong_credentials(system):
    with seeded(system) as fake, opened(system, fake, system.wrong) as session:
        with pytest.raises((be.AuthenticationError, be.PermissionDeniedError)):
            list(session.read())
        (outcome,) = session.write([Change(key=KEYS[0], values={"price": 1})])
        assert outcome.status == "failed", outcome
        probed = [row for row in session.check() if row.ok is not None]
        assert probed
        assert not any(row.ok for row in probed)
        assert not fake.effects


def test_a_login_page_with_status_200(system):
    with seeded(system) as fake, opened(system, fake, retry=be.RetryPolicy(max_retries=0)) as session:
        all_records(session, fake)
        fake.fault("login_page", times=None)
        with pytest.raises(be.AuthenticationError):
            list(session.read())
        (outcome,) = session.write([Change(key=KEYS[0], values={"price": 1})])
        assert not outcome.written
        assert not fake.effects
        fake.calm()
        assert all_records(session, fake).keys() == set(KEYS)


def test_a_login_page_at_the_very_first_request(system):
    with seeded(system) as fake, opened(system, fake, retry=be.RetryPolicy(max_retries=0)) as session:
        fake.fault("login_page", times=None)
        with pytest.raises((be.AuthenticationError, be.UnexpectedResponseError)):
            list(session.read())


def test_a_refusal_inside_of_an_answer_of_success(system):
    with seeded(system) as fake, opened(system, fake) as session:
        fake.refuse(KEYS[1], "locked by accounting")
        outcomes = session.write([Change(key=key, values={"price": 55}) for key in KEYS[:3]])
        assert [outcome.status for outcome in outcomes if outcome.change.key != KEYS[1]] == ["updated"] * 2
        assert outcomes[1].status in ("failed", "dead_lettered")
        assert "locked by accounting" in (outcomes[1].message or "")
        assert fake.holds(KEYS[1])["price"] == Decimal("11.50")
        assert session.written.balanced


def test_an_expired_certificate(system):
    with seeded(system) as fake, opened(system, fake) as session:
        if not hasattr(fake, "end_certificate"):
            pytest.skip(f"{system.name} asks for no certificate; TLS is tried in test_rules.py")
        fake.end_certificate()
        with pytest.raises(be.AuthenticationError):
            list(session.read())
        (outcome,) = session.write([Change(key=KEYS[0], values={"price": 1})])
        assert outcome.status == "failed", outcome
        assert not fake.effects


# Values


@pytest.mark.parametrize(
    "sent", [b'"7321,50"', b'"7.321,50"', b'"12 apples"', b'"NaN"', b"true", b'["7321.50"]', b'{"amount": 1}']
)
def test_a_price_that_is_none_is_reported_by_row_and_field(system, sent):
    with tampered(system, PRICE_ON_THE_WIRE, sent) as (session, records):
        if ODD in records:
            assert "price" not in records[ODD].values
            assert [problem.field for problem in records[ODD].problems] == ["price"]
        else:
            assert session.dead_letters, "the row is neither a record nor a dead letter"
        others = {key: record["price"] for key, record in records.items() if key != ODD}
        assert others == {key: Decimal("10.50") + at for at, key in enumerate(KEYS) if key != ODD}


@pytest.mark.parametrize(
    "sent", [b'"7321.500"', b'"7321.50000000000"', b"7321.5", b'"7321.5"', b'"+7321.50"']
)
def test_a_price_in_any_notation_is_exact(system, sent):
    with tampered(system, PRICE_ON_THE_WIRE, sent) as (_, records):
        assert records[ODD]["price"] == ODD_PRICE
        assert type(records[ODD]["price"]) is Decimal
        assert records.keys() == set(KEYS)


def test_no_price_is_none_and_not_nothing(system):
    with tampered(system, PRICE_ON_THE_WIRE, b"null") as (_, records):
        assert records.keys() == set(KEYS)
        assert records[ODD].get("price", "absent") is None


@pytest.mark.parametrize(
    "sent", [b'"/Date(soon)/"', b'"31.01.2026"', b'"/Date(99999999999999999)/"', b'""', b"17"]
)
def test_a_time_that_is_none_is_reported_by_row(system, sent):
    if system.time is None:
        pytest.skip(f"{system.name} sends times in parts")
    at_the_wire = system.time
    with tampered(system, lambda fake: at_the_wire(fake.holds(ODD)["changed_at"]), sent) as (
        session,
        records,
    ):
        if ODD in records:
            assert records[ODD].problems
            assert records[ODD]["price"] == ODD_PRICE, "what could be read is lost"
        else:
            assert session.dead_letters, "the row is neither a record nor a dead letter"
        assert records.keys() >= set(KEYS) - {ODD}


@pytest.mark.parametrize("sent", [b'"many"', b'"4.711,000"', b"true", b"[]", b'{"pieces": 4711}', b'"-"'])
def test_a_stock_that_is_none_is_reported_by_row_and_field(system, sent):
    with tampered(system, STOCK_ON_THE_WIRE, sent) as (session, records):
        if ODD in records:
            assert "inventory_quantity" not in records[ODD].values
            assert "inventory_quantity" in [problem.field for problem in records[ODD].problems]
            assert records[ODD]["price"] == ODD_PRICE, "what could be read is lost"
        else:
            assert session.dead_letters, "the row is neither a record nor a dead letter"
        others = {key: record["inventory_quantity"] for key, record in records.items() if key != ODD}
        assert others == {key: at for at, key in enumerate(KEYS) if key != ODD}


@pytest.mark.parametrize("sent", [b'"4711.000"', b'"4711"', b"4711", b"4711.0", b'"4711.00000000000000"'])
def test_a_stock_in_any_notation_is_exact(system, sent):
    with tampered(system, STOCK_ON_THE_WIRE, sent) as (_, records):
        assert {key: record["inventory_quantity"] for key, record in records.items()} == {
            key: ODD_STOCK if key == ODD else at for at, key in enumerate(KEYS)
        }


# Keys


@pytest.mark.parametrize("sent", [b'""', b'"  "', b"null"])
def test_a_row_without_a_key_is_a_dead_letter(system, sent):
    with tampered(system, rb'"%s"' % ODD.encode(), sent) as (session, records):
        assert records.keys() == set(KEYS) - {ODD}
        assert [letter.code for letter in session.dead_letters] == ["no_key"]
        assert session.dead_letters[0].raw


@pytest.mark.parametrize(
    "keys",
    [("abc-1", "ABC-1", "Abc-1"), ("42", "00042", "042"), ("9007199254740992", "9007199254740993")],
    ids=["letter case", "leading zeros", "beyond 2^53"],
)
def test_keys_that_only_look_alike_are_kept_apart(system, keys):
    if not system.keeps(keys):
        pytest.skip(f"{system.name} itself takes these for the same")
    with seeded(system, *keys) as fake, opened(system, fake) as session:
        records = all_records(session, fake)
        assert {key: record["price"] for key, record in records.items()} == {
            key: Decimal("10.50") + at for at, key in enumerate(keys)
        }
        if len({key.casefold() for key in keys}) == 1:
            said = [problem.code for record in records.values() for problem in record.problems]
            assert said == ["case_differs"] * 2, "nobody is told"
        (outcome,) = session.write([Change(key=keys[1], values={"price": 77})])
        assert outcome.status == "updated", outcome
        assert [fake.holds(key)["price"] for key in keys] == [
            77 if key == keys[1] else Decimal("10.50") + at for at, key in enumerate(keys)
        ]


def test_a_key_that_comes_as_a_number_keeps_all_its_digits(system):
    with tampered(system, rb'"%s"' % ODD.encode(), b"9007199254740993") as (_, records):
        assert records.keys() == {*KEYS, "9007199254740993"} - {ODD}


def test_an_empty_key_is_not_written_to(system):
    with seeded(system) as fake, opened(system, fake) as session:
        outcomes = session.write(
            [Change(key="", values={"price": 1}), Change(key=KEYS[0], values={"price": 56})]
        )
        assert not outcomes[0].written
        assert outcomes[1].status == "updated"
        assert {effect.key for effect in fake.effects} == {KEYS[0]}

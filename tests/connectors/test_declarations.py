"""What a connector's author or user writes wrongly is refused where it is written, with the choices."""

from decimal import Decimal

import httpx
import pytest

import bulkeditor as be
from bulkeditor.connectors import (
    Capabilities,
    Change,
    Connector,
    CSVFile,
    MultiLocation,
    PurchaseLine,
    PurchaseOrder,
    Records,
)


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ({"cursor_order": "asc"}, "Odd.cursor_order is 'asc'; choose from ascending, none"),
        ({"refusals": {"x": "skip"}}, r"Odd.refusals\['x'\] is 'skip'; choose from retry, refresh, skip_row"),
    ],
)
def test_a_misspelt_declaration_is_refused_with_the_class(declared, text):
    with pytest.raises(be.ConfigurationError, match=text):
        type("Odd", (Connector,), {"name": "odd", **declared})


def test_a_misspelt_capability_or_status_is_refused():
    with pytest.raises(be.ConfigurationError, match="deletions is 'scan'; choose from none, tombstones"):
        Capabilities(deletions="scan")
    with pytest.raises(ValueError, match="status is 'updatd'; choose from updated, created"):
        Change(key="x").outcome("updatd")


class Returns(Connector):
    name = "returns"
    reads = {"sku": "sku"}
    writes = {"sku": "sku"}

    def read(self, query):
        return [{"sku": "a"}]


class Yields(Connector):
    name = "yields"
    reads = {"sku": "sku"}

    def read(self, query):
        yield {"sku": "a"}


@pytest.mark.parametrize(("cls", "what"), [(Returns, "it returned list"), (Yields, "it yielded dict")])
def test_a_read_that_is_no_generator_of_pages_is_told(mode, cls, what):
    with pytest.raises(be.ConfigurationError, match=f"read\\(\\) must be a generator .*; {what}"):
        mode(cls(base_url="http://127.0.0.1:9")).read()


def test_a_change_that_is_none_is_refused(mode):
    with pytest.raises(be.InvalidInputError, match=r"changes\[1\] is no Change but dict"):
        mode(Returns(base_url="http://127.0.0.1:9")).write([Change(key="a"), {"key": "b"}])


def test_a_location_counts_once():
    with pytest.raises(be.InvalidInputError, match="'a' is there more than once"):
        MultiLocation.from_config({"locations": [{"id": "a"}, {"id": "b"}, {"id": "a"}]})


def test_a_file_that_takes_new_rows_says_so(mode, tmp_path):
    (tmp_path / "erp.csv").write_text("sku,price\n")
    for append in (True, False):
        rows = mode(CSVFile(tmp_path / "erp.csv", append=append)).check()
        assert ("create" in [row.capability for row in rows]) is append


def test_an_order_has_lines_and_each_a_quantity():
    with pytest.raises(be.InvalidInputError, match="an order needs one line at least"):
        PurchaseOrder(supplier="V1", lines=())
    for quantity in (0, -1, Decimal("-0.5"), Decimal("NaN")):
        with pytest.raises(be.InvalidInputError, match="x: quantity: must be above 0"):
            PurchaseLine(key="x", quantity=quantity)


class Closed(Connector):
    name = "closed"
    reads = {"sku": "sku"}
    password: str | None = be.connectors.secret(default=None)

    def authenticate(self):
        return be.auth.Basic("me", self.secret("password"))

    def read(self, query):
        response = yield self.get("/items")
        yield Records(response.json())


class Keyed(Closed):
    name = "keyed"
    auth = be.auth.APIKey("k", env="KEYED_TOKEN")

    def authenticate(self):
        return self.auth


PAGE = b"<html><title>Logon Error</title></html>"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("headers", "body"),
    [({"content-type": "text/html"}, PAGE), ({"content-type": "application/json"}, b"{}")],
)
def test_refused_credentials_are_said_first_and_by_the_connectors_own_names(mode, status, headers, body):
    answer = httpx.MockTransport(lambda request: httpx.Response(status, headers=headers, content=body))
    with pytest.raises(be.APIError) as caught:
        mode(Closed(base_url="http://127.0.0.1:9", password="x"), transport=answer).read()
    text = str(caught.value)
    said = "the credentials were refused" if status == 401 else "these credentials may not do this"
    assert text.startswith(f"closed GET /items: {said}: ")
    assert "Check password (CLOSED_PASSWORD)." in text
    assert "BULKEDITOR" not in text


def test_a_credential_that_is_no_setting_is_named_too(mode):
    answer = httpx.MockTransport(lambda request: httpx.Response(401))
    with pytest.raises(be.AuthenticationError, match="Check APIKey"):
        mode(Keyed(base_url="http://127.0.0.1:9"), transport=answer).read()

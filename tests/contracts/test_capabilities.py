"""What each connector must be able to do, done while the vendor's own document judges both sides."""

import httpx
import pytest

from tests.connectors.test_must_do import MUST_DO, check_of, tried
from tests.connectors.vendors import SYSTEMS
from tests.contracts import systems
from tests.contracts.contract import ValidatingTransport

CONTRACTS = {
    "s4": systems.s4hana,
    "b1": systems.business_one,
    "netsuite": systems.netsuite,
    "klaviyo": systems.klaviyo,
    "shopify": systems.shopify,
}
CAN = [(name, capability) for name, row in MUST_DO.items() for capability, how in row.items() if how]


@pytest.mark.parametrize(("name", "capability"), CAN)
def test_it_does_it_by_the_vendors_document(vendor_specs, name, capability):
    contract = CONTRACTS[name](vendor_specs)
    with (
        ValidatingTransport(httpx.HTTPTransport(), contract) as transport,
        tried(SYSTEMS[name], transport=transport) as it,
    ):
        check_of(name, capability)(it)
    contract.assert_kept()

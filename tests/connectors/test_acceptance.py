"""The acceptance suite on the reference connector."""

from bulkeditor.testing import ConnectorSuite
from bulkeditor.testing.vendors.reference import ReferenceERP
from tests.connectors.erp import MyERP


class TestReference(ConnectorSuite):
    config = {"integration": "my-erp", "sync_fields": ["sku", "list_price"], "sync_frequency": "hourly"}

    @classmethod
    def stand_in(cls, clock):
        return ReferenceERP(clock=clock)

    def connector(self, fake):
        return MyERP(base_url=fake.base_url, client_id=fake.client_id, client_secret=fake.client_secret)

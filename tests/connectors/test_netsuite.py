"""NetSuite: the acceptance suite against its stand-in, and what is special about it."""

from bulkeditor.connectors.netsuite import NetSuite
from bulkeditor.testing import ConnectorSuite
from bulkeditor.testing.vendors.netsuite import NetSuite as StandIn


def at(fake, **more):
    return NetSuite(
        base_url=fake.base_url,
        account_id=fake.account,
        **{
            "consumer_key": fake.client_id,
            "certificate_id": fake.certificate_id,
            "private_key": fake.private_key,
            "adjustment_account": "54",
            "subsidiary": "1",
            **more,
        },
    )


class TestNetSuite(ConnectorSuite):
    config = {
        "integration": "netsuite",
        "account_id": "your_account_id",
        "consumer_key": "your_consumer_key",
        "sync_fields": ["item_id", "cost", "list_price", "inventory_available", "location"],
        "batch_size": 100,
    }

    @classmethod
    def stand_in(cls, clock):
        return StandIn(clock=clock)

    def connector(self, fake):
        return at(fake)

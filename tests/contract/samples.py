"""One good request for each operation, with whatever it needs made first."""

from collections.abc import Callable
from typing import Any

import attrs
import httpx

from bulkeditor.api._operations import OPERATIONS

# Nothing listens there: deliveries are attempted and fail, and never leave this machine.
NOWHERE = "http://127.0.0.1:9/hooks"


@attrs.frozen(kw_only=True)
class Sample:
    """A request, ready to be sent with any credential."""

    operation: str
    arguments: dict[str, str] = attrs.field(factory=dict)
    params: dict[str, str] = attrs.field(factory=dict)
    json: Any = None
    data: dict[str, str] | None = None

    def send(self, client: httpx.Client, headers: dict[str, str] | None = None) -> httpx.Response:
        operation = OPERATIONS[self.operation]
        return client.request(
            operation.method,
            operation.url_path(**self.arguments),
            params=self.params or None,
            json=self.json,
            data=self.data,
            headers=headers,
        )


class Samples:
    """Makes samples.

    Args:
        admin: A client whose credential may do everything.
        oauth_client: Makes an OAuth client: id and secret.
    """

    def __init__(self, admin: httpx.Client, oauth_client: Callable[[], tuple[str, str]]) -> None:
        self._admin = admin
        self._oauth_client = oauth_client
        self._count = 0

    def make(self, operation: str) -> Sample:
        """A request that succeeds; each call makes its own records."""
        self._count += 1
        return getattr(self, "_" + operation.replace(".", "_"))()

    def _done(self, response: httpx.Response) -> dict[str, Any]:
        assert response.is_success, response.text
        return response.json()

    def _product(self) -> str:
        body = {"sku": f"SAMPLE-{self._count}", "title": f"Sample {self._count}", "price": 10}
        return self._done(self._admin.post("/api/v1/products", json=body))["id"]

    def _job(self) -> str:
        # Far away, so that it is still pending when it is looked at or cancelled.
        body = {
            "operation": "update",
            "filter": {"sku": "nobody"},
            "updates": {"vendor": "X"},
            "schedule": "2999-01-01T00:00:00Z",
        }
        return self._done(self._admin.post("/api/v1/bulk-jobs", json=body))["id"]

    def _webhook(self) -> str:
        body = {"events": ["product.updated"], "endpoint": NOWHERE}
        return self._done(self._admin.post("/api/v1/webhooks", json=body))["id"]

    def _delivery(self) -> dict[str, str]:
        webhook, product = self._webhook(), self._product()
        row = {"id": product, "vendor": f"Vendor {self._count}"}
        self._done(self._admin.put("/api/v1/products/bulk", json={"products": [row]}))
        found = self._done(self._admin.get(f"/api/v1/webhooks/{webhook}/deliveries"))["deliveries"]
        return {"webhook_id": webhook, "delivery_id": found[0]["id"]}

    def _key(self) -> str:
        body = {"name": f"sample {self._count}", "scopes": ["read:products"]}
        return self._done(self._admin.post("/api/v1/api-keys", json=body))["id"]

    # ---- by operation ----

    def _products_list(self) -> Sample:
        params = {"limit": "2", "page": "1", "filter": '{"vendor":"Premium Brand"}', "fields": "id,sku,price"}
        return Sample(operation="products.list", params=params)

    def _products_update(self) -> Sample:
        row = {"id": self._product(), "price": 29.99, "tags": ["sale", "featured"]}
        return Sample(operation="products.update", json={"products": [row]})

    def _products_get(self) -> Sample:
        return Sample(
            operation="products.get", arguments={"id": self._product()}, params={"fields": "id,title"}
        )

    def _products_create(self) -> Sample:
        body = {
            "sku": f"NEW-{self._count}",
            "title": "New",
            "price": 1.5,
            "options": {"Size": "M"},
            "cost": None,
        }
        return Sample(operation="products.create", json=body)

    def _products_delete(self) -> Sample:
        return Sample(operation="products.delete", arguments={"id": self._product()})

    def _bulk_jobs_create(self) -> Sample:
        body = {
            "operation": "update",
            "filter": {"product_type": "T-Shirt", "vendor": "Premium Brand"},
            "updates": {"tags": ["summer-sale"], "price_adjustment": {"type": "percentage", "value": -20}},
            "schedule": "2999-06-01T00:00:00Z",
        }
        return Sample(operation="bulk_jobs.create", json=body)

    def _bulk_jobs_get(self) -> Sample:
        return Sample(operation="bulk_jobs.get", arguments={"job_id": self._job()})

    def _bulk_jobs_list(self) -> Sample:
        return Sample(operation="bulk_jobs.list", params={"limit": "3", "status": "pending"})

    def _bulk_jobs_cancel(self) -> Sample:
        return Sample(operation="bulk_jobs.cancel", arguments={"job_id": self._job()})

    def _bulk_jobs_errors(self) -> Sample:
        return Sample(operation="bulk_jobs.errors", arguments={"job_id": self._job()})

    def _webhooks_create(self) -> Sample:
        body = {
            "events": ["product.created", "bulk_job.failed"],
            "endpoint": NOWHERE,
            "secret": "your_webhook_secret",
        }
        return Sample(operation="webhooks.create", json=body)

    def _webhooks_list(self) -> Sample:
        return Sample(operation="webhooks.list")

    def _webhooks_get(self) -> Sample:
        return Sample(operation="webhooks.get", arguments={"webhook_id": self._webhook()})

    def _webhooks_update(self) -> Sample:
        return Sample(
            operation="webhooks.update", arguments={"webhook_id": self._webhook()}, json={"enabled": False}
        )

    def _webhooks_delete(self) -> Sample:
        return Sample(operation="webhooks.delete", arguments={"webhook_id": self._webhook()})

    def _webhooks_rotate_secret(self) -> Sample:
        return Sample(operation="webhooks.rotate_secret", arguments={"webhook_id": self._webhook()})

    def _webhooks_test(self) -> Sample:
        body = {"event": "product.updated", "data": {"sku": "TS-1"}}
        return Sample(operation="webhooks.test", arguments={"webhook_id": self._webhook()}, json=body)

    def _webhooks_deliveries(self) -> Sample:
        arguments = self._delivery()
        return Sample(operation="webhooks.deliveries", arguments={"webhook_id": arguments["webhook_id"]})

    def _webhooks_redeliver(self) -> Sample:
        return Sample(operation="webhooks.redeliver", arguments=self._delivery())

    def _inventory_locations(self) -> Sample:
        return Sample(operation="inventory.locations")

    def _inventory_levels(self) -> Sample:
        return Sample(
            operation="inventory.levels", params={"product_id": "product_id_1", "location_id": "warehouse_1"}
        )

    def _inventory_set(self) -> Sample:
        rows = [{"product_id": self._product(), "location_id": "store_front", "on_hand": self._count}]
        return Sample(operation="inventory.set", json={"levels": rows})

    def _inventory_adjust(self) -> Sample:
        rows = [{"product_id": self._product(), "location_id": "warehouse_1", "delta": 3, "reason": "found"}]
        return Sample(operation="inventory.adjust", json={"adjustments": rows})

    def _analytics_products(self) -> Sample:
        return Sample(
            operation="analytics.products", params={"from": "2024-05-01", "to": "2024-05-31", "limit": "2"}
        )

    def _keys_create(self) -> Sample:
        body = {"name": "ci", "scopes": ["read:products"], "expires_at": "2999-01-01T00:00:00Z"}
        return Sample(operation="keys.create", json=body)

    def _keys_list(self) -> Sample:
        return Sample(operation="keys.list")

    def _keys_revoke(self) -> Sample:
        return Sample(operation="keys.revoke", arguments={"key_id": self._key()})

    def _keys_rotate(self) -> Sample:
        return Sample(
            operation="keys.rotate", arguments={"key_id": self._key()}, json={"overlap_seconds": 60}
        )

    def _oauth_token(self) -> Sample:
        ident, secret = self._oauth_client()
        data = {
            "grant_type": "client_credentials",
            "client_id": ident,
            "client_secret": secret,
            "scope": "read:products",
        }
        return Sample(operation="oauth.token", data=data)

"""What the API speaks: products, jobs, webhooks, inventory, keys; and how they become JSON and back."""

from bulkeditor.models._base import JSON, UNSET, Model, Timestamp, UnsetType
from bulkeditor.models._changes import PriceAdjustment, ProductCreate, ProductUpdate, Updates
from bulkeditor.models._inputs import Money, money
from bulkeditor.models._job import Job, JobRowError, parse_execution_time
from bulkeditor.models._payloads import (
    ChangedProduct,
    CreatedProduct,
    JobReport,
    ProductReference,
    StockChange,
)
from bulkeditor.models._product import Product
from bulkeditor.models._resources import (
    ApiKey,
    Delivery,
    InventoryLevel,
    Location,
    ProductAnalytics,
    Webhook,
    WebhookSecret,
)
from bulkeditor.models._vocabulary import EventName, JobStatus, MetricName, Scope, Status
from bulkeditor.models.codec import (
    DecodedPage,
    RowProblem,
    collector_paused,
    decode_one,
    decode_page,
    encode,
    structure,
)

__all__ = [
    "JSON",
    "UNSET",
    "ApiKey",
    "ChangedProduct",
    "CreatedProduct",
    "DecodedPage",
    "Delivery",
    "EventName",
    "InventoryLevel",
    "Job",
    "JobReport",
    "JobRowError",
    "JobStatus",
    "Location",
    "MetricName",
    "Model",
    "Money",
    "PriceAdjustment",
    "Product",
    "ProductAnalytics",
    "ProductCreate",
    "ProductReference",
    "ProductUpdate",
    "RowProblem",
    "Scope",
    "Status",
    "StockChange",
    "Timestamp",
    "UnsetType",
    "Updates",
    "Webhook",
    "WebhookSecret",
    "collector_paused",
    "decode_one",
    "decode_page",
    "encode",
    "money",
    "parse_execution_time",
    "structure",
]

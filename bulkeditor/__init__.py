"""Typed client, embedded sandbox and integrations for the Bulk Product Editor.

    import bulkeditor as be

    with be.BulkEditor.sandbox() as shop:
        for product in shop.products.list(limit=3):
            ...

Every public name is loaded when it is first used, so ``import bulkeditor`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

from bulkeditor._version import __version__

# The name alone tells type checkers what it means; importing typing for it would cost more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from bulkeditor import errors, models, plans, query, sandbox, signature, testing, webhooks
    from bulkeditor._secret import Secret
    from bulkeditor.client import (
        AsyncBulkEditor,
        AsyncPager,
        AsyncPlan,
        AsyncUpdateReport,
        BulkEditor,
        LevelOutcome,
        Page,
        Pager,
        Plan,
        RowOutcome,
        UpdateReport,
    )
    from bulkeditor.errors import (
        APIError,
        AuthenticationError,
        BackupFileError,
        BulkEditorError,
        BulkEditorWarning,
        ConfigurationError,
        ConflictError,
        DeadlineExceededError,
        FieldError,
        GuardError,
        InvalidInputError,
        InvalidRequestError,
        JobError,
        JobFailedError,
        JobTimeoutError,
        KeyRotationWarning,
        LeaseLostError,
        MissingExtraError,
        NotFoundError,
        NotLoadedError,
        OutcomeUnknownError,
        PaginationError,
        PermissionDeniedError,
        PlanError,
        PlanFileError,
        RateLimitError,
        ReadOnlyError,
        RequestTimeoutError,
        RunNotFoundError,
        ServerError,
        StateChangedError,
        StoreError,
        TransportError,
        UnexpectedResponseError,
        UnsupportedByServerError,
        UpdateFailedError,
        WebhookVerificationError,
    )
    from bulkeditor.http import Hooks, RateLimit, RetryPolicy, auth
    from bulkeditor.models import (
        UNSET,
        ApiKey,
        Delivery,
        EventName,
        InventoryLevel,
        Job,
        JobRowError,
        JobStatus,
        Location,
        PriceAdjustment,
        Product,
        ProductAnalytics,
        ProductCreate,
        ProductUpdate,
        Scope,
        Status,
        Updates,
        Webhook,
    )
    from bulkeditor.models.validation import validate_product
    from bulkeditor.plans import PlanDocument, PlanRow, SkippedRow, cost, guards, price, tags
    from bulkeditor.query import Condition, F
    from bulkeditor.sandbox import Sandbox

_HOMES = {
    "bulkeditor.client": (
        "AsyncBulkEditor",
        "AsyncPager",
        "AsyncPlan",
        "AsyncUpdateReport",
        "BulkEditor",
        "LevelOutcome",
        "Page",
        "Pager",
        "Plan",
        "RowOutcome",
        "UpdateReport",
    ),
    "bulkeditor.errors": (
        "APIError",
        "AuthenticationError",
        "BackupFileError",
        "BulkEditorError",
        "BulkEditorWarning",
        "ConfigurationError",
        "ConflictError",
        "DeadlineExceededError",
        "FieldError",
        "GuardError",
        "InvalidInputError",
        "InvalidRequestError",
        "JobError",
        "JobFailedError",
        "JobTimeoutError",
        "KeyRotationWarning",
        "LeaseLostError",
        "MissingExtraError",
        "NotFoundError",
        "NotLoadedError",
        "OutcomeUnknownError",
        "PaginationError",
        "PermissionDeniedError",
        "PlanError",
        "PlanFileError",
        "RateLimitError",
        "ReadOnlyError",
        "RequestTimeoutError",
        "RunNotFoundError",
        "ServerError",
        "StateChangedError",
        "StoreError",
        "TransportError",
        "UnexpectedResponseError",
        "UnsupportedByServerError",
        "UpdateFailedError",
        "WebhookVerificationError",
    ),
    "bulkeditor._secret": ("Secret",),
    "bulkeditor.http": ("Hooks", "RateLimit", "RetryPolicy", "auth"),
    "bulkeditor.models": (
        "UNSET",
        "ApiKey",
        "Delivery",
        "EventName",
        "InventoryLevel",
        "Job",
        "JobRowError",
        "JobStatus",
        "Location",
        "PriceAdjustment",
        "Product",
        "ProductAnalytics",
        "ProductCreate",
        "ProductUpdate",
        "Scope",
        "Status",
        "Updates",
        "Webhook",
    ),
    "bulkeditor.models.validation": ("validate_product",),
    "bulkeditor.plans": ("PlanDocument", "PlanRow", "SkippedRow", "cost", "guards", "price", "tags"),
    "bulkeditor.query": ("Condition", "F"),
    "bulkeditor.sandbox": ("Sandbox",),
}
_ROOMS = ("errors", "models", "plans", "query", "sandbox", "signature", "testing", "webhooks")


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(home), name)
            break
    else:
        if name not in _ROOMS:
            raise AttributeError(f"module 'bulkeditor' has no attribute {name!r}")
        value = import_module(f"bulkeditor.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "UNSET",
    "APIError",
    "ApiKey",
    "AsyncBulkEditor",
    "AsyncPager",
    "AsyncPlan",
    "AsyncUpdateReport",
    "AuthenticationError",
    "BackupFileError",
    "BulkEditor",
    "BulkEditorError",
    "BulkEditorWarning",
    "Condition",
    "ConfigurationError",
    "ConflictError",
    "DeadlineExceededError",
    "Delivery",
    "EventName",
    "F",
    "FieldError",
    "GuardError",
    "Hooks",
    "InvalidInputError",
    "InvalidRequestError",
    "InventoryLevel",
    "Job",
    "JobError",
    "JobFailedError",
    "JobRowError",
    "JobStatus",
    "JobTimeoutError",
    "KeyRotationWarning",
    "LeaseLostError",
    "LevelOutcome",
    "Location",
    "MissingExtraError",
    "NotFoundError",
    "NotLoadedError",
    "OutcomeUnknownError",
    "Page",
    "Pager",
    "PaginationError",
    "PermissionDeniedError",
    "Plan",
    "PlanDocument",
    "PlanError",
    "PlanFileError",
    "PlanRow",
    "PriceAdjustment",
    "Product",
    "ProductAnalytics",
    "ProductCreate",
    "ProductUpdate",
    "RateLimit",
    "RateLimitError",
    "ReadOnlyError",
    "RequestTimeoutError",
    "RetryPolicy",
    "RowOutcome",
    "RunNotFoundError",
    "Sandbox",
    "Scope",
    "Secret",
    "ServerError",
    "SkippedRow",
    "StateChangedError",
    "Status",
    "StoreError",
    "TransportError",
    "UnexpectedResponseError",
    "UnsupportedByServerError",
    "UpdateFailedError",
    "UpdateReport",
    "Updates",
    "Webhook",
    "WebhookVerificationError",
    "__version__",
    "auth",
    "cost",
    "errors",
    "guards",
    "models",
    "plans",
    "price",
    "query",
    "sandbox",
    "signature",
    "tags",
    "testing",
    "validate_product",
    "webhooks",
]

"""Every operation of openapi.yaml as one immutable table; a test keeps the two equal.

The table exists beside the document so that making a request never parses YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

import attrs

from bulkeditor.errors import FieldError, InvalidInputError

INVENTORY_FIELD: Final = "inventory_quantity"
INVENTORY_SCOPE: Final = "write:inventory"
ADMIN_SCOPE: Final = "admin:all"

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@attrs.frozen(kw_only=True)
class Operation:
    """One operation of the API.

    Args:
        name: ``operationId`` in openapi.yaml.
        method: HTTP method, upper case.
        path: Path template below the base URL (``/api/v1/bulk-jobs/{job_id}``).
        scope: The permission it needs; ``None`` for the token endpoint.
        write: Whether it changes state in the shop.
        idempotent: Whether a blind repeat does no harm even though others may have written in between.
            A PUT of absolute values is none: it would overwrite what came after the first attempt.
        completion: Whether it is missing in the product's documentation, so that a server may lack it.
    """

    name: str
    method: str
    path: str
    scope: str | None
    write: bool
    idempotent: bool
    completion: bool

    def url_path(self, **parameters: str) -> str:
        """Fill the path template; values are percent-encoded.

        Args:
            **parameters: One value for each ``{name}`` of the template.

        Returns:
            The path, ready for a request.

        Raises:
            InvalidInputError: A value is empty, or ``.`` or ``..``: the path would lead to another operation.
            KeyError: A parameter of the template is missing.
        """
        return _PARAMETER.sub(lambda match: _path_segment(match[1], parameters[match[1]]), self.path)


def _path_segment(name: str, value: str) -> str:
    if not value.strip() or value in {".", ".."}:
        message = f"{value!r} is no id"
        raise InvalidInputError(
            f"{name}: {message}.",
            errors=[FieldError(field=name, message=message, code="invalid_id")],
            hint="Pass the id as the server gave it.",
        )
    return quote(value, safe="")


def _operations() -> Mapping[str, Operation]:
    # name, method, path, scope, completion
    rows: tuple[tuple[str, str, str, str | None, bool], ...] = (
        ("products.list", "GET", "/api/v1/products", "read:products", False),
        ("products.update", "PUT", "/api/v1/products/bulk", "write:products", False),
        ("products.get", "GET", "/api/v1/products/{id}", "read:products", True),
        ("products.create", "POST", "/api/v1/products", "write:products", True),
        ("products.delete", "DELETE", "/api/v1/products/{id}", "write:products", True),
        ("bulk_jobs.create", "POST", "/api/v1/bulk-jobs", "write:products", False),
        ("bulk_jobs.get", "GET", "/api/v1/bulk-jobs/{job_id}", "read:products", False),
        ("bulk_jobs.list", "GET", "/api/v1/bulk-jobs", "read:products", True),
        ("bulk_jobs.cancel", "POST", "/api/v1/bulk-jobs/{job_id}/cancel", "write:products", True),
        ("bulk_jobs.errors", "GET", "/api/v1/bulk-jobs/{job_id}/errors", "read:products", True),
        ("webhooks.create", "POST", "/api/v1/webhooks", "admin:all", True),
        ("webhooks.list", "GET", "/api/v1/webhooks", "admin:all", True),
        ("webhooks.get", "GET", "/api/v1/webhooks/{webhook_id}", "admin:all", True),
        ("webhooks.update", "PATCH", "/api/v1/webhooks/{webhook_id}", "admin:all", True),
        ("webhooks.delete", "DELETE", "/api/v1/webhooks/{webhook_id}", "admin:all", True),
        ("webhooks.rotate_secret", "POST", "/api/v1/webhooks/{webhook_id}/rotate-secret", "admin:all", True),
        ("webhooks.test", "POST", "/api/v1/webhooks/{webhook_id}/test", "admin:all", True),
        ("webhooks.deliveries", "GET", "/api/v1/webhooks/{webhook_id}/deliveries", "admin:all", True),
        (
            "webhooks.redeliver",
            "POST",
            "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
            "admin:all",
            True,
        ),
        ("inventory.locations", "GET", "/api/v1/locations", "read:inventory", True),
        ("inventory.levels", "GET", "/api/v1/inventory/levels", "read:inventory", True),
        ("inventory.set", "PUT", "/api/v1/inventory/levels", "write:inventory", True),
        ("inventory.adjust", "POST", "/api/v1/inventory/adjustments", "write:inventory", True),
        ("analytics.products", "GET", "/api/v1/analytics/products", "read:analytics", True),
        ("keys.create", "POST", "/api/v1/api-keys", "admin:all", True),
        ("keys.list", "GET", "/api/v1/api-keys", "admin:all", True),
        ("keys.revoke", "DELETE", "/api/v1/api-keys/{key_id}", "admin:all", True),
        ("keys.rotate", "POST", "/api/v1/api-keys/{key_id}/rotate", "admin:all", True),
        ("oauth.token", "POST", "/oauth/token", None, True),
    )
    return MappingProxyType(
        {
            name: Operation(
                name=name,
                method=method,
                path=path,
                scope=scope,
                # Fetching a token changes nothing in the shop: a read-only client needs it as well.
                write=method != "GET" and scope is not None,
                idempotent=method in {"GET", "DELETE"},
                completion=completion,
            )
            for name, method, path, scope, completion in rows
        }
    )


OPERATIONS: Final[Mapping[str, Operation]] = _operations()
"""All operations by name, in the order of openapi.yaml's sections."""

INVENTORY_WRITERS: Final = frozenset({"products.update", "products.create", "bulk_jobs.create"})
"""Operations that need ``write:inventory`` as well once their rows hold ``inventory_quantity``."""


def required_scopes(operation: Operation, fields: Iterable[str] = ()) -> tuple[str, ...]:
    """Every scope that a call needs; ``admin:all`` stands for each of them.

    Args:
        operation: What is called.
        fields: Names of the product fields that the call writes.

    Returns:
        The operation's own scope, and ``write:inventory`` when ``inventory_quantity`` is written.
    """
    own = () if operation.scope is None else (operation.scope,)
    if operation.name in INVENTORY_WRITERS and INVENTORY_FIELD in fields:
        return (*own, INVENTORY_SCOPE)
    return own


__all__ = [
    "ADMIN_SCOPE",
    "INVENTORY_FIELD",
    "INVENTORY_SCOPE",
    "INVENTORY_WRITERS",
    "OPERATIONS",
    "Operation",
    "required_scopes",
]

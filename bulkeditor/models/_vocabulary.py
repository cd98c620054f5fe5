"""The API's fixed words, as constants.

They are plain text, not enums: a word that a newer server adds is read like any other.
"""

from typing import Final, final


@final
class Status:
    """``status`` of a product."""

    ACTIVE: Final = "active"
    DRAFT: Final = "draft"
    ARCHIVED: Final = "archived"


@final
class JobStatus:
    """``status`` of a bulk job."""

    PENDING: Final = "pending"
    RUNNING: Final = "running"
    COMPLETED: Final = "completed"
    FAILED: Final = "failed"
    CANCELLED: Final = "cancelled"

    # The documentation shows "completed" alone; the other words are what servers of this kind answer with.
    _SUCCEEDED: Final = frozenset({"completed", "complete", "success", "succeeded", "done", "finished"})
    _FAILED: Final = frozenset({"failed", "failure", "error", "errored", "aborted", "timed_out"})
    _CANCELLED: Final = frozenset({"cancelled", "canceled"})
    _OPEN: Final = frozenset(
        {
            "pending",
            "queued",
            "scheduled",
            "created",
            "waiting",
            "running",
            "in_progress",
            "processing",
            "started",
        }
    )

    @classmethod
    def succeeded(cls, status: str) -> bool:
        """Whether the word means that the job ran to its end (single rows may have failed).

        Args:
            status: The server's word, in any case.
        """
        return _plain(status) in cls._SUCCEEDED

    @classmethod
    def failed(cls, status: str) -> bool:
        """Whether the word means that the job failed as a whole.

        Args:
            status: The server's word, in any case.
        """
        return _plain(status) in cls._FAILED

    @classmethod
    def cancelled(cls, status: str) -> bool:
        """Whether the word means that the job was cancelled.

        Args:
            status: The server's word, in any case.
        """
        return _plain(status) in cls._CANCELLED

    @classmethod
    def terminal(cls, status: str) -> bool:
        """Whether the word means that nothing more will happen; False for a word that is not known.

        Args:
            status: The server's word, in any case.
        """
        return cls.succeeded(status) or cls.failed(status) or cls.cancelled(status)

    @classmethod
    def known(cls, status: str) -> bool:
        """Whether the word is in the vocabulary, or means the same as one that is.

        Args:
            status: The server's word, in any case.
        """
        return cls.terminal(status) or _plain(status) in cls._OPEN


def _plain(status: str) -> str:
    return status.strip().lower().replace("-", "_").replace(" ", "_")


@final
class EventName:
    """Names of the webhook events."""

    PRODUCT_CREATED: Final = "product.created"
    PRODUCT_UPDATED: Final = "product.updated"
    PRODUCT_DELETED: Final = "product.deleted"
    BULK_JOB_STARTED: Final = "bulk_job.started"
    BULK_JOB_COMPLETED: Final = "bulk_job.completed"
    BULK_JOB_FAILED: Final = "bulk_job.failed"
    INVENTORY_UPDATED: Final = "inventory.updated"

    ALL: Final = (
        PRODUCT_CREATED,
        PRODUCT_UPDATED,
        PRODUCT_DELETED,
        BULK_JOB_STARTED,
        BULK_JOB_COMPLETED,
        BULK_JOB_FAILED,
        INVENTORY_UPDATED,
    )


@final
class Scope:
    """Permissions of an API key."""

    READ_PRODUCTS: Final = "read:products"
    WRITE_PRODUCTS: Final = "write:products"
    READ_INVENTORY: Final = "read:inventory"
    WRITE_INVENTORY: Final = "write:inventory"
    READ_ANALYTICS: Final = "read:analytics"
    ADMIN_ALL: Final = "admin:all"

    ALL: Final = (READ_PRODUCTS, WRITE_PRODUCTS, READ_INVENTORY, WRITE_INVENTORY, READ_ANALYTICS, ADMIN_ALL)


@final
class MetricName:
    """Metrics of product analytics."""

    SESSIONS: Final = "sessions"
    PAGEVIEWS: Final = "pageviews"
    CONVERSIONS: Final = "conversions"

    ALL: Final = (SESSIONS, PAGEVIEWS, CONVERSIONS)


__all__ = ["EventName", "JobStatus", "MetricName", "Scope", "Status"]

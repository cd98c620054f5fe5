"""How each capability of a system is: probes that change nothing."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from bulkeditor.connectors._asking import guarded
from bulkeditor.connectors._fields import Field
from bulkeditor.connectors._steps import nothing
from bulkeditor.connectors._types import CheckRow
from bulkeditor.errors import APIError, BulkEditorError
from bulkeditor.http import Exchange, Request, Response, RetryPolicy, Sleep

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector


def checks(
    connector: Connector, policy: RetryPolicy
) -> Generator[Request | Sleep | CheckRow, Response, None]:
    """A row for each capability: what the connector probes, then what it only declares.

    Args:
        connector: What is checked.
        policy: Bounds the repeats.
    """
    probes = connector.probes()
    for capability, flow in probes.items():
        row = yield from _probe(connector, capability, flow, policy)
        yield row
    for capability in declared(connector):
        if capability not in probes:
            yield CheckRow(
                capability=capability, ok=None, detail="declared; not tried, because a check changes nothing"
            )


def declared(connector: Connector) -> list[str]:
    """Names of what a connector says it can do."""
    able = connector.capabilities
    try:
        reads, writes = connector.read_fields(), connector.written_fields()
        cursor = connector.layout().cursor
    except BulkEditorError:
        # A table that is not there: what can be read of it is what the probe says.
        reads = writes = dict[str, Field]()
        cursor = None
    there = {
        "read": bool(reads),
        "changed_since": cursor is not None,
        "by_key": able.by_key,
        "write": bool(writes),
        "create": connector.creates(),
        "delete": able.delete,
        "delta": bool(able.delta),
        "per_location": bool(able.per_location),
        "tombstones": able.deletions == "tombstones",
        "full_scan": able.deletions == "full_scan",
        "purchase_orders": able.purchase_orders,
    }
    return [name for name, is_there in there.items() if is_there]


def _probe(
    connector: Connector, capability: str, flow: Exchange[str], policy: RetryPolicy
) -> Generator[Request | Sleep, Response, CheckRow]:
    times: list[float] = []
    try:
        detail = yield from guarded(
            connector, flow, policy, nothing, heard=lambda response: times.append(response.elapsed)
        )
    except BulkEditorError as error:
        code = error.code if isinstance(error, APIError) else None
        return CheckRow(capability=capability, ok=False, detail=str(error), code=code or _name(error))
    except Exception as error:  # noqa: BLE001 - one capability whose answer breaks a probe hides no other
        detail = f"an answer could not be read ({type(error).__name__}: {error})"
        return CheckRow(capability=capability, ok=False, detail=detail, code=type(error).__name__)
    return CheckRow(capability=capability, ok=True, detail=detail, response_time=sum(times))


def _name(error: BulkEditorError) -> str:
    return type(error).__name__


__all__ = ["checks", "declared"]

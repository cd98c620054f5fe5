"""The base class of every connector.

A connector says what its system does and waits for nothing: it yields requests and is handed responses. What
is the same for all systems (mapping rows, repeating, suppressing, settling, counting) is done by the session
that drives it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Unpack

from bulkeditor.connectors._admission import size_of
from bulkeditor.connectors._classify import Problem, classify, explain
from bulkeditor.connectors._declare import (
    NO_TIME,
    Capabilities,
    CursorOrder,
    Limits,
    ensure_declared,
)
from bulkeditor.connectors._fields import Field, fields
from bulkeditor.connectors._layout import Layout
from bulkeditor.connectors._requests import Requests
from bulkeditor.connectors._types import (
    Batch,
    Change,
    PlacedOrder,
    PurchaseOrder,
    Query,
    Reading,
    Record,
    Records,
    Verdict,
    Writing,
)
from bulkeditor.errors import APIError, BulkEditorError, ConfigurationError, UnsupportedByServerError
from bulkeditor.http import Auth, Exchange, Request, RetryPolicy

if TYPE_CHECKING:
    from bulkeditor.connectors._async import AsyncConnectorSession
    from bulkeditor.connectors._options import SessionOptions
    from bulkeditor.connectors._sync import ConnectorSession

_NO_FIELDS: Final[Mapping[str, Field | str]] = MappingProxyType({})
_NO_ALIASES: Final[Mapping[str, str]] = MappingProxyType({})
# What usually stands around the values of one row.
_ENVELOPE: Final = 64


class Connector(Requests):
    """Another system: an ERP, a shop, a warehouse, a file.

    A subclass annotates its settings, declares what its system is like, and writes the two generators
    :meth:`read` and :meth:`write`. It becomes a frozen attrs class by itself; instances can be shared.

    Settings:
        base_url: The system's address (``endpoint`` in JSON).
        sync_fields: Fields to read and write, by our names or the connector's aliases; empty = all.
        sync_frequency: How often a scheduled sync reads; one of :data:`FREQUENCIES`.
        direction: ``bidirectional``; ``inbound`` refuses writes; ``outbound`` refuses reads.
        batch_size: Changes in one request; never more than the system allows.

    Declarations:
        name: The name in ``{"integration": …}``, in errors, logs and metrics.
        key: Our field (or a path in the row) that identifies a record.
        cursor: Our field (or a path) that says when or where a record last changed.
        cursor_order: ``ascending`` where a read comes in its order.
        look_back: How much an incremental read goes back behind the last cursor seen, for rows that were
            committed late.
        auth: The credential; or override :meth:`authenticate` to make it from settings.
        reads: Our field names to where they stand: a path, or :func:`be.field <bulkeditor.field>`.
        writes: Our field names to where they are written.
        aliases: Further names that ``sync_fields`` may use.
        capabilities: What else the system can do.
        limits: What it allows.
        refusals: What its error codes and statuses mean, where that is not obvious.
        errors_in_success: Whether an answer of 200 may say that the request failed.
        hosts: Further hosts that answers may refer to; they never get the credential.
        retry: When failed requests are repeated, unless ``open(retry=…)`` says otherwise.
        speaks_http: False for files and databases.
        unique_keys: Whether a key that comes twice in one read is a defect of the row, as in files, and not a
            record that changed meanwhile.
        blocking: Whether ``read`` and ``write`` wait by themselves, as files and databases do; under asyncio
            they run in a thread.
    """

    key: ClassVar[str] = "sku"
    cursor: ClassVar[str | None] = None
    cursor_order: ClassVar[CursorOrder] = "none"
    look_back: ClassVar[timedelta] = NO_TIME
    auth: ClassVar[Auth | None] = None
    reads: ClassVar[Mapping[str, Field | str]] = _NO_FIELDS
    writes: ClassVar[Mapping[str, Field | str]] = _NO_FIELDS
    aliases: ClassVar[Mapping[str, str]] = _NO_ALIASES
    capabilities: ClassVar[Capabilities] = Capabilities()
    limits: ClassVar[Limits] = Limits()
    errors_in_success: ClassVar[bool] = False
    hosts: ClassVar[Collection[str]] = ()
    retry: ClassVar[RetryPolicy] = RetryPolicy()
    speaks_http: ClassVar[bool] = True
    blocking: ClassVar[bool] = False
    unique_keys: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ensure_declared(cls.__name__, cls.cursor_order, cls.refusals)

    # What a subclass writes --------------------------------------------------------------------------------

    def read(self, query: Query) -> Reading:  # noqa: ARG002 - the subclass's signature
        """Read records: yield requests, and each page of rows as :class:`Records`, in the system's own words.

        Args:
            query: What to read. Bounds that the system cannot observe are observed by the session.
        """
        raise UnsupportedByServerError(f"{self.name} cannot be read.")

    def write(self, batch: Batch) -> Writing:  # noqa: ARG002 - the subclass's signature
        """Write one batch: yield requests, and :class:`Outcomes` as they become known, one for each change.

        An error that is let through becomes the outcome of every change that has none yet.

        Args:
            batch: At most ``limits.batch_size`` changes, none of which is known to be superfluous.
        """
        raise UnsupportedByServerError(f"{self.name} cannot be written to.")

    def probes(self) -> Mapping[str, Exchange[str]]:
        """What :meth:`ConnectorSession.check` tries: capability to a flow that returns what it found.

        By default ``read`` asks for the first page.
        """
        return {"read": first_page(self)}

    def create_purchase_order(self, order: PurchaseOrder) -> Exchange[PlacedOrder]:  # noqa: ARG002 - as above
        """Order goods, where ``capabilities.purchase_orders`` says so."""
        raise UnsupportedByServerError(f"{self.name} takes no purchase orders.")

    def authenticate(self) -> Auth | None:
        """The credential, made of the settings.

        Raises:
            MissingSettingsError: Some are missing.
        """
        return self.auth

    def credentials(self) -> str:
        """The credentials in words, for errors: settings with their variables, or what ``auth`` is."""
        return super().credentials() if self.auth is None else repr(self.auth)

    def explain(self, body: object) -> Problem | None:
        """What an error's body (decoded JSON) says; None where it says nothing.

        With ``errors_in_success`` it is asked about answers of 200 as well.
        """
        return explain(body)

    def classify(self, error: BulkEditorError) -> Verdict:
        """What follows from an error; by default as ``refusals`` says, then by its kind."""
        body = error.json() if isinstance(error, APIError) else None
        return classify(error, self.explain(body), self.refusals)

    # What a session uses -----------------------------------------------------------------------------------

    def layout(self) -> Layout:
        """How rows become records."""
        return Layout.declared(self.key, self.cursor, self.read_fields())

    def read_fields(self) -> Mapping[str, Field]:
        """The fields that can be read."""
        return self._declared_reads

    def written_fields(self) -> Mapping[str, Field]:
        """The fields that can be written with absolute values."""
        return self._declared_writes

    def creates(self) -> bool:
        """Whether a change to a key that is not there makes a new record."""
        return self.capabilities.create

    def selects(self, record: Record) -> bool:  # noqa: ARG002 - the subclass's signature
        """Whether a record is among those that the settings select; others are counted as filtered.

        For systems that cannot be asked for less.
        """
        return True

    @cached_property
    def _declared_reads(self) -> Mapping[str, Field]:
        return fields(self.reads)

    @cached_property
    def _declared_writes(self) -> Mapping[str, Field]:
        return fields(self.writes)

    def selected(self) -> tuple[str, ...]:
        """What ``sync_fields`` selects, in our names; empty = everything.

        Raises:
            ConfigurationError: A name is unknown.
        """
        ours = tuple(dict.fromkeys(self.aliases.get(name, name) for name in self.sync_fields))
        known = self.read_fields().keys() | self.written_fields().keys() | self.capabilities.delta
        unknown = [name for name in ours if name not in known]
        if unknown:
            choices = ", ".join(sorted(known | self.aliases.keys()))
            raise ConfigurationError(
                f"{self.name}: sync_fields names {', '.join(map(repr, unknown))}; there are {choices}."
            )
        return ours

    def selected_reads(self) -> tuple[str, ...]:
        """Those of the selected fields that can be read."""
        known = self.read_fields()
        return tuple(name for name in self.selected() if name in known)

    def batch_limit(self) -> int:
        """Changes in one request: as configured, and never more than the system allows."""
        return min(self.batch_size or self.limits.batch_size, self.limits.batch_size)

    def weight(self, change: Change) -> int:
        """Bytes that a change takes in a request, for ``limits.batch_bytes``."""
        return size_of(self.payload(change)) + len(change.key) + _ENVELOPE

    def open(self, **options: Unpack[SessionOptions]) -> ConnectorSession:
        """Begin to talk to the system, blocking; ``with`` closes.

        Args:
            options: See :class:`SessionOptions`.

        Raises:
            MissingSettingsError: The address or credentials are missing; each is named.
        """
        from bulkeditor.connectors._sync import ConnectorSession  # noqa: PLC0415 - either twin, not both

        return ConnectorSession(self, **options)

    def open_async(self, **options: Unpack[SessionOptions]) -> AsyncConnectorSession:
        """Begin to talk to the system under asyncio; ``async with`` closes.

        Args:
            options: See :class:`SessionOptions`.

        Raises:
            MissingSettingsError: The address or credentials are missing; each is named.
        """
        from bulkeditor.connectors._async import AsyncConnectorSession  # noqa: PLC0415 - as above

        return AsyncConnectorSession(self, **options)


def first_page(connector: Connector) -> Exchange[str]:
    """A probe: read the first page, and no more."""
    flow = connector.read(Query(fields=connector.selected_reads(), page_size=1))
    try:
        step = next(flow)
        while not isinstance(step, Records):
            if isinstance(step, Request):
                step = flow.send((yield step))
            else:
                yield step
                step = next(flow)
    except StopIteration:
        return "there is nothing to read"
    finally:
        flow.close()
    return f"a first page came, of {len(step.rows)} rows"


__all__ = ["Connector"]

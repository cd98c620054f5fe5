"""The base class of every connector.

A connector says what its system does and waits for nothing: it yields requests and is handed responses. What
is the same for all systems (mapping rows, repeating, suppressing, settling, counting) is done by the session
that drives it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, Self, Unpack, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit

import attrs

from bulkeditor._secret import Secret
from bulkeditor.connectors._admission import size_of
from bulkeditor.connectors._classify import Problem, classify, explain
from bulkeditor.connectors._config import config_of, from_environment, hash_of, load, text_of
from bulkeditor.connectors._convert import DateTime
from bulkeditor.connectors._declare import (
    DIRECTIONS,
    FREQUENCIES,
    NO_ACTIONS,
    NO_TIME,
    Capabilities,
    CursorOrder,
    Limits,
)
from bulkeditor.connectors._fields import Field, fields, put
from bulkeditor.connectors._layout import Layout
from bulkeditor.connectors._settings import (
    Declared,
    MissingSettingsError,
    env_name,
    evolved,
    expand,
    references,
    setting,
    settings_of,
)
from bulkeditor.connectors._types import (
    STATUS,
    Action,
    Batch,
    Change,
    Outcome,
    PlacedOrder,
    PurchaseOrder,
    Query,
    Reading,
    Records,
    Verdict,
    Writing,
)
from bulkeditor.errors import APIError, BulkEditorError, ConfigurationError, UnsupportedByServerError
from bulkeditor.http import Auth, Exchange, Request, RetryPolicy
from bulkeditor.models import encode

if TYPE_CHECKING:
    from bulkeditor.connectors._async import AsyncConnectorSession
    from bulkeditor.connectors._options import SessionOptions
    from bulkeditor.connectors._sync import ConnectorSession

_NO_FIELDS: Final[Mapping[str, Field | str]] = MappingProxyType({})
_NO_ALIASES: Final[Mapping[str, str]] = MappingProxyType({})
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
# Parts of a path that name one record: what stands in brackets, and words that hold a digit.
_ID: Final = re.compile(r"\([^)]*\)|(?<=/)[^/]*[\d%:$][^/]*(?=/|$)")
_TIME: Final = DateTime()
# What usually stands around the values of one row.
_ENVELOPE: Final = 64


class Connector(Declared):
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

    name: ClassVar[str]
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
    refusals: ClassVar[Mapping[int | str, Action]] = NO_ACTIONS
    errors_in_success: ClassVar[bool] = False
    hosts: ClassVar[Collection[str]] = ()
    retry: ClassVar[RetryPolicy] = RetryPolicy()
    speaks_http: ClassVar[bool] = True
    blocking: ClassVar[bool] = False
    unique_keys: ClassVar[bool] = False

    base_url: str | None = setting(default=None, json="endpoint")
    sync_fields: tuple[str, ...] = setting(default=(), converter=tuple)
    sync_frequency: str | None = setting(default=None, choices=tuple(FREQUENCIES))
    direction: str = setting(default="bidirectional", choices=DIRECTIONS)
    batch_size: int | None = setting(default=None)

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

    def address(self) -> str | None:
        """The system's address; a subclass may make it of other settings.

        Raises:
            MissingSettingsError: Such settings are missing.
        """
        return self.value("base_url") if self.has("base_url") else None

    def authenticate(self) -> Auth | None:
        """The credential, made of the settings.

        Raises:
            MissingSettingsError: Some are missing.
        """
        return self.auth

    def explain(self, body: object) -> Problem | None:
        """What an error's body (decoded JSON) says; None where it says nothing.

        With ``errors_in_success`` it is asked about answers of 200 as well.
        """
        return explain(body)

    def classify(self, error: BulkEditorError) -> Verdict:
        """What follows from an error; by default as ``refusals`` says, then by its kind."""
        body = error.json() if isinstance(error, APIError) else None
        return classify(error, self.explain(body), self.refusals)

    # What a subclass uses ----------------------------------------------------------------------------------

    def url(self, path: str, **params: object) -> str:
        """A path below the address with a query; parameters that are None are left out.

        Args:
            path: Starts with ``/``; quote ids in it with :meth:`quoted`.
            params: Texts, numbers, booleans (``true``), times (RFC 3339 in UTC); a list is joined by commas.
        """
        given = [(name, _param(value)) for name, value in params.items() if value is not None]
        if not given:
            return path
        return f"{path}{'&' if '?' in path else '?'}{urlencode(given, quote_via=quote)}"

    @staticmethod
    def quoted(part: str) -> str:
        """An id as one part of a path, every special character encoded."""
        return quote(part, safe="")

    def link(self, target: str, base: str = "/") -> str:
        """A link of an answer, to be asked for: absolute ones as they are, relative ones below ``base``.

        Args:
            target: What the answer says.
            base: The path of the request that it answers, or of the service's root (ending in ``/``).
        """
        if target.startswith(("http://", "https://")):
            return target
        joined = urljoin(base, target)
        prefix = urlsplit(self.base_url or "").path.rstrip("/")
        # A link from the root of the host already holds the path of the address.
        return joined[len(prefix) :] if prefix and joined.startswith(prefix + "/") else joined

    def get(
        self, url: str, *, headers: Mapping[str, str] = _NO_HEADERS, operation: str | None = None
    ) -> Request:
        """A request that reads."""
        return self.request("GET", url, headers=headers, operation=operation, write=False)

    def post(
        self,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        operation: str | None = None,
        write: bool = True,
    ) -> Request:
        """A request with a body that writes, unless ``write=False`` says that it only asks."""
        return self.request("POST", url, json=json, headers=headers, operation=operation, write=write)

    def put(
        self,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        operation: str | None = None,
    ) -> Request:
        """A request that replaces."""
        return self.request("PUT", url, json=json, headers=headers, operation=operation)

    def patch(
        self,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        operation: str | None = None,
    ) -> Request:
        """A request that changes."""
        return self.request("PATCH", url, json=json, headers=headers, operation=operation)

    def delete(
        self, url: str, *, headers: Mapping[str, str] = _NO_HEADERS, operation: str | None = None
    ) -> Request:
        """A request that deletes."""
        return self.request("DELETE", url, headers=headers, operation=operation)

    def request(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        operation: str | None = None,
        write: bool = True,
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
        spool: bool = False,
    ) -> Request:
        """A request to the system.

        Args:
            method: The HTTP method.
            url: From :meth:`url`, or an absolute address of an allowed host.
            json: The body, plain data; Decimals become numbers with all their digits.
            content: The body, where it is not JSON.
            headers: Further headers.
            operation: What it is, for errors and metrics; by default the method and the path without ids.
            write: Whether it changes something; False for a POST that only asks.
            idempotent: Whether it can be sent again without a second effect, whatever became of the first;
                by default where it only reads.
            idempotency_key: Sent as ``Idempotency-Key``; a system with a header of its own gets it in
                ``headers``.
            spool: The answer is too large for memory: it comes as a file.
        """
        if json is not None:
            content = encode(json)
            headers = {"Content-Type": "application/json", **headers}
        named = operation or f"{method} {_ID.sub('*', urlsplit(url).path)}"
        return Request(
            method=method,
            path=url,
            operation=f"{self.name} {named}",
            headers=headers,
            content=content,
            write=write,
            idempotent=not write if idempotent is None else idempotent,
            idempotency_key=idempotency_key,
            spool=spool,
        )

    def payload(self, change: Change) -> dict[str, object]:
        """The values of a change in the system's words, as ``writes`` has it.

        Args:
            change: Holds only fields that the connector writes: the session saw to it.
        """
        body: dict[str, object] = {}
        declared = self.written_fields()
        for name, value in change.values.items():
            field = declared[name]
            put(body, cast("str", field.source), field.write(value))
        return body

    def refusal(
        self, change: Change, *, code: str | None, message: str | None = None, raw: object = None
    ) -> Outcome:
        """The outcome of a change that an answer says was refused, as ``refusals`` has its code.

        Args:
            change: The change.
            code: The system's own name for the problem; one that is not declared is a dead letter.
            message: Its sentence.
            raw: What it said.
        """
        action = self.refusals.get(code or "", "dead_letter")
        return change.outcome(STATUS[action], message, code=code, retryable=action == "retry", raw=raw)

    def value(self, name: str) -> str:
        """A text setting, with ``${NAME}`` expanded, or its environment variable.

        Raises:
            MissingSettingsError: It is missing.
        """
        return self._given(name)

    def secret(self, name: str) -> Secret:
        """A credential, from where :meth:`value` has it.

        Raises:
            MissingSettingsError: It is missing.
        """
        return Secret(self._given(name))

    def need(self, *names: str) -> None:
        """Make sure that settings are there, and name all that are not.

        Raises:
            MissingSettingsError: Some are missing.
        """
        missing = [problem for name in names if (problem := self._missing(name))]
        if missing:
            raise MissingSettingsError(self.name, missing)

    def has(self, *names: str) -> bool:
        """Whether settings are there."""
        return not any(self._missing(name) for name in names)

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

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A connector of this class, from JSON as it is documented.

        Args:
            config: Its settings by their names in JSON; texts may refer to environment variables:
                ``${NAME}``.

        Raises:
            InvalidInputError: Keys are unknown or missing, or values cannot work; each is named.
        """
        return load(cls, config)

    @classmethod
    def from_env(cls) -> Self:
        """A connector whose settings all come from environment variables: ``MY_ERP_BASE_URL``.

        Raises:
            InvalidInputError: A value cannot work.
        """
        return from_environment(cls)

    def config(self) -> dict[str, object]:
        """The settings as JSON; defaults are left out, credentials masked."""
        return config_of(self)

    def config_hash(self) -> str:
        """What this configuration is known by: the same for the same settings, whatever the credentials."""
        return hash_of(text_of(self.config()))

    def interval(self) -> timedelta | None:
        """The time between two scheduled reads; None where nothing is configured."""
        return None if self.sync_frequency is None else FREQUENCIES[self.sync_frequency]

    def at(self, base_url: str) -> Self:
        """The same connector at another address."""
        return evolved(self, base_url=base_url)

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

    def _given(self, name: str) -> str:
        self.need(name)
        value = cast("object", getattr(self, name))
        text = value.reveal() if isinstance(value, Secret) else str(value) if value is not None else None
        if not text:
            return os.environ[env_name(self.name, self._setting(name))]
        return expand(text)

    def _missing(self, name: str) -> str | None:
        value = cast("object", getattr(self, name))
        text = value.reveal() if isinstance(value, Secret) else str(value) if value is not None else ""
        if text:
            unset = references(text)
            return f"{name} ({', '.join(unset)})" if unset else None
        variable = env_name(self.name, self._setting(name))
        return None if os.environ.get(variable) else f"{name} ({variable})"

    def _setting(self, name: str) -> attrs.Attribute[object]:
        return next(field for field in settings_of(type(self)).values() if field.name == name)


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


def _param(value: object) -> str:
    if isinstance(value, datetime):
        return str(_TIME.write(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(_param(item) for item in cast("Collection[object]", value))
    return str(value)


__all__ = ["Connector"]

"""What both stand-ins for SAP are: tables behind OData, asked one by one or in batches."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, urlencode

import attrs

from bulkeditor.http import Clock
from bulkeditor.testing._standin import Answer, Entry, StandIn
from bulkeditor.testing.vendors._sap.odata import Address, EntitySet, ODataError, Row
from bulkeditor.testing.vendors._sap.odata_batch import Part, carried_out


@attrs.frozen(kw_only=True)
class Asked:
    """One request for one entity set.

    Args:
        service: The service, or the version, that it goes to.
        entities: The entity set.
        address: Which of it.
        options: The query options.
        part: The request, as it stands alone or in a batch.
        entry: The HTTP request that it came in.
    """

    service: str
    entities: EntitySet
    address: Address
    options: Mapping[str, str]
    part: Part
    entry: Entry


class ODataStandIn(StandIn):
    """Tables, and how requests reach them.

    Args:
        names: The entity sets.
        clock: Its time.
    """

    def __init__(self, names: Iterable[str], *, clock: Clock | None) -> None:
        super().__init__(clock=clock)
        self._tables: dict[str, dict[tuple[object, ...], Row]] = {name: {} for name in names}
        self._numbers = itertools.count(1)

    def rows(self, name: str) -> list[Row]:
        """The rows of an entity set, to look at or to change."""
        return list(self._tables[name].values())

    # What a subclass says

    def _one(self, service: str, part: Part, entry: Entry) -> Answer:
        """Answer a request, or raise ODataError."""
        raise NotImplementedError

    def _refusal(self, error: ODataError) -> Answer:
        """An error as this system tells it."""
        raise NotImplementedError

    # What a subclass uses

    def _alone(self, service: str, rest: str, entry: Entry) -> Answer:
        part = Part(
            method=entry.headers.get("x-http-method", entry.method),
            target=f"{rest}?{urlencode(entry.params, quote_via=quote)}",
            headers=entry.headers,
            body=entry.body,
            content_id=None,
        )
        return self._one(service, part, entry)

    def _together(self, service: str, parts: Iterable[Part | list[Part]], entry: Entry) -> Answer:
        return carried_out(parts, lambda part: self._within(service, part, entry), lambda: self._begun(entry))

    def _within(self, service: str, part: Part, entry: Entry) -> Answer:
        try:
            return self._one(service, part, entry)
        except ODataError as error:
            return self._refusal(error)

    def _begun(self, entry: Entry) -> Callable[[], None]:
        """What goes back to how it is now."""
        before, committed = copy.deepcopy(self._tables), len(entry.effects)

        def back() -> None:
            self._tables = before
            del entry.effects[committed:]

        return back


__all__ = ["Asked", "ODataStandIn"]

"""What all contracts have in common: they judge requests and answers, and remember what they saw.

A contract is the vendor's own document (OpenAPI, GraphQL SDL, EDMX, record facts) made executable. Tests
put it between connector and stand-in:

    contract = klaviyo(vendor_specs)
    with connector.open(transport=ValidatingTransport(httpx.HTTPTransport(), contract)) as session:
        ...
    contract.assert_kept("get_catalog_variants", "bulk_update_catalog_variants")

A breach is raised where it happens; :meth:`VendorContract.assert_kept` finds one that was swallowed on its
way, and an operation that the test meant to see and that never came.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Self
from urllib.parse import urlencode

import httpx

from bulkeditor.testing import Entry, StandIn
from tests.contract.validator import AsyncValidatingTransport, ContractError, ValidatingTransport


class VendorContract:
    """Judges exchanges by a vendor's document; subclasses say how.

    Args:
        mount: What stands in the path before the paths of the document.
    """

    def __init__(self, mount: str = "") -> None:
        self.mount = mount.rstrip("/")
        self.seen: Counter[str] = Counter()
        """Operations, by how often they were asked for."""
        self.answered: Counter[tuple[str, int]] = Counter()
        """Operations with the status of the answer."""
        self.breaches: list[str] = []

    def fresh(self) -> Self:
        """The same contract, which has seen nothing yet: to read a document takes longer than most tests."""
        copied = copy.copy(self)
        copied.seen, copied.answered, copied.breaches = Counter(), Counter(), []
        return copied

    # What a subclass writes

    def operation(self, request: httpx.Request) -> str | None:
        """The document's name for what a request asks for; None where it has none."""
        raise NotImplementedError

    def request_problems(self, request: httpx.Request) -> Iterable[str]:
        """What is wrong with a request whose operation is known."""
        raise NotImplementedError

    def response_problems(self, request: httpx.Request, response: httpx.Response) -> Iterable[str]:
        """What is wrong with an answer to a request whose operation is known."""
        raise NotImplementedError

    # What ValidatingTransport and tests use

    def check_request(self, request: httpx.Request) -> list[str]:
        """Everything that is wrong with a request; its content must have been read."""
        name = self.operation(request)
        if name is None:
            return self._noted([f"{request.method} {request.url} is no operation of the document"])
        self.seen[name] += 1
        return self._noted([f"{name}: {problem}" for problem in self.request_problems(request)])

    def check_response(self, request: httpx.Request, response: httpx.Response) -> list[str]:
        """Everything that is wrong with an answer; its content must have been read."""
        name = self.operation(request)
        if name is None:
            return self._noted([f"{request.method} {request.url} is no operation of the document"])
        self.answered[name, response.status_code] += 1
        found = self.response_problems(request, response)
        return self._noted([f"{name} → {response.status_code}: {problem}" for problem in found])

    def check_journal(self, fake: StandIn, *, ignore: Iterable[str] = ()) -> None:
        """Judge all requests that a stand-in got; raises for a breach.

        Args:
            fake: The stand-in.
            ignore: Paths that belong to other documents, such as the token endpoint's; each a beginning.
        """
        skipped = tuple(ignore)
        for entry in fake.journal:
            if not (skipped and entry.path.startswith(skipped)):
                self.check_request(as_request(entry, fake.base_url))
        self.assert_kept()

    def assert_kept(self, *operations: str) -> None:
        """Nothing was wrong, and these operations were seen (at least one, where none is named)."""
        if self.breaches:
            raise ContractError("\n".join(self.breaches))
        missing = [name for name in operations if not self.seen[name]]
        assert not missing, f"never asked for: {', '.join(missing)}; seen: {', '.join(sorted(self.seen))}"
        assert self.seen, "the contract saw no request at all"

    def below_mount(self, request: httpx.Request) -> str | None:
        """The path that the document knows, percent-encoded as it was sent; None outside the mount."""
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        if self.mount and not (path == self.mount or path.startswith(self.mount + "/")):
            return None
        return path[len(self.mount) :] or "/"

    def _noted(self, problems: list[str]) -> list[str]:
        self.breaches += problems
        return problems


class Contracts(VendorContract):
    """Several documents of one vendor, each below its mount."""

    def __init__(self, *parts: VendorContract) -> None:
        super().__init__()
        self._parts = parts
        self._count_together()

    def fresh(self) -> Self:
        copied = super().fresh()
        copied._parts = tuple(part.fresh() for part in self._parts)
        copied._count_together()
        return copied

    def _count_together(self) -> None:
        for part in self._parts:
            # What stands inside of a batch is counted by the part that reads it.
            part.seen = self.seen

    def operation(self, request: httpx.Request) -> str | None:
        part = self.part(request)
        return part and part.operation(request)

    def request_problems(self, request: httpx.Request) -> Iterable[str]:
        part = self.part(request)
        return () if part is None else part.request_problems(request)

    def response_problems(self, request: httpx.Request, response: httpx.Response) -> Iterable[str]:
        part = self.part(request)
        return () if part is None else part.response_problems(request, response)

    def part(self, request: httpx.Request) -> VendorContract | None:
        """The document that a request belongs to."""
        return next((part for part in self._parts if part.operation(request)), None)


def as_request(entry: Entry, base_url: str) -> httpx.Request:
    """A request again, from a stand-in's journal."""
    query = f"?{urlencode(entry.params)}" if entry.params else ""
    url = f"{base_url}{entry.path}{query}"
    return httpx.Request(entry.method, url, headers=dict(entry.headers), content=entry.body)


def media_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


__all__ = [
    "AsyncValidatingTransport",
    "ContractError",
    "Contracts",
    "ValidatingTransport",
    "VendorContract",
    "as_request",
    "media_type",
]

"""What a finished job of Klaviyo says of each of its entries; pure.

https://developers.klaviyo.com/en/reference/bulk_update_catalog_variants: 202 means taken, and ``complete``
does not mean success.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import attrs

from bulkeditor.connectors._klaviyo.account import Resource, sentence
from bulkeditor.connectors._types import Change, Outcome, OutcomeStatus

Work: TypeAlias = Literal["create", "update", "delete"]
"""What a job does."""

_DONE: Final[Mapping[Work, OutcomeStatus]] = MappingProxyType(
    {"create": "created", "update": "updated", "delete": "deleted"}
)
# Where an error says which entry is meant. Klaviyo documents no form: unverified.
_PLACE: Final = re.compile(r"data/(\d+)(?:/|$)")


@attrs.frozen
class Entry:
    """One resource of a job.

    Args:
        change: The change.
        id: The resource's id; a job that creates is not told it.
        resource: What the job is told.
    """

    change: Change
    id: str
    resource: Resource

    def shows(self, rows: Sequence[Resource]) -> bool:
        """Whether the catalog holds what the job was told."""
        held: list[Resource] = [row["attributes"] for row in rows if row["id"] == self.id]
        if self.change.delete:
            return not held
        wanted: Mapping[str, object] = self.resource["attributes"]
        return any(all(one.get(name) == value for name, value in wanted.items()) for one in held)


@attrs.frozen
class Report:
    """A job as it was last seen.

    Args:
        work: What it does.
        entries: What it was told.
        job: What it says.
    """

    work: Work
    entries: Sequence[Entry]
    job: Resource

    @property
    def said(self) -> Mapping[str, Any]:
        """Its attributes."""
        attributes: Mapping[str, Any] = self.job["attributes"]
        return attributes

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.said["status"] in ("queued", "processing")

    @property
    def failed(self) -> int:
        """How many entries it says that it refused."""
        return self.said.get("failed_count") or 0

    @property
    def clear(self) -> bool:
        """Whether it says of each entry what became of it."""
        return self.said["status"] == "complete" and self.failed <= len(self.refused())

    def refused(self) -> Mapping[int, Resource]:
        """Errors by the place of the entry that each is about, where that is clear."""
        errors: Sequence[Resource] = self.said.get("errors") or ()
        if len(self.entries) == 1 and errors and not self.runs:
            return {0: errors[0]}
        return dict(self._placed(errors))

    def _placed(self, errors: Sequence[Resource]) -> Iterator[tuple[int, Resource]]:
        for error in errors:
            source: Mapping[str, object] = error.get("source") or {}
            pointer = str(source.get("pointer") or "")
            place = _PLACE.search(pointer)
            if place is not None and int(place[1]) < len(self.entries):
                yield int(place[1]), error
                continue
            text = f"{sentence(error)} {pointer}"
            named = [at for at, entry in enumerate(self.entries) if entry.id in text]
            if len(named) == 1:
                yield named[0], error

    def outcomes(
        self, refusal: Callable[..., Outcome], rows: Mapping[str, Sequence[Resource]] | None
    ) -> Iterator[Outcome]:
        """What became of each entry.

        Args:
            refusal: The connector's, for what an error means.
            rows: The catalog as it is now, by key, for a job that is not clear: what does not show was
                refused, where as many do not show as the job says that it refused.
        """
        refused = self.refused()
        absent = {
            place
            for place, entry in enumerate(self.entries)
            if rows is not None and place not in refused and not entry.shows(rows[entry.change.key])
        }
        counted = self.said["status"] == "complete" and len(absent) + len(refused) == self.failed
        text = "; ".join(sentence(error) for error in self.said.get("errors") or ())
        told = f"job {self.job['id']} is {self.said['status']}, {self.failed} failed. {text}".strip()
        for place, entry in enumerate(self.entries):
            change, error = entry.change, refused.get(place)
            if error is not None:
                yield refusal(change, code=error.get("code"), message=sentence(error), raw=error)
            elif place not in absent:
                yield change.outcome(_DONE[self.work], raw=self.job)
            elif counted:
                yield change.outcome("dead_lettered", told, code="job_failed", raw=self.job)
            else:
                yield change.outcome("unknown", told, code="job_unclear", raw=self.job)


__all__ = ["Entry", "Report", "Work"]

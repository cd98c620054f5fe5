"""Listings: what every paged list shares, and the arguments that are checked before anything is sent."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

import attrs

from bulkeditor.api import _answers
from bulkeditor.api._paging import Walk
from bulkeditor.api._request import ask, build, name_list, refused
from bulkeditor.api._token import Position, listing_id, read_token
from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.http import Exchange
from bulkeditor.models import DecodedPage, Model

M = TypeVar("M", bound=Model)

MAX_LIMIT: Final = 250


def unchanged(item: M) -> M | None:
    """Keep every item as it is."""
    return item


@attrs.frozen(kw_only=True, eq=False)
class Listing(Generic[M]):
    """One list of the API with its arguments: makes walks over it, from the start or from a token.

    Args:
        operation: The operation's name in openapi.yaml.
        model: What the rows are.
        plural: Name of the list in the envelope.
        key: What makes a row the same row on another page.
        limit: Page size.
        page: The page to begin with, as the server counts; ``None`` = the first.
        params: Query parameters but ``limit`` and ``page``.
        path: Values for the path template.
        fields: The only fields to read from each row; ``None`` = all.
        keep: The row as the caller wants it, or ``None`` to drop it.
        instead: The way without this list, where a server lacks it.
        selects: The part of the filter that is evaluated here, as text: a token belongs to the whole filter.
    """

    operation: str
    model: type[M]
    plural: str
    key: Callable[[M], Hashable | None]
    limit: int = MAX_LIMIT
    page: int | None = None
    params: tuple[tuple[str, str], ...] = ()
    path: Mapping[str, str] = attrs.field(factory=dict[str, str])
    fields: frozenset[str] | None = None
    keep: Callable[[M], M | None] = unchanged
    instead: str | None = None
    selects: str = ""

    def walk(self, token: str | None = None) -> Walk[M]:
        """A new walk over the list.

        Args:
            token: Where to begin; ``None`` = at ``page``.

        Raises:
            InvalidInputError: The token is damaged or belongs to another list.
        """
        # Other fields of the same rows are the same listing.
        sent = (pair for pair in self.params if pair[0] != "fields")
        listing = listing_id(self.operation, (*sent, *self.path.items(), ("selects", self.selects)))
        start = Position(number=self.page)
        if token is not None:
            start = read_token(token, listing=listing, limit=self.limit)
        return Walk(
            self.fetch,
            operation=self.operation,
            listing=listing,
            limit=self.limit,
            key=self.key,
            keep=self.keep,
            start=start,
            explicit=token is None and self.page is not None,
        )

    def fetch(self, number: int | None) -> Exchange[DecodedPage[M]]:
        """Read one page; ``None`` = without a page number."""
        params = [*self.params, ("limit", str(self.limit))]
        if number is not None:
            params.append(("page", str(number)))
        response = yield from ask(build(self.operation, path=self.path, params=params), instead=self.instead)
        return _answers.page(response, self.model, self.plural, self.fields)


def collect(walk: Walk[M]) -> Exchange[list[M]]:
    """Every item of a listing, page by page."""
    items: list[M] = []
    while (asked := walk.ask()) is not None:
        answer = yield from asked
        for page in walk.take(answer):
            items += page.items
    return items


def check_limit(limit: object, page: object) -> None:
    """Refuse a page size or number that no server takes.

    Raises:
        InvalidInputError: ``limit`` or ``page`` is out of range; the text names it.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MAX_LIMIT:
        raise refused("limit", f"must be a whole number from 1 to {MAX_LIMIT}, got {limit!r}")
    if page is not None and (not isinstance(page, int) or isinstance(page, bool) or page < 0):
        raise refused("page", f"must be a whole number from 0 on, or None for the first page, got {page!r}")


def check_fields(fields: object, model: type[Model]) -> tuple[str, ...] | None:
    """The field names to ask for, checked.

    Args:
        fields: Names, or ``None`` for all.
        model: Whose fields.

    Raises:
        InvalidInputError: Not a list of names, empty, or a name that the model does not have; with the
            nearest one.
    """
    if fields is None:
        return None
    names = name_list(fields, "fields", "field names")
    known = [field.name for field in attrs.fields(model)]  # type: ignore[arg-type]  # models are attrs classes
    errors = [_unknown(name, known, model.__name__) for name in names if name not in known]
    if errors:
        raise InvalidInputError(
            f"fields: {'; '.join(error.message for error in errors)}.",
            errors=errors,
            hint="Leave fields out to get every field; ones that this version does not know are in .extra.",
        )
    return tuple(names)


def _unknown(name: object, known: Sequence[str], model: str) -> FieldError:
    close = difflib.get_close_matches(str(name), known, 1)
    guess = f", did you mean {close[0]!r}?" if close else ""
    return FieldError(
        field=f"fields.{name}", code="unknown_field", message=f"{model} has no field {name!r}{guess}"
    )


def by_id(item: Model) -> Hashable | None:
    """A row's ``id``, where it has one."""
    return getattr(item, "id", None)


__all__ = ["MAX_LIMIT", "Listing", "by_id", "check_fields", "check_limit", "collect", "unchanged"]

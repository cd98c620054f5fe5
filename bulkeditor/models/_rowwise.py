"""A page row by row: what the strict pass refused, with an account of what could not be read."""

from typing import Any

import msgspec

from bulkeditor.errors import MalformedDataError
from bulkeditor.models._base import DECODE_FAILURES, JSON, ModelT, RowSource, absences_left, split_rows
from bulkeditor.models._drafts import NotStrictError
from bulkeditor.models._envelope import page_from
from bulkeditor.models._lenient import UnreadableError, parse_row, read_row
from bulkeditor.models._page import DecodedPage, RowProblem
from bulkeditor.models._strict import SPACE, Envelope, Plan, decoder, envelope_of

REFUSALS = (*DECODE_FAILURES, NotStrictError)
"""All that the strict reading raises for data that the lenient one may be able to read."""


def read_rows(content: bytes, plan: Plan[ModelT]) -> DecodedPage[ModelT]:
    """One page, row by row; single rows are read strictly where that is possible.

    Args:
        content: The body.
        plan: What the rows are.

    Raises:
        MalformedDataError: The body is not JSON, or holds no list of rows.
    """
    try:
        envelope, raws = _split(content, plan.key)
    except DECODE_FAILURES as error:
        raise MalformedDataError(f"The answer is not a page of JSON: {error}.") from error
    rows = _strict_rows(raws, plan, RowSource(content, rows=raws))
    odd = [index for index in range(len(raws)) if index not in rows]
    problems = _Problems()
    for index in odd:
        row = problems.read(plan, raws[index], index)
        if row is not None:
            rows[index] = row
    return page_from(
        envelope,
        [rows[index] for index in sorted(rows)],
        path="lenient",
        bad=tuple(problems.bad),
        unread=tuple(problems.unread),
    )


def _split(content: bytes, key: str) -> tuple[Envelope[Any], list[msgspec.Raw]]:
    if content.lstrip(SPACE)[:1] == b"[":
        return Envelope(), split_rows(content, None)
    envelope: Envelope[msgspec.Raw] = decoder(envelope_of(msgspec.Raw, key)).decode(content)
    if isinstance(envelope.rows, msgspec.UnsetType):
        raise MalformedDataError(f"The answer has no list {key!r}.")
    return envelope, envelope.rows or []


def _strict_rows(raws: list[msgspec.Raw], plan: Plan[ModelT], source: RowSource) -> dict[int, ModelT]:
    left = absences_left()
    rows: dict[int, ModelT] = {}
    draft = plan.draft
    for index, raw in enumerate(raws):
        try:
            rows[index] = draft(raw)
        except REFUSALS:
            continue
    gaps = absences_left() != left
    if _finish(plan, rows, source, gaps=gaps):
        return rows
    return {index: row for index, row in rows.items() if _finish(plan, {index: row}, source, gaps=gaps)}


def _finish(plan: Plan[ModelT], rows: dict[int, ModelT], source: RowSource, *, gaps: bool) -> bool:
    try:
        plan.finish(list(rows.values()), source, rows, gaps=gaps)
    except NotStrictError:
        return False
    return True


class _Problems:
    """Reads the odd rows and keeps account."""

    def __init__(self) -> None:
        self.bad: list[RowProblem] = []
        self.unread: list[RowProblem] = []

    def read(self, plan: Plan[ModelT], raw: msgspec.Raw, index: int) -> ModelT | None:
        fields: dict[str, JSON] = {}
        try:
            fields = parse_row(raw)
            row, errors = read_row(plan.model, fields, plan.names, keep_extra=plan.wants_extra)
        except UnreadableError as error:
            self.bad.append(
                RowProblem(index=index, id=_identity(fields), field=error.field, message=str(error))
            )
            return None
        self.unread.extend(
            RowProblem(index=index, id=_identity(fields), field=error.field, message=error.message)
            for error in errors
        )
        return row


def _identity(fields: dict[str, JSON]) -> str | None:
    value = fields.get("id", fields.get("product_id"))
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None

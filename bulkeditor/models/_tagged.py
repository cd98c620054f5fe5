"""Webhook payloads: an event's name, its time, and data whose model belongs to the name."""

import functools
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias, cast

import msgspec

from bulkeditor.errors import MalformedDataError
from bulkeditor.models._base import DECODE_FAILURES, JSON, Model, RowSource, Timestamp, absences_left
from bulkeditor.models._lenient import UnreadableError, parse_row, read_row
from bulkeditor.models._rowwise import REFUSALS
from bulkeditor.models._strict import Plan, decoder, plan

Payload: TypeAlias = tuple[str, datetime, Model | JSON]
"""An event's name, when it happened, and what it is about: a model where the name is known, or plain data."""


class _Loose(msgspec.Struct):
    event: str
    timestamp: Timestamp
    data: msgspec.Raw = msgspec.Raw(b"null")


class PayloadReader:
    """Reads payloads: strictly and in one pass where they are as expected, else field by field.

    Args:
        models: The model of the data, for each known name.
    """

    def __init__(self, models: Mapping[str, type[Model]]) -> None:
        self._plans: Mapping[str, Plan[Any]] = MappingProxyType(
            {name: plan(model, "") for name, model in models.items()}
        )
        kinds: list[Any] = [
            msgspec.defstruct(
                "Payload", [("timestamp", Timestamp), ("data", made.draft_type)], tag_field="event", tag=name
            )
            for name, made in self._plans.items()
        ]
        self._strict = decoder(functools.reduce(lambda one, other: one | other, kinds))
        self._loose = cast("msgspec.json.Decoder[_Loose]", decoder(_Loose))
        self._anything = decoder(Any)

    def read(self, content: bytes) -> Payload:
        """Read one payload.

        Args:
            content: The body.

        Raises:
            MalformedDataError: It is not JSON, lacks a name or an aware time, or has no object as the data of
                a known event.
        """
        left = absences_left()
        try:
            payload = self._strict.decode(content)
            name: str = payload.__struct_config__.tag
            source = RowSource(content, key="data", single=True)
            row = self._plans[name].finish_one(payload.data, source, gaps=absences_left() != left)
        except REFUSALS:
            return self._read_loosely(content)
        return name, payload.timestamp, row

    def _read_loosely(self, content: bytes) -> Payload:
        try:
            payload = self._loose.decode(content)
            known = self._plans.get(payload.event)
            data = (
                self._anything.decode(payload.data)
                if known is None
                else read_row(known.model, parse_row(payload.data))[0]
            )
        except (*DECODE_FAILURES, UnreadableError) as error:
            raise MalformedDataError(f"The body is no event: {error}.") from error
        return payload.event, payload.timestamp, data


__all__ = ["Payload", "PayloadReader"]

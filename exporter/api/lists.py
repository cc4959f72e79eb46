"""The answers that list pools or nodes; one item that is odd costs nobody else his place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from exporter.api.surrogates import without_surrogates
from exporter.api.wire import WireItem, WireList
from exporter.errors import BadResponse
from exporter.transport import UNDECODABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

Shape = TypeVar("Shape")


class Listed(NamedTuple):
    """One answer of a list.

    Attributes:
        items: those that can be identified, by `metadata.name`.
        next: the cursor of the next answer; empty at the end.
    """

    items: dict[str, WireItem]
    next: str


def decode_list(body: bytes, *, what: str, where: str) -> Listed:
    """Understand one answer.

    Args:
        body: the answer's bytes.
        what: what it should list, for the error.
        where: what was asked, for the error.

    Raises:
        BadResponse: it is no list of anything.
    """
    answer = decode(body, WireList, what=f"list of {what}", where=where)
    items = {item.metadata.name: item for item in _understood(answer.items) if item.metadata.name}
    return Listed(items, (answer.metadata.next if answer.metadata else None) or "")


def decode(body: bytes, shape: type[Shape], *, what: str, where: str) -> Shape:
    """The answer in its documented shape.

    Raises:
        BadResponse: it has another.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except UNDECODABLE as error:
        try:
            return msgspec.json.decode(without_surrogates(body), type=shape)
        except (*UNDECODABLE, ValueError):
            raise BadResponse(
                f"the answer is no readable JSON {what}: {error}",
                where=where,
                status=200,
                advice="check that the endpoint is ModelArts",
            ) from error


def _understood(items: list[msgspec.Raw]) -> Iterator[WireItem]:
    for item in items:
        try:
            yield msgspec.json.decode(item, type=WireItem)
        except UNDECODABLE:
            continue

"""Makes an answer of the recording from a noted exchange, with stand-ins for what is not known harmless."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from exporter.recording.folder import Answer
from exporter.recording.harmless import (
    ALWAYS,
    COUNT_TABLES,
    KINDS,
    TABLES,
    amount_kind,
    is_kept,
    is_part,
    is_resource,
    is_word,
    limit_in,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.recording.harmless import Kind
    from exporter.recording.stand_ins import StandIns
    from exporter.recording.tap import Exchange

_PATH_WORDS = {
    *("v1", "v2", "pools", "workloads", "nodes", "statistics", "metrics", "runtime"),
    *("scheduled-events", "events", "training-quotas", "monitor"),
}
_ENDPOINTS = {
    "runtime": ("metrics", "runtime"),
    "statistics": ("statistics",),
    "workloads": ("workloads",),
    "nodes": ("nodes",),
    "events": ("scheduled-events",),
    "pools": ("pools",),
}
"""What a path of an endpoint contains; the first that matches."""

_PARTS = re.compile(r"([-./,_= ]+)")
_JSON = re.compile(r"application/json(;\s*charset=utf-8)?", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,7}")
_PLAIN_NUMBERS = {-1, 0, 1}
_NUMERIC = {"number", "quantity", "bytes", "time"}


class Anonymiser:
    """Replaces in all exchanges of one recording.

    Args:
        stand_ins: the recording's.

    Attributes:
        replaced: how many values the last answer had replaced, by kind.
    """

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins
        self.replaced: Counter[str] = Counter()

    def answer(self, exchange: Exchange) -> Answer:
        """The exchange as the recording has it."""
        self.replaced = Counter()
        address = urlsplit(exchange.url)
        response = exchange.response
        body, is_json = (None, False) if response is None else self._body(response.body)
        segments = [
            segment if segment in _PATH_WORDS else self.id(segment) for segment in _segments(address.path)
        ]
        return Answer(
            project=exchange.project,
            endpoint=_endpoint(segments),
            path="/" + "/".join(segments),
            query=[self._query(*pair) for pair in parse_qsl(address.query, keep_blank_values=True)],
            at=exchange.at,
            outcome=exchange.outcome,
            status=response.status if response else 0,
            headers=self._headers(response.headers) if response else {},
            is_json=is_json,
            length=len(response.body) if response else 0,
            body=body,
        )

    def id(self, text: str) -> str:
        """The stand-in of an ID or a name, as in the answers."""
        return text if text in ALWAYS else self._text(text)

    def resource(self, key: str) -> str:
        """A resource's name as in the answers."""
        return key if is_resource(key) else self._key(key)

    def _query(self, key: str, text: str) -> tuple[str, str]:
        return (key if key in KINDS else self._key(key)), self._value(text, KINDS.get(key, "text"))

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        kept = {}
        for name in ("date", "retry-after"):
            text = headers.get(name, "")
            if (date := _http_date(text)) is not None:
                kept[name] = date
            elif name == "retry-after" and _SECONDS.fullmatch(text):
                kept[name] = text
        if request_id := headers.get("x-request-id"):
            kept["x-request-id"] = self._text(request_id)
        if _JSON.fullmatch(headers.get("content-type", "")):
            kept["content-type"] = "application/json"
        return kept

    def _body(self, body: bytes) -> tuple[Any, bool]:
        """The body with stand-ins, and whether it is JSON; what is none is left out altogether."""
        try:
            found = json.loads(body, parse_constant=_no_number)
            return self._any(found, "text"), True
        except (ValueError, RecursionError, OverflowError):  # overflow: 1e400
            return None, False

    def _any(self, value: Any, kind: Kind, *, known: bool = True, above: str = "") -> Any:
        match value:
            case dict():
                return dict(self._field(key, item, known=known, above=above) for key, item in value.items())
            case list():
                return [self._any(item, kind, known=known, above=above) for item in value]
            case str():
                return self._value(value, kind if known else "text")
            case bool() | None:
                return value
            case _:
                harmless = known and kind in _NUMERIC and is_kept(repr(value), kind)
                return value if harmless else self._number(value)

    def _field(self, key: str, value: Any, *, known: bool, above: str) -> tuple[str, Any]:
        table = above in TABLES or (above == "resources" and not isinstance(value, list | dict))
        if is_resource(key):
            return key, self._any(value, amount_kind(key), known=known, above=key)
        if key in TABLES and not isinstance(value, dict | list):
            return key, self._any(value, "text", known=known)
        if key in KINDS:
            return key, self._any(value, KINDS[key], known=known, above=key)
        if above in COUNT_TABLES and not isinstance(value, list | dict) and is_word(key):
            return key, self._any(value, "number", known=known, above=key)
        if table:
            return self._key(key), self._any(value, "quantity", known=known, above=key)
        return self._key(key), self._any(value, "text", known=False, above="")

    def _value(self, text: str, kind: Kind) -> str:
        if is_kept(text, kind):
            return text
        if kind == "message":
            limit = limit_in(text)
            return f"{self._text(text)}{f' {limit}' if limit else ''}"
        if kind == "spec":
            return "".join(self._part(part) for part in _PARTS.split(text))
        return self._text(text)

    def _part(self, part: str) -> str:
        if not part or _PARTS.fullmatch(part) or is_part(part):
            return part
        self.replaced["parts of flavors"] += 1
        return self._stand_ins.part(part)

    def _text(self, text: str) -> str:
        self.replaced["texts"] += 1
        return self._stand_ins.text(text)

    def _key(self, key: str) -> str:
        self.replaced["unknown keys"] += 1
        return self._stand_ins.key(key)

    def _number(self, number: float) -> float:
        if number in _PLAIN_NUMBERS:
            return number
        self.replaced["numbers"] += 1
        return self._stand_ins.number(number)


def _segments(path: str) -> list[str]:
    return [unquote(segment) for segment in path.split("/") if segment]


def _endpoint(segments: list[str]) -> str:
    return next((name for name, parts in _ENDPOINTS.items() if {*parts} <= {*segments}), "other")


def _http_date(text: str) -> str | None:
    """A date, written anew: it cannot hold anything else then."""
    try:
        date = parsedate_to_datetime(text)
        return format_datetime(
            (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC), usegmt=True
        )
    except (ValueError, OverflowError):
        return None


def _no_number(_: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")

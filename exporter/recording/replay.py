"""A server that gives recorded answers, as if they had been made when it started.

Every time in them is later by as much as the start is after the recording. So creation times fit the
durations, and the ages are those of the recording. They grow from there, as in a cloud; the answers stay.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec
from aiohttp import web

from exporter.recording.harmless import KINDS
from exporter.simulator.server import serve_application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from exporter.common.clock import Clock
    from exporter.recording.folder import Answer, Recording

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T.*")
_MILLISECONDS = 1e11
"""A larger number at a time's place is milliseconds: as seconds it would be in the year 5138."""

_Asked = tuple[str, tuple[tuple[str, str], ...]]


@asynccontextmanager
async def serve(recording: Recording, clock: Clock) -> AsyncIterator[tuple[str, ...]]:
    """Serve a recording on loopback.

    Args:
        recording: what to serve.
        clock: the time at which the answers are to be of now.

    Yields:
        The base URL of each project.
    """
    shift = round(clock.wall() - recording.index.at)
    async with AsyncExitStack() as servers:
        urls = []
        for project in range(len(recording.index.projects)):
            answers = (answer for answer in recording.answers if answer.project == project)
            urls.append(await servers.enter_async_context(serve_application(_application(answers, shift))))
        yield tuple(urls)


def _application(answers: Iterable[Answer], shift: int) -> web.Application:
    """One project. If something was asked more than once, the last good answer counts, or else the last."""
    by_asked: dict[_Asked, Answer] = {}
    for answer in answers:
        asked = _asked(answer.path, answer.query)
        if answer.ok or asked not in by_asked or not by_asked[asked].ok:
            by_asked[asked] = answer
    bodies = {asked: _body(answer, shift) for asked, answer in by_asked.items()}

    async def give(request: web.Request) -> web.Response:
        asked = _asked(unquote(request.raw_path.partition("?")[0]), request.query.items())
        answer = by_asked.get(asked)
        if answer is None:
            return web.json_response({"error_msg": "not in the recording"}, status=404)
        if answer.outcome and request.transport is not None:
            request.transport.abort()  # there was no answer
        headers = {
            name: _header(name, text, shift) for name, text in answer.headers.items() if name != "date"
        }
        return web.Response(status=answer.status or 503, headers=headers, body=bodies[asked])

    application = web.Application()
    application.router.add_get("/{path:.*}", give)
    return application


def _asked(path: str, query: Iterable[tuple[str, str]]) -> _Asked:
    return path.rstrip("/"), tuple(sorted((key, text) for key, text in query))


def _body(answer: Answer, shift: int) -> bytes:
    return msgspec.json.encode(_shifted(answer.body, "", shift)) if answer.is_json else b""


def _shifted(value: Any, key: str, shift: int) -> Any:
    """The value, later by these seconds where it is a time."""
    match value:
        case dict():
            return {name: _shifted(item, name, shift) for name, item in value.items()}
        case list():
            return [_shifted(item, key, shift) for item in value]
        case str() | int() | float() if KINDS.get(key) == "time" and not isinstance(value, bool):
            return _later(value, shift)
        case _:
            return value


def _later(time: str | float, shift: int) -> str | float:
    match time:
        case str() if _DATE.fullmatch(time):
            try:
                later = datetime.fromisoformat(time) + timedelta(seconds=shift)
            except (ValueError, OverflowError):
                return time
            return later.isoformat(timespec="auto").replace("+00:00", "Z")
        case str():
            return str(_later(int(time), shift)) if time.isdigit() else time
        case _:
            return time + (shift * 1000 if abs(time) > _MILLISECONDS else shift)


def _header(name: str, text: str, shift: int) -> str:
    if name == "retry-after" and not text.isdigit():
        return format_datetime(parsedate_to_datetime(text) + timedelta(seconds=shift), usegmt=True)
    return text

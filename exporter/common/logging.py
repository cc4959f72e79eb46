"""Logging to stderr: structlog for our own lines, and the same format for those of libraries."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Literal

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from exporter.common.text import escape_unprintable

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

Format = Literal["logfmt", "json", "console"]


def set_up_logging(level: str, form: Format | None = None) -> None:
    """Configure logging.

    Args:
        level: debug, info, warning or error; lines below it are dropped.
        form: the format of a line; if not given, console on a terminal, else logfmt.
    """
    form = form or ("console" if sys.stderr.isatty() else "logfmt")
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
        _escape_values,
    ]
    render: list[Processor]
    match form:
        case "json":
            render = [
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ]
        case "logfmt":
            order = ["ts", "level", "event"]
            render = [
                structlog.processors.format_exc_info,
                structlog.processors.LogfmtRenderer(key_order=order, drop_missing=True),
            ]
        case "console":
            # Plain tracebacks: the other kinds show local variables, which can be secrets.
            console = structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                timestamp_key="ts",
                exception_formatter=structlog.dev.plain_traceback,
            )
            render = [console]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    handler.addFilter(_is_relevant)
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def _is_relevant(record: logging.LogRecord) -> bool:
    """Drop aiohttp's errors about invalid requests: they quote the line, which can contain a password.

    The client gets 400; nothing is wrong with the exporter.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _escape_values(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Escape line feeds and control characters in names and messages of the cloud."""
    return {
        key: escape_unprintable(value) if isinstance(value, str) else value for key, value in event.items()
    }

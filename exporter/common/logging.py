"""Log lines: structlog for our own, the same shape for those of libraries; always on stderr."""

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


def set_up_logging(level: str, form: Format) -> None:
    """Log in this form from now on.

    Args:
        level: debug, info, warning or error; what is less important is left out.
        form: how a line looks.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
        _made_printable,
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
            # Plain tracebacks: the others show local variables, and some of those are secrets.
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
    handler.addFilter(_speaks_for_us)
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def _speaks_for_us(record: logging.LogRecord) -> bool:
    """Not what aiohttp says of a client's broken request: it quotes the line, which may hold a password.

    The client is answered with 400, and nothing is wrong here.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _made_printable(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Names and messages of the cloud's neither end a line nor tell a terminal what to do."""
    return {
        key: escape_unprintable(value) if isinstance(value, str) else value for key, value in event.items()
    }

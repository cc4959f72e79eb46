"""Logging to stderr: structlog's lines and those of libraries take the same way, in the same form.

A command writes each line itself. The daemon leaves that to a thread (`exporter.common.log_writer`).
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from exporter.common.errors import ExporterError
from exporter.common.log_writer import LogWriter, QueueOrDrop
from exporter.common.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from structlog.typing import EventDict, Processor

Format = Literal["logfmt", "json", "console"]

log = structlog.get_logger(__name__)


def set_up_logging(level: str, form: Format | None = None) -> None:
    """Log to stderr, each line at once. A line that cannot be written is lost, and nothing else happens.

    Args:
        level: debug, info, warn, error or critical; lines below it are dropped.
        form: the format of a line; if not given, console on a terminal, else logfmt.
    """
    _configure(logging.StreamHandler(sys.stderr), level, form)


@contextmanager
def logging_in_background(
    level: str, form: Format | None = None, *, count_lost: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Log to stderr from a thread, so that whoever logs never waits for stderr, and never fails by it.

    Lines that were logged before the end of the block are written when it ends, unless stderr takes none. An
    unexpected error that leaves the block is logged, and becomes `SystemExit(1)`: the interpreter would wait
    for stderr to print it.

    Args:
        level: see `set_up_logging`.
        form: likewise.
        count_lost: called once for each line that is lost; from any thread.
    """
    writer = LogWriter(None if sys.stderr is None else sys.stderr.fileno(), count_lost)
    handler = QueueOrDrop(writer)
    _configure(handler, level, form)
    logging.captureWarnings(True)
    writer.start_with(handler.format)
    try:
        yield
    except ExporterError:
        raise
    except Exception:
        log.critical("the exporter ends after an unexpected error", exc_info=True)
        raise SystemExit(1) from None
    finally:
        writer.close()


def _configure(handler: logging.Handler, level: str, form: Format | None) -> None:
    form = form or ("console" if sys.stderr is not None and sys.stderr.isatty() else "logfmt")
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
        _escape_values,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(form)],
        )
    )
    handler.addFilter(_is_relevant)
    logging.raiseExceptions = False  # otherwise a line that cannot be written adds a traceback to stderr
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("exporter").setLevel(number)  # of libraries, info and debug are too much


def _renderers(form: Format) -> list[Processor]:
    match form:
        case "json":
            return [
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ]
        case "logfmt":
            order = ["ts", "level", "event"]
            return [
                structlog.processors.format_exc_info,
                structlog.processors.LogfmtRenderer(key_order=order, drop_missing=True),
            ]
        case "console":
            # Plain tracebacks: the other kinds show local variables, which can be secrets.
            return [
                structlog.dev.ConsoleRenderer(
                    colors=sys.stderr is not None and sys.stderr.isatty(),
                    timestamp_key="ts",
                    exception_formatter=structlog.dev.plain_traceback,
                )
            ]


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

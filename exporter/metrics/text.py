"""The exposition formats, letter by letter: label values, numbers, headers.

Prometheus text 0.0.4 and OpenMetrics 1.0.0 share their sample lines; only headers and the end differ. Own
code in place of prometheus_client's, which takes 8-13 us a sample against 1-2 us here, and holds the event
loop for half a second on 60,000 samples.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def escaped(value: str) -> str:
    """A label's value as it stands between the quotes."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value


def labels(names: Iterable[str], values: Iterable[str]) -> str:
    """`name="value",...`, without braces.

    Raises:
        TypeError: not as many values as names.
    """
    return _template(tuple(names)) % tuple([escaped(value) for value in values])


@lru_cache(maxsize=256)
def _template(names: tuple[str, ...]) -> str:
    return ",".join(f'{name}="%s"' for name in names)


def number(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(float(value)).removesuffix(".0")


@lru_cache(maxsize=256)
def bound(value: float) -> str:
    """A bucket's upper bound in the canonical form that both formats and all versions read alike."""
    return "+Inf" if value == float("inf") else repr(float(value))


def header(name: str, kind: str, documentation: str, *, openmetrics: bool) -> bytes:
    """The HELP and TYPE lines of a family."""
    text = documentation.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        text = text.replace('"', r"\"")
        if kind == "counter":
            name = name.removesuffix("_total")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n".encode()

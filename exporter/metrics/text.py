"""The exposition formats, letter by letter: label values, numbers, headers.

Prometheus text 0.0.4 and OpenMetrics 1.0.0 share their sample lines; only headers and the end differ. Own
code in place of prometheus_client's, which takes 8-13 us a sample against 1-2 us here, and holds the event
loop for half a second on 60,000 samples.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


_SPECIAL = re.compile(r'[\\"\n]')


def escaped(value: str) -> str:
    """A label's value as it stands between the quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def labelling(names: tuple[str, ...]) -> Callable[[tuple[str, ...]], str]:
    """A function from values to `name="value",...`, without braces; made once for many samples.

    It raises TypeError for not as many values as names.
    """
    template = ",".join(f'{name}="%s"' for name in names)

    def labels(values: tuple[str, ...]) -> str:
        # One look at all of them: hardly any value needs to be escaped.
        if _SPECIAL.search("".join(values)):
            values = tuple([escaped(value) for value in values])
        return template % values

    return labels


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

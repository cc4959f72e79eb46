"""The syntax of the exposition formats: label values, numbers, headers, and the sample lines of a family.

Prometheus text 0.0.4 and OpenMetrics 1.0.0 have the same sample lines; only headers and the end differ.
prometheus_client's writer is not used: it takes 8-13 us per sample, this module 1-2 us, so 60,000 samples
would block the interpreter for half a second.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from exporter.metrics.families.base import Family, HistogramFamily, InfoFamily, LabelledFamily, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from exporter.metrics.families.base import PoolFamily, SampleFamily

_INFINITY = float("inf")

_SPECIAL = re.compile(r'[\\"\n]')


def escape(value: str) -> str:
    """Escape a label's value, to be put between double quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def label_formatter(names: tuple[str, ...]) -> Callable[[tuple[str, ...]], str]:
    """Make a function from label values to `name="value",...`, without braces; it serves many samples.

    The function raises TypeError if there are more or fewer values than names.
    """
    template = ",".join(f'{name}="%s"' for name in names)

    def format_labels(values: tuple[str, ...]) -> str:
        # One search over all values: hardly any needs to be escaped.
        if _SPECIAL.search("".join(values)):
            values = tuple([escape(value) for value in values])
        return template % values

    return format_labels


def format_number(value: float) -> str:
    """The shortest text that is parsed as the same number."""
    return repr(float(value)).removesuffix(".0")


@lru_cache(maxsize=256)
def format_bound(value: float) -> str:
    """The upper bound of a bucket, in OpenMetrics' canonical form, which the text format accepts too."""
    return "+Inf" if value == _INFINITY else repr(float(value))


def header(name: str, kind: str, documentation: str, *, openmetrics: bool) -> bytes:
    """The HELP and TYPE lines of a family."""
    text = documentation.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        text = text.replace('"', r"\"")
        if kind == "counter":
            name = name.removesuffix("_total")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n".encode()


def sample_lines(
    family: SampleFamily[Source], identities: Sequence[str], sources: Sequence[Source]
) -> list[str]:
    """Format the samples of a family, for several sources.

    Args:
        family: the family.
        identities: for each source, the labels that identify it, as text.
        sources: what the samples are read from.
    """
    name = family.name
    if isinstance(family, Family):
        return [
            f"{name}{{{identity}}} {format_number(value)}\n"
            for identity, value in zip(identities, map(family.value, sources), strict=True)
            if value is not None
        ]
    format_labels = label_formatter(family.labels)
    if isinstance(family, InfoFamily):
        return [
            f"{name}{{{identity},{format_labels(texts)}}} 1\n"
            for identity, texts in zip(identities, map(family.texts, sources), strict=True)
        ]
    return [
        f"{name}{{{identity},{format_labels(values)}}} {format_number(value)}\n"
        for identity, samples in zip(identities, map(family.samples, sources), strict=True)
        for values, value in samples
    ]


def lines_by_section(family: PoolFamily[Source], pool: str, source: Source) -> dict[str, list[str]]:
    """Format the samples of a pool's family, by section key.

    Args:
        family: the family.
        pool: the pool's labels as text.
        source: what the samples are read from.
    """
    if not isinstance(family, HistogramFamily):
        return {family.name: sample_lines(family, (pool,), (source,))}
    _, count_suffix, sum_suffix = family.suffixes
    by_section: defaultdict[str, list[str]] = defaultdict(list)
    name, format_labels = family.name, label_formatter(family.labels)
    for values, distribution in family.samples(source):
        identity = f"{pool},{format_labels(values)}"
        buckets: list[str] = _bucket_lines(name, identity, family.buckets, distribution.buckets)
        count = f"{name}{count_suffix}{{{identity}}} {distribution.count}\n"
        total = f"{name}{sum_suffix}{{{identity}}} {format_number(distribution.total)}\n"
        by_section[name] += [*buckets, total, count]
        if family.kind == "gaugehistogram":
            # In the text format these are a histogram and two gauges, each with its lines together.
            for suffix, some in zip(family.suffixes, (buckets, [count], [total]), strict=True):
                by_section[f"{name}{suffix}"] += some
    return by_section


def _bucket_lines(name: str, identity: str, bounds: Sequence[float], counts: Iterable[int]) -> list[str]:
    return [
        f'{name}_bucket{{{identity},le="{format_bound(upper)}"}} {count}\n'
        for upper, count in zip((*bounds, _INFINITY), accumulate(counts), strict=True)
    ]


def same_samples(family: SampleFamily[Source], before: Sequence[Source], now: Sequence[Source]) -> bool:
    """Whether a family has the same samples for two sequences of sources."""
    read: Callable[[Source], object]
    if isinstance(family, LabelledFamily):
        samples = family.samples
        return [tuple(samples(source)) for source in before] == [tuple(samples(source)) for source in now]
    read = family.value if isinstance(family, Family) else family.texts
    return [*map(read, before)] == [*map(read, now)]

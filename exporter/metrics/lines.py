"""What is known -> the sample lines of one family."""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING

from exporter.metrics.family import (
    Family,
    HistogramFamily,
    InfoFamily,
    Known,
    LabelledFamily,
)
from exporter.metrics.text import bound, labelling, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from exporter.metrics.family import PoolFamily, SampleFamily

_INFINITY = float("inf")


def lines(family: SampleFamily[Known], identities: Sequence[str], known: Sequence[Known]) -> list[str]:
    """The sample lines of one family.

    Args:
        family: which.
        identities: identity labels as text, of each thing that is known.
        known: what is known of them.
    """
    name = family.name
    if isinstance(family, Family):
        return [
            f"{name}{{{identity}}} {number(value)}\n"
            for identity, value in zip(identities, map(family.value, known), strict=True)
            if value is not None
        ]
    labels = labelling(family.labels)
    if isinstance(family, InfoFamily):
        return [
            f"{name}{{{identity},{labels(texts)}}} 1\n"
            for identity, texts in zip(identities, map(family.texts, known), strict=True)
        ]
    return [
        f"{name}{{{identity},{labels(values)}}} {number(value)}\n"
        for identity, samples in zip(identities, map(family.samples, known), strict=True)
        for values, value in samples
    ]


def pool_lines(family: PoolFamily[Known], pool: str, known: Known) -> dict[str, list[str]]:
    """The sample lines of a pool's family, by section key.

    Args:
        family: which.
        pool: the pool's labels as text.
        known: what is known of the pool.
    """
    if not isinstance(family, HistogramFamily):
        return {family.name: lines(family, (pool,), (known,))}
    _, count_suffix, sum_suffix = family.suffixes
    parts: defaultdict[str, list[str]] = defaultdict(list)
    name, labels = family.name, labelling(family.labels)
    for values, distribution in family.samples(known):
        identity = f"{pool},{labels(values)}"
        buckets: list[str] = _bucket_lines(name, identity, family.buckets, distribution.buckets)
        count = f"{name}{count_suffix}{{{identity}}} {distribution.count}\n"
        total = f"{name}{sum_suffix}{{{identity}}} {number(distribution.total)}\n"
        parts[name] += [*buckets, total, count]
        if family.kind == "gaugehistogram":
            # A histogram and two gauges in the text format, which wants one family's lines together.
            for suffix, some in zip(family.suffixes, (buckets, [count], [total]), strict=True):
                parts[f"{name}{suffix}"] += some
    return parts


def _bucket_lines(name: str, identity: str, bounds: Sequence[float], counts: Iterable[int]) -> list[str]:
    return [
        f'{name}_bucket{{{identity},le="{bound(upper)}"}} {count}\n'
        for upper, count in zip((*bounds, _INFINITY), accumulate(counts), strict=True)
    ]


def unchanged(family: SampleFamily[Known], before: Sequence[Known], now: Sequence[Known]) -> bool:
    """Whether a family has the same samples of what is known now as of what was known before."""
    look: Callable[[Known], object]
    if isinstance(family, LabelledFamily):
        samples = family.samples
        return [tuple(samples(one)) for one in before] == [tuple(samples(one)) for one in now]
    look = family.value if isinstance(family, Family) else family.texts
    return [*map(look, before)] == [*map(look, now)]

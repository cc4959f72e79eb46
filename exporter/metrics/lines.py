"""What is known -> the sample lines of one family."""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING

from exporter.metrics.family import Family, GaugeHistogramFamily, InfoFamily, Known, LabelledFamily
from exporter.metrics.text import bound, labelling, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.metrics.family import ListingFamily
    from exporter.metrics.summary import Summary

    SampleFamily = Family[Known] | InfoFamily[Known] | LabelledFamily[Known]

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


def summary_lines(family: ListingFamily, pool: str, summary: Summary) -> dict[str, list[str]]:
    """The sample lines of a listing's family, by section key.

    OpenMetrics wants one distribution's lines together, the text format one suffix's: both are made.
    """
    if not isinstance(family, GaugeHistogramFamily):
        return {family.name: lines(family, (pool,), (summary,))}
    found: defaultdict[str, list[str]] = defaultdict(list)
    name, labels = family.name, labelling(family.labels)
    for values, ages in family.samples(summary):
        identity = f"{pool},{labels(values)}"
        cumulative = list(accumulate(ages.buckets))
        buckets = [
            f'{name}_bucket{{{identity},le="{bound(upper)}"}} {count}\n'
            for upper, count in zip((*family.buckets, _INFINITY), cumulative, strict=True)
        ]
        count = f"{name}_gcount{{{identity}}} {cumulative[-1]}\n"
        total = f"{name}_gsum{{{identity}}} {number(ages.total)}\n"
        found[f"{name}_bucket"] += buckets
        found[f"{name}_gcount"].append(count)
        found[f"{name}_gsum"].append(total)
        found[name] += [*buckets, count, total]
    return found


def unchanged(family: SampleFamily[Known], before: Sequence[Known], now: Sequence[Known]) -> bool:
    """Whether a family has the same samples of what is known now as of what was known before."""
    look: Callable[[Known], object]
    if isinstance(family, LabelledFamily):
        samples = family.samples
        return [tuple(samples(one)) for one in before] == [tuple(samples(one)) for one in now]
    look = family.value if isinstance(family, Family) else family.texts
    return [*map(look, before)] == [*map(look, now)]

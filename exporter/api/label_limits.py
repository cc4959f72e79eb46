"""Label values from the cloud's texts, limited in length and in number.

Every label value costs Prometheus a series and is stored for weeks, and one value over its
`label_value_length_limit` fails the whole scrape. These limits hold however broken an answer is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from exporter.snapshot.workload import ACCELERATORS, OTHER, PRIORITIES, STATUSES, TYPES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exporter.snapshot.pool import Limit

MAX_LABEL_BYTES = 256
"""Bytes in UTF-8, as Prometheus' limit counts. Names in Kubernetes have up to 253."""

MAX_VALUES_PER_LABEL = 20
"""Undocumented values of one label in one pool; further ones are shown as `other`.

With this many types, statuses and accelerators the largest family of a pool has 18,000 series.
"""

_MARK = "…"
_DIGEST = 6
"""Bytes of the hash at the end of a text that was cut."""


def label(text: str) -> str:
    """The text as a label value. If it is too long, it is cut, and ends in a mark and a hash of the whole.

    So different texts have different label values, and a text has the same one in every poll.
    """
    if len(text) <= MAX_LABEL_BYTES and text.isascii():  # both checks are O(1)
        return text
    whole = text.encode()
    if len(whole) <= MAX_LABEL_BYTES:
        return text
    tail = _MARK + blake2b(whole, digest_size=_DIGEST).hexdigest()
    return whole[: MAX_LABEL_BYTES - len(tail.encode())].decode(errors="ignore") + tail


class LabelValues(dict[str, str]):
    """The values of one label, by the cloud's text. Equal texts share one object, which saves memory.

    Documented values are always themselves. Of others, the first `most` are shown, and further ones as
    `other`. A listing begins with its oldest workloads, so mostly the same ones are shown in every poll.

    Attributes:
        cut: how often a text was too long.
        over: how often a value was one too many.
    """

    __slots__ = ("_remaining", "cut", "over")

    def __init__(self, documented: Iterable[str] = (), most: float = MAX_VALUES_PER_LABEL) -> None:
        super().__init__((text, text) for text in (*documented, OTHER))
        self._remaining = most
        self.cut = self.over = 0

    def __missing__(self, text: str) -> str:
        shown = label(text)
        self.cut += shown is not text
        if shown not in self:
            if self._remaining <= 0:
                self.over += 1
                return OTHER  # not stored: their number has no limit
            self._remaining -= 1
            self[shown] = shown
        return shown


def accelerator_labels(names: Mapping[str, str] | None = None) -> LabelValues:
    """The accelerators of one pool.

    Args:
        names: what some of them are called in requests, by the name that the pool's capacity has for them.
    """
    labels = LabelValues(ACCELERATORS)
    labels.update(names or {})
    return labels


def _of_types() -> LabelValues:
    return LabelValues((*TYPES, UNKNOWN))


def _of_statuses() -> LabelValues:
    return LabelValues((*STATUSES, UNKNOWN))


def _of_priorities() -> LabelValues:
    return LabelValues((*PRIORITIES, ""))


def _unlimited() -> LabelValues:
    return LabelValues(("",), math.inf)


@dataclass(slots=True)
class ListingLabels:
    """The label values of one listing.

    Attributes:
        types, statuses, priorities, accelerators: limited in number.
        texts: flavor, user and gvk. Their number is limited by `workloads.limit` and `workloads.user_limit`.
        cut: how many names and IDs of workloads were too long.
    """

    types: LabelValues = field(default_factory=_of_types)
    statuses: LabelValues = field(default_factory=_of_statuses)
    priorities: LabelValues = field(default_factory=_of_priorities)
    accelerators: LabelValues = field(default_factory=accelerator_labels)
    texts: LabelValues = field(default_factory=_unlimited)
    cut: int = 0

    def unique(self, *texts: str) -> tuple[str, ...]:
        """Names and IDs of one workload as label values; not stored, because workloads rarely share one."""
        whole = "".join(texts)
        if len(whole) <= MAX_LABEL_BYTES and whole.isascii():  # the common case in one check
            return texts
        shown = tuple(map(label, texts))
        self.cut += sum(after is not before for after, before in zip(shown, texts, strict=True))
        return shown

    @property
    def limited(self) -> Mapping[Limit, int]:
        """How many values of the listing are not shown as the cloud sent them, by reason."""
        values = (self.types, self.statuses, self.priorities, self.accelerators, self.texts)
        return {
            "length": self.cut + sum(label_values.cut for label_values in values),
            "kinds": sum(label_values.over for label_values in values),
        }

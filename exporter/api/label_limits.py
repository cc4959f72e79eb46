"""Texts that the cloud sends -> label values: bounded in length, and in how many there are of a kind.

Prometheus pays for every series, and keeps every label value for weeks; it refuses a whole scrape for one
that is over its `label_value_length_limit`. So no answer, however broken, gets more of them than this.
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
"""Bytes of a label value in UTF-8, for Prometheus' limit counts bytes. Kubernetes' names have up to 253."""

MAX_VALUES_PER_LABEL = 20
"""Undocumented values of one label in one pool that are shown by name.

With as many types, statuses and accelerators at a time a pool's largest family has 18,000 series.
"""

_MARK = "…"
_DIGEST = 6
"""Bytes; by so much two long texts with the same beginning differ."""


def label(text: str) -> str:
    """The text as a label's value: cut where it is long, with a mark and a hash of all of it.

    So two long texts that differ stay two, and one stays what it is from poll to poll.
    """
    if len(text) <= MAX_LABEL_BYTES and text.isascii():  # both are known without a look at the characters
        return text
    whole = text.encode()
    if len(whole) <= MAX_LABEL_BYTES:
        return text
    tail = _MARK + blake2b(whole, digest_size=_DIGEST).hexdigest()
    return whole[: MAX_LABEL_BYTES - len(tail.encode())].decode(errors="ignore") + tail


class LabelValues(dict[str, str]):
    """What is shown for the values of one label, each text kept once: a third of a workload's memory.

    Documented values are there from the start. Of others the first `most` get in, then `other` stands for
    them. A listing begins with its oldest workloads, so the same get in from poll to poll.

    Attributes:
        cut: how often a text was too long.
        over: how often one was a kind too many.
    """

    __slots__ = ("_room", "cut", "over")

    def __init__(self, documented: Iterable[str] = (), most: float = MAX_VALUES_PER_LABEL) -> None:
        super().__init__((one, one) for one in (*documented, OTHER))
        self._room = most
        self.cut = self.over = 0

    def __missing__(self, text: str) -> str:
        shown = label(text)
        self.cut += shown is not text
        if shown not in self:
            if self._room <= 0:
                self.over += 1
                return OTHER  # and not kept: nobody knows how many more there are
            self._room -= 1
            self[shown] = shown
        return shown


def accelerator_labels() -> LabelValues:
    """For the accelerators of one pool."""
    return LabelValues(ACCELERATORS)


def _of_types() -> LabelValues:
    return LabelValues((*TYPES, UNKNOWN))


def _of_statuses() -> LabelValues:
    return LabelValues((*STATUSES, UNKNOWN))


def _of_priorities() -> LabelValues:
    return LabelValues((*PRIORITIES, ""))


def _without_end() -> LabelValues:
    return LabelValues(("",), math.inf)


@dataclass(slots=True)
class ListingLabels:
    """The label values of one listing.

    Attributes:
        types, statuses, priorities, accelerators: bounded in number.
        texts: of workloads alone (flavor, user, gvk), of which `workloads.limit` and `workloads.user_limit`
            bound the number.
        cut: how many of those that tell one workload from another were too long.
    """

    types: LabelValues = field(default_factory=_of_types)
    statuses: LabelValues = field(default_factory=_of_statuses)
    priorities: LabelValues = field(default_factory=_of_priorities)
    accelerators: LabelValues = field(default_factory=accelerator_labels)
    texts: LabelValues = field(default_factory=_without_end)
    cut: int = 0

    def own(self, *texts: str) -> tuple[str, ...]:
        """Texts that hardly any two workloads share."""
        whole = "".join(texts)
        if len(whole) <= MAX_LABEL_BYTES and whole.isascii():  # the common case, looked at once
            return texts
        shown = tuple(map(label, texts))
        self.cut += sum(one is not text for one, text in zip(shown, texts, strict=True))
        return shown

    @property
    def limited(self) -> Mapping[Limit, int]:
        """How many values of the listing are not shown as they came, by why."""
        kinds = (self.types, self.statuses, self.priorities, self.accelerators, self.texts)
        return {
            "length": self.cut + sum(one.cut for one in kinds),
            "kinds": sum(one.over for one in kinds),
        }

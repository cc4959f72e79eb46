"""A listing's workloads -> who asks for them, bounded to those who ask for most."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from exporter.snapshot.workload import FINISHED, STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exporter.snapshot.workload import Workload

OTHER = "other"
"""Stands for everybody who is not shown by name; also for a user who is really called so."""

_Asked = tuple[float, int, int]

_shape = attrgetter("user", "status", "accelerators")


@dataclass(frozen=True, slots=True)
class Users:
    """What the users of a pool ask for. The user is "" where the API does not say.

    Attributes:
        workloads: how many by (user, status); every documented status of a user is there with 0 too.
        accelerators: cards requested by workloads that are not finished, by (user, status, accelerator);
            0 for every other documented status of a user who asks for the accelerator.
    """

    workloads: Mapping[tuple[str, str], int] = field(default_factory=dict)
    accelerators: Mapping[tuple[str, str, str], float] = field(default_factory=dict)


def by_user(workloads: Iterable[Workload], limit: int) -> Users:
    """Add up by user.

    Args:
        workloads: of one pool.
        limit: how many users are shown by name: those who ask for most cards, then for most workloads that
            are not finished, then for most workloads. The others are added up as `OTHER`.
    """
    shapes = Counter(map(_shape, workloads))
    named = _largest(shapes, limit)
    counts: dict[tuple[str, str], int] = {}
    cards: dict[tuple[str, str, str], float] = {}
    for (whose, status, accelerators), count in shapes.items():
        user = whose if whose in named else OTHER
        if (user, STATUSES[0]) not in counts:
            counts |= dict.fromkeys(((user, documented) for documented in STATUSES), 0)
        counts[user, status] = counts.get((user, status), 0) + count
        if status in FINISHED:
            continue
        for accelerator, number in accelerators:
            if (user, STATUSES[0], accelerator) not in cards:
                unfinished = (documented for documented in STATUSES if documented not in FINISHED)
                cards |= dict.fromkeys(((user, documented, accelerator) for documented in unfinished), 0.0)
            key = (user, status, accelerator)
            cards[key] = cards.get(key, 0.0) + count * number
    return Users(counts, cards)


def _largest(shapes: Mapping[tuple[str, str, tuple[tuple[str, float], ...]], int], limit: int) -> set[str]:
    asked: defaultdict[str, _Asked] = defaultdict(lambda: (0.0, 0, 0))
    for (user, status, accelerators), count in shapes.items():
        cards, unfinished, all_ = asked[user]
        if status not in FINISHED:
            cards += count * sum(number for _, number in accelerators)
            unfinished += count
        asked[user] = (cards, unfinished, all_ + count)
    order = sorted(asked, key=lambda user: (*(-amount for amount in asked[user]), user))
    return set(order[:limit])

"""What people submit to a simulated pool, and when. No I/O, no clock; the randomness is passed in."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, inf, pi
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from uuid import UUID

from exporter.simulator.jobs import Eviction, Needs, Phase, PositionShown, Submission
from exporter.simulator.spelling import CardSpelling, CpuSpelling, MemorySpelling, Spelling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

T = TypeVar("T")

HOUR = 3600.0
DAY = 24 * HOUR
_BUSIEST_HOUR = 14
_SWING = 0.85
"""Submissions go from 15% of the mean at two in the morning to 185% at two in the afternoon."""

_SHARE_OF_MISHAPS = 0.04
_SHARE_OF_IMPATIENT = 0.06
_SHARE_OF_EVICTED = 0.03


class Shape(NamedTuple):
    """How large a job is: so many nodes, so many cards on each."""

    nodes: int
    cards: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of job that people submit.

    All times are those of the simulated day; `Pace` makes real ones of them.

    Attributes:
        type: train, infer, notebook or x-infer.
        per_day: how many a day, on average.
        shapes: sizes, and how often each is asked for.
        hours: the median run time.
        spread: sigma of the run time's logarithm.
        outcomes: how they end, and how often.
        names: job names; a number is added, so that a few repeat.
        prefix: of the Kubernetes name.
        gvk: the Kubernetes group, version and kind.
        flavor: the specification; `{cards}` is filled in.
        cpu: millicores for each card, or for a job without cards.
        memory: bytes likewise.
    """

    type: str
    per_day: float
    shapes: Mapping[Shape, float]
    hours: float
    spread: float
    outcomes: Mapping[str, float]
    names: tuple[str, ...]
    prefix: str
    gvk: str
    flavor: str
    cpu: int
    memory: int


@dataclass(frozen=True, slots=True)
class Demand:
    """Everything that is asked of one pool.

    Attributes:
        kinds: the sorts of jobs.
        users: who submits.
        priorities: priorities, and how often each is set.
    """

    kinds: tuple[Kind, ...]
    users: tuple[str, ...]
    priorities: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Pace:
    """How simulated days lie in real time.

    Attributes:
        noon: a real moment (Unix seconds) at which it is noon.
        speed: simulated seconds in a real one.
    """

    noon: float
    speed: float

    def busyness(self, now: float) -> float:
        """The rate of submissions at a real moment, as a multiple of the mean."""
        hour = 12 + (now - self.noon) * self.speed / HOUR
        return 1 + _SWING * cos(2 * pi * (hour - _BUSIEST_HOUR) / 24)


def submissions(demand: Demand, pace: Pace, rng: Random, since: float) -> Iterator[Submission]:
    """Poisson arrivals with the day's rhythm, for ever, from a real moment on (Unix seconds)."""
    weights = [kind.per_day for kind in demand.kinds]
    busiest = 1 + _SWING
    # Candidates come at the busiest rate; thinning keeps as many as the hour asks for.
    candidates_per_second = sum(weights) * busiest * pace.speed / DAY
    now = since
    while True:
        now += rng.expovariate(candidates_per_second)
        if rng.random() * busiest < pace.busyness(now):
            [kind] = rng.choices(demand.kinds, weights)
            yield submission(demand, kind, pace.speed, rng, now)


def submission(demand: Demand, kind: Kind, speed: float, rng: Random, now: float) -> Submission:
    """One job of that kind, with its whole future."""
    shape = pick(rng, kind.shapes)
    outcome = pick(rng, kind.outcomes)
    seconds = kind.hours * HOUR * exp(rng.gauss(0, kind.spread)) / speed
    job_uuid = _uuid(rng)
    cards = max(shape.cards, 1)
    impatient = rng.random() < _SHARE_OF_IMPATIENT
    phases = _phases(rng, outcome, seconds, speed)
    return Submission(
        uid=_uuid(rng),
        job_uuid=job_uuid,
        name=f"{kind.prefix}-{job_uuid}",
        job_name=f"{rng.choice(kind.names)}-{rng.randrange(100):02d}",
        type=kind.type,
        user=rng.choice(demand.users),
        priority=pick(rng, demand.priorities),
        created=round(now, 3),
        needs=Needs(shape.nodes, shape.cards, kind.cpu * cards, kind.memory * cards),
        phases=phases,
        outcome=outcome,
        eviction=_eviction(rng, phases, speed),
        patience=rng.uniform(2, 30) * HOUR / speed if impatient else inf,
        flavor=kind.flavor.format(cards=shape.cards),
        gvk=kind.gvk,
        spelling=_spelling(rng),
        position=_position(rng),
    )


def pick(rng: Random, weighted: Mapping[T, float]) -> T:
    """One of the keys, as often as its value says."""
    [choice] = rng.choices(tuple(weighted), tuple(weighted.values()))
    return choice


def _phases(rng: Random, outcome: str, seconds: float, speed: float) -> tuple[Phase, ...]:
    creating = Phase("Creating", rng.uniform(2, 10) * 60 / speed)
    if outcome != "Completed":
        # It was meant to run longer.
        seconds *= rng.random()
    phases = [creating, Phase("Running", seconds)]
    if rng.random() < _SHARE_OF_MISHAPS:
        at = rng.random()
        mishap = Phase("Abnormal", rng.uniform(5, 40) * 60 / speed)
        phases = [creating, Phase("Running", at * seconds), mishap, Phase("Running", (1 - at) * seconds)]
    if outcome == "Terminated":
        phases.append(Phase("Terminating", rng.uniform(1, 8) * 60 / speed))
    return tuple(phases)


def _eviction(rng: Random, phases: tuple[Phase, ...], speed: float) -> Eviction | None:
    if rng.random() >= _SHARE_OF_EVICTED:
        return None
    length = sum(phase.seconds for phase in phases)
    return Eviction(rng.random() * length, rng.uniform(2, 10) * 60 / speed)


def _spelling(rng: Random) -> Spelling:
    cpu: tuple[CpuSpelling, ...] = ("plain", "plain", "number", "milli", "spoken")
    memory: tuple[MemorySpelling, ...] = ("binary", "binary", "mebi", "decimal", "spoken", "bytes")
    cards: tuple[CardSpelling, ...] = ("plain", "plain", "number")
    return Spelling(rng.choice(cpu), rng.choice(memory), rng.choice(cards))


def _position(rng: Random) -> PositionShown:
    shown: dict[PositionShown, float] = {"shown": 0.8, "unknown": 0.15, "absent": 0.05}
    return pick(rng, shown)


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))

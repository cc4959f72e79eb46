"""What users submit to a simulated pool, and when. No I/O, no clock; the randomness is passed in."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, inf, pi
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from uuid import UUID

from exporter.simulator.jobs import (
    CardFormat,
    CpuFormat,
    Eviction,
    MemoryFormat,
    Phase,
    PositionFormat,
    QuantityFormats,
    ResourceRequest,
    Submission,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

T = TypeVar("T")

HOUR = 3600.0
DAY = 24 * HOUR
_PEAK_HOUR = 14
_AMPLITUDE = 0.85
"""The arrival rate is 15% of the mean at two in the morning and 185% at two in the afternoon."""

_ABNORMAL_SHARE = 0.04
_IMPATIENT_SHARE = 0.06
_EVICTED_SHARE = 0.03


class JobSize(NamedTuple):
    """How large a job is: a number of nodes, and the cards on each."""

    nodes: int
    cards: int


@dataclass(frozen=True, slots=True)
class JobClass:
    """A sort of job that users submit.

    All times are those of the simulated day. `DayCycle` translates them into real ones.

    Attributes:
        type: train, infer, notebook or x-infer.
        per_day: mean number of submissions per day.
        sizes: sizes and their weights.
        median_hours: the median run time.
        sigma: standard deviation of the run time's logarithm.
        outcomes: final statuses and their weights.
        names: job names; a number is added, so that a few repeat.
        prefix: of the Kubernetes name.
        gvk: the Kubernetes group, version and kind.
        flavor: the specification; `{cards}` is filled in.
        cpu: millicores for each card, or for a job without cards.
        memory: bytes likewise.
    """

    type: str
    per_day: float
    sizes: Mapping[JobSize, float]
    median_hours: float
    sigma: float
    outcomes: Mapping[str, float]
    names: tuple[str, ...]
    prefix: str
    gvk: str
    flavor: str
    cpu: int
    memory: int


@dataclass(frozen=True, slots=True)
class Demand:
    """Everything that is submitted to one pool.

    Attributes:
        classes: the sorts of jobs.
        users: who submits.
        priorities: priorities and their weights.
    """

    classes: tuple[JobClass, ...]
    users: tuple[str, ...]
    priorities: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class DayCycle:
    """How simulated days lie in real time.

    Attributes:
        noon: a real moment (Unix seconds) at which it is noon.
        speed: simulated seconds per real second.
    """

    noon: float
    speed: float

    def arrival_factor(self, now: float) -> float:
        """The arrival rate at a real moment, as a multiple of the mean."""
        hour = 12 + (now - self.noon) * self.speed / HOUR
        return 1 + _AMPLITUDE * cos(2 * pi * (hour - _PEAK_HOUR) / 24)


def submissions(demand: Demand, cycle: DayCycle, rng: Random, since: float) -> Iterator[Submission]:
    """Endless Poisson arrivals whose rate follows the time of day, from a real moment on (Unix seconds)."""
    weights = [job_class.per_day for job_class in demand.classes]
    peak = 1 + _AMPLITUDE
    # Thinning: candidates come at the peak rate, and each is kept with the probability of the hour.
    candidates_per_second = sum(weights) * peak * cycle.speed / DAY
    now = since
    while True:
        now += rng.expovariate(candidates_per_second)
        if rng.random() * peak < cycle.arrival_factor(now):
            [job_class] = rng.choices(demand.classes, weights)
            yield _submission(demand, job_class, cycle.speed, rng, now)


# The order of the draws below decides what a seed gives.


def _submission(demand: Demand, job_class: JobClass, speed: float, rng: Random, now: float) -> Submission:
    size = _pick(rng, job_class.sizes)
    outcome = _pick(rng, job_class.outcomes)
    seconds = job_class.median_hours * HOUR * exp(rng.gauss(0, job_class.sigma)) / speed
    job_uuid = _uuid(rng)
    cards = max(size.cards, 1)
    impatient = rng.random() < _IMPATIENT_SHARE
    phases = _phases(rng, outcome, seconds, speed)
    return Submission(
        uid=_uuid(rng),
        job_uuid=job_uuid,
        name=f"{job_class.prefix}-{job_uuid}",
        job_name=f"{rng.choice(job_class.names)}-{rng.randrange(100):02d}",
        type=job_class.type,
        user=rng.choice(demand.users),
        priority=_pick(rng, demand.priorities),
        created=round(now, 3),
        request=ResourceRequest(size.nodes, size.cards, job_class.cpu * cards, job_class.memory * cards),
        phases=phases,
        outcome=outcome,
        eviction=_eviction(rng, phases, speed),
        patience=rng.uniform(2, 30) * HOUR / speed if impatient else inf,
        flavor=job_class.flavor.format(cards=size.cards),
        gvk=job_class.gvk,
        formats=_formats(rng),
        position=_position(rng),
    )


def _phases(rng: Random, outcome: str, seconds: float, speed: float) -> tuple[Phase, ...]:
    creating = Phase("Creating", rng.uniform(2, 10) * 60 / speed)
    if outcome != "Completed":
        # It was meant to run longer.
        seconds *= rng.random()
    phases = [creating, Phase("Running", seconds)]
    if rng.random() < _ABNORMAL_SHARE:
        at = rng.random()
        abnormal = Phase("Abnormal", rng.uniform(5, 40) * 60 / speed)
        phases = [creating, Phase("Running", at * seconds), abnormal, Phase("Running", (1 - at) * seconds)]
    if outcome == "Terminated":
        phases.append(Phase("Terminating", rng.uniform(1, 8) * 60 / speed))
    return tuple(phases)


def _eviction(rng: Random, phases: tuple[Phase, ...], speed: float) -> Eviction | None:
    if rng.random() >= _EVICTED_SHARE:
        return None
    duration = sum(phase.seconds for phase in phases)
    return Eviction(rng.random() * duration, rng.uniform(2, 10) * 60 / speed)


def _formats(rng: Random) -> QuantityFormats:
    cpu: tuple[CpuFormat, ...] = ("plain", "plain", "number", "milli", "unit")
    memory: tuple[MemoryFormat, ...] = ("binary", "binary", "mebi", "decimal", "unit", "bytes")
    cards: tuple[CardFormat, ...] = ("plain", "plain", "number")
    return QuantityFormats(rng.choice(cpu), rng.choice(memory), rng.choice(cards))


def _position(rng: Random) -> PositionFormat:
    weights: dict[PositionFormat, float] = {"number": 0.8, "unknown": 0.15, "absent": 0.05}
    return _pick(rng, weights)


def _pick(rng: Random, weighted: Mapping[T, float]) -> T:
    """One of the keys, as often as its weight says."""
    [choice] = rng.choices(tuple(weighted), tuple(weighted.values()))
    return choice


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))

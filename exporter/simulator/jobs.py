"""Jobs of a simulated pool: what was submitted, and what has become of it. Immutable values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal, NamedTuple

GIB = 2**30

PositionFormat = Literal["number", "unknown", "absent"]
"""How the API reports the queue position of a waiting job: the number, -1, or no field."""

CpuFormat = Literal["plain", "number", "milli", "unit"]
"""8000 millicores as "8", 8, "8000m", "8 Cores"."""

MemoryFormat = Literal["binary", "mebi", "decimal", "unit", "bytes"]
"""64 GiB as "64Gi", "65536Mi", "68719476736" ("32G" only for whole billions), "64 GiB", "68719476736"."""

CardFormat = Literal["plain", "number"]
"""8 cards as "8", 8."""


@dataclass(frozen=True, slots=True)
class QuantityFormats:
    """How the API writes the quantities of one job. Every format is documented for some API of the family."""

    cpu: CpuFormat = "plain"
    memory: MemoryFormat = "binary"
    cards: CardFormat = "plain"


class ResourceRequest(NamedTuple):
    """What a job needs on each of its nodes, all at once.

    Attributes:
        nodes: number of nodes.
        cards: accelerator cards per node.
        cpu: millicores per node.
        memory: bytes per node.
    """

    nodes: int
    cards: int
    cpu: int
    memory: int


class Phase(NamedTuple):
    """A status that a job has for a while after its start. The duration is in real seconds."""

    status: str
    seconds: float


class Eviction(NamedTuple):
    """A job loses its resources once. It goes back to the queue and starts from the beginning.

    Attributes:
        after: seconds since its start. A job that ends earlier is not evicted.
        backoff: seconds until the scheduler considers it again.
    """

    after: float
    backoff: float


class Allocation(NamedTuple):
    """What a job holds of one node.

    Attributes:
        node: the node's index.
        cards: a bit mask; bit 0 is card 1.
    """

    node: int
    cards: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as its user submitted it, and its future once it has its resources.

    The future is drawn when the job is submitted. So the cluster needs no randomness.

    Attributes:
        uid: the Kubernetes uid.
        job_uuid: the service's own ID.
        name: the Kubernetes name.
        job_name: the name that the user gave; not unique.
        type: train, infer, notebook or x-infer.
        user: who submitted it.
        priority: 0 to 3; higher runs first.
        created: Unix seconds, whole milliseconds.
        request: resources.
        phases: the statuses from the start to the end.
        outcome: Completed, Terminated or Failed.
        eviction: None for a job that is not evicted.
        patience: seconds until the user cancels a job that still waits; infinite for never.
        flavor: the specification.
        gvk: the Kubernetes group, version and kind.
        formats: how the API writes its quantities.
        position: how the API reports its queue position.
        accelerator: the resource name of its cards if the pool has none of that kind, so that it never
            starts; "" for the pool's own.
    """

    uid: str
    job_uuid: str
    name: str
    job_name: str
    type: str
    user: str
    priority: int
    created: float
    request: ResourceRequest
    phases: tuple[Phase, ...]
    outcome: str = "Completed"
    eviction: Eviction | None = None
    patience: float = inf
    flavor: str = ""
    gvk: str = ""
    formats: QuantityFormats = field(default_factory=QuantityFormats)
    position: PositionFormat = "number"
    accelerator: str = ""

    @property
    def queue_key(self) -> tuple[int, float, str]:
        """Sorts the queue: higher priority first, then older, then by uid."""
        return (-self.priority, self.created, self.uid)

    @property
    def duration(self) -> float:
        """Seconds from the start to the end."""
        return sum(phase.seconds for phase in self.phases)


@dataclass(frozen=True, slots=True)
class Job:
    """A submission and what has become of it so far.

    Attributes:
        submission: what was submitted.
        started: when it got its resources, Unix seconds; None while it waits.
        allocations: what it holds, or held, of which nodes.
        finished: when it ended or was cancelled; None before.
        backoff_until: the scheduler does not consider it earlier; None for a job that was not evicted.
    """

    submission: Submission
    started: float | None = None
    allocations: tuple[Allocation, ...] = ()
    finished: float | None = None
    backoff_until: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether it is in the queue."""
        return self.started is None and self.finished is None

    def pending_duration(self, now: float) -> float:
        """Seconds from its creation until it last got resources, was cancelled, or until now.

        Measured for a waiting job: the API reports now - createTime. For an evicted job this is a guess.
        """
        return _first(self.started, self.finished, now) - self.submission.created

    def running_duration(self, now: float) -> float | None:
        """Seconds from its first Running phase until its end or now; None for a job that has not run."""
        if self.started is None:
            return None
        before = 0.0
        for phase in self.submission.phases:
            if phase.status == "Running":
                break
            before += phase.seconds
        seconds = _first(self.finished, now) - self.started - before
        return seconds if seconds >= 0 else None

    def status(self, now: float) -> str | None:
        """Its status; None while it waits, because that status depends on its queue position."""
        if self.finished is not None:
            return "Terminated" if self.started is None else self.submission.outcome
        if self.started is None:
            return None
        elapsed = now - self.started
        for phase in self.submission.phases:
            if elapsed < phase.seconds:
                return phase.status
            elapsed -= phase.seconds
        return self.submission.outcome


def _first(*moments: float | None) -> float:
    return next(moment for moment in moments if moment is not None)

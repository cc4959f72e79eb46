"""Jobs of a simulated pool: what was asked for, and what became of it. Immutable, without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal, NamedTuple

from exporter.simulator.spelling import Spelling

PositionShown = Literal["shown", "unknown", "absent"]
"""How the API gives a waiting job's position: the number, -1, or not at all."""


class Needs(NamedTuple):
    """What a job needs on each of its nodes, all at once.

    Attributes:
        nodes: how many nodes.
        cards: accelerator cards per node.
        cpu: millicores per node.
        memory: bytes per node.
    """

    nodes: int
    cards: int
    cpu: int
    memory: int


class Phase(NamedTuple):
    """A status that a job has for so many real seconds after its start."""

    status: str
    seconds: float


class Eviction(NamedTuple):
    """A job loses its resources once and goes back to the queue, from which it starts anew.

    Attributes:
        after: seconds since its start; one that is over before is spared.
        pause: seconds until the scheduler looks at it again.
    """

    after: float
    pause: float


class Share(NamedTuple):
    """What a job holds of one node.

    Attributes:
        node: the node's index.
        cards: a bit mask; bit 0 is card 1.
    """

    node: int
    cards: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as its user submitted it, and what will become of it once it has its resources.

    The future is drawn here, beforehand, so that the cluster needs no randomness.

    Attributes:
        uid: the Kubernetes uid.
        job_uuid: the service's own id.
        name: the Kubernetes name.
        job_name: the human name; not unique.
        type: train, infer, notebook or x-infer.
        user: who submitted it.
        priority: 0 to 3; higher runs first.
        created: Unix seconds, whole milliseconds.
        needs: resources.
        phases: the statuses from the start to the end.
        outcome: Completed, Terminated or Failed.
        eviction: whether it is put back to the queue once; None for one that is not.
        patience: seconds until the user gives up waiting; infinite for one who does not.
        flavor: the specification.
        gvk: the Kubernetes group, version and kind.
        spelling: how its amounts are written.
        position: how its place in the queue is told.
    """

    uid: str
    job_uuid: str
    name: str
    job_name: str
    type: str
    user: str
    priority: int
    created: float
    needs: Needs
    phases: tuple[Phase, ...]
    outcome: str = "Completed"
    eviction: Eviction | None = None
    patience: float = inf
    flavor: str = ""
    gvk: str = ""
    spelling: Spelling = field(default_factory=Spelling)
    position: PositionShown = "shown"

    @property
    def turn(self) -> tuple[int, float, str]:
        """Sorts the queue: higher priority first, then the older, then by uid."""
        return (-self.priority, self.created, self.uid)

    @property
    def length(self) -> float:
        """Seconds from the start to the end."""
        return sum(phase.seconds for phase in self.phases)


@dataclass(frozen=True, slots=True)
class Job:
    """A submission and what became of it so far.

    Attributes:
        submission: what was asked for.
        started: when it got its resources, Unix seconds; None while it waits.
        shares: what it holds, or held, of which nodes.
        finished: when it ended or was given up; None before.
        held_until: the scheduler does not look at it before; None for one that was not evicted.
    """

    submission: Submission
    started: float | None = None
    shares: tuple[Share, ...] = ()
    finished: float | None = None
    held_until: float | None = None

    @property
    def waiting(self) -> bool:
        """It is in the queue."""
        return self.started is None and self.finished is None

    def waited(self, now: float) -> float:
        """Seconds since its creation that it was without resources, or before it last got some.

        For a waiting job the API says now - createTime (measured); nothing else is known of evicted ones.
        """
        return _first(self.started, self.finished, now) - self.submission.created

    def ran(self, now: float) -> float | None:
        """Seconds since it first ran, or from then to its end; None for one that has not run."""
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
        """Its status; None while it waits, because that depends on the others in the queue."""
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

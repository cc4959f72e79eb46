"""What polling knows of each project and a reload must not lose: a new configuration continues with it.

Without it, every reload would ask for everything again, forget that the cloud asked for a pause, and watch
no discovered pool until the list of pools has been read again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from exporter.api.memory import ApiMemory

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from collections.abc import Set as AbstractSet

    from exporter.common.clock import Clock
    from exporter.snapshot.pool import PoolDescription


class ProjectAt(NamedTuple):
    """Identifies a project at an endpoint: another endpoint may be another cloud."""

    region: str
    project_id: str
    endpoint: str


@dataclass(slots=True)
class KnownPools:
    """The last list of the pools of one workspace. All moments are monotonic seconds.

    Attributes:
        pools: by ID; None if the list has never been read.
        names: the display names by ID. Made once per answer, because every poll of every pool needs it.
        read_at: when it was read.
        due_at: when to ask for it again; None before the first time.
        outcome: how the last request ended; None before the first one.
        lacking: pools that were watched or remembered, and that the last whole list did not have.
        doubtful: those of them that the list before had. They may be missing by mistake.
    """

    pools: Mapping[str, PoolDescription] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    read_at: float = 0.0
    due_at: float | None = None
    outcome: str | None = None
    lacking: AbstractSet[str] = frozenset()
    doubtful: AbstractSet[str] = frozenset()


@dataclass(slots=True)
class Readings:
    """When one kind of answer was requested for each pool, such as its nodes.

    Attributes:
        asked_at: the last request about each pool, in monotonic seconds.
        outcome: how the last reading ended.
        slow: the pool at which it was stopped, because there was no answer.
    """

    asked_at: dict[str, float] = field(default_factory=dict)
    outcome: str = "ok"
    slow: str | None = None

    def since(self, pools: Collection[str], now: float) -> float:
        """Seconds since the earliest of the last requests about these pools; infinite if one had none."""
        return max((now - self.asked_at.get(pool, float("-inf")) for pool in pools), default=float("inf"))


@dataclass(slots=True)
class CheckRecord:
    """What comparing a pool's listings with the cloud's own count has shown.

    Attributes:
        was_short: whether the last listing was shorter than the statistics.
        failing: whether the last request for the statistics failed.
        skip: how many polls go without that request.
        changes: of the last polls that were compared, the monotonic moment of their end, and how much had
            changed since the poll before.
        doubted_at: when the last count was requested that was higher than the listing; None if the newest
            count was not.
        doubts: how many such counts there have been in a row.
    """

    was_short: bool = False
    failing: bool = False
    skip: int = 0
    changes: deque[tuple[float, int]] = field(default_factory=deque)
    doubted_at: float | None = None
    doubts: int = 0


@dataclass(slots=True)
class ProjectMemory:
    """What is known of one project at one endpoint.

    Attributes:
        api: what its answers have said about how to ask it.
        lists: by workspace, the last list of its pools.
        capacities, nodes, events: when they were requested.
        checks: by pool.
    """

    api: ApiMemory
    lists: dict[str, KnownPools] = field(default_factory=dict)
    capacities: Readings = field(default_factory=Readings)
    nodes: Readings = field(default_factory=Readings)
    events: Readings = field(default_factory=Readings)
    checks: dict[str, CheckRecord] = field(default_factory=dict)

    def keep_pools(self, pools: Collection[str]) -> None:
        """Forget all other pools, but for the list."""
        for by_pool in (self.capacities.asked_at, self.nodes.asked_at, self.events.asked_at, self.checks):
            for pool in by_pool.keys() - pools:
                del by_pool[pool]

    def forget_readings(self) -> None:
        """Capacities are not read any more. If they are again, they are due at once."""
        self.capacities, self.nodes, self.events = Readings(), Readings(), Readings()


class Memories:
    """The memories of all projects, one for the whole process.

    A project that no configuration uses is forgotten at the next reload, or once no pause or limit that the
    cloud asked it for is in force, which is an hour later at most.
    """

    def __init__(self) -> None:
        self._projects: dict[ProjectAt, ProjectMemory] = {}

    def of(self, project: ProjectAt, clock: Clock) -> ProjectMemory:
        """The memory of a project, new if there is none."""
        if project not in self._projects:
            self._projects[project] = ProjectMemory(ApiMemory(clock))
        return self._projects[project]

    def keep(self, used: Collection[ProjectAt], now: float) -> None:
        """Forget the projects that are not used, but not the pauses that the cloud asked for.

        Args:
            used: the projects of the configuration in use.
            now: monotonic seconds.
        """
        self._projects = {
            project: memory if project in used else ProjectMemory(memory.api)
            for project, memory in self._projects.items()
            if project in used or memory.api.pace.holds(now)
        }

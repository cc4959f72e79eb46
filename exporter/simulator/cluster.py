"""The queue and the scheduler of a simulated pool. No I/O, no randomness.

A discrete event simulation: `advance` runs the events that are due, such as an arrival or the end of a job.
Nothing happens between two events, so days take a fraction of a second.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from math import isfinite
from typing import TYPE_CHECKING, Literal, NamedTuple

from exporter.simulator.answers import workload_object
from exporter.simulator.jobs import Job, ResourceRequest, Submission
from exporter.simulator.pools import Pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exporter.common.clock import Clock
    from exporter.simulator.nodes import NodeResources, Nodes
    from exporter.simulator.pools import Item, Profile, WorkloadQuery

JobEventKind = Literal["created", "started", "requeued", "finished", "vanished"]
Strategy = Literal["fifo", "passing"]
_Due = Literal["arrive", "cancel", "evict", "retry", "end", "vanish"]


class JobEvent(NamedTuple):
    """What happened to a job. Tests compare the exporter's counters with these.

    Attributes:
        at: Unix seconds.
        kind: created; started: it got its resources; requeued: it lost them and waits again; finished: it
            ended or was cancelled; vanished: it is not listed any more.
        uid: of the job.
    """

    at: float
    kind: JobEventKind
    uid: str


class Cluster:
    """A pool's nodes, its queue, and the jobs that the API lists.

    The queue is served by priority, then age. A job gets all its nodes at once or none (gang scheduling).
    What happens behind a job that cannot start depends on the strategy. passing: smaller jobs may start first
    (backfill), which is why large jobs wait long. fifo: no job starts, even if cards are idle. An evicted job
    that is not considered yet holds nobody up.

    Args:
        nodes: what there is to allocate.
        submissions: what arrives, by ascending creation time; may be endless.
        retention: seconds for which a finished job stays listed.
        log_size: number of job events that are kept.
        strategy: fifo or passing.
    """

    def __init__(
        self,
        nodes: Nodes,
        submissions: Iterable[Submission],
        *,
        retention: float,
        log_size: int = 10_000,
        strategy: Strategy = "passing",
    ) -> None:
        self._nodes = nodes
        self._submissions = iter(submissions)
        self._retention = retention
        self._strategy = strategy
        self._jobs: dict[str, Job] = {}
        self._queue: list[tuple[int, float, str]] = []
        # A heap of (moment, sequence number that keeps equal moments in order, what is due, for which job).
        self._agenda: list[tuple[float, int, _Due, Submission]] = []
        self._sequence = count()
        self._log: deque[JobEvent] = deque(maxlen=log_size)
        self._schedule_next_arrival()

    @property
    def jobs(self) -> Sequence[Job]:
        """Every job that is listed, oldest first."""
        return tuple(self._jobs.values())

    @property
    def queue(self) -> Sequence[Job]:
        """The waiting jobs, the next to be served first."""
        return tuple(self._jobs[uid] for _, _, uid in self._queue)

    @property
    def free(self) -> Sequence[NodeResources]:
        """What is free, node by node."""
        return self._nodes.free

    @property
    def log(self) -> Sequence[JobEvent]:
        """The newest job events, oldest first."""
        return tuple(self._log)

    def advance(self, now: float) -> None:
        """Run everything that is due up to now (Unix seconds)."""
        while self._agenda and self._agenda[0][0] <= now:
            at, _, due, submission = heappop(self._agenda)
            match due:
                case "arrive":
                    self._arrive(submission)
                case "cancel":
                    self._cancel(submission, at)
                case "evict":
                    self._evict(submission, at)
                    self._serve_queue(at)
                case "retry":
                    self._serve_queue(at)
                case "end":
                    self._finish(submission.uid, at)
                    self._serve_queue(at)
                case "vanish":
                    del self._jobs[submission.uid]
                    self._record(at, "vanished", submission.uid)

    def _record(self, at: float, kind: JobEventKind, uid: str) -> None:
        self._log.append(JobEvent(at, kind, uid))

    def _schedule(self, at: float, due: _Due, submission: Submission) -> None:
        heappush(self._agenda, (at, next(self._sequence), due, submission))

    def _schedule_next_arrival(self) -> None:
        if (submission := next(self._submissions, None)) is not None:
            self._schedule(submission.created, "arrive", submission)

    def _arrive(self, submission: Submission) -> None:
        self._schedule_next_arrival()
        self._jobs[submission.uid] = Job(submission)
        self._record(submission.created, "created", submission.uid)
        # Nothing became free, so no other waiting job can start.
        if not self._held_up(submission, submission.created) and self._start(
            submission.uid, submission.created
        ):
            return
        insort(self._queue, submission.queue_key)
        if isfinite(submission.patience):
            self._schedule(submission.created + submission.patience, "cancel", submission)

    def _held_up(self, submission: Submission, at: float) -> bool:
        """Whether a job that cannot start is ahead of this one, and may not be passed."""
        if self._strategy == "passing":
            return False
        ahead = self._queue[: bisect_left(self._queue, submission.queue_key)]
        return any(self._considered(uid, at) for _, _, uid in ahead)

    def _considered(self, uid: str, at: float) -> bool:
        """Whether the scheduler considers a waiting job at this moment."""
        backoff_until = self._jobs[uid].backoff_until
        return backoff_until is None or backoff_until <= at

    def _cancel(self, submission: Submission, at: float) -> None:
        job = self._jobs.get(submission.uid)
        if job is not None and job.waiting:
            del self._queue[bisect_left(self._queue, submission.queue_key)]
            self._finish(submission.uid, at)
            self._serve_queue(at)  # it may have held others up

    def _start(self, uid: str, at: float) -> bool:
        job = self._jobs[uid]
        if job.submission.accelerator:
            return False
        allocations = self._nodes.allocate(job.submission.request)
        if allocations is None:
            return False
        self._jobs[uid] = replace(job, started=at, allocations=allocations)
        self._record(at, "started", uid)
        eviction, duration = job.submission.eviction, job.submission.duration
        if eviction is not None and eviction.after < duration and job.backoff_until is None:
            self._schedule(at + eviction.after, "evict", job.submission)
        else:
            self._schedule(at + duration, "end", job.submission)
        return True

    def _evict(self, submission: Submission, at: float) -> None:
        assert submission.eviction is not None  # noqa: S101  (only such jobs are due for eviction)
        self._nodes.release(submission.request, self._jobs[submission.uid].allocations)
        backoff_until = at + submission.eviction.backoff
        self._jobs[submission.uid] = Job(submission, backoff_until=backoff_until)
        insort(self._queue, submission.queue_key)
        self._record(at, "requeued", submission.uid)
        self._schedule(backoff_until, "retry", submission)

    def _serve_queue(self, at: float) -> None:
        # Free resources only shrink in this loop. A request that did not fit once will not fit later in it.
        unfit: set[ResourceRequest] = set()
        waiting: list[tuple[int, float, str]] = []
        for index, key in enumerate(self._queue):
            uid = key[2]
            if not self._considered(uid, at):
                waiting.append(key)
                continue
            submission = self._jobs[uid].submission
            if submission.request not in unfit and self._start(uid, at):
                continue
            if not submission.accelerator:
                unfit.add(submission.request)
            waiting.append(key)
            if self._strategy == "fifo":
                waiting += self._queue[index + 1 :]
                break
        self._queue = waiting

    def _finish(self, uid: str, at: float) -> None:
        job = self._jobs[uid] = replace(self._jobs[uid], finished=at)
        self._nodes.release(job.submission.request, job.allocations)
        self._record(at, "finished", uid)
        self._schedule(at + self._retention, "vanish", job.submission)


class ClusterPool(Pool):
    """A pool in which jobs come and go by the clock.

    Args:
        profile: what it is.
        cluster: what runs in it; this pool advances it.
        clock: the time.
    """

    def __init__(self, profile: Profile, cluster: Cluster, clock: Clock) -> None:
        super().__init__(profile)
        self.cluster = cluster
        self._clock = clock

    def select(self, query: WorkloadQuery) -> Sequence[Item]:
        """See `Pool`."""
        return query.select(self.workloads())

    def counted(self) -> Sequence[Item]:
        """See `Pool`."""
        return self.workloads()

    def free_by_node(self) -> Sequence[NodeResources]:
        """See `Pool`."""
        self.cluster.advance(self._clock.wall())
        return self.cluster.free

    def workloads(self) -> list[dict[str, object]]:
        """Everything that is listed at this moment, oldest first."""
        now = self._clock.wall()
        self.cluster.advance(now)
        positions = {job.submission.uid: place for place, job in enumerate(self.cluster.queue, start=1)}
        pool, accelerator = self.profile.id, self.profile.accelerator
        return [
            workload_object(job, now, pool, accelerator, positions.get(job.submission.uid))
            for job in self.cluster.jobs
        ]

"""The queue of a simulated pool and its scheduler: told the time, it catches up. No I/O, no randomness.

Nothing happens between two events (a job arrives, is given up, ends, vanishes), so days pass in a fraction
of a second.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from math import isfinite
from typing import TYPE_CHECKING, Literal, NamedTuple

from exporter.simulator.jobs import Job, Needs, Submission

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exporter.simulator.nodes import Nodes, Room

What = Literal["created", "started", "requeued", "finished", "vanished"]
Due = Literal["arrive", "give up", "evict", "retry", "end", "vanish"]


class Happening(NamedTuple):
    """What truly happened, to hold the exporter's counts against.

    Attributes:
        at: Unix seconds.
        what: created; started: it got its resources; requeued: it lost them and waits again; finished: it
            ended or was given up; vanished: it is not listed any more.
        uid: to which job.
    """

    at: float
    what: What
    uid: str


class Cluster:
    """A pool's nodes, its queue, and the jobs that the API lists.

    The queue is served by priority, then age. A job gets all its nodes at once or none; a smaller one
    behind it may go first (backfill), which is why large jobs wait long.

    Args:
        nodes: what there is to give.
        submissions: what arrives, by ascending creation time; may be endless.
        retention: how long a finished job stays listed, in seconds.
        remember: how many happenings are kept.
    """

    def __init__(
        self, nodes: Nodes, submissions: Iterable[Submission], *, retention: float, remember: int = 10_000
    ) -> None:
        self._nodes = nodes
        self._submissions = iter(submissions)
        self._retention = retention
        self._jobs: dict[str, Job] = {}
        self._queue: list[tuple[int, float, str]] = []
        # (when, a number that keeps equal moments in order, what is due, to whom)
        self._agenda: list[tuple[float, int, Due, Submission]] = []
        self._numbers = count()
        self._log: deque[Happening] = deque(maxlen=remember)
        self._expect_next()

    @property
    def jobs(self) -> Sequence[Job]:
        """Every job that is listed, oldest first."""
        return tuple(self._jobs.values())

    @property
    def queue(self) -> Sequence[Job]:
        """The waiting jobs, the next to be served first."""
        return tuple(self._jobs[uid] for _, _, uid in self._queue)

    @property
    def rooms(self) -> Sequence[Room]:
        """What is free on each node."""
        return self._nodes.rooms

    @property
    def log(self) -> Sequence[Happening]:
        """The newest happenings, oldest first."""
        return tuple(self._log)

    def advance(self, now: float) -> None:
        """Let everything happen that was due up to now (Unix seconds)."""
        while self._agenda and self._agenda[0][0] <= now:
            at, _, due, submission = heappop(self._agenda)
            match due:
                case "arrive":
                    self._arrive(submission)
                case "give up":
                    self._give_up(submission, at)
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
                    self._note(at, "vanished", submission.uid)

    def _note(self, at: float, what: What, uid: str) -> None:
        self._log.append(Happening(at, what, uid))

    def _expect(self, at: float, due: Due, submission: Submission) -> None:
        heappush(self._agenda, (at, next(self._numbers), due, submission))

    def _expect_next(self) -> None:
        if (submission := next(self._submissions, None)) is not None:
            self._expect(submission.created, "arrive", submission)

    def _arrive(self, submission: Submission) -> None:
        self._expect_next()
        self._jobs[submission.uid] = Job(submission)
        self._note(submission.created, "created", submission.uid)
        # Nothing became free, so of all who wait only the new one can start.
        if self._start(submission.uid, submission.created):
            return
        insort(self._queue, submission.turn)
        if isfinite(submission.patience):
            self._expect(submission.created + submission.patience, "give up", submission)

    def _give_up(self, submission: Submission, at: float) -> None:
        job = self._jobs.get(submission.uid)
        if job is not None and job.waiting:
            del self._queue[bisect_left(self._queue, submission.turn)]
            self._finish(submission.uid, at)

    def _start(self, uid: str, at: float) -> bool:
        job = self._jobs[uid]
        shares = self._nodes.take(job.submission.needs)
        if shares is None:
            return False
        self._jobs[uid] = replace(job, started=at, shares=shares)
        self._note(at, "started", uid)
        eviction, length = job.submission.eviction, job.submission.length
        if eviction is not None and eviction.after < length and job.held_until is None:
            self._expect(at + eviction.after, "evict", job.submission)
        else:
            self._expect(at + length, "end", job.submission)
        return True

    def _evict(self, submission: Submission, at: float) -> None:
        assert submission.eviction is not None  # noqa: S101  (else it would not be due)
        self._nodes.give_back(submission.needs, self._jobs[submission.uid].shares)
        held_until = at + submission.eviction.pause
        self._jobs[submission.uid] = Job(submission, held_until=held_until)
        insort(self._queue, submission.turn)
        self._note(at, "requeued", submission.uid)
        self._expect(held_until, "retry", submission)

    def _serve_queue(self, at: float) -> None:
        # Room only shrinks while the queue is served, so what did not fit once will not fit later on.
        refused: set[Needs] = set()
        still: list[tuple[int, float, str]] = []
        for turn in self._queue:
            uid = turn[2]
            job = self._jobs[uid]
            if job.held_until is not None and job.held_until > at:
                still.append(turn)
                continue
            needs = job.submission.needs
            if needs not in refused and self._start(uid, at):
                continue
            refused.add(needs)
            still.append(turn)
        self._queue = still

    def _finish(self, uid: str, at: float) -> None:
        job = self._jobs[uid] = replace(self._jobs[uid], finished=at)
        self._nodes.give_back(job.submission.needs, job.shares)
        self._note(at, "finished", uid)
        self._expect(at + self._retention, "vanish", job.submission)

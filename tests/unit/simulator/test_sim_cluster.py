from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.cluster import Cluster
from exporter.simulator.jobs import Eviction, Job, Phase, ResourceRequest, Submission
from exporter.simulator.nodes import NodeResources, Nodes

WHOLE = NodeResources(cards=0b1111, cpu=8000, memory=64)
NODES = 3


def submission(number: int, *, created: float, request: ResourceRequest, **fields: object) -> Submission:
    return Submission(
        **{  # type: ignore[arg-type]
            "uid": f"uid-{number:03d}",
            "job_uuid": f"job-{number}",
            "name": f"modelarts-job-{number}",
            "job_name": "job",
            "type": "train",
            "user": "somebody",
            "priority": 1,
            "phases": (Phase("Creating", 2.0), Phase("Running", 10.0)),
            **fields,
        },
        created=created,
        request=request,
    )


@st.composite
def arrivals(draw: st.DrawFn) -> list[Submission]:
    """Some jobs in the order of their creation; a few fit into no pool of this size."""
    arriving = []
    now = 0.0
    for number in range(draw(st.integers(1, 40))):
        now += draw(st.sampled_from([0.0, 0.5, 3.0, 20.0]))
        shape = st.builds(
            ResourceRequest, st.integers(1, 4), st.integers(0, 5), st.integers(0, 9000), st.integers(0, 70)
        )
        seconds = st.floats(0.25, 60)
        arriving.append(
            submission(
                number,
                created=now,
                request=draw(shape),
                priority=draw(st.integers(0, 3)),
                phases=(Phase("Creating", draw(seconds)), Phase("Running", draw(seconds))),
                outcome=draw(st.sampled_from(["Completed", "Failed", "Terminated"])),
                patience=draw(st.sampled_from([inf, inf, 5.0, 50.0])),
            )
        )
    return arriving


def cluster_of(arriving: list[Submission], retention: float = 100.0) -> Cluster:
    return Cluster(Nodes(NODES, WHOLE), arriving, retention=retention)


def holding(jobs: list[Job] | tuple[Job, ...]) -> list[Job]:
    return [job for job in jobs if job.started is not None and job.finished is None]


def free_by_counting(jobs: list[Job]) -> list[NodeResources]:
    """What must be free, computed from the jobs alone; fails where a card is given twice."""
    free = [WHOLE] * NODES
    for job in holding(jobs):
        for allocation in job.allocations:
            node = free[allocation.node]
            assert allocation.cards & ~node.cards == 0, "a card that is not there, or is taken"
            request = job.submission.request
            free[allocation.node] = NodeResources(
                node.cards & ~allocation.cards, node.cpu - request.cpu, node.memory - request.memory
            )
    return free


@pytest.mark.long
@given(arrivals(), st.floats(0.1, 30))
def test_a_cluster_never_gives_more_than_it_has_and_a_job_all_or_nothing(
    arriving: list[Submission], step: float
) -> None:
    """At every moment no node is over its capacity, and a job holds all its nodes and cards at once."""
    cluster = cluster_of(arriving)
    for tick in range(60):
        cluster.advance(tick * step)
        free = free_by_counting(list(cluster.jobs))
        assert list(cluster.free) == free
        assert all(node.cpu >= 0 and node.memory >= 0 for node in free)
        for job in holding(list(cluster.jobs)):
            request = job.submission.request
            nodes = {allocation.node for allocation in job.allocations}
            assert len(nodes) == len(job.allocations) == request.nodes
            assert {allocation.cards.bit_count() for allocation in job.allocations} == {request.cards}


@pytest.mark.long
@given(arrivals(), st.floats(0.1, 30))
def test_the_queue_is_in_order_and_nobody_in_it_could_start(arriving: list[Submission], step: float) -> None:
    """Higher priority first, then the older; what fits is never left waiting."""
    cluster = cluster_of(arriving)
    for tick in range(60):
        cluster.advance(tick * step)
        queue = [job.submission for job in cluster.queue]
        assert queue == sorted(queue, key=lambda one: (-one.priority, one.created, one.uid))
        assert {one.uid for one in queue} == {job.submission.uid for job in cluster.jobs if job.waiting}
        for waiting in queue:
            fitting = [node for node in cluster.free if node.fits(waiting.request)]
            assert len(fitting) < waiting.request.nodes


@pytest.mark.long
@given(arrivals())
def test_every_wait_is_start_minus_creation_and_the_log_says_so(arriving: list[Submission]) -> None:
    """The log of what happened agrees with the jobs and with their drawn futures."""
    cluster = cluster_of(arriving, retention=inf)
    cluster.advance(1e9)
    moments = {(event.uid, event.kind): event.at for event in cluster.log}
    assert [event.at for event in cluster.log] == sorted(event.at for event in cluster.log)
    for job in cluster.jobs:
        asked = job.submission
        assert moments[asked.uid, "created"] == asked.created
        assert moments.get((asked.uid, "started")) == job.started
        assert moments.get((asked.uid, "finished")) == job.finished
        if job.started is not None:
            assert job.pending_duration(1e9) == job.started - asked.created
            assert job.finished == job.started + asked.duration
        elif job.finished is not None:
            assert job.pending_duration(1e9) == pytest.approx(asked.patience)


@pytest.mark.long
@given(arrivals(), st.lists(st.floats(0, 300), max_size=20))
def test_looking_does_not_change_what_happens(arriving: list[Submission], looks: list[float]) -> None:
    """A cluster that is asked often and one that is asked once, at the end, went the same way."""
    often, once = cluster_of(arriving), cluster_of(arriving)
    for moment in sorted(looks):
        often.advance(moment)
    often.advance(300)
    once.advance(300)
    assert often.jobs == once.jobs
    assert often.log == once.log
    assert often.queue == once.queue


def test_smaller_jobs_pass_a_large_one_that_has_to_wait() -> None:
    """What fits goes first, whatever waits before it; the large job starts when all its nodes are free."""
    small, large = ResourceRequest(1, 4, 0, 0), ResourceRequest(3, 4, 0, 0)
    cluster = cluster_of(
        [
            submission(0, created=0, request=small),
            submission(1, created=1, request=large, priority=3),
            submission(2, created=2, request=small),
        ]
    )
    cluster.advance(5)
    assert [job.submission.uid for job in cluster.queue] == ["uid-001"]
    cluster.advance(14)
    [large_job] = [job for job in cluster.jobs if job.submission.uid == "uid-001"]
    assert large_job.started == 14.0


def test_a_job_goes_through_its_phases_and_vanishes() -> None:
    """Its status is that of the moment; a finished job stays listed for the retention, then it is gone."""
    phases = (Phase("Creating", 5), Phase("Running", 20), Phase("Terminating", 5))
    asked = submission(
        0, created=100, request=ResourceRequest(1, 1, 1, 1), phases=phases, outcome="Terminated"
    )
    cluster = cluster_of([asked], retention=10)
    seen = []
    for moment in (99, 100, 106, 124, 126, 131, 141):
        cluster.advance(moment)
        seen.append([(job.status(moment), job.running_duration(moment)) for job in cluster.jobs])
    assert seen == [
        [],
        [("Creating", None)],
        [("Running", 1)],
        [("Running", 19)],
        [("Terminating", 21)],
        [("Terminated", 25)],
        [],
    ]
    assert [event.kind for event in cluster.log] == ["created", "started", "finished", "vanished"]


def test_the_log_is_bounded() -> None:
    """Only the newest events are kept."""
    arriving = [
        submission(number, created=number, request=ResourceRequest(1, 0, 0, 0)) for number in range(20)
    ]
    cluster = Cluster(Nodes(NODES, WHOLE), arriving, retention=0, log_size=7)
    cluster.advance(1000)
    assert len(cluster.log) == 7
    assert cluster.log[-1].kind == "vanished"


def test_an_evicted_job_waits_again_and_starts_anew() -> None:
    """It gives its nodes to others, is not looked at for a while, and then has its whole length before it."""
    whole = ResourceRequest(3, 4, 0, 0)
    evicted = submission(0, created=0, request=whole, priority=3, eviction=Eviction(after=5, backoff=4))
    cluster = cluster_of([evicted, submission(1, created=1, request=whole)])
    seen = []
    for moment in (4, 6, 10, 18, 30, 31):
        cluster.advance(moment)
        job = next(job for job in cluster.jobs if job.submission is evicted)
        seen.append((job.waiting, job.status(moment), job.running_duration(moment)))
    assert seen == [
        (False, "Running", 2),
        (True, None, None),
        (True, None, None),
        (False, "Creating", None),
        (False, "Completed", 10),
        (False, "Completed", 10),
    ]
    assert [(event.at, event.kind) for event in cluster.log if event.uid == evicted.uid] == [
        (0, "created"),
        (0, "started"),
        (5, "requeued"),
        (17, "started"),
        (29, "finished"),
    ]


def test_an_evicted_job_is_held_back_though_there_is_room() -> None:
    """The scheduler looks at it only after the pause; nobody else is kept waiting by that."""
    evicted = submission(
        0, created=0, request=ResourceRequest(1, 4, 0, 0), eviction=Eviction(after=5, backoff=4)
    )
    cluster = cluster_of([evicted])
    cluster.advance(8.9)
    assert [job.submission.uid for job in cluster.queue] == [evicted.uid]
    cluster.advance(9)
    assert not cluster.queue

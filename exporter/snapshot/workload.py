"""One job of a pool, as the exporter understands it."""

from __future__ import annotations

import msgspec

TYPES = ("train", "infer", "notebook", "x-infer")
"""The documented types; an open set. Families that are zero-filled have all of these."""

WAITING = frozenset({"Queue", "Pending"})
FINISHED = frozenset({"Completed", "Terminated", "Failed"})
RUNNING = "Running"
TRANSIENT = ("Creating", "Abnormal", "Terminating")
"""Statuses that a workload should leave soon."""

STATUSES = (
    "Queue",
    "Pending",
    "Creating",
    "Running",
    "Abnormal",
    "Terminating",
    "Completed",
    "Terminated",
    "Failed",
)
"""The documented statuses; an open set. Families that are zero-filled have all of these."""

ACCELERATORS = ("nvidia.com/gpu", "huawei.com/ascend-310", "huawei.com/ascend-1980")
"""The documented accelerators; an open set. Families that are zero-filled have all of these."""

CPU = "cpu"
MEMORY = "memory"
RESOURCES = (CPU, MEMORY, *ACCELERATORS)
OTHER = "other"
"""Stands for what is not documented where there is too much of it, or where only a closed set will do."""

PRIORITIES = ("0", "1", "2", "3")
"""The priorities seen and documented; an open set. Higher runs first."""

UNKNOWN = "unknown"
"""Stands for a type or status that the API leaves out: the workload counts all the same."""

_WORDS = {word: word for word in (*TYPES, *STATUSES, UNKNOWN, OTHER)}


def shared(word: str) -> str:
    """A type or status, those that are documented each kept once.

    Not sys.intern: Python 3.12 never forgets a word that it was given, and both sets are open.
    """
    return _WORDS.get(word, word)


class Workload(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One workload of a pool's listing; None is "the API did not say".

    A msgspec.Struct because making one costs a fraction of a frozen dataclass, and a poll
    makes one for every workload.

    Attributes:
        uid: the Kubernetes uid; what identifies a workload.
        name: `modelarts-job-<job_uuid>` for training.
        job_name: the human name; not unique.
        job_uuid: the service's own id of the job.
        type: one of `TYPES`, or another.
        status: one of `STATUSES`, or another.
        flavor: the specification asked for.
        priority: a number as text; "" where not given.
        user: who created it; "" where not given.
        gvk: the Kubernetes group, version and kind.
        created: Unix seconds.
        pending: how long it has waited, or had waited before it started, in seconds.
        position: its place in the queue, as the API gives it: whether the first is 0 or 1 is unknown. None
            for the API's -1.
        running: how long it has run, in seconds.
        cpu_cores: requested.
        memory_bytes: requested.
        accelerators: requested cards by the accelerator's current name.
        nodes: how many nodes it runs on.
        sized: whether all that it requests is known: False where an amount is in no known form.
        in_status: seconds that it has been in its status, at least, for those of `TRANSIENT`: as watched, for
            the API does not say.
        estimated_start: seconds until it starts, as its pool's past suggests; no answer of the API's.
    """

    uid: str
    name: str = ""
    job_name: str = ""
    job_uuid: str = ""
    type: str = UNKNOWN
    status: str = UNKNOWN
    flavor: str = ""
    priority: str = ""
    user: str = ""
    gvk: str = ""
    created: float | None = None
    pending: float | None = None
    position: int | None = None
    running: float | None = None
    cpu_cores: float | None = None
    memory_bytes: float | None = None
    accelerators: tuple[tuple[str, float], ...] = ()
    nodes: int | None = None
    sized: bool = True
    in_status: float | None = None
    estimated_start: float | None = None

    @property
    def waiting(self) -> bool:
        """It has not been given its resources yet."""
        return self.status in WAITING

    @property
    def finished(self) -> bool:
        """It needs nothing any more."""
        return self.status in FINISHED

    @property
    def active(self) -> bool:
        """It needs resources, or will: every status that is not finished, known or not."""
        return self.status not in FINISHED

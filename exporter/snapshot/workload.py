"""A workload of a pool, and the documented values of its fields."""

from __future__ import annotations

import msgspec

TYPES = ("train", "infer", "notebook", "x-infer")
"""The documented types; others may occur. Zero-filled families have all of these."""

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
"""The documented statuses; others may occur. Zero-filled families have all of these."""

ACCELERATORS = ("nvidia.com/gpu", "huawei.com/ascend-310", "huawei.com/ascend-1980")
"""The documented accelerators; others may occur. Zero-filled families have all of these."""

CPU = "cpu"
MEMORY = "memory"
RESOURCES = (CPU, MEMORY, *ACCELERATORS)
OTHER = "other"
"""The label value for what has no label value of its own: undocumented values beyond the limit or outside a
closed set, and all users who are not shown by name."""

PRIORITIES = ("0", "1", "2", "3")
"""The documented priorities; others may occur. Higher runs first."""

UNKNOWN = "unknown"
"""The type or status of a workload for which the API gives none; the workload is counted like any other."""

_WORDS = {word: word for word in (*TYPES, *STATUSES, UNKNOWN, OTHER)}


def shared(word: str) -> str:
    """Replace a documented type or status by the one shared string for it; others stay as they are.

    Not with sys.intern: Python 3.12 keeps interned strings for ever, and undocumented values are unlimited.
    """
    return _WORDS.get(word, word)


class Workload(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One workload of a pool's listing. None means that the API did not say.

    A msgspec.Struct, because it is created for every workload in every poll, and a frozen dataclass takes
    several times as long.

    Attributes:
        uid: the Kubernetes uid, which identifies the workload.
        name: `modelarts-job-<job_uuid>` for training.
        job_name: the name that the user gave; not unique.
        job_uuid: the ID of the job in its service.
        type: one of `TYPES`, or another.
        status: one of `STATUSES`, or another.
        flavor: the requested specification.
        priority: a number as text; "" if not given.
        user: who created it; "" if not given.
        gvk: the Kubernetes group, version and kind.
        created: when it was created, in Unix time.
        pending: how long it has waited, or waited before it started, in seconds.
        position: its place in the queue as the API gives it; it is not known whether the first is 0 or 1.
            None for the API's -1.
        running: how long it has run, in seconds.
        cpu_cores: requested.
        memory_bytes: requested.
        accelerators: requested cards by the accelerator's current name.
        nodes: how many nodes it runs on.
        sized: whether its whole request is known; False if the format of an amount is not known.
        in_status: how long it has been in its status at least, in seconds; for `TRANSIENT` ones only. As
            observed by the exporter; the API does not say. None at the exporter's first look at the pool.
        estimated_start: seconds until it starts, estimated from the pool's history.
        reason: why it waits, one of `exporter.snapshot.waiting.REASONS`; "" if it does not, or as long as the
            capacity has not been looked at.
        wait_limit: seconds that it may wait, as configured.
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
    reason: str = ""
    wait_limit: float | None = None

    @property
    def rank(self) -> int | None:
        """Its priority as a number, to compare; None for one that is not documented."""
        return int(self.priority) if self.priority in PRIORITIES else None

    @property
    def waiting(self) -> bool:
        """Whether it waits for its resources."""
        return self.status in WAITING

    @property
    def finished(self) -> bool:
        """Whether it has ended and needs no resources."""
        return self.status in FINISHED

    @property
    def active(self) -> bool:
        """Whether it needs resources now or later: every status that is not finished, documented or not."""
        return self.status not in FINISHED

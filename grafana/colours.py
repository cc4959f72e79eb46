"""What a colour means. The same on every board: red hurts, green is well, blue is only a quantity."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

MINUTE, HOUR, DAY = 60, 3_600, 86_400

Steps = tuple[tuple[float | None, str], ...]
"""(from this value, colour); the first from None, which is minus infinity."""

PLAIN: Steps = ((None, "blue"),)
WAIT: Steps = ((None, "green"), (30 * MINUTE, "yellow"), (4 * HOUR, "orange"), (DAY, "red"))
DATA_AGE: Steps = ((None, "green"), (3 * MINUTE, "orange"), (5 * MINUTE, "red"))
"""A pool is listed every minute and loses its series after five, unless configured otherwise."""
NONE_IS_WELL: Steps = ((None, "green"), (1, "red"))
ONE_IS_WELL: Steps = ((None, "red"), (1, "green"))
BACKLOG: Steps = ((None, "green"), (0.5, "yellow"), (1, "orange"), (2, "red"))
"""Cards waited for, as a share of those in use."""
NONE_IS_BEST: Steps = ((None, "green"), (1, "yellow"))
STANDSTILL: Steps = ((None, "green"), (30 * MINUTE, "yellow"), (2 * HOUR, "orange"), (DAY, "red"))
OF_ALLOWED: Steps = ((None, "green"), (0.5, "yellow"), (1, "red"))
"""A wait, as a share of what `alerts.pending_after` allows."""
TIME_LEFT: Steps = ((None, "red"), (10 * MINUTE, "orange"), (HOUR, "green"))

STATUS = {
    "Queue": "orange",
    "Pending": "yellow",
    "Creating": "light-blue",
    "Running": "green",
    "Abnormal": "red",
    "Terminating": "purple",
    "Completed": "dark-green",
    "Failed": "dark-red",
    "Terminated": "dark-purple",
    "unknown": "text",
}
PHASE = {
    "Creating": "light-blue",
    "Running": "green",
    "Abnormal": "red",
    "Deleting": "purple",
    "Error": "dark-red",
}
NODES = {"available": "green", "creating": "light-blue", "abnormal": "red", "deleting": "purple"}
TYPE = {
    "train": "blue",
    "infer": "super-light-blue",
    "notebook": "semi-dark-purple",
    "x-infer": "light-purple",
}
ACCELERATOR = {
    "huawei.com/ascend-1980": "blue",
    "huawei.com/ascend-310": "purple",
    "nvidia.com/gpu": "super-light-blue",
}
"""Types and kinds are neither good nor bad."""
OUTCOME = {
    "ok": "green",
    "failed": "red",
    "incomplete": "yellow",
    "throttled": "orange",
    "timeout": "light-red",
    "connection": "purple",
    "tls": "dark-purple",
    "unauthorized": "dark-red",
    "forbidden": "red",
    "not_found": "dark-orange",
    "server_error": "semi-dark-red",
    "bad_response": "dark-yellow",
}
PRIORITY = {"priority 0": "blue", "priority 1": "green", "priority 2": "orange", "priority 3": "red"}
DEMAND = {"waiting": "orange", "running": "green", "capacity": "text"}
THROUGHPUT = {
    "submitted": "yellow",
    "started": "light-blue",
    "requeued": "orange",
    "completed": "dark-green",
    "failed": "dark-red",
    "terminated": "dark-purple",
    "vanished": "text",
}


def thresholds(steps: Steps) -> ThresholdsConfig:
    """The steps in Grafana's terms."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value, colour) for value, colour in steps])
    )

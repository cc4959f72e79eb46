"""How a run goes, and how the exporter is configured in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.soak.world import FOUND, STAYING, USER

if TYPE_CHECKING:
    from pathlib import Path

    from tools.soak.world import World

HOUR = 3600.0
_LIST_INTERVALS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """How the run goes. Everything but `seconds` is in the fast clock's time.

    Attributes:
        seconds: real ones, from the start to the end of churn.
        speed: of the clock.
        interval: between two polls of a pool.
        trouble: how long each lasts, from and to.
        quiet: between two troubles.
        reload: between two reloads.
        turnover: between two deletions of a pool.
        rotation: between two keys.
        look: real seconds between two samples.
        settling: polls of every pool before troubles begin, and twice after the last one.
        patience: until every pool must be read again after a trouble.
        seed: of everything that is drawn.
    """

    seconds: float
    speed: float = 672.0
    interval: float = 300.0
    trouble: tuple[float, float] = (0.5 * HOUR, 1.6 * HOUR)
    quiet: float = 2 * HOUR
    reload: float = 3 * HOUR
    turnover: float = 8 * HOUR
    rotation: float = 12 * HOUR
    look: float = 5.0
    settling: int = 8
    patience: float = 6 * HOUR
    seed: int = 1

    @property
    def stale_after(self) -> float:
        """Seconds, as configured."""
        return 6 * self.interval

    @property
    def grace(self) -> float:
        """Seconds in which a deleted pool is found out: the last trouble may have made the exporter wait."""
        return HOUR + 2 * _LIST_INTERVALS * self.interval


def configuration(plan: Plan, world: World, endpoint: str, folder: Path, turn: int) -> dict[str, object]:
    """The exporter's configuration: another one each turn; one in seven is bad.

    Args:
        plan: of the run.
        world: whose pools to watch.
        endpoint: of the cloud.
        folder: with the keys, and where the state goes.
        turn: counted from 0.
    """
    common = {"region": "cn-north-4", "endpoint": endpoint, "iam_endpoint": endpoint}
    keys = {"ak_file": str(folder / "ak"), "sk_file": str(folder / "sk")}
    login = {"username": USER.name, "password": USER.password, "domain": USER.domain}
    pools = [pool.profile.id for pool in world.staying]
    return {
        "poll": {
            "interval": f"{plan.interval:g}s",
            "timeout": "1s",  # a real one
            "stale_after": f"{plan.stale_after:g}s",
            "requests_per_second": 10,
            "cross_check": ("always", "paged", "off")[turn % 3],
        },
        "workloads": {
            "series": "all",
            "limit": 10_000,
            "user_metrics": turn % 2 == 0,
            "estimates": turn % 4 < 2,
        },
        "capacity": {
            "read": ("nodes", "pools", "none")[turn % 5 % 3],
            "interval": f"{2 * plan.interval:g}s",
        },
        "state": {"path": str(folder / "state.db")},
        "projects": [
            {**common, "project_id": STAYING, "pools": pools, "credentials": keys},
            {**common, "project_id": FOUND, "discover": {}, "credentials": login},
        ],
        **({"pol": {}} if turn % 7 == 6 else {}),
    }

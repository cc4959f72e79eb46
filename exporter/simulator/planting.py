"""Which request meets which fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.simulator.faults import Fault


@dataclass(slots=True)
class _Planted:
    fault: Fault
    endpoint: str | None
    pool: str | None
    skip: int
    times: float

    def meets(self, endpoint: str, pool: str) -> bool:
        return self.times > 0 and self.endpoint in {None, endpoint} and self.pool in {None, pool}


class Faults:
    """The faults that wait for requests; the one owner of that state."""

    def __init__(self) -> None:
        self._planted: list[_Planted] = []

    def plant(
        self,
        fault: Fault,
        *,
        endpoint: str | None = None,
        pool: str | None = None,
        skip: int = 0,
        times: float = float("inf"),
    ) -> None:
        """Let a fault meet requests.

        Args:
            fault: what goes wrong.
            endpoint: a route's name (workloads, statistics, runtime, pools, nodes, token, ...); None for all.
            pool: a pool's ID; None for all, and for endpoints without one.
            skip: so many matching requests go well before.
            times: so many requests meet it then; for good if not given.
        """
        self._planted.append(_Planted(fault, endpoint, pool, skip, times))

    def clear(self) -> None:
        """Let everything go well again."""
        self._planted.clear()

    def meet(self, endpoint: str, pool: str) -> Fault | None:
        """The fault that a request meets: the one planted first of those that are due."""
        for planted in self._planted:
            if planted.meets(endpoint, pool):
                if planted.skip == 0:
                    planted.times -= 1
                    return planted.fault
                planted.skip -= 1
        return None

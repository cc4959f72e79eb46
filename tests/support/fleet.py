"""Exporters that share a simulated cloud's pools, each as it would be in a process of its own."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.app.process import Process
from exporter.app.wiring import Pollers, build_exposition
from exporter.credentials.lockout import Lockout
from exporter.lifecycle.tracker import Tracker
from exporter.settings.load import load
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator
from support.cloud import KEY, PROJECT, REGION, jobs
from support.fakes import FakeClock, fake_context
from support.fixed_pool import FixedPool

if TYPE_CHECKING:
    from exporter.polling.project import ProjectResult
    from exporter.settings.model import Settings


class StoodStill(FakeClock):
    """Whoever waits goes on at once, and the date stays what it is."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        self.set_ahead(-max(seconds, 0.0))


def pool_id(index: int) -> str:
    return f"pool-{index:04}-0123456789abcdef0123456789abcdef"


def cloud_of_pools(clock: FakeClock, count: int) -> Simulator:
    """A project with so many pools; the queue of each is another."""
    kinds = [jobs(index % 4, priority=str(index % 3)) for index in range(12)]
    running = jobs(2, status="Running", runningDuration=60)
    pools = [
        FixedPool(Profile(pool_id(index), name=f"Pool {index}"), kinds[index % 12] or running)
        for index in range(count)
    ]
    return Simulator(clock, {PROJECT: pools}, keys=[KEY])


def project_settings(endpoint: str, **project: Any) -> dict[str, Any]:
    credentials = {"ak": KEY.ak, "sk": KEY.sk}
    chosen = {"discover": {}} | project if "pools" not in project else project
    return {
        "region": REGION,
        "project_id": PROJECT,
        "endpoint": endpoint,
        "credentials": credentials,
        **chosen,
    }


@dataclass
class Exporter:
    """One of them, after a poll of everything.

    Attributes:
        rounds: what the poll came to, by project.
        text: its exposition.
    """

    rounds: list[ProjectResult]
    text: str

    @property
    def pools(self) -> set[str]:
        return {state.key.pool for round_ in self.rounds for state in round_.states}

    @property
    def elsewhere(self) -> int:
        return sum(round_.elsewhere for round_ in self.rounds)

    @property
    def of_pools(self) -> Counter[str]:
        """Every sample of a pool or workload, as it stands in the text."""
        return Counter(line for line in self.text.splitlines() if ',pool="' in line)

    def own(self, name: str) -> list[str]:
        """The samples of one of its own metrics."""
        name = f"modelarts_exporter_{name}"
        return [line for line in self.text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]


def settings_of(*projects: dict[str, Any], **shard: int) -> Settings:
    return load(
        None,
        {},
        {
            "poll.requests_per_second": 1e9,
            "workloads.series": "all",
            **{f"shard.{key}": value for key, value in shard.items()},
            "projects": json.loads(json.dumps(projects)),
        },
    )


def process_of(clock: FakeClock) -> Process:
    """What lives as long as the process, without threads and files."""
    context = fake_context(clock)
    return Process(
        context=context,
        tracker=Tracker(context),
        lockout=Lockout(clock),
        environment={},
        home=Path("nowhere"),
    )


async def polled(clock: FakeClock, *projects: dict[str, Any], **shard: int) -> Exporter:
    """An exporter that has polled every pool of its share once."""
    settings = settings_of(*projects, **shard)
    process = process_of(clock)
    renderer, exposition = build_exposition(settings, process)
    async with await Pollers.open(settings, process) as pollers:
        rounds = [await project.once() for project in pollers.projects]
    await renderer.catch_up()
    return Exporter(rounds, b"".join(await exposition.scrape()).decode())

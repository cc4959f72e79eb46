"""The daemon as `modelarts-exporter` composes it, in this loop and its time, and what it serves."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
from support.fakes import fake_context

from exporter.app.process import Process
from exporter.cli.run import run
from exporter.credentials.lockout import Lockout
from exporter.lifecycle.tracker import Tracker
from exporter.settings.load import load
from tools.faults.network import Directory
from tools.faults.world import (
    IAM,
    MODELARTS,
    OTHER_KEY,
    OTHER_MODELARTS,
    OTHER_PROJECT,
    PROJECT,
    USER,
    A,
    B,
    C,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from tools.faults.fault import Fault
    from tools.faults.world import World

_SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
_EXPLANATION = re.compile(r'class="why".*?<p>(.*?)</p>', re.DOTALL)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Scrape:
    """The samples of one scrape.

    Read by hand: prometheus_client's parser takes longer than all the polls together.
    """

    def __init__(self, text: str) -> None:
        self._samples: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for name, labels, value in _SAMPLE.findall(text):
            self._samples[name].append((dict(_LABEL.findall(labels)), float(value)))

    def by(self, label: str, name: str, **labels: str) -> Mapping[str, float]:
        """The values of the samples with these labels, by another label."""
        return {
            having[label]: value for having, value in self._samples[name] if labels.items() <= having.items()
        }

    def sum(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with these labels; None where there is none."""
        values = [value for having, value in self._samples[name] if labels.items() <= having.items()]
        return sum(values) if values else None


class Watched:
    """A running daemon, seen from outside."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def scrape(self, names: Iterable[str]) -> Scrape:
        """These series, as Prometheus would get them."""
        async with self._session.get(
            f"{self._url}/metrics", params=[("name[]", name) for name in names]
        ) as answer:
            assert answer.status == 200
            return Scrape(await answer.text())

    async def explanations(self) -> list[str]:
        """What the status page says is wrong, one sentence for each pool."""
        async with self._session.get(self._url) as answer:
            assert answer.status == 200
            return _EXPLANATION.findall(await answer.text())

    async def healthy(self) -> bool:
        async with self._session.get(f"{self._url}/-/healthy") as answer:
            return answer.status == 200


@asynccontextmanager
async def daemon_of(world: World, fault: Fault) -> AsyncIterator[Watched]:
    """The daemon on a world, configured as the fault wants it; everything else as it comes."""
    config = world.folder / "exporter.yml"
    config.write_text(json.dumps({"projects": _projects(world.folder, fault)}))  # JSON is YAML
    reread = partial(load, config, {}, {"web.listen_address": ["127.0.0.1:0"]})
    context = fake_context(world.machine)
    process = Process(
        context=context,
        tracker=Tracker(context),
        lockout=Lockout(world.machine),
        environment={},
        home=world.folder,
        resolver=Directory(world.network),
    )
    listening: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(run(reread(), reread, process, listening.set_result))
    try:
        await asyncio.wait((running, listening), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        [url] = listening.result()
        async with aiohttp.ClientSession() as session:
            yield Watched(url, session)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def _projects(folder: Path, fault: Fault) -> list[dict[str, Any]]:
    credentials: dict[str, dict[str, Any]] = {
        "key": {"ak_file": str(folder / "ak"), "sk_file": str(folder / "sk")},
        "password": {"username": USER.name, "password": USER.password, "domain": USER.domain},
        "agency": {"agency": True},
    }
    ca_file = {"ca_file": str(folder / "ca.pem")}
    return [
        {
            "region": "cn-north-4",
            "project_id": PROJECT,
            "credentials": credentials[fault.credentials],
            **({"discover": {}} if fault.discover else {"pools": [A, B]}),
            "endpoint": f"https://{MODELARTS}",
            "iam_endpoint": f"https://{IAM}",
            **ca_file,
        },
        {
            "region": "cn-south-1",
            "project_id": OTHER_PROJECT,
            "credentials": {"ak": OTHER_KEY.ak, "sk": OTHER_KEY.sk},
            "pools": [C],
            "endpoint": f"https://{OTHER_MODELARTS}",
            **ca_file,
        },
    ]

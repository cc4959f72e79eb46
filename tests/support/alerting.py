"""Alertmanager as a real process with deploy/alertmanager, and everybody whom it tells, for tests."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import yaml
from aiohttp import web

from support.programs import program
from support.running import listening
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

DEPLOY = Path(__file__).parents[2] / "deploy"
TOKEN = "on-call-token"
_SECONDS = 60
"""More than anything here takes, less than pytest's own limit."""


@dataclass(frozen=True, slots=True)
class Message:
    """What Alertmanager has sent.

    Attributes:
        at: when it arrived, Unix seconds.
        receiver: the receiver's name.
        form: webhook or chat.
        authorization: the header; empty where there is none.
        body: the JSON.
    """

    at: float
    receiver: str
    form: str
    authorization: str
    body: dict[str, Any]

    def alert(self, status: str, **labels: str) -> dict[str, Any] | None:
        """The alert in it with that status and those labels."""
        for alert in self.body.get("alerts", ()):
            if alert["status"] == status and labels.items() <= alert["labels"].items():
                found: dict[str, Any] = alert
                return found
        return None


class Inbox:
    """Takes everything that Alertmanager sends.

    Attributes:
        url: where; `URL/RECEIVER/FORM` for each form of each receiver.
        messages: what has arrived.
    """

    def __init__(self) -> None:
        self.url = ""
        self.messages: list[Message] = []
        self._arrived = asyncio.Condition()

    async def first(self, wanted: Callable[[Message], Any]) -> Message:
        """The first message that is wanted, once it is there.

        Raises:
            TimeoutError: it does not come.
        """
        async with asyncio.timeout(_SECONDS), self._arrived:
            while True:
                for message in self.messages:
                    if wanted(message):
                        return message
                await self._arrived.wait()

    async def take(self, request: web.Request) -> web.Response:
        """Note one."""
        message = Message(
            time.time(),
            request.match_info["receiver"],
            request.match_info["form"],
            request.headers.get("Authorization", ""),
            await request.json(),
        )
        async with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()
        return web.Response(text="ok")


@asynccontextmanager
async def open_inbox() -> AsyncIterator[Inbox]:
    """An inbox on loopback."""
    inbox = Inbox()
    application = web.Application(client_max_size=2**24)
    application.router.add_post("/{receiver}/{form}", inbox.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        inbox.url = f"http://{host}:{port}"
        yield inbox
    finally:
        await runner.cleanup()


class Alertmanager:
    """A running Alertmanager, asked over its API."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def post(self, alerts: Sequence[dict[str, Any]]) -> None:
        """Tell it of alerts, as Prometheus does."""
        async with self._session.post(f"{self.url}/api/v2/alerts", json=alerts) as answer:
            assert answer.status == 200, await answer.text()

    async def muted(self) -> set[str]:
        """The label `id` of the alerts that others inhibit."""
        async with self._session.get(f"{self.url}/api/v2/alerts") as answer:
            alerts = await answer.json()
        return {alert["labels"]["id"] for alert in alerts if alert["status"]["inhibitedBy"]}

    async def muting(self, alerts: set[str]) -> set[str]:
        """All that are inhibited, once these are."""
        async with asyncio.timeout(_SECONDS):
            return await until(self.muted, alerts.issubset)


@asynccontextmanager
async def running_alertmanager(inbox: Inbox, folder: Path) -> AsyncIterator[Alertmanager]:
    """Alertmanager with deploy/alertmanager, but the inbox is every receiver and nothing is waited for."""
    config = _telling(inbox, folder)
    flags = (f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}")
    command = (program("prometheus-alertmanager"), *flags, "--cluster.listen-address=")
    async with listening(*command) as url, aiohttp.ClientSession() as session:
        yield Alertmanager(url, session)


def _telling(inbox: Inbox, folder: Path) -> Path:
    """Routes, grouping, inhibition and templates stay as they are."""
    shutil.copytree(DEPLOY / "alertmanager", folder, dirs_exist_ok=True)
    config = folder / "alertmanager.yml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    (folder / "token").write_text(TOKEN)
    for receiver in settings["receivers"]:
        url = f"{inbox.url}/{receiver['name']}"
        webhook = receiver.setdefault("webhook_configs", [{}])[0]
        webhook["url"] = f"{url}/webhook"
        if "http_config" in webhook:
            webhook["http_config"]["authorization"]["credentials_file"] = str(folder / "token")
        for number, chat in enumerate(receiver["slack_configs"]):
            address = folder / f"{receiver['name']}-{number}"
            address.write_text(f"{url}/chat")
            chat["api_url_file"] = str(address)
    for route in (settings["route"], *settings["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    config.write_text(yaml.safe_dump(settings))
    return config

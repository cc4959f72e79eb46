"""Reloads that come together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from support.fleet import process_of, project_settings, settings_of

from exporter.app.daemon import Daemon
from exporter.common.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.fakes import FakeClock

    from exporter.settings.model import Settings

SETTINGS = settings_of(project_settings("http://127.0.0.1:9"))


class Configuration:
    """The file: how often it was read; something may happen at a read."""

    def __init__(self) -> None:
        self.read = 0
        self.bad = False

    def __call__(self) -> Settings:
        self.read += 1
        if self.bad:
            raise ConfigurationError(Problem("poll.interval", "is wrong"))
        return SETTINGS


@pytest.fixture
def configuration() -> Configuration:
    return Configuration()


@pytest.fixture
async def daemon(clock: FakeClock, configuration: Configuration) -> AsyncIterator[Daemon]:
    daemon = Daemon(SETTINGS, configuration, process_of(clock))
    yield daemon
    await close(daemon)


async def close(daemon: Daemon) -> None:
    """Nobody runs the pollers, so nobody else closes them."""
    if daemon.pollers is not None:
        await daemon.pollers.close()


async def test_reloads_that_wait_are_one(daemon: Daemon, configuration: Configuration) -> None:
    """One runs, which began before the change; all others are one more, which sees it."""
    async with daemon._reloading:  # one that runs
        waiting = [asyncio.create_task(daemon.reload()) for _ in range(200)]
        await asyncio.sleep(0)
        assert configuration.read == 0
    await asyncio.gather(*waiting)
    assert configuration.read == 1
    await close(daemon)
    await daemon.reload()
    assert configuration.read == 2


async def test_all_who_wait_learn_what_is_wrong(daemon: Daemon, configuration: Configuration) -> None:
    """A bad configuration is read once, and each of them gets the reasons."""
    configuration.bad = True
    results = await asyncio.gather(*(daemon.reload() for _ in range(20)), return_exceptions=True)
    assert [str(result) for result in results] == ["poll.interval: is wrong"] * 20
    assert configuration.read == 1


async def test_a_client_that_goes_away_ends_nobodys_reload(
    daemon: Daemon, configuration: Configuration
) -> None:
    """Its request is cancelled; the reload goes on for the others."""
    first, second = asyncio.create_task(daemon.reload()), asyncio.create_task(daemon.reload())
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert (first.cancelled(), configuration.read) == (True, 1)

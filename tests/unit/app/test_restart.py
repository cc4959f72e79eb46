"""Settings that only a new start can change."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from structlog.testing import capture_logs
from support.fleet import process_of, project_settings

from exporter.app.daemon import Daemon
from exporter.settings.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.fakes import FakeClock

    from exporter.settings.model import Settings


def _configured(changed: Mapping[str, object] = MappingProxyType({})) -> Settings:
    return load(None, {}, {"projects": [project_settings("http://127.0.0.1:1")], **changed})


async def test_what_waits_for_a_restart_is_told_until_it_is_set_back(clock: FakeClock) -> None:
    """Each reload compares with what runs, not with the reload before it."""
    written: list[Settings] = [_configured()]
    daemon = Daemon(written[0], lambda: written[-1], process_of(clock))

    async def told(settings: Settings) -> list[str]:
        written.append(settings)
        with capture_logs() as logs:
            await daemon.reload()
        assert daemon.pollers
        await daemon.pollers.close()
        return [name for line in logs if line["log_level"] == "warning" for name in line["settings"]]

    changed = _configured({"web.max_requests": "5", "log.level": "debug", "poll.interval": "2s"})
    assert await told(_configured()) == []
    assert await told(changed) == ["web.max_requests", "log.level"]
    assert await told(changed) == ["web.max_requests", "log.level"]
    assert await told(_configured({"web.max_requests": "5"})) == ["web.max_requests"]
    assert await told(_configured()) == []

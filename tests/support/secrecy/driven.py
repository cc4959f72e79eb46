"""`modelarts-exporter`, changed for a test: `python -m support.secrecy.driven CHANGE,CHANGE FLAG...`.

`slow`: asyncio counts every callback as too slow, and tells of it as its debug mode does.
`agency=URL`: the machine's metadata service is there.
`break=PLACE`: what is at this place raises, with every secret in local variables.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import base_events
from importlib import import_module
from typing import Any, NoReturn

from exporter.cli.main import main
from exporter.credentials.ecs_agency import EcsAgency
from support.secrecy.canaries import CANARIES

PLACES = {
    "transport": ("exporter.transport.http", "HttpTransport.send"),
    "login": ("exporter.credentials.iam", "IamLogin.issue"),
    "signing": ("exporter.credentials.authenticator", "signed_headers"),
    "poller": ("exporter.polling.pool", "PoolPoller.poll"),
    "renderer": ("exporter.metrics.renderer", "render_pool"),
    "page": ("exporter.web.status", "render_page"),
    "metrics": ("exporter.metrics.exposition", "Exposition.scrape"),
    "gate": ("exporter.web.basic_auth", "PasswordCheck.admits"),
}


def failing(*_arguments: Any, **_named: Any) -> NoReturn:
    secrets = dict(CANARIES)
    message = f"made to fail among {len(secrets)} secrets"
    raise RuntimeError(message)


def failing_aside(*arguments: Any, **_named: Any) -> NoReturn:
    """And in a task that nobody asks for its end, as well."""

    async def forgotten() -> None:
        failing(*arguments)

    asyncio.get_running_loop().create_task(forgotten())
    failing(*arguments)


def change(what: str) -> None:
    name, _, value = what.partition("=")
    match name:
        case "slow":
            always = property(lambda _: 0.0, lambda _loop, _seconds: None)
            base_events.BaseEventLoop.slow_callback_duration = always  # type: ignore[assignment]
        case "agency":
            EcsAgency.__init__.__defaults__ = (value,)
        case "break":
            module, path = PLACES[value]
            owner: Any = import_module(module)
            *above, last = path.split(".")
            for part in above:
                owner = getattr(owner, part)
            getattr(owner, last)  # it is there
            setattr(owner, last, failing_aside if value == "metrics" else failing)


if __name__ == "__main__":
    for each in filter(None, sys.argv[1].split(",")):
        change(each)
    sys.exit(main(sys.argv[2:]))

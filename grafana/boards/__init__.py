"""All dashboards."""

from __future__ import annotations

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.boards import exporter, fleet, jobs, pool

_BOARDS = (fleet, pool, jobs, exporter)


def documents() -> dict[str, str]:
    """The dashboards as Grafana imports them: file name -> JSON."""
    made = (module.dashboard() for module in _BOARDS)
    return {
        f"{board.uid}.json": json.dumps(board, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"
        for board in made
    }

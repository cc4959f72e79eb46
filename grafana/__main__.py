"""Write the dashboards: `python -m grafana`."""

from __future__ import annotations

from pathlib import Path

from grafana.boards import documents

DASHBOARDS = Path(__file__).parent / "dashboards"

if __name__ == "__main__":
    for name, text in documents().items():
        (DASHBOARDS / name).write_text(text, encoding="utf-8")

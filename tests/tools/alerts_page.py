"""docs/alerts.md, made from the rules in deploy/prometheus/rules: `make docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = Path(__file__).parents[2] / "deploy/prometheus/rules"

_INTRODUCTION = """\
# Alerts

Made from `deploy/prometheus/rules/` by `make docs`; do not edit.

The name of each alert links to its runbook: what it means, how to confirm it, what to do.

| severity | meaning |
|---|---|
| `page` | wakes somebody up |
| `ticket` | waits for the morning |
| `info` | for whoever looks |

An alert fires when its expression has held for the time under "for". Words in *italics* are filled in when it
fires.

## Set up

[deploy/prometheus/prometheus.yml](../deploy/prometheus/prometheus.yml) scrapes the exporter and loads the
rules. The scrape job must be called `modelarts`: the alerts on the exporter itself select it by name. The
rules were tested with Prometheus 2.42 and 3.5. To test them yourself:

    promtool test rules deploy/prometheus/tests/*.yml

How long a workload may wait is the exporter's setting
[`alerts.pending_after`](configuration.md#how-long-a-workload-may-wait), by type, priority and pool. No
expression has to be edited. The links in the alerts lead to `localhost`;
[the runbooks' index](runbooks/README.md#links) says how to change that.

[deploy/alertmanager/alertmanager.yml](../deploy/alertmanager/alertmanager.yml) is an example for Alertmanager
0.25 and later. Replace the addresses of the receivers; secrets are read from files.

- `page` goes to the on-call service and the chat, `ticket` and `info` go to the chat. One message covers one
  pool.
- Consequences are muted. If no exporter answers, everything else is muted. If a pool cannot be read, other
  alerts on it are muted, except what the cloud says of the pool itself. If a workload pages, its tickets are
  muted.
- The [message](../deploy/alertmanager/modelarts.tmpl) shows one alert in full, and the first five of many:

      [FIRING 51] pool-train-0123...: several alerts
      *ModelArtsWorkloadWaitsTooLong* https://.../ModelArtsWorkloadWaitsTooLong.md
      • pretrain-moe (train) has waited for 30d 0h 0m 0s in pool-train-0123...
      • ...
      … and 45 more
"""

_TITLES = {"workloads": "Workloads and queues", "pools": "Reading the pools", "exporter": "The exporter"}


def page() -> str:
    """The page, in Markdown."""
    return "\n".join((_INTRODUCTION, *(line for name in _TITLES for line in _section(name))))


def _section(name: str) -> Iterator[str]:
    document = yaml.safe_load((RULES / f"{name}.yml").read_text(encoding="utf-8"))
    alerts = [rule for group in document["groups"] for rule in group["rules"]]
    yield f"## {_TITLES[name]}\n"
    yield "| alert | severity | for | message |"
    yield "|---|---|---|---|"
    yield from map(_row, alerts)
    yield "\n<details>\n<summary>Expressions</summary>\n"
    for alert in alerts:
        yield f"{alert['alert']}:\n\n```promql\n{alert['expr'].strip()}\n```\n"
    yield "</details>\n"


def _row(alert: dict[str, Any]) -> str:
    name, notes = alert["alert"], alert["annotations"]
    runbook = notes["runbook_url"].rpartition("/")[2]
    cells = (
        f"[{name}](runbooks/{runbook})",
        alert["labels"]["severity"],
        alert["for"],
        _plain(notes["summary"]),
    )
    return f"| {' | '.join(cells)} |"


def _plain(template: str) -> str:
    """A message without its template's actions: labels and the value by name, else-branches as they are.

    Raises:
        ValueError: it has an action that is not known here.
    """
    text = re.sub(r"{{ with .*? }}.*?{{ else }}(.*?){{ end }}", r"\1", template)
    text = re.sub(r"{{ \$labels\.(\w+) }}", r"*\1*", text)
    text = re.sub(r"{{ \$value(?: \| .*?)? }}", "*value*", text)
    if "{{" in text:
        raise ValueError(f"an action that is not known here: {template}")
    return text


if __name__ == "__main__":
    sys.stdout.write(page())

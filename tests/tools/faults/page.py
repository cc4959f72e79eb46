"""What was measured -> `docs/faults.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.faults.world import A, B, C

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.faults.fault import Fault
    from tools.faults.watching import Measured

_INTRODUCTION = """\
# What a fault looks like, and when it is over

Every line of this page was measured. The running daemon polled a simulated cloud in virtual time, and one
fault at a time was injected. `make faults` writes this page; a test fails if it differs from what is
measured. The daemon watches pools A and B of one project, and pool C of another project in another region,
with other keys. All settings have their defaults: `poll.interval` 60 s, `poll.timeout` 10 s,
`poll.stale_after` 5 min.

- **Meanwhile**: what `/metrics` shows of the affected pools, with the label `outcome` of
  `modelarts_exporter_polls_total`. The status page adds a sentence with advice. A pool that is down keeps
  the figures of its last good listing until they are stale (`figures kept 5 min`). After that it has none:
  it never shows 0 or wrong figures. `modelarts_pool_last_success_timestamp_seconds` tells their age.
  `/-/healthy` stays 200.
- **Go on**: the pools that are not affected.
- **Requests**: all requests to the project's cloud, with retries and with those that did not reach it. In
  brackets: the requests in the same time without a fault.
- **Refused**: the most refusals (401) of one key or user in a row within 5 minutes. The cloud locks a key
  at 6.
- **Well again**: the time from the end of the fault until every pool is up with the right figures. Each
  pool is polled once a minute, so up to 63 s of it are the wait for the next poll.
"""

_CLOSE = """\
A full disk under `state.path` stops nothing: pools are polled and shown as usual. After a restart, counters
begin at 0. `modelarts_exporter_state_writes_total{outcome="failed"}` counts the failed writes, and the first
poll after there is room again writes everything. A state file that is deleted or replaced fails one write,
and is made anew ([throughput.md](throughput.md#over-a-restart)). `tests/system/test_processes.py` tests
this with a real process, and SIGSTOP and SIGCONT too.

A log that cannot be written or that nobody reads (a full disk, a pipe without a reader, a stalled one) stops
nothing either. Its lines are lost, `modelarts_exporter_log_lines_dropped_total` counts them, and one line in
the log says how many as soon as it can be written again (`tests/system/test_log_stream.py`).
"""

_HEAD = """\
| fault | lasts | meanwhile | go on | requests (usual) | refused | well again |
|---|---:|---|---|---:|---:|---:|
"""


def page(groups: Mapping[str, Mapping[str, str]]) -> str:
    """The page.

    Args:
        groups: by title, the rows by the fault's name.
    """
    tables = (f"## {title}\n\n{_HEAD}{''.join(rows.values())}" for title, rows in groups.items())
    return "\n".join((_INTRODUCTION, *tables, _CLOSE))


def row(fault: Fault, found: Measured) -> str:
    """A fault's line."""
    cells = (
        fault.name,
        f"{fault.minutes} min" if fault.minutes else "",
        _meanwhile(fault, found),
        _going_on(fault),
        f"{found.requests} ({found.usual})",
        str(found.refused or ""),
        "at once" if not found.recovery else _duration(found.recovery),
    )
    return f"| {' | '.join(cells)} |\n"


def _meanwhile(fault: Fault, found: Measured) -> str:
    outcomes = ", ".join(f"`{outcome}`" for outcome in sorted(found.outcomes))
    match fault.shown:
        case "well":
            return "all is well"
        case "gone":
            return (
                "down, `not_found`, until two lists of the project's pools in a row lack it; then no series"
            )
        case "short":
            return f"up, `listing_complete` 0, {outcomes}"
        case _ if not fault.minutes:
            return "no answer to scrapes"
        case _:
            kept = f"figures kept {found.kept} min" if found.kept else "figures kept"
            return f"down, {outcomes}; {kept}"


def _going_on(fault: Fault) -> str:
    hit = () if fault.shown == "well" else fault.hits
    return ", ".join(name for name, pool in (("A", A), ("B", B), ("C", C)) if pool not in hit)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

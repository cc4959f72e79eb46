"""Prometheus exporter for the workload queues of Huawei Cloud ModelArts dedicated resource pools.

The data's way through the program, one folder a station, always in this direction:

    settings      what the operator wrote, checked           -> Settings
    credentials   who asks, and the request's signature      -> headers
    api           the cloud's answers, understood            -> Listing
    throughput    one listing compared with the last         -> what got through
    polling       when which pool is asked                   -> PoolState
    snapshot      what is known of every pool, immutable     -> SnapshotStore
    metrics       one declared entry per family, rendered    -> bytes
    web           the bytes, served

The fetching side (api, throughput, polling) and the serving side (metrics, web) meet only in the snapshot
store.
"""

import sys

# structlog takes rich along wherever that is installed: 5 MiB of the daemon's memory, for tracebacks that are
# not shown. Only `check` draws with it; exporter.commands lets it in.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # how Python marks what must not be imported

__version__ = "0.1.0"

"""Prometheus exporter for the workload queues of Huawei Cloud ModelArts dedicated resource pools.

The way of the data, one folder per station. An arrow is what is handed on:

    settings      reads and checks what the operator wrote
       | Settings
       v
    app           builds everything below from the settings; `cli` starts it

    polling       decides when which pool is asked
       | asks
       v
    api           knows the requests, and what the answers mean
       | Request
       v
    credentials   signs the request
       | signed Request
       v
    transport     sends it, and receives the answer within time and size limits
       |
       | Response, back up to api, which makes a Listing of it for polling
       v
    lifecycle     compares the listing with the ones before: started, finished, requeued
       |
       | Listing and Throughput, back to polling, which makes the pool's new PoolState of them
       v
    waiting       finds why each workload waits, from the listing, the capacity and the nodes
       | PoolState with the reasons
       v
    snapshot      the SnapshotStore: the newest PoolState of every pool, immutable
       | PoolState
       v
    metrics       renders the text of a pool, once per poll
       | bytes
       v
    web           serves it

The fetching side (polling, api, credentials, transport, lifecycle, waiting) and the serving side (metrics,
web) meet only in the snapshot store. Beside the way:

    context       clock, worker, self metrics, snapshot store: what almost every part needs
    self_metrics  what the exporter counts about itself
    common        helpers that import nothing of ours
    simulator     a simulated ModelArts, for the demo and the tests
    recording     records the cloud's answers without names, and replays them

`lint-imports` checks which folder may import which (pyproject.toml).
"""

__version__ = "0.1.0"

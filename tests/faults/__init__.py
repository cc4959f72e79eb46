"""Every fault that a night may bring, against the running daemon, and `docs/faults.md` made of what was measured.

The data's way, one module a station:

    network      names and addresses of the cloud -> real sockets on loopback
    world        two clouds, three pools, the keys          what can be broken
    catalogue    one entry per fault: how it happens        and what is expected of it
    watching     the daemon as `modelarts-exporter` composes it, scraped all the while -> Measured
    page         -> docs/faults.md                          `make faults`

`network`, `world` and `catalogue` know nothing of the exporter: a fault can be let loose on any simulator.
"""

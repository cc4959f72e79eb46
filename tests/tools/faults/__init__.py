"""Every fault that a night may bring, against the running daemon; what was measured makes `docs/faults.md`.

The data's way, one module a station:

    network      names and addresses of the cloud -> real sockets on loopback
    world        two clouds, three pools, the keys          what can be broken
    happenings   how each fault begins and ends
    catalogue    one `fault` each: how it happens, and what is expected of the exporter
    daemon       as `modelarts-exporter` composes it, scraped
    watching     a fault let loose on it                    -> Measured
    page         -> docs/faults.md                          `make faults`

All but `daemon` and `watching` know nothing of the exporter: a fault can be let loose on any simulator.
"""

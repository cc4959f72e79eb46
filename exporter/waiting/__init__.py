"""Why workloads wait. Pure: a pool's state in, the reasons out.

analysis     a pool's state          -> `Waiting`: every waiting workload's reason, and the pool's figures
room         a pool's state          -> `Room`: what the pool has, at most and free
reasons      a request and the room  -> its reason; the order of the queue -> who is behind whom
strategies   a queue strategy        -> what it means, as configured
"""

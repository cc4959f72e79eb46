"""What happens to a pool's workloads: each listing is compared with what is remembered of those before it.

tracker        owns what is remembered, and decides when a pool is forgotten
pool_history   what is remembered of one pool
transitions    two listings -> events: created, started, finished, requeued
counting       events -> counters and durations
overtaking     who was overtaken by workloads of lower priority
queue_stats    the head of the queue, estimated starts, time in a status
persistence    writes to the state file, and survives a broken disk
state_db       the state file: what it holds, and whether it is still there
state_file     opens it: SQLite, tables, versions
state_claim    which exporter has it, and whether it is up to date
codec          a pool's history as JSON, for the state file
"""

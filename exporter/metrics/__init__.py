"""Snapshots -> exposition bytes. A pool is rendered once per poll; the pools are joined once per change.

families        every metric of pools and workloads: name, help, labels, value
groups          the table of all families
summary         a listing -> figures by type, status, user
thresholds      how long workloads may wait, by configuration
pool_text       a pool's state -> its text
workload_cache  the text of single workloads, reused from poll to poll
format          the syntax of the formats
sections        headers and chunks of the exposition
renderer        keeps the text of all pools up to date
exposition      the text of all pools and the self metrics -> one scrape
docs            docs/metrics.md
"""

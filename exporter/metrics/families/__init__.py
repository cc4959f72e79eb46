"""The metric families of pools and workloads. Each family is one declared entry.

base       the types: families, and groups of families
pool       every watched pool
capacity   description, capacity, free cards, workloads that fit
listing    figures over all workloads
counters   throughput
workload   single workloads
"""

"""What is known of every pool: immutable values, and the store that connects fetching and serving.

store      the newest state of every pool
pool       the state of a pool: listing, description, how the last poll ended
workload   one workload, and the documented values of its fields
resources  amounts, capacity, free cards
waiting    why workloads wait
counters   throughput counters and distributions
"""

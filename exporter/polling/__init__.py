"""When each pool is polled, and how the answers become its new state.

project      the pools of a project, and a polling loop for each
pool         one poll of one pool
capacity     the capacities of a project's pools
pool_list    the project's list of pools
memory       what a reload must not lose
selection    which pools are watched here: by ID, by discovery, by shard
schedule     when a pool is polled, and whether polls are on time
cross_check  a listing compared with the cloud's own count
publish      publishes a pool's new state, with the workloads that fit
"""

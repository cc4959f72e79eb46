"""The ModelArts API of one project: requests, and the decoding of their answers.

client             sends the requests, limited, authenticated, retried and counted
rate_limit         the rate and concurrency of a project's requests
errors             an answer other than 200 -> the error to raise
mix_up             answers about another pool than was asked for
clock_skew         how far this machine's clock is off
optional_endpoint  endpoints that are missing in some regions
memory             what of these three outlives a configuration
pagination         the pages of a listing -> one `Listing`, and whether it is complete

schema             paths, queries and fields on the wire
json               decoding within limits
workloads, pools, capacity, nodes, statistics, scheduled_events
                   one module for each kind of answer
quantities         `8000m`, `64Gi` -> numbers
label_limits       the cloud's texts -> label values, limited in length and number
"""

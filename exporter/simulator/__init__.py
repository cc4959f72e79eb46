"""A ModelArts to run without an account: behind `modelarts-exporter demo`, and the server of the tests.

The data's way, one module a station:

    demand       what people submit, and when                      -> Submission
    nodes        the cards, CPU and memory of a pool               -> Share
    cluster      queue, gang scheduling, what happened             -> Job
    lively       the cluster as a pool of the API; `pools` has the fixed one
    workloads    a job as the API lists it (amounts: `spelling`)   -> JSON object
    listing      filter, order, page
    modelarts    the API's endpoints; `login` has those that hand out credentials
    server       who may ask (`identity`, `signature`), what goes wrong (`faults`, `planting`)

It imports nothing of the exporter but its `Clock`, so that the two cannot share a misunderstanding.
"""

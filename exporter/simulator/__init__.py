"""A simulated ModelArts: the cloud behind `modelarts-exporter demo`, and the server of the tests.

    demand                 what users submit, and when                         -> Submission
    cluster                queue and scheduler over `nodes`, in simulated time -> Job
    pools                  a pool of the API; filters, order, pages            -> WorkloadPage
    pool_endpoints         /v2/{project}/...; `answers` makes the JSON objects
    credential_endpoints   IAM tokens, ECS metadata, CCE pod identity
    server                 authenticates with `iam` and `signature`, calls the endpoints, sends `errors`

`jobs` has the values that `demand` makes and `cluster` updates. `demo` puts the demo's cloud together. Tests
inject faults through `Simulator.intercept`.

The package imports nothing of the exporter but its `Clock`, so that the two cannot share a
misunderstanding of the API.
"""

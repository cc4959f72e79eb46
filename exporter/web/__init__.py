"""The bytes, served: over HTTP or HTTPS, to Prometheus, to probes and to people.

server         listens, and ends in an orderly way
connections    how many clients at once, and how long each may take
protocol       what is no HTTP, answered
gate           who is let in: rate limit, client certificate, user and password
application    which path answers with what
scrapes        the path of the metrics: so many at once, in parts
negotiation    in which format and encoding
status         the page at `/`

yaml_file      what the operator wrote in --web.config.file, parsed
scalars        Go's notation of durations and the like
webconfig      all of it, checked
tls            that, as an SSLContext
live           that, kept up to date while running
"""

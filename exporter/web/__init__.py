"""The bytes, served: over HTTP or HTTPS, to Prometheus, to probes and to people.

server         listens, and ends in an orderly way
gate           who is let in: client certificate, user and password
application    which path answers with what
negotiation    in which format and encoding
status         the page at `/`

webconfig      what the operator wrote in --web.config.file, checked
tls            that, as an SSLContext
live           that, kept up to date while running
"""

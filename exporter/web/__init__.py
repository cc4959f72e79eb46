"""The web server: metrics, probes and the status page, over HTTP or HTTPS.

listener       sockets, connections and their limits, HTTP errors
access         access control: rate limit, client certificate, user and password
basic_auth     passwords against bcrypt hashes
fair_share     who gives way when all places are taken
application    the paths and their responses
scrapes        the path of the metrics: concurrent scrapes, sent in parts
negotiation    the format and encoding of a response
status         the status page

config         the file behind --web.config.file, validated
tls            its TLS section as an SSLContext
config_watch   the configuration in use, which follows changes of its files
loosening      which changes wait for a reload, because they let in more
"""

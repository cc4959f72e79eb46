"""Credentials: where they come from, how they are renewed, and how requests are authenticated with them.

credential     key pair, token, and the interface of a source
key_files      sources: configuration, files, environment, profile file
iam, ecs_agency, pod_identity
               issuers of temporary credentials
responses      their answers
renewal        a source that renews the credentials of an issuer
chain          the source that searches the usual places

signing        a key pair signs a request
lockout        sends a request, unless the cloud could lock the credentials
in_flight      few requests in flight with one credential
authenticator  puts it together: `exporter.api` calls `Authenticator.send`
"""

"""Credentials: where they come from, how they are renewed, and how requests are authenticated with them.

a source      key_files, or renewal over iam, ecs_agency or pod_identity; chain picks one by itself
-> lockout    sends so few requests with refused credentials that the cloud does not lock them
-> signing    a key pair signs the request; a token is added to it
-> authenticator.Authenticator.send: what `exporter.api` calls
"""

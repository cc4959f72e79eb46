"""Who asks the cloud: where credentials come from, how they are renewed, and how a request bears them.

a source    static, key_files, profile, or renewal over iam, ecs_agency, pod_identity; chain looks for one
-> guard    keeps refused credentials from being locked
-> signing  a key pair signs; a token is sent along
-> authenticator.Authenticator.send: what the api folder uses
"""

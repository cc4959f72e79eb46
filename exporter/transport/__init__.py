"""One HTTP request and its complete answer, limited in time and size.

http       requests, answers, and the transport over aiohttp
connector  connections that are kept, and when they are not
resolver   looks names up, in threads of its own
ca_bundle  trusted certificate authorities, which may change
proxy      which proxy a request goes through
failures   what went wrong on the way, in the exporter's errors
"""

"""One HTTP request and its complete answer, limited in time and size.

http       requests, answers, and the transport over aiohttp
ca_bundle  trusted certificate authorities, which may change
proxy      which proxy a request goes through
"""

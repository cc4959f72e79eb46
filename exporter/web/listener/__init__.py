"""Listening sockets and their connections.

server       listens, accepts, stops
connections  limits on number and time
protocol     aiohttp's HTTP protocol, with our own error responses
"""

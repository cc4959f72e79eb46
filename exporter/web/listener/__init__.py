"""Listening sockets, their connections, and HTTP errors."""

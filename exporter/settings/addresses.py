"""Addresses: where to listen, and where others are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainSerializer, PlainValidator

from exporter.quoting import quoted

_LISTEN = re.compile(r"(?P<host>[A-Za-z0-9._-]*|\[(?P<ipv6>[^\[\]]*)\]):(?P<port>[0-9]{1,9})")
_LAST_PORT = 65_535
_UNPRINTED = re.compile(r"[\s\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to accept connections.

    Attributes:
        host: an IP address without brackets, or a name; None for every interface.
        port: 0 for any that is free.
    """

    host: str | None
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.host and ":" in self.host else self.host or ""
        return f"{host}:{self.port}"


def parse_listen_address(text: Any) -> ListenAddress:
    """The address in `:10310`, `127.0.0.1:10310` or `[::1]:10310`.

    Raises:
        ValueError: it is none.
    """
    if isinstance(text, ListenAddress):
        return text
    match = _LISTEN.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError(
            f"{quoted(text)} is no address; write it like :10310, 127.0.0.1:10310 or [::1]:10310"
        )
    ipv6, port = match["ipv6"], int(match["port"])
    if ipv6 is not None:
        try:
            IPv6Address(ipv6)
        except ValueError:
            raise ValueError(f"{quoted(ipv6)} is no IPv6 address") from None
    if port > _LAST_PORT:
        raise ValueError(f"the port must be 0 to {_LAST_PORT}, not {port}")
    return ListenAddress(ipv6 or match["host"] or None, port)


def parse_url(text: str) -> str:
    """The address of a service, without a trailing slash.

    Own code, for the sentences, and because pydantic's URL types rewrite what they are given.

    Raises:
        ValueError: it is none. The text is not quoted: it may hold a password.
    """
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:  # brackets without an IPv6 address, a port that is no number or too large
        usable = False
    else:
        if usable and "@" in url.netloc:
            raise ValueError("must not hold a user name or a password")
        if "?" in text or "#" in text:
            raise ValueError("must not have a query (?) or a fragment (#)")
    if not usable or _UNPRINTED.search(text):
        raise ValueError("must be a URL like https://host or http://host:8080")
    return text.rstrip("/")


def parse_endpoint(text: str) -> str:
    """The address of a service that is sent credentials: `parse_url`, and https unless it is on this machine.

    Raises:
        ValueError: it is none, or the way to it is open to everybody.
    """
    url = parse_url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" and not _on_this_machine(parts.hostname or ""):
        raise ValueError(
            "must be https: http, which anybody on the way can read, is for 127.0.0.1 and localhost"
        )
    return url


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Listening = Annotated[ListenAddress, PlainValidator(parse_listen_address), PlainSerializer(str)]
ServiceUrl = Annotated[str, AfterValidator(parse_url)]
Endpoint = Annotated[str, AfterValidator(parse_endpoint)]

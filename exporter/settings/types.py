"""Addresses: where to listen, and where others are.

Durations as operators write them: `500ms`, `30s`, `5m`, `1h30m`, `1d12h`.

Whole numbers, as a file, a variable or a flag gives them.

Files that the configuration names: they must be usable from the start.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from exporter.common.text import quote_or_hide, quote_path_or_hide

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
            f"{quote_or_hide(text)} is no address; write it like :10310, 127.0.0.1:10310 or [::1]:10310"
        )
    ipv6, port = match["ipv6"], int(match["port"])
    if ipv6 is not None:
        try:
            IPv6Address(ipv6)
        except ValueError:
            raise ValueError(f"{quote_or_hide(ipv6)} is no IPv6 address") from None
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

_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}

# Nine digits of days are 2.7 million years: more is a slip of the finger.
_DURATION = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _MILLISECONDS))
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")

_EXAMPLES = "write it like 500ms, 30s, 5m, 1h30m or 1d"


def parse_duration(text: str) -> float:
    """A duration in seconds.

    Raises:
        ValueError: it is none; a number needs a unit, also 0.
    """
    if _NUMBER.fullmatch(text):
        raise ValueError(f"{quote_or_hide(text)} has no unit; {_EXAMPLES}")
    match = _DURATION.fullmatch(text)
    if not text or not match:
        raise ValueError(f"{quote_or_hide(text)} is no duration; {_EXAMPLES}")
    parts = zip(match.groups("0"), _MILLISECONDS.values(), strict=True)
    return sum(int(count) * factor for count, factor in parts) / 1_000


def _seconds(value: object) -> float:
    match value:
        case str():
            return parse_duration(value)
        case float():  # a default
            return value
        case _:
            raise ValueError(f"must be a duration; {_EXAMPLES}")


PositiveDuration = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
"""Seconds; more than none."""

_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)


def _whole(value: object) -> object:
    """Without pydantic's kindness to 4.0 and true: who writes those means something else."""
    if isinstance(value, bool | float) or (isinstance(value, str) and not _WHOLE.fullmatch(value)):
        raise ValueError("must be a whole number, like 8")
    return value


WholeNumber = Annotated[int, BeforeValidator(_whole)]


def read_file(path: Path) -> bytes:
    """A file's content.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = getattr(error, "strerror", None) or "no such path"
        raise ValueError(f"{quote_path_or_hide(path)} cannot be read: {reason}") from None


def _secret(path: Path) -> Path:
    """A file with a secret in it. Only looked into: it is read where it is used, again and again."""
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        # From None: what a decoding error carries along is the file's content.
        raise ValueError(f"{quote_path_or_hide(path)} is not text in UTF-8") from None
    if not text.strip():
        raise ValueError(f"{quote_path_or_hide(path)} is empty")
    return path


def _authorities(path: Path) -> Path:
    """A file with certificates of authorities."""
    if not read_file(path).strip():
        raise ValueError(f"{quote_path_or_hide(path)} is empty")
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{quote_path_or_hide(path)} holds no usable certificates in PEM form") from None
    return path


def _readable(path: Path) -> Path:
    """A file that somebody else understands."""
    read_file(path)
    return path


def _kept(path: Path) -> Path:
    """A database that the exporter writes; it need not be there yet."""
    if "\0" in str(path):
        raise ValueError("the path has a NUL character in it; give one without")
    if str(path) == ":memory:":
        raise ValueError("':memory:' is no file and keeps nothing; name a file")  # as SQLite calls it
    try:
        if path.is_dir():
            raise ValueError(f"{quote_path_or_hide(path)} is a directory; name a file in it")
        if not path.parent.is_dir():
            raise ValueError(f"{quote_path_or_hide(path.parent)} is no directory; make it, or name another")
    except OSError as error:
        raise ValueError(f"{quote_path_or_hide(path)} cannot be used: {error.strerror}") from None
    return path


SecretFile = Annotated[Path, AfterValidator(_secret)]
AuthoritiesFile = Annotated[Path, AfterValidator(_authorities)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
KeptFile = Annotated[Path, AfterValidator(_kept)]

"""Types of single settings: text, lists, numbers, durations, addresses, files, and the flag of a setting."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from exporter.common.files import read_file
from exporter.common.text import is_harmless, may_hold_key, quote_or_hide, quote_path_or_hide


@dataclass(frozen=True, slots=True)
class Flag:
    """The command-line flag of a setting; part of the field's type: `Annotated[bool, Flag(...)]`.

    Attributes:
        name: with the two hyphens.
        metavar: the name of its value in `--help`; None for a switch without a value.
        help: one line for `--help`.
        repeatable: whether it may be given several times, for a list.
    """

    name: str
    metavar: str | None
    help: str
    repeatable: bool = False


def is_utf8(value: object) -> bool:
    """Whether a value can be written in UTF-8. Other bytes of a variable or flag arrive as surrogates."""
    return not isinstance(value, str) or not any("\ud800" <= character <= "\udfff" for character in value)


def split_list(value: Any) -> Any:
    """The items of a list in `a, b`, for an environment variable has no lists. Anything else as it is."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _one_or_more(value: Any) -> Any:
    items = split_list(value)
    if items == []:
        raise ValueError("is empty")
    return items


_Item = TypeVar("_Item")

OneOrMore = Annotated[tuple[_Item, ...], BeforeValidator(_one_or_more)]
"""At least one item, as a list or separated by commas."""

NonEmptyText = Annotated[str, Field(min_length=1)]


def _no_key(text: str) -> str:
    if may_hold_key(text):
        raise ValueError("looks like a key, and would be shown in logs and pages; give the name")
    return text


Name = Annotated[NonEmptyText, AfterValidator(_no_key)]
"""A name that logs and pages show."""

_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)


def _whole(value: object) -> object:
    """Refuse 4.0 and true, which pydantic would accept."""
    if isinstance(value, bool | float) or (isinstance(value, str) and not _WHOLE.fullmatch(value)):
        raise ValueError("must be a whole number, like 8")
    return value


WholeNumber = Annotated[int, BeforeValidator(_whole)]

_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}

# Nine digits of days are 2.7 million years; more is a typing error.
_DURATION = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _MILLISECONDS))
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")

_EXAMPLES = "write it like 500ms, 30s, 5m, 1h30m or 1d"


def parse_duration(text: str) -> float:
    """The seconds in `500ms`, `30s`, `5m`, `1h30m` or `1d12h`.

    Units go from large to small, with whole numbers: stricter than Go's notation in the web configuration.

    Raises:
        ValueError: it is not a duration. A number needs a unit, even 0.
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
"""Seconds, more than 0."""

_LISTEN = re.compile(r"(?P<host>[A-Za-z0-9._-]*|\[(?P<ipv6>[^\[\]]*)\]):(?P<port>[0-9]{1,9})")
_LAST_PORT = 65_535
_UNPRINTED = re.compile(r"[\s\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address to listen on.

    Attributes:
        host: an IP address without brackets, or a host name; None for every interface.
        port: the port; 0 for any free one.
    """

    host: str | None
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.host and ":" in self.host else self.host or ""
        return f"{host}:{self.port}"


def parse_listen_address(text: Any) -> ListenAddress:
    """The address in `:10310`, `127.0.0.1:10310` or `[::1]:10310`.

    Raises:
        ValueError: it is not an address.
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
    if may_hold_key(match["host"] or ""):
        raise ValueError("the host looks like a key; write the address like 127.0.0.1:10310")
    return ListenAddress(ipv6 or match["host"] or None, port)


_HOST = re.compile(r"\w[\w-]{0,62}(\.[\w-]{1,63})*\.?|[0-9a-f.]*:[0-9a-f:.]*(%.+)?")
"""A name, also of an internal or international domain, or an IPv6 address."""


def parse_url(text: str) -> str:
    """The URL of a service, without a trailing slash.

    Own code for the messages, and because pydantic's URL types change the URL.

    Raises:
        ValueError: it is not a URL. The message does not quote it: it may contain a password.
    """
    try:
        url = urlsplit(text)
        named = bool(_HOST.fullmatch(url.hostname or ""))
        usable = url.scheme in {"http", "https"} and named and url.port != 0
    except ValueError:  # brackets without an IPv6 address, or an invalid port
        usable = False
    else:
        if usable and "@" in url.netloc:
            raise ValueError("must not contain a user name or a password")
        if "?" in text or "#" in text:
            raise ValueError("must not have a query (?) or a fragment (#)")
        if usable and _may_hold_key(url):
            raise ValueError("looks like a key, and would be shown in logs; must be a URL like https://host")
    if not usable or _UNPRINTED.search(text):
        raise ValueError("must be a URL like https://host or http://host:8080")
    return text.rstrip("/")


def _may_hold_key(url: SplitResult) -> bool:
    """Whether a key stands where the host or the path belongs. One with slashes begins with a short host."""
    begins_key = url.netloc.isalnum() and not url.netloc.islower() and not is_harmless(url.netloc)
    return begins_key or may_hold_key(url.netloc + url.path)


_VERSION = re.compile(r"/v[0-9](\.[0-9])?(/[0-9a-f]{32}.*)?")


def parse_endpoint(text: str) -> str:
    """The URL of a service that gets credentials: as `parse_url`, and https unless it is on this machine.

    Raises:
        ValueError: it is not a URL, not encrypted, or goes on with a path of the API.
    """
    url = parse_url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" and not _on_this_machine(parts.hostname or ""):
        raise ValueError("must be https; http, which is not encrypted, is only for 127.0.0.1 and localhost")
    if _VERSION.fullmatch(parts.path):
        raise ValueError("must end before the version of the API, such as /v2; the exporter adds it")
    return url


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Listening = Annotated[ListenAddress, PlainValidator(parse_listen_address), PlainSerializer(str)]
ServiceUrl = Annotated[str, AfterValidator(parse_url)]
Endpoint = Annotated[str, AfterValidator(parse_endpoint)]


def _secret(path: Path) -> Path:
    """A file with a secret. Only checked here: it is read again wherever it is used."""
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        # From None: a decoding error contains the file's content.
        raise ValueError(f"{quote_path_or_hide(path)} is not text in UTF-8") from None
    if not text.strip():
        raise ValueError(f"{quote_path_or_hide(path)} is empty")
    return path


def _authorities(path: Path) -> Path:
    """A PEM file with certificate authorities."""
    if not read_file(path).strip():
        raise ValueError(f"{quote_path_or_hide(path)} is empty")
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{quote_path_or_hide(path)} contains no usable certificate in PEM format") from None
    return path


def _readable(path: Path) -> Path:
    """A file that is parsed elsewhere."""
    read_file(path)
    return path


def _database(path: Path) -> Path:
    """A database that the exporter writes. It need not exist yet."""
    if "\0" in str(path):
        raise ValueError("contains a NUL character; give a path without it")
    if str(path) == ":memory:":
        raise ValueError("':memory:' is not a file and keeps nothing; name a file")  # SQLite's name for it
    try:
        if path.is_dir():
            raise ValueError(f"{quote_path_or_hide(path)} is a directory; name a file in it")
        if not path.parent.is_dir():
            raise ValueError(
                f"{quote_path_or_hide(path.parent)} is not a directory; create it, or name another"
            )
    except OSError as error:
        raise ValueError(f"{quote_path_or_hide(path)} cannot be used: {error.strerror}") from None
    return path


SecretFile = Annotated[Path, AfterValidator(_secret)]
AuthoritiesFile = Annotated[Path, AfterValidator(_authorities)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
DatabaseFile = Annotated[Path, AfterValidator(_database)]

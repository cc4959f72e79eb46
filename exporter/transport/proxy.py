"""Which proxy a request goes through.

A proxy is used for https only: it then tunnels (CONNECT) and cannot read the request. Plain http goes direct:
it is only used on this machine, and for its metadata service. So HTTP_PROXY is not read.

The environment is read as curl and Go read it: the variable in lower case first, an empty one is not set;
`host:port` is an http proxy; ALL_PROXY (curl) if HTTPS_PROXY is not set. A proxy that cannot be used is an
error: a request must not go direct because the way that it should take is mistyped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from aiohttp import encode_basic_auth
from yarl import URL

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.text import quote_or_hide

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address

_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_EXEMPTIONS = ("no_proxy", "NO_PROXY")
_SETTING = "the setting proxy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        url: without user and password.
        source: the variable or setting that names it.
        headers: what the proxy alone gets: user and password, if any.
    """

    url: URL
    source: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """For messages: `the proxy 'proxy.example.com:3128' (HTTPS_PROXY)`."""
        return f"the proxy {quote_or_hide(f'{self.url.host_subcomponent}:{self.url.port}')} ({self.source})"


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """The rule of one transport.

    Attributes:
        environment: the variables.
        configured: `http://host:port`, used for every https request; None takes the environment's.
        direct: never use a proxy, whatever is configured or in the environment.
    """

    environment: Mapping[str, str] = field(repr=False)
    configured: str | None = None
    direct: bool = False

    def proxy_for(self, url: URL) -> Proxy | None:
        """The proxy for a request; None for a direct connection.

        Raises:
            ConfigurationError: the environment names one that cannot be used.
        """
        if self.direct or url.scheme != "https":
            return None
        if self.configured:
            return Proxy(URL(self.configured), _SETTING)
        variable, text = _first_set(self.environment, _VARIABLES)
        return None if not text or self._exempt(url) else _parse(variable, text)

    def _exempt(self, url: URL) -> bool:
        _, entries = _first_set(self.environment, _EXEMPTIONS)
        host = (url.raw_host or "").lower().rstrip(".")
        return any(_covers(entry, host, url.port) for entry in entries.lower().replace(",", " ").split())


def _first_set(environment: Mapping[str, str], variables: tuple[str, ...]) -> tuple[str, str]:
    """The first variable that has a value, and the value; ("", "") if none has."""
    values = ((name, environment.get(name, "").strip()) for name in variables)
    return next(((name, value) for name, value in values if value), ("", ""))


def _parse(variable: str, text: str) -> Proxy:
    """The proxy in a variable.

    Raises:
        ConfigurationError: there is none that can be used. The text is not quoted: it may hold a password.
    """
    try:
        url = URL(text if "://" in text else f"http://{text}")
        login = encode_basic_auth(url.user or "", url.password or "")
    except ValueError:
        url, login = URL(), ""
    if url.host and url.scheme not in {"http", "https"}:
        raise ConfigurationError(
            Problem(variable, "names a proxy of an unsupported kind; use an http or https proxy, or unset it")
        )
    # A password with a slash ends up in the path, and the user in the host.
    if not url.host or not url.port or url.raw_path_qs != "/" or url.fragment:
        raise ConfigurationError(
            Problem(variable, "is no address of a proxy; write it like http://proxy.example.com:3128")
        )
    has_login = url.user is not None or url.password is not None
    return Proxy(url.origin(), variable, {"Proxy-Authorization": login} if has_login else {})


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY means this host and port. Texts are in lower case."""
    if entry == "*":
        return True
    address = _address(host)
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        pass
    else:
        return address is not None and address in network
    name, wanted = _split_port(entry)
    if wanted not in {"", str(port)}:
        return False
    if address is not None or not name.strip("."):
        return address is not None and _address(name) == address
    if name.startswith("*."):
        return host.endswith(name[1:])
    # Go would read `.example.com` as its subdomains only.
    name = name.strip(".")
    return host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    """Host and port of `host`, `host:443`, `[::1]` or `[::1]:443`; the port is "" if there is none."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, wanted = entry.partition(":")
    return name, wanted


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address

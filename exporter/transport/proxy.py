"""Which proxy a request goes through.

A proxy is used for https only: it then tunnels (CONNECT) and cannot read the request. Plain http goes direct.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from yarl import URL


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """The rule of one transport.

    Attributes:
        configured: `http://host:port`, used for every https request; None takes HTTPS_PROXY and NO_PROXY.
        direct: never use a proxy, whatever is configured or in the environment.
    """

    configured: str | None = None
    direct: bool = False

    def proxy_for(self, url: URL) -> str | None:
        """The address of the proxy; None for a direct connection."""
        if self.direct or url.scheme != "https":
            return None
        return self.configured or _from_environment(url)


def _from_environment(url: URL) -> str | None:
    """HTTPS_PROXY, unless NO_PROXY names the host or aiohttp does not support the proxy's scheme."""
    proxy = getproxies().get("https", "")
    supported = proxy.startswith(("http://", "https://"))
    return proxy if supported and not proxy_bypass(url.host or "") else None

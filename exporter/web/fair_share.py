"""Who gives way when all places are taken: connections, scrapes, passwords that wait to be checked."""

from __future__ import annotations

import ipaddress
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Holder = TypeVar("_Holder")

_IPV6_SITE = 64
"""Bits of an IPv6 address that name a network. One client can have every address within it (RFC 4291)."""


def who_gives_way(
    holders: Iterable[_Holder],
    newcomer: str,
    *,
    client: Callable[[_Holder], str],
    slowness: Callable[[_Holder], tuple[float, ...] | None],
) -> _Holder | None:
    """The holder of a place that gives it up for a newcomer; None if the newcomer is refused.

    It is a holder of a client with more than an equal share of the places, the newcomer counted too: the
    slowest of them. If none is slow, and the newcomer's client has no more than its share, it is the newest.

    Args:
        holders: all places, the oldest first; at least one.
        newcomer: the client that wants a place.
        client: returns the client of a holder: `client_of` of its address.
        slowness: orders the holders that keep their place without using it; None for one that uses it.
    """
    clients = [(holder, client(holder)) for holder in holders]
    counts = Counter(name for _, name in clients)
    counts[newcomer] += 1
    share = len(clients) / len(counts)
    over = [holder for holder, name in clients if counts[name] > share]
    slow = [(measure, holder) for holder in over if (measure := slowness(holder)) is not None]
    if slow:
        return max(slow, key=lambda pair: pair[0])[1]
    return None if counts[newcomer] > share else over[-1]


@lru_cache(maxsize=1024)
def client_of(address: str) -> str:
    """The client behind an address: IPv4 as it is, also if it is mapped into IPv6; of IPv6 the network.

    Args:
        address: as `getpeername` returns it; anything else is returned as it is.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, _IPV6_SITE), strict=False))

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.fair_share import client_of, who_gives_way


def given_up(held: str, newcomer: str) -> str | None:
    """The place that is given up, of places written `client:slowness`, without a slowness if not slow."""
    return who_gives_way(
        held.split(),
        newcomer,
        client=lambda place: place.partition(":")[0],
        slowness=lambda place: (float(place.partition(":")[2]),) if ":" in place else None,
    )


@pytest.mark.parametrize(
    ("held", "newcomer", "expected"),
    [
        ("a:1 a:3 a:2", "a", "a:3"),  # behind one address, the slowest
        ("a:1 a:3 a:2", "b", "a:3"),
        ("a:-1 a:-3", "a", "a:-1"),  # all are fast, this one least
        ("a a a", "a", None),  # all use their places
        ("a a a1 a", "a1", "a"),  # another address has its share, at the cost of who has more
        ("a b", "a", None),  # the newcomer's own address has its share already
        ("a b:1 b:2 b:3", "a", "b:3"),
        ("a:9 b:1 b:2 b:3", "c", "b:3"),  # who has only its share keeps it, however slow
        ("a:9 b b b", "c", "b"),
        ("a:1 b:3 c:2", "d", "b:3"),  # as many addresses as places: the slowest of all
        ("a b c", "d", None),
        ("a b c:2", "c", "c:2"),
        ("a", "a", None),
        ("a", "b", None),
        ("a:1", "b", "a:1"),
    ],
)
def test_who_gives_way(held: str, newcomer: str, expected: str | None) -> None:
    """The slowest of those with more than an equal share; nobody within a share for one beyond it."""
    assert given_up(held, newcomer) == expected


@given(
    held=st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers()), min_size=1, max_size=12),
    newcomer=st.sampled_from("abcde"),
)
def test_nobody_within_its_share_gives_way_to_more_than_a_share(
    held: list[tuple[str, int | None]], newcomer: str
) -> None:
    """Whatever the places: a client within an equal share loses none, and gets one where others have more."""
    places = list(enumerate(held))
    found = who_gives_way(
        places,
        newcomer,
        client=lambda place: place[1][0],
        slowness=lambda place: None if place[1][1] is None else (place[1][1],),
    )
    clients = [client for client, _ in held] + [newcomer]
    share = len(held) / len(set(clients))
    if found is not None:
        assert clients.count(found[1][0]) > share
    if clients.count(newcomer) <= share:
        assert found is not None


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("/run/socket", "/run/socket"),
    ],
)
def test_client_of_an_address(address: str, client: str) -> None:
    """One client is an IPv4 address, in either notation, or a network of IPv6, which one machine fills."""
    assert client_of(address) == client

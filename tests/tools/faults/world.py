"""Two clouds with three pools and the keys to them: everything that a fault can break."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import trustme
from support.cloud import jobs
from support.fixed_pool import FixedPool

from exporter.simulator.iam import AccessKey, User
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator
from tools.faults.network import Entrance, Network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.virtual_time import VirtualClock

    from exporter.common.clock import Clock

PROJECT = "0123456789abcdef0123456789abcdef"
OTHER_PROJECT = "fedcba9876543210fedcba9876543210"
A, B, C = (f"pool-{letter}-0123456789abcdef0123456789abcdef" for letter in "abc")
"""A and B are pools of the project, C of the other one, which is in another region and has other keys."""

KEY = AccessKey(ak="HPUAFIRSTKEYFIRSTKEY", sk="firstSecretFirstSecretFirstSecretFirst00")
NEW_KEY = AccessKey(ak="HPUANEWKEYNEWKEYNEWK", sk="newSecretNewSecretNewSecretNewSecretNew0")
OTHER_KEY = AccessKey(ak="HPUAOTHERKEYOTHERKEY", sk="otherSecretOtherSecretOtherSecretOther00")
USER = User(name="exporter", password="aPasswordForTheTests", domain="acme")

MODELARTS = "modelarts.cn-north-4.myhuaweicloud.com"
OTHER_MODELARTS = "modelarts.cn-south-1.myhuaweicloud.com"
IAM = "iam.cn-north-4.myhuaweicloud.com"
METADATA = "169.254.169.254"


@dataclass(slots=True, kw_only=True)
class World:
    """What can be broken. It is well when it is handed over.

    Attributes:
        simulator: the cloud of the project with pools A and B.
        other: the cloud of the project with pool C.
        cloud: the way to the project's ModelArts.
        issuer: the way to the project's IAM; the machine's metadata service is behind `metadata`.
        metadata: see there.
        network: who finds which of them.
        machine: the clock of the exporter's machine; the clouds have their own.
        folder: holds the project's key in the files `ak` and `sk`, and `ca.pem`.
    """

    simulator: Simulator
    other: Simulator
    cloud: Entrance
    issuer: Entrance
    metadata: Entrance
    network: Network
    machine: VirtualClock
    folder: Path

    def pool(self, id_: str) -> FixedPool:
        """One of the pools, by ID."""
        everywhere = {**self.simulator.projects, **self.other.projects}
        [found] = (pool for pools in everywhere.values() for pool in pools if pool.profile.id == id_)
        assert isinstance(found, FixedPool)
        return found

    def hand_out(self, key: AccessKey) -> None:
        """Put a key into the files that the exporter reads."""
        (self.folder / "ak").write_text(key.ak)
        (self.folder / "sk").write_text(key.sk)


@cache
def authority() -> trustme.CA:
    """Whom the exporter trusts."""
    return trustme.CA()


def served_by(ca: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **options).configure_cert(context)
    return context


@asynccontextmanager
async def world_of(
    machine: VirtualClock, clouds: Clock, folder: Path, *, workloads: int = 3
) -> AsyncIterator[World]:
    """A world in which all is well.

    Args:
        machine: the clock of the exporter's machine.
        clouds: the clouds' clock.
        folder: an empty one.
        workloads: in pool A; the others have three.
    """
    first = [FixedPool(Profile(A), jobs(workloads)), FixedPool(Profile(B), jobs(3))]
    simulator = Simulator(clouds, {PROJECT: first}, keys=[KEY], users=[USER])
    other = Simulator(clouds, {OTHER_PROJECT: [FixedPool(Profile(C), jobs(3))]}, keys=[OTHER_KEY])
    context = served_by(authority(), MODELARTS, OTHER_MODELARTS, IAM)
    cloud, issuer, second = (Entrance(reached, context) for reached in (simulator, simulator, other))
    metadata = Entrance(simulator)
    network = Network({MODELARTS: cloud, IAM: issuer, METADATA: metadata, OTHER_MODELARTS: second})
    world = World(
        simulator=simulator,
        other=other,
        cloud=cloud,
        issuer=issuer,
        metadata=metadata,
        network=network,
        machine=machine,
        folder=folder,
    )
    world.hand_out(KEY)
    authority().cert_pem.write_to_path(str(folder / "ca.pem"))
    for entrance in network.hosts.values():
        await entrance.open()
    try:
        with network.installed():
            yield world
    finally:
        for entrance in network.hosts.values():
            await entrance.end()

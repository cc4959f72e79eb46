"""How faults begin and end: as long as the context lasts, the world is broken in one way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from support import cloud_faults
from support.cloud import jobs
from support.fixed_pool import FixedPool, ListingRules
from support.virtual_time import stand_still

from exporter.simulator.errors import ApiError
from exporter.simulator.iam import FAILURES_ALLOWED, AccessKey
from exporter.simulator.pools import Profile
from exporter.simulator.signature import ALGORITHM, ReceivedRequest
from tools.faults.world import KEY, MODELARTS, NEW_KEY, PROJECT, A, B, World, served_by

if TYPE_CHECKING:
    import trustme
    from support.cloud_faults import CloudFault

Happening = Callable[[World], AbstractAsyncContextManager[None]]


def planted(fault: CloudFault, **where: Any) -> Happening:
    """Requests to the project's cloud meet a fault; `where` as in `cloud_faults.plant`, all by default."""

    @asynccontextmanager
    async def happen(world: World) -> AsyncIterator[None]:
        cloud_faults.plant(world.simulator, fault, **where)
        yield
        cloud_faults.clear(world.simulator)

    return happen


def retry_at(seconds: float) -> Happening:
    """429 with the moment, as an HTTP date, from which on the cloud may be asked again."""

    @asynccontextmanager
    async def happen(world: World) -> AsyncIterator[None]:
        moment = formatdate(world.machine.wall() + seconds, usegmt=True)
        async with planted(cloud_faults.too_many_requests(moment))(world):
            yield

    return happen


@asynccontextmanager
async def nothing(_: World) -> AsyncIterator[None]:
    """For comparison."""
    yield


@asynccontextmanager
async def refused(world: World) -> AsyncIterator[None]:
    """Nobody listens at the cloud's address."""
    await world.cloud.close()
    yield
    await world.cloud.open()


@asynccontextmanager
async def unresolved(world: World) -> AsyncIterator[None]:
    """The cloud's name cannot be resolved."""
    world.network.unknown.add(MODELARTS)
    await world.cloud.close()  # connections from before would live on without a name
    await world.cloud.open()
    yield
    world.network.unknown.clear()


def certified(authority: Callable[[], trustme.CA], name: str, **options: Any) -> Happening:
    """The cloud shows a certificate of this authority, for this name."""

    @asynccontextmanager
    async def happen(world: World) -> AsyncIterator[None]:
        good, bad = world.cloud.tls, served_by(authority(), name, **options)
        for tls in (bad, good):
            await world.cloud.close()
            world.cloud.tls = tls
            await world.cloud.open()
            if tls is bad:
                yield

    return happen


@asynccontextmanager
async def revoked(world: World) -> AsyncIterator[None]:
    """The key is disabled, and enabled again."""
    world.simulator.iam.delete_key(KEY.ak)
    yield
    world.simulator.iam.add_key(KEY)


@asynccontextmanager
async def other_secret(world: World) -> AsyncIterator[None]:
    """The key has another secret in the cloud; the files follow later."""
    renewed = AccessKey(KEY.ak, NEW_KEY.sk)
    world.simulator.iam.add_key(renewed)
    yield
    world.hand_out(renewed)


@asynccontextmanager
async def expired(world: World) -> AsyncIterator[None]:
    """The key ends; a new one is put into the files later."""
    world.simulator.iam.add_key(replace(KEY, expires_at=world.machine.wall()))
    yield
    world.simulator.iam.add_key(NEW_KEY)
    world.hand_out(NEW_KEY)


@asynccontextmanager
async def rotated(world: World) -> AsyncIterator[None]:
    """A new key is put into the files, and the old one is deleted at once."""
    world.simulator.iam.add_key(NEW_KEY)
    world.hand_out(NEW_KEY)
    world.simulator.iam.delete_key(KEY.ak)
    yield


@asynccontextmanager
async def locked(world: World) -> AsyncIterator[None]:
    """Somebody else uses the key with a wrong secret until it is locked; five minutes later it is not."""
    claim = f"{ALGORITHM} Access={KEY.ak}, SignedHeaders=host;x-sdk-date, Signature={64 * '0'}"
    for _ in range(FAILURES_ALLOWED + 1):
        with suppress(ApiError):
            world.simulator.iam.authenticate(ReceivedRequest("GET", "/", {"authorization": claim}, b""))
    yield


@asynccontextmanager
async def no_tokens(world: World) -> AsyncIterator[None]:
    """Every token has ended, and IAM is down."""
    world.simulator.iam.revoke_tokens()
    await world.issuer.close()
    yield
    await world.issuer.open()


@asynccontextmanager
async def no_issuer(world: World) -> AsyncIterator[None]:
    """IAM is down while the token is good."""
    await world.issuer.close()
    yield
    await world.issuer.open()


@asynccontextmanager
async def no_metadata(world: World) -> AsyncIterator[None]:
    """The machine's metadata service is away while its keys are good."""
    await world.metadata.close()
    yield
    await world.metadata.open()


@asynccontextmanager
async def no_agency(world: World) -> AsyncIterator[None]:
    """The machine's temporary key is not accepted any more, and the metadata service is away."""
    world.simulator.iam.revoke_temporary_key()
    await world.metadata.close()
    yield
    await world.metadata.open()


@asynccontextmanager
async def wrong_clock(world: World) -> AsyncIterator[None]:
    """The machine's clock is set 20 minutes ahead, and back."""
    world.machine.set_ahead(1200)
    yield
    world.machine.set_ahead(-1200)


@asynccontextmanager
async def deleted(world: World) -> AsyncIterator[None]:
    """Pool A is deleted, and created again with other workloads."""
    world.simulator.projects[PROJECT] = [world.pool(B)]
    yield
    world.simulator.projects[PROJECT] = [FixedPool(Profile(A), jobs(5)), world.pool(B)]


@asynccontextmanager
async def paged_by_index(world: World) -> AsyncIterator[None]:
    """The cloud takes an offset for the number of a page."""
    world.pool(A).rules = ListingRules(offset="pages")
    yield
    world.pool(A).rules = ListingRules()


def stopped(seconds: float) -> Happening:
    """The exporter's process is stopped for so long, and continued."""

    @asynccontextmanager
    async def happen(_: World) -> AsyncIterator[None]:
        stand_still(seconds)
        yield

    return happen

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from support.sim_client import POOL, PROJECT, connect, simulator_of, workload

from exporter.simulator import faults
from exporter.simulator.server import serve

if TYPE_CHECKING:
    from support.fakes import FakeClock

POOLS = f"/v2/{PROJECT}/pools"


async def met(clock: FakeClock, fault: faults.Fault) -> tuple[aiohttp.ClientResponse, bytes]:
    """The whole answer of a request that meets a fault."""
    simulator, _ = simulator_of(clock, [workload(number) for number in range(50)])
    simulator.faults.plant(fault)
    async with connect(simulator, clock) as client, client.get() as answer:
        return answer, await answer.read()


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "beginning"),
    [
        (faults.html(), 200, "text/html", b"<!doctype html>"),
        (faults.html(502), 502, "text/html", b"<!doctype html>"),
        (faults.login_page(), 302, "text/html", b"<html>"),
        (faults.empty_body(), 200, "application/json", b""),
        (faults.forbidden(), 403, "application/json", b'{"error_code":"ModelArts.0108"'),
        (faults.Answer(503, b"busy"), 503, "application/json", b"busy"),
        (faults.nested(1000), 200, "application/json", b'{"kind":"WorkloadList","items":[[[['),
    ],
)
async def test_another_answer_comes_instead(
    clock: FakeClock, fault: faults.Answer, status: int, content_type: str, beginning: bytes
) -> None:
    """Status, type and body are those of the fault, not those of the listing."""
    answer, body = await met(clock, fault)
    assert (answer.status, answer.content_type) == (status, content_type)
    assert body.startswith(beginning)
    assert body == fault.body


@pytest.mark.parametrize("retry_after", [None, "7"])
async def test_throttling_tells_its_limit(clock: FakeClock, retry_after: str | None) -> None:
    """429 with limit and window in the text, and Retry-After where it is given."""
    answer, body = await met(clock, faults.too_many_requests(retry_after, limit=30, minutes=1))
    assert answer.status == 429
    assert answer.headers.get("Retry-After") == retry_after
    assert b"APIGW.0308" in body
    assert b"limit:30,time:1 minute" in body


async def test_an_edited_answer_is_the_right_one_but_for_some_keys(clock: FakeClock) -> None:
    """Items may be null, the kind another."""
    _, body = await met(clock, faults.Edited({"items": None, "kind": "PodList"}))
    assert json.loads(body) == {
        "kind": "PodList",
        "apiVersion": "v1",
        "metadata": {},
        "items": None,
        "total": 50,
    }


async def test_cut_json_is_proper_http(clock: FakeClock) -> None:
    """The length fits the body, the body is no JSON."""
    answer, body = await met(clock, faults.CutJson(0.9))
    assert int(answer.headers["Content-Length"]) == len(body) > 0
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


async def test_a_cut_connection_leaves_the_body_short(clock: FakeClock) -> None:
    """The headers promise more than comes."""
    with pytest.raises(aiohttp.ClientPayloadError):
        await met(clock, faults.CutConnection())


async def test_a_reset_connection_gives_no_answer(clock: FakeClock) -> None:
    """The client sees a reset, not an end."""
    with pytest.raises(aiohttp.ClientOSError, match="reset"):
        await met(clock, faults.Reset())


async def test_a_stalled_body_ends_only_with_the_server(clock: FakeClock) -> None:
    """Headers and a part of the body come; the rest does not, until the server stops."""
    simulator, _ = simulator_of(clock, [workload(number) for number in range(50)])
    simulator.faults.plant(faults.StalledBody())
    async with connect(simulator, clock) as client:
        answer = await client.get()
        assert answer.status == 200
        begun = await answer.content.readany()
        rest = asyncio.ensure_future(answer.read())
        # Another request goes through meanwhile, so there was time for the rest.
        simulator.faults.clear()
        await client.json()
        assert not rest.done()
    assert 0 < len(begun) < int(answer.headers["Content-Length"])
    with pytest.raises(aiohttp.ClientError):
        await rest


async def test_silence_ends_only_with_the_server(clock: FakeClock) -> None:
    """Not even headers come, until the server stops."""
    simulator, _ = simulator_of(clock)
    met_it = asyncio.Event()

    class Noticed:
        async def play(self, scene: faults.Scene) -> web.StreamResponse:
            met_it.set()
            return await faults.Silence().play(scene)

    simulator.faults.plant(Noticed(), times=1)
    async with aiohttp.ClientSession() as session:
        async with serve(simulator) as base:
            waiting = asyncio.ensure_future(session.get(base + POOLS))
            await met_it.wait()
            async with session.get(base + POOLS) as answer:
                assert answer.status == 401
            assert not waiting.done()
        with pytest.raises(aiohttp.ClientError):
            await waiting


async def test_a_delay_is_waited_for_on_the_clock(clock: FakeClock) -> None:
    """The right answer comes after it."""
    answer, _ = await met(clock, faults.Delay(40.0))
    assert answer.status == 200
    assert clock.slept == [40.0]


async def test_answers_can_be_compressed(clock: FakeClock) -> None:
    """Gzip on the wire, the listing within."""
    simulator, _ = simulator_of(clock, [workload(1)])
    simulator.faults.plant(faults.Gzipped())
    async with (
        serve(simulator) as base,
        aiohttp.ClientSession(auto_decompress=False) as session,
        connect(simulator, clock) as client,
    ):
        body = await client.json()
        async with session.get(base + POOLS) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            refusal: dict[str, Any] = json.loads(gzip.decompress(await answer.read()))
    assert body["items"] == [workload(1)]
    assert refusal["error_code"] == "APIGW.0301"


@pytest.mark.parametrize("packed", [False, True])
async def test_an_oversized_body_is_as_large_as_asked(clock: FakeClock, packed: bool) -> None:
    """Plain or as a gzip bomb, a listing at its end."""
    answer, body = await met(clock, faults.Oversized(3 * 2**20, gzip=packed))
    assert len(body) > 3 * 2**20
    assert json.loads(body)["items"] == []
    assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)


async def test_a_client_may_leave_an_oversized_body(clock: FakeClock) -> None:
    """The server goes on answering others."""
    simulator, _ = simulator_of(clock)
    simulator.faults.plant(faults.Oversized(2**30), times=1)
    async with connect(simulator, clock) as client:
        async with client.get() as answer:
            await answer.content.readexactly(2**20)
            answer.close()
        await client.json()


async def test_faults_meet_the_requests_that_they_were_planted_for(clock: FakeClock) -> None:
    """By endpoint and pool, after some requests and for some; the first planted goes first."""
    simulator, _ = simulator_of(clock)
    simulator.faults.plant(faults.Answer(500), endpoint="workloads", pool=POOL, skip=1, times=2)
    simulator.faults.plant(faults.Answer(502), endpoint="workloads", times=1)
    simulator.faults.plant(faults.Answer(503), pool="pool-another")
    async with connect(simulator, clock) as client:
        seen = []
        for path in (None, None, None, None, POOLS, None):
            async with client.get(path) if path else client.get() as answer:
                seen.append(answer.status)
    assert seen == [502, 500, 500, 200, 200, 200]


async def test_the_cloud_can_be_served_with_tls(clock: FakeClock) -> None:
    """Https for whoever trusts its authority."""
    authority = trustme.CA()
    server, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(trusting)
    simulator, _ = simulator_of(clock)
    async with serve(simulator, tls=server) as base, aiohttp.ClientSession() as session:
        assert base.startswith("https://127.0.0.1:")
        async with session.get(base + POOLS, ssl=trusting) as answer:
            assert answer.status == 401
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(base + POOLS)

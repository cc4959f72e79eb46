from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from huaweicloudsdkcore.signer.signer import Signer
from support.sim_client import KEY, POOL, WORKLOADS, Client, connect, signed, simulator_of

from exporter.simulator.iam import AccessKey

if TYPE_CHECKING:
    from support.fakes import FakeClock

WRONG = replace(KEY, sk="another secret")
MINUTES = 60.0


async def refused(client: Client, **how: Any) -> str:
    """The reason of a refusal; fails when the request is let through."""
    async with client.get(**how) as answer:
        body = await answer.json()
        assert (answer.status, body["error_code"]) == (401, "APIGW.0301"), body
        assert body["request_id"] == answer.headers["X-Request-Id"]
        return str(body["error_msg"])


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"sort": "create_time", "ascend": True, "offset": 0, "limit": 500},
        {"type": "a b+c/d~e=f&ü", "status": "*"},
        {"status": ""},
    ],
)
async def test_what_huaweis_signer_signs_is_accepted(clock: FakeClock, query: dict[str, Any]) -> None:
    """Whatever the query, with more signed headers or without."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        await client.json(**query)
        await client.json(**query, headers={"X-Project-Id": WORKLOADS.split("/")[2], "X-Other": "  spaced "})


async def test_a_path_with_strange_characters_is_verified_too(clock: FakeClock) -> None:
    """The signature holds, so the answer is about the pool, not about the signature."""
    simulator, _ = simulator_of(clock)
    async with (
        connect(simulator, clock) as client,
        client.get(f"{WORKLOADS[:-10]}%20%7e%C3%A9/workloads") as answer,
    ):
        assert answer.status == 404


async def test_the_query_must_be_signed_sorted_and_encoded(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that signs just what it sends is refused where that is not the canonical query."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        for query in ("b=2&a=1", "a=1+2", "a", "a=%7e"):
            monkeypatch.setattr(Signer, "_process_canonical_query_string", lambda _, query=query: query)
            assert "sorted and encoded" in await refused(client)
            monkeypatch.undo()
            await client.json(a=1)


async def test_a_wrong_secret_and_an_unknown_key_are_refused(clock: FakeClock) -> None:
    """401 APIGW.0301; the reasons differ."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        assert "signature" in await refused(client, key=WRONG)
        assert "does not exist" in await refused(client, key=AccessKey("NOBODY", "x"))


async def test_whatever_was_signed_must_arrive_unchanged(clock: FakeClock) -> None:
    """Another path, query, signed header or method breaks the signature."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        url, headers = signed(client.base, WORKLOADS, {"a": 1, "b": 2}, at=clock.wall())
        changed = [
            ("GET", url.with_path(url.path.replace(POOL, "pool-another"), keep_query=True), headers),
            ("GET", url.with_query("a=1&b=3"), headers),
            ("GET", url.with_query("b=2&a=1"), headers),
            ("GET", url, {**headers, "X-Sdk-Date": headers["X-Sdk-Date"].replace("Z", "z")}),
            ("GET", url, {**headers, "Host": "elsewhere"}),
            ("GET", url, {**headers, "Authorization": headers["Authorization"].replace("SDK-", "sdk-")}),
            ("GET", url, {name: value for name, value in headers.items() if name != "X-Sdk-Date"}),
            ("HEAD", url, headers),
        ]
        for method, address, sent in changed:
            async with client.session.request(method, address, headers=sent) as answer:
                assert answer.status == 401, (method, address)
            # A success in between, so that the key is not locked.
            await client.json()


@pytest.mark.parametrize(("skew", "accepted"), [(-14.9, True), (14.9, True), (-15.1, False), (15.1, False)])
async def test_a_clock_may_be_off_by_15_minutes(clock: FakeClock, skew: float, accepted: bool) -> None:
    """More is refused, in both directions."""
    simulator, _ = simulator_of(clock)
    at = clock.wall() + skew * MINUTES
    async with connect(simulator, clock) as client, client.get(at=at) as answer:
        assert (answer.status == 200) == accepted


async def test_a_temporary_key_needs_its_token_signed_and_ends(clock: FakeClock) -> None:
    """Without the security token, with another, unsigned, or after its end: refused."""
    simulator, _ = simulator_of(clock)
    temporary = AccessKey("TEMPORARY", "secret", "token", clock.wall() + 10 * MINUTES)
    simulator.iam.add_key(temporary)
    async with connect(simulator, clock) as client:
        await client.json(key=temporary)
        assert "token" in await refused(client, key=replace(temporary, security_token=""))
        assert "token" in await refused(client, key=replace(temporary, security_token="other"))
        url, headers = signed(
            client.base, WORKLOADS, {}, at=clock.wall(), key=replace(temporary, security_token="")
        )
        async with client.session.get(url, headers={**headers, "X-Security-Token": "token"}) as answer:
            assert answer.status == 401
        clock.advance(10 * MINUTES)
        assert "expired" in await refused(client, key=temporary)


async def test_the_sixth_failure_in_a_row_locks_the_key_for_five_minutes(clock: FakeClock) -> None:
    """For everyone, the right secret included; a success before that starts the count anew."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        for _ in range(5):
            await refused(client, key=WRONG)
        await client.json()
        for _ in range(6):
            await refused(client, key=WRONG)
        assert "limit" in await refused(client)
        clock.advance(5 * MINUTES - 1)
        assert "limit" in await refused(client)
        clock.advance(1)
        await client.json()


async def test_keys_can_be_replaced_and_withdrawn(clock: FakeClock) -> None:
    """As when an operator rotates them."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        simulator.iam.add_key(WRONG)
        await client.json(key=WRONG)
        await refused(client)
        simulator.iam.delete_key(KEY.ak)
        assert "does not exist" in await refused(client, key=WRONG)


def test_secrets_are_in_no_repr() -> None:
    """A key pair can be printed."""
    assert repr(AccessKey("AK", "hidden1", "hidden2", 5.0)) == "AccessKey(ak='AK', expires_at=5.0)"

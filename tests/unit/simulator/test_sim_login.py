from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from support.sim_client import PROJECT, WORKLOADS, Client, connect, simulator_of

from exporter.simulator.credential_endpoints import POD_TOKEN
from exporter.simulator.iam import AccessKey, User
from exporter.simulator.server import Simulator

if TYPE_CHECKING:
    from support.fakes import FakeClock

HOUR = 3600.0


def login(password: str) -> dict[str, object]:
    user = {"name": "exporter", "password": password, "domain": {"name": "acme"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": {"project": {"id": PROJECT}}}}


def with_user(clock: FakeClock) -> Simulator:
    _, pool = simulator_of(clock)
    return Simulator(clock, {PROJECT: [pool]}, users=[User("exporter", "right", "acme")])


async def listing_status(client: Client, token: str) -> tuple[int, str]:
    async with client.session.get(client.base + WORKLOADS, headers={"X-Auth-Token": token}) as answer:
        return answer.status, (await answer.json()).get("error_code", "")


async def logged_in(client: Client) -> tuple[str, float]:
    address = f"{client.base}/v3/auth/tokens?nocatalog=true"
    async with client.session.post(address, json=login("right")) as answer:
        assert answer.status == 201
        expires_at = (await answer.json())["token"]["expires_at"]
        return answer.headers["X-Subject-Token"], datetime.fromisoformat(expires_at).timestamp()


async def test_a_token_is_good_for_a_day_and_can_end_before(clock: FakeClock) -> None:
    """201 with the token in a header; 401 APIGW.0307 once it ended."""
    async with connect(simulator := with_user(clock), clock) as client:
        token, expires_at = await logged_in(client)
        assert expires_at == clock.wall() + 24 * HOUR
        assert await listing_status(client, token) == (200, "")
        assert await listing_status(client, "made up") == (401, "APIGW.0307")
        clock.advance(24 * HOUR)
        assert await listing_status(client, token) == (401, "APIGW.0307")
        fresh, _ = await logged_in(client)
        assert await listing_status(client, fresh) == (200, "")
        simulator.iam.revoke_tokens()
        assert await listing_status(client, fresh) == (401, "APIGW.0307")


async def test_a_wrong_login_is_refused_in_iams_form(clock: FakeClock) -> None:
    """401 for a wrong password, 400 for a body that is none; no credentials at all are APIGW.0301."""
    async with connect(with_user(clock), clock) as client:
        async with client.session.post(f"{client.base}/v3/auth/tokens", json=login("wrong")) as answer:
            assert answer.status == 401
            assert (await answer.json())["error"]["title"] == "Unauthorized"
        async with client.session.post(f"{client.base}/v3/auth/tokens", json={"auth": []}) as answer:
            assert answer.status == 400
        async with client.session.get(client.base + WORKLOADS) as answer:
            assert answer.status == 401
            assert (await answer.json())["error_code"] == "APIGW.0301"


async def security_key(client: Client) -> tuple[AccessKey, float]:
    ttl = {"X-Metadata-Token-Ttl-Seconds": "60"}
    async with client.session.put(f"{client.base}/meta-data/latest/api/token", headers=ttl) as answer:
        token = {"X-Metadata-Token": await answer.text()}
    async with client.session.get(f"{client.base}/openstack/latest/securitykey", headers=token) as answer:
        credential: dict[str, Any] = (await answer.json())["credential"]
    expires_at = datetime.fromisoformat(credential["expires_at"]).timestamp()
    return AccessKey(credential["access"], credential["secret"], credential["securitytoken"]), expires_at


async def test_the_metadata_service_hands_out_a_key_that_works(clock: FakeClock) -> None:
    """Valid for an hour; ten minutes before the end another one comes, and the old one works until then."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        key, expires_at = await security_key(client)
        assert expires_at == clock.wall() + HOUR
        await client.json(key=key)
        clock.advance(HOUR - 601)
        assert await security_key(client) == (key, expires_at)
        clock.advance(1)
        successor, _ = await security_key(client)
        assert successor != key
        await client.json(key=key)
        await client.json(key=successor)
        clock.advance(600)
        async with client.get(key=key) as answer:
            assert answer.status == 401


async def test_the_metadata_service_asks_for_its_token_unless_it_is_an_old_one(clock: FakeClock) -> None:
    """401 without the token; the older service answers 405 to the PUT and asks for none."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        token, key = "/meta-data/latest/api/token", "/openstack/latest/securitykey"
        async with client.session.get(client.base + key) as answer:
            assert answer.status == 401
        async with client.session.put(client.base + token) as answer:
            assert answer.status == 400
        simulator.credential_endpoints.metadata_tokens = False
        async with client.session.put(client.base + token) as answer:
            assert answer.status == 405
        async with client.session.get(client.base + key) as answer:
            assert answer.status == 200


async def test_a_pod_identity_hands_out_a_key_that_works(clock: FakeClock) -> None:
    """For the content of the pod's token file; 401 for any other."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        address = f"{client.base}/pod-identity/credentials"
        async with client.session.post(address, json={}, headers={"Authorization": POD_TOKEN}) as answer:
            credentials = (await answer.json())["credentials"]
        async with client.session.post(address, json={}) as answer:
            assert answer.status == 401
        names = ("accessKeyId", "secretAccessKey", "securityToken")
        await client.json(key=AccessKey(*(credentials[name] for name in names)))

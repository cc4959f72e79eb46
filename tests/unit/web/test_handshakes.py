"""Who gets through a real handshake, and who does not."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.fakes import FakeClock
from support.web.certificates import MUTUAL, Site
from support.web.serving import ask, serving
from support.web.wire import HEALTHY, told

from exporter.web.config_watch import WebConfigWatcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.web.listener.server import Server

PAST, FUTURE = dt.datetime(2001, 1, 1, tzinfo=dt.UTC), dt.datetime(2099, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def client(site: Site, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    site.authority.configure_trust(context)
    if certificate:
        certificate.configure_cert(context)
    return context


async def status(server: Server, tls: ssl.SSLContext) -> int | None:
    """The answer's status; None where the connection was refused."""
    try:
        return (await ask(server, "/-/healthy", tls=tls)).status
    except aiohttp.ClientError:
        return None


CERTIFICATES: dict[str, tuple[Callable[[Site], trustme.LeafCert | None], int | None]] = {
    "of the authority": (lambda site: site.clients.issue_cert("prometheus"), 200),
    "of another authority": (lambda _: trustme.CA().issue_cert("prometheus"), None),
    "of the server's authority": (lambda site: site.authority.issue_cert("prometheus"), None),
    "of an intermediate authority": (lambda site: site.clients.create_child_ca().issue_cert("p"), 200),
    "expired": (lambda site: site.clients.issue_cert("p", not_before=PAST, not_after=PAST), None),
    "not yet valid": (lambda site: site.clients.issue_cert("p", not_before=FUTURE, not_after=FUTURE), None),
    "none": (lambda _: None, None),
}


@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
@pytest.mark.parametrize("certificate", CERTIFICATES)
async def test_client_certificate(site: Site, certificate: str, version: str) -> None:
    """RequireAndVerifyClientCert, in either version of TLS: only a valid one of the authority gets in."""
    issue, expected = CERTIFICATES[certificate]
    site.write(f"{MUTUAL}, min_version: {version}, max_version: {version}")
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert await status(server, client(site, issue(site))) == expected


@pytest.mark.parametrize("name", ["prometheus.example", "10.0.0.1", "2001:db8::1", "a@example.com"])
async def test_each_kind_of_name_gets_in(site: Site, name: str) -> None:
    """client_allowed_sans takes DNS names, addresses of both kinds and e-mail; another name is 403."""
    site.write(f"{MUTUAL}, client_allowed_sans: ['{name}']")
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert await status(server, client(site, site.clients.issue_cert("other.example", name))) == 200
        assert await status(server, client(site, site.clients.issue_cert("other.example"))) == 403


async def test_uri_gets_in(site: Site, tmp_path: Path) -> None:
    """client_allowed_sans takes a URI, as SPIFFE gives to workloads."""
    site.write(f"{MUTUAL}, client_allowed_sans: ['spiffe://example.org/prometheus']")
    async with serving(config=WebConfigWatcher(site.config)) as server:
        for uri, expected in (("spiffe://example.org/prometheus", 200), ("spiffe://example.org/x", 403)):
            tls = client(site)
            tls.load_cert_chain(with_uri(site.clients, uri, tmp_path))
            assert await status(server, tls) == expected


def with_uri(authority: trustme.CA, uri: str, folder: Path) -> Path:
    """A client certificate with its key, named by a URI, which trustme does not issue."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority._certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(PAST)
        .not_valid_after(FUTURE)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=True)
        .sign(authority._private_key, hashes.SHA256())
    )
    file = folder / "uri.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return file


@pytest.mark.parametrize(
    ("not_before", "not_after"), [(PAST, PAST), (FUTURE, FUTURE)], ids=["expired", "not yet valid"]
)
async def test_clients_refuse_a_server_out_of_its_time(
    site: Site, not_before: dt.datetime, not_after: dt.datetime
) -> None:
    """A server certificate out of its time is served, and seen by the client for what it is."""
    issued = site.authority.issue_cert("127.0.0.1", not_before=not_before, not_after=not_after)
    issued.cert_chain_pems[0].write_to_path(str(site.cert))
    issued.private_key_pem.write_to_path(str(site.key))
    async with serving(config=WebConfigWatcher(site.config)) as server:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(server, "/-/healthy", tls=client(site))


@pytest.mark.parametrize(
    ("served", "spoken", "agreed"),
    [
        ("min_version: TLS13", ssl.TLSVersion.TLSv1_2, None),
        ("min_version: TLS12", ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        ("min_version: TLS12", ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        ("max_version: TLS12", ssl.TLSVersion.TLSv1_3, None),
    ],
)
async def test_versions(site: Site, served: str, spoken: ssl.TLSVersion, agreed: str | None) -> None:
    """A client that speaks one version only is served where that is within the configured ones."""
    site.write(served)
    tls = client(site)
    tls.minimum_version = tls.maximum_version = spoken
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert await version_of(server, tls) == agreed


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("spoken", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_versions(site: Site, spoken: ssl.TLSVersion) -> None:
    """TLS 1.0 and 1.1 are refused, also where the client's OpenSSL is told to allow them."""
    tls = client(site)
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.minimum_version = tls.maximum_version = spoken
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert await version_of(server, tls) is None


async def version_of(server: Server, tls: ssl.SSLContext) -> str | None:
    try:
        reader, writer = await asyncio.open_connection(*server.addresses[0], ssl=tls)
    except (ssl.SSLError, ConnectionError):
        return None
    writer.write(HEALTHY)
    assert (await told(reader))[0] == 200
    version: str = writer.get_extra_info("ssl_object").version()
    writer.close()
    await writer.wait_closed()
    return version


GCM, CHACHA = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"
SUITES = (
    "max_version: TLS12, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,"
    " TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]"
)


@pytest.mark.parametrize(
    ("more", "offered", "agreed"),
    [
        ("", f"{CHACHA}:{GCM}", GCM),
        (", prefer_server_cipher_suites: false", f"{CHACHA}:{GCM}", CHACHA),
        ("", CHACHA, CHACHA),
        ("", "ECDHE-ECDSA-AES256-GCM-SHA384", None),
    ],
    ids=["server's order", "client's order", "only choice", "no choice"],
)
async def test_cipher_suites(site: Site, more: str, offered: str, agreed: str | None) -> None:
    """Of the suites that both have, the server's first is used, or the client's where that is preferred."""
    site.write(SUITES + more)
    tls = client(site)
    tls.set_ciphers(offered)
    async with serving(config=WebConfigWatcher(site.config)) as server:
        try:
            _, writer = await asyncio.open_connection(*server.addresses[0], ssl=tls)
        except (ssl.SSLError, ConnectionError):
            assert agreed is None
            return
        assert writer.get_extra_info("ssl_object").cipher()[0] == agreed
        writer.transport.abort()


@pytest.mark.parametrize(
    ("curve", "offered", "agreed"),
    [
        ("CurveP384", "secp384r1", True),
        ("CurveP384", "prime256v1", False),
        ("X25519", "X25519", True),
        ("X25519", "secp384r1", False),
    ],
)
@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
async def test_curves(site: Site, version: str, curve: str, offered: str, agreed: bool) -> None:
    """The configured curve, and no other, is agreed on."""
    site.write(f"curve_preferences: [{curve}], min_version: {version}, max_version: {version}")
    tls = client(site)
    tls.set_ecdh_curve(offered)
    # An ECDSA certificate on P-256 must be usable beside the curve of the key exchange: one on RSA always is.
    issued = site.authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
    issued.cert_chain_pems[0].write_to_path(str(site.cert))
    issued.private_key_pem.write_to_path(str(site.key))
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert (await version_of(server, tls) is not None) is agreed


async def test_inline_certificate_is_served(site: Site, tmp_path: Path) -> None:
    """Certificate, key and authority within the configuration serve as files do, and no file is written."""
    texts = {"cert": site.cert, "key": site.key, "client_ca": site.ca}
    lines = [f"  {name}: |\n    " + file.read_text().replace("\n", "\n    ") for name, file in texts.items()]
    for file in texts.values():
        file.unlink()
    site.config.write_text(
        "tls_server_config:\n  client_auth_type: RequireAndVerifyClientCert\n" + "\n".join(lines)
    )
    config = WebConfigWatcher(site.config)
    assert "PRIVATE" not in repr(config.settings)
    async with serving(config=config) as server:
        assert await status(server, client(site, site.clients.issue_cert("p"))) == 200
        assert await status(server, client(site)) is None
    assert list(tmp_path.iterdir()) == [site.config]


@pytest.mark.parametrize(("exchanged", "resumed"), [(False, True), (True, False)])
async def test_no_session_outlives_its_authority(site: Site, exchanged: bool, resumed: bool) -> None:
    """TLS 1.2 sessions, which Python cannot switch off, end with the authorities that they began under."""
    site.write(f"{MUTUAL}, max_version: TLS12")
    tls = client(site, site.clients.issue_cert("prometheus"))

    def answered(address: tuple[str, int], session: ssl.SSLSession | None) -> tuple[ssl.SSLSession, bool]:
        with (
            socket.create_connection(address) as plain,
            tls.wrap_socket(plain, server_hostname=address[0], session=session) as connection,
        ):
            connection.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.0 200"
            assert connection.session is not None
            return connection.session, bool(connection.session_reused)

    async with serving(config=WebConfigWatcher(site.config)) as server:
        address = server.addresses[0]
        session, _ = await asyncio.to_thread(answered, address, None)
        if not exchanged:
            assert (await asyncio.to_thread(answered, address, session))[1] is resumed
            return
        trustme.CA().cert_pem.write_to_path(str(site.ca))
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(answered, address, session)


async def test_certificate_that_expires_on_a_kept_connection(site: Site) -> None:
    """A connection, or a session, that outlives its client's certificate is 403 from then on."""
    site.write(MUTUAL)
    end = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    tls = client(site, site.clients.issue_cert("prometheus", not_after=end))
    clock = FakeClock(wall=dt.datetime.now(dt.UTC).timestamp())
    async with serving(config=WebConfigWatcher(site.config), clock=clock) as server:
        reader, writer = await asyncio.open_connection(*server.addresses[0], ssl=tls)
        answers = []
        for _ in range(2):
            clock.advance(0.7 * 86_400)
            writer.write(HEALTHY)
            status_, _, body = await told(reader)
            answers.append((status_, body.partition(b";")[0]))
        assert answers == [
            (200, b"healthy\n"),
            (403, b"the client certificate has expired since the connection was made"),
        ]
        writer.transport.abort()

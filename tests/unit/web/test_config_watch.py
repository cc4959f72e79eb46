from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme
from structlog.testing import capture_logs
from support.web.certificates import MUTUAL, Site
from support.web.serving import ask, serving
from support.web.wire import HEALTHY, told

from exporter.common.errors import ConfigurationError
from exporter.web.config_watch import WebConfigWatcher

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
USER = f"basic_auth_users: {{a: {HASH}}}"

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from exporter.web.listener.server import Server


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def client(authority: trustme.CA, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate:
        certificate.configure_cert(context)
    return context


async def healthy(server: Server, tls: ssl.SSLContext) -> int:
    return (await ask(server, "/-/healthy", tls=tls)).status


async def negotiated(server: Server, tls: ssl.SSLContext) -> tuple[str, str]:
    """Version and cipher of a real handshake."""
    _, writer = await asyncio.open_connection(*server.addresses[0], ssl=tls)
    connection = writer.get_extra_info("ssl_object")
    writer.close()
    await writer.wait_closed()
    return connection.version(), connection.cipher()[0]


async def test_https_is_served(site: Site) -> None:
    """With a certificate and key the server speaks TLS 1.3 and says https in its address."""
    config = WebConfigWatcher(site.config)
    async with serving(config=config) as server:
        assert server.urls[0].startswith("https://127.0.0.1:")
        version, _ = await negotiated(server, client(site.authority))
        assert version == "TLSv1.3"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await healthy(server, client(trustme.CA()))


async def test_version_and_cipher_are_what_is_configured(site: Site) -> None:
    """Go's name of a cipher suite chooses OpenSSL's; max_version keeps TLS 1.3 away."""
    site.write(
        "max_version: TLS12, curve_preferences: [CurveP384], prefer_server_cipher_suites: false,"
        " cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"
    )
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert await negotiated(server, client(site.authority)) == (
            "TLSv1.2",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
        )


async def test_client_certificate_is_asked_for(site: Site) -> None:
    """Without a certificate, or with a stranger's, nobody gets through; with the authority's, they do."""
    site.write(MUTUAL)
    async with serving(config=WebConfigWatcher(site.config)) as server:
        for certificate in (None, trustme.CA().issue_cert("prometheus")):
            with pytest.raises(aiohttp.ClientError):
                await healthy(server, client(site.authority, certificate))
        known = client(site.authority, site.clients.issue_cert("prometheus"))
        assert await healthy(server, known) == 200


async def test_client_certificate_may_be_left_out(site: Site) -> None:
    """VerifyClientCertIfGiven: none is fine, a stranger's is not."""
    site.write("client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem")
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert await healthy(server, client(site.authority)) == 200
        with pytest.raises(aiohttp.ClientError):
            await healthy(server, client(site.authority, trustme.CA().issue_cert("a")))


@pytest.mark.parametrize(
    ("identity", "status"),
    [
        ("prometheus.example", 200),
        ("::1", 200),
        ("scraper@example.com", 200),
        ("other.example", 403),
        ("127.0.0.1", 403),
        (None, 403),
    ],
)
async def test_only_allowed_names_get_in(site: Site, identity: str | None, status: int) -> None:
    """client_allowed_sans: a DNS name, an IP in Go's spelling, an e-mail; no certificate is no name."""
    site.write(
        "client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem,"
        " client_allowed_sans: [prometheus.example, '::1', scraper@example.com]"
    )
    certificate = site.clients.issue_cert(identity) if identity else None
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert await healthy(server, client(site.authority, certificate)) == status


async def test_renewed_certificate_serves_the_next_connection(site: Site) -> None:
    """New files are used at once, even when nobody could connect with the old certificate any more."""
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert await healthy(server, client(site.authority)) == 200
        renewed = trustme.CA()
        site.renew(renewed)
        assert await healthy(server, client(renewed)) == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await healthy(server, client(site.authority))


async def test_exchanged_client_authority_holds_at_once(site: Site) -> None:
    """A new client_ca_file lets the new authority's clients in and the old one's no more."""
    site.write(MUTUAL)
    async with serving(config=WebConfigWatcher(site.config)) as server:
        old = client(site.authority, site.clients.issue_cert("prometheus"))
        assert await healthy(server, old) == 200
        successor = trustme.CA()
        successor.cert_pem.write_to_path(str(site.ca))
        assert await healthy(server, client(site.authority, successor.issue_cert("prometheus"))) == 200
        with pytest.raises(aiohttp.ClientError):
            await healthy(server, old)


async def test_sessions_are_not_resumed(site: Site) -> None:
    """Every connection shows its certificate: a session from before would get around a new authority."""
    site.write(MUTUAL)
    tls = client(site.authority, site.clients.issue_cert("prometheus"))

    def connect(address: tuple[str, int]) -> tuple[bytes, bool]:
        with (
            socket.create_connection(address) as plain,
            tls.wrap_socket(plain, server_hostname=address[0]) as connection,
        ):
            connection.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            answer, session = connection.recv(12), connection.session
            assert session is not None
            return answer, session.has_ticket

    async with serving(config=WebConfigWatcher(site.config)) as server:
        answer, ticket = await asyncio.to_thread(connect, server.addresses[0])
    assert answer == b"HTTP/1.0 200"
    assert not ticket


async def test_bad_new_file_keeps_the_old_and_is_said_once(site: Site) -> None:
    """A certificate without its key: the old pair goes on, one warning; the key's arrival mends it."""
    async with serving(config=WebConfigWatcher(site.config)) as server:
        renewed = trustme.CA()
        issued = renewed.issue_cert("127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(str(site.cert))
        with capture_logs() as logs:
            for _ in range(3):
                assert await healthy(server, client(site.authority)) == 200
        assert [(entry["log_level"], entry["problems"]) for entry in logs] == [
            (
                "warning",
                [
                    (
                        f"{site.config}: tls_server_config.key_file: '{site.key}' does not belong to the "
                        f"certificate in '{site.cert}'"
                    )
                ],
            )
        ]
        issued.private_key_pem.write_to_path(str(site.key))
        assert await healthy(server, client(renewed)) == 200


async def test_users_and_headers_follow_the_file(site: Site) -> None:
    """Users and headers that are written while the server runs hold for the next request."""
    async with serving(config=WebConfigWatcher(site.config)) as server:
        site.write(
            rest="http_server_config: {headers: {X-Frame-Options: deny}}\n"
            "basic_auth_users: {a: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}\n"
        )
        answer = await ask(server, "/metrics", tls=client(site.authority))
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert answer.headers["X-Frame-Options"] == "deny"


async def test_broken_configuration_keeps_users(tmp_path: Path) -> None:
    """A file that becomes unreadable does not open the door."""
    file = tmp_path / "web.yml"
    file.write_text("basic_auth_users: {a: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}")
    async with serving(config=WebConfigWatcher(file)) as server:
        for spoil in (lambda: file.write_text("basic_auth_users: ["), file.unlink):
            spoil()
            with capture_logs() as logs:
                assert (await ask(server, "/metrics")).status == 401
                assert (await ask(server, "/metrics")).status == 401
            assert [entry["log_level"] for entry in logs] == ["warning"]


async def test_tls_settings_follow_the_file(site: Site) -> None:
    """Versions and the policy for client certificates hold for the next connection, without a restart."""
    async with serving(config=WebConfigWatcher(site.config)) as server:
        assert (await negotiated(server, client(site.authority)))[0] == "TLSv1.3"
        site.write("max_version: TLS12")
        assert (await negotiated(server, client(site.authority)))[0] == "TLSv1.2"
        site.write(MUTUAL)
        with pytest.raises(aiohttp.ClientError):
            await healthy(server, client(site.authority))


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("", "basic_auth_users, tls_server_config"),
        (
            f"tls_server_config: {{cert_file: cert.pem, key_file: key.pem, {MUTUAL}}}\n{USER}",
            "tls_server_config.client_allowed_sans",
        ),
        (
            "tls_server_config: {cert_file: cert.pem, key_file: key.pem}",
            (
                "basic_auth_users, tls_server_config.client_auth_type, tls_server_config.client_ca_file,"
                " tls_server_config.client_allowed_sans"
            ),
        ),
    ],
)
def test_door_is_not_opened_by_half_a_file(site: Site, less: str, more: str) -> None:
    """What would let in strangers, as half a file may, waits for a reload; said once."""
    site.write(f"{MUTUAL}, client_allowed_sans: [prometheus.example]", USER)
    config = WebConfigWatcher(site.config)
    before = config.settings
    site.config.write_text(less)
    with capture_logs() as logs:
        config.refresh()
        config.refresh()
    assert config.settings is before
    assert not config.up_to_date
    problem = (
        f"{site.config}: lets in more than before ({more});"
        " if this is intended, reload (SIGHUP or POST /-/reload) or restart"
    )
    assert [(entry["log_level"], entry["problems"]) for entry in logs] == [("warning", [problem])]
    config.reload()
    assert config.settings != before
    assert config.up_to_date


async def test_cut_file_does_not_admit_another_name(site: Site) -> None:
    """A file that is cut before client_allowed_sans: 403 as before, and all is well once it is whole."""
    whole = f"{MUTUAL}, client_allowed_sans: [prometheus.example]"
    site.write(whole)
    async with serving(config=(config := WebConfigWatcher(site.config))) as server:
        stranger = client(site.authority, site.clients.issue_cert("other.example"))
        known = client(site.authority, site.clients.issue_cert("prometheus.example"))
        for cut, up_to_date in ((MUTUAL, False), (whole, True)):
            site.write(cut)
            assert await healthy(server, stranger) == 403
            assert await healthy(server, known) == 200
            assert config.up_to_date is up_to_date


@pytest.mark.parametrize("pending", ["", "tls_server_config: ["], ids=["lets in more", "broken"])
async def test_certificates_are_renewed_while_a_change_is_not_taken_up(site: Site, pending: str) -> None:
    """The files of the configuration in use are followed, whatever has become of the configuration."""
    async with serving(config=WebConfigWatcher(site.config)) as server:
        site.config.write_text(pending)
        assert await healthy(server, client(site.authority)) == 200
        renewed = trustme.CA()
        site.renew(renewed)
        assert await healthy(server, client(renewed)) == 200


class Kept:
    """A connection that is kept open between requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def healthy(self) -> tuple[int, str] | None:
        """Status and the Connection header of the next answer; None if there is none, but an orderly end."""
        self._writer.write(HEALTHY)
        try:
            status, headers, _ = await told(self._reader)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return None
        return status, headers.get("Connection", "")


@asynccontextmanager
async def kept(server: Server, tls: ssl.SSLContext | None) -> AsyncIterator[Kept]:
    """A connection that has been used once."""
    reader, writer = await asyncio.open_connection(*server.addresses[0], ssl=tls)
    connection = Kept(reader, writer)
    assert await connection.healthy() == (200, "")
    try:
        yield connection
    finally:
        writer.transport.abort()


def exchange_authority(site: Site) -> None:
    trustme.CA().cert_pem.write_to_path(str(site.ca))


MORE_REQUIRED: dict[str, Callable[[Site], None]] = {
    "another client authority": exchange_authority,
    "allowed names": lambda site: site.write(f"{MUTUAL}, client_allowed_sans: [prometheus]"),
    "a higher version": lambda site: site.write(f"{MUTUAL}, min_version: TLS13"),
    "fewer suites": lambda site: site.write(
        f"{MUTUAL}, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]"
    ),
    "one curve": lambda site: site.write(f"{MUTUAL}, curve_preferences: [CurveP384]"),
}


@pytest.mark.parametrize("change", MORE_REQUIRED)
@pytest.mark.parametrize("reload", [False, True], ids=["file", "reload"])
async def test_kept_connection_ends_when_more_is_required(site: Site, change: str, reload: bool) -> None:
    """A connection from before the change is closed at its next request, without an answer."""
    site.write(MUTUAL)
    config = WebConfigWatcher(site.config)
    tls = client(site.authority, site.clients.issue_cert("prometheus"))
    async with serving(config=config) as server, kept(server, tls) as connection:
        MORE_REQUIRED[change](site)
        if reload:
            config.reload()
        assert await connection.healthy() is None


async def test_kept_connection_ends_when_tls_is_switched_on_and_off(site: Site) -> None:
    """Plain HTTP is not answered once there is TLS, nor the other way round."""
    with_tls = site.config.read_text()
    site.config.write_text("")
    config = WebConfigWatcher(site.config)
    async with serving(config=config) as server:
        async with kept(server, None) as plain:
            site.config.write_text(with_tls)
            assert await plain.healthy() is None
        async with kept(server, client(site.authority)) as secure:
            site.config.write_text("")
            assert await secure.healthy() == (200, "")
            config.reload()
            assert await secure.healthy() is None


async def test_kept_connection_ends_after_an_answer_when_the_certificate_is_renewed(site: Site) -> None:
    """The client is let in as before, so it is answered; the next connection gets the new certificate."""
    site.write(MUTUAL)
    tls = client(site.authority, site.clients.issue_cert("prometheus"))
    async with serving(config=WebConfigWatcher(site.config)) as server, kept(server, tls) as connection:
        site.renew(site.authority)
        assert await connection.healthy() == (200, "close")
        assert await connection.healthy() is None


async def test_kept_connection_goes_on_when_a_change_is_not_taken_up(site: Site) -> None:
    """A change that waits for a reload ends no connection."""
    site.write(MUTUAL)
    tls = client(site.authority, site.clients.issue_cert("prometheus"))
    async with serving(config=WebConfigWatcher(site.config)) as server, kept(server, tls) as connection:
        for pending in ("", "tls_server_config: ["):
            site.config.write_text(pending)
            assert await connection.healthy() == (200, "")


def test_bad_reload_keeps_what_connections_had_to_meet(site: Site) -> None:
    """After a reload that fails, the connections that were let in before it are let in, and no others."""
    config = WebConfigWatcher(site.config)
    first = config.tls()
    site.write(MUTUAL)
    second = config.tls()
    site.config.write_text("tsl: {}")
    with pytest.raises(ConfigurationError):
        config.reload()
    assert [config.still_admits(tls) for tls in (None, first, second)] == [False, False, True]


async def test_users_hold_on_kept_connections(site: Site) -> None:
    """Where users are added, the next request on a connection from before needs a password."""
    tls = client(site.authority)
    async with serving(config=WebConfigWatcher(site.config)) as server, kept(server, tls) as connection:
        site.write("", USER)
        found = await connection.healthy()
        assert found is not None
        assert found[0] == 401


def test_reload_says_what_is_wrong(site: Site) -> None:
    """An explicit reload raises the problems, and the old configuration holds."""
    config = WebConfigWatcher(site.config)
    before = config.settings
    site.config.write_text("tsl: {}")
    with pytest.raises(ConfigurationError, match="tsl: unknown key"):
        config.reload()
    assert config.settings is before


def test_reload_without_a_file_is_nothing() -> None:
    """Without --web.config.file there is nothing to read."""
    WebConfigWatcher().reload()

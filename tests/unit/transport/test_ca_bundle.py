"""Which authorities a connection trusts, and when a new file of them holds."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from structlog.testing import capture_logs
from support.wires import site, transport

from exporter.common.errors import TlsFailed
from exporter.transport.http import Request

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_authority_nobody_trusts_is_refused_and_ca_file_is_the_cure(tmp_path: Path) -> None:
    """A private cloud's certificate fails without its authority and works with it."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with site(serving) as served, transport() as http, transport(ca_file=ca_file) as trusted:
        with pytest.raises(TlsFailed, match="set ca_file"):
            await http.send(Request("GET", served.url))
        assert (await trusted.send(Request("GET", served.url))).status == 200


async def test_a_new_ca_file_is_trusted_at_the_next_request_and_the_old_one_no_longer(tmp_path: Path) -> None:
    """Certificate and authority are rotated under a running transport; old connections are left."""
    old, new = trustme.CA(), trustme.CA()
    before, after = (ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) for _ in range(2))
    old.issue_cert("127.0.0.1").configure_cert(before)
    new.issue_cert("127.0.0.1").configure_cert(after)
    ca_file = tmp_path / "ca.pem"
    old.cert_pem.write_to_path(str(ca_file))
    async with site(before) as left, site(after) as reached, transport(ca_file=ca_file) as http:
        assert (await http.send(Request("GET", left.url))).status == 200
        with pytest.raises(TlsFailed):
            await http.send(Request("GET", reached.url))
        replace(ca_file, new.cert_pem.bytes())
        assert (await http.send(Request("GET", reached.url))).status == 200
        with pytest.raises(TlsFailed):
            await http.send(Request("GET", left.url))


@pytest.mark.parametrize("content", [b"no certificate", b"", None], ids=["no PEM", "empty", "gone"])
async def test_a_bad_new_ca_file_is_told_once_and_the_old_one_stays_trusted(
    tmp_path: Path, content: bytes | None
) -> None:
    """A half-done rotation stops no poll; the log says what is wrong, once for each change."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.cert_pem.bytes())
    async with site(serving) as served, transport(ca_file=ca_file) as http:
        if content is None:
            ca_file.unlink()
        else:
            replace(ca_file, content)
        with capture_logs() as logs:
            for _ in range(3):
                assert (await http.send(Request("GET", served.url))).status == 200
            replace(ca_file, b"nor is this one")
            assert (await http.send(Request("GET", served.url))).status == 200
    assert [(entry["log_level"], entry["ca_file"]) for entry in logs] == [("warning", str(ca_file))] * 2
    assert all(entry["problem"] and "\n" not in entry["problem"] for entry in logs)


def replace(path: Path, content: bytes) -> None:
    """As rotation does it: another file takes the name, at once."""
    other = path.with_suffix(".new")
    other.write_bytes(content)
    other.replace(path)

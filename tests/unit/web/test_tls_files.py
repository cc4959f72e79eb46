from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from support.web.certificates import MUTUAL, Site

from exporter.common.errors import ConfigurationError
from exporter.web.config_watch import WebConfigWatcher

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def encrypted(key: bytes) -> bytes:
    return load_pem_private_key(key, password=None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )


def test_unreadable_files_are_all_named(site: Site) -> None:
    """Every missing file is a problem of its own."""
    site.write(MUTUAL)
    for file in (site.cert, site.key, site.ca):
        file.unlink()
    with pytest.raises(ConfigurationError) as caught:
        WebConfigWatcher(site.config)
    assert [str(problem) for problem in caught.value.problems] == [
        f"{site.config}: tls_server_config.{key}: '{file}' cannot be read: No such file or directory"
        for key, file in (("cert_file", site.cert), ("key_file", site.key), ("client_ca_file", site.ca))
    ]


@pytest.mark.parametrize("spoilt", ["cert", "key", "encrypted"])
def test_unusable_pair_is_a_problem(site: Site, spoilt: str) -> None:
    """No PEM, or a key that is encrypted (OpenSSL must not ask for its password on the terminal)."""
    match spoilt:
        case "cert":
            site.cert.write_text("no certificate")
        case "key":
            site.key.write_text("no key")
        case _:
            site.key.write_bytes(encrypted(site.key.read_bytes()))
    with pytest.raises(ConfigurationError) as caught:
        WebConfigWatcher(site.config)
    assert str(caught.value) == (
        f"{site.config}: tls_server_config.key_file: '{site.cert}' and '{site.key}' are not a usable pair:"
        " a PEM certificate and its unencrypted PEM key are needed"
    )


def test_authorities_without_a_certificate_are_a_problem(site: Site) -> None:
    """A client_ca_file with anything else in it is named."""
    site.write(MUTUAL)
    site.ca.write_text("nothing")
    with pytest.raises(ConfigurationError) as caught:
        WebConfigWatcher(site.config)
    assert str(caught.value) == (
        f"{site.config}: tls_server_config.client_ca_file: '{site.ca}' contains no usable certificate"
        " in PEM format"
    )

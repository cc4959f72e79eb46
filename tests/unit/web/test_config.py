from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.common.errors import ConfigurationError
from exporter.web.config import WebConfig, read_web_config

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config: {cert_file: a.pem, key_file: b.pem, %s}"


def written(directory: Path, text: str) -> Path:
    file = directory / "web.yml"
    file.write_text(text)
    return file


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """Three mistakes in three sections are three problems of one error."""
    text = "basic_auth_users: {a: b}\nhttp_server_config: {http3: true}\ntls_server_config: {cert_file: c}\n"
    with pytest.raises(ConfigurationError) as caught:
        read_web_config(written(tmp_path, text))
    assert len(caught.value.problems) == 3


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    """A path that leads nowhere is named, with the system's reason."""
    with pytest.raises(ConfigurationError) as caught:
        read_web_config(tmp_path / "none.yml")
    assert (
        str(caught.value)
        == f"web.config_file: '{tmp_path}/none.yml' cannot be read: No such file or directory"
    )


@pytest.mark.parametrize("text", ["", "tls_server_config: {}", "tls_server_config:\nbasic_auth_users:\n"])
def test_nothing_written_means_nothing_asked_for(tmp_path: Path, text: str) -> None:
    """Empty file, empty sections: plain HTTP for everybody, as in exporter-toolkit."""
    assert read_web_config(written(tmp_path, text)) == WebConfig()


def test_full_file_is_understood(tmp_path: Path) -> None:
    """Every supported key; files are relative to the configuration; hashes are not shown."""
    config = read_web_config(
        written(
            tmp_path,
            TLS % "client_auth_type: RequireAndVerifyClientCert, client_ca_file: /ca.pem,"
            " client_allowed_sans: [a], min_version: TLS12, max_version: TLS12, curve_preferences: [X25519],"
            " prefer_server_cipher_suites: false, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]"
            + f"""
http_server_config:
  http2: true
  headers: {{X-Frame-Options: deny, Strict-Transport-Security: max-age=1, Content-Security-Policy: ''}}
basic_auth_users: {{alice: {HASH}}}
""",
        )
    )
    tls = config.tls_server_config
    assert tls is not None
    assert [str(file) for file in tls.files] == [f"{tmp_path}/a.pem", f"{tmp_path}/b.pem", "/ca.pem"]
    assert config.http_server_config.headers.as_dict() == {
        "X-Frame-Options": "deny",
        "Strict-Transport-Security": "max-age=1",
        "X-Content-Type-Options": "nosniff",
    }
    assert config.basic_auth_users["alice"].get_secret_value() == HASH
    assert HASH not in repr(config)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.errors import ConfigurationError
from exporter.web import webconfig

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config: {cert_file: a.pem, key_file: b.pem, %s}"
AUTHORITIES_NEED_VERIFICATION = (
    ": tls_server_config: client_ca_file and client_allowed_sans"
    " need client_auth_type: RequireAndVerifyClientCert"
)
CLIENT_AUTH = (
    ": tls_server_config.client_auth_type:"
    " must be 'NoClientCert', 'VerifyClientCertIfGiven' or 'RequireAndVerifyClientCert'"
)
ONE_CURVE = (
    ": tls_server_config.curve_preferences:"
    " Python's ssl takes one curve; name one, or none for OpenSSL's own choice"
)
NO_ANCHORS = (
    ": is no proper YAML: aliases and anchors are not supported; quote text that starts with * or & in line 1"
)
LETS_IN = (
    ": tls_server_config.client_auth_type: RequireAnyClientCert lets unverified certificates in,"
    " which Python's ssl does not; use RequireAndVerifyClientCert"
)

MISTAKES = {
    "unknown-section": ("tls: {}", ": tls: unknown key"),
    "unknown-tls-key": (TLS % "ca: x", ": tls_server_config.ca: unknown key"),
    "no-key-file": ("tls_server_config: {cert_file: a.pem}", ": tls_server_config.key_file: is missing"),
    "empty-cert-file": (
        "tls_server_config: {cert_file: '', key_file: b.pem}",
        ": tls_server_config.cert_file: is empty",
    ),
    "inline-key": (
        TLS % "key: secret-key",
        ": tls_server_config.key: is not supported by this exporter; use key_file",
    ),
    "rate-limit": (
        "rate_limit: {burst: 1}",
        ": rate_limit: is not supported by this exporter; a scrape costs it next to nothing",
    ),
    "tls-version": (
        TLS % "min_version: TLS14",
        ": tls_server_config.min_version: must be 'TLS12' or 'TLS13'",
    ),
    "old-tls-version": (
        TLS % "max_version: TLS11",
        ": tls_server_config.max_version: TLS11 is not offered by today's OpenSSL; use TLS12 or TLS13",
    ),
    "versions-crossed": (
        TLS % "min_version: TLS13, max_version: TLS12",
        ": tls_server_config: min_version is above max_version",
    ),
    "client-auth": (
        TLS % "client_auth_type: Always",
        CLIENT_AUTH,
    ),
    "unverified-client-auth": (TLS % "client_auth_type: RequireAnyClientCert", LETS_IN),
    "authorities-unused": (TLS % "client_ca_file: ca.pem", AUTHORITIES_NEED_VERIFICATION),
    "names-unused": (TLS % "client_allowed_sans: [prometheus]", AUTHORITIES_NEED_VERIFICATION),
    "tls13-ciphers-only": (
        TLS % "cipher_suites: [TLS_AES_128_GCM_SHA256]",
        ": tls_server_config: cipher_suites leaves none for TLS 1.2; add one, or set min_version: TLS13",
    ),
    "curve": (
        TLS % "curve_preferences: [CurveP999]",
        ": tls_server_config.curve_preferences.0: must be 'CurveP256', 'CurveP384', 'CurveP521' or 'X25519'",
    ),
    "curves": (
        TLS % "curve_preferences: [X25519, CurveP256]",
        ONE_CURVE,
    ),
    "cipher-preference": (
        TLS % "prefer_server_cipher_suites: 'yes'",
        ": tls_server_config.prefer_server_cipher_suites: must be a valid boolean",
    ),
    "section-is-a-list": ("tls_server_config: [a]", ": tls_server_config: must hold keys and values"),
    "file-is-a-list": ("- a", ": must hold keys and values"),
    "not-yaml": (
        "basic_auth_users: {alice: pa55word",
        ": is no proper YAML: expected ',' or '}', but got '<stream end>' in line 1",
    ),
    "key-twice": (
        f"basic_auth_users:\n  bob: {HASH}\n  bob: {HASH}",
        ": is no proper YAML: a key stands twice in line 3",
    ),
    "anchor": (
        "basic_auth_users: &a {b: *a}",
        NO_ANCHORS,
    ),
    "nested": ("[" * 400, ": is nested too deeply"),
    "tls-version-is-a-list": (
        TLS % "min_version: [TLS12]",
        ": tls_server_config.min_version: must be 'TLS12' or 'TLS13'",
    ),
    "path-with-nul": (
        'tls_server_config: {cert_file: "a\\0b", key_file: b.pem}',
        ": tls_server_config.cert_file: has a NUL character in it, which no path has",
    ),
    "header": (
        "http_server_config: {headers: {X-Mine: a}}",
        ": http_server_config.headers.X-Mine: unknown key",
    ),
    "frame-options": (
        "http_server_config: {headers: {X-Frame-Options: never}}",
        ": http_server_config.headers.X-Frame-Options: must be 'deny' or 'sameorigin'",
    ),
    "content-type-options": (
        "http_server_config: {headers: {X-Content-Type-Options: sniff}}",
        ": http_server_config.headers.X-Content-Type-Options: must be 'nosniff'",
    ),
    "header-of-two-lines": (
        'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a"}}',
        ": http_server_config.headers.X-XSS-Protection: must be one line of printable characters",
    ),
    "http2": ("http_server_config: {http2: maybe}", ": http_server_config.http2: must be a valid boolean"),
    "plain-password": (
        "basic_auth_users: {alice: pa55word}",
        ": basic_auth_users.alice: is no bcrypt hash; make one with: htpasswd -nBC 10 ''",
    ),
    "number-as-user": (f"basic_auth_users: {{7: {HASH}}}", ": basic_auth_users.7: must be a valid string"),
}


def written(directory: Path, text: str) -> Path:
    file = directory / "web.yml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_has_its_message(tmp_path: Path, mistake: str) -> None:
    """One bad file per mistake: the file, the key and what is wrong, and nothing of a secret."""
    text, message = MISTAKES[mistake]
    with pytest.raises(ConfigurationError) as caught:
        webconfig.read(written(tmp_path, text))
    assert str(caught.value) == f"{tmp_path}/web.yml{message}"
    assert "pa55word" not in str(caught.value)
    assert "secret-key" not in str(caught.value)


def test_unknown_cipher_suite_names_those_known(tmp_path: Path) -> None:
    """A cipher suite in OpenSSL's spelling is refused, with Go's names as the choice."""
    with pytest.raises(ConfigurationError) as caught:
        webconfig.read(written(tmp_path, TLS % "cipher_suites: [AES128-SHA]"))
    (problem,) = caught.value.problems
    assert problem.where == f"{tmp_path}/web.yml: tls_server_config.cipher_suites.0"
    assert problem.what.startswith(
        "unknown cipher suite 'AES128-SHA'; known are TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "
    )


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """Three mistakes in three sections are three problems of one error."""
    text = "basic_auth_users: {a: b}\nhttp_server_config: {http3: true}\ntls_server_config: {cert_file: c}\n"
    with pytest.raises(ConfigurationError) as caught:
        webconfig.read(written(tmp_path, text))
    assert len(caught.value.problems) == 3


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    """A path that leads nowhere is named, with the system's reason."""
    with pytest.raises(ConfigurationError) as caught:
        webconfig.read(tmp_path / "none.yml")
    assert str(caught.value) == f"{tmp_path}/none.yml: cannot be read: No such file or directory"


@pytest.mark.parametrize("text", ["", "tls_server_config: {}", "tls_server_config:\nbasic_auth_users:\n"])
def test_nothing_written_means_nothing_asked_for(tmp_path: Path, text: str) -> None:
    """Empty file, empty sections: plain HTTP for everybody, as in exporter-toolkit."""
    assert webconfig.read(written(tmp_path, text)) == webconfig.WebConfig()


def test_full_file_is_understood(tmp_path: Path) -> None:
    """Every supported key; files are relative to the configuration; hashes are not shown."""
    config = webconfig.read(
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
    assert config.http_server_config.headers.by_name() == {
        "X-Frame-Options": "deny",
        "Strict-Transport-Security": "max-age=1",
        "X-Content-Type-Options": "nosniff",
    }
    assert config.basic_auth_users["alice"].get_secret_value() == HASH
    assert HASH not in repr(config)

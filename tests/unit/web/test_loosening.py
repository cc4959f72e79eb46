from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.web.config import (
    HttpServerConfig,
    RateLimit,
    ResponseHeaders,
    TlsServerConfig,
    WebConfig,
    read_web_config,
)
from exporter.web.loosening import lets_in_more

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.common.validation import Section

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
OTHER = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zK"
GCM, CHACHA = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
CA_A, CA_B = (f"-----BEGIN CERTIFICATE-----\\n{x}\\n-----END CERTIFICATE-----\\n" for x in "AB")


def tls(more: str = "", *, pair: str = "cert_file: c, key_file: k") -> str:
    return f"tls_server_config: {{{pair}, {more}}}"


def mutual(more: str = "client_ca_file: ca.pem") -> str:
    return tls(f"client_auth_type: RequireAndVerifyClientCert, {more}")


def optional(more: str = "client_ca_file: ca.pem") -> str:
    return tls(f"client_auth_type: VerifyClientCertIfGiven, {more}")


def users(text: str) -> str:
    return f"basic_auth_users: {{{text}}}"


def header(text: str) -> str:
    return f"http_server_config: {{headers: {{{text}}}}}"


def rate(interval: str, burst: int) -> str:
    return f"rate_limit: {{interval: {interval}, burst: {burst}}}"


def with_ca(*authorities: str) -> str:
    return mutual(f'client_ca: "{"".join(authorities)}"')


SANS, CA = "tls_server_config.client_allowed_sans", "tls_server_config.client_ca_file"
SUITES, CURVES = "tls_server_config.cipher_suites", "tls_server_config.curve_preferences"
HEADERS = "http_server_config.headers"

WAYS = [
    # strict, loose, the keys that let in more on the way from the one to the other
    (users(f"a: {HASH}"), "", ["basic_auth_users"]),
    (users(f"a: {HASH}"), users(f"a: {HASH}, b: {HASH}"), ["basic_auth_users"]),
    (tls(), "", ["tls_server_config"]),
    (mutual(), optional(), ["tls_server_config.client_auth_type"]),
    (mutual(), tls(), ["tls_server_config.client_auth_type", CA]),
    (optional(), tls(), ["tls_server_config.client_auth_type", CA]),
    (mutual(), mutual("client_ca_file: null"), [CA]),
    (with_ca(CA_A), with_ca(CA_A, CA_B), ["tls_server_config.client_ca"]),
    (with_ca(CA_A), mutual(""), ["tls_server_config.client_ca"]),
    (mutual("client_ca_file: c, client_allowed_sans: [a]"), mutual("client_ca_file: c"), [SANS]),
    (
        mutual("client_ca_file: c, client_allowed_sans: [a]"),
        mutual("client_ca_file: c, client_allowed_sans: [a, b]"),
        [SANS],
    ),
    (tls("min_version: TLS13"), tls(), ["tls_server_config.min_version"]),
    (tls(f"cipher_suites: [{GCM}]"), tls(), [SUITES]),
    (tls(f"cipher_suites: [{GCM}]"), tls(f"cipher_suites: [{GCM}, {CHACHA}]"), [SUITES]),
    (tls("curve_preferences: [CurveP384]"), tls(), [CURVES]),
    (header("X-Frame-Options: deny"), "", [f"{HEADERS}.X-Frame-Options"]),
    (
        header("X-Frame-Options: deny"),
        header("X-Frame-Options: sameorigin"),
        [f"{HEADERS}.X-Frame-Options"],
    ),
    (
        header("Strict-Transport-Security: max-age=31536000"),
        "",
        [f"{HEADERS}.Strict-Transport-Security"],
    ),
    (header("Content-Security-Policy: default-src none"), "", [f"{HEADERS}.Content-Security-Policy"]),
    (header("X-XSS-Protection: 1; mode=block"), "", [f"{HEADERS}.X-XSS-Protection"]),
    (rate("1s", 5), "", ["rate_limit"]),
    (rate("1s", 5), rate("0s", 5), ["rate_limit"]),
    (rate("1s", 5), rate("1s", 6), ["rate_limit"]),
    (rate("1s", 5), rate("500ms", 5), ["rate_limit"]),
    (
        f"{mutual()}\n{users(f'a: {HASH}')}\n{rate('1s', 5)}",
        "",
        ["basic_auth_users", "tls_server_config", "rate_limit"],
    ),
]

OTHERS = [
    # neither lets in less than the other, and both ways wait
    (mutual("client_ca_file: a"), mutual("client_ca_file: b"), [CA]),
    (with_ca(CA_A), with_ca(CA_B), ["tls_server_config.client_ca"]),
    (users(f"a: {HASH}"), users(f"b: {HASH}"), ["basic_auth_users"]),
    (
        mutual("client_ca_file: c, client_allowed_sans: [a]"),
        mutual("client_ca_file: c, client_allowed_sans: [b]"),
        [SANS],
    ),
    (tls("curve_preferences: [CurveP384]"), tls("curve_preferences: [X25519]"), [CURVES]),
    (
        header("Content-Security-Policy: default-src none"),
        header("Content-Security-Policy: default-src self"),
        [f"{HEADERS}.Content-Security-Policy"],
    ),
]

SAME = [
    # renewals, and what has nothing to do with who gets in: neither way waits
    (users(f"a: {HASH}"), users(f"a: {OTHER}")),
    (tls(), tls(pair="cert_file: new, key_file: new")),
    (tls(), tls("max_version: TLS12")),
    (tls(), tls("prefer_server_cipher_suites: false")),
    (tls("min_version: TLS13"), tls("min_version: TLS13, cipher_suites: [TLS_AES_128_GCM_SHA256]")),
    ("", "http_server_config: {http2: false}"),
    ("", rate("0s", 5)),
]


def _keys(old: WebConfig, new: WebConfig) -> Iterator[tuple[str, str, object, object]]:
    """Section and key with both values, for every key of the format."""
    sections: list[tuple[str, type[Section], Section | None, Section | None]] = [
        ("tls_server_config", TlsServerConfig, old.tls_server_config, new.tls_server_config),
        (
            "http_server_config.headers",
            ResponseHeaders,
            old.http_server_config.headers,
            new.http_server_config.headers,
        ),
        ("http_server_config", HttpServerConfig, old.http_server_config, new.http_server_config),
        ("rate_limit", RateLimit, old.rate_limit, new.rate_limit),
        ("web", WebConfig, old, new),
    ]
    for name, model, before, after in sections:
        for key in model.model_fields:
            yield name, key, getattr(before, key, None), getattr(after, key, None)


def changed(folder: Path, old: str, new: str) -> list[str]:
    return list(lets_in_more(read(folder, old), read(folder, new)))


def read(folder: Path, text: str) -> WebConfig:
    file = folder / "web.yml"
    file.write_text(text)
    return read_web_config(file)


@pytest.mark.parametrize(("strict", "loose", "keys"), WAYS)
def test_what_lets_in_more(tmp_path: Path, strict: str, loose: str, keys: list[str]) -> None:
    """Each key that lets in more is named; the way back, which lets in less, waits for nothing."""
    assert changed(tmp_path, strict, loose) == keys
    assert changed(tmp_path, loose, strict) == []


@pytest.mark.parametrize(("one", "other", "keys"), OTHERS)
def test_what_lets_in_others(tmp_path: Path, one: str, other: str, keys: list[str]) -> None:
    """Another client, or another policy of which nobody can say that it is stricter: named, both ways."""
    assert changed(tmp_path, one, other) == keys
    assert changed(tmp_path, other, one) == keys


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_lets_in_the_same(tmp_path: Path, one: str, other: str) -> None:
    """A renewed certificate or password, and what admits nobody, names nothing."""
    assert changed(tmp_path, one, other) == []
    assert changed(tmp_path, other, one) == []


def test_every_key_is_in_the_table(tmp_path: Path) -> None:
    """A key of the format that no line of these tables changes has not been thought about."""
    seen: set[str] = set()
    pairs = [(one, other) for one, other, _ in (*WAYS, *OTHERS)] + SAME
    for one, other in pairs:
        old, new = read(tmp_path, one), read(tmp_path, other)
        for section, key, before, after in _keys(old, new):
            if before != after:
                seen.add(f"{section}.{key}")
    every = {f"{section}.{key}" for section, key, _, _ in _keys(WebConfig(), WebConfig())}
    # Inline certificates are renewed like files. The only value of X-Content-Type-Options is the default.
    assert every - seen == {
        "tls_server_config.cert",
        "tls_server_config.key",
        "http_server_config.headers.x_content_type_options",
    }

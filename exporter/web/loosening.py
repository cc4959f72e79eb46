"""Which keys of a changed web configuration let in more than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.web.config import TLS13_CIPHERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from exporter.web.config import RateLimit, ResponseHeaders, TlsServerConfig, WebConfig

_CLIENT_AUTH = ("NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert")
"""Values of client_auth_type; each lets in less than the one before."""

_END = "-----END CERTIFICATE-----"


def lets_in_more(old: WebConfig, new: WebConfig) -> Iterator[str]:
    """The keys by which the new configuration lets in what the old one keeps out.

    This is a client, a version or algorithm of TLS, more requests, or what a header forbids to browsers.
    Renewals are not among them: another hash of a known user, another certificate of the server. Nor is a
    higher max_version. The content of the files that a configuration names is not looked at.
    """
    if _grown(old.basic_auth_users, new.basic_auth_users):
        yield "basic_auth_users"
    if old.tls_server_config and not new.tls_server_config:
        yield "tls_server_config"
    if old.tls_server_config and new.tls_server_config:
        for key in _tls_keys(old.tls_server_config, new.tls_server_config):
            yield f"tls_server_config.{key}"
    for name in _headers(old.http_server_config.headers, new.http_server_config.headers):
        yield f"http_server_config.headers.{name}"
    if _allows_more(old.rate_limit, new.rate_limit):
        yield "rate_limit"


def _grown(old: Collection[str], new: Collection[str]) -> bool:
    """Whether a list of what is allowed allows something new. Without a list, everything is allowed."""
    return bool(old) and (not new or not set(new) <= set(old))


def _tls_keys(old: TlsServerConfig, new: TlsServerConfig) -> Iterator[str]:
    if _CLIENT_AUTH.index(new.client_auth_type) < _CLIENT_AUTH.index(old.client_auth_type):
        yield "client_auth_type"
    if _grown(_authorities(old), _authorities(new)):
        yield "client_ca_file" if old.client_ca_file else "client_ca"
    if _grown(old.client_allowed_sans, new.client_allowed_sans):
        yield "client_allowed_sans"
    if new.min_version < old.min_version:
        yield "min_version"
    if new.min_version == "TLS12" and _grown(_suites(old), _suites(new)):
        yield "cipher_suites"
    if _grown(old.curve_preferences, new.curve_preferences):
        yield "curve_preferences"


def _authorities(tls: TlsServerConfig) -> frozenset[str]:
    """The file of the authorities, or the certificates within the configuration."""
    if tls.client_ca_file:
        return frozenset({str(tls.client_ca_file)})
    return frozenset(part.strip() for part in (tls.client_ca or "").split(_END) if part.strip())


def _suites(tls: TlsServerConfig) -> frozenset[str]:
    return frozenset(tls.cipher_suites) - TLS13_CIPHERS


def _headers(old: ResponseHeaders, new: ResponseHeaders) -> Iterator[str]:
    """Headers with another value, or none any more. Which value of a policy is stricter is not known here."""
    values = new.as_dict()
    for name, value in old.as_dict().items():
        now = values.get(name)
        if now != value and (name, now) != ("X-Frame-Options", "deny"):
            yield name


def _allows_more(old: RateLimit, new: RateLimit) -> bool:
    return bool(old.interval) and (new.interval < old.interval or new.burst > old.burst)

"""The operator's `tls_server_config` as an SSLContext; which client certificates are welcome."""

from __future__ import annotations

import ipaddress
import os
import ssl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.text import show_path_or_hide

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from exporter.web.config import TlsServerConfig

CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
"""Go's names, which the format uses, and OpenSSL's: the suites of TLS 1.2 that Go's crypto/tls lists."""

TLS13_CIPHERS = frozenset(
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
)
"""Always on and not to be chosen among, in Go as here; naming them changes nothing."""

CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
"""Go's names and OpenSSL's."""

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

_VERIFY = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


def server_context(settings: TlsServerConfig, *, where: str) -> ssl.SSLContext:
    """A new context with the certificate and authorities as they are now.

    A TLS session that began in another context cannot be resumed in it: each context has keys and a memory of
    its own. A resumed session's client does not show its certificate again, so a change of authorities would
    not reach it.

    Args:
        settings: checked.
        where: what the problems' `where` begins with.

    Raises:
        ConfigurationError: a file is missing, unreadable or not what it should be.
    """
    if (settings.cert or settings.key) and not hasattr(os, "memfd_create"):
        what = "certificates and keys within the configuration need Linux; use cert_file and key_file"
        raise ConfigurationError(Problem(where, what))
    unreadable = list(_unreadable(settings, where))
    if unreadable:
        raise ConfigurationError(*unreadable)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.min_version]
    context.maximum_version = _VERSIONS[settings.max_version]
    # No tickets, so that sessions are not resumed at all in TLS 1.3; in TLS 1.2 those that OpenSSL remembers
    # are, for two hours, which Python cannot switch off.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    chosen = [CIPHERS[name] for name in settings.cipher_suites if name in CIPHERS]
    if chosen:
        context.set_ciphers(":".join(chosen))
    if not settings.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    for curve in settings.curve_preferences:
        context.set_ecdh_curve(CURVES[curve])
    _load_certificate(context, settings, where)
    _load_authorities(context, settings, where)
    return context


def names_in(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The alternative names (DNS, IP, e-mail, URI) in a verified client certificate, from `getpeercert`."""
    alternatives: Collection[tuple[str, str]] = (certificate or {}).get("subjectAltName", ())
    return frozenset(
        # OpenSSL writes ::1 in full; operators write it as Go does.
        str(ipaddress.ip_address(name)) if kind == "IP Address" else name
        for kind, name in alternatives
    )


def _unreadable(settings: TlsServerConfig, where: str) -> Iterator[Problem]:
    """The ssl module does not say which of two files it could not open."""
    for key in ("cert_file", "key_file", "client_ca_file"):
        file: Path | None = getattr(settings, key)
        if file is None:
            continue
        try:
            file.read_bytes()
        except OSError as error:
            yield Problem(f"{where}.{key}", f"{show_path_or_hide(file)} cannot be read: {error.strerror}")


def _load_certificate(context: ssl.SSLContext, settings: TlsServerConfig, where: str) -> None:
    try:
        with (
            _as_file(settings.cert_file, settings.cert) as certificate,
            _as_file(settings.key_file, settings.key.get_secret_value() if settings.key else None) as key,
        ):
            # Without a password of its own, OpenSSL would ask on the terminal for an encrypted key's.
            context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        name, shown = ("key_file", settings.key_file) if settings.key_file else ("key", "key")
        if error.reason == "KEY_VALUES_MISMATCH":
            what = f"{shown} is not the key of {'cert_file' if settings.cert_file else 'cert'}"
        else:
            what = (
                f"{settings.cert_file or 'cert'} and {shown} are no usable pair:"
                " a PEM certificate and its unencrypted PEM key are needed"
            )
        raise ConfigurationError(Problem(f"{where}.{name}", what)) from error


def _load_authorities(context: ssl.SSLContext, settings: TlsServerConfig, where: str) -> None:
    context.verify_mode = _VERIFY[settings.client_auth_type]
    if settings.client_ca_file is None and not settings.client_ca:
        # As in Go: without authorities of one's own, the system's.
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    try:
        context.load_verify_locations(settings.client_ca_file, cadata=settings.client_ca or None)
    except (ssl.SSLError, ValueError) as error:  # ValueError: the text is not ASCII
        name = "client_ca_file" if settings.client_ca_file else "client_ca"
        what = f"{settings.client_ca_file or name} holds no PEM certificate"
        raise ConfigurationError(Problem(f"{where}.{name}", what)) from error


@contextmanager
def _as_file(file: Path | None, text: str | None) -> Iterator[Path]:
    """The file, or the text under a name; Python's ssl loads certificate and key from files alone.

    The text goes into a file that only this process has, in memory: no key gets onto a disk.
    """
    if file is not None:
        yield file
        return
    number = os.memfd_create("pem")
    try:
        with os.fdopen(number, "wb", closefd=False) as memory:
            memory.write((text or "").encode())
        yield Path(f"/proc/self/fd/{number}")
    finally:
        os.close(number)

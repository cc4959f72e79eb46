"""`tls_server_config` of the web configuration as an SSLContext, and the names in client certificates."""

from __future__ import annotations

import ipaddress
import os
import ssl
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.files import read_file
from exporter.common.text import quote_joined_path_or_hide
from exporter.web.config import CIPHERS, CURVES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from exporter.web.config import TlsServerConfig

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

_VERIFY = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


def server_context(settings: TlsServerConfig, *, where: str) -> ssl.SSLContext:
    """A new context, with certificate and authorities as the files contain them now.

    A TLS session of another context cannot be resumed in the new one. This matters because the client of a
    resumed session does not send its certificate again, so new authorities would not be checked.

    Args:
        settings: the validated section.
        where: the start of each problem's `where`.

    Raises:
        ConfigurationError: a file is missing, unreadable, or has the wrong content.
    """
    if (settings.cert or settings.key) and not hasattr(os, "memfd_create"):
        what = "certificates and keys inside the configuration need Linux; use cert_file and key_file"
        raise ConfigurationError(Problem(where, what))
    unreadable = list(_unreadable(settings, where))
    if unreadable:
        raise ConfigurationError(*unreadable)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.min_version]
    context.maximum_version = _VERSIONS[settings.max_version]
    # Without tickets, TLS 1.3 sessions are never resumed. TLS 1.2 sessions in OpenSSL's cache still are, for
    # two hours; Python cannot switch that off.
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


def requirements(settings: TlsServerConfig) -> object:
    """What connections must meet, clients' authorities included; equal if only the server's key differs."""
    authorities = b""
    if settings.client_ca_file:
        with suppress(ValueError):  # `server_context` reports it
            authorities = read_file(settings.client_ca_file)
    own = dict.fromkeys(("cert", "key", "cert_file", "key_file"))
    return settings.model_copy(update=own), authorities


def names_in(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The alternative names (DNS, IP, e-mail, URI) in a verified certificate of `getpeercert`."""
    alternatives: Collection[tuple[str, str]] = (certificate or {}).get("subjectAltName", ())
    return frozenset(
        # OpenSSL writes ::1 in full; operators write it in short, as Go does.
        str(ipaddress.ip_address(name)) if kind == "IP Address" else name
        for kind, name in alternatives
    )


def _unreadable(settings: TlsServerConfig, where: str) -> Iterator[Problem]:
    """A problem for each unreadable file: the ssl module does not say which one it could not open."""
    for key in ("cert_file", "key_file", "client_ca_file"):
        file: Path | None = getattr(settings, key)
        if file is None:
            continue
        try:
            read_file(file, quote_joined_path_or_hide)
        except ValueError as error:
            yield Problem(f"{where}.{key}", str(error))


def _load_certificate(context: ssl.SSLContext, settings: TlsServerConfig, where: str) -> None:
    try:
        with (
            _as_file(settings.cert_file, settings.cert) as certificate,
            _as_file(settings.key_file, settings.key.get_secret_value() if settings.key else None) as key,
        ):
            # Without this password, OpenSSL would ask for one on the terminal if the key is encrypted.
            context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        name = "key_file" if settings.key_file else "key"
        cert_shown, key_shown = _shown(settings.cert_file, "cert"), _shown(settings.key_file, "key")
        if error.reason == "KEY_VALUES_MISMATCH":
            what = f"{key_shown} does not belong to the certificate in {cert_shown}"
        else:
            what = (
                f"{cert_shown} and {key_shown} are not a usable pair:"
                " a PEM certificate and its unencrypted PEM key are needed"
            )
        raise ConfigurationError(Problem(f"{where}.{name}", what)) from error


def _load_authorities(context: ssl.SSLContext, settings: TlsServerConfig, where: str) -> None:
    context.verify_mode = _VERIFY[settings.client_auth_type]
    if settings.client_ca_file is None and not settings.client_ca:
        # As in Go: the system's authorities, if none are given.
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    try:
        context.load_verify_locations(settings.client_ca_file, cadata=settings.client_ca or None)
    except (ssl.SSLError, ValueError) as error:  # ValueError: the text is not ASCII
        name = "client_ca_file" if settings.client_ca_file else "client_ca"
        what = f"{_shown(settings.client_ca_file, name)} contains no usable certificate in PEM format"
        raise ConfigurationError(Problem(f"{where}.{name}", what)) from error


def _shown(file: Path | None, key: str) -> str:
    """A file in quotes, or the key whose text takes its place."""
    return quote_joined_path_or_hide(file) if file else key


@contextmanager
def _as_file(file: Path | None, text: str | None) -> Iterator[Path]:
    """The path of the file, or of a temporary file with the text: Python's ssl loads only from files.

    The temporary file is in memory and belongs to this process alone, so no key is written to a disk.
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

"""The file behind --web.config.file, in the format of Prometheus' exporter-toolkit, validated.

The format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
Options that Python's ssl and aiohttp do not have are reported as problems, never ignored. The one exception:
`http2` is accepted and has no effect, because a client that offers HTTP/2 falls back to HTTP/1.1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from exporter.common.errors import ConfigurationError
from exporter.common.text import quote_or_hide
from exporter.common.validation import Section, path_of, problems_of, text_or_file
from exporter.common.yaml import Unquoted, read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

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
"""The suites of TLS 1.2 that Go's crypto/tls lists: Go's names, which the format uses, and OpenSSL's."""

TLS13_CIPHERS = frozenset(
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
)
"""Always on, in Go as here; naming them has no effect."""

CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
"""Go's names of curves, and OpenSSL's."""

_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
"""Version, cost, salt and hash. The salt's last letter has unused bits, which must be 0 for bcrypt."""

_SUITE = re.compile("[A-Z]{2,6}([_-][A-Z0-9]{1,8}){2,8}")
"""The form of a cipher suite's name, Go's or OpenSSL's. No key has it, so such a name can be quoted."""


_TRUE = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}
_FALSE = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"([+-]?)((?:{_PART.pattern})+)", re.ASCII)
_MAX_SECONDS = 2**63 / 1e9
"""Seconds. Go counts nanoseconds in 64 bits."""

_EXAMPLES = "write it like 500ms, 30s or 1h30m"


def _boolean(value: object) -> object:
    """A boolean of YAML 1.1."""
    if isinstance(value, Unquoted) and value in _TRUE | _FALSE:
        return value in _TRUE
    raise ValueError("must be true or false")


def _whole(value: object) -> object:
    """A whole number, also in hexadecimal or octal, as in Go."""
    try:
        if isinstance(value, Unquoted):
            return int(value, 0)
    except ValueError:
        pass
    raise ValueError("must be a whole number, like 8")


def _seconds(value: object) -> object:
    """A duration as Go's ParseDuration accepts it (`1h30m`, `1.5s`, `200ms`), in seconds.

    The configuration has a stricter notation, with days and without signs and fractions: `parse_duration`.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be a duration; {_EXAMPLES}")  # noqa: TRY004  (pydantic reports ValueErrors)
    if re.fullmatch(r"[+-]?0+", value):
        return 0.0
    if re.fullmatch(r"[+-]?\d+", value):
        raise ValueError(f"'{value}' has no unit; {_EXAMPLES}")
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ValueError(f"is no duration; {_EXAMPLES}")
    length = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(found[2]))
    if length > _MAX_SECONDS:
        raise ValueError("is longer than 292 years, the longest duration in Go")
    if found[1] == "-" and length:
        raise ValueError("must not be negative; leave rate_limit out for no limit")
    return length


def _file(value: object, info: ValidationInfo) -> Path:
    """A path, relative to the web configuration file, as in exporter-toolkit."""
    if not isinstance(value, str):
        raise ValueError("must be the path of a file")  # noqa: TRY004  (pydantic reports ValueErrors)
    if not value or "\0" in value:
        raise ValueError("contains a NUL character; give a path without it" if value else "is empty")
    context: Mapping[str, Path] = info.context or {}
    return context["directory"] / value


def _version(value: object) -> object:
    if value in ("TLS10", "TLS11"):
        raise ValueError(f"{value} is not supported by current versions of OpenSSL; use TLS12 or TLS13")
    return value


def _client_auth(value: object) -> object:
    if value == "":
        return "NoClientCert"
    if value in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
        raise ValueError(
            f"{value} accepts unverified certificates, which Python's ssl does not;"
            " use RequireAndVerifyClientCert"
        )
    return value


def _cipher(value: str) -> str:
    shown = f"'{value}'" if _SUITE.fullmatch(value) else quote_or_hide(value)
    if value.startswith("TLS_RSA_") and _SUITE.fullmatch(value):
        raise ValueError(f"{value} has no forward secrecy, and Go has removed it; use a TLS_ECDHE_ suite")
    if value not in CIPHERS and value not in TLS13_CIPHERS:
        raise ValueError(f"unknown cipher suite {shown}; known are {', '.join(CIPHERS)}")
    return value


def _curves(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > 1:
        raise ValueError("Python's ssl supports only one curve; name one, or none for OpenSSL's default")
    return value


def _header(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    return value


def _hash(value: object) -> object:
    """A user without a hash is a problem: to drop the last user would switch authentication off."""
    return "" if value is None else value


def _bcrypt(value: SecretStr) -> SecretStr:
    if not _BCRYPT.fullmatch(value.get_secret_value()):
        raise ValueError("is no bcrypt hash; make one with: htpasswd -nBC 10 ''")
    return value


_Boolean = Annotated[bool, BeforeValidator(_boolean)]
_WholeNumber = Annotated[int, BeforeValidator(_whole)]
_Duration = Annotated[float, BeforeValidator(_seconds)]
_File = Annotated[Path, BeforeValidator(_file)]
_Version = Annotated[Literal["TLS12", "TLS13"], BeforeValidator(_version)]
_ClientAuth = Annotated[
    Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"],
    BeforeValidator(_client_auth),
]
_Curve = Literal["CurveP256", "CurveP384", "CurveP521", "X25519"]
_Header = Annotated[str, AfterValidator(_header)]


class TlsServerConfig(Section):
    """`tls_server_config`: HTTPS, and which client certificates are required."""

    cert: str | None = None
    key: SecretStr | None = None
    client_ca: str | None = None
    cert_file: _File | None = Field(default=None, validate_default=True)
    key_file: _File | None = Field(default=None, validate_default=True)
    client_auth_type: _ClientAuth = "NoClientCert"
    client_ca_file: _File | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: _Version = "TLS12"
    max_version: _Version = "TLS13"
    cipher_suites: tuple[Annotated[str, AfterValidator(_cipher)], ...] = ()
    prefer_server_cipher_suites: _Boolean = True
    curve_preferences: Annotated[tuple[_Curve, ...], AfterValidator(_curves)] = ()

    @field_validator("cert_file", "key_file")
    @classmethod
    def _one_certificate_and_key(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return text_or_file(file, info)

    @field_validator("client_ca_file")
    @classmethod
    def _at_most_one_client_ca(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return text_or_file(file, info, required=False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version")
        if self.client_auth_type == "NoClientCert" and (
            self.client_ca or self.client_ca_file or self.client_allowed_sans
        ):
            raise ValueError(
                "client_ca, client_ca_file and client_allowed_sans need"
                " client_auth_type: RequireAndVerifyClientCert"
            )
        if (
            self.min_version == "TLS12"
            and self.cipher_suites
            and TLS13_CIPHERS.issuperset(self.cipher_suites)
        ):
            raise ValueError("cipher_suites has no suite for TLS 1.2; add one, or set min_version: TLS13")
        return self

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are read in addition to the configuration."""
        return tuple(file for file in (self.cert_file, self.key_file, self.client_ca_file) if file)


class ResponseHeaders(Section):
    """`headers`: added to every response; the set is exporter-toolkit's."""

    strict_transport_security: _Header = Field("", alias="Strict-Transport-Security")
    x_content_type_options: Literal["nosniff"] = Field("nosniff", alias="X-Content-Type-Options")
    x_frame_options: Literal["deny", "sameorigin"] | None = Field(None, alias="X-Frame-Options")
    x_xss_protection: _Header = Field("", alias="X-XSS-Protection")
    content_security_policy: _Header = Field("", alias="Content-Security-Policy")

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, section: object) -> object:
        """A header without a value is blank, which is not the same as not given."""
        if not isinstance(section, dict):
            return section
        return {name: "" if value is None else value for name, value in section.items()}

    def as_dict(self) -> dict[str, str]:
        """Values by header name, without the blank ones, which are not sent."""
        return {name: value for name, value in self.model_dump(by_alias=True).items() if value}


class HttpServerConfig(Section):
    """`http_server_config`."""

    http2: _Boolean = True
    headers: ResponseHeaders = ResponseHeaders()


class RateLimit(Section):
    """`rate_limit`: a token bucket for all requests together.

    Attributes:
        interval: seconds between two tokens; 0 for no limit.
        burst: tokens in a full bucket. Each request takes one.
    """

    interval: _Duration = 0.0
    burst: _WholeNumber = 0

    @model_validator(mode="after")
    def _burst_is_positive(self) -> Self:
        if self.interval and self.burst < 1:
            raise ValueError("burst must be 1 or more; with 0 every request is refused")
        return self


class WebConfig(Section):
    """The whole file. An empty one means plain HTTP without authentication."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: dict[str, Annotated[SecretStr, BeforeValidator(_hash), AfterValidator(_bcrypt)]] = (
        Field(default={})
    )
    rate_limit: RateLimit = RateLimit()

    @field_validator("tls_server_config", mode="before")
    @classmethod
    def _empty_is_none(cls, section: object) -> object:
        return None if section == {} else section


def read_web_config(path: Path) -> WebConfig:
    """Read and validate the file, but none of the files that it names.

    Raises:
        ConfigurationError: with every problem; `where` is the file and the key, joined by a colon.
    """
    content, repeated = read_yaml(path, setting="web.config_file")
    try:
        config = WebConfig.model_validate(content, context={"directory": path.parent})
    except ValidationError as error:
        invalid = problems_of(error, WebConfig, lambda location: f"{path}: {path_of(location)}")
        raise ConfigurationError(*repeated, *invalid) from None
    if repeated:
        raise ConfigurationError(*repeated)
    return config

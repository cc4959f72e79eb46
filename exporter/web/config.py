"""The file behind --web.config.file, in the format of Prometheus' exporter-toolkit, checked.

The format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
What it offers and Python's ssl and aiohttp cannot do is a problem that says so, never ignored in silence. The
one exception: `http2` is accepted and changes nothing, since a client that offers HTTP/2 falls back to 1.1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.text import quote_or_hide, show_key_or_hide
from exporter.web.config_file import parsed, seconds, truth, whole
from exporter.web.tls import CIPHERS, TLS13_CIPHERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
"""Version, cost, salt and hash. The salt's last letter has bits to spare, which bcrypt wants to be 0."""

_SUITE = re.compile("[A-Z]{2,6}([_-][A-Z0-9]{1,8}){2,8}")
"""What the name of a cipher suite looks like, Go's or OpenSSL's; no key does."""


def _file(value: object, info: ValidationInfo) -> Path:
    """Relative to the web configuration file, as in exporter-toolkit."""
    if not isinstance(value, str):
        raise ValueError("must be a file's name")  # noqa: TRY004  (pydantic reports ValueErrors)
    if not value or "\0" in value:
        raise ValueError("is no file's name" if value else "is empty")
    context: Mapping[str, Path] = info.context or {}
    return context["directory"] / value


def _version(value: object) -> object:
    if value in ("TLS10", "TLS11"):
        raise ValueError(f"{value} is not offered by today's OpenSSL; use TLS12 or TLS13")
    return value


def _client_auth(value: object) -> object:
    if value == "":
        return "NoClientCert"
    if value in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
        raise ValueError(
            f"{value} lets unverified certificates in, which Python's ssl does not;"
            " use RequireAndVerifyClientCert"
        )
    return value


def _cipher(value: str) -> str:
    shown = f"'{value}'" if _SUITE.fullmatch(value) else quote_or_hide(value)
    if value.startswith("TLS_RSA_") and _SUITE.fullmatch(value):
        raise ValueError(f"{value} has no forward secrecy, and Go has dropped it; name a TLS_ECDHE_ suite")
    if value not in CIPHERS and value not in TLS13_CIPHERS:
        raise ValueError(f"unknown cipher suite {shown}; known are {', '.join(CIPHERS)}")
    return value


def _curves(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > 1:
        raise ValueError("Python's ssl takes one curve; name one, or none for OpenSSL's own choice")
    return value


def _header(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    return value


def _hash(value: object) -> object:
    """A user without a hash is a mistake; to leave the user out would open the door."""
    return "" if value is None else value


def _bcrypt(value: SecretStr) -> SecretStr:
    if not _BCRYPT.fullmatch(value.get_secret_value()):
        raise ValueError("is no bcrypt hash; make one with: htpasswd -nBC 10 ''")
    return value


_Truth = Annotated[bool, BeforeValidator(truth)]
_Whole = Annotated[int, BeforeValidator(whole)]
_Seconds = Annotated[float, BeforeValidator(seconds)]
_File = Annotated[Path, BeforeValidator(_file)]
_Version = Annotated[Literal["TLS12", "TLS13"], BeforeValidator(_version)]
_ClientAuth = Annotated[
    Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"],
    BeforeValidator(_client_auth),
]
_Curve = Literal["CurveP256", "CurveP384", "CurveP521", "X25519"]
_Header = Annotated[str, AfterValidator(_header)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _given(cls, section: object) -> object:
        """A key without a value means as much as none."""
        if not isinstance(section, dict):
            return section
        return {name: value for name, value in section.items() if value is not None}


class TlsServerConfig(_Section):
    """`tls_server_config`: HTTPS, and which client certificates are asked for."""

    cert: str | None = None
    key: SecretStr | None = None
    client_ca: str | None = None
    cert_file: _File | None = None
    key_file: _File | None = None
    client_auth_type: _ClientAuth = "NoClientCert"
    client_ca_file: _File | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: _Version = "TLS12"
    max_version: _Version = "TLS13"
    cipher_suites: tuple[Annotated[str, AfterValidator(_cipher)], ...] = ()
    prefer_server_cipher_suites: _Truth = True
    curve_preferences: Annotated[tuple[_Curve, ...], AfterValidator(_curves)] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name, needed in (("cert", True), ("key", True), ("client_ca", False)):
            text, file = getattr(self, name), getattr(self, f"{name}_file")
            if text and file:
                raise ValueError(f"has both {name} and {name}_file; leave one out")
            if needed and not text and not file:
                raise ValueError(f"{name}_file (or {name}) is missing; leave the section out for plain HTTP")
        return self

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
            raise ValueError("cipher_suites leaves none for TLS 1.2; add one, or set min_version: TLS13")
        return self

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that is read besides the configuration itself."""
        return tuple(file for file in (self.cert_file, self.key_file, self.client_ca_file) if file)


class Headers(_Section):
    """`headers`: what is added to every answer; the set is exporter-toolkit's."""

    strict_transport_security: _Header = Field("", alias="Strict-Transport-Security")
    x_content_type_options: Literal["nosniff"] = Field("nosniff", alias="X-Content-Type-Options")
    x_frame_options: Literal["deny", "sameorigin"] | None = Field(None, alias="X-Frame-Options")
    x_xss_protection: _Header = Field("", alias="X-XSS-Protection")
    content_security_policy: _Header = Field("", alias="Content-Security-Policy")

    @model_validator(mode="before")
    @classmethod
    def _given(cls, section: object) -> object:
        """A header without a value is a blank one."""
        if not isinstance(section, dict):
            return section
        return {name: "" if value is None else value for name, value in section.items()}

    def by_name(self) -> dict[str, str]:
        """Header names and values; a blank one is not sent."""
        return {name: value for name, value in self.model_dump(by_alias=True).items() if value}


class HttpServerConfig(_Section):
    """`http_server_config`."""

    http2: _Truth = True
    headers: Headers = Headers()


class RateLimit(_Section):
    """`rate_limit`: of all requests together, as a token bucket.

    Attributes:
        interval: seconds until the next token comes; 0 for no limit.
        burst: tokens that the bucket holds, each for one request.
    """

    interval: _Seconds = 0.0
    burst: _Whole = 0

    @model_validator(mode="after")
    def _lets_some_through(self) -> Self:
        if self.interval and self.burst < 1:
            raise ValueError("burst must be 1 or more, else every request is refused")
        return self


class WebConfig(_Section):
    """The whole file. An empty one means plain HTTP, open to everybody."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: dict[str, Annotated[SecretStr, BeforeValidator(_hash), AfterValidator(_bcrypt)]] = {}
    rate_limit: RateLimit = RateLimit()

    @field_validator("tls_server_config", mode="before")
    @classmethod
    def _empty_is_none(cls, section: object) -> object:
        return None if section == {} else section


def read(path: Path) -> WebConfig:
    """Read and check the file, but none of the files that it names.

    Raises:
        ConfigurationError: with every problem; `where` is the file and the key, joined by a colon.
    """
    try:
        return WebConfig.model_validate(parsed(path), context={"directory": path.parent})
    except ValidationError as error:
        raise ConfigurationError(*(_problem(path, detail) for detail in error.errors())) from None


def _problem(path: Path, detail: ErrorDetails) -> Problem:
    key = ".".join(_keys(detail))
    return Problem(f"{path}: {key}", _sentence(detail))


def _keys(detail: ErrorDetails) -> Iterator[str]:
    return (show_key_or_hide(str(part)) for part in detail["loc"] if part != "[key]")


def _sentence(detail: ErrorDetails) -> str:
    """Pydantic's finding in the words of this program's other problems."""
    match detail["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "model_type" | "dict_type":
            return "must hold keys and values"
        case "tuple_type":
            return "must be a list"
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            return detail["msg"].replace("Input should be", "must be")

"""The file behind --web.config.file, in the format of Prometheus' exporter-toolkit, checked.

The format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
What it offers and Python's ssl and aiohttp cannot do is a problem that says so, never ignored in silence. The
one exception: `http2` is accepted and changes nothing, since a client that offers HTTP/2 falls back to 1.1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from exporter.errors import ConfigurationError, Problem
from exporter.plain_yaml import PlainLoader
from exporter.web.tls import CIPHERS, TLS13_CIPHERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")

_UNSUPPORTED = {
    "tls_server_config.cert": "is not supported by this exporter; use cert_file",
    "tls_server_config.key": "is not supported by this exporter; use key_file",
    "tls_server_config.client_ca": "is not supported by this exporter; use client_ca_file",
    "rate_limit": "is not supported by this exporter; a scrape costs it next to nothing",
}


def _file(value: Path, info: ValidationInfo) -> Path:
    """Relative to the web configuration file, as in exporter-toolkit."""
    if value == Path():
        raise ValueError("is empty")
    if "\0" in str(value):
        raise ValueError("has a NUL character in it, which no path has")
    context: Mapping[str, Path] = info.context or {}
    return context["directory"] / value


def _version(value: object) -> object:
    if value in ("TLS10", "TLS11"):  # not a set: the value may be a list
        raise ValueError(f"{value} is not offered by today's OpenSSL; use TLS12 or TLS13")
    return value


def _client_auth(value: object) -> object:
    if value in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
        raise ValueError(
            f"{value} lets unverified certificates in, which Python's ssl does not;"
            " use RequireAndVerifyClientCert"
        )
    return value


def _cipher(value: str) -> str:
    if value not in CIPHERS and value not in TLS13_CIPHERS:
        raise ValueError(f"unknown cipher suite {value!r}; known are {', '.join(CIPHERS)}")
    return value


def _curves(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > 1:
        raise ValueError("Python's ssl takes one curve; name one, or none for OpenSSL's own choice")
    return value


def _header(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    return value


def _bcrypt(value: SecretStr) -> SecretStr:
    if not _BCRYPT.fullmatch(value.get_secret_value()):
        raise ValueError("is no bcrypt hash; make one with: htpasswd -nBC 10 ''")
    return value


_File = Annotated[Path, AfterValidator(_file)]
_Version = Annotated[Literal["TLS12", "TLS13"], BeforeValidator(_version)]
_ClientAuth = Annotated[
    Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"],
    BeforeValidator(_client_auth),
]
_Curve = Literal["CurveP256", "CurveP384", "CurveP521", "X25519"]
_Header = Annotated[str, AfterValidator(_header)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsServerConfig(_Section):
    """`tls_server_config`: HTTPS, and which client certificates are asked for."""

    cert_file: _File
    key_file: _File
    client_auth_type: _ClientAuth = "NoClientCert"
    client_ca_file: _File | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: _Version = "TLS12"
    max_version: _Version = "TLS13"
    cipher_suites: tuple[Annotated[str, AfterValidator(_cipher)], ...] = ()
    prefer_server_cipher_suites: StrictBool = True
    curve_preferences: Annotated[tuple[_Curve, ...], AfterValidator(_curves)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version")
        if self.client_auth_type == "NoClientCert" and (self.client_ca_file or self.client_allowed_sans):
            raise ValueError(
                "client_ca_file and client_allowed_sans need client_auth_type: RequireAndVerifyClientCert"
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
        certificate = (self.cert_file, self.key_file)
        return (*certificate, self.client_ca_file) if self.client_ca_file else certificate


class Headers(_Section):
    """`headers`: what is added to every answer; the set is exporter-toolkit's."""

    strict_transport_security: _Header = Field("", alias="Strict-Transport-Security")
    x_content_type_options: Literal["nosniff"] = Field("nosniff", alias="X-Content-Type-Options")
    x_frame_options: Literal["deny", "sameorigin"] | None = Field(None, alias="X-Frame-Options")
    x_xss_protection: _Header = Field("", alias="X-XSS-Protection")
    content_security_policy: _Header = Field("", alias="Content-Security-Policy")

    def by_name(self) -> dict[str, str]:
        """Header names and values; a blank one is not sent."""
        return {name: value for name, value in self.model_dump(by_alias=True).items() if value}


class HttpServerConfig(_Section):
    """`http_server_config`."""

    http2: StrictBool = True
    headers: Headers = Headers()


class WebConfig(_Section):
    """The whole file. An empty one means plain HTTP, open to everybody."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: dict[str, Annotated[SecretStr, AfterValidator(_bcrypt)]] = {}


def read(path: Path) -> WebConfig:
    """Read and check the file, but none of the files that it names.

    Raises:
        ConfigurationError: with every problem; `where` is the file and the key, joined by a colon.
    """
    try:
        return WebConfig.model_validate(_present(_parsed(path)), context={"directory": path.parent})
    except ValidationError as error:
        raise ConfigurationError(*(_problem(path, detail) for detail in error.errors())) from None


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.load(path.read_bytes(), _Loader)  # noqa: S506  (a SafeLoader)
    except OSError as error:
        raise ConfigurationError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    except yaml.MarkedYAMLError as error:
        # Not the error's own text: it quotes the line, which may hold a password.
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(Problem(str(path), f"is no proper YAML: {error.problem}{line}")) from None
    except RecursionError:
        raise ConfigurationError(Problem(str(path), "is nested too deeply")) from None
    except (yaml.YAMLError, ValueError, OverflowError):  # a date or a number that there is not
        raise ConfigurationError(Problem(str(path), "is no proper YAML")) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(Problem(str(path), "must hold keys and values"))
    return content


class _Loader(PlainLoader):
    """Refuses a key that stands twice: which of two passwords of one user holds must not be a guess."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, "a key stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _present(section: Mapping[str, Any]) -> dict[str, Any]:
    """Without the keys that have no value, and without an empty TLS section: both mean as much as nothing."""
    return {
        name: _present(value) if isinstance(value, dict) else value
        for name, value in section.items()
        if value is not None and not (name == "tls_server_config" and value == {})
    }


def _problem(path: Path, detail: ErrorDetails) -> Problem:
    key = ".".join(_keys(detail))
    return Problem(f"{path}: {key}", _UNSUPPORTED.get(key) or _sentence(detail))


def _keys(detail: ErrorDetails) -> Iterator[str]:
    return (str(part) for part in detail["loc"] if part != "[key]")


def _sentence(detail: ErrorDetails) -> str:
    """Pydantic's finding in the words of this program's other problems."""
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "unknown key"
        case "model_type" | "dict_type":
            return "must hold keys and values"
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            return detail["msg"].replace("Input should be", "must be")

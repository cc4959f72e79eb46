"""The forms of credentials that a project may have in the configuration; it has exactly one, or none.

Without any, credentials are looked for in the usual places, which is not for the settings to know.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (pydantic reads the annotations)
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    ValidationInfo,
    field_validator,
)

from exporter.common.text import quote_path_or_hide
from exporter.settings.base import Section, SiblingError, Text, keys_of
from exporter.settings.types import SecretFile, read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

_Secret = Annotated[SecretStr, Field(min_length=1)]

_NO_KEY = "holds a space or a character that no key has; was it cut or quoted wrongly?"


def _is_key(text: str) -> bool:
    """Whether it can go into a header; white space around it does not count."""
    text = text.strip()
    return text.isascii() and text.isprintable() and " " not in text


def _key(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("is empty")
    if not _is_key(secret.get_secret_value()):
        raise ValueError(_NO_KEY)
    return secret


def _key_file(path: Path) -> Path:
    if not _is_key(read_file(path).decode("utf-8-sig", errors="replace")):
        raise ValueError(f"{quote_path_or_hide(path)} {_NO_KEY}")
    return path


_Key = Annotated[_Secret, AfterValidator(_key)]
"""An access key, secret key or security token. A password may be anything."""

_KeyFile = Annotated[SecretFile, AfterValidator(_key_file)]


def _one_of_two(file: Path | None, info: ValidationInfo, *, required: bool = True) -> Path | None:
    """A secret is given in the configuration (`sk`) or in a file (`sk_file`), not both."""
    name = (info.field_name or "").removesuffix("_file")
    if name not in info.data:  # wrong by itself, which is a problem of its own
        return file
    if file and info.data[name]:
        raise ValueError(f"{name} is given too; keep one of them")
    if required and not file and not info.data[name]:
        raise SiblingError(name, f"is missing; give {name} or {name}_file")
    return file


def _either(secret: SecretStr | None, file: Path | None) -> SecretStr | Path:
    either = file or secret
    if either is None:  # `_one_of_two` saw to it
        raise AssertionError
    return either


class KeysForm(Section):
    """An access key and its secret key; with a security token when they are temporary."""

    ak: _Key | None = None
    ak_file: _KeyFile | None = Field(default=None, validate_default=True)
    sk: _Key | None = None
    sk_file: _KeyFile | None = Field(default=None, validate_default=True)
    security_token: _Key | None = None
    security_token_file: _KeyFile | None = Field(default=None, validate_default=True)

    @field_validator("ak_file", "sk_file")
    @classmethod
    def _one_key(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return _one_of_two(file, info)

    @field_validator("security_token_file")
    @classmethod
    def _at_most_one_token(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return _one_of_two(file, info, required=False)

    @property
    def access_key(self) -> SecretStr | Path:
        """The access key, or the file that holds it."""
        return _either(self.ak, self.ak_file)

    @property
    def secret_key(self) -> SecretStr | Path:
        """The secret key, or the file that holds it."""
        return _either(self.sk, self.sk_file)

    @property
    def token(self) -> SecretStr | Path | None:
        """The security token, or the file that holds it; None for a permanent key."""
        return self.security_token_file or self.security_token


class PasswordForm(Section):
    """An IAM user, who logs in for a token."""

    username: Text
    password: _Secret | None = None
    password_file: SecretFile | None = Field(default=None, validate_default=True)
    domain: Text

    @field_validator("password_file")
    @classmethod
    def _one_password(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return _one_of_two(file, info)

    @property
    def secret(self) -> SecretStr | Path:
        """The password, or the file that holds it."""
        return _either(self.password, self.password_file)


def _chosen(agency: bool) -> bool:
    if not agency:
        raise ValueError("must be true, or left out")
    return agency


class AgencyForm(Section):
    """The agency of the ECS that the exporter runs on."""

    agency: Annotated[bool, AfterValidator(_chosen)]


_FORMS: Mapping[str, type[Section]] = {"<keys>": KeysForm, "<password>": PasswordForm, "<agency>": AgencyForm}
"""By tag. The brackets keep the tags, which pydantic puts into locations, apart from keys."""


def _forms_in(given: dict[Any, Any]) -> list[str]:
    present = {key for key, value in given.items() if value is not None}
    return [tag for tag, form in _FORMS.items() if present & keys_of(form).keys()]


def _single(given: Any) -> Any:
    """Refuse what belongs to two forms."""
    if isinstance(given, dict):
        if not given:
            raise ValueError(
                "is empty; give ak and sk, or username, password and domain, or agency, or leave it out"
            )
        forms = _forms_in(given)
        if len(forms) > 1:
            mixed = [next(key for key in given if key in keys_of(_FORMS[tag])) for tag in forms]
            raise ValueError(f"{', '.join(mixed)} belong to different forms of credentials; keep one form")
    return given


def _tag(given: Any) -> str:
    """Which form is meant; keys where it is not to be seen, for those are the usual ones."""
    forms = _forms_in(given) if isinstance(given, dict) else []
    return forms[0] if forms else "<keys>"


Credentials = Annotated[
    Annotated[KeysForm, Tag("<keys>")]
    | Annotated[PasswordForm, Tag("<password>")]
    | Annotated[AgencyForm, Tag("<agency>")],
    Discriminator(_tag),
    BeforeValidator(_single),
]

"""The forms of credentials that a project may have in the configuration: exactly one, or none.

Without one, the credential chain looks in the usual places (see `exporter.app.credential_sources`).
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (pydantic reads the annotations)
from types import MappingProxyType
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from exporter.common.files import read_file
from exporter.common.placeholders import A_PLACEHOLDER, is_example, is_placeholder
from exporter.common.text import quote_path_or_hide
from exporter.common.validation import PlaceholderError, Section, field_types, text_or_file
from exporter.settings.types import Name, SecretFile

_NO_KEY = "contains a space or a character that no key has; was it cut or quoted wrongly?"


def _is_key(text: str) -> bool:
    """Whether it can be sent in a header, apart from white space around it."""
    text = text.strip()
    return text.isascii() and text.isprintable() and not set(text) & set(" \"'")


def _no_example(secret: SecretStr) -> SecretStr:
    if is_example(secret.get_secret_value().strip()):
        raise PlaceholderError
    return secret


def _key(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("is empty")
    if not _is_key(secret.get_secret_value()):
        raise ValueError(_NO_KEY)
    return secret


def _key_file(path: Path) -> Path:
    text = read_file(path).decode("utf-8-sig", errors="replace").strip()
    if is_placeholder(text):
        raise ValueError(f"{quote_path_or_hide(path)} contains {A_PLACEHOLDER}; write the key into it")
    if not _is_key(text):
        raise ValueError(f"{quote_path_or_hide(path)} {_NO_KEY}")
    return path


_Secret = Annotated[SecretStr, Field(min_length=1), AfterValidator(_no_example)]
_Key = Annotated[_Secret, AfterValidator(_key)]
"""An access key, secret key or security token. A password may contain any character."""

_KeyFile = Annotated[SecretFile, AfterValidator(_key_file)]


def _either(secret: SecretStr | None, file: Path | None) -> SecretStr | Path:
    either = file or secret
    if either is None:  # `text_or_file` has refused this
        raise AssertionError
    return either


class Form(Section):
    """One way to give credentials. No two forms have a key in common."""

    @property
    def secrets(self) -> tuple[SecretStr | Path, ...]:
        """Every secret that is given, or the file that holds it."""
        return ()


class KeysForm(Form):
    """An access key and its secret key, with a security token if they are temporary."""

    also_called = MappingProxyType(
        {
            "access_key": "ak",
            "access_key_id": "ak",
            "secret_key": "sk",
            "secret_access_key": "sk",
            "token": "security_token",
        }
    )

    ak: _Key | None = Field(default=None, description="Access key.")
    ak_file: _KeyFile | None = Field(
        default=None,
        validate_default=True,
        description="File that holds the access key. Either this or `ak`.",
    )
    sk: _Key | None = Field(default=None, description="Secret key.")
    sk_file: _KeyFile | None = Field(
        default=None,
        validate_default=True,
        description="File that holds the secret key. Either this or `sk`.",
    )
    security_token: _Key | None = Field(default=None, description="Security token of a temporary key.")
    security_token_file: _KeyFile | None = Field(
        default=None,
        validate_default=True,
        description="File that holds the security token. Either this or `security_token`.",
    )

    @field_validator("ak_file", "sk_file")
    @classmethod
    def _one_key(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return text_or_file(file, info)

    @field_validator("security_token_file")
    @classmethod
    def _at_most_one_token(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return text_or_file(file, info, required=False)

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

    @property
    def secrets(self) -> tuple[SecretStr | Path, ...]:
        """The parts of the key."""
        token = () if self.token is None else (self.token,)
        return (self.access_key, self.secret_key, *token)


class PasswordForm(Form):
    """An IAM user, who logs in for a token."""

    also_called = MappingProxyType({"user": "username", "account": "domain", "domain_name": "domain"})

    username: Name = Field(description="Name of the IAM user.")
    password: _Secret | None = Field(default=None, description="The user's password.")
    password_file: SecretFile | None = Field(
        default=None,
        validate_default=True,
        description="File that holds the password. Either this or `password`.",
    )
    domain: Name = Field(description="Name of the account that the user belongs to.")

    @field_validator("password_file")
    @classmethod
    def _one_password(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return text_or_file(file, info)

    @property
    def secret(self) -> SecretStr | Path:
        """The password, or the file that holds it."""
        return _either(self.password, self.password_file)

    @property
    def secrets(self) -> tuple[SecretStr | Path, ...]:
        """The password."""
        return (self.secret,)


def _only_true(agency: bool) -> bool:
    if not agency:
        raise ValueError("must be true, or left out")
    return agency


class AgencyForm(Form):
    """The agency of the ECS that the exporter runs on."""

    agency: Annotated[bool, AfterValidator(_only_true)] = Field(
        description="Use the agency of the ECS on which the exporter runs. Only `true`."
    )


def _validated(given: Any) -> Form:
    """Validate as the form whose keys are given, or as `KeysForm`, the usual one, if no key tells.

    Own code, because a union of pydantic reports what is missing for every form, and adds the form's name to
    locations.
    """
    form: type[Form] = KeysForm
    if isinstance(given, dict):
        if not given:
            raise ValueError("is empty; give one form of credentials, such as ak and sk, or leave it out")
        present = {key for key, value in given.items() if value is not None}
        forms = [form for form in _FORMS if present & field_types(form).keys()]
        if len(forms) > 1:
            mixed = [next(key for key in given if key in field_types(form)) for form in forms]
            raise ValueError(f"{', '.join(mixed)} belong to different forms of credentials; use one form")
        form = forms[0] if forms else form
    return form.model_validate(given)


Credentials = Annotated[KeysForm | PasswordForm | AgencyForm, BeforeValidator(_validated)]
"""Any form. A new one is added here."""

_FORMS: tuple[type[Form], ...] = get_args(get_args(Credentials)[0])

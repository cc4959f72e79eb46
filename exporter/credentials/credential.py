"""What a request is authenticated with, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from exporter.common.errors import CredentialsError
from exporter.common.secrets import Secret, Unpicklable, secret_value


@dataclass(frozen=True, slots=True)
class Identity:
    """What `Lockout` knows of a credential or a login: enough to tell it from others, no secret.

    Attributes:
        fingerprint: a hash of this very credential.
        locked: the same for all that the cloud locks together: all secrets of an access key, all passwords of
            a user; a token's own.
        lineage: the same for all whose pauses grow together: those, and tokens that renew one another.
        source: where it comes from, for people.
        advice: what to do when the cloud refuses it.
    """

    fingerprint: str
    locked: str
    lineage: str
    source: str
    advice: str


@dataclass(frozen=True, slots=True)
class KeyPair(Unpicklable):
    """An access key with its secret (AK/SK), permanent or temporary.

    Attributes:
        access_key: in every signed request, and yet of use to whoever tries to guess or to lock a key.
        secret_key: signs.
        security_token: goes along with a temporary key; None for a permanent one.
        expires_at: Unix seconds; None where it does not end or its end is unknown.
        source: where it comes from, for people.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    security_token: str | None = field(repr=False)
    expires_at: float | None
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "access_key", Secret(self.access_key))
        object.__setattr__(self, "secret_key", Secret(self.secret_key))
        if self.security_token is not None:
            object.__setattr__(self, "security_token", Secret(self.security_token))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be in no text."""
        return tuple(map(secret_value, (self.access_key, self.secret_key, self.security_token or "")))

    @property
    def identity(self) -> Identity:
        """For `Lockout`: another secret or security token is another credential of the same access key."""
        key = fingerprint("key", self.access_key)
        return Identity(
            fingerprint(self.access_key, self.secret_key, self.security_token or ""),
            key,
            key,
            self.source,
            "check that the key is enabled, that its secret (and, for a temporary key, its security token) "
            "belongs to it, and that this machine's clock is right; a new key is used at once",
        )


@dataclass(frozen=True, slots=True)
class Token(Unpicklable):
    """A token of IAM for one project.

    Attributes:
        value: goes along as X-Auth-Token.
        expires_at: Unix seconds.
        source: who logged in where, for people; tokens of one source renew one another.
    """

    value: str = field(repr=False)
    expires_at: float
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", Secret(self.value))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be in no text."""
        return (secret_value(self.value),)

    @property
    def identity(self) -> Identity:
        """For `Lockout`: refused tokens of one source count together, or new logins would go on for ever."""
        own = fingerprint(self.value)
        return Identity(
            own,
            own,
            fingerprint("tokens", self.source),
            self.source,
            "check that the user may use this project and that the endpoint belongs to the same cloud as IAM",
        )


Credential = KeyPair | Token


class CredentialSource(Protocol):
    """Gives the credential to use now."""

    @property
    def name(self) -> str:
        """Where it comes from, for people: `environment`, `~/.huaweicloud/credentials`."""
        ...

    async def credential(self) -> Credential:
        """The credential to use for the next request; asked before every request.

        Raises:
            CredentialsError: there is none.
            PollError: the transport's errors, from sources that use the network.
        """
        ...

    def refused(self, credential: Credential) -> None:
        """Take note that the cloud answered 401 to this one: look for another when asked again."""
        ...


def key_pair(
    access_key: str,
    secret_key: str,
    security_token: str | None = None,
    *,
    expires_at: float | None = None,
    source: str,
) -> KeyPair:
    """A key pair out of what somebody wrote: surrounding white space (a file's newline) is dropped.

    An empty security token is none.

    Raises:
        CredentialsError: a part is empty or can be no key.
    """
    return KeyPair(
        usable("access key", access_key, source),
        usable("secret key", secret_key, source),
        usable("security token", security_token, source) if security_token else None,
        expires_at,
        source,
    )


def usable(part: str, text: str, source: str) -> str:
    """The text without surrounding white space, if it can go into a header.

    Raises:
        CredentialsError: it is empty, or holds what no key has.
    """
    text = text.strip()
    if not text:
        raise CredentialsError(f"the {part} is empty", where=source)
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise CredentialsError(f"the {part} holds white space or characters that no key has", where=source)
    return text


def fingerprint(*parts: str) -> str:
    """A hash that tells one list of texts from another."""
    return sha256(b"".join(sha256(part.encode()).digest() for part in parts)).hexdigest()

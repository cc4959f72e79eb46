"""Credentials (a key pair or a token), and the interface of their sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from exporter.common.errors import CredentialsError
from exporter.common.placeholders import A_PLACEHOLDER, is_placeholder
from exporter.common.secrets import Secret, Unpicklable, secret_value


@dataclass(frozen=True, slots=True)
class Identity:
    """Identifies a credential or a login for `Lockout`, without holding a secret.

    Attributes:
        fingerprint: a hash of the credential.
        lock_group: equal for credentials that the cloud locks together: all secrets of an access key, or all
            passwords of a user. A token has a group of its own.
        backoff_group: equal for credentials whose holds count together: the same as `lock_group`, but tokens
            of one source share a group, because each replaces the one before.
        source: where it comes from, for people.
        advice: what to do when the cloud refuses it.
    """

    fingerprint: str
    lock_group: str
    backoff_group: str
    source: str
    advice: str


@dataclass(frozen=True, slots=True)
class KeyPair(Unpicklable):
    """An access key with its secret (AK/SK), permanent or temporary.

    Attributes:
        access_key: sent with every request. It is hidden all the same, because it helps to guess a key or to
            lock it.
        secret_key: signs; never sent.
        security_token: sent with a temporary key; None for a permanent one.
        expires_at: Unix seconds; None if it does not expire, or the time is unknown.
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
        """What no text may contain."""
        return tuple(map(secret_value, (self.access_key, self.secret_key, self.security_token or "")))

    @property
    def identity(self) -> Identity:
        """For `Lockout`. A changed secret or security token is a new credential of the same access key."""
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
        value: sent as X-Auth-Token.
        expires_at: Unix seconds.
        source: the login it comes from, for people.
    """

    value: str = field(repr=False)
    expires_at: float
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", Secret(self.value))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may contain."""
        return (secret_value(self.value),)

    @property
    def identity(self) -> Identity:
        """For `Lockout`. Refused tokens of one source count together, which ends a loop of new logins."""
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
        """Note that the cloud answered 401 to this credential: the next call looks for another."""
        ...


def key_pair(
    access_key: str,
    secret_key: str,
    security_token: str | None = None,
    *,
    expires_at: float | None = None,
    source: str,
) -> KeyPair:
    """A key pair from text. White space around each part is dropped, such as the newline of a file.

    An empty security token counts as none.

    Raises:
        CredentialsError: a part is empty, or has a character that no key has.
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
        CredentialsError: it is empty, a placeholder, or has a character that no key has.
    """
    text = text.strip()
    if not text:
        raise CredentialsError(f"the {part} is empty", where=source)
    if is_placeholder(text):
        raise CredentialsError(
            f"the {part} is {A_PLACEHOLDER}", where=source, advice="put the key itself there"
        )
    if not (text.isascii() and text.isprintable()) or set(text) & set(" \"'"):
        raise CredentialsError(
            f"the {part} holds white space, quotes or characters that no key has", where=source
        )
    return text


def fingerprint(*parts: str) -> str:
    """A hash of a list of texts; different lists have different hashes."""
    return sha256(b"".join(sha256(part.encode()).digest() for part in parts)).hexdigest()

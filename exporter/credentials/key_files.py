"""Key pairs that an operator wrote: in the configuration, in files, in the environment, in a profile file.

Files are read again when they change, so that rotation needs no restart. The profile file is that of
Huawei's SDKs: `~/.huaweicloud/credentials`, section `[basic]`.
"""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from exporter.common.errors import CredentialsError
from exporter.common.files import file_version
from exporter.common.text import show_path_or_hide
from exporter.credentials.credential import key_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.common.files import FileVersion
    from exporter.credentials.credential import Credential, KeyPair

    _Versions = tuple[FileVersion | None, ...]

_ATTEMPTS = 3
"""Attempts to read files that change while they are read."""

log = structlog.get_logger(__name__)


class KeyFiles:
    """A source that reads files. If changed files are unusable, the last good pair stays in use.

    Files are checked before every request, with one `stat` each: short enough for the event loop.

    Args:
        name: for people.
        paths: the files to watch for changes.
        read: reads the pair from the files; raises CredentialsError if they hold none.
    """

    def __init__(self, name: str, paths: tuple[Path, ...], read: Callable[[], KeyPair]) -> None:
        self.name = name
        self._paths = paths
        self._read = read
        self._pair: KeyPair | None = None
        self._versions: _Versions | None = None
        self._reported = ""

    async def credential(self) -> KeyPair:
        """The pair in the files; if they are unusable now, the last good one."""
        if self._pair is None or self._versions != self._versions_now():
            try:
                self._pair = self._reread()
            except CredentialsError as error:
                if self._pair is None:
                    raise
                self._report(error)
            else:
                self._reported = ""
        return self._pair

    def refused(self, credential: Credential) -> None:
        """Read again even if the files look unchanged: a file system's clock is coarse."""
        if credential == self._pair:
            self._versions = None

    def _reread(self) -> KeyPair:
        """Read until nothing changes during the read, so that an old key is not paired with a new one."""
        for _ in range(_ATTEMPTS):
            before = self._versions_now()
            pair = self._read()
            if before == self._versions_now():
                self._versions = before
                return pair
        raise CredentialsError("the files change faster than they can be read", where=self.name)

    def _versions_now(self) -> _Versions:
        """The current version of each file."""
        return tuple(map(file_version, self._paths))

    def _report(self, error: CredentialsError) -> None:
        if error.what != self._reported:
            self._reported = error.what
            log.warning(
                "credential file cannot be used, the last good key pair stays in use",
                source=error.where,
                problem=error.what,
            )


def configured_keys(
    access_key: str | Path, secret_key: str | Path, security_token: str | Path | None = None
) -> KeyFiles | StaticKeys:
    """The key pair of the configuration. A part that is in a file (`ak_file`) is a path, any other is text.

    Raises:
        CredentialsError: all parts are text, and they are not a valid key pair.
    """
    parts = (access_key, secret_key, security_token)
    paths = tuple(part for part in parts if isinstance(part, Path))
    name = " and ".join(map(str, paths)) or "ak and sk in the configuration"

    def read() -> KeyPair:
        token = None if security_token is None else _text_of(security_token)
        return key_pair(_text_of(access_key), _text_of(secret_key), token, source=name)

    return KeyFiles(name, paths, read) if paths else StaticKeys(read())


def read_secret(path: Path) -> str:
    """A file's text without surrounding white space.

    Raises:
        CredentialsError: it cannot be read, is no text, or is empty.
    """
    try:
        # A byte order mark, as Windows editors write it, is no part of a key.
        text = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
    except ValueError:
        problem = "is not text in UTF-8"
    else:
        if text:
            return text
        problem = "is empty"
    # Raised outside of the except block: a decoding error contains the file's content.
    raise CredentialsError(
        f"the file {problem}",
        where=show_path_or_hide(path),
        advice="check its path, its content and who may read it",
    )


def _text_of(part: str | Path) -> str:
    return read_secret(part) if isinstance(part, Path) else part


ENVIRONMENT = "environment"
"""The name of the source in the environment."""

_AK, _SK, _TOKEN = "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"

KEY_VARIABLES = {"ak": _AK, "sk": _SK, "security_token": _TOKEN}
"""The variables of a key pair and its token, by their keys in the configuration."""


class StaticKeys:
    """A source that always gives the same key pair."""

    def __init__(self, pair: KeyPair) -> None:
        self._pair = pair

    @property
    def name(self) -> str:
        """Where the pair comes from."""
        return self._pair.source

    async def credential(self) -> KeyPair:
        """The pair."""
        return self._pair

    def refused(self, credential: Credential) -> None:
        """Nothing to do: there is no other."""


def environment_has_keys(environment: Mapping[str, str]) -> bool:
    """Whether at least half of a key pair is set. Then no other place is searched."""
    return bool(environment.get(_AK) or environment.get(_SK))


def environment_keys(environment: Mapping[str, str]) -> StaticKeys | str:
    """The key pair in the variables that Huawei's SDKs read; a text that says why if there is none.

    Raises:
        CredentialsError: only half of a pair is set, or a part is not a valid key.
    """
    access_key, secret_key = environment.get(_AK), environment.get(_SK)
    match access_key, secret_key:
        case (None | "", None | ""):
            return f"{_AK} and {_SK} are not set"
        case (None | "", _) | (_, None | ""):
            given, missing = (_AK, _SK) if access_key else (_SK, _AK)
            raise CredentialsError(
                f"{given} is set, {missing} is not", where=ENVIRONMENT, advice="set both or none"
            )
        case _:
            pair = key_pair(access_key, secret_key, environment.get(_TOKEN), source=ENVIRONMENT)
            return StaticKeys(pair)


PROFILE = "~/.huaweicloud/credentials"
"""The name of the source if the file is at its usual place."""

_VARIABLE = "HUAWEICLOUD_SDK_CREDENTIALS_FILE"
_SECTION = "basic"


def profile_path(environment: Mapping[str, str], home: Path | None) -> Path | None:
    """Where the profile file is, if there is one; None without a home directory."""
    if named := environment.get(_VARIABLE):
        return Path(named)
    return home / ".huaweicloud" / "credentials" if home else None


def profile_keys(environment: Mapping[str, str], home: Path | None) -> KeyFiles | str:
    """The key pair in the profile file; a text that says why if there is none.

    A file that exists, or that HUAWEICLOUD_SDK_CREDENTIALS_FILE names, is always chosen. If it is unusable,
    the source raises the error when it is asked for a credential.
    """
    named, path = environment.get(_VARIABLE), profile_path(environment, home)
    if path is None:
        return "this user has no home directory"
    name = show_path_or_hide(path) if named else PROFILE
    if not named:
        try:
            path.stat()
        except OSError as error:  # also if the home directory belongs to another user, as in containers
            return f"cannot be read: {error.strerror}"
    return KeyFiles(name, (path,), lambda: _read(path, name))


def _read(path: Path, name: str) -> KeyPair:
    # Without interpolation, because a secret may contain "%".
    parser = configparser.ConfigParser(interpolation=None)
    problem = ""
    try:
        parser.read_string(read_secret(path))
    except configparser.Error as error:
        line = getattr(error, "lineno", None)
        problem = f"not in INI form{f' at line {line}' if line else ''}"
    else:
        if not parser.has_section(_SECTION):
            problem = f"there is no section [{_SECTION}]"
        elif missing := [key for key in ("ak", "sk") if not parser.get(_SECTION, key, fallback="")]:
            problem = f"section [{_SECTION}] has no {' and no '.join(missing)}"
    if problem:
        # Raised outside of the except block: the parser's error contains lines of the file.
        raise CredentialsError(problem, where=name, advice="it needs [basic] with ak and sk")
    profile = parser[_SECTION]
    return key_pair(profile["ak"], profile["sk"], profile.get("security_token"), source=name)

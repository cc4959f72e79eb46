"""The profile file of Huawei's SDKs: `~/.huaweicloud/credentials`, section `[basic]`."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.credentials.credential import key_pair
from exporter.credentials.key_files import KeyFiles, read_secret
from exporter.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.credentials.credential import KeyPair

PROFILE = "~/.huaweicloud/credentials"
"""The name of the source at its usual place."""

_VARIABLE = "HUAWEICLOUD_SDK_CREDENTIALS_FILE"
_SECTION = "basic"


def profile_path(environment: Mapping[str, str], home: Path) -> Path:
    """Where the profile file is, if there is one."""
    named = environment.get(_VARIABLE)
    return Path(named) if named else home / ".huaweicloud" / "credentials"


def profile_keys(environment: Mapping[str, str], home: Path) -> KeyFiles | str:
    """The key pair in the profile file, or why there is none.

    A file that is there, or that HUAWEICLOUD_SDK_CREDENTIALS_FILE names, is meant to be used: what is wrong
    with it then shows when the source is asked.
    """
    named, path = environment.get(_VARIABLE), profile_path(environment, home)
    name = named or PROFILE
    if not named:
        try:
            path.stat()
        except OSError as error:  # also a home directory that is somebody else's, as in containers
            return f"cannot be read: {error.strerror}"
    return KeyFiles(name, (path,), lambda: _read(path, name))


def _read(path: Path, name: str) -> KeyPair:
    # Without interpolation: a "%" in a secret is a "%".
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
        # Raised here, not above: what the parser's error carries along are lines of the file.
        raise CredentialsError(problem, where=name, advice="it needs [basic] with ak and sk")
    profile = parser[_SECTION]
    return key_pair(profile["ak"], profile["sk"], profile.get("security_token"), source=name)

"""Key pairs in files, which are read again whenever they change: rotation needs no restart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from exporter.credentials.credential import key_pair
from exporter.credentials.static import StaticKeys
from exporter.errors import CredentialsError
from exporter.file_mark import file_mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.credentials.credential import Credential, KeyPair
    from exporter.file_mark import FileMark

    _Marks = tuple[FileMark | None, ...]

_ATTEMPTS = 3
"""Reads in a row, while the files change under the reader."""

_log = structlog.get_logger(__name__)


class KeyFiles:
    """A source over files. A change that cannot be used leaves the last good pair in use.

    Files are looked at before every request. That is one `stat` each, too short to leave the event loop for.

    Args:
        name: for people.
        paths: the files whose change means reading again.
        read: makes the pair out of them; CredentialsError where they hold none.
    """

    def __init__(self, name: str, paths: tuple[Path, ...], read: Callable[[], KeyPair]) -> None:
        self.name = name
        self._paths = paths
        self._read = read
        self._pair: KeyPair | None = None
        self._marks: _Marks | None = None
        self._reported = ""

    async def credential(self) -> KeyPair:
        """The pair that the files hold now, or held when they were last good."""
        if self._pair is None or self._marks != self._marks_now():
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
            self._marks = None

    def _reread(self) -> KeyPair:
        """Read until nothing changed meanwhile, so that no old half is paired with a new one."""
        for _ in range(_ATTEMPTS):
            before = self._marks_now()
            pair = self._read()
            if before == self._marks_now():
                self._marks = before
                return pair
        raise CredentialsError("the files change faster than they can be read", where=self.name)

    def _marks_now(self) -> _Marks:
        """What changes with each file's content; also when Kubernetes swaps a link on the way to it."""
        return tuple(map(file_mark, self._paths))

    def _report(self, error: CredentialsError) -> None:
        if error.what != self._reported:
            self._reported = error.what
            _log.warning(
                "credential file cannot be used, the last good key pair stays in use",
                source=error.where,
                problem=error.what,
            )


def configured_keys(
    access_key: str | Path, secret_key: str | Path, security_token: str | Path | None = None
) -> KeyFiles | StaticKeys:
    """The key pair of the configuration: parts in files (`ak_file` and so on) as paths, others as text.

    Raises:
        CredentialsError: all parts are text, and can be no key pair.
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
    # Raised here, not above: what a decoding error carries along is the file's content.
    raise CredentialsError(
        f"the file {problem}", where=str(path), advice="check its path, its content and who may read it"
    )


def _text_of(part: str | Path) -> str:
    return read_secret(part) if isinstance(part, Path) else part

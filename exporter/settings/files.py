"""Files that the configuration names: they must be usable from the start."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from exporter.quoting import quoted_path


def read_file(path: Path) -> bytes:
    """A file's content.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = getattr(error, "strerror", None) or "no such path"
        raise ValueError(f"{quoted_path(path)} cannot be read: {reason}") from None


def _secret(path: Path) -> Path:
    """A file with a secret in it. Only looked into: it is read where it is used, again and again."""
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        # From None: what a decoding error carries along is the file's content.
        raise ValueError(f"{quoted_path(path)} is not text in UTF-8") from None
    if not text.strip():
        raise ValueError(f"{quoted_path(path)} is empty")
    return path


def _authorities(path: Path) -> Path:
    """A file with certificates of authorities."""
    if not read_file(path).strip():
        raise ValueError(f"{quoted_path(path)} is empty")
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{quoted_path(path)} holds no usable certificates in PEM form") from None
    return path


def _readable(path: Path) -> Path:
    """A file that somebody else understands."""
    read_file(path)
    return path


def _kept(path: Path) -> Path:
    """A database that the exporter writes; it need not be there yet."""
    if "\0" in str(path):
        raise ValueError("the path has a NUL character in it; give one without")
    if str(path) == ":memory:":
        raise ValueError("':memory:' is no file and keeps nothing; name a file")  # as SQLite calls it
    try:
        if path.is_dir():
            raise ValueError(f"{quoted_path(path)} is a directory; name a file in it")
        if not path.parent.is_dir():
            raise ValueError(f"{quoted_path(path.parent)} is no directory; make it, or name another")
    except OSError as error:
        raise ValueError(f"{quoted_path(path)} cannot be used: {error.strerror}") from None
    return path


SecretFile = Annotated[Path, AfterValidator(_secret)]
AuthoritiesFile = Annotated[Path, AfterValidator(_authorities)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
KeptFile = Annotated[Path, AfterValidator(_kept)]

"""Text from others, made safe to show: without control characters, and without what may be a secret.

What the cloud sends is escaped, so that it stays one line in a log, a page or a terminal. What the operator
wrote is quoted in a problem, unless it looks like a key or password in the wrong place.
"""

from __future__ import annotations

import re
from pathlib import Path


def escape_unprintable(text: str) -> str:
    r"""The text with `\x1b`, `\n`, `\u202e` and other unprintable characters written as escapes.

    A line feed would forge a second log line, control characters move a terminal's cursor, and right-to-left
    marks reverse the text beside them.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


_SHOWN = re.compile(r"[A-Za-z0-9 ._~/:{}()\[\]*^|,-]{0,200}")
_RUN = re.compile("[A-Za-z0-9]+")
_HARMLESS_RUN = re.compile(
    "[a-z]{1,20}|[A-Z]{1,11}|[A-Z]?[a-z]{1,10}"  # a word
    "|[0-9]{1,10}|[A-Za-z0-9]{1,5}"  # a number, a duration
    "|[0-9a-f]{32}|[0-9A-F]{32}"  # an ID; access and secret keys have 20 or 40 characters, of more kinds
)
_LONG_RUN = re.compile("[A-Za-z0-9]{20,}")
_HEXADECIMAL_ID = re.compile("[0-9a-f]{32}|[0-9A-F]{32}")
_HEXADECIMAL_KEY = re.compile("[0-9a-f]{36,}")
_HIDDEN = "'...' (not shown, it may be a secret)"
_KEY = re.compile("[A-Za-z]{1,14}([_.-]([A-Za-z]{1,14}|[0-9]{1,3})){0,3}|[0-9]{1,3}|http[0-9]")


def quote_or_hide(text: object) -> str:
    """The text in quotes if it consists of words, numbers and IDs; otherwise a note that it is hidden."""
    shown = str(text)
    return f"'{shown}'" if is_harmless(shown) else _HIDDEN


def may_hold_key(text: str) -> bool:
    """Whether it has a run of letters and digits like an access key (20), secret key (40) or token (more).

    For values that are shown later: labels, hosts, names. Words, however long, and IDs of 32 hexadecimal
    digits are no keys, so names that operators choose pass. A password cannot be told from a name.
    """
    return any(map(_is_key, _LONG_RUN.findall(text)))


def _is_key(run: str) -> bool:
    mixed = len(re.findall("[0-9]+", run)) > 1 and any(map(str.isupper, run))
    return bool(mixed or _HEXADECIMAL_KEY.fullmatch(run)) and not _HEXADECIMAL_ID.fullmatch(run)


def quote_name_or_hide(name: str) -> str:
    """A name that the machine has, such as its host's, in quotes unless it is a key."""
    return _HIDDEN if may_hold_key(name) else f"'{name}'"


def quote_path_or_hide(path: Path) -> str:
    """The path in quotes, if `quote_or_hide` shows it, or its directory exists and its name is no key."""
    return f"'{path}'" if _is_path(path) else quote_or_hide(path)


def show_path_or_hide(path: Path) -> str:
    """As `quote_path_or_hide`, without quotes: for the place where an error happened."""
    return str(path) if _is_path(path) or is_harmless(str(path)) else _HIDDEN


def _is_path(path: Path) -> bool:
    try:
        in_directory = len(path.parts) > 1 and path.parent != Path("/") and path.parent.is_dir()
    except (OSError, ValueError):
        return False
    return in_directory and not may_hold_key(path.name)


def quote_joined_path_or_hide(path: Path) -> str:
    """The path in quotes, where the operator wrote only its last part, relative to another file.

    Its directory exists whatever the operator wrote, so the name alone decides.
    """
    if is_harmless(path.name) and path.parent.is_dir():
        return f"'{path}'"
    return quote_or_hide(path)


def is_harmless(text: str) -> bool:
    """Whether the text consists of words, numbers and IDs, so that it may be shown."""
    return bool(_SHOWN.fullmatch(text)) and all(map(_HARMLESS_RUN.fullmatch, _RUN.findall(text)))


def show_key_or_hide(key: str) -> str:
    """A key of a mapping if it can be a mistyped one. `{ak:SECRET}` without the space is a key too."""
    return key if _KEY.fullmatch(key) else "..." if key else "''"

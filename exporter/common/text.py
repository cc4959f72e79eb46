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
_HIDDEN = "'...' (not shown, it may be a secret)"
_KEY = re.compile("[A-Za-z]{1,14}([_.-]([A-Za-z]{1,14}|[0-9]{1,3})){0,3}|[0-9]{1,3}|http[0-9]")


def quote_or_hide(text: object) -> str:
    """The text in quotes if it consists of words, numbers and IDs; otherwise a note that it is hidden."""
    shown = str(text)
    return f"'{shown}'" if _harmless(shown) else _HIDDEN


def quote_path_or_hide(path: Path) -> str:
    """The path in quotes, if `quote_or_hide` shows it or its directory exists; a key has no directory."""
    try:
        in_directory = len(path.parts) > 1 and path.parent != Path("/") and path.parent.is_dir()
    except (OSError, ValueError):
        in_directory = False
    return f"'{path}'" if in_directory else quote_or_hide(path)


def quote_joined_path_or_hide(path: Path) -> str:
    """The path in quotes, where the operator wrote only its last part, relative to another file.

    Its directory exists whatever the operator wrote, so the name alone decides.
    """
    if _harmless(path.name) and path.parent.is_dir():
        return f"'{path}'"
    return quote_or_hide(path)


def _harmless(text: str) -> bool:
    return bool(_SHOWN.fullmatch(text)) and all(map(_HARMLESS_RUN.fullmatch, _RUN.findall(text)))


def show_key_or_hide(key: str) -> str:
    """A key of a mapping if it can be a mistyped one. `{ak:SECRET}` without the space is a key too."""
    return key if _KEY.fullmatch(key) else "..." if key else "''"

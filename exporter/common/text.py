"""Texts of others -> one line that a person can read, and that no terminal, log or page obeys.

What the operator wrote, shown in a problem, unless it may be a key or password in the wrong place.
"""

from __future__ import annotations

import re
from pathlib import Path


def escape_unprintable(text: str) -> str:
    r"""The text with `\x1b`, `\n`, `\u202e` and the like spelt out.

    Line ends would make a second line of a log of what is one, control characters move a terminal's cursor,
    and marks for right-to-left text turn round what stands beside them.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


_SHOWN = re.compile(r"[A-Za-z0-9 ._~/:{}()\[\]*^|,-]{0,200}")
_RUN = re.compile("[A-Za-z0-9]+")
_HARMLESS_RUN = re.compile(
    "[a-z]{1,20}|[A-Z]{1,11}|[A-Z]?[a-z]{1,10}"  # a word
    "|[0-9]{1,10}|[A-Za-z0-9]{1,5}"  # a number, a duration
    "|[0-9a-f]{32}|[0-9A-F]{32}"  # an ID; keys have 20 or 40 characters, and more kinds of them
)
_HIDDEN = "'...' (not shown, it may be a secret)"
_KEY = re.compile("[A-Za-z]{1,14}([_.-]([A-Za-z]{1,14}|[0-9]{1,3})){0,3}|[0-9]{1,3}|http[0-9]")


def quote_or_hide(text: object) -> str:
    """The text in quotation marks where it is made of words, numbers and IDs; else why it is not shown."""
    shown = str(text)
    return f"'{shown}'" if _harmless(shown) else _HIDDEN


def quote_path_or_hide(path: Path) -> str:
    """A path likewise, and wherever it leads into a folder that exists: no key does."""
    try:
        leads_somewhere = len(path.parts) > 1 and path.parent != Path("/") and path.parent.is_dir()
    except (OSError, ValueError):
        leads_somewhere = False
    return f"'{path}'" if leads_somewhere else quote_or_hide(path)


def show_path_or_hide(path: Path) -> str:
    """A path without quotation marks, of a file that is named relative to another.

    Its folder exists whatever was written, so only a name of words and numbers is shown.
    """
    if _harmless(path.name) and path.parent.is_dir():
        return str(path)
    return quote_or_hide(path)


def _harmless(text: str) -> bool:
    return bool(_SHOWN.fullmatch(text)) and all(map(_HARMLESS_RUN.fullmatch, _RUN.findall(text)))


def show_key_or_hide(key: str) -> str:
    """A key of a mapping, where it may be a mistyped one: `{ak:SECRET}` without the space is a key too."""
    return key if _KEY.fullmatch(key) else "..." if key else "''"

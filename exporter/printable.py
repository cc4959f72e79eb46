"""Texts of others -> one line that a person can read, and that no terminal, log or page obeys."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text with `\x1b`, `\n`, `\u202e` and the like spelt out.

    Line ends would make a second line of a log of what is one, control characters move a terminal's cursor,
    and marks for right-to-left text turn round what stands beside them.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)

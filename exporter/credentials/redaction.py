"""Secrets taken out of texts that others wrote: a gateway's refusal may quote the request that it refuses."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = "..."
"""What stands in the text instead."""

_PIECE = 8
"""Characters of a secret in a row that are taken out; of one that is cut, what may remain is no use."""

_LONGEST = 8192
"""Characters of a text that are looked at; the rest is dropped. No sentence of a refusal is longer."""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, whole or in pieces, plain or encoded (URL, JSON, hexadecimal, base64).

    Upper and lower case count as the same.

    Args:
        text: what somebody else wrote.
        secrets: what must not be in it; empty ones are passed over.
    """
    text = text[:_LONGEST]
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters are longer in lower case; then their places would not fit
        lowered = text
    hidden = [False] * len(text)
    for pieces, size in _pieces(secrets):
        for start in range(len(lowered) - size + 1):
            if lowered[start : start + size] in pieces:
                hidden[start : start + size] = [True] * size
    return "".join(_joined(text, hidden))


def _joined(text: str, hidden: list[bool]) -> Iterator[str]:
    before = False
    for letter, out in zip(text, hidden, strict=True):
        if not out:
            yield letter
        elif not before:
            yield MARK
        before = out


def _pieces(secrets: Iterable[str]) -> Iterator[tuple[set[str], int]]:
    """For each form of each secret: everything in it of a certain length, and that length."""
    for secret in filter(None, secrets):
        for form in {form.lower() for form in _forms(secret)}:
            size = min(_PIECE, len(form))
            yield {form[start : start + size] for start in range(len(form) - size + 1)}, size


def _forms(secret: str) -> Iterator[str]:
    """How the secret may stand in a text."""
    raw = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield raw.hex()
    for shift in range(3):  # in base64 it depends on what stands before, as the user before a password
        skipped = (shift * 8 + 5) // 6  # digits that tell of what stands before
        encoded = base64.b64encode(bytes(shift) + raw).rstrip(b"=").decode()[skipped:]
        # The last digit tells of what follows.
        whole = encoded if (shift + len(raw)) % 3 == 0 else encoded[:-1]
        if len(whole) >= _PIECE:
            yield whole
            yield whole.translate(str.maketrans("+/", "-_"))

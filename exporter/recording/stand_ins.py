"""What replaces a name, an ID, an address or any other text: a stand-in of the same shape.

The same text has the same stand-in in every place of a recording. Stand-ins come from a keyed hash. Its key
is random and not kept, so that nobody can tell by trying whether a text is behind a stand-in.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from ipaddress import IPv6Address
from itertools import count
from typing import TYPE_CHECKING

from exporter.recording.harmless import is_word

if TYPE_CHECKING:
    from collections.abc import Callable

_HEXADECIMAL = r"[0-9a-fA-F]"
_UUID = re.compile(rf"{_HEXADECIMAL}{{8}}(-{_HEXADECIMAL}{{4}}){{3}}-{_HEXADECIMAL}{{12}}")
_HEXADECIMAL_ID = rf"{_HEXADECIMAL}{{4,}}(?:-{_HEXADECIMAL}{{4,}}){{2,}}|{_HEXADECIMAL}{{20,}}"
_IPV4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
_IPV6 = rf"(?:{_HEXADECIMAL}{{0,4}}:){{2,7}}{_HEXADECIMAL}{{0,4}}"
_PIECE = re.compile(
    rf"(?<![0-9a-zA-Z.:])(?:{_IPV4}|{_IPV6})(?![0-9a-zA-Z:]|\.[0-9])"
    rf"|(?<![0-9a-zA-Z])(?:{_HEXADECIMAL_ID})(?![0-9a-zA-Z])"
)
"""What keeps its shape within a text."""

_LIST = re.compile(r"(\s*,\s*)")
_POOL_ID = re.compile(r"[a-z0-9][a-z0-9-]{34,61}[a-z0-9]")
_POOL_PREFIX = "pool-"
_RUN = 16
"""Hexadecimal digits in a row in the stand-in of a pool's ID: the settings take 36 of them for a key."""

_NAME = "anon-"
_NAME_DIGITS = 12
_ATTEMPTS = 100
_LONGEST = 1024
"""Characters of a stand-in."""


class StandIns:
    """The stand-ins of one recording.

    Args:
        key: random bytes.

    Attributes:
        made: how many different stand-ins there are, by what they replace.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._by_text: dict[str, str] = {}
        self._made: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()
        self.made: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """The stand-in of any text.

        A UUID stays a UUID, an address an address, a pool's ID is as long as it was. `modelarts-job-<uuid>`
        keeps its first words; a list with commas stays one. Any other text becomes `anon-` and digits, at
        least as long.
        """
        if (known := self._by_text.get(text)) is not None:
            return known
        if "," in text:
            parts = _LIST.split(text)
            made = "".join(self._one(part) if part.strip(", ") else part for part in parts)
        else:
            made = self._one(text)
        self._by_text[text] = made
        return made

    def part(self, text: str) -> str:
        """The stand-in of a part of a flavor."""
        return self._unique("parts of flavors", text, lambda digits: f"x{digits[:8]}")

    def key(self, text: str) -> str:
        """The stand-in of an unknown key; an ending that tells that a resource is no card is kept."""
        ending = next((end for end in ("-memory", "-core") if text.endswith(end)), "")
        return self._unique("unknown keys", text, lambda digits: f"key-{digits[:_NAME_DIGITS]}{ending}")

    def number(self, number: float) -> int | float:
        """The stand-in of a number: a whole one with as many digits."""
        size = min(15, len(str(abs(int(number)))))
        made = self._unique(
            "numbers at unknown keys",
            repr(number),
            lambda digits: str(10 ** (size - 1) + int(digits[:16], 16) % (9 * 10 ** (size - 1))),
        )
        return int(made)

    def _one(self, text: str) -> str:
        pieces = list(_PIECE.finditer(text))
        around = _PIECE.sub(" ", text).strip(" -_")
        if pieces and (not around or is_word(around)):
            return _PIECE.sub(lambda piece: self._piece(piece[0]), text)
        if _POOL_ID.fullmatch(text):
            return self._unique("IDs", text, lambda digits: _pool_id(text, digits))
        size = min(_LONGEST, max(_NAME_DIGITS, len(text) - len(_NAME)))
        return self._unique("names and other texts", text, lambda digits: _NAME + digits[:size])

    def _piece(self, piece: str) -> str:
        if "." in piece:
            return self._unique("addresses", piece, _ipv4)
        if ":" in piece:
            return self._unique("addresses", piece, _ipv6)
        what = "UUIDs" if _UUID.fullmatch(piece) else "IDs"
        return self._unique(what, piece, lambda digits: _same_shape(piece, digits))

    def _unique(self, what: str, text: str, shape: Callable[[str], str]) -> str:
        """A stand-in that no other text has."""
        if (known := self._made.get((what, text))) is not None:
            return known
        # A short number may have used up its stand-ins; then two share one.
        made = shape(self._digits(text, 0))
        for attempt in range(1, _ATTEMPTS):
            if made not in self._taken and made != text:
                break
            made = shape(self._digits(text, attempt))
        self._taken.add(made)
        self._made[what, text] = made
        self.made[what] += 1
        return made

    def _digits(self, text: str, attempt: int) -> str:
        """As many hexadecimal digits as the longest stand-in needs."""
        raw = text.encode("utf-8", "surrogatepass")
        size, digits = min(_LONGEST, max(64, len(text))), ""
        for block in count():
            digits += hmac.digest(self._key, b"%d/%d/" % (attempt, block) + raw, "sha256").hex()
            if len(digits) >= size:
                return digits
        raise AssertionError


def _same_shape(text: str, digits: str) -> str:
    """The hexadecimal digits, with the text's hyphens and its case."""
    rest = iter(digits)
    made = "".join("-" if character == "-" else next(rest) for character in text[:_LONGEST])
    return made.upper() if text.isupper() else made


def _pool_id(text: str, digits: str) -> str:
    prefix = _POOL_PREFIX if text.startswith(_POOL_PREFIX) else ""
    size = len(text) - len(prefix)
    made = "".join("-" if at % (_RUN + 1) == _RUN else digits[at] for at in range(size))
    return prefix + (made[:-1] + digits[-1] if made.endswith("-") else made)


def _ipv4(digits: str) -> str:
    return f"10.{int(digits[:2], 16)}.{int(digits[2:4], 16)}.{int(digits[4:6], 16)}"


def _ipv6(digits: str) -> str:
    return str(IPv6Address((0xFD << 120) | int(digits[:30], 16)))

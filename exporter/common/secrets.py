"""Values that hold a secret keep it: nothing that prints or stores a value shows it.

Secrets taken out of texts that others wrote: a gateway's refusal may quote the request that it refuses.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Unpicklable:
    """Immutable values that hold a secret: a copy is the value itself, and none can be pickled."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and is not to be stored")


class Secret(Unpicklable, str):
    """A text that prints as dots; equal to the same text, and given by `secret_value` alone.

    Own code: pydantic's SecretStr can be pickled, and the credentials do without pydantic.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'"

    def __str__(self) -> str:
        return "..."

    def __format__(self, spec: str) -> str:
        return format("...", spec)


def secret_value(text: str) -> str:
    """The text of a secret, to be sent or signed with: the one way to it, so that every use can be found."""
    return str.__str__(text)


class Headers(Unpicklable, dict[str, str]):
    """Headers of a request or an answer, of which only the names are shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"


MARK = "..."
"""What stands in the text instead."""

_PIECE, _STEP = 8, 4
"""Every fourth piece of eight characters is looked for: eleven in a row are found wherever they begin. A
token of 3 KB in all its forms takes 1.3 ms so, at every refused poll; piece by piece, four times that.
"""

_LONGEST = 1024
"""Characters of a text that are looked at; the rest is dropped, for no sentence of a refusal is longer."""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, whole or in pieces, plain or encoded (URL, JSON, hexadecimal, base64).

    Upper and lower case count as the same.

    Args:
        text: what somebody else wrote.
        secrets: what must not be in it; empty ones are passed over.
    """
    text = text[:_LONGEST]
    lowered = _lowered(text)
    hidden = [False] * len(text)
    for secret in filter(None, secrets):
        for form in set(map(_lowered, _forms(secret))):
            for begin, end in _common(lowered, form):
                hidden[begin:end] = [True] * (end - begin)
    return "".join(_joined(text, hidden))


def _lowered(text: str) -> str:
    """In lower case, and of the same length: a few letters would become two."""
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


def _common(text: str, form: str) -> Iterator[tuple[int, int]]:
    """Where the text has a piece of the form, as far as they go on alike."""
    size = min(_PIECE, len(form))
    for start in range(0, len(form) - size + 1, _STEP):
        place = text.find(form[start : start + size])
        while place >= 0:
            yield (
                place - _alike(text[:place][::-1], form[:start][::-1]),
                place + _alike(text[place:], form[start:]),
            )
            place = text.find(form[start : start + size], place + 1)


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _joined(text: str, hidden: list[bool]) -> Iterator[str]:
    before = False
    for letter, out in zip(text, hidden, strict=True):
        if not out:
            yield letter
        elif not before:
            yield MARK
        before = out


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

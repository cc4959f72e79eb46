"""Secrets: values that are not shown when printed or stored, and redaction in text from others.

Redaction is needed because the error message of a gateway can quote the request that it refuses.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Unpicklable:
    """Base of immutable values that hold a secret: a copy is the value itself, and pickling raises."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and cannot be pickled")


class Secret(Unpicklable, str):
    """Text that prints as dots. It compares like text; only `secret_value` returns it.

    Own code: pydantic's SecretStr can be pickled, and `exporter.credentials` does not use pydantic.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'"

    def __str__(self) -> str:
        return "..."

    def __format__(self, spec: str) -> str:
        return format("...", spec)


def secret_value(text: str) -> str:
    """The text of a secret, to send it or sign with it. The only way to get it, so every use can be found."""
    return str.__str__(text)


class Headers(Unpicklable, dict[str, str]):
    """Headers of a request or response; only the names are shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"


MARK = "..."
"""Replaces a secret in a text."""

_PIECE, _STEP = 8, 4
"""Characters of a piece, and between the starts of two pieces. Any eleven characters in a row contain one
of these pieces. A token of 3 KB in all forms takes 1.3 ms per refused poll; with a step of 1, four times as
long.
"""

_LONGEST = 1024
"""Characters of a text; the rest is cut off. Error messages are shorter."""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, in full or in part, plain or encoded (URL, JSON, hexadecimal, base64).

    Case is ignored.

    Args:
        text: text from others.
        secrets: what must not be shown; empty ones are ignored.
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
    """In lower case, with the same length: letters that would become two stay as they are."""
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


def _common(text: str, form: str) -> Iterator[tuple[int, int]]:
    """The longest matches around each piece of the form in the text, as start and end."""
    size = min(_PIECE, len(form))
    for start in range(0, len(form) - size + 1, _STEP):
        place = text.find(form[start : start + size])
        while place >= 0:
            yield (
                place - _alike(text[:place][::-1], form[:start][::-1]),
                place + _alike(text[place:], form[start:]),
            )
            place = text.find(form[start : start + size], place + 1)


def _alike(first: str, second: str) -> int:
    """The length of the common prefix."""
    return next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
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
    """The forms that the secret can have in a text."""
    raw = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield raw.hex()
    for shift in range(3):  # base64 depends on the bytes before, such as the user before a password
        skipped = (shift * 8 + 5) // 6  # digits that also encode the bytes before
        encoded = base64.b64encode(bytes(shift) + raw).rstrip(b"=").decode()[skipped:]
        # The last digit also encodes the bytes that follow.
        whole = encoded if (shift + len(raw)) % 3 == 0 else encoded[:-1]
        if len(whole) >= _PIECE:
            yield whole
            yield whole.translate(str.maketrans("+/", "-_"))

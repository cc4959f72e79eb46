"""Values that hold a secret keep it: nothing that prints or stores a value shows it."""

from __future__ import annotations

from typing import Any, NoReturn, Self


class Sealed:
    """Immutable values that hold a secret: a copy is the value itself, and none can be pickled."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and is not to be stored")


class Secret(Sealed, str):
    """A text that prints as dots; equal to the same text, and given by `reveal` alone.

    Own code: pydantic's SecretStr can be pickled, and the credentials do without pydantic.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'"

    def __str__(self) -> str:
        return "..."

    def __format__(self, spec: str) -> str:
        return format("...", spec)


def reveal(text: str) -> str:
    """The text of a secret, to be sent or signed with: the one way to it, so that every use can be found."""
    return str.__str__(text)


class Headers(Sealed, dict[str, str]):
    """Headers of a request or an answer, of which only the names are shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"

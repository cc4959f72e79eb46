"""What all parts of the settings have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator


class Section(BaseModel):
    """A mapping of the configuration: immutable, and every key in it is a known one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError("settings may hold a secret and are not to be stored")

    @model_validator(mode="before")
    @classmethod
    def _without_the_empty(cls, given: Any) -> Any:
        """A known key without a value (`poll:` with all its lines commented out) counts as not given."""
        if not isinstance(given, dict):
            return given
        return {key: value for key, value in given.items() if value is not None or key not in keys_of(cls)}


def keys_of(section: type[Section]) -> dict[str, Any]:
    """The keys that a section knows, each with its type."""
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def sections_in(annotation: Any) -> Iterator[type[Section]]:
    """The sections that a type is made of: one in `tuple[Project, ...]`, three in `Credentials | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from sections_in(part)


def is_text(value: object) -> bool:
    """Whether it can be written in UTF-8. The system hands over other bytes as half characters."""
    return not isinstance(value, str) or not any("\ud800" <= character <= "\udfff" for character in value)


class SiblingError(ValueError):
    """A problem found while looking at one key, that is better told of another key beside it.

    Args:
        key: that other key.
        what: what is wrong with it.
    """

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key


def items_of(value: Any) -> Any:
    """The items of a list. The environment has no lists, so `a, b` is one, there as in the file."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    items = items_of(value)
    if items == []:
        raise ValueError("is empty")
    return items


_Item = TypeVar("_Item")

Listed = Annotated[tuple[_Item, ...], BeforeValidator(_listed)]
"""One or more, as a list or separated by commas."""

Text = Annotated[str, Field(min_length=1)]
"""Any text but none."""

"""What pydantic models of the operator's files have in common: sections, and problems as sentences.

Both the configuration and the web configuration are models made of `Section`, and `problems_of` turns
pydantic's errors into the same sentences for both.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from exporter.common.errors import Problem
from exporter.common.placeholders import A_PLACEHOLDER, is_variable
from exporter.common.suggest import did_you_mean
from exporter.common.text import show_key_or_hide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pydantic import ValidationError, ValidationInfo
    from pydantic_core import ErrorDetails

    Location = tuple[int | str, ...]
    """Keys and indices, from the top of the file."""

# By pydantic's error type; {} is filled from the error's context. Never the input: it may be a secret.
_SENTENCES = {
    "missing": "is missing",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list, with a hyphen before each item",
    "string_type": "must be text",
    "string_too_short": "is empty",
    "too_short": "is empty",
    "path_type": "must be the path of a file",
    "int_type": "must be a whole number, like 8",
    "int_parsing": "must be a whole number, like 8",
    "int_from_float": "must be a whole number, like 8",
    "float_type": "must be a number, like 2.5",
    "float_parsing": "must be a number, like 2.5",
    "finite_number": "must be a number, like 2.5",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
}


_FEW = 3
"""Places that a problem names for a key."""


class Section(BaseModel):
    """A mapping in a file: immutable, and unknown keys are problems."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    also_called: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Keys by names that others have for them, for the problem of an unknown key."""

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError("a section may hold a secret and cannot be pickled")

    @field_validator("*", mode="before")
    @classmethod
    def _replaced(cls, value: Any) -> Any:
        """Refuse a variable or a template's field: nothing is replaced here."""
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and is_variable(text) for text in texts):
            raise PlaceholderError
        return value

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, given: Any) -> Any:
        """A known key without a value (`poll:` with all its lines commented out) counts as not given."""
        if not isinstance(given, dict):
            return given
        return {
            key: value for key, value in given.items() if value is not None or key not in field_types(cls)
        }


class PlaceholderError(ValueError):
    """A value that somebody meant to replace. The problem says how else the setting can be given."""

    def __init__(self) -> None:
        super().__init__(f"is {A_PLACEHOLDER}, and the exporter replaces none")


class SiblingError(ValueError):
    """A problem that is found at one key, and reported for another key of the same section.

    Args:
        key: the other key.
        what: what is wrong with it.
    """

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key


_File = TypeVar("_File")


def text_or_file(file: _File | None, info: ValidationInfo, *, required: bool = True) -> _File | None:
    """Validate a value that is given either as text (`sk`) or as a file (`sk_file`).

    For a field validator of the file, which stands after the text in its section and has
    `validate_default=True`.

    Raises:
        ValueError: both are given, or neither although one is required.
    """
    name = (info.field_name or "").removesuffix("_file")
    if name not in info.data:  # the text is invalid, which is a problem of its own
        return file
    if file and info.data[name]:
        raise ValueError(f"cannot be used together with {name}; remove one of the two")
    if required and not file and not info.data[name]:
        raise SiblingError(name, f"is missing; give {name} or {name}_file")
    return file


def field_types(section: type[Section]) -> dict[str, Any]:
    """The type of each key of a section."""
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def sections_in(annotation: Any) -> Iterator[type[Section]]:
    """The sections that a type is made of: one in `tuple[Project, ...]`, three in `Credentials | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from sections_in(part)


def problems_of(
    error: ValidationError,
    model: type[Section],
    where: Callable[[Location], str],
    instead: Callable[[Location], str] = lambda _: "",
) -> Iterator[Problem]:
    """Every problem that the validation of a file found.

    Args:
        error: the error of the validation.
        model: the model of the whole file, for suggestions of keys.
        where: the name of a location for the operator, mostly its `path_of`.
        instead: how else the setting there can be given (`use ak_file`); empty if in no other way.
    """
    for details in error.errors(include_url=False, include_input=False):
        location, what = _describe(details, model)
        if isinstance(details.get("ctx", {}).get("error"), PlaceholderError):
            what = f"{what}; write the value{instead(location)}"
        yield Problem(where(location), what)


def path_of(location: Location) -> str:
    """A location as operators write it: `projects[0].pools[1]`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{show_key_or_hide(part)}"
    return text.removeprefix(".")


def _describe(details: ErrorDetails, model: type[Section]) -> tuple[Location, str]:
    location = _without_tags(details["loc"])
    context = details.get("ctx", {})
    match details["type"], context.get("error"):
        case "extra_forbidden", _:
            # The key is the operator's own text: it is not a tag even if it looks like one.
            *above, key = details["loc"]
            return (*_without_tags(above), key), _unknown_key(details["loc"], model)
        case "value_error", SiblingError() as error:
            return (*location[:-1], error.key), str(error)
        case "value_error", error:
            return location, str(error)
        case "literal_error", _:
            return location, f"must be {str(context['expected']).replace(chr(39), '')}"
        case kind, _:
            sentence = _SENTENCES.get(kind)
            if sentence is None:
                return location, details["msg"].replace("Input should be", "must be")
            return location, sentence.format(**context)


def _unknown_key(location: Location, model: type[Section]) -> str:
    key, sections = str(location[-1]), _sections_at(location[:-1], model)
    meant = _misplaced(key, model) or did_you_mean(
        key, [known for each in sections for known in field_types(each)]
    )
    for section in sections:
        if other := section.also_called.get(key):
            meant = f"did you mean {other}?"
    return f"unknown key; {meant}" if meant else "unknown key"


def _misplaced(key: str, model: type[Section]) -> str:
    """What to do with a key that belongs to another section; empty if it belongs to none, or to many."""
    flat = key.replace(".", "_")
    paths = [path for path in _paths(model) if flat in {path[-1], "_".join(path).replace("[]", "")}]
    if not paths or len(paths) > _FEW:
        return ""
    if "." in key:
        *above, last = paths[0]
        return f"write {': {'.join((*above, last))}: ...{'}' * len(above)}"
    places = (".".join(path) if len(path) > 1 else f"{path[0]} at the top of the file" for path in paths)
    return f"the setting is {' or '.join(places)}"


def _paths(section: type[Section], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys of a section and of all below it, each with those above: `("projects[]", "region")`."""
    for key, annotation in field_types(section).items():
        yield (*above, key)
        listed = get_origin(annotation) is tuple
        for inner in sections_in(annotation):
            yield from _paths(inner, (*above, f"{key}[]" if listed else key))


def _sections_at(location: Location, model: type[Section]) -> list[type[Section]]:
    """The sections that can be at a location: several where credentials are, one for each form."""
    sections: list[type[Section]] = [model]
    for part in location:
        if isinstance(part, str) and not _is_tag(part):
            sections = [
                found for section in sections for found in sections_in(field_types(section).get(part))
            ]
    return sections


def _without_tags(location: Iterable[int | str]) -> Location:
    return tuple(part for part in location if not _is_tag(part))


def _is_tag(part: int | str) -> bool:
    """Pydantic adds the tag of a union's member to a location. Our tags are in angle brackets."""
    return isinstance(part, str) and part.startswith("<") and part.endswith(">")

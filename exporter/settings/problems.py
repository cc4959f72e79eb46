"""What pydantic found wrong, in the operator's words: `where: what is wrong`.

Projects and pools that are there twice.

Looked for in what was written, not in the validated settings, so that they are found
beside all other problems.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from exporter.common.errors import Problem
from exporter.common.text import quote_or_hide, show_key_or_hide
from exporter.settings.base import Section, SiblingError, items_of, keys_of, sections_in
from exporter.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    Location = tuple[int | str, ...]
    """Keys and indices from the top of the settings."""

# A key that is none of ours may be anything; quoted then, also where it is empty.

# By pydantic's type of an error; {} are the error's own figures. Never the input: it may be a secret.
_SENTENCES = {
    "missing": "is missing",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
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


def problems_of(error: ValidationError, names: Mapping[str, str]) -> Iterator[Problem]:
    """Every problem in a validation of `Settings`.

    Args:
        error: of the validation.
        names: what the operator knows a path as, where it is not the path in the file: the name of a
            variable or flag. What lies under such a path goes by the same name.
    """
    for details in error.errors(include_url=False, include_input=False):
        location, what = _told(details)
        yield Problem(name_of(location, names), what)


def name_of(location: Location, names: Mapping[str, str]) -> str:
    """A location as the operator knows it: a variable's or flag's name, or the path in the file."""
    for end in range(len(location), 0, -1):
        if name := names.get(path_of(location[:end])):
            return name
    return path_of(location)


def path_of(location: Location) -> str:
    """A location as operators write it: `projects[0].pools[1]`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{show_key_or_hide(part)}"
    return text.removeprefix(".")


def _told(details: ErrorDetails) -> tuple[Location, str]:
    location = _untagged(details["loc"])
    figures = details.get("ctx", {})
    match details["type"], figures.get("error"):
        case "extra_forbidden", _:
            # The key itself is the operator's, whatever it looks like.
            *above, key = details["loc"]
            return (*_untagged(above), key), _unknown_key(details["loc"])
        case "value_error", SiblingError() as error:
            return (*location[:-1], error.key), str(error)
        case "value_error", error:
            return location, str(error)
        case "literal_error", _:
            return location, f"must be {str(figures['expected']).replace(chr(39), '')}"
        case kind, _:
            return location, _SENTENCES[kind].format(**figures) if kind in _SENTENCES else details["msg"]


def _unknown_key(location: Location) -> str:
    close = get_close_matches(str(location[-1]), _keys_at(location[:-1]), n=1)
    return f"unknown key{f'; did you mean {close[0]}?' if close else ''}"


def _keys_at(location: Location) -> list[str]:
    """The keys that are known at a location, those of all forms of credentials included."""
    sections: list[type[Section]] = [Settings]
    for part in location:
        if isinstance(part, str) and not _is_tag(part):
            sections = [found for section in sections for found in sections_in(keys_of(section).get(part))]
    return [key for section in sections for key in keys_of(section)]


def _untagged(location: Iterable[int | str]) -> Location:
    return tuple(part for part in location if not _is_tag(part))


def _is_tag(part: int | str) -> bool:
    """Pydantic puts the tag of a union's member into locations; see `exporter.settings.credentials`."""
    return isinstance(part, str) and part.startswith("<")


def duplicates(projects: Any) -> Iterator[tuple[Location, str]]:
    """Every project and every pool that came before, and what is wrong with it.

    A project that is there twice would be asked at twice its rate. What is not of the right shape is passed
    over: the validation tells of it.
    """
    first: dict[tuple[str, ...], Location] = {}
    for index, project in enumerate(projects if isinstance(projects, list) else ()):
        match project:
            case {"region": str(region), "project_id": str(project_id)}:
                earlier = first.setdefault((region, project_id), ("projects", index))
                if earlier != ("projects", index):
                    what = f"the project is already at {path_of(earlier)}; put all its pools there"
                    yield ("projects", index, "project_id"), what
                for number, pool in enumerate(_pools(project)):
                    location: Location = ("projects", index, "pools", number)
                    earlier = first.setdefault((region, project_id, str(pool)), location)
                    if earlier != location:
                        yield location, f"{quote_or_hide(pool)} is already at {path_of(earlier)}"


def _pools(project: dict[str, Any]) -> list[Any]:
    pools = items_of(project.get("pools"))
    return pools if isinstance(pools, list) else []

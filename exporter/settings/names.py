"""The names of a setting, from the model: path in the file, environment variable, flag."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_origin

from exporter.common.validation import Section, path_of, sections_in
from exporter.credentials.key_files import KEY_VARIABLES
from exporter.settings.model import Settings
from exporter.settings.types import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

    from exporter.common.validation import Location

PREFIX = "MODELARTS_EXPORTER_"

PROJECT_VARIABLES = {PREFIX + key.upper(): key for key in ("region", "project_id", "pools", "endpoint")}
"""The variables that describe the one project of the environment, with the project's keys."""


def variable(path: str) -> str:
    """`poll.interval` as `MODELARTS_EXPORTER_POLL__INTERVAL`."""
    return PREFIX + path.upper().replace(".", "__")


def _settings(section: type[Section], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its path, except those in lists of sections, which a variable cannot hold."""
    for name, field in section.model_fields.items():
        path, annotation = f"{above}{field.alias or name}", field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            yield from _settings(annotation, f"{path}.")
        elif get_origin(annotation) is not tuple or not any(sections_in(annotation)):
            yield path, field


# A shell cannot set a variable with a hyphen in its name.
SETTING_VARIABLES = {variable(path).replace("-", "_"): path for path, _ in _settings(Settings)}
"""The variables of all other settings, with the settings' paths."""

FLAGS = {
    path: flag for path, field in _settings(Settings) for flag in field.metadata if isinstance(flag, Flag)
}
"""The flags of the settings that have one, by the settings' paths."""


def other_ways(location: Location, names: Mapping[str, str]) -> str:
    """How a setting of the file can be given without the file, as the end of a sentence; empty if in no way.

    Args:
        location: the setting.
        names: variables and flags that were given, by path, as for `name_of`.
    """
    if name_of(location, names) != (path := path_of(location)):
        return ""
    match location:
        case ("projects", int(), "credentials", str(key)) if key in KEY_VARIABLES:
            return f", or give {key}_file, or leave credentials out and set {KEY_VARIABLES[key]}"
        case ("projects", int(), "credentials", "password"):
            return ", or give password_file"
        case _:  # not a project's own keys: their variables are for a configuration without projects
            return "".join(f", or set {name}" for name, other in SETTING_VARIABLES.items() if other == path)


def name_of(location: Location, names: Mapping[str, str]) -> str:
    """A location by the name that the operator used: a variable, a flag, or the path in the file.

    Args:
        location: keys and indices from the top of the settings.
        names: variables and flags by path. They also name what is below their path.
    """
    for end in range(len(location), 0, -1):
        if name := names.get(path_of(location[:end])):
            return name
    return path_of(location)

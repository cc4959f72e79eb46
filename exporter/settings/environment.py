"""Settings in environment variables: any setting by its path, and one project without a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_origin

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from exporter.common.errors import Problem
from exporter.common.suggest import did_you_mean
from exporter.settings.base import Section, is_text, keys_of, sections_in
from exporter.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "MODELARTS_EXPORTER_"

PROJECT_VARIABLES = {PREFIX + key.upper(): key for key in ("region", "project_id", "pools", "endpoint")}
"""What describes the one project, by the key it has there."""


def _paths(section: type[Section], above: str = "") -> Iterator[str]:
    """The path of every setting but those in lists of sections, which a variable cannot hold."""
    for key, annotation in keys_of(section).items():
        if isinstance(annotation, type) and issubclass(annotation, Section):
            yield from _paths(annotation, f"{above}{key}.")
        elif get_origin(annotation) is not tuple or not any(sections_in(annotation)):
            yield f"{above}{key}"


def _variable(path: str) -> str:
    return PREFIX + path.upper().replace(".", "__")


# A shell cannot set a variable with a hyphen in its name.
SETTING_VARIABLES = {_variable(path).replace("-", "_"): path for path in _paths(Settings)}
"""Any other setting, by its path."""

_PROJECT_NAMES = {
    **{f"projects[0].{key}": name for name, key in PROJECT_VARIABLES.items()},
    "projects[0].discover": f"{PREFIX}POOLS",
}

_KNOWN = (*PROJECT_VARIABLES, *SETTING_VARIABLES)

_ALL = "*"

# Kubernetes gives every pod variables about the services beside it, and one may well
# be called modelarts-exporter.
_KUBERNETES = re.compile(
    "MODELARTS_EXPORTER(_[A-Z0-9]+)*_"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


class _Paths(Settings, BaseSettings):
    """What pydantic-settings has to know: the model and how a path is spelt. Only for its source."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", enable_decoding=False)


class _Source(EnvSettingsSource):
    """pydantic-settings' own, over a given environment; its variables are spelt as the keys are."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(_Paths)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._variables.items()}


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says. A variable without a value counts as not set.

    Attributes:
        content: sections of the settings, nested text.
        project: the one project; empty when no variable describes one.
        names: the variables behind the content, by path.
        project_names: the variables that describe a project, set or not, by path; empty without a project.
        project_variables: those of them that are set.
        problems: variables that mean nothing.
    """

    content: Mapping[str, Any]
    project: Mapping[str, Any]
    names: Mapping[str, str]
    project_names: Mapping[str, str]
    project_variables: tuple[str, ...]
    problems: tuple[Problem, ...]


def read_environment(environ: Mapping[str, str]) -> Environment:
    """What an environment says."""
    given = {
        name: value
        for name, value in environ.items()
        if value and name.upper().startswith(PREFIX) and not _KUBERNETES.fullmatch(name)
    }
    ours = {name: value for name, value in given.items() if is_text(value)}
    settings = {path: ours[name] for name, path in SETTING_VARIABLES.items() if name in ours}
    project = tuple(name for name in PROJECT_VARIABLES if name in ours)
    return Environment(
        content=_Source({_variable(path): value for path, value in settings.items()})(),
        project=_project({PROJECT_VARIABLES[name]: ours[name] for name in project}),
        names={path: name for name, path in SETTING_VARIABLES.items() if path in settings},
        project_names=_PROJECT_NAMES if project else {},
        project_variables=project,
        problems=(
            *(Problem(name, "is not text in UTF-8") for name in given if name not in ours),
            *(_unknown(name) for name in ours if name not in _KNOWN),
        ),
    )


def _project(given: dict[str, Any]) -> dict[str, Any]:
    if given.get("pools", "").strip() == _ALL:
        del given["pools"]
        given["discover"] = {}
    return given


def _unknown(name: str) -> Problem:
    meant = did_you_mean(name.upper(), _KNOWN)
    return Problem(name, f"unknown variable; {meant}" if meant else "unknown variable")

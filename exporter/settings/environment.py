"""Settings in environment variables: any setting by its path, and one project without a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from exporter.common.errors import Problem
from exporter.common.suggest import did_you_mean
from exporter.common.text import may_hold_key
from exporter.common.validation import field_types
from exporter.credentials.key_files import KEY_VARIABLES
from exporter.settings.model import Settings
from exporter.settings.names import PREFIX, PROJECT_VARIABLES, SETTING_VARIABLES, variable
from exporter.settings.project import Project
from exporter.settings.types import is_utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROJECT_NAMES = {
    **{f"projects[0].{key}": name for name, key in PROJECT_VARIABLES.items()},
    "projects[0].discover": f"{PREFIX}POOLS",
}

_KNOWN = (*PROJECT_VARIABLES, *SETTING_VARIABLES)

_QUOTES = "\"'"
_QUOTED = "begins with a quote; remove the quotes: files of variables, such as Docker's, may keep them"

_ONLY_IN_FILE = field_types(Project).keys() - PROJECT_VARIABLES.values()

# Kubernetes gives every pod variables about the Services in its namespace, and one of those may be called
# modelarts-exporter.
_KUBERNETES = re.compile(
    "MODELARTS_EXPORTER(_[A-Z0-9]+)*_"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


class _SettingsByPath(Settings, BaseSettings):
    """Tells pydantic-settings the model and how a path is written as a variable. Only for `_Source`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", enable_decoding=False)


class _Source(EnvSettingsSource):
    """The source of pydantic-settings, for a given environment instead of the process's own."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(_SettingsByPath)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._variables.items()}


@dataclass(frozen=True, slots=True)
class Environment:
    """The settings of the environment. A variable without a value counts as not set.

    Attributes:
        content: nested sections of text, as in the file.
        project: the one project; empty if no variable describes one.
        names: the variables behind `content`, by path.
        project_names: the variables that describe a project, set or not, by path; empty without a project.
        project_variables: those of them that are set.
        problems: variables that are unknown, not UTF-8 or in quotes.
    """

    content: Mapping[str, Any]
    project: Mapping[str, Any]
    names: Mapping[str, str]
    project_names: Mapping[str, str]
    project_variables: tuple[str, ...]
    problems: tuple[Problem, ...]


def trimmed(environ: Mapping[str, str]) -> dict[str, str]:
    """All variables, without the white space around their values, such as the line end of a Windows file.

    For every reader of the environment, so that no two differ in this.
    """
    return {name: value.strip() for name, value in environ.items()}


def read_environment(environ: Mapping[str, str]) -> Environment:
    """Read the variables that start with `MODELARTS_EXPORTER_`."""
    given = {
        name: value
        for name, value in environ.items()
        if value and name.upper().startswith(PREFIX) and not _KUBERNETES.fullmatch(name)
    }
    # A value in quotes is a problem, and validated without them, so that it is not two.
    readable = {name: value.strip(_QUOTES) for name, value in given.items() if is_utf8(value)}
    settings = {path: readable[name] for name, path in SETTING_VARIABLES.items() if name in readable}
    project = tuple(name for name in PROJECT_VARIABLES if name in readable)
    return Environment(
        content=_Source({variable(path): value for path, value in settings.items()})(),
        project={PROJECT_VARIABLES[name]: readable[name] for name in project},
        names={path: name for name, path in SETTING_VARIABLES.items() if path in settings},
        project_names=_PROJECT_NAMES if project else {},
        project_variables=project,
        problems=(
            *(Problem(_shown(name), "is not text in UTF-8") for name in given if name not in readable),
            *(_unknown(name) for name in readable if name not in _KNOWN),
            *(Problem(name, _QUOTED) for name in _KNOWN if given.get(name, "").startswith(tuple(_QUOTES))),
        ),
    )


def _unknown(name: str) -> Problem:
    key = name[len(PREFIX) :].lower()
    if key in KEY_VARIABLES:
        advice = f"did you mean {KEY_VARIABLES[key]}?"
    elif key.replace("__", "_") == "config_file":
        advice = "only the flag --config.file names the file"
    elif key in _ONLY_IN_FILE:
        advice = f"only the file can set projects[].{key}"
    else:
        # Without the prefix: it makes any two names alike.
        meant = did_you_mean(key.upper(), [known.removeprefix(PREFIX) for known in _KNOWN])
        advice = meant.replace("mean ", f"mean {PREFIX}")
    return Problem(_shown(name), f"unknown variable; {advice}" if advice else "unknown variable")


def _shown(name: str) -> str:
    return f"{PREFIX}..." if may_hold_key(name) else name

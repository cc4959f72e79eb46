"""From what the operator wrote to `Settings`: flags over environment over file, all problems at once."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from exporter.common.errors import ConfigurationError, CredentialsError, Problem
from exporter.credentials.key_files import environment_keys
from exporter.settings.base import is_text
from exporter.settings.environment import read_environment
from exporter.settings.file import Document, read_document
from exporter.settings.model import Settings
from exporter.settings.problems import duplicates, name_of, problems_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from exporter.settings.environment import Environment

FLAGS = {
    "web.listen_address": "--web.listen-address",
    "web.telemetry_path": "--web.telemetry-path",
    "web.config_file": "--web.config.file",
    "web.enable_lifecycle": "--web.enable-lifecycle",
    "web.max_requests": "--web.max-requests",
    "shard.index": "--shard.index",
    "shard.total": "--shard.total",
    "log.level": "--log.level",
    "log.format": "--log.format",
}
"""What the settings that have a flag are called on the command line."""


def load(config_file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """The settings.

    Args:
        config_file: YAML; None for none.
        environ: the process's environment.
        flags: values by path (`web.listen_address`); they beat everything else. A caller that brings its own
            `projects`, as the demo does, puts them here.

    Raises:
        ConfigurationError: with every problem in file, environment and flags. Only when the file is no YAML,
            or a flag is no text, nothing is said of values, which would all be missing.
    """
    environment = read_environment(environ)
    garbled = tuple(
        Problem(FLAGS[path], "is not text in UTF-8") for path in FLAGS if not _is_text(flags.get(path))
    )
    try:
        document = read_document(config_file) if config_file else Document({}, ())
    except ConfigurationError as error:
        raise ConfigurationError(*error.problems, *environment.problems, *garbled) from None
    file = document.content
    contradictions = _contradictions(file, environment)
    if environment.project and not contradictions:
        file = {**file, "projects": [environment.project]}
    names = {
        **({} if contradictions else environment.project_names),
        **environment.names,
        **{path: FLAGS[path] for path in flags if path in FLAGS},
    }
    if garbled:
        raise ConfigurationError(*garbled, *document.problems, *environment.problems)
    content = reduce(_over, (environment.content, _nested(flags)), file)
    settings, wrong = _validated(content, names, environ)
    keys = _unusable_keys(content, environ)
    problems = (*document.problems, *environment.problems, *contradictions, *wrong, *keys)
    if problems or not settings:
        raise ConfigurationError(*problems)
    return settings


def _contradictions(file: Mapping[str, Any], environment: Environment) -> tuple[Problem, ...]:
    if not environment.project or not file.get("projects"):
        return ()
    variables = " and ".join(environment.project_variables)
    return (Problem("projects", f"exclude the project that {variables} describe; keep one of them"),)


def _validated(
    content: Mapping[str, Any], names: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[Settings | None, list[Problem]]:
    twice = [
        Problem(name_of(location, names), what) for location, what in duplicates(content.get("projects"))
    ]
    try:
        return Settings.model_validate(content, context=environ), twice
    except ValidationError as error:
        return None, [*problems_of(error, names), *twice]


def _unusable_keys(content: Mapping[str, Any], environ: Mapping[str, str]) -> list[Problem]:
    """Half a key pair in the environment, or what can be no key, where a project would use it."""
    projects = content.get("projects")
    given = projects if isinstance(projects, list) else []
    if any(isinstance(project, dict) and project.get("credentials") is None for project in given):
        try:
            environment_keys(environ)
        except CredentialsError as error:
            return [Problem(error.where, "; ".join(filter(None, (error.what, error.advice))))]
    return []


def _is_text(flag: object) -> bool:
    return all(map(is_text, flag if isinstance(flag, list) else [flag]))


def _nested(flags: Mapping[str, object]) -> dict[str, Any]:
    """`{"log.level": "debug"}` as `{"log": {"level": "debug"}}`."""
    content: dict[str, Any] = {}
    for path, value in flags.items():
        *sections, key = path.split(".")
        inner = content
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[key] = value
    return content


def _over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """The upper layer over the lower one, leaf by leaf; pydantic-settings keeps its own to itself."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged

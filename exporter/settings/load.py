"""Load the settings: flags over environment over file, with all problems at once."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from yarl import URL

from exporter.common.errors import ConfigurationError, CredentialsError, Problem
from exporter.common.validation import problems_of
from exporter.common.yaml import Document, read_yaml
from exporter.credentials.key_files import environment_keys
from exporter.settings.environment import read_environment
from exporter.settings.model import Settings
from exporter.settings.names import FLAGS, name_of, other_ways
from exporter.settings.project import duplicates
from exporter.settings.regions import REGIONS
from exporter.settings.types import is_utf8
from exporter.transport.proxy import ProxyChoice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from exporter.settings.environment import Environment


def load(config_file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """Load and validate the settings.

    Args:
        config_file: the YAML file; None if there is none.
        environ: the process's environment.
        flags: values by path (`web.listen_address`); they override everything else. A caller that brings its
            own `projects`, as the demo does, puts them here.

    Raises:
        ConfigurationError: with every problem in file, environment and flags. If the file is not YAML, or a
            flag is not UTF-8, the values are not checked: too many would be missing.
    """
    environment = read_environment(environ)
    not_text = tuple(
        Problem(flag.name, "is not text in UTF-8")
        for path, flag in FLAGS.items()
        if not _is_text(flags.get(path))
    )
    try:
        document = read_yaml(config_file, setting="--config.file") if config_file else Document({})
    except ConfigurationError as error:
        raise ConfigurationError(*error.problems, *environment.problems, *not_text) from None
    file = document.content
    contradictions = _contradictions(file, environment)
    if environment.project and not contradictions:
        file = {**file, "projects": [environment.project]}
    names = {
        **({} if contradictions else environment.project_names),
        **environment.names,
        **{path: FLAGS[path].name for path in flags if path in FLAGS},
    }
    if not_text:
        raise ConfigurationError(*not_text, *document.problems, *environment.problems)
    content = reduce(_override, (environment.content, _nested(flags)), file)
    settings, invalid = _validate(content, names, environ)
    keys, proxies = _unusable_keys(content, environ), _unusable_proxies(content, environ)
    problems = (*document.problems, *environment.problems, *contradictions, *invalid, *keys, *proxies)
    if problems or not settings:
        raise ConfigurationError(*problems)
    return settings


def _contradictions(file: Mapping[str, Any], environment: Environment) -> tuple[Problem, ...]:
    if not environment.project or not file.get("projects"):
        return ()
    variables = " and ".join(environment.project_variables)
    return (
        Problem(
            "projects",
            f"cannot be used together with {variables}; remove it from the file, or unset the variables",
        ),
    )


def _validate(
    content: Mapping[str, Any], names: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[Settings | None, list[Problem]]:
    repeated = [
        Problem(name_of(location, names), what) for location, what in duplicates(content.get("projects"))
    ]
    try:
        return Settings.model_validate(content, context=environ), repeated
    except ValidationError as error:
        invalid = problems_of(
            error,
            Settings,
            where=lambda location: name_of(location, names),
            instead=lambda location: other_ways(location, names),
        )
        return None, [*invalid, *repeated]


def _unusable_keys(content: Mapping[str, Any], environ: Mapping[str, str]) -> list[Problem]:
    """Keys in the environment that some project would use and cannot: half a pair, or no valid key."""
    projects = content.get("projects")
    given = projects if isinstance(projects, list) else []
    if any(isinstance(project, dict) and project.get("credentials") is None for project in given):
        try:
            environment_keys(environ)
        except CredentialsError as error:
            return [Problem(error.where, "; ".join(filter(None, (error.what, error.advice))))]
    return []


def _unusable_proxies(content: Mapping[str, Any], environ: Mapping[str, str]) -> list[Problem]:
    """Variables that name a proxy which some project would use and cannot.

    This looks at what was written, so that it is reported beside all other problems.
    """
    projects = content.get("projects")
    given = projects if isinstance(projects, list) else []
    choice = ProxyChoice(environ)
    problems: dict[Problem, None] = {}
    for project in given:
        if isinstance(project, dict) and not project.get("proxy"):
            for address in _addresses(project):
                try:
                    choice.proxy_for(URL(address))
                except ConfigurationError as error:
                    problems.update(dict.fromkeys(error.problems))
                except ValueError:  # no address, which is a problem of its own
                    continue
    return list(problems)


def _addresses(project: Mapping[str, Any]) -> Iterator[str]:
    """The addresses that a project sends requests to."""
    region = REGIONS.get(str(project.get("region")))
    credentials = project.get("credentials")
    yield str(project.get("endpoint") or (region.modelarts if region else ""))
    if isinstance(credentials, dict) and "username" in credentials:
        yield str(project.get("iam_endpoint") or (region.iam if region else ""))


def _is_text(flag: object) -> bool:
    return all(map(is_utf8, flag if isinstance(flag, list) else [flag]))


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


def _override(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """The lower layer with the values of the upper one. Pydantic-settings does not export its own merge."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _override(below, value)
        else:
            merged[key] = value
    return merged

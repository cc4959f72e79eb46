"""What the chart refuses, and in which words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.chart import CHART, EXAMPLES, every_example, helm, rendered

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
PROJECT = EXAMPLES["production"]["config"]["projects"][0]


def sections(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping of fixed keys, by its path; the exporter's configuration is its own to check."""
    if "additionalProperties" in schema and "properties" in schema:
        yield path, schema["properties"]
        for key, part in schema["properties"].items():
            yield from sections(part, f"{path}.{key}".strip("."))


SECTIONS = dict(sections(SCHEMA))


def at(values: Any, path: str) -> Any:
    for key in filter(None, path.split(".")):
        values = values[key]
    return values


@pytest.mark.parametrize("path", SECTIONS)
def test_schema_and_values_have_the_same_keys(path: str) -> None:
    """Each key that may be set has a default and a comment beside it; each default is in the schema."""
    assert SECTIONS[path].keys() - {"global"} == at(DEFAULTS, path).keys()


@pytest.mark.parametrize("path", SECTIONS)
def test_a_key_that_nobody_knows_is_refused(path: str) -> None:
    """A misspelt key never passes for a default."""
    values: dict[str, Any] = {"mispelt": 1}
    for key in reversed([key for key in path.split(".") if key]):
        values = {key: values}
    with pytest.raises(helm().HelmError, match="additional properties 'mispelt' not allowed"):
        rendered({"demo": True, **values})


@every_example
def test_the_schema_takes_the_examples(example: str) -> None:
    """And the defaults under them."""
    with helm().Chart.load(CHART) as chart:
        chart.validate_schema(chart.merge_values(EXAMPLES[example]))


def project(**changes: Any) -> dict[str, Any]:
    return {"config": {"projects": [PROJECT | changes]}}


@pytest.mark.parametrize(
    ("values", "where"),
    [
        (project(credentials={"ak": "AK", "sk": "SK"}), "credentials/ak"),
        (project(credentials={"username": "u", "password": "p", "domain": "d"}), "credentials/password"),
        (project(credentials={"security_token": "t"}), "credentials/security_token"),
        # 32 digits without quotes are a number, of which Helm keeps seventeen.
        (project(project_id=1.2e31), "project_id"),
        (project() | {"service": {"port": 0}}, "service/port"),
        (project() | {"serviceMonitor": {"interval": "often"}}, "serviceMonitor/interval"),
        (project() | {"secrets": ["UPPER"]}, "secrets/0"),
        ({"config": {"web": {"listen_address": [":9100"]}}}, "web/listen_address"),
        ({"config": {"web": {"config_file": "web.yml"}}}, "web/config_file"),
        ({"config": {"state": {"path": "/tmp/state.db"}}}, "state/path"),  # noqa: S108  (refused)
        (project() | {"persistence": {"size": "much"}}, "persistence/size"),
        (project() | {"persistence": {"existingClaim": "UPPER"}}, "persistence/existingClaim"),
        ({"demo": True, "webConfig": {"tls": True}}, "webConfig/tls"),
    ],
)
def test_a_value_that_cannot_be_is_refused(values: dict[str, Any], where: str) -> None:
    """Secrets in what becomes a ConfigMap above all; and what the chart decides itself."""
    with pytest.raises(helm().HelmError, match=f"at '[^']*{where}'"):
        rendered(values)


@pytest.mark.parametrize(
    "path",
    [
        "demo",
        "config",
        "image",
        "image.repository",
        "webConfig",
        "webConfig.tls",
        "persistence",
        "serviceAccount",
        "service",
        "service.port",
        "serviceMonitor",
        "serviceMonitor.interval",
        "prometheusRule",
        "prometheusRule.grafanaUrl",
        "dashboards",
        "networkPolicy",
        "podDisruptionBudget",
    ],
)
def test_what_is_needed_is_not_taken_away(path: str) -> None:
    """To Helm, null is a default dropped: told by its key, not by the template that stumbles over it."""
    *sections, key = path.split(".")
    values: dict[str, Any] = {key: None}
    for section in sections:
        values = {section: values}
    with pytest.raises(helm().HelmError, match=f"missing property '{key}'"):
        rendered(project() | values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "config.projects is empty: list the projects to watch, or look around with demo: true"),
        ({"demo": True, "webConfig": {"secret": "web"}}, "webConfig.secret: web is not among the secrets"),
        (
            {"demo": True, "serviceMonitor": {"interval": "5s", "scrapeTimeout": "5001ms"}},
            "serviceMonitor.scrapeTimeout: 5001ms is longer than the interval, 5s",
        ),
    ],
)
def test_values_that_do_not_fit_together_are_refused(values: dict[str, Any], message: str) -> None:
    """What no exporter could start with is not installed."""
    with pytest.raises(helm().HelmRenderError, match=message):
        rendered(values)


def test_one_project_from_the_environment_is_enough() -> None:
    """As outside of Kubernetes."""
    assert rendered({"env": [{"name": "MODELARTS_EXPORTER_REGION", "value": "cn-north-4"}]})

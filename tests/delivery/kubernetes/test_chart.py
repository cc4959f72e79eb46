"""The chart as a whole: what it makes, and that Helm and Kubernetes accept it."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.chart import (
    CHART,
    EXAMPLES,
    NEWEST,
    OLDEST,
    PROJECT,
    every_example,
    helm,
    known_to_kubernetes,
    objects_of,
    of_kind,
    rendered,
)

from exporter import __version__

if TYPE_CHECKING:
    from pathlib import Path

RELEASE = "watch-modelarts-exporter"
ALWAYS = {("Deployment", RELEASE), ("Service", RELEASE), ("Pod", f"{RELEASE}-test")}
BOARDS = {("ConfigMap", f"{RELEASE}-{board}") for board in ("exporter", "fleet", "jobs", "pool")}
OBJECTS = {
    "demo": ALWAYS | BOARDS | {("ServiceAccount", RELEASE), ("ServiceMonitor", RELEASE)},
    "production": ALWAYS
    | BOARDS
    | {("ServiceAccount", RELEASE), ("ServiceMonitor", RELEASE), ("ConfigMap", RELEASE)}
    | {("NetworkPolicy", RELEASE), ("PodDisruptionBudget", RELEASE)},
    "tls": ALWAYS
    | {("ServiceAccount", "modelarts-reader"), ("ServiceMonitor", RELEASE), ("ConfigMap", RELEASE)}
    | {("NetworkPolicy", RELEASE)},
    "persistent": ALWAYS
    | {("ServiceAccount", RELEASE), ("ServiceMonitor", RELEASE), ("ConfigMap", RELEASE)}
    | {("PersistentVolumeClaim", RELEASE)},
    "sharded": ALWAYS - {("Deployment", RELEASE)}
    | {("StatefulSet", RELEASE), ("Service", f"{RELEASE}-pods"), ("PodDisruptionBudget", RELEASE)}
    | {("ServiceAccount", RELEASE), ("ServiceMonitor", RELEASE), ("ConfigMap", RELEASE)},
}
"""But for the rules, of which there is an object a file."""


@every_example
def test_helm_has_no_finding(example: str) -> None:
    """Not even a warning; that an icon is recommended is its one remark."""
    report = helm().lint(CHART, EXAMPLES[example], strict=True)
    assert report["errors"] == []
    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]


@every_example
def test_an_example_makes_what_it_says(example: str) -> None:
    """No object is missing, none is there unasked, and all lie in the release's namespace."""
    objects = objects_of(example)
    made = [(document["kind"], document["metadata"]["name"]) for document in objects]
    assert {pair for pair in made if pair[0] != "PrometheusRule"} == OBJECTS[example]
    assert len(made) == len(set(made))
    assert bool(of_kind("PrometheusRule", objects)) == (example != "tls")
    assert {document["metadata"]["namespace"] for document in objects} == {"monitoring"}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@every_example
def test_kubernetes_knows_every_field(example: str, version: str) -> None:
    """From the oldest version that Chart.yaml allows to the newest there is."""
    assert f">={OLDEST}-0" in (CHART / "Chart.yaml").read_text()
    known_to_kubernetes(objects_of(example), version)


@every_example
def test_the_prometheus_operator_knows_every_field(example: str) -> None:
    """Its models check values and let unknown fields fall, so that what comes out tells of them."""
    from cloudcoil.models.prometheus_operator import v1  # noqa: PLC0415  (takes seconds)

    checked = 0
    for model in (v1.ServiceMonitor, v1.PrometheusRule):
        for document in of_kind(model.__name__, objects_of(example)):
            understood = model.model_validate(document)
            assert understood.model_dump(mode="json", by_alias=True, exclude_unset=True) == document
            checked += 1
    assert checked


def test_a_packaged_chart_is_whole(tmp_path: Path) -> None:
    """The archive holds the files behind the links, so that it makes the same objects anywhere."""
    archive = helm().package(CHART, destination=tmp_path)
    assert rendered(EXAMPLES["production"], archive) == objects_of("production")


@pytest.mark.parametrize("part", ["prometheusRule", "dashboards"])
def test_lost_links_are_told_of(part: str, tmp_path: Path) -> None:
    """A checkout without links (Windows, Flux) must not install a release that never alerts."""
    copy = tmp_path / "modelarts-exporter"
    shutil.copytree(CHART, copy, symlinks=True)
    for link in (copy / "files").iterdir():
        text = str(link.readlink())
        link.unlink()
        link.write_text(text)
    assert rendered({"demo": True}, copy)
    with pytest.raises(helm().HelmRenderError, match=f"{part}: .* links in its files/ were lost"):
        rendered({"demo": True, part: {"enabled": True}}, copy)


def test_chart_and_image_have_the_exporters_version() -> None:
    """Whoever releases changes all of them."""
    description = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert {description["version"], description["appVersion"]} == {__version__}
    images = [
        part["image"]
        for document in of_kind("Pod", objects_of("demo"))
        for part in document["spec"]["containers"]
    ]
    assert images == [f"modelarts-exporter:{__version__}"]


def test_the_deployment_page_pushes_the_image_that_the_chart_asks_for() -> None:
    """`docker build` without a tag makes latest, which the chart never pulls."""
    section = (PROJECT / "docs/deployment.md").read_text().partition("## Kubernetes")[2].partition("\n## ")[0]
    commands = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    [pushed] = {word for line in commands if "docker push" in line for word in line.split() if "/" in word}
    assert any(f"docker build -t {pushed} ." in line for line in commands)
    [repository] = re.findall(r"image\.repository=(\S+)", "\n".join(commands))
    [test] = of_kind("Pod", rendered({"demo": True, "image": {"repository": repository}}))
    assert test["spec"]["containers"][0]["image"] == pushed


def test_an_image_can_be_named_by_its_digest() -> None:
    """What runs is then what was tested, whatever becomes of the tag."""
    digest = "sha256:" + "0" * 64
    [test] = of_kind("Pod", rendered({"demo": True, "image": {"digest": digest, "tag": "x"}}))
    assert test["spec"]["containers"][0]["image"] == f"modelarts-exporter@{digest}"


def test_notes_say_what_is_missing() -> None:
    """Whoever installs reads what he has, how to look at it, and what he has not."""
    with helm().Chart.load(CHART) as loaded:
        notes: dict[str, Any] = {
            name: loaded.render(values, name="watch")["modelarts-exporter/templates/NOTES.txt"]
            for name, values in {**EXAMPLES, "least": {"demo": True}}.items()
        }
    assert "A simulated ModelArts" in notes["demo"]
    assert "Nothing scrapes it yet" not in notes["demo"]
    assert "Nothing scrapes it yet" in notes["least"]
    assert "Nobody is alerted yet" in notes["tls"]
    assert f"With ImagePullBackOff, modelarts-exporter:{__version__} is not" in notes["least"]
    assert "1 project(s)" in notes["production"]
    assert "https://127.0.0.1:10310/modelarts/metrics " in notes["tls"]
    kept = [
        name
        for name, text in notes.items()
        if "Counters are kept in the claim watch-modelarts-exporter" in text
    ]
    assert kept == ["persistent"]

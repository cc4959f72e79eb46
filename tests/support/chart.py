"""The Helm chart, rendered by Helm's own library: no cluster, no network, no helm command."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from types import ModuleType

PROJECT = Path(__file__).parents[2]
CHART = PROJECT / "deploy/kubernetes/modelarts-exporter"
EXAMPLES: dict[str, dict[str, Any]] = {
    file.stem: yaml.safe_load(file.read_text()) for file in (CHART.parent / "examples").iterdir()
}

OLDEST, NEWEST = "1.25.0", "newest"
"""The versions of Kubernetes that the chart is for: what Chart.yaml allows, and what its schemas know."""

every_example = pytest.mark.parametrize("example", sorted(EXAMPLES))


def helm() -> ModuleType:
    """Helm's library; skips the test where there is no build of it, but fails it in CI."""
    try:
        import helm_python  # noqa: PLC0415
    except ImportError:
        message = "helm-python-sdk is missing; it is built for Linux on x86_64"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return helm_python


def rendered(
    values: dict[str, Any], chart: Path = CHART, *, release: str = "watch", namespace: str = "monitoring"
) -> list[dict[str, Any]]:
    """Every object of a release."""
    with helm().Chart.load(chart) as loaded:
        files = loaded.render(values, name=release, namespace=namespace)
    manifests = [text for path, text in sorted(files.items()) if path.endswith(".yaml")]
    # The loader in C needs a tenth of the time; tags and types are the Python loader's.
    return [document for text in manifests for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def known_to_kubernetes(objects: list[dict[str, Any]], version: str) -> None:
    """Fail the test if that version of Kubernetes does not know a field, or does not take a value."""
    import kubernetes_validate  # noqa: PLC0415  (takes seconds, which every test process would need to collect)

    exact = kubernetes_validate.latest_version() if version == NEWEST else version
    for document in objects:
        if not document["apiVersion"].startswith("monitoring.coreos.com/"):
            kubernetes_validate.validate(document, exact, strict=True)


@cache
def objects_of(example: str) -> list[dict[str, Any]]:
    """What one of the examples makes. Not to be changed: it is shared."""
    return rendered(EXAMPLES[example])


def of_kind(kind: str, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [document for document in objects if document["kind"] == kind]


def only(kind: str, objects: list[dict[str, Any]]) -> dict[str, Any]:
    [document] = of_kind(kind, objects)
    return document


def workload(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """What runs the exporter's pods: a Deployment, or the StatefulSet of several."""
    [found] = [*of_kind("Deployment", objects), *of_kind("StatefulSet", objects)]
    return found


def service(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The one for whoever asks; another may be there to give pods their names."""
    [found] = [document for document in of_kind("Service", objects) if "clusterIP" not in document["spec"]]
    return found


def container(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The exporter's container."""
    [found] = workload(objects)["spec"]["template"]["spec"]["containers"]
    return dict(found)


def configuration(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The ConfigMap with the exporter's configuration; the others hold dashboards."""
    [found] = [document for document in of_kind("ConfigMap", objects) if "exporter.yml" in document["data"]]
    return found

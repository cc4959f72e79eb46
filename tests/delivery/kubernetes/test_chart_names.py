"""Names that YAML takes for something else, and names that Kubernetes would not take."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.chart import EXAMPLES, NEWEST, helm, known_to_kubernetes, of_kind, only, rendered

LOOK_ALIKES = ["123", "true", "on", "0x1f", "1e3", "null"]
"""Allowed as names, and in YAML numbers, booleans and nothing."""

SERVICE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""A label of RFC 1035, which is what Kubernetes asks of a Service's name."""

EVERYTHING: dict[str, Any] = EXAMPLES["production"] | {"persistence": {"enabled": True}}


def named(
    values: dict[str, Any], release: str = "watch", namespace: str = "monitoring"
) -> list[dict[str, Any]]:
    """Every object of the chart with all its parts, once Kubernetes's schemas took it."""
    objects = rendered(EVERYTHING | values, release=release, namespace=namespace)
    known_to_kubernetes(objects, NEWEST)
    for document in objects:
        metadata = document["metadata"]
        assert metadata["namespace"] == namespace
        for text in (metadata["name"], *metadata["labels"].values()):
            assert isinstance(text, str), (document["kind"], text)
            assert len(text) <= 63
    return objects


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_name_stays_text(name: str) -> None:
    """Wherever it comes from: release, namespace and values."""
    objects = named(
        {
            "nameOverride": name,
            "serviceAccount": {"name": name},
            "secrets": [name],
            "priorityClassName": name,
            "persistence": {"enabled": True, "existingClaim": name},
        },
        release=name,
        namespace=name,
    )
    pod = only("Deployment", objects)["spec"]["template"]
    assert pod["metadata"]["labels"]["app.kubernetes.io/instance"] == name
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == name
    assert pod["spec"]["serviceAccountName"] == pod["spec"]["priorityClassName"] == name
    assert name in [volume.get("secret", {}).get("secretName") for volume in pod["spec"]["volumes"]]
    assert name in [
        volume.get("persistentVolumeClaim", {}).get("claimName") for volume in pod["spec"]["volumes"]
    ]
    monitor = only("ServiceMonitor", objects)["spec"]
    assert monitor["namespaceSelector"]["matchNames"] == [name]
    [instance] = [
        rule["replacement"]
        for rule in monitor["endpoints"][0]["relabelings"]
        if rule.get("targetLabel") == "instance"
    ]
    assert instance == only("Deployment", objects)["metadata"]["name"]


@pytest.mark.parametrize("name", ["true", "on", "null"])
def test_a_full_name_stays_text(name: str) -> None:
    """And is the name of everything, as it is."""
    assert only("Service", named({"fullnameOverride": name}))["metadata"]["name"] == name


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("watch", {}, "watch-modelarts-exporter"),
        ("modelarts-exporter", {}, "modelarts-exporter"),
        ("123", {}, "release-123-modelarts-exporter"),
        ("team.a", {}, "team-a-modelarts-exporter"),
        ("watch", {"nameOverride": "queue.v1"}, "watch-queue-v1"),
        ("w" * 53, {}, "w" * 50),
        ("w" * 49 + ".a", {}, "w" * 49),
        ("watch", {"nameOverride": "n" * 70}, "watch-" + "n" * 44),
        ("watch", {"fullnameOverride": "f" * 70}, "f" * 50),
    ],
)
def test_a_service_has_a_name_that_kubernetes_takes(release: str, values: dict[str, Any], name: str) -> None:
    """No dot, a letter first, and short enough for what stands behind it in other objects' names."""
    service = only("Service", named(values, release=release))
    assert service["metadata"]["name"] == name
    assert SERVICE.fullmatch(name)


@pytest.mark.parametrize(
    ("override", "label"), [("n" * 70, "n" * 63), ("n" * 60 + "-.-" + "n" * 7, "n" * 60)]
)
def test_a_long_name_is_cut_to_a_label(override: str, label: str) -> None:
    """To 63 characters, the last of them a letter or a digit."""
    for document in of_kind("Service", named({"nameOverride": override})):
        assert document["spec"]["selector"]["app.kubernetes.io/name"] == label


@pytest.mark.parametrize("name", ["123", "0x1f", "team.a"])
def test_a_full_name_that_no_service_may_have_is_refused(name: str) -> None:
    """Whoever asks for a name gets that name or is told."""
    with pytest.raises(helm().HelmError, match=r"at '[^']*fullnameOverride'"):
        named({"fullnameOverride": name})

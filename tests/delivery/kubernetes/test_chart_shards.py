"""Several exporters in one release: each with a name, a share and a state of its own."""

from __future__ import annotations

from typing import Any

import pytest
from support.chart import (
    CHART,
    EXAMPLES,
    OLDEST,
    container,
    helm,
    known_to_kubernetes,
    objects_of,
    of_kind,
    only,
    rendered,
    service,
)

RELEASE = "watch-modelarts-exporter"
SHARDED = EXAMPLES["sharded"]


def test_every_share_has_a_pod() -> None:
    """As many as there are shares, started side by side, with their names for an index."""
    objects = objects_of("sharded")
    pods = only("StatefulSet", objects)["spec"]
    assert pods["replicas"] == SHARDED["sharding"]["total"] == 4
    assert pods["podManagementPolicy"] == "Parallel"
    assert "ordinals" not in pods
    assert "--shard.total=4" in container(objects)["args"]
    name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    assert name in container(objects)["env"]
    assert of_kind("Deployment", objects) == []


def test_the_pods_have_addresses_of_their_own() -> None:
    """By a headless Service, which a ServiceMonitor must not take for a second one to scrape."""
    objects = objects_of("sharded")
    [headless] = [one for one in of_kind("Service", objects) if one["spec"].get("clusterIP") == "None"]
    assert only("StatefulSet", objects)["spec"]["serviceName"] == headless["metadata"]["name"]
    assert headless["spec"]["selector"] == service(objects)["spec"]["selector"]
    monitored = only("ServiceMonitor", objects)["spec"]["selector"]["matchLabels"].items()
    assert monitored <= service(objects)["metadata"]["labels"].items()
    assert not monitored <= headless["metadata"]["labels"].items()


def test_every_pod_is_an_instance_and_stays_one() -> None:
    """By its name, which outlives a rollout; the job is what rules know."""
    [endpoint] = only("ServiceMonitor", objects_of("sharded"))["spec"]["endpoints"]
    assert endpoint["relabelings"] == [
        {"targetLabel": "job", "replacement": "modelarts"},
        {"targetLabel": "instance", "sourceLabels": ["__meta_kubernetes_pod_name"]},
        {"action": "labeldrop", "regex": "pod|container|endpoint"},
    ]


def test_every_pod_keeps_a_state_that_goes_with_it() -> None:
    """A claim each; of a shard that is taken away nothing is left that could be counted twice later."""
    objects = objects_of("sharded")
    pods = only("StatefulSet", objects)["spec"]
    [claim] = pods["volumeClaimTemplates"]
    assert claim["spec"] == only("PersistentVolumeClaim", objects_of("persistent"))["spec"]
    assert pods["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete", "whenScaled": "Delete"}
    assert claim["metadata"]["name"] in {mount["name"] for mount in container(objects)["volumeMounts"]}
    assert of_kind("PersistentVolumeClaim", objects) == []
    [pod] = only("StatefulSet", objects)["spec"]["template"]["spec"]["containers"]
    assert {"name": "MODELARTS_EXPORTER_STATE__PATH", "value": "/var/lib/modelarts-exporter/state.db"} in pod[
        "env"
    ]
    kept = rendered(SHARDED | {"persistence": {"enabled": False}})
    assert (
        not {"volumeClaimTemplates", "persistentVolumeClaimRetentionPolicy"}
        & only("StatefulSet", kept)["spec"].keys()
    )


def test_two_replicas_watch_everything() -> None:
    """Told of no shares, and told apart by their names."""
    objects = rendered(EXAMPLES["production"] | {"replicas": 2})
    assert only("StatefulSet", objects)["spec"]["replicas"] == 2
    assert not any("--shard" in argument for argument in container(objects)["args"])
    [endpoint] = only("ServiceMonitor", objects)["spec"]["endpoints"]
    assert {"targetLabel": "instance", "sourceLabels": ["__meta_kubernetes_pod_name"]} in endpoint[
        "relabelings"
    ]
    known_to_kubernetes(objects, OLDEST)


def test_a_single_exporter_is_a_deployment() -> None:
    """Of one share, and one replica."""
    objects = rendered(SHARDED | {"sharding": {"total": 1}})
    assert only("Deployment", objects)["spec"]["replicas"] == 1
    assert not any("--shard" in argument for argument in container(objects)["args"])
    assert of_kind("StatefulSet", objects) == []
    assert len(of_kind("Service", objects)) == 1


def test_a_new_total_reaches_every_pod() -> None:
    """It is in the pods' template, so that all of them are rolled out."""
    before, after = (
        only("StatefulSet", objects)["spec"]["template"]
        for objects in (objects_of("sharded"), rendered(SHARDED | {"sharding": {"total": 5}}))
    )
    assert before != after


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"replicas": 2}, "replicas: with sharding.total"),
        ({"persistence": {"enabled": True, "existingClaim": "mine"}}, "persistence.existingClaim: every pod"),
        ({"sharding": {"total": 0}}, "sharding/total"),
        ({"sharding": {"total": 2.5}}, "sharding/total"),
        ({"sharding": {"total": "4"}}, "sharding/total"),
        ({"config": SHARDED["config"] | {"shard": {"total": 4}}}, "config/shard"),
        (
            {"env": [{"name": "MODELARTS_EXPORTER_SHARD__INDEX", "value": "0"}]},
            "env: MODELARTS_EXPORTER_SHARD__I",
        ),
        (
            {"sharding": {"total": 1}, "env": [{"name": "MODELARTS_EXPORTER_SHARD__TOTAL", "value": "4"}]},
            "env: MODELARTS_EXPORTER_SHARD__TOTAL",
        ),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], told: str) -> None:
    """In a sentence, before anything is installed."""
    with pytest.raises(helm().HelmError, match=told):
        rendered(SHARDED | values)


def test_notes_tell_how_to_see_each_share() -> None:
    """And where the counters are."""
    with helm().Chart.load(CHART) as loaded:
        notes = loaded.render(SHARDED, name="watch")["modelarts-exporter/templates/NOTES.txt"]
        both = loaded.render(EXAMPLES["production"] | {"replicas": 2}, name="watch")
    assert f"split among 4 pods; the page of each shows its own: port-forward pod/{RELEASE}-0" in notes
    assert f"logs {RELEASE}-0" in notes
    assert f"claim state-{RELEASE}-N" in notes
    assert "2 pods watch every pool" in both["modelarts-exporter/templates/NOTES.txt"]


def test_the_demo_can_be_shared() -> None:
    """With the same pods and names, to try it out."""
    objects = rendered({"demo": True, "sharding": {"total": 3}, "persistence": {"enabled": True}})
    assert container(objects)["args"] == ["demo", "--shard.total=3"]
    assert "volumeClaimTemplates" not in only("StatefulSet", objects)["spec"]

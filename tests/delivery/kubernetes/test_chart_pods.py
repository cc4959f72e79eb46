"""What runs: how it is confined, what it is given, how it is asked and found."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.chart import (
    EXAMPLES,
    PROJECT,
    configuration,
    container,
    every_example,
    objects_of,
    of_kind,
    only,
    rendered,
    service,
    workload,
)
from trustme import CA

from exporter.settings.model import Web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TLS = EXAMPLES["tls"]
USER = 65532


def pods(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every pod's spec."""
    yield workload(objects)["spec"]["template"]["spec"]
    yield only("Pod", objects)["spec"]


@every_example
def test_pods_are_restricted(example: str) -> None:
    """As the Pod Security Standard «restricted» wants it, and on a root that cannot be written."""
    for pod in pods(objects_of(example)):
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
        assert {kind for volume in pod.get("volumes", ()) for kind in volume} <= {
            "name",
            "configMap",
            "secret",
            "persistentVolumeClaim",
        }
        [part] = pod["containers"]
        assert part["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_user_is_the_images() -> None:
    """Kubernetes refuses to start it otherwise, or it finds files that are somebody else's."""
    assert f"USER {USER}:{USER}\n" in (PROJECT / "Dockerfile").read_text()


@every_example
def test_selectors_find_the_exporter_alone(example: str) -> None:
    """Service, budget, policy and Deployment mean the exporter's pod, and never the one of `helm test`."""
    objects = objects_of(example)
    served, test = service(objects), only("Pod", objects)
    labels = workload(objects)["spec"]["template"]["metadata"]["labels"].items()
    selectors = [workload(objects)["spec"]["selector"]["matchLabels"]]
    selectors += [found["spec"]["selector"] for found in of_kind("Service", objects)]
    selectors += [found["spec"]["podSelector"]["matchLabels"] for found in of_kind("NetworkPolicy", objects)]
    selectors += [
        found["spec"]["selector"]["matchLabels"] for found in of_kind("PodDisruptionBudget", objects)
    ]
    for selector in selectors:
        assert selector.items() <= labels
        assert not selector.items() <= test["metadata"]["labels"].items()
    monitored = only("ServiceMonitor", objects)["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= served["metadata"]["labels"].items()


@every_example
def test_ports_agree(example: str) -> None:
    """The port is where the exporter listens unless told otherwise; everybody else calls it by its name."""
    objects = objects_of(example)
    part = container(objects)
    [port] = part["ports"]
    assert [port["containerPort"]] == [address.port for address in Web().listen_address]
    assert not any("listen-address" in argument for argument in part["args"])
    [served] = service(objects)["spec"]["ports"]
    [endpoint] = only("ServiceMonitor", objects)["spec"]["endpoints"]
    named = {served["name"], served["targetPort"], endpoint["port"]}
    for policy in of_kind("NetworkPolicy", objects):
        named |= {allowed["port"] for allowed in policy["spec"]["ingress"][0]["ports"]}
    assert named == {port["name"]}
    assert endpoint["path"] == EXAMPLES[example].get("config", {}).get("web", {}).get(
        "telemetry_path", "/metrics"
    )


@pytest.mark.parametrize("example", ["persistent", "production", "sharded", "tls"])
def test_the_exporter_takes_its_configuration(example: str, tmp_path: Path) -> None:
    """Started with the container's own arguments on what is mounted there, it finds nothing to mend."""
    objects = objects_of(example)
    mounted(objects, tmp_path)
    inside = re.compile("/(etc|var/lib)/modelarts-exporter|/run/secrets")
    config = tmp_path / "etc/modelarts-exporter/exporter.yml"
    config.write_text(inside.sub(lambda found: f"{tmp_path}{found[0]}", config.read_text()))
    arguments = [
        inside.sub(lambda found: f"{tmp_path}{found[0]}", text) for text in container(objects)["args"]
    ]
    environment = {
        variable["name"]: inside.sub(
            lambda found: f"{tmp_path}{found[0]}", variable.get("value", "watch-modelarts-exporter-3")
        )
        for variable in container(objects).get("env", ())
    }
    command = [sys.executable, "-m", "exporter", "--config.check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the configuration is good\n", "")


def mounted(objects: list[dict[str, Any]], root: Path) -> None:
    """Put the container's volumes under a folder, with Secrets as the examples describe them."""
    [pod, _] = pods(objects)
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for claim in workload(objects)["spec"].get("volumeClaimTemplates", ()):
        volumes |= {claim["metadata"]["name"]: {"claimTemplate": claim}}
    assert {mount["name"] for mount in container(objects)["volumeMounts"]} == volumes.keys()
    for mount in container(objects)["volumeMounts"]:
        folder = root / mount["mountPath"].lstrip("/")
        folder.mkdir(parents=True)
        match volumes[mount["name"]]:
            case {"configMap": {"name": name}}:
                assert name == configuration(objects)["metadata"]["name"]
                for file, text in configuration(objects)["data"].items():
                    (folder / file).write_text(text)
            case {"secret": {"secretName": name, "defaultMode": 0o440}}:
                assert folder.name == name
                fill(folder)
                for file in folder.iterdir():
                    file.chmod(0o400)  # there it is a mount in memory, whose modes are nobody's concern
            case {"persistentVolumeClaim": {"claimName": name}}:
                assert name == only("PersistentVolumeClaim", objects)["metadata"]["name"]
                assert "readOnly" not in mount
            case {"claimTemplate": _}:
                assert "readOnly" not in mount


def fill(secret: Path) -> None:
    for name in ("ak", "sk", "password"):
        (secret / name).write_text(f"made-up-{name}")
    authority = CA()
    certificate = authority.issue_cert("modelarts-exporter.example.com")
    authority.cert_pem.write_to_path(secret / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(secret / "tls.crt")
    certificate.private_key_pem.write_to_path(secret / "tls.key")
    user = "$2b$10$" + "a" * 21 + "." + "a" * 31
    web = {
        "tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"},
        "basic_auth_users": {"prometheus": user},
    }
    (secret / "web.yml").write_text(yaml.safe_dump(web))


def test_the_configuration_arrives_as_it_was_written() -> None:
    """Every value keeps its type, and no secret is made: they are only named."""
    for example in ("production", "tls"):
        objects = objects_of(example)
        assert yaml.safe_load(configuration(objects)["data"]["exporter.yml"]) == EXAMPLES[example]["config"]
        assert of_kind("Secret", objects) == []


def test_a_changed_configuration_is_rolled_out_behind_the_running_one() -> None:
    """The pod's template changes with it; and the old pod stays until the new one is ready."""
    values = EXAMPLES["production"]
    changed = rendered(values | {"config": values["config"] | {"poll": {"interval": "2m"}}})
    before, after = (only("Deployment", objects)["spec"] for objects in (objects_of("production"), changed))
    assert before["template"]["metadata"] != after["template"]["metadata"]
    assert before["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_kept_state_has_one_owner() -> None:
    """The old pod ends before the new one starts, which would end with status 2 beside it."""
    objects = objects_of("persistent")
    assert only("Deployment", objects)["spec"]["strategy"] == {"type": "Recreate"}
    claim = only("PersistentVolumeClaim", objects)["spec"]
    assert claim == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "csi-disk",
        "resources": {"requests": {"storage": "10Gi"}},
    }


@pytest.mark.parametrize(
    ("changed", "claims"),
    [
        ({}, ["watch-modelarts-exporter"]),
        ({"existingClaim": "counters"}, ["counters"]),
        ({"enabled": False}, []),
    ],
)
def test_a_claim_is_made_or_found(changed: dict[str, Any], claims: list[str]) -> None:
    """Of the default storage class and size; one that is there already is left to whoever made it."""
    objects = rendered(EXAMPLES["persistent"] | {"persistence": {"enabled": True, **changed}})
    [pod, _] = pods(objects)
    found = [kind["persistentVolumeClaim"] for kind in pod["volumes"] if "persistentVolumeClaim" in kind]
    assert found == [{"claimName": name} for name in claims]
    made = of_kind("PersistentVolumeClaim", objects)
    assert [document["metadata"]["name"] for document in made] == ([] if changed else claims)
    for document in made:
        assert "storageClassName" not in document["spec"]
        assert document["spec"]["resources"] == {"requests": {"storage": "1Gi"}}
    assert bool(container(objects).get("env")) == bool(claims)


def test_the_operators_own_variables_stand_beside_the_states() -> None:
    """Both are set."""
    proxy = {"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}
    variables = container(rendered(EXAMPLES["persistent"] | {"env": [proxy]}))["env"]
    state = {"name": "MODELARTS_EXPORTER_STATE__PATH", "value": "/var/lib/modelarts-exporter/state.db"}
    assert variables == [state, proxy]


def test_the_demo_keeps_nothing() -> None:
    """Its cloud begins anew with it; a claim would be paid for and never written to."""
    objects = rendered({"demo": True, "persistence": {"enabled": True}})
    assert of_kind("PersistentVolumeClaim", objects) == []
    assert only("Deployment", objects)["spec"]["strategy"]["type"] == "RollingUpdate"
    assert not {"env", "volumeMounts"} & container(objects).keys()


@pytest.mark.parametrize(
    ("asked", "liveness"),
    [
        ({}, {"httpGet": {"path": "/-/healthy", "port": "metrics", "scheme": "HTTP"}}),
        ({"tls": True}, {"httpGet": {"path": "/-/healthy", "port": "metrics", "scheme": "HTTPS"}}),
        (
            {"tls": True, "basicAuth": True},
            {
                "exec": {
                    "command": [
                        "python",
                        "-m",
                        "exporter.cli.healthcheck",
                        "https://127.0.0.1:10310/-/healthy",
                    ]
                }
            },
        ),
        (
            {"basicAuth": True},
            {
                "exec": {
                    "command": [
                        "python",
                        "-m",
                        "exporter.cli.healthcheck",
                        "http://127.0.0.1:10310/-/healthy",
                    ]
                }
            },
        ),
        ({"tls": True, "clientCertificates": True}, {"tcpSocket": {"port": "metrics"}}),
    ],
)
def test_probes_ask_as_the_web_configuration_wants(asked: dict[str, bool], liveness: dict[str, Any]) -> None:
    """Over TLS where there is TLS; with a password, by the image's probe, which takes 401 for an answer."""
    given = {"webConfig": {"secret": "web", **asked}} if asked else {}
    objects = rendered({"demo": True, "secrets": ["web"], **given})
    part = container(objects)
    assert liveness.items() <= part["livenessProbe"].items()
    assert liveness.items() <= part["startupProbe"].items()
    ready = yaml.safe_load(yaml.safe_dump(liveness).replace("healthy", "ready"))
    assert ready.items() <= part["readinessProbe"].items()
    assert bool(of_kind("Pod", objects)) == ("clientCertificates" not in asked)
    assert ("--web.config.file=/run/secrets/web/web.yml" in part["args"]) == bool(asked)


def test_the_demo_asks_nobody() -> None:
    """It gets no configuration, and no way out where a policy holds."""
    objects = rendered({"demo": True, "networkPolicy": {"enabled": True}})
    assert container(objects)["args"] == ["demo"]
    assert only("NetworkPolicy", objects)["spec"]["egress"] == []
    assert of_kind("ConfigMap", objects) == []


def test_a_policy_lets_scrapers_and_the_test_in() -> None:
    """And the exporter out to DNS, HTTPS and whatever the values add."""
    policy = only("NetworkPolicy", objects_of("production"))["spec"]
    [prometheus, test] = policy["ingress"][0]["from"]
    assert [prometheus] == EXAMPLES["production"]["networkPolicy"]["scrapers"]
    labels = only("Pod", objects_of("production"))["metadata"]["labels"]
    assert test["podSelector"]["matchLabels"].items() <= labels.items()
    egress = only("NetworkPolicy", objects_of("tls"))["spec"]["egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in egress] == [[53, 53], [443], [3128]]


def test_a_single_exporter_never_holds_up_a_drain() -> None:
    """Of one replica, one may be gone; `minAvailable: 1` would keep its node from ever being emptied."""
    objects = objects_of("production")
    assert only("Deployment", objects)["spec"]["replicas"] == 1
    assert only("PodDisruptionBudget", objects)["spec"]["maxUnavailable"] == 1

"""deploy/compose.yaml without an engine: against the specification, and each file against the others."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.programs import program

from exporter.cli.args import parse
from exporter.settings.load import load

DEPLOY = Path(__file__).parents[3] / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
EXAMPLE = (DEPLOY / ".env.example").read_text(encoding="utf-8")
SET = dict(line[1:].split("=", 1) for line in EXAMPLE.splitlines() if re.match(r"#\w+=", line))


def composed(variables: dict[str, str]) -> dict[str, Any]:
    """The file with its variables filled in, as Compose does: an empty one counts as missing."""
    text = VARIABLE.sub(lambda found: variables.get(found[1]) or found[2], TEXT)
    document: dict[str, Any] = yaml.safe_load(text)
    return document


DEMO, REAL = composed({}), composed(SET)
SERVICES: dict[str, dict[str, Any]] = DEMO["services"]
every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def mounts(service: str) -> dict[str, Path]:
    """Path in the container -> file or folder here."""
    bound = [volume.split(":") for volume in SERVICES[service]["volumes"] if volume[0] == "."]
    assert all(options == ["ro"] for _, _, *options in bound)
    return {inside: (DEPLOY / here).resolve() for here, inside, _ in bound}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_file_is_what_compose_reads() -> None:
    """It holds to the Compose specification's own schema."""
    checker = Path(sysconfig.get_path("scripts"), "check-jsonschema")
    command = (checker, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_explained_and_none_is_needed() -> None:
    """.env.example has each variable of the file, and no other; without .env all have a value."""
    assert set(SET) == set(re.findall(r"\$\{(\w+)", TEXT)) == {name for name, _ in VARIABLE.findall(TEXT)}


def test_the_demo_runs_by_default_and_a_configuration_when_asked_for() -> None:
    """The exporter's command line holds in both cases; the configuration is mounted where it looks."""
    assert parse([DEMO["services"]["exporter"]["command"]]).command == "demo"
    real = REAL["services"]["exporter"]
    invocation = parse([real["command"]])
    assert invocation.command is None
    assert f"{SET['EXPORTER_CONFIG']}:{invocation.config_file}:ro" in real["volumes"]


def test_state_is_kept_in_a_volume_that_the_exporter_may_write_to() -> None:
    """A new volume takes over the owner of the image's directory under it; only a directory there has one."""
    service = SERVICES["exporter"]
    state = Path(service["environment"]["MODELARTS_EXPORTER_STATE__PATH"])
    [kept] = [volume for volume in service["volumes"] if volume.split(":")[0] in DEMO["volumes"]]
    assert kept.split(":")[1:] == [str(state.parent)]
    dockerfile = (DEPLOY / service["build"] / "Dockerfile").read_text(encoding="utf-8")
    user, group = re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)[0]
    assert f"install --directory --owner={user} --group={group} --mode=700 {state.parent}\n" in dockerfile


def test_the_example_configuration_finds_its_keys(tmp_path: Path) -> None:
    """With its credentials uncommented, as .env.example says, it reads the service's secrets and is good."""
    text = mounts("exporter")["/etc/modelarts-exporter/exporter.yml"].read_text(encoding="utf-8")
    text = re.sub(r"^    #(credentials|  [as]k_file)", r"    \1", text, flags=re.MULTILINE)
    secrets = SERVICES["exporter"]["secrets"]
    assert set(re.findall(r"^ +[as]k_file: /run/secrets/(\w+)$", text, re.MULTILINE)) == set(secrets)
    for name in secrets:
        (tmp_path / name).write_text("HPUAEXAMPLEEXAMPLE")
    config = tmp_path / "exporter.yml"
    config.write_text(text.replace("/run/secrets", str(tmp_path)))
    [project] = load(config, {}, {}).projects
    assert project.credentials is not None


def test_alertmanager_is_given_the_secrets_that_it_reads() -> None:
    """Every file under /run/secrets in its configuration is a secret of its service."""
    config = mounts("alertmanager")["/etc/alertmanager"] / "alertmanager.yml"
    named = set(re.findall(r"/run/secrets/(\w+)", config.read_text(encoding="utf-8")))
    assert named == set(SERVICES["alertmanager"]["secrets"])
    assert set(DEMO["secrets"]) == {*named, *SERVICES["exporter"]["secrets"]}


@every_service
def test_everything_that_is_mounted_exists(service: dict[str, Any]) -> None:
    """A path that does not would be made, as an empty folder of root's."""
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        assert source in DEMO["volumes"] or (DEPLOY / source).exists(), source


@every_service
def test_every_service_is_restricted(service: dict[str, Any]) -> None:
    """No writable root, no capability, no new privilege; nothing is reached from another machine."""
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


@every_service
def test_every_image_is_pinned_and_says_whether_it_is_well(service: dict[str, Any]) -> None:
    """What is not built here has a full version; its health is asked on the port that it publishes."""
    if "build" in service:
        assert (DEPLOY / service["build"] / "Dockerfile").exists()
        assert "HEALTHCHECK" in (DEPLOY / service["build"] / "Dockerfile").read_text(encoding="utf-8")
        return
    assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    [port] = service["ports"]
    assert f"http://127.0.0.1:{port.split(':')[2]}/" in service["healthcheck"]["test"][-1]


def test_prometheus_and_alertmanager_take_what_is_mounted(tmp_path: Path) -> None:
    """Laid out as in the containers, with the targets of the containers' network, both are valid."""
    for service, command in (
        ("prometheus", [program("promtool"), "check", "config"]),
        ("alertmanager", [program("amtool"), "check-config"]),
    ):
        for inside, here in sorted(mounts(service).items()):
            shutil.copytree(here, tmp_path / inside[1:], dirs_exist_ok=True)
        [config] = re.findall(r"--config\.file=/(\S+)", " ".join(SERVICES[service]["command"]))
        done = subprocess.run([*command, tmp_path / config], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_address_is_that_of_a_service() -> None:
    """Targets and data source name services, at the ports which these publish."""
    published = {f"{name}:{service['ports'][0].split(':')[2]}" for name, service in SERVICES.items()}
    targets = mounts("prometheus")["/etc/prometheus/targets"]
    named = [target for file in targets.iterdir() for group in read(file) for target in group["targets"]]
    assert sorted(named) == ["alertmanager:9093", "exporter:10310"]
    local = DEPLOY / "prometheus/targets"
    assert {file.name for file in targets.iterdir()} == {file.name for file in local.iterdir()}
    source = SERVICES["grafana"]["environment"]["PROMETHEUS_URL"]
    assert {*named, source.removeprefix("http://")} <= published


def test_grafana_finds_its_data_source_and_the_boards() -> None:
    """Provisioning names what is mounted and set; the first page is a board; the scrape interval is known."""
    mounted = mounts("grafana")
    provisioning = mounted["/etc/grafana/provisioning"]
    [provider] = read(provisioning / "dashboards/modelarts.yml")["providers"]
    boards = mounted[provider["options"]["path"]]
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert json.loads((boards / home.name).read_text(encoding="utf-8"))["title"]
    [source] = read(provisioning / "datasources/prometheus.yml")["datasources"]
    assert source["url"] == "${PROMETHEUS_URL}"
    prometheus = read(mounts("prometheus")["/etc/prometheus"] / "prometheus.yml")
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]

"""The image, really built and run; one test, for a build serves every question."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.image.buildah import INSTALLERS, Buildah
from support.image.container import Container
from support.image.enclose import VOLUME
from support.programs import program

from exporter import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long

ENVIRONMENT = "opt/modelarts-exporter"
URL = "http://127.0.0.1:10310"
SCRAPE = f"from urllib.request import urlopen; print(urlopen('{URL}/metrics').read().decode())"


@pytest.fixture
def buildah() -> Iterator[Buildah]:
    """With a storage that is gone afterwards, for it is large; pytest would keep its directories."""
    program("debootstrap")
    program("buildah")
    if os.getuid() != 0:
        message = "root is needed to build an image with buildah and debootstrap"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with tempfile.TemporaryDirectory(prefix="image-") as directory:
        yield Buildah(Path(directory))


@pytest.mark.timeout(600)  # it installs a small Debian and every package of the lock file
def test_the_image_builds_and_runs_as_an_operator_would_run_it(buildah: Buildah) -> None:
    """What the image is said to be, what is in it, and a demo in it from start to stop."""
    image = buildah.build()
    configuration = buildah.configuration(image)
    root = buildah.unpacked(image)
    container = Container(root, dict(pair.split("=", 1) for pair in configuration["Env"]))

    holds_what_an_engine_needs_to_know(configuration)
    holds_the_exporter_compiled_and_no_installer(root / ENVIRONMENT)
    has_lost_the_installers_of_its_base(root)
    is_enclosed(container)
    keeps_state_in_a_new_volume(container)
    runs_the_demo(container, configuration)


def holds_what_an_engine_needs_to_know(configuration: dict[str, Any]) -> None:
    assert configuration["User"] == "65532:65532"
    assert configuration["Entrypoint"] == ["modelarts-exporter"]
    assert configuration["Cmd"] == []  # the base image's is python3
    assert configuration["ExposedPorts"] == {"10310/tcp": {}}
    assert configuration["StopSignal"] == "SIGTERM"
    assert configuration["Healthcheck"]["Test"] == ["CMD", "python", "-m", "exporter.cli.healthcheck"]
    labels = {name.rpartition(".")[2]: value for name, value in configuration["Labels"].items()}
    assert labels["title"] == "modelarts-exporter"
    assert labels["version"] == __version__
    assert labels["licenses"] == "Apache-2.0"
    assert "ModelArts" in labels["description"]


def holds_the_exporter_compiled_and_no_installer(environment: Path) -> None:
    [packages] = environment.glob("lib/python3.*/site-packages")
    assert not [*packages.glob("pip*"), *packages.glob("setuptools*"), *packages.glob("hatchling*")]
    sources = [*packages.glob("**/*.py")]
    assert packages / "exporter/cli/main.py" in sources
    assert [
        source for source in sources if not [*source.parent.glob(f"__pycache__/{source.stem}.*.pyc")]
    ] == []


def has_lost_the_installers_of_its_base(root: Path) -> None:
    assert [name for name in INSTALLERS if (root / name).exists()] == []


def is_enclosed(container: Container) -> None:
    """Otherwise what follows would prove nothing."""
    seen = (
        "import os; print(os.getpid(), os.getuid(), os.getgid(), os.getgroups(), os.statvfs('/').f_flag & 1)"
    )
    assert container.run("python", "-c", seen).stdout == "1 65532 65532 [] 1\n"


def keeps_state_in_a_new_volume(container: Container) -> None:
    """A poll that fails is enough to begin a state; beside the volume there is no place for it."""
    for folder, refused in ((f"/{VOLUME}", False), (f"/{ENVIRONMENT}", True)):
        project = {
            "MODELARTS_EXPORTER_STATE__PATH": f"{folder}/state.db",
            "MODELARTS_EXPORTER_REGION": "r",
            "MODELARTS_EXPORTER_PROJECT_ID": "0" * 32,
            "MODELARTS_EXPORTER_POOLS": f"pool-{'0' * 32}",
            "MODELARTS_EXPORTER_ENDPOINT": "http://127.0.0.1:9",
            "HUAWEICLOUD_SDK_AK": "made-up",
            "HUAWEICLOUD_SDK_SK": "made-up",
        }
        kept = replace(container, environment={**container.environment, **project})
        done = kept.run("modelarts-exporter", "once")
        assert "modelarts_pool_up{" in done.stdout, done
        assert ("state cannot be kept" in done.stderr) == refused, done


def runs_the_demo(container: Container, configuration: dict[str, Any]) -> None:
    """With nothing said but `demo`, so that port, exposed port and health check are those of the image."""
    _, *check = configuration["Healthcheck"]["Test"]
    refused = container.run(*check)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Connection refused" in refused.stderr

    with container.running(*configuration["Entrypoint"], "demo") as demo:
        assert demo.line_with("status page"), demo.end()
        healthy = demo.run(*check)
        assert (healthy.returncode, healthy.stderr) == (0, "")
        assert demo.run(*check, f"{URL}/").returncode == 0  # the status page's template is in the image
        while "modelarts_pool_up{" not in (metrics := demo.run("python", "-c", SCRAPE).stdout):
            pass
        assert re.findall(r"(?m)^modelarts_pool_up{.*} (.*)$", metrics) == ["1"] * 4
        demo.send(signal.SIGTERM)
        stopped = demo.end()
    assert (stopped.returncode, "Traceback" in stopped.stderr) == (0, False), stopped

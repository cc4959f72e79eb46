"""What is there to be deployed, before the programs that will read it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from programs import program

from exporter.metrics.reference import reference
from exporter.settings.load import load

DEPLOY = Path(__file__).parent.parent / "deploy"


@pytest.mark.parametrize(
    "arguments",
    [("config", "prometheus.yml"), ("rules", "--lint=all", "alerts.yml")],
    ids=["config", "rules"],
)
def test_promtool_has_no_finding(arguments: tuple[str, ...]) -> None:
    """Prometheus takes the scrape configuration and the alerts as they are."""
    done = subprocess.run(
        [program("promtool"), "check", *arguments],
        cwd=DEPLOY / "prometheus",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_configuration_is_good_and_changes_no_default() -> None:
    """It loads as it is, and with every comment sign taken away it says what is the default anyway."""
    example = load(DEPLOY / "exporter.yml", {}, {})
    text = (DEPLOY / "exporter.yml").read_text(encoding="utf-8")
    defaults = yaml.safe_load("\n".join(re.findall(r"^#( {0,2}[a-z_]+:.*)", text, re.MULTILINE)))
    flags = {f"{section}.{key}": value for section in defaults for key, value in defaults[section].items()}
    assert (
        load(
            DEPLOY / "exporter.yml",
            {},
            {name: str(value) for name, value in flags.items() if name != "web.listen_address"},
        )
        == example
    )
    assert len(flags) >= 10


def test_every_metric_in_the_alerts_exists() -> None:
    """No alert waits for a series that nobody exposes."""
    named = set(
        re.findall(r"modelarts_[a-z_]+", (DEPLOY / "prometheus/alerts.yml").read_text(encoding="utf-8"))
    )
    assert named
    assert named <= set(re.findall(r"`(modelarts_[a-z_]+)`", reference()))

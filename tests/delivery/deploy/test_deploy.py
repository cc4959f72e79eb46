"""What is there to be deployed, before the programs that will read it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.programs import program

from exporter.settings.alerts import DEFAULTS, Alerts
from exporter.settings.load import load

DEPLOY = Path(__file__).parents[3] / "deploy"


def test_promtool_has_no_finding() -> None:
    """Prometheus takes the scrape configuration as it is, and finds the rules that it names."""
    done = subprocess.run(
        [program("promtool"), "check", "config", "prometheus.yml"],
        cwd=DEPLOY / "prometheus",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = len(list((DEPLOY / "prometheus/rules").iterdir()))
    assert f"{files} rule files found" in done.stdout


def test_the_example_configuration_is_good_and_changes_no_default(tmp_path: Path) -> None:
    """It loads as it is, and with every comment sign taken away it says what is the default anyway."""
    example = load(DEPLOY / "exporter.yml", {}, {})
    text = (DEPLOY / "exporter.yml").read_text(encoding="utf-8")
    text = re.sub(r"^#(?=(  )*[a-z_-]+:)", "", text, flags=re.MULTILINE)
    written_out = tmp_path / "exporter.yml"
    written_out.write_text(text)
    settings = load(written_out, {}, {})
    assert settings.alerts == Alerts(pending_after=DEFAULTS)
    assert settings.model_copy(update={"alerts": example.alerts}) == example
    assert {"poll", "workloads", "alerts", "web", "log"} <= set(re.findall(r"^(\w+):", text, re.MULTILINE))

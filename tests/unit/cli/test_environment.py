"""What the commands make of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {
    "MODELARTS_EXPORTER_REGION": "cn-north-4",
    "MODELARTS_EXPORTER_PROJECT_ID": "0123456789abcdef0123456789abcdef",
    "MODELARTS_EXPORTER_POOLS": "*",
    "MODELARTS_EXPORTER_ENDPOINT": "https://modelarts.example.com",
    "MODELARTS_EXPORTER_POLL__INTERVAL": "30s",
    "MODELARTS_EXPORTER_POLL__REQUESTS_PER_SECOND": "2.5",
    "MODELARTS_EXPORTER_WORKLOADS__LIMIT": "5",
    "MODELARTS_EXPORTER_WORKLOADS__SERIES": "all",
    "MODELARTS_EXPORTER_WEB__ENABLE_LIFECYCLE": "true",
    "MODELARTS_EXPORTER_WEB__LISTEN_ADDRESS": ":0, 127.0.0.1:0",
    "MODELARTS_EXPORTER_WEB__CONFIG_FILE": "web.yml",
    "MODELARTS_EXPORTER_SHARD__TOTAL": "3",
    "MODELARTS_EXPORTER_STATE__PATH": "state.db",
    "MODELARTS_EXPORTER_LOG__LEVEL": "info",
    "HUAWEICLOUD_SDK_AK": "AK",
    "HUAWEICLOUD_SDK_SK": "SK",
    "POD_NAME": "exporter-2",
}


@pytest.fixture(autouse=True)
def _web_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.yml").touch()


@pytest.mark.parametrize("form", ["{}", " {} ", "\t{}", "{}\r", "{}\n"])
def test_white_space_around_any_variable_is_ignored(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of settings, keys and the pod's name alike; files from Windows end lines with a carriage return."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, form.format(value))

    assert main(["--config.check"]) == 0, capsys.readouterr().err


def test_variable_of_white_space_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one without a value: no half of a key pair."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    for name in ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "MODELARTS_EXPORTER_ENDPOINT"):
        monkeypatch.setenv(name, " ")

    assert main(["--config.check"]) == 0

"""Secrets in the wrong place of a configuration, a web configuration or a command line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.secrecy.canaries import AK, IAM_TOKEN, PASSWORD, POD_TOKEN, SECURITY_TOKEN, SK, found_in

from exporter.cli.main import main
from exporter.common.text import quote_or_hide, show_key_or_hide

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = "projects:\n- region: cn-north-4\n  project_id: 0123456789abcdef0123456789abcdef\n"
PRIVATE = PROJECT.replace("cn-north-4", "private-1") + "  discover: {}\n  endpoint: "
CREDENTIALS = PROJECT + "  discover: {}\n  credentials: "


def _places(secret: str) -> dict[str, str]:
    """A configuration for each place that a secret can be put into by mistake; `secret` is plain YAML."""
    return {
        "region": f"projects: [{{region: {secret}, project_id: {secret}, pools: [{secret}]}}]",
        "pools as text": f"{PROJECT}  pools: {secret}",
        "workspace": f"{PROJECT}  discover: {{include: '({secret}', exclude: '({secret}'}}",
        "endpoint": f"{PROJECT}  endpoint: {secret}\n  iam_endpoint: http://me:{secret}@a\n  proxy: {secret}",
        "region beside an endpoint": f"{PRIVATE.replace('private-1', secret)}https://x.example.com",
        "endpoint's host": f"{PRIVATE}'https://{secret}'",
        "endpoint's only label": f"{PRIVATE}https://x.example.com\n  proxy: 'http://{secret}:3128/'",
        "workspace ID": f"{PROJECT}  discover: {{workspace_id: {secret}}}",
        "list": f"{CREDENTIALS}{{ak: [{secret}], sk: {{x: {secret}}}}}",
        "text": f"{CREDENTIALS}{secret}",
        "file": f"{CREDENTIALS}{{ak_file: {secret}, sk_file: ./{secret}}}",
        "unknown key beside": f"{CREDENTIALS}{{ak: {secret}, skk: {secret}}}",
        "no space": f"{CREDENTIALS}{{ak:{secret}, sk:{secret}}}",
        "as key": f"{CREDENTIALS}{{{secret}: {secret}}}",
        "twice": f"{CREDENTIALS}{{ak: {secret}, ak: {secret}, {secret}: 1, {secret}: 2}}",
        "two forms": f"{CREDENTIALS}{{ak: {secret}, password: {secret}}}",
        "half": f"{CREDENTIALS}{{sk: {secret}}}",
        "agency": f"{CREDENTIALS}{{agency: {secret}}}",
        "unclosed": f"{CREDENTIALS}{{ak: '{secret}, sk: {secret}",
        "escape": f'{CREDENTIALS}{{ak: "\\{secret}"}}',
        "alias": f"{CREDENTIALS}{{ak: *{secret}, sk: &{secret}}}",
        "tag": f"{CREDENTIALS}{{ak: !{secret}, sk: !<{secret}> x}}",
        "tag handle": f"{CREDENTIALS}{{ak: !{secret}!x}}",
        "tab": f"{CREDENTIALS}\n\tak: {secret}",
        "directive": f"%{secret}\n---\n{secret}",
        "numbers": f"poll: {{interval: {secret}, concurrency: {secret}, requests_per_second: {secret}}}",
        "web": f"web: {{listen_address: {secret}, telemetry_path: {secret}, config_file: {secret}}}",
        "other": f"log: {{level: {secret}, format: {secret}}}\nstate: {{path: {secret}/x}}\n{secret}: 1",
        "ca": f"{PROJECT}  ca_file: {secret}\n  discover: {secret}",
        "alerts": f"alerts: {{pending_after: {{train: {{x: {secret}, {secret}: 1h}}}}, pools: [{secret}]}}",
    }


@pytest.mark.parametrize("place", _places(""))
@pytest.mark.parametrize(
    "secret", [AK, SK, IAM_TOKEN, "T4g-1n!pA55w0rd"], ids=["AK", "SK", "token", "password"]
)
def test_a_secret_in_the_wrong_place_is_not_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, secret: str
) -> None:
    """Whatever is wrong with it, the problems name the place and not the content."""
    config = tmp_path / "c.yml"
    config.write_text(_places(secret)[place])
    assert main(["--config.check", f"--config.file={config}"]) == 2
    said = "".join(capsys.readouterr())
    assert said
    assert found_in(said, {"typed": secret}) == []


@pytest.mark.parametrize(
    "place",
    [
        f"{PRIVATE}https://x.example.com/%s",
        f"{PRIVATE}https://%s.example.com",
        f"{PROJECT}  pools: [pool-%s]",
        f"{CREDENTIALS}{{username: %s, password: x, domain: y}}",
        f"{CREDENTIALS}{{username: y, password: x, domain: %s}}",
        f"{PROJECT}  discover: {{}}\nweb: {{listen_address: '%s:10310'}}",
        f"{PROJECT}  discover: {{}}\n  ca_file: /etc/%s",
    ],
)
@pytest.mark.parametrize("key", [AK, SK, "0123456789abcdef0123456789abcdef01234567"])
def test_a_key_where_a_name_belongs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, key: str
) -> None:
    """Hosts, paths and names of users can be anything else, and are shown; a key there is a problem."""
    config = tmp_path / "c.yml"
    config.write_text(place.replace("%s", key))
    assert main(["--config.check", f"--config.file={config}"]) == 2
    said = "".join(capsys.readouterr())
    assert said.startswith(("projects[0].", "web."))
    assert found_in(said, {"typed": key}) == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"HUAWEICLOUD_SDK_CREDENTIALS_FILE": SK}, "the file cannot be read"),
        ({"HUAWEICLOUD_SDK_CREDENTIALS_FILE": f"/etc/{SK}"}, "the file cannot be read"),
        (
            {
                "HC_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/",
                "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": POD_TOKEN,
            },
            "the file cannot be read",
        ),
        ({"POD_NAME": SK, "MODELARTS_EXPORTER_SHARD__TOTAL": "2"}, "does not end with a number"),
    ],
)
def test_a_secret_in_another_variable_is_not_told(
    tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    """The secret itself, where the name of its file belongs, or the pod's."""
    project = {"REGION": "private-1", "ENDPOINT": "http://127.0.0.1:9", "PROJECT_ID": "0" * 32, "POOLS": "*"}
    environ = {f"MODELARTS_EXPORTER_{key}": value for key, value in project.items()} | variables
    # A process of its own: `check` sets up logging.
    ended = subprocess.run(
        [sys.executable, "-m", "exporter", "check"],
        env=environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said in ended.stdout + ended.stderr
    assert found_in(ended.stdout + ended.stderr) == []


def test_a_key_in_the_name_of_a_variable_is_not_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`export MODELARTS_EXPORTER_$SK=...` is an unknown variable without a name."""
    monkeypatch.setenv(f"MODELARTS_EXPORTER_{SK}", "x")
    assert main(["--config.check"]) == 2
    said = "".join(capsys.readouterr())
    assert "MODELARTS_EXPORTER_...: unknown variable" in said
    assert found_in(said) == []


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users: {me: %s}",
        "basic_auth_users: [%s]",
        "basic_auth_users: {me: *%s}",
        "basic_auth_users: {me: !%s x}",
        "tls_server_config: {cert_file: a.pem, key_file: {x: %s}}",
        "http_server_config: {headers: {X-Frame-Options: %s}}",
        "tls_server_config: {cert: a, key: b, cipher_suites: [%s, TLS_RSA_%s]}",
        "tls_server_config: {cert: a, key: b, min_version: %s, client_auth_type: %s}",
        "tls_server_config: {cert: a, key: b, curve_preferences: [%s]}",
        "basic_auth_users: {me:%s}",
        "tls_server_config: {cert_file: %s, key_file: ./%s}",
        "tls_server_config: {cert_file: x/%s, key_file: /%s/y}",
        "http_server_config: {http2: %s}",
        "rate_limit: {interval: %s, burst: %s}",
        "tls_server_config: {cert: a, key: b, %s: x}",
        "%s",
        "rate_limit: %s",
        "basic_auth_users: {me: '%s",
    ],
)
@pytest.mark.parametrize("secret", [SK, "T4g1npA55w0rd77"])
def test_a_secret_in_the_web_configuration_is_not_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, secret: str
) -> None:
    """Nor in the other file."""
    web = tmp_path / "web.yml"
    web.write_text(text.replace("%s", secret))
    config = tmp_path / "c.yml"
    config.write_text(f"{PROJECT}  discover: {{}}\nweb: {{config_file: {web}}}")
    assert main(["--config.check", f"--config.file={config}"]) == 2
    assert found_in("".join(capsys.readouterr()), {"typed": secret}) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sk=%s"],
        ["--sk", "%s"],
        ["%s"],
        ["check", "%s"],
        ["--web.enable-lifecycle=%s"],
        ["--config.file=%s"],
        ["--log.level=%s"],
        ["--web.config.file=%s"],
        ["--web.listen-address=%s"],
        ["--%s"],
    ],
)
def test_a_secret_on_the_command_line_is_not_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """A key in a flag that does not exist goes into no journal; variables are told by name alone."""
    monkeypatch.setenv("MODELARTS_EXPORTER_SK", SECURITY_TOKEN)
    monkeypatch.setenv("MODELARTS_EXPORTER_REGION", SK)
    # argparse leaves by SystemExit, the settings by a status.
    with pytest.raises(SystemExit, match="2"):
        sys.exit(main([argument % SK if "%" in argument else argument for argument in arguments]))
    assert found_in("".join(capsys.readouterr())) == []


def test_what_is_no_secret_is_still_quoted() -> None:
    """A mistyped region, pool, path or key is told as it stands."""
    for text in (
        "cn-nort-4",
        "Team Pool",
        "pool-a1-0123456789abcdef0123456789abcdef",
        "/etc/keys/ak",
        "1h30",
    ):
        assert quote_or_hide(text) == f"'{text}'"
    assert show_key_or_hide("intervall") == "intervall"
    for secret in (AK, SK, PASSWORD, "hunter2!", "S3cretWord"):
        assert secret not in quote_or_hide(secret)
        assert secret not in show_key_or_hide(secret)

"""Files with secrets that others can read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.app import secret_files as exposure
from exporter.app.secret_files import SecretFileWatcher, insecure_files
from exporter.cli.main import main

PROJECT = (
    "projects: [{region: cn-north-4, project_id: 0123456789abcdef0123456789abcdef, discover: {}, %s}]\n"
    "web: %s\n"
)


def _file(path: Path, mode: int, text: str = "text") -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (0o600, False),
        (0o400, False),
        (0o700, False),
        (0o711, False),
        (0o640, True),
        (0o604, True),
        (0o644, True),
    ],
)
def test_a_mode_that_lets_others_read_is_told_with_the_remedy(tmp_path: Path, mode: int, told: bool) -> None:
    """Bits of group and others count on a file of one's own; to search a folder does not."""
    path = _file(tmp_path / "sk", mode)
    found = [str(found) for found in insecure_files([path, path])]
    assert found == (
        [f"{path}: holds secrets, and others can read it (mode {mode:04o}); chmod 600 {path}"] if told else []
    )


def test_a_link_counts_as_its_target_and_each_file_once(tmp_path: Path) -> None:
    """A link is 0777 itself; two names of one file are one warning; a circle and a missing file are none."""
    target = _file(tmp_path / "target", 0o600)
    links = [tmp_path / "one", tmp_path / "two"]
    for link in links:
        link.symlink_to(target)
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    assert insecure_files([*links, circle, tmp_path / "missing"]) == []
    target.chmod(0o644)
    assert len(insecure_files([*links, target])) == 1


@pytest.mark.parametrize(
    ("mount", "quiet"),
    [
        ("{folder} ro,nosuid - tmpfs tmpfs ro", True),
        ("{folder} ro - ramfs ramfs rw", True),
        ("{folder} rw - tmpfs tmpfs rw", False),
        ("{folder} ro - ext4 /dev/vda1 ro", False),
        ("{folder}/a\\040key ro shared:1 - ext4 /dev/vda1 rw", True),
        ("/ ro - overlay overlay ro", False),
    ],
    ids=[
        "Kubernetes, Swarm",
        "LoadCredential",
        "temporary files",
        "ProtectSystem",
        "Compose",
        "read-only root",
    ],
)
def test_mounts_of_container_runtimes_and_systemd_are_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: str, quiet: bool
) -> None:
    """Secrets that are mounted for this process alone have the mode that they have."""
    path = _file(tmp_path / "a key", 0o644)
    table = tmp_path / "mountinfo"
    table.write_text(f"1 0 8:1 / / rw - ext4 /dev/vda1 rw\n2 1 0:9 / {mount.format(folder=tmp_path)}\n")
    monkeypatch.setattr(exposure, "_MOUNTS", table)
    assert (insecure_files([path]) == []) is quiet


def test_a_file_that_is_given_by_its_group_is_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """0640 of another owner is how root gives a key to a service; 0644 is not."""
    path = _file(tmp_path / "sk", 0o640)
    uid = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert insecure_files([path]) == []
    path.chmod(0o644)
    assert [found.remedy for found in insecure_files([path])] == [f"chown {uid} {path} && chmod 600 {path}"]


def test_each_file_is_logged_once_and_again_when_it_changes(tmp_path: Path) -> None:
    """No line a minute; another mode, or a file that was well in between, is told anew."""
    path, exposures = _file(tmp_path / "sk", 0o644), SecretFileWatcher()
    with capture_logs() as logs:
        for mode in (0o644, 0o644, 0o640, 0o600, 0o600, 0o640):
            path.chmod(mode)
            exposures.check([path])
    assert [entry["mode"] for entry in logs] == ["0644", "0640", "0640"]
    assert logs[0]["remedy"] == f"chmod 600 {path}"


@pytest.mark.parametrize(
    ("credentials", "files"),
    [
        ("credentials: {ak: A, sk: B}", {"c.yml"}),
        ("credentials: {ak_file: ak, sk_file: sk}", {"ak", "sk"}),
        ("credentials: {ak_file: ak, sk: B, security_token_file: token}", {"c.yml", "ak", "token"}),
        ("credentials: {username: u, domain: d, password_file: sk}", {"sk"}),
        ("credentials: {username: u, domain: d, password: x}", {"c.yml"}),
        ("credentials: {agency: true}", set()),
        ("poll_: 1", None),
        ("proxy: 'http://x'", {".huaweicloud/credentials"}),
    ],
)
def test_the_check_warns_of_every_file_with_a_secret(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    credentials: str,
    files: set[str] | None,
) -> None:
    """Keys, tokens, passwords, the configuration that holds them, the profile, users; exit 0 all the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HUAWEICLOUD_SDK_AK", raising=False)
    (tmp_path / ".huaweicloud").mkdir()
    users = "basic_auth_users: {me: $2b$04$PPWL0VjjsfIGkPzMA26FF.Tr0jiqgKHAx8qm10toi8GXmWYYuul16}"
    for name in ("ak", "sk", "token", ".huaweicloud/credentials"):
        _file(tmp_path / name, 0o644)
    _file(tmp_path / "web.yml", 0o644, users)
    _file(tmp_path / "c.yml", 0o644, PROJECT % (credentials, "{config_file: web.yml}"))
    status = main(["--config.check", "--config.file=c.yml"])
    warned = {
        Path(line.removeprefix("warning: ").partition(": ")[0]).relative_to(tmp_path).as_posix()
        if line.startswith(f"warning: {tmp_path}")
        else line.removeprefix("warning: ").partition(": ")[0]
        for line in capsys.readouterr().err.splitlines()
        if line.startswith("warning: ")
    }
    assert (status, warned) == ((2, set()) if files is None else (0, {*files, "web.yml"}))

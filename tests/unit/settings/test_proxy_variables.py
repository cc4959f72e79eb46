"""A proxy in the environment that cannot be used is a problem, where some project would use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.common.errors import ConfigurationError
from exporter.settings.load import load

if TYPE_CHECKING:
    from pathlib import Path

UNSUPPORTED = "names a proxy of an unsupported kind; use an http or https proxy, or unset it"
NO_ADDRESS = "is no address of a proxy; write it like http://proxy.example.com:3128"


def project(**settings: str) -> str:
    """One project in a file, with these settings beside those that it needs."""
    lines = {
        "region": "cn-north-4",
        "project_id": "0123456789abcdef0123456789abcdef",
        "pools": "[pool-a1-0123456789abcdef0123456789abcdef]",
        **settings,
    }
    return "  - " + "\n    ".join(f"{key}: {value}" for key, value in lines.items()) + "\n"


def problems(folder: Path, *projects: str, rest: str = "", **environ: str) -> list[str]:
    """What is wrong with these projects in this environment."""
    file = folder / "c.yml"
    file.write_text("projects:\n" + "".join(projects) + rest)
    try:
        load(file, environ, {})
    except ConfigurationError as error:
        return list(map(str, error.problems))
    return []


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("socks5://me:s3cret@proxy:1080", UNSUPPORTED),
        ("http://me:s3cret", NO_ADDRESS),
        ("proxy:port", NO_ADDRESS),
    ],
)
def test_the_problem_names_the_variable_and_not_its_value(
    tmp_path: Path, variable: str, value: str, what: str
) -> None:
    """Once, however many projects would use it."""
    other = project(project_id="1123456789abcdef0123456789abcdef")
    assert problems(tmp_path, project(), other, **{variable: value}) == [f"{variable}: {what}"]


def test_a_proxy_without_a_scheme_is_good(tmp_path: Path) -> None:
    """`host:3128` is an http proxy for curl and Go, and for the exporter."""
    assert problems(tmp_path, project(), HTTPS_PROXY="proxy.example.com:3128") == []


@pytest.mark.parametrize(
    ("settings", "exempt"),
    [
        ({"proxy": "http://mine:3128"}, ""),
        ({"endpoint": "http://127.0.0.1:8080"}, ""),
        ({}, "myhuaweicloud.com"),
        ({"endpoint": "https://10.1.2.3"}, "10.0.0.0/8"),
    ],
    ids=["a proxy of its own", "plain http", "exempt", "exempt range"],
)
def test_a_proxy_that_no_project_uses_is_no_problem(
    tmp_path: Path, settings: dict[str, str], exempt: str
) -> None:
    """The variable may be there for other programs."""
    assert problems(tmp_path, project(**settings), HTTPS_PROXY="socks5://proxy", NO_PROXY=exempt) == []


def test_a_login_goes_through_the_proxy_too(tmp_path: Path) -> None:
    """IAM is asked for a token, even if ModelArts is asked directly."""
    login = "{username: exporter, password: s3cret, domain: acme}"
    environ = {"HTTPS_PROXY": "socks5://proxy", "NO_PROXY": ".modelarts.example.com"}
    endpoint = "https://a.modelarts.example.com"
    assert problems(tmp_path, project(endpoint=endpoint), **environ) == []
    assert problems(tmp_path, project(endpoint=endpoint, credentials=login), **environ) == [
        f"HTTPS_PROXY: {UNSUPPORTED}"
    ]


def test_it_is_told_beside_all_other_problems(tmp_path: Path) -> None:
    """A bad address is no reason to leave it out, and is not told twice."""
    found = problems(
        tmp_path,
        project(endpoint="'https://['"),
        project(project_id="2"),
        rest="poll: {interval: 0s}\n",
        HTTPS_PROXY="socks5://proxy",
    )
    assert sorted(problem.partition(":")[0] for problem in found) == [
        "HTTPS_PROXY",
        "poll.interval",
        "projects[0].endpoint",
        "projects[1].project_id",
    ]

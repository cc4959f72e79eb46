"""Flags over environment over file, leaf by leaf."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.common.errors import ConfigurationError
from exporter.settings.load import load
from exporter.settings.names import FLAGS, PREFIX, SETTING_VARIABLES
from exporter.settings.types import ListenAddress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROJECT_ID = "0123456789abcdef0123456789abcdef"
POOL_A = "pool-a1-0123456789abcdef0123456789abcdef"
POOL_B = "pool-b2-0123456789abcdef0123456789abcdef"

PROJECT = {
    "MODELARTS_EXPORTER_REGION": "cn-north-4",
    "MODELARTS_EXPORTER_PROJECT_ID": PROJECT_ID,
    "MODELARTS_EXPORTER_POOLS": f"{POOL_A}, {POOL_B}",
}
PROJECT_IN_FILE = f"projects: [{{region: cn-north-4, project_id: {PROJECT_ID}, pools: [{POOL_A}]}}]\n"


def problems(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(file, environ, flags)
    return list(map(str, raised.value.problems))


def test_environment_alone_is_enough_for_one_project() -> None:
    """Region, project and pools in the environment make a project; everything else has its default."""
    settings = load(None, PROJECT, {})

    (project,) = settings.projects
    assert (project.region, project.project_id, project.pools) == ("cn-north-4", PROJECT_ID, (POOL_A, POOL_B))
    assert project.endpoint == "https://modelarts.cn-north-4.myhuaweicloud.com"
    assert project.iam_endpoint == "https://iam.cn-north-4.myhuaweicloud.com"
    assert project.credentials is None
    assert settings.poll.interval == 60


def test_star_in_the_environment_discovers() -> None:
    """`*` stands for every pool of the project."""
    (project,) = load(None, {**PROJECT, "MODELARTS_EXPORTER_POOLS": " * "}, {}).projects

    assert project.pools == ()
    assert project.discover
    assert project.discover.include.search("anything")
    assert project.discover.exclude is None


@pytest.mark.parametrize("pools", ["['*']", "'*'", '" * "', "['*'], discover: ", "'*', discover: {}"])
def test_star_in_the_file_discovers(tmp_path: Path, pools: str) -> None:
    """As in the environment, as a list or as text."""
    file = tmp_path / "exporter.yml"
    file.write_text(PROJECT_IN_FILE.replace(f"[{POOL_A}]", pools))
    (project,) = load(file, {}, {}).projects

    assert project.pools == ()
    assert project.discover
    assert project.discover.include.search("anything")


def test_star_beside_discover_is_filtered(tmp_path: Path) -> None:
    """All pools, less those that `discover` leaves out."""
    file = tmp_path / "exporter.yml"
    file.write_text(PROJECT_IN_FILE.replace(f"[{POOL_A}]", "'*', discover: {exclude: ^test-}"))
    (project,) = load(file, {}, {}).projects

    assert project.discover
    assert project.discover.exclude


def test_endpoint_in_the_environment_allows_any_region() -> None:
    """A private cloud has its own region and endpoint."""
    variables = {
        "MODELARTS_EXPORTER_REGION": "private-1",
        "MODELARTS_EXPORTER_ENDPOINT": "https://example.com/",
    }
    (project,) = load(None, PROJECT | variables, {}).projects

    assert (project.endpoint, project.iam_endpoint) == ("https://example.com", "")


def test_flags_beat_environment_beats_file_by_leaf(tmp_path: Path) -> None:
    """Each layer replaces single values of the one below and leaves their neighbours alone."""
    file = tmp_path / "exporter.yml"
    file.write_text(
        PROJECT_IN_FILE + "poll: {interval: 10s, timeout: 1s}\nlog: {level: error, format: json}\n"
        "web: {telemetry_path: /file, listen_address: [':1']}\n"
    )
    environ = {
        "MODELARTS_EXPORTER_POLL__INTERVAL": "20s",
        "MODELARTS_EXPORTER_LOG__LEVEL": "warn",
        "MODELARTS_EXPORTER_WEB__LISTEN_ADDRESS": ":2, [::1]:2",
    }

    settings = load(file, environ, {"log.level": "debug"})

    assert (settings.poll.interval, settings.poll.timeout, settings.poll.stale_after) == (20, 1, 300)
    assert (settings.log.level, settings.log.format) == ("debug", "json")
    assert settings.web.listen_address == (ListenAddress(None, 2), ListenAddress("::1", 2))
    assert settings.web.telemetry_path == "/file"
    assert load(file, environ, {"web.listen_address": [":3"]}).web.listen_address == (ListenAddress(None, 3),)


def test_variable_without_a_value_counts_as_not_set() -> None:
    """Compose files and charts pass empty variables on."""
    environ = {**PROJECT, "MODELARTS_EXPORTER_ENDPOINT": "", "MODELARTS_EXPORTER_POLL__INTERVAL": ""}

    assert load(None, environ, {}) == load(None, PROJECT, {})


def test_variable_beats_a_wrong_value_in_the_file(tmp_path: Path) -> None:
    """Only the value that counts is looked at."""
    file = tmp_path / "exporter.yml"
    file.write_text(PROJECT_IN_FILE + "poll: {interval: nonsense}\n")

    assert load(file, {"MODELARTS_EXPORTER_POLL__INTERVAL": "20s"}, {}).poll.interval == 20


def test_project_in_environment_and_file_contradict(tmp_path: Path) -> None:
    """Two places for projects are one problem, which names the variables."""
    file = tmp_path / "exporter.yml"
    file.write_text(PROJECT_IN_FILE)

    environ = {"MODELARTS_EXPORTER_REGION": "cn-north-1", "MODELARTS_EXPORTER_POOLS": "*"}

    variables = "MODELARTS_EXPORTER_REGION and MODELARTS_EXPORTER_POOLS"
    told = f"cannot be used together with {variables}; remove it from the file, or unset the variables"
    assert problems(file, environ, {}) == [f"projects: {told}"]


def test_projects_of_the_caller_beat_all_others(tmp_path: Path) -> None:
    """The demo brings its own projects, whatever else is configured."""
    file = tmp_path / "exporter.yml"
    file.write_text("log: {level: debug}\n")
    own = [{"region": "demo", "endpoint": "http://127.0.0.1:1", "project_id": PROJECT_ID, "discover": {}}]

    settings = load(file, PROJECT, {"projects": own})

    assert [project.region for project in settings.projects] == ["demo"]
    assert settings.log.level == "debug"


def test_problem_is_told_where_the_value_was_set() -> None:
    """A wrong value in the environment goes by its variable, one on the command line by its flag."""
    environ = {
        "MODELARTS_EXPORTER_REGION": "cn-nort-4",
        "MODELARTS_EXPORTER_POOLS": f"{POOL_A},short,{POOL_A}",
        "MODELARTS_EXPORTER_POLL__TIMEOUT": "10",
        "MODELARTS_EXPORTER_LOG__LEVEL": "loud",
        "MODELARTS_EXPORTER_WEB__LISTEN_ADDRESS": ":x",
    }
    found = problems(None, environ, {"web.listen_address": [":1", "y"], "web.telemetry_path": "z"})

    assert [problem.partition(":")[0] for problem in found] == [
        "MODELARTS_EXPORTER_POLL__TIMEOUT",
        "MODELARTS_EXPORTER_REGION",
        "MODELARTS_EXPORTER_PROJECT_ID",
        "MODELARTS_EXPORTER_POOLS",
        "--web.listen-address",
        "--web.telemetry-path",
        "MODELARTS_EXPORTER_LOG__LEVEL",
    ]


def test_a_variable_in_a_variable_is_told_without_another_way() -> None:
    """Docker's and systemd's files of variables replace nothing; the variable is the setting already."""
    told = "is a variable or placeholder, and the exporter replaces none; write the value"
    environ = {"MODELARTS_EXPORTER_REGION": "${REGION}", "MODELARTS_EXPORTER_POLL__INTERVAL": "$INTERVAL"}
    assert problems(None, PROJECT | environ, {"log.level": "%LEVEL%"}) == [
        f"MODELARTS_EXPORTER_POLL__INTERVAL: {told}",
        f"MODELARTS_EXPORTER_REGION: {told}",
        f"--log.level: {told}",
    ]


def test_a_value_in_quotes_is_told() -> None:
    """An env file of Docker keeps them; one problem for each, and no other besides."""
    environ = PROJECT | {"MODELARTS_EXPORTER_REGION": '"cn-north-4"', "MODELARTS_EXPORTER_POOLS": "'*'"}
    told = "begins with a quote; remove the quotes: files of variables, such as Docker's, may keep them"
    assert problems(None, environ, {}) == [
        f"MODELARTS_EXPORTER_REGION: {told}",
        f"MODELARTS_EXPORTER_POOLS: {told}",
    ]


def test_a_setting_with_a_hyphen_is_told_by_its_variable() -> None:
    """Its variable has none: no shell could set it."""
    name = "MODELARTS_EXPORTER_ALERTS__PENDING_AFTER__X_INFER"
    assert problems(None, {**PROJECT, name: "soon"}, {})[0].startswith(f"{name}: 'soon' is no duration")


def test_a_list_of_sections_has_no_variable() -> None:
    """Exceptions of pools are for the file."""
    name = "MODELARTS_EXPORTER_ALERTS__POOLS"
    assert problems(None, {**PROJECT, name: "x"}, {})[0].startswith(f"{name}: unknown variable")


def test_a_priority_has_no_variable() -> None:
    """Durations by priority are for the file; the variable of the whole type is offered."""
    name = "MODELARTS_EXPORTER_ALERTS__PENDING_AFTER__TRAIN"
    assert problems(None, {**PROJECT, f"{name}__3": "30m"}, {}) == [
        f"{name}__3: unknown variable; did you mean {name}?"
    ]


def test_pool_twice_in_the_environment() -> None:
    """A pool that is listed twice is told by the variable's name."""
    (problem,) = problems(None, {**PROJECT, "MODELARTS_EXPORTER_POOLS": f"{POOL_A},{POOL_A}"}, {})

    assert problem.startswith(f"MODELARTS_EXPORTER_POOLS: '{POOL_A}' is already at")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MODELARTS_EXPORTER_PROJECT", "MODELARTS_EXPORTER_PROJECT_ID"),
        ("MODELARTS_EXPORTER_POLL_INTERVAL", "MODELARTS_EXPORTER_POLL__INTERVAL"),
        ("modelarts_exporter_pools", "MODELARTS_EXPORTER_POOLS"),
        ("MODELARTS_EXPORTER_LOG__LEVELS", "MODELARTS_EXPORTER_LOG__LEVEL"),
    ],
)
def test_unknown_variable(name: str, meant: str) -> None:
    """A variable that means nothing is a problem, with the one that was probably meant."""
    assert problems(None, {**PROJECT, name: "hush"}, {}) == [
        f"{name}: unknown variable; did you mean {meant}?"
    ]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("MODELARTS_EXPORTER_AK", "did you mean HUAWEICLOUD_SDK_AK?"),
        ("MODELARTS_EXPORTER_SECURITY_TOKEN", "did you mean HUAWEICLOUD_SDK_SECURITY_TOKEN?"),
        ("MODELARTS_EXPORTER_CA_FILE", "only the file can set projects[].ca_file"),
        ("MODELARTS_EXPORTER_DISCOVER", "only the file can set projects[].discover"),
        ("MODELARTS_EXPORTER_CONFIG_FILE", "only the flag --config.file names the file"),
    ],
)
def test_variable_of_another_place(name: str, advice: str) -> None:
    """Keys have the variables of Huawei's SDKs, and some settings of a project have none."""
    assert problems(None, {**PROJECT, name: "hush"}, {}) == [f"{name}: unknown variable; {advice}"]


def test_unknown_variable_like_no_other() -> None:
    """Where nothing is like it, nothing is guessed."""
    assert problems(None, {**PROJECT, PREFIX + "ZZZZZZZZZZZZZZZZZZZZZZZZ": "1"}, {}) == [
        "MODELARTS_EXPORTER_ZZZZZZZZZZZZZZZZZZZZZZZZ: unknown variable"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_METRICS",
        "PORT",
        "PORT_10310_TCP",
        "PORT_10310_TCP_PROTO",
        "PORT_10310_TCP_PORT",
        "PORT_10310_TCP_ADDR",
        "BLUE_SERVICE_HOST",
        "BLUE_PORT_10310_TCP_ADDR",
    ],
)
def test_service_variables_of_kubernetes_are_ignored(name: str) -> None:
    """A Service called modelarts-exporter, or beginning so, puts its variables into every pod beside it."""
    assert load(None, {**PROJECT, PREFIX + name: "tcp://10.0.0.1:10310"}, {}) == load(None, PROJECT, {})


def test_variable_that_only_ends_like_one_of_kubernetes_is_a_problem() -> None:
    """A misspelt path of ours is not taken for a Service's."""
    assert problems(None, {**PROJECT, PREFIX + "WEB__PORT": "1"}, {})


def test_every_single_setting_has_a_variable() -> None:
    """Every setting that is not of a project can be set by its path."""
    assert SETTING_VARIABLES["MODELARTS_EXPORTER_POLL__REQUESTS_PER_SECOND"] == "poll.requests_per_second"
    assert FLAGS.keys() <= set(SETTING_VARIABLES.values())


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"HUAWEICLOUD_SDK_AK": "AK"},
            "environment: HUAWEICLOUD_SDK_AK is set, HUAWEICLOUD_SDK_SK is not; set both or none",
        ),
        (
            {"HUAWEICLOUD_SDK_SK": "SK"},
            "environment: HUAWEICLOUD_SDK_SK is set, HUAWEICLOUD_SDK_AK is not; set both or none",
        ),
        (
            {"HUAWEICLOUD_SDK_AK": "AK", "HUAWEICLOUD_SDK_SK": "S K"},
            "environment: the secret key holds white space, quotes or characters that no key has",
        ),
        (
            {"HUAWEICLOUD_SDK_AK": "${AK}", "HUAWEICLOUD_SDK_SK": "SK"},
            "environment: the access key is a variable or placeholder; put the key itself there",
        ),
    ],
)
def test_keys_in_the_environment_that_a_project_cannot_use_are_a_problem(
    tmp_path: Path, variables: dict[str, str], told: str
) -> None:
    """Half a pair, and what can be no key; beside other problems, and only where a project would use them."""
    assert problems(None, PROJECT | variables, {}) == [told]
    assert told in problems(None, PROJECT | variables, {"log.level": "loud"})
    file = tmp_path / "exporter.yml"
    file.write_text(PROJECT_IN_FILE)
    assert problems(file, variables, {}) == [told]
    file.write_text(PROJECT_IN_FILE.replace("pools", "credentials: {ak: AK, sk: SK}, pools"))
    assert load(file, variables, {}).projects

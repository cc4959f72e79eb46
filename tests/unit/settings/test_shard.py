"""Which shard an exporter is: as it is told, or by the name of its pod."""

from __future__ import annotations

import socket

import pytest

from exporter.common.errors import ConfigurationError
from exporter.settings.load import load

ONE_PROJECT = {
    "MODELARTS_EXPORTER_REGION": "cn-north-4",
    "MODELARTS_EXPORTER_PROJECT_ID": "0123456789abcdef0123456789abcdef",
    "MODELARTS_EXPORTER_POOLS": "*",
}
FOUR = {**ONE_PROJECT, "MODELARTS_EXPORTER_SHARD__TOTAL": "4"}


def shard(environ: dict[str, str], **flags: object) -> tuple[int, int]:
    found = load(None, environ, {f"shard.{key}": value for key, value in flags.items()}).shard
    return found.index, found.total


def problems(environ: dict[str, str], **flags: object) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        shard(environ, **flags)
    return list(map(str, raised.value.problems))


@pytest.fixture
def _on_a_host(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: request.param)


def test_nothing_is_shared_by_default() -> None:
    """Whatever the pod is called: an exporter that is told nothing watches everything."""
    assert shard({**ONE_PROJECT, "POD_NAME": "watch-3"}) == (0, 1)


def test_index_and_total_are_told_by_flags_and_environment() -> None:
    """Flags beat the environment, and both beat the pod's name."""
    told = {**FOUR, "MODELARTS_EXPORTER_SHARD__INDEX": "2", "POD_NAME": "watch-3"}
    assert shard(told) == (2, 4)
    assert shard(told, index="0") == (0, 4)
    assert shard(told, total="8") == (2, 8)


@pytest.mark.parametrize(
    ("name", "index"), [("watch-0", 0), ("watch-3", 3), ("a-1-b-2", 2), ("watch-modelarts-exporter-1", 1)]
)
def test_the_pods_name_tells_the_index(name: str, index: int) -> None:
    """The number after the last hyphen is the StatefulSet's ordinal."""
    assert shard({**FOUR, "POD_NAME": name}) == (index, 4)


@pytest.mark.usefixtures("_on_a_host")
@pytest.mark.parametrize("_on_a_host", ["watch-3"], indirect=True)
def test_the_host_name_tells_it_too() -> None:
    """A StatefulSet's pod has the host name of its pod; POD_NAME, where it is set, goes before it."""
    assert shard(FOUR) == (3, 4)
    assert shard({**FOUR, "POD_NAME": ""}) == (3, 4)
    assert shard({**FOUR, "POD_NAME": "watch-1"}) == (1, 4)


@pytest.mark.parametrize(
    "name", ["watch", "watch-7d4b9c-x2x4z", "watch-", "watch-1a", "3", "watch-٣", "w-01"]
)
def test_a_pod_without_an_ordinal_is_refused(name: str) -> None:
    """As those of a Deployment are, in one line that names what was looked at."""
    [problem] = problems({**FOUR, "POD_NAME": name})
    looked_at = f"POD_NAME '{name}' does not end with a number as a StatefulSet's pods do"
    assert (
        problem
        == f"shard.index: is missing, and {looked_at}; give it, e.g. --shard.index=0 for the first one"
    )


@pytest.mark.usefixtures("_on_a_host")
@pytest.mark.parametrize("_on_a_host", ["laptop"], indirect=True)
def test_a_host_without_an_ordinal_is_refused() -> None:
    """Likewise, and says that it was the host's name."""
    [problem] = problems(FOUR)
    assert "the host name 'laptop' does not end with a number" in problem
    assert "--shard.index" in problem


@pytest.mark.parametrize("name", ["watch-4", "watch-999999999"])
def test_an_ordinal_beyond_the_total_is_refused(name: str) -> None:
    """Of a StatefulSet that has more pods than there are shards, or does not begin at 0."""
    [problem] = problems({**FOUR, "POD_NAME": name})
    assert problem.startswith(
        f"shard.index: is {name[6:]} according to POD_NAME '{name}', and must be less than shard"
    )
    assert "spec.ordinals.start" in problem


def test_problems_are_told_by_the_flags_name_and_all_at_once() -> None:
    """A bad index and another problem beside it; a total that is bad itself says nothing of the index."""
    assert problems({**ONE_PROJECT, "MODELARTS_EXPORTER_POLL__CONCURRENCY": "0"}, total=4, index=4) == [
        "MODELARTS_EXPORTER_POLL__CONCURRENCY: must be 1 or more",
        "--shard.index: must be less than shard.total (4), is 4; the first one is 0",
    ]
    assert problems(ONE_PROJECT, total="0", index="7") == ["--shard.total: must be 1 or more"]
    assert problems({**ONE_PROJECT, "POD_NAME": "watch-x"}, total="many") == [
        "--shard.total: must be a whole number, like 8"
    ]

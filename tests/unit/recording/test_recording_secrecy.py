"""Marked values in every field of every answer: none of them is in any file, or in what is printed."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from support.recordings import recorded, still_cloud

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from exporter.simulator.server import Exchange

FORMS: list[Callable[[int], str]] = [
    lambda number: f"li.wei{number:05d}@secret.example",
    lambda number: f"5ec4e7{number:02x}-dead-4bee-8f00-{number:012x}",
    lambda number: f"203.0.{number // 250 % 250}.{number % 250 + 1}",
    lambda number: f"2001:db8:5ec::{number:x}:1",
    lambda number: f"5ec4e7{number:026x}",
    lambda number: f"Zq7Secret{number:05d}",
    lambda number: f"https://host-{number:05d}.secret.example:8443/x?y=z",
    lambda number: f"密{number:05d}",
    lambda number: f"secret-{number:05d} Running train 8",
    lambda number: f"13800{number:017d}",  # longer than any amount of memory
    lambda number: f"huawei.com/secret{number:05d}",
    lambda number: f'quote"{number:05d}\\',
    lambda number: f"8Gi secret{number:05d}",
]


class Planting:
    """Plants marks. `marks` are those that were planted.

    Args:
        whole: whether the marks replace the texts, or are appended to them.
    """

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self.marks: list[str] = []
        self._numbers = count(1)

    def text(self, form: int) -> str:
        number = next(self._numbers)
        self.marks.append(FORMS[(number + form) % len(FORMS)](number))
        return self.marks[-1]

    def number(self) -> int:
        self.marks.append(str(918_273_640_000 + next(self._numbers)))
        return int(self.marks[-1])

    def planted(self, value: Any, form: int, keep: frozenset[str]) -> Any:
        match value:
            case dict():
                marked = {
                    key: item if key in keep else self.planted(item, form, keep - {"kind"})
                    for key, item in value.items()
                }
                unknown = {
                    "deep": [{self.text(form): self.text(form), "name": self.number()}],
                    "id": self.number(),
                }
                return {
                    **marked,
                    self.text(form): unknown,
                    self.text(form): self.text(form),
                    "ownerId": self.number(),
                }
            case list():
                return [*(self.planted(item, form, keep) for item in value), self.text(form)]
            case str():
                return self.text(form) if self.whole else f"{value}{self.text(form)}"
            case _:
                return value


def intercepted(planting: Planting, form: int, keep: frozenset[str]) -> Callable[[Exchange], Any]:

    async def answer(exchange: Exchange) -> web.Response:
        response = await exchange.respond()
        if not exchange.recorded.pool and exchange.recorded.endpoint not in {"pools", "runtime", "events"}:
            return response  # the login
        assert isinstance(response.body, bytes)
        plain = json.loads(response.body)
        if "items" in plain:
            plain |= {"items": plain["items"][:12], "total": min(12, plain.get("total", 0))}
        body = json.dumps(planting.planted(plain, form, keep), ensure_ascii=form % 2 == 0)
        marks = {name: planting.text(5) for name in ("X-Request-Id", "Retry-After", "X-Mark", "Set-Cookie")}
        return web.Response(body=body.encode(), status=200, headers=marks, content_type="application/json")

    return answer


def written(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file's name and content, and the content as JSON reads it: no escape hides a mark."""
    for path in folder.rglob("*"):
        content = path.read_text()
        yield path.name, content
        if path.suffix == ".json":
            yield path.name, json.dumps(json.loads(content), ensure_ascii=False)


def survivors(marks: list[str], shown: str) -> list[str]:
    shown = shown.lower()
    return [mark for mark in marks if mark.lower() in shown or json.dumps(mark)[1:-1].lower() in shown]


LISTINGS_GO_ON = frozenset({"kind", "metadata", "uid", "name"})


@pytest.mark.parametrize("form", [0, 5])
@pytest.mark.parametrize("whole", [True, False], ids=["instead", "appended"])
@pytest.mark.parametrize("keep", [frozenset(), LISTINGS_GO_ON], ids=["every field", "answers stay readable"])
async def test_no_mark_survives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: int, keep: frozenset[str], *, whole: bool
) -> None:
    """In names, users, uids, addresses, annotations, unknown and nested keys, headers, file names, output."""
    planting = Planting(whole=whole)
    async with still_cloud() as (cloud, settings):
        ids = [pool.profile.id for pool in cloud.pools]
        cloud.simulator.intercept = intercepted(planting, form, keep)
        pools = settings.projects[0].model_copy(update={"pools": tuple(ids), "discover": None})
        await recorded(settings.model_copy(update={"projects": (pools,)}), tmp_path / "recording")
        secrets = [*planting.marks, *ids, cloud.project_id, cloud.user.password + "@", cloud.region]

    files = list(written(tmp_path / "recording"))
    assert len(files) > 10
    assert len(planting.marks) > 1000
    for name, content in files:
        assert survivors(secrets, name + content) == [], name
    printed = capsys.readouterr().out
    assert survivors(planting.marks + ids, printed) == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, '{"error_code": "ModelArts.0108", "error_msg": "user zq7secret of 203.0.113.7 may not"}'),
        (403, '{"error_code": "zq7secret", "error_msg": {"zq7secret": ["zq7secret"]}}'),
        (401, '{"error": {"code": "zq7secret", "message": "AK zq7secret", "title": "zq7secret"}}'),
        (
            429,
            '{"error_msg": "user zq7secret over,limit:200,time:5 minute", "error_code": "APIGW.0308"}',
        ),
        (500, "<html>zq7secret</html>"),
        (200, "zq7secret"),
        (200, '"zq7secret"'),
        (200, '["zq7secret", NaN]'),
        (200, '{"items": ' + "[" * 5000 + '"zq7secret"' + "]" * 5000 + "}"),
        (200, '{"kind": "WorkloadList", "items": [{"uid": "\\ud800zq7secret"}]}'),
        (200, '{"kind": "zq7secret", "items": [{"uid": {"zq7secret": 1}, "status": ["zq7secret"]}]}'),
    ],
)
async def test_no_error_answer_survives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, body: str
) -> None:
    """Nor what is no JSON; codes and rate limits are kept."""
    async with still_cloud() as (cloud, settings):

        async def answer(exchange: Exchange) -> web.Response:
            response = await exchange.respond()
            if exchange.recorded.endpoint in {"workloads", "runtime", "nodes", "statistics", "events"}:
                return web.Response(text=body, status=status)
            return response

        cloud.simulator.intercept = answer
        await recorded(settings, tmp_path / "recording")

    content = "".join(content for _, content in written(tmp_path / "recording"))
    assert survivors(["zq7secret", "203.0.113.7"], content + capsys.readouterr().out) == []
    assert ("ModelArts.0108" in content) == ("ModelArts.0108" in body)
    assert ("limit:200,time:5 minute" in content) == ("limit:200" in body)


async def test_no_credential_and_no_request_header_is_written(tmp_path: Path) -> None:
    """The login is not recorded; of requests only path and query are."""
    async with still_cloud() as (cloud, settings):
        await recorded(settings, tmp_path / "recording")
        password = cloud.user.password

    answers = [json.loads(path.read_text()) for path in sorted((tmp_path / "recording").glob("0*.json"))]
    assert {key for answer in answers for key in answer} <= {
        *("project", "endpoint", "path", "query", "at", "status", "headers", "length", "body"),
    }
    headers = {name for answer in answers for name in answer["headers"]}
    assert headers == {"date", "x-request-id", "content-type"}
    assert not [answer for answer in answers if "auth" in answer["path"] or f'"{password}"' in str(answer)]

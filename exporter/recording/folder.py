"""The recording in a folder: one file per answer, and one that tells what was asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from exporter.common.errors import ConfigurationError, OutputFailed, Problem
from exporter.common.text import quote_path_or_hide

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INDEX = "recording.json"
REPORT = "report.md"
VERSION = 1
"""Of the form of the files."""

_OWNER_ONLY_FOLDER, _OWNER_ONLY = 0o700, 0o600


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request and its answer, without anything that names somebody.

    Attributes:
        project: the index of its project.
        endpoint: workloads, nodes, statistics, runtime, pools, events or other.
        path: of the request.
        query: its keys and values, in order.
        at: this machine's clock when the answer was complete, Unix seconds.
        outcome: why there is no answer, such as `timeout`; empty if there is one.
        status: HTTP status; 0 without an answer.
        headers: date, retry-after, x-request-id, content-type; names in lower case.
        is_json: whether the body is JSON; if not, it is left out.
        length: bytes of the body as it came.
        body: what JSON says.
    """

    project: int = 0
    endpoint: str
    path: str
    query: list[tuple[str, str]] = []
    at: float
    outcome: str = ""
    status: int
    headers: dict[str, str] = {}
    is_json: bool = True
    length: int = 0
    body: Any = None

    @property
    def ok(self) -> bool:
        """Whether it is a good answer in JSON."""
        return self.status == 200 and self.is_json  # noqa: PLR2004

    @property
    def items(self) -> list[dict[str, Any]]:
        """The objects among its items."""
        items = self.body.get("items") if isinstance(self.body, dict) else None
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    @property
    def pool(self) -> str:
        """The ID of the pool that its path names; empty if there is none."""
        before, _, after = self.path.partition("/pools/")
        return after.partition("/")[0] if before else ""


class RecordedProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project of the recording.

    Attributes:
        region, project_id, workspace_id: stand-ins.
        discovers: whether its pools were discovered.
        pools: the IDs of the pools that were watched.
        queues: what the configuration said about their strategies: fifo or passing.
    """

    region: str
    project_id: str
    workspace_id: str
    discovers: bool
    pools: list[str]
    queues: dict[str, Literal["fifo", "passing"]]


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked.

    Attributes:
        version: of the form of the files.
        exporter: the version of the exporter.
        at: the cloud's time of the first answer, Unix seconds; replays shift it to their start.
        projects: in the order of the configuration.
        accelerator_names: the setting `capacity.accelerator_names`.
    """

    version: int = VERSION
    exporter: str
    at: float
    projects: list[RecordedProject]
    accelerator_names: dict[str, str]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording.

    Attributes:
        index: what was asked.
        answers: in the order in which they came.
    """

    index: Index
    answers: Sequence[Answer]

    def file_name(self, number: int) -> str:
        """The name of an answer's file: `0003-workloads.json`."""
        return f"{number:04d}-{self.answers[number].endpoint}.json"


def prepare(folder: Path) -> None:
    """Make the folder, or check that it is empty.

    Raises:
        ConfigurationError: it is neither new nor empty, or cannot be made.
    """
    try:
        folder.mkdir(mode=_OWNER_ONLY_FOLDER, exist_ok=True)
        empty = not any(folder.iterdir())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such path"
        raise ConfigurationError(
            Problem("record", f"{quote_path_or_hide(folder)} cannot be used: {reason}")
        ) from None
    if not empty:
        raise ConfigurationError(
            Problem(
                "record", f"{quote_path_or_hide(folder)} is not empty; give a folder that is new or empty"
            )
        )


def write(recording: Recording, report: str, folder: Path) -> None:
    """Write the files, readable by their owner alone.

    Raises:
        OutputFailed: one of them cannot be written.
    """
    _write(folder / INDEX, _json(recording.index))
    for number, answer in enumerate(recording.answers):
        _write(folder / recording.file_name(number), _json(answer))
    _write(folder / REPORT, report.encode())


def read(folder: Path) -> Recording:
    """Read a recording.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        index = msgspec.json.decode((folder / INDEX).read_bytes(), type=Index)
        if index.version != VERSION:
            raise ConfigurationError(
                Problem(
                    "--replay", f"the recording has version {index.version}, this exporter reads {VERSION}"
                )
            )
        files = sorted(path for path in folder.glob("[0-9]*-*.json"))
        return Recording(index, [msgspec.json.decode(file.read_bytes(), type=Answer) for file in files])
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "a file of it has another form"
        raise ConfigurationError(
            Problem(
                "--replay",
                f"{quote_path_or_hide(folder)} is no recording: {reason}; give a folder that record wrote",
            )
        ) from None


def _json(value: Index | Answer) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _write(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise OutputFailed(str(path), error) from None

"""The report of a recording: its files, what was replaced, and what it tells."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from exporter.recording.findings import findings

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from exporter.recording.folder import Recording


def summary(recording: Recording, replaced: Sequence[Counter[str]], stand_ins: Counter[str]) -> str:
    """What is about to be written: a line per file, and how many values of each kind were replaced.

    Args:
        recording: the recording.
        replaced: how many values of each answer were replaced, by kind.
        stand_ins: how many different stand-ins there are, by kind.
    """
    lines = [
        f"{recording.file_name(number)}  {_what(recording, number)}; replaced: {_counts(counts)}"
        for number, counts in enumerate(replaced)
    ]
    return "\n".join((*lines, f"stand-ins: {_counts(stand_ins)}"))


def report(recording: Recording, files: str) -> str:
    """The report in Markdown.

    Args:
        recording: the recording.
        files: its summary.
    """
    return (
        f"# A recording of ModelArts' answers\n\nBy modelarts-exporter {recording.index.exporter}. "
        f"Names, users, IDs, addresses and hosts are stand-ins.\n\n{told(recording)}\n"
        f"## Files\n\n```\n{files}\n```\n"
    )


def told(recording: Recording) -> str:
    """What the recording tells, in Markdown: what is about all pools, then pool by pool."""
    parts = []
    for pool, found in groupby(sorted(findings(recording), key=attrgetter("pool")), attrgetter("pool")):
        lines = "\n".join(f"- {finding.unknown}: {finding.told}" for finding in found)
        parts.append(f"## What the answers tell{f' of {pool}' if pool else ''}\n\n{lines}\n")
    return "\n".join(parts)


def _what(recording: Recording, number: int) -> str:
    answer = recording.answers[number]
    if answer.outcome:
        return f"no answer ({answer.outcome})"
    form = (
        f"{len(answer.items)} items"
        if answer.is_json
        else f"{answer.length} bytes that are no JSON, left out"
    )
    return f"status {answer.status}, {form}"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "nothing"

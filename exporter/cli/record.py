"""`modelarts-exporter record`: polls every pool once, and writes the answers with stand-ins for names."""

from __future__ import annotations

import secrets
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from exporter import __version__
from exporter.app.wiring import Pollers, build_strategies
from exporter.cli.output import tell, write_output
from exporter.common.errors import PollError
from exporter.recording import folder as recording_folder
from exporter.recording.anonymise import Anonymiser
from exporter.recording.folder import Index, RecordedProject, Recording
from exporter.recording.pages import cloud_time
from exporter.recording.report import report, summary, told
from exporter.recording.stand_ins import StandIns
from exporter.recording.tap import Tape

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.app.process import Process
    from exporter.polling.project import ProjectPoller, ProjectResult
    from exporter.settings.model import Settings
    from exporter.waiting.strategies import Strategies

_KEY_BYTES = 32


async def record(settings: Settings, process: Process, folder: Path) -> int:
    """Poll every pool once and write the recording. Progress goes to stderr, what is written to stdout.

    Args:
        settings: the configuration, with `capacity.read: nodes`.
        process: what does not depend on it.
        folder: new or empty.

    Returns:
        0 if every pool was read completely, else 1; what was answered is written all the same.

    Raises:
        ConfigurationError: the folder cannot be used.
        OutputFailed: a file, or stdout, cannot be written.
    """
    recording_folder.prepare(folder)
    tape = Tape(process.context.clock)
    results: list[tuple[ProjectPoller, ProjectResult]] = []
    async with await Pollers.open(
        settings, process, max_pause=settings.poll.timeout, tap=tape.tap
    ) as pollers:
        for project in pollers.projects:
            tell(f"asking {project.client.endpoint} about project {project.project_id}")
            result = await project.once(lambda state: tell(f"  {state.key.pool}: {state.outcome}"))
            for state in result.states:
                with suppress(PollError):  # the recording has the answer
                    await project.memory.api.statistics.ask(
                        partial(project.client.statistics, state.key.pool)
                    )
            results.append((project, result))
    anonymiser = Anonymiser(stand_ins := StandIns(secrets.token_bytes(_KEY_BYTES)))
    answers, replaced = [], []
    for exchange in tape.exchanges:
        answers.append(anonymiser.answer(exchange))
        replaced.append(anonymiser.replaced)
    strategies = build_strategies(settings.queue)
    index = Index(
        exporter=__version__,
        at=cloud_time(answers[0]) if answers else process.context.clock.wall(),
        projects=[
            _project(number, *result, anonymiser, strategies) for number, result in enumerate(results, 1)
        ],
        accelerator_names={
            anonymiser.resource(name): anonymiser.resource(meant)
            for name, meant in settings.capacity.accelerator_names.items()
        },
    )
    recording = Recording(index, answers)
    files = summary(recording, replaced, stand_ins.made)
    write_output(f"{told(recording)}\nabout to write into {folder}:\n\n{files}\n\n")
    recording_folder.write(recording, report(recording, files), folder)
    write_output(f"written; look through {folder} before you hand it on\n")
    return 0 if all(result.ok for _, result in results) else 1


def _project(
    number: int,
    project: ProjectPoller,
    result: ProjectResult,
    anonymiser: Anonymiser,
    strategies: Strategies,
) -> RecordedProject:
    meanings = {state.key.pool: strategies.of(state) for state in result.states}
    return RecordedProject(
        region=f"region-{number}",  # a region's name has a form of its own
        project_id=anonymiser.id(project.project_id),
        workspace_id=anonymiser.id(project.workspace_id),
        discovers=project.selection.discovers,
        pools=[anonymiser.id(pool) for pool in meanings],
        queues={anonymiser.id(pool): meaning for pool, meaning in meanings.items() if meaning},
    )

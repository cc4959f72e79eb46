"""The command line. The values of flags are checked with the settings, by `exporter.settings.load`."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

from exporter import __version__
from exporter.cli.output import tell, write_output
from exporter.common.suggest import did_you_mean
from exporter.common.text import show_key_or_hide
from exporter.settings.names import FLAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Command = Literal["demo", "check", "once", "record"]

_COMMANDS: tuple[Command, ...] = get_args(Command)

_USAGE = "modelarts-exporter [demo | check | once | record DIR] [flags]"

_DESCRIPTION = """\
Prometheus exporter for the workload queues of Huawei Cloud ModelArts dedicated
resource pools. Without a command it runs until it is stopped.

commands:
  demo        run on a simulated ModelArts; needs no account and no network
  check       poll every pool once and print a table: what works, and what to
              do about what does not; exit 0 all well, 1 some pool failed
  once        poll every pool once and print the metrics, or write them to
              --output, for node_exporter's textfile collector
  record DIR  poll every pool once and write the cloud's answers into the
              folder DIR, with stand-ins for names, users, IDs and addresses,
              and a report of what they tell about the API; see
              docs/recording.md
"""

_EPILOG = """\
examples:
  modelarts-exporter demo
  modelarts-exporter check --config.file=exporter.yml
  modelarts-exporter --config.file=exporter.yml --web.listen-address=:9100
  modelarts-exporter once --output=/var/lib/node_exporter/modelarts.prom
  modelarts-exporter record ./recording --config.file=exporter.yml
  modelarts-exporter demo --replay=./recording

environment:
  One project needs no file:
    MODELARTS_EXPORTER_REGION        cn-north-4
    MODELARTS_EXPORTER_PROJECT_ID    the project's ID
    MODELARTS_EXPORTER_POOLS         pool IDs separated by commas, or * for all
    MODELARTS_EXPORTER_ENDPOINT      where the region's is not the right one
    HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK    the access key, the secret key
    HUAWEICLOUD_SDK_SECURITY_TOKEN            with temporary keys
  Any other setting goes by its path in the file:
    MODELARTS_EXPORTER_POLL__INTERVAL=30s
  Flags beat the environment, the environment beats the file.

A bad configuration exits with 2 and one line per problem. The settings are
described in docs/configuration.md, the metrics in docs/metrics.md.
"""


_QUOTED = re.compile(r"(?<=argument )'.*'(?= \()|(?<=argument )'.*'$")
_OWN_FLAGS = ("--config.file", "--config.check", "--output", "--replay", "--version", "--help")


@dataclass(frozen=True, slots=True)
class Invocation:
    """The parsed command line.

    Attributes:
        command: None for the daemon.
        config_file: the path of the configuration; None if not given.
        config_check: only check the configuration.
        output: the file that `once` replaces; None for stdout.
        folder: where `record` writes; None for other commands.
        replay: the recording that `demo` runs on; None for the simulated cloud.
        flags: the settings that were given, by path: `web.listen_address`.
    """

    command: Command | None = None
    config_file: Path | None = None
    config_check: bool = False
    output: Path | None = None
    folder: Path | None = None
    replay: Path | None = None
    flags: Mapping[str, object] = field(default_factory=dict)


def parse(argv: Sequence[str]) -> Invocation:
    """Parse the arguments that follow the program's name.

    Raises:
        SystemExit: 0 after `--help` and `--version`, 2 for arguments that do not exist.
    """
    parser = _parser()
    # Intermixed: `record --log.level=debug DIR` has flags between its words.
    options, unknown = parser.parse_known_intermixed_args(argv)
    given = vars(options)
    command, *rest = given.pop("words", None) or [None]
    if command is not None and command not in _COMMANDS:
        unknown, rest = [command, *unknown], []
    folder = Path(rest.pop(0)) if command == "record" and rest else None
    if unknown or rest:
        parser.error("; ".join(map(_unknown, (*unknown, *rest))))
    if command == "record" and folder is None:
        parser.error("record needs the folder to write into: record DIR")
    for flag, only in (("output", "once"), ("replay", "demo")):
        if flag in given and command != only:
            parser.error(f"--{flag} is for {only} alone")
    return Invocation(
        command=command,
        config_file=given.pop("config_file", None),
        config_check=given.pop("config_check", False),
        output=given.pop("output", None),
        folder=folder,
        replay=given.pop("replay", None),
        flags=given,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line, like a problem of the configuration, without values: one may be a secret."""
        text = _QUOTED.sub("'...'", message)
        tell(f"{self.prog}: {text}" if text.endswith("?") else f"{self.prog}: {text}; see {self.prog} --help")
        raise SystemExit(2)


class _Print(argparse.Action):
    """Prints a text and ends the program. argparse's own actions ignore that stdout cannot be written."""

    def __init__(self, *, text: Callable[[argparse.ArgumentParser], str], **options: Any) -> None:
        super().__init__(nargs=0, **options)
        self._text = text

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Called by argparse where the flag is given."""
        write_output(self._text(parser))
        parser.exit()


def _unknown(argument: str) -> str:
    """What to say of an argument that does not exist: its name, if it can be a mistyped one, but no value."""
    name, equals, _ = argument.partition("=")
    word = name.lstrip("-")
    shown = show_key_or_hide(word)
    if name in _COMMANDS:
        return f"one command at a time, so not {name} as well"
    if word == name:
        meant = did_you_mean(word, _COMMANDS)
        text = f"unknown command {shown}"
    else:
        meant = did_you_mean(name, (*(flag.name for flag in FLAGS.values()), *_OWN_FLAGS))
        text = f"unknown flag {name.removesuffix(word)}{shown}{'=...' if equals else ''}"
    return f"{text}; {meant}" if meant else text


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="modelarts-exporter",
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=32),
        # A flag that is not given is absent: a default here would override environment and file.
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("words", nargs="*", default=None, help=argparse.SUPPRESS)
    flags = parser.add_argument_group("flags")
    flags.add_argument(
        "--config.file", dest="config_file", type=Path, metavar="FILE", help="configuration, YAML"
    )
    flags.add_argument(
        "--config.check",
        dest="config_check",
        action="store_true",
        help="only check the configuration; exit 0 or 2",
    )
    flags.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="replace this file instead of printing the metrics; for once",
    )
    flags.add_argument(
        "--replay",
        type=Path,
        metavar="DIR",
        help="run on the answers that record wrote there; for demo",
    )
    _add_settings(flags)
    flags.add_argument(
        "--version",
        action=_Print,
        text=lambda parser: f"{parser.prog} {__version__}\n",
        help="print the version and exit",
    )
    flags.add_argument(
        "-h", "--help", action=_Print, text=_Parser.format_help, help="print this help and exit"
    )
    return parser


def _add_settings(flags: argparse._ArgumentGroup) -> None:
    """The flags that stand for settings: `dest` is the setting's path."""
    for path, flag in FLAGS.items():
        if flag.metavar is None:
            flags.add_argument(flag.name, dest=path, action="store_true", help=flag.help)
        else:
            action = "append" if flag.repeatable else "store"
            flags.add_argument(flag.name, dest=path, action=action, metavar=flag.metavar, help=flag.help)

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter import __version__
from exporter.cli.args import Command, Invocation, parse
from exporter.settings.load import load
from exporter.settings.names import FLAGS

if TYPE_CHECKING:
    from exporter.settings.types import Flag


@pytest.mark.parametrize("flags", [[], ["--log.level=debug"], ["--log.level", "debug"]])
def test_record_names_its_folder_before_or_after_flags(flags: list[str]) -> None:
    """Flags may stand anywhere, also between the command and its folder."""
    settings = {"log.level": "debug"} if flags else {}
    wanted = Invocation(command="record", folder=Path("DIR"), flags=settings)

    assert parse(["record", "DIR", *flags]) == wanted
    assert parse(["record", *flags, "DIR"]) == wanted
    assert parse([*flags, "record", "DIR"]) == wanted


def test_demo_of_a_recording() -> None:
    """--replay names the folder, and is no setting."""
    assert parse(["demo", "--replay=DIR"]) == Invocation(command="demo", replay=Path("DIR"))


@pytest.mark.parametrize("command", ["demo", "check", "once"])
@pytest.mark.parametrize("flags", [["--log.level=debug"], ["--log.level", "info", "--log.level", "debug"]])
def test_command_stands_before_or_after_flags(command: Command, flags: list[str]) -> None:
    """The order of command and flags does not matter."""
    wanted = Invocation(command=command, flags={"log.level": "debug"})

    assert parse([command, *flags]) == wanted
    assert parse([*flags, command]) == wanted


def test_nothing_given() -> None:
    """Without arguments it is the daemon, and no setting is given: a default here would beat the file."""
    assert parse([]) == Invocation(command=None, config_file=None, config_check=False, flags={})


def test_configuration_file_and_check() -> None:
    """File and check are no settings."""
    assert parse(["--config.check", "--config.file=exporter.yml"]) == Invocation(
        config_file=Path("exporter.yml"), config_check=True
    )


@pytest.mark.parametrize(("path", "flag"), FLAGS.items())
def test_flag_is_named_as_problems_name_it(path: str, flag: Flag) -> None:
    """The name of a flag in a problem is a flag that exists and sets that setting."""
    argv = [flag.name] if flag.metavar is None else [flag.name, "x"]

    assert list(parse(argv).flags) == [path]


def test_every_flag_of_a_setting_has_a_name_in_problems(capsys: pytest.CaptureFixture[str]) -> None:
    """No flag is missing where problems take their names from."""
    with pytest.raises(SystemExit):
        parse(["--help"])
    flags = set(re.findall(r"--\w+\.[\w.-]+", capsys.readouterr().out))

    assert flags - {"--config.file", "--config.check"} == {flag.name for flag in FLAGS.values()}


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("chek", "unknown command chek; did you mean check?"),
        ("recrod", "unknown command recrod; did you mean record?"),
        ("--reply=x", "unknown flag --reply=...; did you mean --replay?"),
        ("record", "record needs the folder to write into: record DIR; see modelarts-exporter --help"),
        ("--replay=x", "--replay is for demo alone; see modelarts-exporter --help"),
        (
            "--web.listen-adress=:1",
            "unknown flag --web.listen-adress=...; did you mean --web.listen-address?",
        ),
        ("-config.file=x", "unknown flag -config.file=...; did you mean --config.file?"),
        ("--ouput=x", "unknown flag --ouput=...; did you mean --output?"),
        ("--sk=T4g1npA55w0rd77", "unknown flag --sk=...; see modelarts-exporter --help"),
        ("T4g1npA55w0rd77", "unknown command ...; see modelarts-exporter --help"),
        ("--T4g1npA55w0rd77", "unknown flag --...; see modelarts-exporter --help"),
        ("--output=x", "--output is for once alone; see modelarts-exporter --help"),
    ],
)
def test_what_does_not_exist_is_told_with_what_was_meant(
    capsys: pytest.CaptureFixture[str], argument: str, said: str
) -> None:
    """By its name, if that can be a mistyped one; never with its value."""
    with pytest.raises(SystemExit, match="2"):
        parse([argument])
    assert capsys.readouterr().err == f"modelarts-exporter: {said}\n"


def test_a_second_command_is_not_called_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """It exists, so nobody is asked whether it was meant."""
    with pytest.raises(SystemExit, match="2"):
        parse(["check", "once"])
    assert capsys.readouterr().err == (
        "modelarts-exporter: one command at a time, so not once as well; see modelarts-exporter --help\n"
    )


@pytest.mark.parametrize("level", ["DEBUG", "Debug", "debug"])
@pytest.mark.parametrize("place", ["flag", "environment", "file"])
def test_levels_are_read_in_any_case(tmp_path: Path, place: str, level: str) -> None:
    """From wherever they come; forms of log lines likewise."""
    project = {
        "MODELARTS_EXPORTER_REGION": "cn-north-4",
        "MODELARTS_EXPORTER_PROJECT_ID": "0123456789abcdef0123456789abcdef",
        "MODELARTS_EXPORTER_POOLS": "*",
    }
    file = tmp_path / "c.yml"
    file.write_text(f"log: {{level: {level}, format: Json}}" if place == "file" else "")
    environment = {"MODELARTS_EXPORTER_LOG__LEVEL": level, "MODELARTS_EXPORTER_LOG__FORMAT": "JSON"}
    flags = {"log.level": level, "log.format": "JSON"}
    settings = load(
        file,
        {**project, **(environment if place == "environment" else {})},
        flags if place == "flag" else {},
    )
    assert (settings.log.level, settings.log.format) == ("debug", "json")


def test_listen_address_is_repeatable() -> None:
    """Several addresses are one setting, around a command too."""
    given = parse(["--web.listen-address", ":1", "once", "--web.listen-address=:2"])

    assert given == Invocation(command="once", flags={"web.listen_address": [":1", ":2"]})


@pytest.mark.parametrize(
    "argv", [["--web.listen", ":1"], ["--log.leve=debug"], ["serve"], ["demo", "check"], ["--config.file"]]
)
def test_what_does_not_exist_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Abbreviated, unknown or incomplete arguments are one line on stderr and exit 2."""
    with pytest.raises(SystemExit) as exited:
        parse(argv)

    assert exited.value.code == 2
    assert capsys.readouterr().err.startswith("modelarts-exporter: ")


def test_help_fits_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Help is readable at 80 columns and names commands, flags, variables and the documentation."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")

    with pytest.raises(SystemExit) as exited:
        parse(["--help"])

    text = capsys.readouterr().out
    assert exited.value.code == 0
    assert max(map(len, text.splitlines())) <= 80
    for word in (
        "demo",
        "check",
        "once",
        "--config.file",
        "MODELARTS_EXPORTER_REGION",
        "docs/configuration.md",
        *(flag.name for flag in FLAGS.values()),
    ):
        assert word in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version goes with the program's name."""
    with pytest.raises(SystemExit) as exited:
        parse(["--version"])

    assert (exited.value.code, capsys.readouterr().out) == (0, f"modelarts-exporter {__version__}\n")

"""One target under atheris, in a process of its own: libFuzzer ends it. Called by `runner`.

`python -m tools.fuzz.engine TARGET [libFuzzer's arguments]`
"""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    """Instrument what is imported from here on, and hand over to libFuzzer."""
    with atheris.instrument_imports(include=["exporter"]):
        from tools.fuzz.targets import TARGETS  # noqa: PLC0415  (to be instrumented)

    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()

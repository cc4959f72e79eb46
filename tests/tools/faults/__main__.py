"""`make faults`: let every fault happen, and write the page to the file that is named."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from exporter.common.logging import set_up_logging
from tools.faults.catalogue import CATALOGUE
from tools.faults.page import page, row
from tools.faults.watching import measured

if TYPE_CHECKING:
    from tools.faults.fault import Fault


def _row(fault: Fault) -> str:
    with TemporaryDirectory() as folder:
        return row(fault, measured(fault, Path(folder)))


if __name__ == "__main__":
    set_up_logging("critical", "logfmt")
    rows = {title: {fault.name: _row(fault) for fault in group} for title, group in CATALOGUE.items()}
    Path(sys.argv[1]).write_text(page(rows), encoding="utf-8")

"""Files that are replaced as a whole."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

import pytest

from exporter.common.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_and_readable_by_all(tmp_path: Path) -> None:
    """Whatever the umask and the mode of the old one."""
    file = tmp_path / "modelarts.prom"
    file.touch(mode=0o600)
    before = os.umask(0o077)
    replace_file(file, (b"a", b"b"))
    os.umask(before)
    assert file.read_bytes() == b"ab"
    assert file.stat().st_mode & 0o777 == 0o644


def test_on_a_full_disk_the_old_file_stays_alone(tmp_path: Path) -> None:
    """Nothing is left beside it."""
    file = tmp_path / "modelarts.prom"
    file.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="large"):
            replace_file(file, (bytes(100_000),))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """As root, a device would become a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for target in (pipe, tmp_path):
        with pytest.raises(OSError, match="no regular file"):
            replace_file(target, (b"a",))
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]

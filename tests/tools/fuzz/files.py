"""Targets: the files that the exporter reads: its configuration, the web configuration, its state."""

from __future__ import annotations

import atexit
import os
import shutil
import ssl
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import structlog
import trustme
from support.fakes import FakeClock

from exporter.common.errors import ConfigurationError
from exporter.lifecycle.persistence import Persistence
from exporter.lifecycle.pool_history import PoolHistory
from exporter.metrics.pool_text import render_pool
from exporter.metrics.summary import Detail
from exporter.self_metrics import SelfMetrics
from exporter.settings.load import load
from exporter.settings.model import Settings
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.workload import Workload
from exporter.web.config import read_web_config
from exporter.web.tls import server_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.counters import Throughput

SEPARATOR = b"\n%%\n"
"""Between the parts of an input: a configuration file, its environment, its flags."""

NOW = 1_700_000_000.0
_DEVICES = (b"/dev", b"/proc", b"/sys")
"""Files there never end, or do things when they are read; only an operator names them."""


@cache
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="fuzz"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def configuration(data: bytes) -> None:
    """Any file, environment and flags are Settings, or problems of a line each that say where and what."""
    if any(device in data for device in _DEVICES):
        return
    content, environ, flags = (*data.split(SEPARATOR, 2), b"", b"")[:3]
    path = _folder() / "exporter.yml"
    path.write_bytes(content)
    listening = [value for name, value in _pairs(flags) if name == "web.listen_address"]
    given = dict(_pairs(flags)) | ({"web.listen_address": listening} if listening else {})
    known: Mapping[str, object] = {name: value for name, value in given.items() if name in _FLAGS}
    try:
        settings = load(path, dict(_pairs(environ)), known)
    except ConfigurationError as error:
        told(error)
    else:
        assert isinstance(settings, Settings)
        assert repr(settings)


_FLAGS = ("web.listen_address", "web.telemetry_path", "web.config_file", "log.level", "log.format")


def _pairs(lines: bytes) -> list[tuple[str, str]]:
    """As the operating system hands them over: any bytes but NUL."""
    parts = (line.partition(b"=") for line in lines.replace(b"\0", b"").split(b"\n"))
    return [(os.fsdecode(name), os.fsdecode(value)) for name, _, value in parts if name]


def told(error: ConfigurationError) -> None:
    """Every problem is one line that anything can print, with a place and a sentence."""
    assert error.problems
    for problem in error.problems:
        assert str(problem).isprintable()
        assert problem.where.strip()
        assert problem.what.strip()


def web_configuration(data: bytes) -> None:
    """Any web configuration is one whose TLS part makes a context, or problems that say where and what."""
    if any(device in data for device in _DEVICES):
        return
    path = _site() / "web.yml"
    path.write_bytes(data)
    try:
        config = read_web_config(path)
        if config.tls_server_config:
            context = server_context(config.tls_server_config, where="web.yml")
            assert isinstance(context, ssl.SSLContext)
    except ConfigurationError as error:
        told(error)


@cache
def _site() -> Path:
    folder = _folder() / "site"
    folder.mkdir()
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return folder


def state(data: bytes) -> None:
    """Any bytes as a state file, or as changes to a good one: counting goes on, or begins at 0.

    Nothing is raised, no counter is negative, the next listing is counted and rendered. An input that begins
    with `%` changes the good file: each line an offset and bytes, in hexadecimal digits.
    """
    path = _folder() / "state"
    for old in _folder().glob("state*"):
        old.unlink()
    path.write_bytes(_changed(_good_state(), data[1:]) if data.startswith(b"%") else data)
    with structlog.testing.capture_logs():
        keeping, pools = Persistence.open(path, SelfMetrics(), FakeClock(NOW))
        for key, memory in (pools or {KEY: PoolHistory()}).items():
            before = _counts(memory.throughput)
            assert all(count >= 0 for count in before.values())
            changes = memory.update(_LISTING, NOW + 60)
            after = _counts(memory.throughput)
            assert all(after[name] >= count for name, count in before.items())
            keeping.save(key, memory, changes)
            listing = memory.annotate(_LISTING, estimates=True)
            shown = PoolState(key, listing=listing, fresh_until=1.0, throughput=memory.throughput)
            render_pool(shown, Detail("all", 10))
        keeping.close()


KEY = PoolKey("cn-north-4", "0" * 32, "pool-0123456789abcdef0123456789abcdef")
_LISTING = Listing((Workload(uid="1", type="train", status="Running", priority="2", position=0),))


def _counts(passed: Throughput) -> dict[tuple[str, ...], float]:
    kinds = {"created": passed.created, "started": passed.started, "finished": passed.finished}
    counts = {(kind, *labels): float(n) for kind, some in kinds.items() for labels, n in some.items()}
    for kind, some in {"waits": passed.waits, "runs": passed.runs}.items():
        for labels, distribution in some.items():
            counts |= {(kind, *labels, str(i)): n for i, n in enumerate(distribution.buckets)}
            counts[kind, *labels, "sum"] = distribution.total
    return counts


@cache
def _good_state() -> bytes:
    path = _folder() / "good"
    keeping, _ = Persistence.open(path, SelfMetrics(), FakeClock(NOW))
    memory = PoolHistory()
    for moment, status in enumerate(("Pending", "Running", "Completed", "Abnormal")):
        workloads = (
            Workload(uid="1", type="train", status=status, priority="1", running=30.0, pending=60.0),
            Workload(uid=str(moment), type="odd", status="Queue", created=NOW, position=0),
        )
        keeping.save(KEY, memory, memory.update(Listing(workloads), NOW + moment))
    keeping.close()
    return path.read_bytes()


def _changed(content: bytes, changes: bytes) -> bytes:
    changed = bytearray(content)
    for line in changes.split(b"\n"):
        offset, _, written = line.partition(b" ")
        try:
            start, some = int(offset, 16) % len(content), bytes.fromhex(written.decode())
        except ValueError:
            continue
        changed[start : start + len(some)] = some
    return bytes(changed)

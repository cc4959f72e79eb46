"""The objects that live as long as the process: made once by the command, kept through every reload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.credentials.renewal import Renewals
from exporter.polling.memory import Memories
from exporter.transport.resolver import ThreadResolver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from exporter.context import Context
    from exporter.credentials.lockout import Lockout
    from exporter.lifecycle.tracker import Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What does not depend on the configuration.

    Attributes:
        context: clock, worker, self metrics, snapshot store and random generator.
        tracker: remembers the workloads of each pool between two listings.
        lockout: holds back refused credentials, also across reloads.
        renewals: temporary credentials of each issuer, and pauses after failures.
        memories: what polling knows of each project: lists of pools, what is due when, pauses and limits.
        environment: the environment variables, for credentials and proxies.
        home: the user's home directory, for the profile file; None if there is none.
        resolver: looks host names up.
    """

    context: Context
    tracker: Tracker
    lockout: Lockout
    environment: Mapping[str, str]
    home: Path | None
    renewals: Renewals = field(default_factory=Renewals)
    memories: Memories = field(default_factory=Memories)
    resolver: ThreadResolver = field(default_factory=ThreadResolver)

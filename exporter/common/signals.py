"""Signals during the start: they wait until somebody can act on them.

Without this, SIGHUP would end a process that has not installed its handlers yet, Ctrl-C would show a
traceback from the middle of an import, and the kernel would drop the SIGTERM of a container's first process.
"""

from __future__ import annotations

import signal

_HELD = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}


def hold_signals() -> None:
    """Let SIGHUP, SIGINT and SIGTERM wait. The kernel remembers each of them once."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def release_signals() -> None:
    """Deliver the signals that have waited, and those to come at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)

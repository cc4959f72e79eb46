"""Settings that are read once, at the start: a reload cannot change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.settings.model import Settings

_READ_ONCE = ("web", "log", "state")


def waiting_for_restart(running: Settings, written: Settings) -> list[str]:
    """The settings, by path, whose new value takes effect at the next start.

    Args:
        running: the settings that the process was started with.
        written: those of the newest configuration.
    """
    pairs = [(name, getattr(running, name), getattr(written, name)) for name in _READ_ONCE]
    return [
        f"{name}.{key}"
        for name, old, new in pairs
        for key in type(old).model_fields
        if getattr(old, key) != getattr(new, key)
    ]

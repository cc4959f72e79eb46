"""Every target by its name: a function from bytes to None that raises where its oracle does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.fuzz.exposing import exposition
from tools.fuzz.files import configuration, state, web_configuration
from tools.fuzz.lists import lists
from tools.fuzz.services import credentials
from tools.fuzz.texts import addresses, durations, expiries, expressions, quantities
from tools.fuzz.wire import listing, refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        listing,
        lists,
        refusals,
        credentials,
        quantities,
        durations,
        addresses,
        expressions,
        expiries,
        configuration,
        web_configuration,
        state,
        exposition,
    )
}

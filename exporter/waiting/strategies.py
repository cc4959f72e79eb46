"""What the queue strategy of a pool means, as configured.

The API gives the strategy of a pool as a word, and no documentation lists the words. So the configuration
says what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from exporter.snapshot.pool import matches

if TYPE_CHECKING:
    import re

    from exporter.snapshot.pool import PoolState

Meaning = Literal["fifo", "passing"]
"""fifo: no workload passes one that cannot start. passing: others may."""


@dataclass(frozen=True, slots=True)
class StrategyRule:
    """The meaning of some pools' queue strategy.

    Attributes:
        means: the meaning.
        match: the rule applies if it is found in the strategy; None: to every strategy.
        pool: the rule applies to pools with a match in their ID or display name; None: to every pool.
    """

    means: Meaning
    match: re.Pattern[str] | None = None
    pool: re.Pattern[str] | None = None

    def applies_to(self, state: PoolState) -> bool:
        """Whether the rule applies to this pool. A pool whose strategy is not known has none to match."""
        strategy = state.description.value.queue_strategy if state.description else ""
        if self.match is not None and not (strategy and self.match.search(strategy)):
            return False
        return self.pool is None or matches(self.pool, state.key.pool, state.name)


@dataclass(frozen=True, slots=True)
class Strategies:
    """The meanings of all strategies.

    Attributes:
        rules: of several rules for the same pool, the first applies.
    """

    rules: tuple[StrategyRule, ...] = ()

    def of(self, state: PoolState) -> Meaning | None:
        """What the pool's strategy means; None if that is not configured."""
        return next((rule.means for rule in self.rules if rule.applies_to(state)), None)

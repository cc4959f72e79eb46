"""What the answers of one project's endpoint have said about how to ask it. It outlives a configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.api.clock_skew import ClockSkew
from exporter.api.mix_up import NamedPools
from exporter.api.optional_endpoint import OptionalEndpoint
from exporter.api.rate_limit import Pace

if TYPE_CHECKING:
    from exporter.common.clock import Clock
    from exporter.common.errors import Unauthorized


@dataclass(slots=True)
class ApiMemory:
    """One for each project at one endpoint. A new configuration continues it, or a reload would ask again.

    Attributes:
        clock: measures how long a missing endpoint is left alone.
        pace: pauses and limits.
        clock_skew: how far this machine's clock is off.
        named_pools: the pools whose answers have named them.
        statistics, runtime, nodes, events: endpoints that are missing in some regions.
        refusal: the last 401; None after a request that was accepted.
    """

    clock: Clock
    pace: Pace = field(default_factory=Pace)
    clock_skew: ClockSkew = field(default_factory=ClockSkew)
    named_pools: NamedPools = field(default_factory=NamedPools)
    statistics: OptionalEndpoint = field(init=False)
    runtime: OptionalEndpoint = field(init=False)
    nodes: OptionalEndpoint = field(init=False)
    events: OptionalEndpoint = field(init=False)
    refusal: Unauthorized | None = None

    def __post_init__(self) -> None:
        self.statistics = OptionalEndpoint(self.clock)
        self.runtime = OptionalEndpoint(self.clock)
        self.nodes = OptionalEndpoint(self.clock)
        self.events = OptionalEndpoint(self.clock)

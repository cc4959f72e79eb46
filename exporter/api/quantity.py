"""Quantities of resources, in every form that is documented somewhere for this API family.

    "8"  8  "8000m"  "1 Cores"  "0.5 Core"  "64Gi"  "32G"  "6.52 GiB"  "15548Mi"  "68719476736"  "1e3"

Anything else is None: it is counted and left out, never read as 0.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from exporter.snapshot.workload import CPU, MEMORY

MOST = 1e30
"""More than there is of anything: beyond it a number is a mistake. So sums stay finite too."""

_LONGEST = 64
"""Characters; so what is kept understood is bounded, and no number takes long to read."""

_QUANTITY = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE](?P<exponent>[+-]?[0-9]{1,3})|\s*(?P<unit>[A-Za-z]+))?"
)

_DECIMAL = {prefix: Decimal(1000) ** power for power, prefix in enumerate(("k", "M", "G", "T", "P", "E"), 1)}
_BINARY = {f"{prefix}i": Decimal(1024) ** power for power, prefix in enumerate("KMGTPE", 1)}
_KUBERNETES = {"m": Decimal("0.001"), **_DECIMAL, **_BINARY}
_SPOKEN = {
    CPU: {"Core": Decimal(1), "Cores": Decimal(1)},
    MEMORY: {
        **{f"{unit}B": factor for unit, factor in _BINARY.items()},
        **{f"{unit.upper()}B": factor for unit, factor in _DECIMAL.items()},
    },
}


def quantity(value: str | float, resource: str) -> float | None:
    """The amount in cores, bytes or cards; None where the form is unknown, negative or beyond `MOST`.

    Args:
        value: as the API gives it.
        resource: `cpu`, `memory` or an accelerator's name; it decides which spoken units make sense.
    """
    if isinstance(value, str):
        return None if len(value) > _LONGEST else _parsed(value, resource if resource in _SPOKEN else "")
    return value + 0.0 if 0 <= value <= MOST else None  # JSON knows a -0, and nobody wants to see it


@lru_cache(maxsize=4096)
def _parsed(text: str, resource: str) -> float | None:
    # Cached: a pool's thousands of workloads ask for a handful of sizes.
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    amount = Decimal(match["number"])
    if match["exponent"]:
        amount = amount.scaleb(int(match["exponent"]))
    elif match["unit"]:
        factor = _KUBERNETES.get(match["unit"]) or _SPOKEN.get(resource, {}).get(match["unit"])
        if factor is None:
            return None
        amount *= factor
    return float(amount) if amount <= MOST else None

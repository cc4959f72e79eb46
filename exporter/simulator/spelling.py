"""Amounts as the API family writes them: one amount has many spellings, all documented somewhere.

Every spelling is exact: where an amount is no round number of the unit asked for, a smaller one is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CpuSpelling = Literal["plain", "number", "milli", "spoken"]
"""8000 millicores as "8", 8, "8000m", "8 Cores"."""

MemorySpelling = Literal["binary", "mebi", "decimal", "spoken", "bytes"]
"""64 GiB as "64Gi", "65536Mi", "68719476736" ("32G" only for whole billions), "64 GiB", "68719476736"."""

CardSpelling = Literal["plain", "number"]
"""8 cards as "8", 8."""

GIB = 2**30
_MIB = 2**20
_GB = 10**9


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one job's amounts are written."""

    cpu: CpuSpelling = "plain"
    memory: MemorySpelling = "binary"
    cards: CardSpelling = "plain"


def cpu(millicores: int, spelling: CpuSpelling) -> str | int:
    """Millicores in that spelling."""
    cores, rest = divmod(millicores, 1000)
    match spelling:
        case "milli":
            return f"{millicores}m"
        case "spoken":
            # The documented example says "1 Cores".
            return f"{millicores / 1000:g} {'Core' if millicores < 1000 else 'Cores'}"  # noqa: PLR2004  (one core)
        case _ if rest:
            return f"{millicores}m"
        case "number":
            return cores
        case _:
            return str(cores)


def memory(amount: int, spelling: MemorySpelling) -> str:
    """Bytes in that spelling."""
    match spelling:
        case "spoken" if amount * 100 % GIB == 0:
            return f"{amount * 100 // GIB / 100:g} GiB"
        case "decimal" if amount % _GB == 0:
            return f"{amount // _GB}G"
        case "binary" if amount % GIB == 0:
            return f"{amount // GIB}Gi"
        case "mebi" | "binary" | "spoken" if amount % _MIB == 0:
            return f"{amount // _MIB}Mi"
        case _:
            return str(amount)


def cards(count: int, spelling: CardSpelling) -> str | int:
    """Accelerator cards in that spelling."""
    return count if spelling == "number" else str(count)

"""The project's list of pools -> what it says of each of them.

Source: the API reference's "Querying Resource Pools", where `status.resources` has an array for each state,
and Huawei's SDK 3.1.219, where it has a single object: both are taken.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from exporter.api.json import decode_list, json_object
from exporter.api.label_limits import LabelValues, label
from exporter.api.quantities import parse_quantity
from exporter.api.schema import DISPLAY_NAME_LABEL, QUEUE_STRATEGY_ANNOTATION, WireItem
from exporter.snapshot.pool import NODE_STATES, PoolDescription

if TYPE_CHECKING:
    from collections.abc import Mapping


def decode_pools(body: bytes, *, where: str) -> dict[str, PoolDescription]:
    """The pools of a list by ID.

    Args:
        body: the answer's bytes.
        where: what was asked, for the error.

    Raises:
        BadResponse: it is no list of pools.
    """
    pools = decode_list(body, what="pools", where=where).items
    return {pool: _entry(pool, item) for pool, item in pools.items()}


def _entry(pool: str, item: WireItem) -> PoolDescription:
    status = json_object(item.status)
    return PoolDescription(
        name=_text(json_object(item.metadata.labels), DISPLAY_NAME_LABEL) or pool,
        phase=_text(status, "phase"),
        type=_text(json_object(item.spec), "type"),
        queue_strategy=_text(json_object(item.metadata.annotations), QUEUE_STRATEGY_ANNOTATION),
        nodes=_nodes(status),
    )


def _text(found: Mapping[str, Any], key: str) -> str:
    """A text, or "" where there is none."""
    text = found.get(key)
    return label(text) if isinstance(text, str) else ""


def _nodes(status: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """How many nodes by flavor and state.

    A flavor of one state has 0 in those where it is missing. Where anything is not understood, nothing is
    known: a node that is left out would read as one that is not there. Flavors beyond a number are one.
    """
    flavor_kinds = LabelValues()
    match status:
        case {"resources": dict(resources)}:
            pass
        case _:
            return {}
    counts: Counter[tuple[str, str]] = Counter()
    for state in NODE_STATES:
        groups = resources.get(state) or []
        for group in groups if isinstance(groups, list) else [groups]:
            match group:
                case {"flavor": str(flavor), "count": str() | int() | float() as count} if (
                    amount := parse_quantity(count, "")
                ) is not None and amount.is_integer():
                    counts[flavor_kinds[flavor], state] += int(amount)
                case _:
                    return {}
    flavors = sorted({flavor for flavor, _ in counts})
    return {(flavor, state): float(counts[flavor, state]) for flavor in flavors for state in NODE_STATES}

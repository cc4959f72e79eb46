"""Decodes the project's list of pools.

Source: the API reference's "Querying Resource Pools", where `status.resources` has an array for each state,
and Huawei's SDK 3.1.219, where it has a single object. Both are accepted.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from exporter.api.json import decode_list, json_object
from exporter.api.label_limits import LabelValues, label
from exporter.api.quantities import parse_quantity
from exporter.api.schema import (
    DISPLAY_NAME_LABEL,
    POOL_LIST,
    QUEUE_STRATEGY_ANNOTATION,
    SUBPOOLS_ANNOTATION,
    WireItem,
)
from exporter.snapshot.pool import NODE_STATES, PoolDescription

if TYPE_CHECKING:
    from collections.abc import Mapping


class ListedPools(NamedTuple):
    """One answer.

    Attributes:
        pools: by ID.
        whole: False if the answer has a cursor (`metadata.continue`): there are more pools. No documentation
            of this list mentions a cursor, so it is not known how to ask for the rest.
        parents: the IDs of the pools of which others are a share.
    """

    pools: dict[str, PoolDescription]
    whole: bool = True
    parents: tuple[str, ...] = ()

    def with_shares(self, shares: ListedPools) -> ListedPools:
        """The same with the logical pools of one of `parents`."""
        return ListedPools({**shares.pools, **self.pools}, self.whole and shares.whole, self.parents)


def decode_pools(body: bytes, *, where: str) -> ListedPools:
    """Decode a list of pools.

    Args:
        body: the answer's bytes.
        where: the request, for the error.

    Raises:
        BadResponse: it is not a list of pools.
    """
    page = decode_list(body, what="pools", kind=POOL_LIST, where=where)
    pools = {pool: _description(pool, item) for pool, item in page.items.items()}
    parents = tuple(pool for pool, item in page.items.items() if _has_shares(item))
    return ListedPools(pools, whole=not page.next, parents=parents)


def _has_shares(item: WireItem) -> bool:
    count = json_object(item.metadata.annotations).get(SUBPOOLS_ANNOTATION)
    return isinstance(count, str | int | float) and bool(parse_quantity(count, ""))


def _description(pool: str, item: WireItem) -> PoolDescription:
    status = json_object(item.status)
    return PoolDescription(
        name=_text(json_object(item.metadata.labels), DISPLAY_NAME_LABEL) or pool,
        phase=_text(status, "phase"),
        type=_text(json_object(item.spec), "type"),
        queue_strategy=_text(json_object(item.metadata.annotations), QUEUE_STRATEGY_ANNOTATION),
        parent=_text(status, "parent"),
        nodes=_nodes(status),
    )


def _text(found: Mapping[str, Any], key: str) -> str:
    """A text; "" if it is missing or not a text."""
    text = found.get(key)
    return label(text) if isinstance(text, str) else ""


def _nodes(status: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """The number of nodes by (flavor, state); empty if any of it cannot be decoded.

    Leaving out only what cannot be decoded would show too few nodes. A flavor that occurs in one state is 0
    in the others. Flavors over the limit of `LabelValues` are counted together.
    """
    flavor_labels = LabelValues()
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
                    counts[flavor_labels[flavor], state] += int(amount)
                case _:
                    return {}
    flavors = sorted({flavor for flavor, _ in counts})
    return {(flavor, state): float(counts[flavor, state]) for flavor in flavors for state in NODE_STATES}

"""How long workloads have been in a status that should pass: the API does not say, so it is watched here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec.structs import replace as replace_in

from exporter.snapshot.workload import PASSING

if TYPE_CHECKING:
    from exporter.snapshot.pool import Listing


def watched(listing: Listing, before: Listing | None, elapsed: float) -> Listing:
    """The listing, with `in_status` of its workloads.

    Args:
        listing: what was read just now.
        before: what was read the time before; None where nothing was.
        elapsed: seconds between the two.
    """
    if not any(workload.status in PASSING for workload in listing.workloads):
        return listing
    earlier = {
        (workload.uid, workload.status): workload.in_status + elapsed
        for workload in (before.workloads if before else ())
        if workload.in_status is not None
    }
    return replace(
        listing,
        workloads=tuple(
            replace_in(workload, in_status=earlier.get((workload.uid, workload.status), 0.0))
            if workload.status in PASSING
            else workload
            for workload in listing.workloads
        ),
    )

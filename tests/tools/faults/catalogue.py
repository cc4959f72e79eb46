"""The table of faults: how each happens, and what is expected of the exporter meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import trustme
from support import cloud_faults

from tools.faults import happenings
from tools.faults.fault import PROJECT, RETRIED, Fault
from tools.faults.happenings import certified, planted
from tools.faults.world import MODELARTS, A, C, authority

if TYPE_CHECKING:
    from tools.faults.happenings import Happening

_TROUBLE = b'{"error_code":"ModelArts.50005001","error_msg":"Internal error."}'


def _listing(fault: cloud_faults.CloudFault) -> Happening:
    return planted(fault, endpoint="workloads", pool=A)


def _unreachable(name: str, happens: Happening) -> Fault:
    return Fault(name=name, happens=happens, hits=PROJECT, outcomes=("connection",), most=RETRIED)


CATALOGUE: dict[str, tuple[Fault, ...]] = {
    "The way to the cloud": (
        _unreachable("connections refused", happenings.refused),
        Fault(
            name="connections refused for an hour",
            happens=happenings.refused,
            hits=PROJECT,
            outcomes=("connection",),
            most=RETRIED,
            minutes=60,
        ),
        _unreachable("connections reset", planted(cloud_faults.Reset())),
        Fault(
            name="no answer",
            happens=planted(cloud_faults.Silence()),
            hits=PROJECT,
            outcomes=("timeout",),
            most=RETRIED,
            well_within=120,
        ),
        Fault(
            name="answers stall in the body",
            happens=planted(cloud_faults.StalledBody()),
            hits=PROJECT,
            outcomes=("timeout",),
            most=RETRIED,
            well_within=120,
        ),
        Fault(
            name="answers drip, a byte every 3 s",
            happens=planted(cloud_faults.Drip()),
            hits=PROJECT,
            outcomes=("timeout",),
            most=RETRIED,
            well_within=120,
        ),
        _unreachable("answers cut off", planted(cloud_faults.CutConnection())),
        _unreachable("the name is not resolved", happenings.unresolved),
        Fault(
            name="certificate of an unknown authority",
            happens=certified(trustme.CA, MODELARTS),
            hits=PROJECT,
            outcomes=("tls",),
        ),
        Fault(
            name="certificate that has expired",
            happens=certified(
                authority,
                MODELARTS,
                not_before=datetime(2020, 1, 1, tzinfo=UTC),
                not_after=datetime(2021, 1, 1, tzinfo=UTC),
            ),
            hits=PROJECT,
            outcomes=("tls",),
        ),
        Fault(
            name="certificate for another name",
            happens=certified(authority, "modelarts.example.com"),
            hits=PROJECT,
            outcomes=("tls",),
        ),
    ),
    "What the cloud answers": (
        Fault(
            name="500",
            happens=_listing(cloud_faults.Answer(500, _TROUBLE)),
            outcomes=("server_error",),
            most=RETRIED,
        ),
        Fault(
            name="503 with a web page",
            happens=_listing(cloud_faults.html(503)),
            outcomes=("server_error",),
            most=RETRIED,
        ),
        Fault(name="403", happens=_listing(cloud_faults.forbidden()), outcomes=("forbidden",)),
        Fault(name="404 by a gateway", happens=_listing(cloud_faults.html(404)), outcomes=("not_found",)),
        Fault(
            name="302 to a login page",
            happens=_listing(cloud_faults.login_page()),
            outcomes=("bad_response",),
        ),
        Fault(name="200 with a web page", happens=_listing(cloud_faults.html()), outcomes=("bad_response",)),
        Fault(
            name="200 with nothing", happens=_listing(cloud_faults.empty_body()), outcomes=("bad_response",)
        ),
        Fault(name="JSON cut off", happens=_listing(cloud_faults.CutJson()), outcomes=("bad_response",)),
        Fault(
            name="`items: null`",
            happens=_listing(cloud_faults.Edited({"items": None})),
            outcomes=("bad_response",),
        ),
        Fault(
            name="200,000 nested arrays",
            happens=_listing(cloud_faults.nested(200_000)),
            outcomes=("bad_response",),
        ),
        Fault(
            name="4 GB",
            happens=_listing(cloud_faults.Oversized(4 * 10**9)),
            outcomes=("bad_response",),
            minutes=3,
        ),
        Fault(
            name="4 GB, packed",
            happens=_listing(cloud_faults.Oversized(4 * 10**9, gzip=True)),
            outcomes=("bad_response",),
            minutes=3,
        ),
    ),
    "Too many requests": (
        Fault(
            name="429 without Retry-After",
            happens=planted(cloud_faults.too_many_requests()),
            hits=PROJECT,
            outcomes=("throttled",),
            most=RETRIED,
            well_within=300,
        ),
        Fault(
            name="429, Retry-After in seconds (120)",
            happens=planted(cloud_faults.too_many_requests("120")),
            hits=PROJECT,
            outcomes=("throttled",),
            well_within=180,
        ),
        Fault(
            name="429, Retry-After as a date (in 10 minutes)",
            happens=happenings.retry_at(600),
            hits=PROJECT,
            outcomes=("throttled",),
            well_within=120,
        ),
        Fault(
            name="429, Retry-After: -5",
            happens=planted(cloud_faults.too_many_requests("-5")),
            hits=PROJECT,
            outcomes=("throttled",),
            most=RETRIED,
            well_within=300,
        ),
        Fault(
            name="429, Retry-After: soon",
            happens=planted(cloud_faults.too_many_requests("soon")),
            hits=PROJECT,
            outcomes=("throttled",),
            most=RETRIED,
            well_within=300,
        ),
        Fault(
            name="429, Retry-After: 0",
            happens=planted(cloud_faults.too_many_requests("0")),
            hits=PROJECT,
            outcomes=("throttled",),
            most=RETRIED,
            well_within=300,
        ),
        Fault(
            name="429, Retry-After as a date in the past",
            happens=happenings.retry_at(-60),
            hits=PROJECT,
            outcomes=("throttled",),
            most=RETRIED,
            well_within=300,
        ),
        Fault(
            name="429, Retry-After of a year",
            happens=planted(cloud_faults.too_many_requests("31536000")),
            hits=PROJECT,
            outcomes=("throttled",),
            well_within=3600,
        ),
    ),
    "Credentials": (
        Fault(
            name="the secret is not the key's any more",
            happens=happenings.other_secret,
            hits=PROJECT,
            outcomes=("unauthorized",),
        ),
        Fault(
            name="the key is unknown",
            happens=happenings.revoked,
            hits=PROJECT,
            outcomes=("unauthorized",),
            well_within=900,
        ),
        Fault(
            name="the key has expired", happens=happenings.expired, hits=PROJECT, outcomes=("unauthorized",)
        ),
        Fault(name="the key is rotated in its files", happens=happenings.rotated, hits=PROJECT, shown="well"),
        Fault(
            name="the key is locked for 5 minutes",
            happens=happenings.locked,
            hits=PROJECT,
            outcomes=("unauthorized",),
            minutes=5,
            well_within=300,
        ),
        Fault(
            name="the exporter's clock is 20 minutes ahead",
            happens=happenings.wrong_clock,
            hits=(*PROJECT, C),
            outcomes=("unauthorized",),
            well_within=900,
        ),
        Fault(
            name="IAM is down, the token has ended",
            happens=happenings.no_tokens,
            hits=PROJECT,
            outcomes=("connection",),
            credentials="password",
            well_within=360,
        ),
        Fault(
            name="IAM is down, the token is good",
            happens=happenings.no_issuer,
            hits=PROJECT,
            shown="well",
            credentials="password",
        ),
        Fault(
            name="the metadata service is away, its key has ended",
            happens=happenings.no_agency,
            hits=PROJECT,
            outcomes=("connection",),
            credentials="agency",
            well_within=360,
        ),
        Fault(
            name="the metadata service is away, its key is good",
            happens=happenings.no_metadata,
            hits=PROJECT,
            shown="well",
            credentials="agency",
        ),
    ),
    "Pools and their listings": (
        Fault(
            name="a page fails in the middle of a listing",
            happens=_listing(cloud_faults.BehindFirstPage(cloud_faults.Answer(500, _TROUBLE))),
            outcomes=("server_error",),
            most=RETRIED,
            workloads=1200,
        ),
        Fault(
            name="the offset is taken for a page's number",
            happens=happenings.paged_by_index,
            shown="short",
            outcomes=("incomplete",),
            workloads=1200,
        ),
        Fault(name="the pool is deleted", happens=happenings.deleted, outcomes=("not_found",)),
        Fault(
            name="the pool is deleted, with discovery",
            happens=happenings.deleted,
            shown="gone",
            discover=True,
            well_within=300,
        ),
        Fault(
            name="the project's list of pools fails, with discovery",
            happens=planted(cloud_faults.Answer(500, _TROUBLE), endpoint="pools"),
            hits=PROJECT,
            shown="well",
            discover=True,
            most=RETRIED,
        ),
        Fault(
            name="the project's list of pools has none and says that there are more, with discovery",
            happens=planted(
                cloud_faults.Edited({"items": [], "metadata": {"continue": "next"}}), endpoint="pools"
            ),
            hits=PROJECT,
            shown="well",
            discover=True,
            most=RETRIED,
        ),
    ),
    "The exporter's process": (
        Fault(
            name="stopped for 2 minutes, and continued",
            happens=happenings.stopped(120),
            hits=(*PROJECT, C),
            minutes=0,
        ),
        Fault(
            name="stopped for an hour, and continued",
            happens=happenings.stopped(3600),
            hits=(*PROJECT, C),
            minutes=0,
        ),
    ),
}
"""By what is broken."""

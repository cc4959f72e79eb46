"""The regions that have ModelArts, and the URLs of their services."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from exporter.common.suggest import did_you_mean
from exporter.common.text import may_hold_key, quote_or_hide

if TYPE_CHECKING:
    from collections.abc import Mapping

_USUAL_DOMAIN = "myhuaweicloud.com"
_EUROPE = "eu-west-101"
_HONG_KONG = "ap-southeast-1"

# Source: huaweicloudsdkmodelarts/v1/region/modelarts_region.py. It does not have
# eu-west-101, which is a separate cloud.
_NAMES = (
    "af-north-1",
    "af-south-1",
    _HONG_KONG,
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "cn-east-3",
    "cn-east-4",
    "cn-north-1",
    "cn-north-2",
    "cn-north-4",
    "cn-north-9",
    "cn-north-11",
    "cn-north-12",
    "cn-south-1",
    "cn-southwest-2",
    "cn-southwest-3",
    _EUROPE,
    "la-north-2",
    "la-south-2",
    "me-east-1",
    "sa-brazil-1",
    "tr-west-1",
)
_MODELARTS_DOMAINS = {_HONG_KONG: "myhuaweicloud.cn", _EUROPE: "myhuaweicloud.eu"}
# Source: huaweicloudsdkcore/auth/endpoint.py. Hong Kong's IAM is in the usual domain,
# unlike its ModelArts.
_IAM_DOMAINS = {_EUROPE: "myhuaweicloud.eu"}

# A private cloud names its regions itself. The parts are words and numbers, so that no key passes.
_PART = "(?:[A-Za-z]{1,16}[0-9]{0,4}|[0-9]{1,6}|[A-Za-z0-9]{1,5})"
_FORM = re.compile(f"{_PART}(?:[-_.]{_PART}){{0,7}}")


class Endpoints(NamedTuple):
    """The URLs of a region's services, without a trailing slash."""

    modelarts: str
    iam: str


REGIONS: Mapping[str, Endpoints] = MappingProxyType(
    {
        name: Endpoints(
            modelarts=f"https://modelarts.{name}.{_MODELARTS_DOMAINS.get(name, _USUAL_DOMAIN)}",
            iam=f"https://iam.{name}.{_IAM_DOMAINS.get(name, _USUAL_DOMAIN)}",
        )
        for name in _NAMES
    }
)


def parse_region(text: str) -> str:
    """The name of a region, known or not: `cn-north-4`, `eu-de`, `RegionOne`.

    Raises:
        ValueError: it has not the form of one. It becomes a label, so it must not be a misplaced key.
    """
    if not _FORM.fullmatch(text) or may_hold_key(text):
        raise ValueError(
            f"{quote_or_hide(text)} is no region; write it like cn-north-4: words and numbers, joined by "
            "hyphens"
        )
    return text


def check_known(region: str) -> None:
    """Check that the endpoints of a region are known.

    Raises:
        ValueError: they are not; with the known region that is most like it.
    """
    if region not in REGIONS:
        meant = did_you_mean(region, REGIONS)
        # What is like a region is none by a mistake in typing, and no secret.
        shown = f"'{region}' ({meant})" if meant else quote_or_hide(region)
        raise ValueError(f"unknown region {shown}; for a private cloud set endpoint too")

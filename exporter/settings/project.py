"""One project: where it is, which of its pools are watched, and who asks."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, field_validator

from exporter.common.text import quote_or_hide
from exporter.settings.base import Listed, Section, SiblingError, Text
from exporter.settings.credentials import Credentials, PasswordForm
from exporter.settings.regions import REGIONS, check_known
from exporter.settings.types import (  # noqa: TC001  (pydantic reads the annotations)
    AuthoritiesFile,
    Endpoint,
    ServiceUrl,
)

_PROJECT_ID = re.compile(r"[0-9a-f-]{32,36}")
_POOL_ID = re.compile(r"[a-z0-9][a-z0-9-]{34,61}[a-z0-9]")


def _project_id(text: str) -> str:
    if not _PROJECT_ID.fullmatch(text):
        raise ValueError(
            f"{quote_or_hide(text)} is no project ID: 32 to 36 of 0-9, a-f and -; "
            "see My Credentials in the console"
        )
    return text


def _pool_id(text: str) -> str:
    """The API's documentation gives a pool's ID 36 to 63 characters."""
    if not _POOL_ID.fullmatch(text):
        raise ValueError(
            f"{quote_or_hide(text)} is no pool ID; wanted is the pool's ID (metadata.name: 36 to 63 "
            "lower-case letters, digits and hyphens), not its display name"
        )
    return text


def _pattern(value: Any) -> re.Pattern[str]:
    """Own code, because pydantic does not say what is wrong with an expression."""
    if isinstance(value, re.Pattern):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a regular expression")  # noqa: TRY004  (pydantic collects ValueErrors)
    try:
        with warnings.catch_warnings(action="error", category=FutureWarning):  # [[:alpha:]] is no class here
            return re.compile(value)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise ValueError(f"{quote_or_hide(value)} is no regular expression: {error}") from None


Pattern = Annotated[re.Pattern[str], PlainValidator(_pattern)]
"""A regular expression; it is searched for, so ^ and $ are for the operator to write."""


def _pattern_or_none(value: Any) -> re.Pattern[str] | None:
    """An empty pattern, which is found in everything, excludes nothing."""
    return None if value == "" else _pattern(value)


class Discover(Section):
    """Watch the pools in whose ID or display name `include` is found, and `exclude`, if given, is not."""

    include: Pattern = re.compile(".*")
    exclude: Annotated[re.Pattern[str] | None, PlainValidator(_pattern_or_none)] = None
    workspace_id: Text = "0"


class Project(Section):
    """One project of one region.

    The order of the fields matters: where one depends on others it comes after them.
    """

    own_endpoint: Endpoint | None = Field(default=None, alias="endpoint")
    region: Text
    project_id: Annotated[str, AfterValidator(_project_id)]
    pools: Listed[Annotated[str, AfterValidator(_pool_id)]] = ()
    discover: Discover | None = Field(default=None, validate_default=True)
    credentials: Credentials | None = None
    own_iam_endpoint: Endpoint | None = Field(default=None, alias="iam_endpoint", validate_default=True)
    ca_file: AuthoritiesFile | None = None
    proxy: ServiceUrl | None = None

    @field_validator("region")
    @classmethod
    def _known(cls, region: str, info: ValidationInfo) -> str:
        # The key is missing here when an endpoint was given that is wrong by itself.
        if info.data.get("own_endpoint", ...) is None:
            check_known(region)
        return region

    @field_validator("discover")
    @classmethod
    def _pools_or_discover(cls, discover: Discover | None, info: ValidationInfo) -> Discover | None:
        listed = info.data.get("pools") != ()  # None stands for pools that are wrong by themselves
        if listed and discover:
            raise ValueError("excludes pools; keep one of them")
        if not listed and not discover:
            raise SiblingError(
                "pools",
                "is missing; give the pools' IDs, or for all: discover: {} in the file, * in the environment",
            )
        return discover

    @field_validator("own_iam_endpoint")
    @classmethod
    def _iam_endpoint_where_needed(cls, url: str | None, info: ValidationInfo) -> str | None:
        region = info.data.get("region")
        if (
            not url
            and region
            and region not in REGIONS
            and isinstance(info.data.get("credentials"), PasswordForm)
        ):
            raise SiblingError(
                "iam_endpoint",
                f"is missing; a password needs it, and none is known for region {quote_or_hide(region)}",
            )
        return url

    @property
    def endpoint(self) -> str:
        """Where ModelArts is: `https://modelarts.cn-north-4.myhuaweicloud.com`."""
        return self.own_endpoint or REGIONS[self.region].modelarts

    @property
    def iam_endpoint(self) -> str:
        """Where IAM is; empty where neither given, nor known from the region, nor needed."""
        if self.own_iam_endpoint:
            return self.own_iam_endpoint
        return REGIONS[self.region].iam if self.region in REGIONS else ""

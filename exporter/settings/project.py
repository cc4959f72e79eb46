"""One project: its region and ID, which of its pools are watched, and the credentials."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, field_validator, model_validator

from exporter.common.text import may_hold_key, quote_or_hide
from exporter.common.validation import Section, SiblingError, path_of
from exporter.settings.credentials import Credentials, PasswordForm
from exporter.settings.regions import REGIONS, check_known, parse_region
from exporter.settings.types import (
    AuthoritiesFile,
    Endpoint,
    OneOrMore,
    ServiceUrl,
    split_list,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.common.validation import Location

_HEXADECIMAL_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_POOL_ID = re.compile(r"[a-z0-9][a-z0-9-]{34,61}[a-z0-9]")

_ALL_POOLS = "*"


def _project_id(text: str) -> str:
    if not _HEXADECIMAL_ID.fullmatch(text):
        raise ValueError(
            f"{quote_or_hide(text)} is no project ID: 32 digits of 0-9 and a-f; "
            "see My Credentials in the console"
        )
    return text


def _workspace_id(text: str) -> str:
    if text != "0" and not _HEXADECIMAL_ID.fullmatch(text):
        raise ValueError(
            f"{quote_or_hide(text)} is no workspace ID: 0 for the default workspace, or 32 digits of 0-9 "
            "and a-f"
        )
    return text


def _pool_id(text: str) -> str:
    """The API's documentation gives a pool's ID 36 to 63 characters."""
    if text == _ALL_POOLS:
        raise ValueError("'*' stands for all pools; remove it, or the IDs beside it")
    if not _POOL_ID.fullmatch(text) or may_hold_key(text):
        raise ValueError(
            f"{quote_or_hide(text)} is no pool ID: 36 to 63 lower-case letters, digits and hyphens; not the "
            "display name. To find IDs, look into the console, or set pools to '*' and run "
            "modelarts-exporter check"
        )
    return text


def _pattern(value: Any) -> re.Pattern[str]:
    """Own code, because pydantic's error does not say what is wrong with an expression."""
    if isinstance(value, re.Pattern):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a regular expression")  # noqa: TRY004  (pydantic collects ValueErrors)
    try:
        with warnings.catch_warnings(
            action="error", category=FutureWarning
        ):  # [[:alpha:]] is not a class in Python
            return re.compile(value)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        advice = "; for any text write .*" if value.startswith("*") else ""
        raise ValueError(f"{quote_or_hide(value)} is no regular expression: {error}{advice}") from None


Pattern = Annotated[re.Pattern[str], PlainValidator(_pattern)]
"""A regular expression. It is searched for, not matched in full."""


def _pattern_or_none(value: Any) -> re.Pattern[str] | None:
    """An empty pattern excludes nothing, although it is found in everything."""
    return None if value == "" else _pattern(value)


class Discover(Section):
    """Which of the project's pools are watched, if they are not listed by ID."""

    include: Pattern = Field(
        default=re.compile(".*"), description="Watch the pools in whose ID or display name it is found."
    )
    exclude: Annotated[re.Pattern[str] | None, PlainValidator(_pattern_or_none)] = Field(
        default=None, description="Leave out the pools in whose ID or display name it is found."
    )
    workspace_id: Annotated[str, AfterValidator(_workspace_id)] = Field(
        default="0", description="The workspace whose pools are listed; `0` is the default workspace."
    )


class Project(Section):
    """One project of one region.

    The order of the fields matters: a field comes after those that its validator looks at.
    """

    own_endpoint: Endpoint | None = Field(
        default=None,
        alias="endpoint",
        description="URL of ModelArts, for a private cloud. The default follows from the region. https; "
        "http only for this machine.",
    )
    region: Annotated[str, AfterValidator(parse_region)] = Field(
        description="The region, such as `cn-north-4`. A region that the exporter does not know needs "
        "`endpoint`."
    )
    project_id: Annotated[str, AfterValidator(_project_id)] = Field(
        description="The ID of the project in this region (console: My Credentials)."
    )
    pools: OneOrMore[Annotated[str, AfterValidator(_pool_id)]] = Field(
        default=(),
        description="IDs of the pools to watch, not display names; `'*'` for all. Either this or `discover`.",
    )
    discover: Discover | None = Field(
        default=None,
        validate_default=True,
        description="Watch the pools that the project has, instead of a list. `{}` for all.",
    )
    credentials: Credentials | None = Field(
        default=None,
        description="One form of credentials, like `ak` and `sk`. If left out, the usual places are tried.",
    )
    own_iam_endpoint: Endpoint | None = Field(
        default=None,
        alias="iam_endpoint",
        validate_default=True,
        description="URL of IAM. The default follows from the region; only a password needs it.",
    )
    ca_file: AuthoritiesFile | None = Field(
        default=None,
        description="PEM file with certificate authorities to trust, in addition to the system's.",
    )
    proxy: ServiceUrl | None = Field(
        default=None,
        description="URL of a proxy, without user and password. The default follows from `HTTPS_PROXY` and "
        "`NO_PROXY`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _all_pools(cls, given: Any) -> Any:
        """Read `pools: "*"`, alone, as `discover: {}`."""
        if not isinstance(given, dict) or split_list(given.get("pools")) != [_ALL_POOLS]:
            return given
        discover = given.get("discover")
        return given | {"pools": None, "discover": {} if discover is None else discover}

    @field_validator("region")
    @classmethod
    def _known(cls, region: str, info: ValidationInfo) -> str:
        # An invalid endpoint is not in info.data; that is a problem of its own.
        if info.data.get("own_endpoint", ...) is None:
            check_known(region)
        return region

    @field_validator("discover", mode="before")
    @classmethod
    def _mapping(cls, discover: Any) -> Any:
        if isinstance(discover, str | list):
            raise ValueError("must be {} for all pools, or a mapping like {include: ^team-}")  # noqa: TRY004
        return discover

    @field_validator("discover")
    @classmethod
    def _pools_or_discover(cls, discover: Discover | None, info: ValidationInfo) -> Discover | None:
        listed = info.data.get("pools") != ()  # None: the pools are invalid, a problem of its own
        if listed and discover:
            raise ValueError("cannot be used together with pools; remove one of the two")
        if not listed and not discover:
            raise SiblingError(
                "pools",
                "is missing; give the pools' IDs, or '*' for all",
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
        """The URL of ModelArts: `https://modelarts.cn-north-4.myhuaweicloud.com`."""
        return self.own_endpoint or REGIONS[self.region].modelarts

    @property
    def iam_endpoint(self) -> str:
        """The URL of IAM; empty if it is not given, not known from the region, and not needed."""
        if self.own_iam_endpoint:
            return self.own_iam_endpoint
        return REGIONS[self.region].iam if self.region in REGIONS else ""


def duplicates(projects: Any) -> Iterator[tuple[Location, str]]:
    """Every project or pool that is given again, with what is wrong.

    A project that is given twice would be polled at twice its rate. This looks at what was written instead of
    at validated settings, so that it is reported beside all other problems; what has the wrong shape is
    skipped, because validation reports it.
    """
    first: dict[tuple[str, ...], Location] = {}
    for index, project in enumerate(projects if isinstance(projects, list) else ()):
        match project:
            case {"region": str(region), "project_id": str(project_id)}:
                earlier = first.setdefault((region, project_id), ("projects", index))
                if earlier != ("projects", index):
                    what = f"the project is already at {path_of(earlier)}; put all its pools there"
                    yield ("projects", index, "project_id"), what
                pools = split_list(project.get("pools"))
                for number, pool in enumerate(pools if isinstance(pools, list) else ()):
                    location: Location = ("projects", index, "pools", number)
                    earlier = first.setdefault((region, project_id, str(pool)), location)
                    if earlier != location:
                        yield location, f"{quote_or_hide(pool)} is already at {path_of(earlier)}"

"""Notices an answer about another pool than the one that was asked for.

HTTP/1.1 does not say which request an answer belongs to, so a gateway can mix answers up. The documentation
says that the `namespace` of a workload is its pool's ID. Nobody has confirmed it for every kind of pool: the
workloads of a logical pool may be in the namespace of its parent. So each pool is held only to what its own
answers have shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from exporter.api.json import MIXED_UP
from exporter.common.errors import BadResponse
from exporter.common.secrets import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.api.workloads import Page

_SHOWN = 80
"""Characters of another pool's name."""


@dataclass(slots=True)
class NamedPools:
    """The pools of one project whose answers have named them."""

    _named: set[str] = field(default_factory=set)

    def check(self, page: Page, pool: str, where: str, secrets: Iterable[str] = ()) -> Page:
        """The page itself, if it is not another pool's.

        Args:
            page: the answer.
            pool: the one that was asked for.
            where: the request, for the error.
            secrets: the request's, which the error does not quote.

        Raises:
            BadResponse: its workloads name only other pools, and earlier answers named this one.
        """
        if pool in page.pools:
            self._named.add(pool)
        elif page.pools and pool in self._named:
            raise BadResponse(
                f"the answer is about the pool {redacted(min(page.pools)[:_SHOWN], secrets)}",
                where=where,
                status=HTTPStatus.OK,
                advice=MIXED_UP,
            )
        return page

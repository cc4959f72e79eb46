"""Notices an answer about another pool than the one that was asked for.

HTTP/1.1 does not say which request an answer belongs to, so a gateway can mix answers up. The documentation
says that the `namespace` of a workload is its pool's ID. Nobody has confirmed it for every kind of pool: the
workloads of a logical pool may be in the namespace of its parent. So each pool is held to what its own
answers have shown. A pool whose first answers name another watched pool is asked again twice before that is
believed.
"""

from __future__ import annotations

from collections import Counter
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

_DOUBTS = 2
"""Answers of a pool that name only pools which have named themselves, until that is believed."""


@dataclass(slots=True)
class NamedPools:
    """The pools of one project whose answers have named them."""

    _named: set[str] = field(default_factory=set)
    _doubts: Counter[str] = field(default_factory=Counter)

    def check(self, page: Page, pool: str, where: str, secrets: Iterable[str] = ()) -> Page:
        """The page itself, if it is not another pool's.

        Args:
            page: the answer.
            pool: the one that was asked for.
            where: the request, for the error.
            secrets: the request's, which the error does not quote.

        Raises:
            BadResponse: its workloads name only other pools, and earlier answers named this one; or it is one
                of the first answers, and they name pools that are known by their own answers.
        """
        if pool in page.pools:
            self._named.add(pool)
        elif page.pools and (pool in self._named or self._is_doubtful(page, pool)):
            raise BadResponse(
                f"the answer is about the pool {redacted(min(page.pools)[:_SHOWN], secrets)}",
                where=where,
                status=HTTPStatus.OK,
                advice=MIXED_UP,
            )
        return page

    def _is_doubtful(self, page: Page, pool: str) -> bool:
        if self._doubts[pool] >= _DOUBTS or not page.pools & self._named:
            return False
        self._doubts[pool] += 1
        return True

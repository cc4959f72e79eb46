"""Projects and pools that are there twice.

Looked for in what was written, not in the validated settings, so that they are found
beside all other problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.quoting import quoted
from exporter.settings.problems import path_of
from exporter.settings.section import items_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.settings.problems import Location


def duplicates(projects: Any) -> Iterator[tuple[Location, str]]:
    """Every project and every pool that came before, and what is wrong with it.

    A project that is there twice would be asked at twice its rate. What is not of the right shape is passed
    over: the validation tells of it.
    """
    first: dict[tuple[str, ...], Location] = {}
    for index, project in enumerate(projects if isinstance(projects, list) else ()):
        match project:
            case {"region": str(region), "project_id": str(project_id)}:
                earlier = first.setdefault((region, project_id), ("projects", index))
                if earlier != ("projects", index):
                    what = f"the project is already at {path_of(earlier)}; put all its pools there"
                    yield ("projects", index, "project_id"), what
                for number, pool in enumerate(_pools(project)):
                    location: Location = ("projects", index, "pools", number)
                    earlier = first.setdefault((region, project_id, str(pool)), location)
                    if earlier != location:
                        yield location, f"{quoted(pool)} is already at {path_of(earlier)}"


def _pools(project: dict[str, Any]) -> list[Any]:
    pools = items_of(project.get("pools"))
    return pools if isinstance(pools, list) else []

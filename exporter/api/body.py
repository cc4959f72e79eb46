"""How much JSON is looked at: a small body can be made to fill the memory once it is decoded."""

from __future__ import annotations

from exporter.errors import BadResponse

MOST_VALUES = 1_000_000
"""Values in one body. 500 workloads have 13,000; as many as this take up to 200 MB decoded."""


def bounded(body: bytes, where: str) -> bytes:
    """The body itself, unless it holds too many values.

    Every value but the first stands behind a bracket or a comma. A shorter body cannot hold so many.

    Raises:
        BadResponse: it does.
    """
    if len(body) > MOST_VALUES and sum(map(body.count, (b",", b"{", b"["))) > MOST_VALUES:
        raise BadResponse(
            f"the answer holds more than {MOST_VALUES:,} values",
            where=where,
            status=200,
            advice="nobody has so much; check that the endpoint is ModelArts",
        )
    return body

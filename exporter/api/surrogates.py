"""Half characters, which JSON can spell and no UTF-8 can hold."""

from __future__ import annotations

import json


def without_surrogates(body: bytes) -> bytes:
    r"""The same JSON with half characters (`\ud800`) as question marks.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    if b"\\ud" not in body.lower():
        return body
    return json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace")

"""Half characters, which JSON can spell and no UTF-8 can hold."""

from __future__ import annotations

import json
import re

_HALF = re.compile("[\ud800-\udfff]")


def without_surrogates(body: bytes) -> bytes:
    r"""The same JSON with half characters as the text that spells them: `\ud800`, six characters.

    So two uids that differ stay two.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    if b"\\ud" not in body.lower():
        return body
    whole = json.dumps(json.loads(body), ensure_ascii=False)
    return _HALF.sub(lambda half: rf"\\u{ord(half[0]):x}", whole).encode()

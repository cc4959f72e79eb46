"""What of a listing is not taken as the API gave it, and why."""

from __future__ import annotations

from typing import Literal, get_args

Rejection = Literal["not_an_object", "no_uid", "malformed", "repeated_uid"]
"""not_an_object: an item that is no JSON object. no_uid: nothing identifies it. malformed: a field's
value has a type that no documentation mentions. repeated_uid: another one in the same answer has it."""

Limit = Literal["length", "kinds"]
"""length: a label's value is too long, and is cut. kinds: one of too many, it counts as `other`."""

LIMITS: tuple[Limit, ...] = get_args(Limit)

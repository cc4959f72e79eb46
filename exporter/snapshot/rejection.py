"""Why a workload that the API listed is not understood."""

from __future__ import annotations

from typing import Literal

Rejection = Literal["not_an_object", "no_uid", "malformed"]
"""not_an_object: an item that is no JSON object. no_uid: nothing identifies it. malformed: a field's
value has a type that no documentation mentions."""

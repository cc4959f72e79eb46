"""The reference of all settings in docs/configuration.md, made from the model: `make docs`.

What a setting means is the description of its field.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr

from exporter.settings.alerts import DEFAULTS, ByPriority, PendingAfter
from exporter.settings.model import Settings
from exporter.settings.names import FLAGS, PROJECT_VARIABLES, SETTING_VARIABLES
from exporter.settings.types import ListenAddress, PositiveDuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic.fields import FieldInfo

BEGIN, END = "<!-- begin: made by `make docs`, do not edit -->\n", "<!-- end -->\n"

_IS_DURATION = get_args(PositiveDuration)[1]

_KINDS: dict[type, str] = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "text",
    Path: "file",
    re.Pattern: "regular expression",
    ListenAddress: "address",
    ByPriority: "durations by priority",
    tuple: "list",
    dict: "mapping",
    BaseModel: "mapping",
}

_VARIABLES = {
    **{path: name for name, path in SETTING_VARIABLES.items()},
    **{f"projects[].{key}": name for name, key in PROJECT_VARIABLES.items()},
}


def reference() -> str:
    """A table for each section, in Markdown.

    Raises:
        ValueError: a setting has no description.
        StopIteration: a setting has a type that is missing in `_KINDS`.
    """
    sections = (_section(name, field.annotation) for name, field in Settings.model_fields.items())
    return "\n".join(line for section in sections for line in section)


def with_reference(page: str) -> str:
    """The page, with a new reference between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference()}\n{END}{after}"


def _section(name: str, annotation: Any) -> Iterator[str]:
    path = f"{name}[]" if get_origin(annotation) is tuple else name
    yield f"### `{name}`\n"
    yield "| setting | type | default | meaning |"
    yield "|---|---|---|---|"
    for model in _models(annotation):
        yield from _rows(model, path)
    yield ""


def _rows(model: type[BaseModel], above: str) -> Iterator[str]:
    # Required settings come first. The model has another order, because of its validators.
    for name, field in sorted(model.model_fields.items(), key=lambda item: not item[1].is_required()):
        path = f"{above}.{field.alias or name}"
        if not field.description:
            raise ValueError(f"{path} has no description")
        flag = FLAGS.get(path)
        spellings = (path, _VARIABLES.get(path), flag and flag.name)
        cells = (
            "<br>".join(f"`{spelling}`" for spelling in spellings if spelling),
            _kind(field.annotation, field.metadata),
            _default(path, field),
            field.description,
        )
        yield f"| {' | '.join(cells)} |"
        for inner in _models(field.annotation):
            # An exception for some pools has the same keys as the setting for all pools, described above it.
            if inner is not PendingAfter or path == "alerts.pending_after":
                yield from _rows(inner, f"{path}[]" if get_origin(field.annotation) is tuple else path)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections that a type is made of, except those that stand for a single value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in _KINDS:
            yield annotation
    else:
        for part in get_args(annotation):
            yield from _models(part)


def _kind(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0], [*metadata, *parts[1:]])
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in parts)
    if origin in {Union, UnionType}:
        return " or ".join(dict.fromkeys(_kind(part) for part in parts if part is not NoneType))
    if _IS_DURATION in metadata:
        return "duration"
    words = next(_KINDS[base] for base in (origin or annotation).__mro__ if base in _KINDS)
    return f"{words}{_bounds(metadata)}"


def _bounds(metadata: Sequence[Any]) -> str:
    words = {Ge: "at least {0.ge}", Gt: "more than {0.gt}", Le: "at most {0.le}"}
    limits = [words[type(bound)].format(bound) for bound in metadata if type(bound) in words]
    return "".join(f", {bound}" for bound in limits)


def _default(path: str, field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if path.startswith("alerts.pending_after."):
        return _by_priority(path.rpartition(".")[2])
    default = field.default
    match default:
        case None | () | BaseModel():
            return ""
        case dict() if not default:
            return ""
        case bool():
            text = str(default).lower()
        case float() if _IS_DURATION in field.metadata:
            text = _duration(default)
        case float():
            text = f"{default:g}"
        case re.Pattern():
            text = default.pattern
        case tuple():
            text = ", ".join(map(str, default))
        case _:
            text = str(default)
    return f"`{text}`"


def _by_priority(kind: str) -> str:
    waits = {
        priority: _duration(wait)
        for (key, priority), wait in DEFAULTS.by_type_and_priority().items()
        if key == kind
    }
    return f"`{{default: {waits.pop('default')}, {', '.join(map(': '.join, waits.items()))}}}`"


def _duration(seconds: float) -> str:
    """As an operator writes it, in the largest unit that leaves no rest."""
    unit, factor = next(
        ((unit, factor) for unit, factor in (("h", 3600), ("m", 60)) if not seconds % factor), ("s", 1)
    )
    return f"{seconds / factor:g}{unit}"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_reference(file.read_text(encoding="utf-8")), encoding="utf-8")
